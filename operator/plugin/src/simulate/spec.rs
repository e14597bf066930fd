//! A PathfinderCluster in a file, as far as a simulation needs it.
//!
//! Pure: text in, resource out. The API server's rules that a simulation relies on are checked here too, because no API
//! server has seen the file.

use std::fmt::Display;

use kube::ResourceExt;
use pathfinder_crds::{PathfinderCluster, ScalingSpec};
use serde::Deserialize;
use serde_yaml::Value;

use crate::failure::one_line;

/// The PathfinderCluster of a YAML text of one or more documents; `name` chooses among several.
///
/// # Errors
/// In words: what is wrong, and what to write instead.
pub(crate) fn parse(text: &str, name: Option<&str>) -> Result<PathfinderCluster, String> {
    let mut found = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = Value::deserialize(document).map_err(in_words)?;
        if value.get("kind").and_then(Value::as_str) == Some("PathfinderCluster") {
            let cluster: PathfinderCluster = serde_yaml::from_value(value).map_err(in_words)?;
            found.push(cluster);
        }
    }
    if let (Some(name), [_, _, ..]) = (name, found.as_slice()) {
        found.retain(|cluster| cluster.name_any() == name);
    }
    let count = found.len();
    match (found.pop(), count) {
        (Some(only), 1) => checked(&only.spec.scaling).map(|()| only),
        (None, _) => Err("has no document of kind PathfinderCluster".to_owned()),
        (Some(_), count) => Err(format!("has {count} PathfinderClusters: write the NAME of one of them")),
    }
}

fn in_words(error: impl Display) -> String {
    one_line(&error.to_string())
}

fn checked(spec: &ScalingSpec) -> Result<(), String> {
    let (min, max) = (spec.min_replicas, spec.max_replicas);
    let per_replica = spec.requests_per_second.per_replica;
    if !(1..=1000).contains(&min) || !(min..=1000).contains(&max) {
        return Err(format!(
            "scaling has minReplicas {min} and maxReplicas {max}: write 1 <= minReplicas <= maxReplicas <= 1000"
        ));
    }
    if !per_replica.is_finite() || per_replica <= 0.0 {
        return Err(format!(
            "scaling.requestsPerSecond.perReplica is {per_replica}: write the requests per second that one replica serves well"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn cluster(name: &str, scaling: &str) -> String {
        format!(
            "kind: PathfinderCluster\nmetadata: {{name: {name}}}\nspec: {{api: {{image: a}}, scaling: {scaling}}}\n---\n"
        )
    }

    #[test]
    fn the_resource_is_found_among_other_documents() {
        let text = format!("kind: Namespace\n---\n{}", cluster("shop", "{maxReplicas: 40}"));
        let found = parse(&text, None).unwrap();
        assert_eq!(found.spec.scaling.max_replicas, 40);
    }

    #[test]
    fn a_name_chooses_among_several() {
        let text = cluster("shop", "{}") + &cluster("till", "{maxReplicas: 7}");
        assert_eq!(parse(&text, Some("till")).unwrap().spec.scaling.max_replicas, 7);
        assert_eq!(
            parse(&text, None).unwrap_err(),
            "has 2 PathfinderClusters: write the NAME of one of them"
        );
    }

    #[rstest]
    #[case("kind: Pod\n", "has no document of kind PathfinderCluster")]
    #[case("", "has no document of kind PathfinderCluster")]
    #[case("a: [\n", "did not find expected node content")]
    #[case("kind: PathfinderCluster\nmetadata: {}\nspec: {}\n", "missing field `api`")]
    fn what_is_no_resource_is_told(#[case] text: &str, #[case] expected: &str) {
        let error = parse(text, None).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[rstest]
    #[case("{minReplicas: 5, maxReplicas: 4}", "minReplicas 5 and maxReplicas 4")]
    #[case("{minReplicas: -1}", "minReplicas -1")]
    #[case("{requestsPerSecond: {perReplica: 0}}", "perReplica is 0")]
    #[case("{requestsPerSecond: {perReplica: .nan}}", "perReplica is NaN")]
    fn what_the_api_server_would_refuse_is_refused(#[case] scaling: &str, #[case] expected: &str) {
        let error = parse(&cluster("shop", scaling), None).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
