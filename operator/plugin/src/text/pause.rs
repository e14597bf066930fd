//! The text of `pause` and `resume`: one line, and a note for what a person would be surprised by.
//!
//! Pure. A dry run says that it is one.

use crate::{model::pause::Outcome, text::lines};

/// The text.
pub(crate) fn render(outcome: &Outcome) -> String {
    let dry_run = if outcome.dry_run {
        " (dry run: nothing is written)"
    } else {
        ""
    };
    let Outcome {
        namespace,
        name,
        sentence,
        notes,
        ..
    } = outcome;
    let notes = notes.iter().map(|note| format!("Note: {note}"));
    lines(std::iter::once(format!("{namespace}/{name}: {sentence}{dry_run}")).chain(notes))
}
