//! What was acknowledged stays: the server killed, the database gone, an import killed.

mod away;
mod clocks;
mod import;
mod kill;
mod revocation;
