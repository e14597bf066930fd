//! Bad input is refused by the API server, with words that say what to write instead. Good input is taken.

use pathfinder_tests::suite::{Stack, kubectl::kubectl_with};
use serde_json::{Value, json};

#[allow(clippy::too_many_lines, reason = "a table")]
// What is changed in a good resource, and what the refusal must say.
fn cases() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    vec![
        (
            "an unknown field",
            "/spec/api/imagee",
            json!("x"),
            "unknown field \"spec.api.imagee\"",
        ),
        (
            "an unknown section",
            "/spec/mysql",
            json!({}),
            "unknown field \"spec.mysql\"",
        ),
        ("no image", "/spec/api", json!({}), "spec.api.image: Required value"),
        (
            "an empty image",
            "/spec/api/image",
            json!(""),
            "should be at least 1 chars long",
        ),
        (
            "an image with spaces",
            "/spec/api/image",
            json!("my image"),
            "write REGISTRY/NAME:TAG",
        ),
        (
            "min over max",
            "/spec/scaling",
            json!({"minReplicas": 8, "maxReplicas": 4}),
            "raise maxReplicas or lower minReplicas",
        ),
        (
            "no replicas",
            "/spec/scaling",
            json!({"minReplicas": 0}),
            "should be greater than or equal to 1",
        ),
        (
            "capacity of zero",
            "/spec/scaling",
            json!({"requestsPerSecond": {"perReplica": 0}}),
            "must be more than 0",
        ),
        (
            "negative capacity",
            "/spec/scaling",
            json!({"requestsPerSecond": {"perReplica": -5}}),
            "must be more than 0",
        ),
        (
            "a mode that is none",
            "/spec/scaling",
            json!({"mode": "auto"}),
            "supported values: \"Auto\", \"Observe\", \"Paused\"",
        ),
        (
            "a negative cooldown",
            "/spec/scaling",
            json!({"scaleDown": {"cooldownSeconds": -1}}),
            "should be greater than or equal to 0",
        ),
        (
            "an endpoint that is a URL",
            "/spec/scaling",
            json!({"metrics": {"endpoint": "http://evil"}}),
            "use a name that the operator's administrator defined",
        ),
        (
            "a quantity that is none",
            "/spec/api/resources",
            json!({"requests": {"cpu": "lots", "memory": "1Gi"}}),
            "is not a quantity",
        ),
        (
            "a quantity of zero",
            "/spec/api/resources",
            json!({"requests": {"cpu": "0", "memory": "64Mi"}}),
            "must be more than zero",
        ),
        (
            "a request over its limit",
            "/spec/api/resources",
            json!({"requests": {"cpu": "2", "memory": "64Mi"}}),
            "raise the limit or lower the request",
        ),
        (
            "a port that is none",
            "/spec/api/port",
            json!(70000),
            "should be less than or equal to 65535",
        ),
        (
            "PORT by hand",
            "/spec/api/env",
            json!([{"name": "PORT", "value": "1"}]),
            "PORT is set from spec.api.port",
        ),
        (
            "a store's URL by hand",
            "/spec/api/env",
            json!([{"name": "DATABASE_URL", "value": "x"}]),
            "leave spec.postgres out",
        ),
        (
            "a variable's name",
            "/spec/api/env",
            json!([{"name": "1-A", "value": "x"}]),
            "is not a variable name",
        ),
        (
            "two sources of one variable",
            "/spec/api/env",
            json!([{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]),
            "keep one of them",
        ),
        (
            "no source at all",
            "/spec/api/envFrom",
            json!([{"prefix": "A"}]),
            "exactly one of secretRef and configMapRef",
        ),
        (
            "a namespace in a reference",
            "/spec/api/envFrom",
            json!([{"secretRef": {"name": "a", "namespace": "b"}}]),
            "unknown field",
        ),
        (
            "a name that is too long",
            "/metadata/name",
            json!("a".repeat(41)),
            "use at most 40 characters",
        ),
        (
            "a name with a digit first",
            "/metadata/name",
            json!("1shop"),
            "begin with a letter",
        ),
        (
            "a volume's size",
            "/spec/postgres/storage",
            json!({"size": "big"}),
            "is not a quantity",
        ),
    ]
}

fn set(value: &mut Value, path: &str, to: Value) {
    let (parent, key) = path.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap()[key] = to;
}

#[tokio::test]
async fn every_invalid_resource_is_refused_with_what_to_write_instead() {
    let stack = Stack::fresh("rejections").await.unwrap();
    let mut wrong = Vec::new();
    for (case, path, value, message) in cases() {
        let mut resource = stack.small();
        set(&mut resource, path, value);
        let words = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        let said = kubectl_with(&words, &resource.to_string()).await.unwrap();
        if said.worked || !said.err.contains(message) {
            wrong.push(format!("{case}: wanted {message:?}, got {:?}", said.err));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn the_examples_are_taken_and_get_their_defaults() {
    let stack = Stack::fresh("examples").await.unwrap();
    for name in ["minimal", "full"] {
        let path = format!("{}/../crds/examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let words = [
            "create",
            "--dry-run=server",
            "--validate=strict",
            "-n",
            &stack.namespace,
            "-o",
            "json",
            "-f",
            "-",
        ];
        let taken: Value = serde_json::from_str(&kubectl_with(&words, &text).await.unwrap().ok().unwrap()).unwrap();
        // What the schema promises is what the types promise.
        let typed: pathfinder_crds::PathfinderCluster = serde_json::from_value(taken.clone()).unwrap();
        let written: pathfinder_crds::PathfinderCluster = serde_yaml::from_str(&text).unwrap();
        assert_eq!(typed.spec, written.spec, "{name}");
        assert_eq!(
            taken["spec"]["scaling"]["requestsPerSecond"]["perReplica"],
            json!(100),
            "{name}"
        );
    }
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn storage_cannot_be_changed_after_creation() {
    let stack = Stack::fresh("immutable").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    let refused = stack
        .patch(json!({"postgres": {"storage": {"size": "2Gi"}}}))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("storage cannot be changed after creation"),
        "{refused}"
    );
    stack.remove().await.unwrap();
}
