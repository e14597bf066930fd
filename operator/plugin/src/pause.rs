//! Does `pause` and `resume`: reads the resource, patches what differs, and reads again where somebody was faster.
//!
//! IO. Which fields change and what it means is decided in `model::pause`. The patch carries the resource version that was
//! read, so that the answer is about what it changed; and what comes back is checked, because an API server with an older
//! definition drops unknown fields without a word.

use kube::api::DynamicObject;

use crate::{
    args::SwitchArguments,
    failure::Failure,
    fetch::{self, Write},
    model::{
        pause::{Change, Outcome, Switch, Verb, changes, patch},
        replicas::Replicas,
    },
    session::Session,
};

const ATTEMPTS: u32 = 3;

/// Pauses or resumes what the arguments name.
pub(crate) async fn switch(session: &Session, wanted: &SwitchArguments, verb: Verb) -> Result<Outcome, Failure> {
    let switches = switches(wanted);
    let write = if wanted.dry_run { Write::DryRun } else { Write::Kept };
    let hpa = async { fetch::hpa(session, &wanted.name).await.ok().flatten() };
    let (written, hpa) = tokio::join!(try_to_write(session, &wanted.name, (verb, &switches), write), hpa);
    let (before, changes) = written?;
    let hpa = hpa.as_ref().map(Replicas::of);
    let outcome = Outcome::new(&before, (verb, &switches), changes, hpa.as_ref());
    Ok(Outcome {
        dry_run: wanted.dry_run,
        ..outcome
    })
}

/// Without a flag the mode; with both, both directions.
fn switches(wanted: &SwitchArguments) -> Vec<Switch> {
    match (wanted.up, wanted.down) {
        (false, false) => vec![Switch::Mode],
        (true, false) => vec![Switch::Up],
        (false, true) => vec![Switch::Down],
        (true, true) => vec![Switch::Up, Switch::Down],
    }
}

/// What was read, and what of it was changed.
async fn try_to_write(
    session: &Session,
    name: &str,
    (verb, switches): (Verb, &[Switch]),
    write: Write,
) -> Result<(DynamicObject, Vec<Change>), Failure> {
    for _ in 0..ATTEMPTS {
        let before = fetch::cluster_as_stored(session, name).await?;
        let changes = changes(&before, verb, switches);
        if changes.is_empty() {
            return Ok((before, changes));
        }
        match fetch::patch_cluster(session, name, &patch(&before, &changes), write).await {
            Ok(after) => {
                known(&after, &changes)?;
                return Ok((before, changes));
            }
            // Changed, or deleted and perhaps made anew, since it was read.
            Err(Failure::Refused { code: 404 | 409, .. }) => {}
            Err(failure) => return Err(with_the_right(failure)),
        }
    }
    Err(Failure::Contended {
        name: name.to_owned(),
        namespace: session.namespace.clone(),
        attempts: ATTEMPTS,
    })
}

fn known(after: &DynamicObject, changes: &[Change]) -> Result<(), Failure> {
    match changes.iter().find(|change| !change.is_in(after)) {
        Some(change) => Err(Failure::OldDefinition { field: change.field }),
        None => Ok(()),
    }
}

/// Whoever may not patch should learn what to ask for.
fn with_the_right(failure: Failure) -> Failure {
    match failure {
        Failure::Forbidden { action, message } => Failure::Forbidden {
            action,
            message: format!(
                "{message} (needed is the verb patch on pathfinderclusters.pathfinder.dev, which the ClusterRoles edit and \
                 admin have)"
            ),
        },
        other => other,
    }
}
