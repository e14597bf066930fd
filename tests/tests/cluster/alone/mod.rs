//! Tests that break what all share (the operator, Prometheus, a node): one after the other, with nothing beside them.

mod chart;
mod nodes;
mod operator;
mod pod_monitors;
mod scaling;
