//! Which file may name what: the arrows between layers, checked on the text of manifests and sources.
//!
//! Pure: text in, complaints out. The test that walks the workspace is in `tests/layering.rs`.

/// What a crate's manifest must not depend on.
pub const MANIFESTS: &[(&str, &[&str])] = &[
    (
        "operator/scaling",
        &[
            "kube",
            "k8s-openapi",
            "tokio",
            "tracing",
            "pathfinder-crds",
            "pathfinder-operator",
            "reqwest",
        ],
    ),
    (
        "crds",
        &["tokio", "reqwest", "pathfinder-scaling", "pathfinder-operator"],
    ),
    (
        "operator",
        &["kubectl-pathfinder", "pathfinder-tests", "pathfinder-api"],
    ),
    (
        "operator/plugin",
        &["pathfinder-operator", "pathfinder-tests", "pathfinder-api"],
    ),
    (
        "api-server",
        &[
            "kube",
            "k8s-openapi",
            "pathfinder-crds",
            "pathfinder-scaling",
            "pathfinder-operator",
        ],
    ),
    ("tests", &["pathfinder-api", "pathfinder-operator"]),
    (
        "tests/bench",
        &[
            "kube",
            "k8s-openapi",
            "pathfinder-api",
            "pathfinder-crds",
            "pathfinder-scaling",
            "pathfinder-operator",
            "pathfinder-tests",
        ],
    ),
];

/// Sources that are pure: no client, no runtime, no environment, no clock.
pub const PURE: &[&str] = &[
    "operator/scaling/src/",
    "operator/src/names.rs",
    "operator/src/cluster.rs",
    "operator/src/validate/",
    "operator/src/credentials.rs",
    "operator/src/build/",
    "operator/src/drift.rs",
    "operator/src/plan.rs",
    "operator/src/trouble.rs",
    "operator/src/status.rs",
    "operator/src/scale/query.rs",
    "operator/src/scale/sample.rs",
    "operator/src/scale/why.rs",
    "operator/src/scale/reading/",
    "operator/src/scale/facts/",
    "operator/src/scale/look.rs",
    "operator/src/scale/contested.rs",
    "operator/src/scale/findings.rs",
    "operator/src/scale/orders.rs",
    "operator/src/scale/pods/line.rs",
    "operator/src/scale/pods/exposition.rs",
    "operator/src/scale/pods/counters.rs",
    "operator/src/scale/pods/target.rs",
    "operator/src/scale/prometheus/answer.rs",
    "operator/src/scale/prometheus/collect.rs",
    "operator/src/scale/prometheus/history.rs",
    "operator/src/scale/prometheus/user.rs",
    "api-server/src/domain/",
];

const IMPURE: &[&str] = &[
    "kube::Client",
    "kube::Api",
    "Api<",
    "Client,",
    "tokio::",
    "reqwest::",
    "std::env",
    "env::var",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "sqlx::",
    "axum::",
    "redis::",
    "async fn",
];

/// Dependencies that a manifest has and must not have.
pub fn forbidden_dependencies(manifest: &str, forbidden: &[&str]) -> Vec<String> {
    let mut in_dependencies = false;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        let name = if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            in_dependencies = is_dependencies(table);
            // `[dependencies.kube]` is a dependency by itself.
            table.rsplit_once('.').filter(|(parent, _)| is_dependencies(parent))
        } else if in_dependencies {
            line.split(['.', '=', ' ']).next().map(|name| ("", name))
        } else {
            None
        };
        found.extend(name.map(|(_, name)| name.trim_matches('"')));
    }
    found
        .into_iter()
        .filter(|name| forbidden.contains(name))
        .map(str::to_owned)
        .collect()
}

// Also those of one platform only: `[target.'cfg(unix)'.dependencies]`.
fn is_dependencies(table: &str) -> bool {
    table == "dependencies" || (table.starts_with("target.") && table.ends_with(".dependencies"))
}

/// What a pure source names and must not name; its tests may.
pub fn impurities(source: &str) -> Vec<&'static str> {
    let code = before_tests(source);
    let lines: Vec<&str> = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    // Our own `mod redis;` is not the crate of that name.
    let own = |word: &str| {
        lines
            .iter()
            .any(|line| line.ends_with(&format!("mod {};", word.trim_end_matches("::"))))
    };
    IMPURE
        .iter()
        .copied()
        .filter(|word| lines.iter().any(|line| line.contains(word)) && !own(word))
        .collect()
}

/// What is wrong with the shape of a source file.
pub fn shape(source: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if !source.starts_with("//!") {
        complaints.push("does not begin with //!: say what it answers for and what it must not know".to_owned());
    }
    let lines = before_tests(source).lines().count();
    if lines > 400 {
        complaints.push(format!(
            "has {lines} lines before its tests, more than 400: a room is missing"
        ));
    }
    complaints
}

// The tests are the module in the file; `#[cfg(test)] mod x;` names another file and ends nothing.
fn before_tests(source: &str) -> &str {
    let mut rest = source;
    while let Some(at) = rest.find("\n#[cfg(test)]\n") {
        let from = source.len() - rest.len() + at;
        rest = &rest[at + 1..];
        let item = rest
            .lines()
            .skip(1)
            .find(|line| !line.starts_with("#[") && !line.starts_with("//"))
            .unwrap_or_default();
        if item.contains("mod ") && !item.trim_end().ends_with(';') {
            return &source[..from];
        }
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_that_runs_backwards_is_found() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nkube.workspace = true\nserde = \"1\"\n[dev-dependencies]\ntokio = \"1\"\n";
        assert_eq!(forbidden_dependencies(manifest, &["kube", "tokio"]), ["kube"]);
    }

    #[test]
    fn an_arrow_in_a_table_of_its_own_is_found() {
        let manifest = "[dependencies.kube]\nversion = \"5\"\n[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n\
                        [dev-dependencies.reqwest]\nversion = \"1\"\n[build-dependencies]\nreqwest = \"1\"\n";
        assert_eq!(
            forbidden_dependencies(manifest, &["kube", "tokio", "reqwest"]),
            ["kube", "tokio"]
        );
    }

    #[test]
    fn tests_in_another_file_do_not_end_the_count() {
        let source = format!("//! x\n#[cfg(test)]\nmod fixtures;\n{}", "let x;\n".repeat(401));
        assert_eq!(shape(&source).len(), 1);
        let source = format!("{source}\n#[cfg(test)]\n#[allow(dead_code)]\npub(crate) mod tests {{\n");
        assert!(before_tests(&source).ends_with("let x;\n"));
        assert!(before_tests("a\n#[cfg(test)]\nfn only_in_tests() {}\nb\n").ends_with("b\n"));
    }

    #[test]
    fn a_clock_in_pure_code_is_found_and_one_in_its_tests_or_comments_is_not() {
        assert_eq!(impurities("//! x\nfn f() { Timestamp::now(); }\n"), ["Timestamp::now"]);
        assert!(
            impurities("//! x\n// Timestamp::now\n#[cfg(test)]\nmod tests { fn f() { Timestamp::now(); } }\n")
                .is_empty()
        );
    }

    #[test]
    fn a_module_of_our_own_is_not_the_crate_of_its_name() {
        assert!(impurities("//! x\npub(crate) mod redis;\nfn f() { redis::build(); }\n").is_empty());
        assert_eq!(impurities("//! x\nfn f() { redis::open(); }\n"), ["redis::"]);
    }

    #[test]
    fn a_file_without_a_word_of_what_it_is_for_is_found() {
        assert_eq!(shape("fn f() {}\n").len(), 1);
        assert!(
            shape(&format!("//! x\n{}", "let x;\n".repeat(401)))
                .iter()
                .any(|it| it.contains("402"))
        );
    }
}
