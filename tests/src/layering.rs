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
];

/// Sources that are pure: no client, no runtime, no environment, no clock.
pub const PURE: &[&str] = &[
    "operator/scaling/src/",
    "operator/src/names.rs",
    "operator/src/cluster.rs",
    "operator/src/validate.rs",
    "operator/src/credentials.rs",
    "operator/src/build/",
    "operator/src/drift.rs",
    "operator/src/plan.rs",
    "operator/src/trouble.rs",
    "operator/src/status.rs",
    "operator/src/scale/query.rs",
    "operator/src/scale/reading.rs",
    "operator/src/scale/orders.rs",
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
    let section = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter_map(|line| line.split(['.', '=', ' ']).next());
    names
        .filter(|name| forbidden.contains(name))
        .map(str::to_owned)
        .collect()
}

/// What a pure source names and must not name; its tests may.
pub fn impurities(source: &str) -> Vec<&'static str> {
    let code = before_tests(source);
    let lines: Vec<&str> = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    IMPURE
        .iter()
        .copied()
        .filter(|word| lines.iter().any(|line| line.contains(word)))
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

fn before_tests(source: &str) -> &str {
    source.split("\n#[cfg(test)]").next().unwrap_or(source)
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
    fn a_clock_in_pure_code_is_found_and_one_in_its_tests_or_comments_is_not() {
        assert_eq!(impurities("//! x\nfn f() { Timestamp::now(); }\n"), ["Timestamp::now"]);
        assert!(
            impurities("//! x\n// Timestamp::now\n#[cfg(test)]\nmod tests { fn f() { Timestamp::now(); } }\n")
                .is_empty()
        );
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
