//! The text of `status NAME`: a verdict first, then conditions, pods, stores, the last scale change and events.
//!
//! Pure. Sections without content say so in a word; parts that could not be read are in the notes at the end.

use jiff::Timestamp;

use crate::{
    model::{
        detail::{Change, Detail},
        event::EventRow,
        pod::PodRow,
        readiness::ConditionRow,
        store::Store,
    },
    span,
    text::{NONE, age, figure, lines, notes, replicas, signals, table::table},
};

/// The text at `now`.
pub(crate) fn render(detail: &Detail, now: Timestamp) -> String {
    [
        head(detail, now),
        section("Conditions", conditions(&detail.conditions, now)),
        section("Replicas", counts(detail)),
        section("Pods", pods(&detail.pods, now)),
        section("Stores", stores(&detail.stores)),
        section("Last scale change", change(detail.last_change.as_ref(), now)),
        section("Events", events(&detail.events, now)),
        notes(&detail.notes),
    ]
    .concat()
}

fn head(detail: &Detail, now: Timestamp) -> String {
    let verdict = match detail.readiness.status.as_str() {
        "True" => "ready".to_owned(),
        "False" => format!("not ready: {}: {}", detail.readiness.reason, detail.readiness.message),
        _ => format!("not known to be ready: {}", detail.readiness.message),
    };
    format!(
        "{} is {verdict}\n{}\nNamespace: {}\nImage: {}\nScaling: {}\nAge: {}\n",
        detail.name,
        lines(detail.trouble.iter().cloned()),
        detail.namespace,
        detail.image,
        detail.scaling,
        age(detail.created, now)
    )
}

fn section(title: &str, content: String) -> String {
    let content = if content.is_empty() {
        "  none\n".to_owned()
    } else {
        content
    };
    format!("\n{title}:\n{content}")
}

fn conditions(conditions: &[ConditionRow], now: Timestamp) -> String {
    let cells = |row: &ConditionRow| {
        let since = span::between(row.since, now);
        [
            row.type_.clone(),
            row.status.clone(),
            row.reason.clone(),
            since,
            row.message.clone(),
        ]
    };
    unless_empty(
        ["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"],
        conditions.iter().filter(|row| row.says_something()).map(cells),
    )
}

fn counts(detail: &Detail) -> String {
    let line = format!(
        "  {} ready of {} wanted\n",
        figure(detail.replicas_ready),
        figure(detail.replicas_wanted)
    );
    line + &detail.replicas.as_ref().map(replicas::render).unwrap_or_default()
}

fn pods(pods: &[PodRow], now: Timestamp) -> String {
    let cells = |row: &PodRow| {
        [
            row.name.clone(),
            row.component.clone(),
            if row.ready { "yes" } else { "no" }.to_owned(),
            row.state.clone(),
            row.restarts.to_string(),
            age(row.created, now),
            row.node.clone().unwrap_or_else(|| NONE.to_owned()),
        ]
    };
    let titles = ["POD", "PART", "READY", "STATE", "RESTARTS", "AGE", "NODE"];
    unless_empty(titles, pods.iter().map(cells))
}

fn stores(stores: &[Store]) -> String {
    let cells = |store: &Store| match &store.managed {
        Some(managed) => [
            store.name,
            &managed.ready,
            &managed.storage,
            &managed.image,
            &managed.address,
        ]
        .map(str::to_owned),
        None => [store.name, "not managed", NONE, NONE, NONE].map(str::to_owned),
    };
    unless_empty(
        ["STORE", "READY", "VOLUME", "IMAGE", "ADDRESS"],
        stores.iter().map(cells),
    )
}

fn change(change: Option<&Change>, now: Timestamp) -> String {
    change.map_or_else(String::new, |change| {
        let Change {
            replicas,
            previous,
            time,
            why,
            signals,
            limits,
        } = change;
        let said = if signals.is_empty() {
            String::new()
        } else {
            signals::render("    ", signals)
        };
        let limits = lines(limits.iter().map(|limit| format!("    limited: {limit}")));
        format!(
            "  {previous} -> {replicas}, {} ago: {why}\n{said}{limits}",
            span::between(*time, now)
        )
    })
}

fn events(events: &[EventRow], now: Timestamp) -> String {
    let cells = |row: &EventRow| {
        let times = if row.count > 1 {
            format!(" (x{})", row.count)
        } else {
            String::new()
        };
        let last = format!("{}{times}", age(row.time, now));
        [last, row.type_.clone(), row.reason.clone(), row.message.clone()]
    };
    unless_empty(["AGE", "TYPE", "REASON", "MESSAGE"], events.iter().map(cells))
}

fn unless_empty<const N: usize>(titles: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        String::new()
    } else {
        table("  ", titles, &rows)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{fixtures, model::detail::Readings};

    fn readings(cluster: pathfinder_crds::PathfinderCluster) -> Readings {
        Readings {
            cluster,
            hpa: None,
            pods: vec![],
            events: vec![],
            notes: vec![],
        }
    }

    #[test]
    fn a_healthy_resource_is_shown_whole() {
        let mut cluster = fixtures::scaled("shop");
        cluster.spec.redis = None;
        let pod = json!({
            "metadata": {
                "name": "shop-api-1",
                "labels": {"app.kubernetes.io/name": "api"},
                "creationTimestamp": "2026-01-01T11:58:00Z",
            },
            "spec": {"containers": [], "nodeName": "worker"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        });
        let detail = Detail::new(Readings {
            hpa: Some(fixtures::hpa("shop", 6, [6, 6], Some([20, 10]))),
            pods: vec![serde_json::from_value(pod).unwrap()],
            events: vec![fixtures::event(30, "ScaledUp")],
            ..readings(cluster)
        });
        let expected = "\
shop is ready

Namespace: demo
Image: ghcr.io/acme/shop:1
Scaling: mode Auto, 2 to 10 replicas, 100 requests/s per replica
Age: 1h5m

Conditions:
  TYPE           STATUS  REASON       SINCE  MESSAGE
  Ready          True    AsSpecified  4m12s  about Ready
  PostgresReady  True    AsSpecified  4m12s  about PostgresReady
  RedisReady     True    AsSpecified  4m12s  about RedisReady

Replicas:
  6 ready of 6 wanted
  HPA shop-api: floor 6, maximum 10, current 6, desired 6
  the floor (6) asked for it; the HPA's own metrics ask for 2 (cpu, estimate)
    HPA METRIC  VALUE  TARGET  ASKS FOR (ESTIMATE)
    cpu         20%    70%     2
    memory      10%    80%     1

Pods:
  POD         PART  READY  STATE    RESTARTS  AGE  NODE
  shop-api-1  api   yes    Running  0         2m   worker

Stores:
  STORE     READY        VOLUME  IMAGE                           ADDRESS
  postgres  True         10Gi    ghcr.io/pathfinder/postgres:17  shop-postgres.demo.svc:5432
  redis     not managed  -       -                               -

Last scale change:
  2 -> 6, 4m12s ago: 590 requests/s need 6 at 100 per replica
    SIGNAL               VALUE           AGE   VERDICT  ASKS FOR
    requests per second  590 requests/s  3.2s  fresh    6

Events:
  AGE     TYPE    REASON    MESSAGE
  11h30m  Normal  ScaledUp  2 -> 6
";
        assert_eq!(render(&detail, fixtures::now()), expected);
    }

    #[test]
    fn a_resource_that_is_not_ready_says_why_in_its_first_line() {
        let mut cluster = fixtures::ready("shop");
        fixtures::set_condition(&mut cluster, "Ready", "False", "PodsRefused");
        let text = render(&Detail::new(readings(cluster)), fixtures::now());
        assert!(
            text.starts_with("shop is not ready: PodsRefused: about Ready\n"),
            "{text}"
        );
    }

    #[test]
    fn trouble_of_scaling_stands_under_the_verdict_and_what_limited_under_the_change() {
        let mut cluster = fixtures::scaled("shop");
        fixtures::add_condition(&mut cluster, "ScaleConflict", "True", "AnotherWriter");
        fixtures::add_condition(&mut cluster, "LatencyNotScalable", "False", "LatencyMet");
        let scaling = cluster.status.get_or_insert_default().scaling.as_mut().unwrap();
        scaling.limits = vec!["maxReplicas is 6".into()];
        let text = render(&Detail::new(readings(cluster)), fixtures::now());
        assert!(
            text.starts_with("shop is ready\nScaleConflict: about ScaleConflict\n\nNamespace"),
            "{text}"
        );
        assert!(text.contains("fresh    6\n    limited: maxReplicas is 6\n"), "{text}");
        assert!(!text.contains("LatencyMet"), "what does not hold says nothing: {text}");
    }

    #[test]
    fn without_any_report_every_section_says_that_there_is_nothing() {
        let text = render(&Detail::new(readings(fixtures::cluster("shop"))), fixtures::now());
        assert!(
            text.starts_with("shop is not known to be ready: the operator has not reported yet: is it running?\n"),
            "{text}"
        );
        for section in ["Conditions", "Pods", "Last scale change", "Events"] {
            assert!(text.contains(&format!("\n{section}:\n  none\n")), "{section} in {text}");
        }
        assert!(text.contains("\nReplicas:\n  - ready of - wanted\n"), "{text}");
    }

    #[test]
    fn what_could_not_be_read_is_named_at_the_end() {
        let detail = Detail::new(Readings {
            notes: vec!["forbidden to list pods".into()],
            ..readings(fixtures::ready("shop"))
        });
        let text = render(&detail, fixtures::now());
        assert!(text.ends_with("\nNote: forbidden to list pods\n"), "{text}");
    }

    #[test]
    fn a_repeated_event_shows_how_often() {
        let mut event = fixtures::event(30, "PodsRefused");
        event.count = Some(7);
        let detail = Detail::new(Readings {
            events: vec![event],
            ..readings(fixtures::ready("shop"))
        });
        let text = render(&detail, fixtures::now());
        assert!(text.contains("11h30m (x7)  Normal  PodsRefused"), "{text}");
    }
}
