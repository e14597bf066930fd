//! The release, as an administrator handles it: upgrade, uninstall, install again. The CRD and every stack survive. And the
//! namespaced mode: nothing of the operator's is bound cluster-wide, and it needs nothing that is.

use std::time::Duration;

use pathfinder_tests::{
    install,
    suite::{Stack, kubectl::run, wait::always},
};

async fn said(program: &str, words: &[&str]) -> String {
    run(program, words, "").await.unwrap().ok().unwrap()
}

#[tokio::test]
async fn a_stack_survives_upgrade_uninstall_and_install_of_the_operator() {
    let stack = Stack::fresh("chart").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    let before: Vec<_> = stack
        .pods("api")
        .await
        .unwrap()
        .into_iter()
        .map(|pod| pod.metadata.uid)
        .collect();
    install::operator(&["--set", "maxConcurrentReconciles=4"])
        .await
        .unwrap();
    said(
        "helm",
        &[
            "uninstall",
            "pathfinder",
            "-n",
            "pathfinder-system",
            "--wait",
            "--timeout",
            "2m",
        ],
    )
    .await;
    assert!(stack.get().await.is_ok(), "the CRD and the resource are kept");
    install::operator(&[]).await.unwrap();
    stack.wait_ready().await.unwrap();
    let after: Vec<_> = stack
        .pods("api")
        .await
        .unwrap()
        .into_iter()
        .map(|pod| pod.metadata.uid)
        .collect();
    assert_eq!(before, after, "no pod was replaced");
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn in_namespaced_mode_it_works_by_roles_alone_in_the_namespaces_that_it_was_given() {
    let (given, other) = (
        Stack::fresh("given").await.unwrap(),
        Stack::fresh("other").await.unwrap(),
    );
    let namespaces = format!("watchNamespaces={{{}}}", given.namespace);
    install::operator(&["--set", &namespaces]).await.unwrap();
    let bound = [
        "get",
        "clusterrolebindings",
        "-o",
        "name",
        "-l",
        "app.kubernetes.io/instance=pathfinder",
    ];
    assert_eq!(said("kubectl", &bound).await, "");
    for stack in [&given, &other] {
        stack.apply(&stack.small()).await.unwrap();
    }
    given.wait_ready().await.unwrap();
    let metrics = ("MetricsAvailable", "True");
    given
        .wait_condition(metrics, None, Duration::from_secs(90))
        .await
        .unwrap();
    always(
        "what is in no given namespace is left alone",
        Duration::from_secs(10),
        || async {
            match (other.get().await, other.deployment().await) {
                (Ok(resource), Err(_)) if resource.status.is_none() => Ok(()),
                seen => Err(seen),
            }
        },
    )
    .await
    .unwrap();
    let logs = [
        "logs",
        "-n",
        "pathfinder-system",
        "deployment/pathfinder-operator",
        "--tail=-1",
    ];
    let logs = said("kubectl", &logs).await;
    let refused: Vec<&str> = logs.lines().filter(|line| line.contains("forbidden")).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    given.remove().await.unwrap();

    // Back in cluster mode it finds what it left alone.
    install::operator(&[]).await.unwrap();
    other.wait_ready().await.unwrap();
    other.remove().await.unwrap();
}
