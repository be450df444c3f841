//! How FHIR servers have leaked what the caller may not see, each way as a test: see the README of this folder.
//!
//! Every test runs on both databases, each with two servers that differ only in what is hidden (`world`), in each way of hiding that
//! applies: masked by the person, forbidden by the matrix, in the record of somebody else. The reader's answers must be the same in
//! both, headers and all; whoever may see must be answered otherwise, so that the request is one that could have told.

mod ask;
mod bundles;
mod counts;
mod includes;
mod list;
mod operations;
mod portable;
mod reads;
mod rights;
mod search;
mod world;
mod writes;
