//! What was acknowledged stays: the server killed, the database gone.

mod away;
mod kill;
