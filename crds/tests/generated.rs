//! Generated files are committed; these tests fail when they drift from the types, and say how to write them again.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;

use pathfinder_crds::{PathfinderCluster, ScalingMode, generated};

#[test]
fn committed_files_are_what_the_types_generate() {
    for file in generated::files().unwrap() {
        let committed = fs::read_to_string(&file.path).unwrap_or_default();
        assert!(
            committed == file.text,
            "{} is not what the types generate: run `cargo dev crds`",
            file.path.display()
        );
    }
}

fn example(name: &str) -> PathfinderCluster {
    let path = format!("{}/examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn the_minimal_example_needs_only_an_image_and_two_empty_sections() {
    let minimal = example("minimal");
    assert_eq!(minimal.spec.scaling, pathfinder_crds::ScalingSpec::default());
    assert_eq!(minimal.spec.postgres, Some(serde_yaml::from_str("{}").unwrap()));
    assert_eq!(minimal.spec.redis, Some(serde_yaml::from_str("{}").unwrap()));
}

#[test]
fn the_full_example_reads_back_as_it_was_written() {
    let full = example("full");
    assert_eq!(full.spec.scaling.mode, ScalingMode::Auto);
    let text = serde_yaml::to_string(&full).unwrap();
    assert_eq!(serde_yaml::from_str::<PathfinderCluster>(&text).unwrap(), full);
}
