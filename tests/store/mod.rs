//! The store beside its oracle, on both databases.

mod commit;
mod differential;
mod growth;
mod plans;
mod walk;
