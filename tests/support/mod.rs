//! What the tests share: a throwaway PostgreSQL, the server as a child process, an HTTP client, builders.

pub mod answer;
pub mod build;
pub mod package;
pub mod postgres;
pub mod server;

pub use server::{Backend, Server, on_both};

/// A query string of these pairs, percent-encoded, with its question mark.
pub fn query(pairs: &[(&str, &str)]) -> String {
    format!("?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}
