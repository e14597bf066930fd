//! The table of `status` without a name.
//!
//! Pure. Says what there is to say when there is nothing.

use jiff::Timestamp;

use crate::{
    model::overview::{Overview, OverviewRow},
    text::{age, figure, notes, table::table},
};

/// Whether the table has a column for the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamespaceColumn {
    /// The rows are of several namespaces.
    Shown,
    /// All rows are of the namespace that was asked for.
    Hidden,
}

/// The table at `now`.
pub(crate) fn render(overview: &Overview, namespaces: NamespaceColumn, now: Timestamp) -> String {
    let rows = &overview.items;
    if rows.is_empty() {
        return "No PathfinderClusters found.\n".to_owned() + &notes(&overview.notes);
    }
    let table = match namespaces {
        NamespaceColumn::Hidden => {
            let rows: Vec<_> = rows.iter().map(|row| cells(row, now)).collect();
            table("", ["NAME", "READY", "REPLICAS", "AGE", "WHY"], &rows)
        }
        NamespaceColumn::Shown => {
            let rows: Vec<_> = rows.iter().map(|row| with_namespace(row, now)).collect();
            table("", ["NAMESPACE", "NAME", "READY", "REPLICAS", "AGE", "WHY"], &rows)
        }
    };
    table + &notes(&overview.notes)
}

/// WHY is last: it is the only column without a bound.
fn cells(row: &OverviewRow, now: Timestamp) -> [String; 5] {
    [
        row.name.clone(),
        row.ready.clone(),
        format!("{}/{}", figure(row.replicas_ready), figure(row.replicas_wanted)),
        age(row.created, now),
        row.why.clone(),
    ]
}

fn with_namespace(row: &OverviewRow, now: Timestamp) -> [String; 6] {
    let [name, ready, replicas, age, why] = cells(row, now);
    [row.namespace.clone(), name, ready, replicas, age, why]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn ready_and_broken_resources_stand_in_one_table() {
        let mut till = fixtures::ready("till");
        fixtures::set_condition(&mut till, "Ready", "False", "ImagePullFailed");
        let hpas = [fixtures::hpa("shop", 6, [6, 8], None)];
        let overview = Overview::new(&[fixtures::scaled("shop"), till], &hpas, vec![]);
        let expected = "\
NAME  READY  REPLICAS  AGE   WHY
shop  True   6/8       1h5m  590 requests/s need 6 at 100 per replica
till  False  2/-       1h5m  ImagePullFailed: about Ready
";
        assert_eq!(render(&overview, NamespaceColumn::Hidden, fixtures::now()), expected);
    }

    #[test]
    fn all_namespaces_get_a_column() {
        let overview = Overview::new(&[fixtures::cluster("shop")], &[], vec!["cannot list HPAs".into()]);
        let expected = "\
NAMESPACE  NAME  READY    REPLICAS  AGE   WHY
demo       shop  Unknown  -/-       1h5m  NoStatus: the operator has not reported yet: is it running?

Note: cannot list HPAs
";
        assert_eq!(render(&overview, NamespaceColumn::Shown, fixtures::now()), expected);
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let overview = Overview::new(&[], &[], vec![]);
        let text = render(&overview, NamespaceColumn::Hidden, fixtures::now());
        assert_eq!(text, "No PathfinderClusters found.\n");
    }
}
