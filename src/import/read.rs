//! Reads the sources one after the other, each from where it was interrupted.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use super::budget::Budget;
use super::plan::{Input, Plan};
use super::source::Lines;
use super::stop::Stop;
use super::{Error, Job, Line, Options, Source, Told, What};
use crate::auth::digest::sha256_hex_of;
use crate::config::BODY_BYTES_MAX;
use crate::interaction::Service;
use crate::store::ImportProgress;

/// Bytes of lines in one job, about.
const JOB_BYTES: usize = 64 * 1024;

/// The reading thread.
pub struct Reader<'i> {
    pub service: &'i Service,
    pub plan: &'i Plan,
    pub options: &'i Options,
    pub stop: &'i Stop,
    pub budget: &'i Budget,
    /// Bytes of the files read so far.
    pub read: &'i AtomicU64,
    pub jobs: SyncSender<Job>,
    pub told: SyncSender<Told>,
}

/// Nobody listens any more, or it was told to stop.
struct Ended;

/// Where the reader is.
#[derive(Default)]
struct At {
    place: u64,
    source: usize,
    /// The digests read so far, and the names of their files.
    seen: HashMap<String, String>,
}

impl Reader<'_> {
    /// Reads everything.
    pub fn run(self) {
        let mut at = At::default();
        for input in &self.plan.inputs {
            match self.input(input, &mut at) {
                Ok(Ok(())) => {}
                Ok(Err(Ended)) => return,
                Err(error) => {
                    let _ = self.tell(&mut at, What::Fault(error));
                    return;
                }
            }
        }
    }

    fn tell(&self, at: &mut At, what: What) -> Result<(), Ended> {
        let told = Told { place: at.place, bytes: 0, read: self.read.load(Ordering::Relaxed), what };
        at.place += 1;
        self.told.send(told).map_err(|_| Ended)
    }

    fn input(&self, input: &Input, at: &mut At) -> Result<Result<(), Ended>, Error> {
        let failed = |error| Error::File(input.name(), error);
        let ((before, same_as), opened): (_, Box<dyn Read>) = match input {
            Input::Stream => ((None, None), Box::new(io::stdin())),
            Input::File(path) => (self.before(path, at)?, Box::new(File::open(path).map_err(failed)?)),
        };
        let counted = Counted { reader: opened, read: self.read };
        let mut lines = Lines::open(counted, input.has_lines(), BODY_BYTES_MAX).map_err(failed)?;
        let done = same_as.is_some() || before.as_ref().is_some_and(|before| before.done);
        let until = before.as_ref().map_or(0, |before| before.items);
        let source = Source { name: input.name(), whole: lines.is_whole(), before, same_as };
        if self.tell(at, What::Begins(source)).is_err() {
            return Ok(Err(Ended));
        }
        if done {
            if let Input::File(path) = input {
                self.read.fetch_add(path.metadata().map_or(0, |metadata| metadata.len()), Ordering::Relaxed);
            }
        } else if self.lines(&mut lines, until, at).map_err(failed)?.is_err() {
            return Ok(Err(Ended));
        }
        let ended = self.tell(at, What::Ends(at.source));
        at.source += 1;
        Ok(ended)
    }

    /// How far the file had come; or another of the same content, that came before it.
    fn before(&self, path: &Path, at: &mut At) -> Result<(Option<ImportProgress>, Option<String>), Error> {
        let name = path.display().to_string();
        let digest = File::open(path).and_then(sha256_hex_of).map_err(|error| Error::File(name.clone(), error))?;
        if let Some(same) = at.seen.get(&digest) {
            return Ok((None, Some(same.clone())));
        }
        at.seen.insert(digest.clone(), name.clone());
        let stored = if self.options.restart { None } else { self.service.store.import_progress(&digest)? };
        let fresh = || ImportProgress { digest, ..ImportProgress::default() };
        Ok((Some(ImportProgress { name, ..stored.unwrap_or_else(fresh) }), None))
    }

    fn lines(&self, lines: &mut Lines<'_>, until: i64, at: &mut At) -> io::Result<Result<(), Ended>> {
        let (mut job, mut bytes) = (Vec::new(), 0);
        while let Some(line) = lines.next()? {
            if self.stop.is_told() {
                return Ok(Err(Ended));
            }
            if line.number <= until {
                continue;
            }
            bytes += line.text.as_ref().map_or(0, Vec::len);
            job.push(line);
            if bytes >= JOB_BYTES && self.send(&mut job, &mut bytes, at).is_err() {
                return Ok(Err(Ended));
            }
        }
        Ok(if job.is_empty() { Ok(()) } else { self.send(&mut job, &mut bytes, at) })
    }

    fn send(&self, lines: &mut Vec<Line>, bytes: &mut usize, at: &mut At) -> Result<(), Ended> {
        let job = Job {
            place: at.place,
            source: at.source,
            bytes: *bytes,
            read: self.read.load(Ordering::Relaxed),
            lines: std::mem::take(lines),
        };
        at.place += 1;
        *bytes = 0;
        if !self.budget.acquire(job.bytes) {
            return Err(Ended);
        }
        self.jobs.send(job).map_err(|_| Ended)
    }
}

/// A reader that counts.
struct Counted<'i, R> {
    reader: R,
    read: &'i AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.read.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        Ok(count)
    }
}
