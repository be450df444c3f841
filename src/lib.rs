//! Ensemble: a FHIR R4 server for the French digital health space and its shared health record.

pub mod audit;
pub mod auth;
pub mod cda;
pub mod clock;
pub mod config;
pub mod fhir;
pub mod fhirpath;
pub mod filter;
pub mod http;
pub mod import;
pub mod interaction;
pub mod law;
pub mod policy;
pub mod sandbox;
pub mod search;
pub mod store;
