//! The built binary over HTTP, on both databases.

mod bundles;
mod import;
mod labels;
mod leaks;
mod limits;
mod minors;
mod people;
mod rest;
mod rights;
mod search;
mod search_reach;
mod search_tables;
mod start;
mod story;
mod writes;
