//! The images that users run: small, and with nothing in them to run but the program.

use pathfinder_tests::suite::kubectl::kubectl;
use serde_json::Value;

const MOST_BYTES: u64 = 80_000_000;

#[tokio::test]
async fn the_images_of_the_api_and_of_the_operator_are_small() {
    let said = kubectl(&["get", "nodes", "-o", "json"]).await.unwrap().ok().unwrap();
    let nodes: Value = serde_json::from_str(&said).unwrap();
    let images = nodes["items"].as_array().unwrap().iter();
    let images: Vec<&Value> = images
        .flat_map(|node| node["status"]["images"].as_array().unwrap())
        .collect();
    for program in ["ghcr.io/pathfinder/api-server:", "ghcr.io/pathfinder/operator:"] {
        let is_it = |name: &Value| name.as_str().is_some_and(|name| name.starts_with(program));
        let here = images
            .iter()
            .filter(|image| image["names"].as_array().unwrap().iter().any(is_it));
        let sizes: Vec<u64> = here.filter_map(|image| image["sizeBytes"].as_u64()).collect();
        assert!(!sizes.is_empty(), "no node has {program}: {images:?}");
        assert!(sizes.iter().all(|size| *size <= MOST_BYTES), "{program} {sizes:?}");
    }
}
