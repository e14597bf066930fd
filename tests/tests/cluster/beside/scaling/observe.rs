//! `mode: Observe`: decided and explained, not written.

use std::time::Duration;

use jiff::Timestamp;
use pathfinder_tests::suite::{
    audit::{self, OPERATOR},
    until,
};
use serde_json::json;

use super::{load, scaled};

#[tokio::test]
async fn observe_explains_and_writes_nothing_driven_by_a_signal() {
    let stack = scaled("observe", json!({"mode": "Observe"})).await;
    let since = Timestamp::now();
    let under = load(&stack, "load", (40, 60)).await;
    let asked = |least: Option<i32>| {
        let stack = &stack;
        async move {
            let scaling = stack.get().await.map_err(|error| error.to_string())?.status;
            let scaling = scaling.and_then(|status| status.scaling);
            match &scaling {
                Some(it) if least.is_some() && it.signals.iter().any(|signal| signal.asked >= least) => Ok(()),
                Some(it) if least.is_none() && it.replicas == 2 => Ok(()),
                _ => Err(format!("{scaling:?}")),
            }
        }
    };
    until("a decision that asks for at least 4", Duration::from_secs(45), || {
        asked(Some(4))
    })
    .await
    .unwrap();
    assert_eq!(
        stack.condition("ScalingActive").await.unwrap().unwrap().reason,
        "Observing"
    );
    stack
        .keeps(2, "while it only explains", Duration::from_secs(20))
        .await
        .unwrap();
    under.stop().await.unwrap();
    until("a decision that asks for 2 again", Duration::from_secs(240), || {
        asked(None)
    })
    .await
    .unwrap();
    let written: Vec<String> = audit::writes(&stack.namespace, since)
        .unwrap()
        .iter()
        .filter(|write| write.user.username == OPERATOR)
        .map(audit::Write::what)
        .collect();
    let (told, ordered): (Vec<&String>, Vec<&String>) =
        written.iter().partition(|what| what.starts_with("pathfinderclusters"));
    assert!(
        told.len() >= 2,
        "up and down were told, or the log proves nothing: {written:?}"
    );
    assert!(ordered.is_empty(), "up and down again, and written: {ordered:?}");
    stack.remove().await.unwrap();
}
