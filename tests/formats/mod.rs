//! JSON and XML of every R4 type: official examples, official cases, generated resources, and what must be refused.

mod attacks;
mod cases;
mod examples;
mod fhirbolt;
mod generated;
mod letter;
mod rest;
