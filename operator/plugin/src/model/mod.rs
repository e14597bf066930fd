//! What the answers are made of: plain data, worked out from Kubernetes objects and decision records.
//!
//! Pure: values in, values out; the present time is a parameter. `-o json` and `-o yaml` print these types as they are,
//! so their field names are a contract. Nothing here reads anything or knows how a table looks.

pub(crate) mod decision;
pub(crate) mod detail;
pub(crate) mod event;
pub(crate) mod explanation;
pub(crate) mod limit;
pub(crate) mod overview;
pub(crate) mod pause;
pub(crate) mod pod;
pub(crate) mod readiness;
pub(crate) mod reason;
pub(crate) mod replicas;
pub(crate) mod store;
