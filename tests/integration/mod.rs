//! The built binary over HTTP, on both databases.

mod story;
