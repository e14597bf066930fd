//! The release, as an administrator handles it: upgrade, uninstall, install again. The CRD and every stack survive.

use pathfinder_tests::{
    install,
    suite::{Stack, kubectl::run},
};

async fn helm(words: &[&str]) -> String {
    run("helm", words, "").await.unwrap().ok().unwrap()
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
    helm(&[
        "uninstall",
        "pathfinder",
        "-n",
        "pathfinder-system",
        "--wait",
        "--timeout",
        "2m",
    ])
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
