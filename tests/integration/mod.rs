//! The built binary over HTTP, on both databases.

mod leaks;
mod rights;
mod story;
