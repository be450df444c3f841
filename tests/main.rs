//! The one test binary: a folder is a module. Tests of `src/` itself stand beside the code they test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attacks;
mod definitions;
mod durability;
mod explain;
mod fhirpath;
mod formats;
mod integration;
mod policy;
mod rules;
mod store;
mod support;
mod tidy;
mod twin;
