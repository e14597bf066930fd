//! The test harness: a real cluster, faults, load, and what the suites are written with.
//!
//! `cluster` starts and breaks it, `install` puts the operator in, `suite` is the vocabulary of the tests;
//! `loopback` starts real programs on this machine for tests that need no cluster. The program
//! `dev` is the door for people.

pub mod api;
pub mod cluster;
pub mod install;
pub mod layering;
pub mod loopback;
pub mod suite;
