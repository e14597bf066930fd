//! The workspace keeps its layers: no arrow runs backwards, pure files stay pure, no file grows past knowing.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use pathfinder_tests::{cluster::paths::workspace, layering};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let root = workspace();
    let mut found = Vec::new();
    sources(&root, &mut found);
    assert!(found.len() > 50, "the walk found only {} sources", found.len());
    found
        .into_iter()
        .map(|path| {
            (
                path.strip_prefix(&root).unwrap().to_string_lossy().into_owned(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

#[test]
fn no_arrow_between_crates_runs_backwards() {
    for (folder, forbidden) in layering::MANIFESTS {
        let manifest = fs::read_to_string(workspace().join(folder).join("Cargo.toml")).unwrap();
        let found = layering::forbidden_dependencies(&manifest, forbidden);
        assert!(found.is_empty(), "{folder} must not depend on {found:?}");
    }
}

#[test]
fn pure_files_name_no_client_no_runtime_no_clock() {
    for prefix in layering::PURE {
        // Whole test files beside the code start real programs.
        let files: Vec<_> = all()
            .into_iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .filter(|(name, _)| {
                !name.contains("/processes") && !name.ends_with("tests.rs") && !name.ends_with("fixtures.rs")
            })
            .collect();
        assert!(!files.is_empty(), "{prefix} names no file: was it moved?");
        for (name, source) in files {
            let found = layering::impurities(&source);
            assert!(found.is_empty(), "{name} is pure and must not name {found:?}");
        }
    }
}

#[test]
fn every_source_says_what_it_is_for_and_stays_small() {
    let complaints: Vec<String> = all()
        .iter()
        .filter(|(name, _)| !name.contains("/tests/"))
        .flat_map(|(name, source)| {
            layering::shape(source)
                .into_iter()
                .map(move |complaint| format!("{name} {complaint}"))
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
