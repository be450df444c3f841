//! The built binary over HTTP, on both databases.

mod bundles;
mod cda;
mod concurrency;
mod consents;
mod fhirpath_patch;
mod history;
mod import;
mod labels;
mod law;
mod law_commands;
mod leaks;
mod leaks_bundles;
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
mod teams;
mod transactions;
mod writes;
