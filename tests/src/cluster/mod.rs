//! The test cluster: kind with Docker or Podman, and everything that it needs to run where no image can be pulled.
//!
//! `up` and `down` are the whole of it; each file below answers for one step. Every step is cached by the hash of its
//! sources, done under a temporary name and renamed, so that an interrupted run leaves nothing half made.

pub mod addons;
pub mod engine;
pub mod faults;
pub mod images;
pub mod interrupt;
pub mod kind;
pub mod layer;
pub mod leftovers;
pub mod mend;
pub mod network;
pub mod node_image;
pub mod packages;
pub mod paths;
pub mod process;
pub mod programs;
pub mod step;

pub use engine::Engine;
pub use paths::Paths;
