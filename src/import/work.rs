//! From text to what is stored: reading, validating, indexing, on as many threads as there are cores.

use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};

use super::{Job, Line, Told, What};
use crate::fhir::{Document, Format};
use crate::interaction::load::{Part, parts};
use crate::interaction::{Request, Service};

/// Takes jobs until there are none, or nobody listens.
pub fn work(service: &Service, request: &Request, jobs: &Mutex<Receiver<Job>>, told: &SyncSender<Told>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { place, source, bytes, read, lines }) = job else { return };
        let lines = lines.into_iter().map(|line| (line.number, understood(service, request, line))).collect();
        if told.send(Told { place, bytes, read, what: What::Lines(source, lines) }).is_err() {
            return;
        }
    }
}

fn understood(service: &Service, request: &Request, line: Line) -> Vec<Part> {
    let document = line.text.and_then(|text| Ok(Document::read(Format::Json, &text)?));
    match document {
        Ok(document) => parts(service, request, document),
        Err(error) => vec![Part::Refused { error, place: None, resources: 1 }],
    }
}
