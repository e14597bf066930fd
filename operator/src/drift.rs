//! Whether an object on the server still holds what we want, field by field.
//!
//! Pure. Only fields that we write are compared: what others add beside them is left alone. Values that the server
//! normalises (quantities) count as equal when they mean the same.

use serde_json::{Map, Value};

/// The path of the first field of `desired` that `live` does not hold, or `None` when it holds them all.
///
/// Lists of named things are matched by their key, as server-side apply does; others must be equal.
pub fn drift(desired: &Value, live: &Value) -> Option<String> {
    differs(desired, live).map(|path| path.trim_start_matches('.').to_owned())
}

/// What `live` holds at the places that `desired` names: equal projections mean that nobody changed our fields.
pub fn project(desired: &Value, live: &Value) -> Value {
    match (desired, live) {
        (Value::Object(wanted), Value::Object(found)) => Value::Object(
            wanted
                .iter()
                .map(|(key, value)| (key.clone(), project(value, found.get(key).unwrap_or(&Value::Null))))
                .collect(),
        ),
        (Value::Array(wanted), Value::Array(found)) => match list_key(wanted) {
            Some(key) => Value::Array(
                wanted
                    .iter()
                    .map(|item| by_key(found, &key, item).map_or(Value::Null, |live| project(item, live)))
                    .collect(),
            ),
            None => live.clone(),
        },
        _ => live.clone(),
    }
}

/// A short stable hash of a value, for the annotation that tells a changed wish from a changed object (FNV-1a, 64 bits).
pub fn fingerprint(value: &Value) -> String {
    let hash = value.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

fn differs(desired: &Value, live: &Value) -> Option<String> {
    match (desired, live) {
        (Value::Object(wanted), Value::Object(found)) => objects_differ(wanted, found),
        (Value::Array(wanted), Value::Array(found)) => lists_differ(wanted, found),
        _ => (!same_scalar(desired, live)).then(String::new),
    }
}

fn objects_differ(wanted: &Map<String, Value>, found: &Map<String, Value>) -> Option<String> {
    wanted.iter().find_map(|(key, value)| {
        let nested = match found.get(key) {
            Some(live) => differs(value, live),
            None => (!is_empty(value)).then(String::new),
        };
        nested.map(|path| format!(".{key}{path}"))
    })
}

fn lists_differ(wanted: &[Value], found: &[Value]) -> Option<String> {
    match list_key(wanted) {
        Some(key) => wanted.iter().find_map(|item| {
            let name = item.get(key[0]).map(plain).unwrap_or_default();
            let nested = match by_key(found, &key, item) {
                Some(live) => differs(item, live),
                None => Some(String::new()),
            };
            nested.map(|path| format!("[{name}]{path}"))
        }),
        None if wanted.len() != found.len() => Some(String::new()),
        None => wanted
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(index, (wanted, found))| differs(wanted, found).map(|path| format!("[{index}]{path}"))),
    }
}

// The keys by which Kubernetes merges its lists, most specific first: a list is keyed when every item has the key.
const LIST_KEYS: [&[&str]; 6] = [
    &["mountPath"],
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["name"],
    &["uid"],
    &["topologyKey", "whenUnsatisfiable"],
];

fn list_key(items: &[Value]) -> Option<Vec<&'static str>> {
    LIST_KEYS
        .iter()
        .find(|key| !items.is_empty() && items.iter().all(|item| key.iter().all(|part| item.get(part).is_some())))
        .map(|key| key.to_vec())
}

fn by_key<'a>(items: &'a [Value], key: &[&str], like: &Value) -> Option<&'a Value> {
    items
        .iter()
        .find(|item| key.iter().all(|part| item.get(part) == like.get(part)))
}

fn same_scalar(desired: &Value, live: &Value) -> bool {
    desired == live
        || match (desired, live) {
            (Value::String(wanted), Value::String(found)) => same_quantity(wanted, found),
            (Value::Number(wanted), Value::Number(found)) => wanted.as_f64() == found.as_f64(),
            _ => false,
        }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

// Both are quantities and mean the same amount: "1000m" and "1", "1024Mi" and "1Gi".
fn same_quantity(wanted: &str, found: &str) -> bool {
    match (nano(wanted), nano(found)) {
        (Some(wanted), Some(found)) => wanted == found,
        _ => false,
    }
}

// A quantity in billionths; None when the text is not one or does not fit.
fn nano(text: &str) -> Option<i128> {
    const SUFFIXES: [(&str, i128); 15] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("m", -1_000),
        ("u", -1_000_000),
        ("n", -1_000_000_000),
    ];
    let (digits, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| text.strip_suffix(suffix).map(|digits| (digits, *factor)))
        .unwrap_or((text, 1));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let mut amount: i128 = 0;
    for digit in whole.chars().chain(format!("{fraction:0<9}").chars()) {
        amount = amount.checked_mul(10)?.checked_add(i128::from(digit.to_digit(10)?))?;
    }
    if factor > 0 {
        amount.checked_mul(factor)
    } else {
        Some(amount / -factor)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::what_others_add(json!({"a": 1}), json!({"a": 1, "b": 2}), None)]
    #[case::a_changed_value(json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), Some("a.b"))]
    #[case::a_removed_field(json!({"a": {"b": 1}}), json!({"a": {}}), Some("a.b"))]
    #[case::a_sidecar_beside_ours(
        json!({"containers": [{"name": "api", "image": "x"}]}),
        json!({"containers": [{"name": "proxy"}, {"name": "api", "image": "x"}]}),
        None
    )]
    #[case::our_container_changed(
        json!({"containers": [{"name": "api", "image": "x"}]}),
        json!({"containers": [{"name": "api", "image": "y"}]}),
        Some("containers[api].image")
    )]
    #[case::a_normalised_quantity(json!({"cpu": "1000m"}), json!({"cpu": "1"}), None)]
    #[case::another_quantity(json!({"cpu": "250m"}), json!({"cpu": "300m"}), Some("cpu"))]
    #[case::a_list_of_words(json!({"args": ["a", "b"]}), json!({"args": ["b", "a"]}), Some("args[0]"))]
    #[case::emptiness_that_the_server_drops(json!({"labels": {}}), json!({}), None)]
    fn only_our_fields_count(#[case] desired: Value, #[case] live: Value, #[case] expected: Option<&str>) {
        assert_eq!(drift(&desired, &live).as_deref(), expected);
    }

    #[rstest]
    #[case("1000m", "1", true)]
    #[case("1024Mi", "1Gi", true)]
    #[case("0.25", "250m", true)]
    #[case("1G", "1Gi", false)]
    #[case("latest", "latest2", false)]
    #[case("", "", false)]
    fn quantities_are_compared_by_amount(#[case] one: &str, #[case] other: &str, #[case] same: bool) {
        assert_eq!(same_quantity(one, other), same);
    }

    #[test]
    fn a_projection_forgets_what_others_added() {
        let desired = json!({"spec": {"cpu": "1000m", "items": [{"name": "a"}]}});
        let live = json!({"spec": {"cpu": "1", "items": [{"name": "a", "x": 1}, {"name": "b"}], "more": true}});
        assert_eq!(
            project(&desired, &live),
            json!({"spec": {"cpu": "1", "items": [{"name": "a"}]}})
        );
    }

    #[test]
    fn a_fingerprint_changes_with_the_value() {
        assert_ne!(fingerprint(&json!({"a": 1})), fingerprint(&json!({"a": 2})));
    }
}
