//! The built binary over HTTP, on both databases.

mod bad_input;
mod rest;
mod start;
mod story;
