//! The testable rules of the law and of what the DMP's guides say, each by its number: see the README of this folder.

mod actors;
mod authors;
mod consent;
mod emergency;
mod exercises;
mod hidden;
mod identity;
mod list;
mod masked;
mod matrix;
mod minors;
mod notices;
mod record;
mod traces;
mod writes;
