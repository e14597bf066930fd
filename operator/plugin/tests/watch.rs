//! `explain --watch` against a loopback API server whose answers change while it looks.
//!
//! Proves what only the running program shows: the stream, its end by Ctrl-C or by a reader that leaves, and a connection
//! that is lost and comes back. What makes a change is tested beside the follower.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]
#![cfg(unix)]

mod fake;

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
};
use wiremock::{Mock, ResponseTemplate, matchers::path};

use crate::fake::{Cluster, HPA, LEASE, RECORD, SHOP, hpa, lease, record, shop};

const DEADLINE: Duration = Duration::from_secs(30);

struct Watch {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    trouble: Lines<BufReader<ChildStderr>>,
}

impl Watch {
    fn start(cluster: &Cluster, line: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-pathfinder"))
            .args(line.split_whitespace())
            .arg("--kubeconfig")
            .arg(&cluster.kubeconfig)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let trouble = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, out, trouble }
    }

    /// As a terminal does on Ctrl-C.
    async fn interrupt(&mut self) -> ExitStatus {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().await.unwrap();
        assert!(sent.success());
        self.end().await
    }

    async fn end(&mut self) -> ExitStatus {
        tokio::time::timeout(DEADLINE, self.child.wait())
            .await
            .unwrap()
            .unwrap()
    }
}

/// The next line with `part` in it; the lines before it are passed over.
async fn line_with<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>, part: &str) -> String {
    let search = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(part) {
                return line;
            }
        }
        panic!("the stream ended without {part:?}")
    };
    let found = tokio::time::timeout(DEADLINE, search).await;
    found.unwrap_or_else(|_| panic!("no {part:?} within {DEADLINE:?}"))
}

/// A server with the resource, the leader and the HPA; records are up to the test.
async fn server() -> Cluster {
    let cluster = Cluster::with_shop().await;
    cluster.serve(LEASE, 200, lease("op-1")).await;
    cluster.serve(HPA, 200, hpa()).await;
    cluster
}

/// The first `times` looks see `answer`; later ones see what is mounted after it.
async fn at_first(cluster: &Cluster, at: &str, times: u64, answer: ResponseTemplate) {
    let mock = Mock::given(path(at))
        .respond_with(answer)
        .up_to_n_times(times)
        .with_priority(1);
    mock.mount(&cluster.server).await;
}

fn answer(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn record_of(result: u32) -> Value {
    let mut body = record();
    body["record"]["result"] = json!(result);
    body["sentence"] = json!(format!("{result} replicas: live"));
    body
}

#[tokio::test]
async fn rows_come_until_the_result_changes_and_then_a_whole_answer() {
    let cluster = server().await;
    at_first(&cluster, RECORD, 2, answer(record_of(6))).await;
    cluster.serve(RECORD, 200, record_of(7)).await;
    let mut watch = Watch::start(&cluster, "explain shop --watch --interval 1");
    assert_eq!(line_with(&mut watch.out, "shop").await, "shop: 6 replicas: live");
    line_with(&mut watch.out, "TIME (UTC)").await;
    for _look in 0..2 {
        // The HPA orders six, and six are ready.
        assert!(
            line_with(&mut watch.out, "")
                .await
                .ends_with("6/6           6 replicas: live")
        );
    }
    assert_eq!(line_with(&mut watch.out, "shop: ").await, "shop: 7 replicas: live");
    assert_eq!(watch.interrupt().await.code(), Some(0));
}

#[tokio::test]
async fn as_json_each_line_is_a_document_and_ctrl_c_is_a_good_end() {
    let cluster = server().await;
    at_first(&cluster, RECORD, 2, answer(record_of(6))).await;
    cluster.serve(RECORD, 200, record_of(7)).await;
    let mut watch = Watch::start(&cluster, "explain shop -w --interval 1 -o json");
    for expected in [6, 7] {
        let line = line_with(&mut watch.out, "{").await;
        let document: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(document["decision"]["replicas"], expected);
    }
    assert_eq!(watch.interrupt().await.code(), Some(0));
    assert_eq!(watch.out.next_line().await.unwrap(), None);
}

#[tokio::test]
async fn a_lost_connection_is_said_once_and_followed_again() {
    let cluster = Cluster::start().await;
    cluster.serve(LEASE, 200, lease("op-1")).await;
    cluster.serve(HPA, 200, hpa()).await;
    cluster.serve(RECORD, 200, record_of(6)).await;
    at_first(&cluster, SHOP, 1, answer(shop())).await;
    let down =
        ResponseTemplate::new(503).set_body_json(json!({"kind": "Status", "code": 503, "message": "etcd is away"}));
    Mock::given(path(SHOP))
        .respond_with(down)
        .up_to_n_times(2)
        .with_priority(2)
        .mount(&cluster.server)
        .await;
    cluster.serve(SHOP, 200, shop()).await;
    let mut watch = Watch::start(&cluster, "explain shop -w --interval 1");
    let lost = line_with(&mut watch.trouble, "").await;
    assert!(
        lost.starts_with("connection lost: cannot get PathfinderCluster shop"),
        "{lost}"
    );
    // Two looks failed, and the next line is of the third.
    assert_eq!(line_with(&mut watch.trouble, "").await, "connected again");
    assert_eq!(watch.interrupt().await.code(), Some(0));
}

#[tokio::test]
async fn without_the_live_record_the_last_change_is_followed_with_its_age() {
    let cluster = server().await;
    at_first(&cluster, RECORD, 1, answer(record_of(6))).await;
    let mut watch = Watch::start(&cluster, "explain shop -w --interval 1");
    line_with(&mut watch.out, "live record of op-1").await;
    line_with(&mut watch.out, "live record not available: ").await;
    line_with(&mut watch.out, "(not live, of ").await;
    assert_eq!(watch.interrupt().await.code(), Some(0));
}

#[tokio::test]
async fn a_reader_that_leaves_ends_it() {
    let cluster = server().await;
    cluster.serve(RECORD, 200, record_of(6)).await;
    let mut watch = Watch::start(&cluster, "explain shop -w --interval 1");
    line_with(&mut watch.out, "shop: ").await;
    let Watch { out, child, .. } = &mut watch;
    let gone = Command::new("true")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
        .stdout
        .unwrap();
    *out = BufReader::new(gone).lines();
    let status = tokio::time::timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_name_that_is_not_there_is_an_error_as_without_watching() {
    let cluster = Cluster::start().await;
    let mut watch = Watch::start(&cluster, "explain shop -w");
    assert_eq!(watch.end().await.code(), Some(1));
    line_with(&mut watch.trouble, "error: ").await;
}
