//! Tests that use only their own namespace: they run side by side.

mod chart;
mod drift;
mod idle;
mod images;
mod lifecycle;
mod people;
mod rejections;
mod scaling;
mod troubles;
