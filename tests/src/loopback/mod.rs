//! Real programs on 127.0.0.1, for tests and benches that need no cluster: a Prometheus, and something for it to scrape.
//!
//! Each is a child in a folder of its own that goes with it. It knows nothing of what is asked or measured.

pub mod exporter;
pub mod prometheus;

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

pub use exporter::{Exporter, Page};
pub use prometheus::Prometheus;

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A folder that goes with this value.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one, of this process alone; nobody else may look into it.
    ///
    /// # Errors
    /// When the temporary folder cannot be written to.
    pub fn new(name: &str) -> io::Result<Self> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pathfinder-{name}-{}-{number}", process::id()));
        // What a process of the same number left, if there was one.
        let _ = fs::remove_dir_all(&path);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
