//! The store beside its oracle, on both databases.

mod chains;
mod commit;
mod differential;
mod growth;
mod plans;
mod walk;
