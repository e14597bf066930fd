//! `simulate` as a person runs it: files, a loopback Prometheus, and the page in a real browser.
//!
//! Proves what only the whole program shows: requests, refusals, exit codes, and that a browser draws the plots. What the
//! figures mean is tested in the simulator.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use pathfinder_scaling::sim::{synthetic, trace::Trace};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::process::Command;
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{method, path, query_param},
};

const THROUGH_THE_SERVICE: &str = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query_range";
const DIRECT: &str = "/api/v1/query_range";
const SHOP: &str = "/apis/pathfinder.dev/v1alpha1/namespaces/demo/pathfinderclusters/shop";
const CLUSTERS: &str = "/apis/pathfinder.dev/v1alpha1/namespaces/demo/pathfinderclusters";
const QUERY: &str = r#"sum(max by (pod) (sum by (pod, job) (rate(http_requests_total{namespace="demo", pod=~"shop-api-[a-z0-9]+-[a-z0-9]+"}[1m]))))"#;

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("simulate").join(name);
    // What an earlier run left, if there was one.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

async fn finished(mut command: Command) -> Output {
    let text = format!("{command:?}");
    let output = command.kill_on_drop(true).output();
    tokio::time::timeout(Duration::from_secs(120), output)
        .await
        .unwrap_or_else(|_| panic!("{text} still runs after 120 s"))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn run(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-pathfinder"));
    command
        .arg("simulate")
        .args(line.split_whitespace())
        .current_dir(folder)
        .env_remove("KUBECONFIG")
        .env("HOME", "/nonexistent");
    finished(command).await
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_str(&stdout(output)).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

fn csv(trace: &Trace) -> String {
    let mut text = "seconds,requests_per_second\n".to_owned();
    for bin in trace.bins() {
        writeln!(text, "{},{}", bin.from_second, bin.requests_per_second).unwrap();
    }
    text
}

/// A folder with six hours of steps from 100 to 1000 requests/s and back, and a spec with room for them.
fn with_steps(name: &str) -> PathBuf {
    let folder = folder(name);
    let traces = synthetic::traces(1);
    let step = traces.iter().find(|trace| trace.name() == "step").unwrap();
    fs::write(folder.join("step.csv"), csv(step)).unwrap();
    let spec = "apiVersion: pathfinder.dev/v1alpha1\nkind: PathfinderCluster\nmetadata: {name: shop}\nspec:\n  \
                api: {image: shop}\n  scaling: {minReplicas: 1, maxReplicas: 40, requestsPerSecond: {perReplica: 50}}\n";
    fs::write(folder.join("shop.yaml"), spec).unwrap();
    folder
}

#[tokio::test]
async fn a_trace_becomes_a_table_of_all_policies_and_its_rules() {
    let folder = with_steps("table");
    let output = run(&folder, "--trace step.csv --spec shop.yaml").await;
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("step: 6h, mean "), "{text}");
    assert!(
        text.contains(
            "\n1 to 40 replicas, 50 requests/s per replica, a pod is ready 30s after its order (spec: shop.yaml)\n"
        ),
        "{text}"
    );
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("POLICY"))
        .skip(1)
        .take(4)
        .map(|line| line.split_whitespace().next().unwrap_or_default())
        .collect();
    assert_eq!(rows, ["ours", "hpa", "keda", "kpa"], "{text}");
    // 50 / 0.7 = 71.4
    assert!(
        text.contains("a pod serves 50 requests/s well and saturates at 71.4;"),
        "{text}"
    );
    assert_eq!(stderr(&output), "", "no progress where nobody looks");
}

#[tokio::test]
async fn stdin_is_a_trace_too_and_the_policies_come_in_the_order_asked_for() {
    let folder = with_steps("stdin");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-pathfinder"));
    command
        .args(["simulate", "--trace", "-", "--policy", "kpa,ours,kpa", "-o", "json"])
        .stdin(fs::File::open(folder.join("step.csv")).unwrap());
    let document = document(&finished(command).await);
    assert_eq!(document["load"]["name"], "stdin");
    let policies: Vec<&Value> = document["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["policy"])
        .collect();
    assert_eq!(policies, ["kpa", "ours"]);
}

#[tokio::test]
async fn as_json_figures_are_numbers_with_their_units_in_their_names() {
    let folder = with_steps("json");
    let document = document(&run(&folder, "--trace step.csv --spec shop.yaml --pod-start 90s -o json").await);
    assert_eq!(document["setup"]["perReplica"], 50.0);
    assert_eq!(document["setup"]["maxReplicas"], 40);
    assert_eq!(document["setup"]["podStartSeconds"], 90);
    assert_eq!(document["load"]["seconds"], 21_600);
    assert_eq!(document["load"]["scale"], 1.0);
    // Rates are used as they are: the steps are of 1000 requests/s with noise of a few percent.
    let peak = document["load"]["peakRequestsPerSecond"].as_f64().unwrap();
    assert!((1000.0..1200.0).contains(&peak), "{peak}");
    for policy in document["policies"].as_array().unwrap() {
        let share = policy["violationShare"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&share), "{policy}");
        // At least one replica for six hours, at most forty.
        let hours = policy["replicaHours"].as_f64().unwrap();
        assert!((6.0..=240.0).contains(&hours), "{policy}");
        assert!(
            policy["changesPerHour"].is_number() && policy["secondsToSafe"].is_number(),
            "{policy}"
        );
    }
    assert!(document.get("page").is_none());
}

#[tokio::test]
async fn the_peak_can_be_scaled_to_a_number_of_replicas() {
    let folder = with_steps("scaled");
    let document = document(&run(&folder, "--trace step.csv --spec shop.yaml --peak-replicas 30 -o json").await);
    // 30 replicas serve 30 x 50 = 1500 requests/s well.
    let peak = document["load"]["peakRequestsPerSecond"].as_f64().unwrap();
    assert!((peak - 1500.0).abs() < 1.0, "{peak}");
}

#[tokio::test]
async fn a_peak_that_the_bounds_do_not_allow_is_told() {
    let folder = with_steps("bounds");
    let output = run(&folder, "--trace step.csv --peak-replicas 40 --policy hpa").await;
    assert!(
        stdout(&output).contains("and maxReplicas is 10: no policy can serve it"),
        "{}",
        stdout(&output)
    );
}

#[rstest]
#[case::header(
    "--trace bad.csv",
    "bad.csv: line 1: expected the header `seconds,requests_per_second`, found `time,load`"
)]
#[case::row(
    "--trace row.csv",
    "row.csv: line 3: expected `SECONDS,REQUESTS_PER_SECOND` such as `300,12.5`, found `5;2`"
)]
#[case::nan("--trace nan.csv", "nan.csv: line 2: `NaN` is no rate")]
#[case::missing("--trace none.csv", "cannot read none.csv: ")]
#[case::spec(
    "--trace step.csv --spec bad.csv",
    "bad.csv: has no document of kind PathfinderCluster"
)]
#[case::directory("--trace step.csv --html pages", "cannot write the page pages: it is a directory")]
#[case::folder(
    "--trace step.csv --html none/a.html",
    "cannot write the page none/a.html: there is no directory none"
)]
#[tokio::test]
async fn what_cannot_be_used_is_named_with_its_line(#[case] line: &str, #[case] expected: &str) {
    let folder = with_steps(&format!("refused-{}", line.replace([' ', '/', '-'], "")));
    fs::write(folder.join("bad.csv"), "time,load\n0,1\n").unwrap();
    fs::write(folder.join("row.csv"), "seconds,requests_per_second\n0,1\n5;2\n").unwrap();
    fs::write(folder.join("nan.csv"), "seconds,requests_per_second\n0,NaN\n").unwrap();
    fs::create_dir(folder.join("pages")).unwrap();
    let output = run(&folder, line).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with(&format!("error: {expected}")),
        "{}",
        stderr(&output)
    );
    assert_eq!(stdout(&output), "");
}

#[tokio::test]
async fn an_unknown_policy_ends_with_those_that_exist() {
    let output = run(&folder("unknown"), "--trace step.csv --policy vpa").await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("[possible values: ours, hpa, keda, kpa]"),
        "{}",
        stderr(&output)
    );
}

/// Answers a range query as Prometheus does: a value at every step, from the times that were asked for.
struct Rates(fn(i64) -> Option<&'static str>);

impl Respond for Rates {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let asked = |name: &str| -> i64 {
            let pair = request.url.query_pairs().find(|(key, _)| key == name);
            pair.unwrap().1.parse().unwrap()
        };
        let (start, end, step) = (asked("start"), asked("end"), asked("step"));
        let points = (end - start) / step + 1;
        assert!(points <= 11_000, "Prometheus refuses {points} points");
        let values: Vec<Value> = (0..points)
            .map(|index| start + index * step)
            .filter_map(|at| Some(json!([at, (self.0)(at)?])))
            .collect();
        let series = if values.is_empty() {
            json!([])
        } else {
            json!([{"metric": {}, "values": values}])
        };
        ResponseTemplate::new(200)
            .set_body_json(json!({"status": "success", "data": {"resultType": "matrix", "result": series}}))
    }
}

async fn prometheus(at: &str, rates: fn(i64) -> Option<&'static str>) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(at))
        .and(query_param("query", QUERY))
        .respond_with(Rates(rates))
        .mount(&server)
        .await;
    server
}

fn shop() -> Value {
    json!({
        "apiVersion": "pathfinder.dev/v1alpha1",
        "kind": "PathfinderCluster",
        "metadata": {"name": "shop", "namespace": "demo"},
        "spec": {"api": {"image": "shop"}, "scaling": {"maxReplicas": 17}},
    })
}

/// Serves the resource, and writes a kubeconfig for it.
async fn as_api_server(server: &MockServer, folder: &Path, clusters: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "PathfinderClusterList", "metadata": {}, "items": clusters});
    for (at, body) in [(SHOP, shop()), (CLUSTERS, list)] {
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path(at)).respond_with(answer).mount(server).await;
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "demo"}}],
        "clusters": [{"name": "test", "cluster": {"server": server.uri()}}],
        "users": [{"name": "test", "user": {}}],
    });
    fs::write(folder.join("kubeconfig"), config.to_string()).unwrap();
}

#[tokio::test]
async fn a_week_is_read_through_the_api_server_with_the_spec_of_the_only_resource() {
    let folder = folder("service");
    let server = prometheus(THROUGH_THE_SERVICE, |_| Some("250.5")).await;
    as_api_server(&server, &folder, &[shop()]).await;
    let line = "--from-prometheus 8d --kubeconfig kubeconfig --policy hpa -o json";
    let document = document(&run(&folder, line).await);
    // 8 x 1440 + 1 points of a minute each, in more than one query.
    assert_eq!(document["load"]["seconds"], 60 * (8 * 1440 + 1));
    assert_eq!(document["load"]["peakRequestsPerSecond"], 250.5);
    assert_eq!(document["setup"]["maxReplicas"], 17);
    assert_eq!(document["setup"]["spec"], "PathfinderCluster shop");
    assert_eq!(document["notes"], json!([]));
}

#[tokio::test]
async fn a_url_is_asked_without_any_cluster_and_short_ranges_are_finer() {
    let server = prometheus(DIRECT, |_| Some("100")).await;
    let line = format!(
        "shop -n demo --from-prometheus 30m --prometheus-url {} --policy keda -o json",
        server.uri()
    );
    let document = document(&run(&folder("url"), &line).await);
    // Points every 5 s: 360 bins and the last point's.
    assert_eq!(document["load"]["seconds"], 1805);
    assert_eq!(document["setup"]["spec"], "the defaults of every field");
}

#[tokio::test]
async fn a_hole_is_told_and_is_not_zero_load() {
    // Ten minutes of every six hours are missing.
    let server = prometheus(DIRECT, |at| (at % 21_600 >= 600).then_some("300")).await;
    let line = format!(
        "shop -n demo --from-prometheus 24h --prometheus-url {} --policy hpa -o json",
        server.uri()
    );
    let document = document(&run(&folder("hole"), &line).await);
    let mean = document["load"]["meanRequestsPerSecond"].as_f64().unwrap();
    assert!((mean - 300.0).abs() < 1.0, "{mean}");
    let note = document["notes"][0].as_str().unwrap();
    assert!(note.starts_with("Prometheus's data "), "{note}");
}

#[rstest]
#[case::empty(|_| None, "Prometheus has no request rates of shop in namespace demo in the last 1d: do the pods shop-api-...")]
#[case::nan(|_| Some("NaN"), "Prometheus answered NaN at 20")]
#[case::long_hole(|at| (at % 43_200 > 7200).then_some("5"), "Prometheus has no data from 20")]
#[tokio::test]
async fn data_that_would_be_a_lie_are_refused(#[case] rates: fn(i64) -> Option<&'static str>, #[case] expected: &str) {
    let server = prometheus(DIRECT, rates).await;
    let line = format!("shop -n demo --from-prometheus 24h --prometheus-url {}", server.uri());
    let output = run(&folder("refused"), &line).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with(&format!("error: {expected}")),
        "{}",
        stderr(&output)
    );
}

#[rstest]
#[case::no_service(404, json!({"kind": "Status", "code": 404, "message": "services \"prometheus\" not found"}),
    "cannot reach Prometheus at Service monitoring/prometheus:9090: services \"prometheus\" not found: pass --prometheus-service")]
#[case::forbidden(403, json!({"kind": "Status", "code": 403, "message": "no services/proxy"}),
    "forbidden to query Prometheus at Service monitoring/prometheus:9090: no services/proxy")]
#[case::its_own_error(400, json!({"status": "error", "errorType": "bad_data", "error": "too many points"}),
    "Prometheus at Service monitoring/prometheus:9090 did not answer the query: too many points")]
#[tokio::test]
async fn who_refused_is_told(#[case] code: u16, #[case] body: Value, #[case] expected: &str) {
    let folder = folder(&format!("refusal-{code}"));
    let server = MockServer::start().await;
    as_api_server(&server, &folder, &[shop()]).await;
    let answer = ResponseTemplate::new(code).set_body_json(body);
    Mock::given(path(THROUGH_THE_SERVICE))
        .respond_with(answer)
        .mount(&server)
        .await;
    let output = run(&folder, "shop --from-prometheus 24h --kubeconfig kubeconfig").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with(&format!("error: {expected}")),
        "{}",
        stderr(&output)
    );
}

#[tokio::test]
async fn among_several_resources_a_name_is_needed() {
    let folder = folder("several");
    let server = MockServer::start().await;
    let mut till = shop();
    till["metadata"]["name"] = json!("till");
    as_api_server(&server, &folder, &[shop(), till]).await;
    let output = run(&folder, "--from-prometheus 24h --kubeconfig kubeconfig").await;
    assert_eq!(
        stderr(&output),
        "error: whose history? there are shop and till in namespace demo: write `kubectl pathfinder simulate NAME ...`\n"
    );
}

const PLOTS: [&str; 7] = [
    "plot-scatter",
    "plot-load",
    "plot-replicas-ours",
    "plot-replicas-hpa",
    "plot-replicas-keda",
    "plot-replicas-kpa",
    "plot-violations",
];

async fn page(name: &str) -> (PathBuf, String) {
    let folder = with_steps(name);
    let output = run(&folder, "--trace step.csv --spec shop.yaml --html page.html").await;
    assert!(
        stdout(&output).ends_with("\nPage: page.html\n"),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    let text = fs::read_to_string(folder.join("page.html")).unwrap();
    (folder, text)
}

#[tokio::test]
async fn the_page_is_one_file_that_asks_nobody_for_anything() {
    let (folder, text) = page("page").await;
    for word in ["http://", "https://", "<script", "<link", "@import", "url(", "src="] {
        assert!(!text.contains(word), "the page has {word}");
    }
    assert!(text.contains("prefers-color-scheme: dark"));
    for id in PLOTS {
        let mark = format!("<svg id=\"{id}\" role=\"img\" aria-labelledby=\"{id}-title\" viewBox=\"0 0 ");
        assert!(text.contains(&mark), "{id}");
    }
    let left: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_name_from_outside_is_text_on_the_page() {
    let folder = with_steps("escaped");
    fs::rename(folder.join("step.csv"), folder.join("<b>&.csv")).unwrap();
    let output = run(&folder, "--trace <b>&.csv --policy hpa --html page.html").await;
    assert!(output.status.success(), "{}", stderr(&output));
    let text = fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(text.contains("<h1>Simulated scaling: &lt;b&gt;&amp;</h1>") && !text.contains("<b>"));
}

/// Headless Chromium on a file of `folder`; it must be installed, or nothing is proved.
async fn chromium(folder: &Path, file: &str, arguments: &[&str]) -> Output {
    let mut found = Command::new("sh");
    found.args(["-c", "command -v chromium"]);
    let found = finished(found).await;
    assert!(
        found.status.success(),
        "no chromium on PATH: install it with `apt-get install --no-install-recommends chromium`"
    );
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let mut command = Command::new("chromium");
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--virtual-time-budget=2000",
        ])
        .args([profile.as_str()])
        .args(arguments)
        .arg(format!("file://{}", folder.join(file).display()));
    let output = finished(command).await;
    assert!(output.status.success(), "{}", stderr(&output));
    output
}

#[tokio::test]
async fn a_browser_draws_every_plot() {
    let (folder, text) = page("browser").await;
    // The page has no script; its copy has one that writes down how large each plot's drawing is.
    let probe = "<script>for (const svg of document.querySelectorAll('svg')) { const box = svg.getBBox(), shown = \
                 svg.getBoundingClientRect(); const line = document.createElement('p'); line.textContent = 'drawn ' + svg.id + \
                 ' ' + [box.width, box.height, shown.width, shown.height].map(Math.round).join(' ') + ';'; \
                 document.body.append(line); }</script></body>";
    fs::write(folder.join("probe.html"), text.replace("</body>", probe)).unwrap();
    let dom = stdout(&chromium(&folder, "probe.html", &["--dump-dom"]).await);
    for id in PLOTS {
        let told = dom
            .split(&format!("drawn {id} "))
            .nth(1)
            .unwrap_or_else(|| panic!("{id} is not in the page"));
        let sizes: Vec<u32> = told
            .split(';')
            .next()
            .unwrap()
            .split(' ')
            .map(|size| size.parse().unwrap())
            .collect();
        // Wider and higher than its words alone could be, and shown.
        assert!(sizes.iter().all(|size| *size > 150), "{id}: {sizes:?}");
    }
}

#[tokio::test]
async fn a_screenshot_of_the_page_is_a_picture() {
    let (folder, _) = page("screenshot").await;
    let shot = folder.join("page.png");
    let screenshot = format!("--screenshot={}", shot.display());
    chromium(
        &folder,
        "page.html",
        &[&screenshot, "--window-size=1120,2400", "--hide-scrollbars"],
    )
    .await;
    let picture = fs::read(&shot).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    // An empty page of this size is about 15 kB.
    assert!(picture.len() > 60_000, "{} bytes", picture.len());
}
