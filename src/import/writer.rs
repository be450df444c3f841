//! Stores what was understood: in order, many resources in a commit, with the place each source comes to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::report::{Counts, Report, Summary};
use super::stop::Stop;
use super::{Error, Source, Told, What};
use crate::interaction::load::{Draft, Part, Stored, store_drafts, store_entries};
use crate::interaction::{Error as Refusal, Service};
use crate::store::import::{note_import, savepoint};
use crate::store::{self, AnyConnection, ImportProgress, Importer, statistics};

/// Resources in a commit, about.
const RESOURCES: usize = 1000;
/// Bytes of lines in a commit, about.
const BYTES: usize = 8 * 1024 * 1024;
/// How long what there is waits for more.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line of progress may change while nothing comes.
const LOOK: Duration = Duration::from_millis(200);

/// A line, understood, on its way to the database.
struct Item {
    source: usize,
    number: i64,
    parts: Vec<Part>,
}

/// What a commit holds.
#[derive(Default)]
struct Group {
    items: Vec<Item>,
    /// Sources that end with it.
    ended: Vec<usize>,
    resources: usize,
    bytes: usize,
    /// Bytes of files read by then.
    read: u64,
    begun: Option<Instant>,
}

/// What a commit did: of each source, and what it refused.
#[derive(Default)]
struct Done {
    counts: BTreeMap<usize, Counts>,
    refused: Vec<(usize, i64, Option<usize>, Refusal)>,
}

impl Done {
    fn refuse(&mut self, item: &Item, place: Option<usize>, error: Refusal, resources: usize) {
        self.counts.entry(item.source).or_default().rejected += u64::try_from(resources).unwrap_or(0);
        self.refused.push((item.source, item.number, place, error));
    }

    fn store(&mut self, source: usize, stored: Stored) {
        let counts = self.counts.entry(source).or_default();
        match stored {
            Stored::Created => counts.created += 1,
            Stored::Updated => counts.updated += 1,
            Stored::Unchanged => counts.unchanged += 1,
            Stored::Deleted => counts.deleted += 1,
        }
    }
}

/// The writing thread.
pub struct Writer<'i> {
    service: &'i Service,
    importer: &'i mut Importer,
    report: &'i mut Report,
    budget: &'i Budget,
    read: &'i AtomicU64,
    stop: &'i Stop,
    /// Whether files are started over with.
    pub restart: bool,
    sources: Vec<Source>,
    summary: Summary,
    /// Bytes of files whose resources are stored.
    reached: u64,
    /// Resources stored when statistics are refreshed next.
    analyze_at: u64,
}

impl<'i> Writer<'i> {
    /// Nothing written yet.
    pub fn new(
        service: &'i Service,
        importer: &'i mut Importer,
        report: &'i mut Report,
        budget: &'i Budget,
        read: &'i AtomicU64,
        stop: &'i Stop,
    ) -> Self {
        Self {
            service,
            importer,
            report,
            budget,
            read,
            stop,
            restart: false,
            sources: Vec::new(),
            summary: Summary::default(),
            reached: 0,
            analyze_at: statistics::FIRST,
        }
    }

    /// Takes what it is told until there is no more, or it is to stop.
    ///
    /// # Errors
    /// [`Error`]: what is committed stays.
    pub fn run(&mut self, heard: &Receiver<Told>) -> Result<Summary, Error> {
        let (mut group, mut next, mut early) = (Group::default(), 0, BTreeMap::new());
        loop {
            self.report.draw(self.reached, &self.summary.now);
            if self.stop.is_told() {
                self.summary.interrupted = true;
                break;
            }
            match heard.recv_timeout(LOOK) {
                Ok(told) => {
                    early.insert(told.place, told);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while let Some(told) = early.remove(&next) {
                next += 1;
                self.budget.release(told.bytes);
                if let Err(error) = self.take(told, &mut group) {
                    // What came before is good.
                    self.write(&mut group)?;
                    return Err(error);
                }
                if group.resources >= RESOURCES || group.bytes >= BYTES {
                    self.write(&mut group)?;
                }
            }
            if group.begun.is_some_and(|begun| begun.elapsed() > PATIENCE) {
                self.write(&mut group)?;
            }
        }
        self.write(&mut group)?;
        self.summary.bytes = self.read.load(Ordering::Relaxed);
        self.summary.interrupted |= self.stop.is_told();
        Ok(self.summary.clone())
    }

    fn take(&mut self, told: Told, group: &mut Group) -> Result<(), Error> {
        group.bytes += told.bytes;
        group.read = told.read;
        match told.what {
            What::Fault(error) => return Err(error),
            What::Begins(source) => self.begin(source)?,
            What::Ends(source) => {
                self.summary.files += 1;
                if self.sources.get(source).and_then(|source| source.before.as_ref()).is_some_and(|before| !before.done) {
                    group.ended.push(source);
                }
            }
            What::Lines(source, lines) => {
                for (number, parts) in lines {
                    group.resources += parts.iter().map(Part::resources).sum::<usize>();
                    group.items.push(Item { source, number, parts });
                }
            }
        }
        if group.begun.is_none() && !(group.items.is_empty() && group.ended.is_empty()) {
            group.begun = Some(Instant::now());
        }
        Ok(())
    }

    fn begin(&mut self, source: Source) -> Result<(), Error> {
        if let Some(same) = &source.same_as {
            self.report.say(&format!("{}: the same as {same}, read once", source.name));
        }
        if let Some(before) = &source.before {
            if self.restart {
                self.importer.forget(&before.digest)?;
            }
            self.summary.before.add(Counts::noted(before.counts));
            self.summary.files_before += u64::from(before.done);
            if before.done {
                self.report.say(&format!("{}: imported before", source.name));
            } else if before.items > 0 {
                self.report.say(&format!("{}: goes on after line {}", source.name, before.items));
            }
        }
        self.sources.push(source);
        Ok(())
    }

    /// Commits what there is.
    fn write(&mut self, group: &mut Group) -> Result<(), Error> {
        let group = std::mem::take(group);
        if group.items.is_empty() && group.ended.is_empty() {
            return Ok(());
        }
        self.reached = group.read;
        let (service, sources) = (self.service, &self.sources);
        let mut reach = Reach { group: &group, sources };
        let mut together = self.importer.commit(|connection| reach.commit(service, connection, false));
        if matches!(together, Err(Refusal::Unexpected(_) | Refusal::Conflict(_))) {
            // One that the database does not take must not take the others with it.
            together = self.importer.commit(|connection| reach.commit(service, connection, true));
        }
        let done = together.map_err(|error| match error {
            Refusal::Away => Error::Database(store::Error::Away),
            Refusal::Busy => Error::Database(store::Error::Busy),
            other => Error::Other(other.to_string()),
        })?;
        for (source, number, place, error) in &done.refused {
            let Some(source) = self.sources.get(*source) else { continue };
            self.report.reject(&source.name, (!source.whole).then_some(*number), *place, error)?;
        }
        self.report.flush()?;
        for (source, progress) in group.progress(&self.sources, &done.counts) {
            if let Some(source) = self.sources.get_mut(source) {
                source.before = Some(progress);
            }
        }
        done.counts.into_values().for_each(|counts| self.summary.now.add(counts));
        if self.summary.stored() >= self.analyze_at {
            self.analyze_at = self.summary.stored().saturating_mul(statistics::GROWTH);
            self.importer.analyze()?;
        }
        Ok(())
    }
}

impl Group {
    /// How far each source of this commit comes by it.
    fn progress(&self, sources: &[Source], counts: &BTreeMap<usize, Counts>) -> Vec<(usize, ImportProgress)> {
        let mut reached: BTreeMap<usize, i64> = BTreeMap::new();
        for item in &self.items {
            reached.insert(item.source, item.number);
        }
        for ended in &self.ended {
            reached.entry(*ended).or_insert(0);
        }
        let progress = |(source, items): (usize, i64)| {
            let before = sources.get(source)?.before.as_ref()?;
            let mut all = Counts::noted(before.counts);
            all.add(counts.get(&source).copied().unwrap_or_default());
            let (items, done) = (items.max(before.items), self.ended.contains(&source));
            Some((source, ImportProgress { items, done, counts: all.numbers(), ..before.clone() }))
        };
        reached.into_iter().filter_map(progress).collect()
    }
}

/// A commit.
struct Reach<'g> {
    group: &'g Group,
    sources: &'g [Source],
}

impl Reach<'_> {
    /// Stores everything in the transaction that is open; `apart` each part in a savepoint.
    fn commit(&mut self, service: &Service, connection: &mut AnyConnection, apart: bool) -> Result<Done, Refusal> {
        let mut done = Done::default();
        let mut run: Vec<(usize, &Draft)> = Vec::new();
        for item in &self.group.items {
            for part in &item.parts {
                match part {
                    Part::Refused { error, place, resources } => done.refuse(item, *place, error.clone(), *resources),
                    Part::One(draft) if !apart => run.push((item.source, draft)),
                    Part::All(drafts) if !apart => run.extend(drafts.iter().map(|draft| (item.source, draft))),
                    _ => {
                        store_run(service, connection, &mut run, &mut done)?;
                        store_part(service, connection, item, part, &mut done)?;
                    }
                }
            }
        }
        store_run(service, connection, &mut run, &mut done)?;
        for (source, progress) in self.group.progress(self.sources, &done.counts) {
            let before = self.sources.get(source).and_then(|source| source.before.as_ref()).map_or(0, |before| before.items);
            note_import(connection, &progress, before, service.clock.now())?;
        }
        Ok(done)
    }
}

fn store_run(service: &Service, connection: &mut AnyConnection, run: &mut Vec<(usize, &Draft)>, done: &mut Done) -> Result<(), Refusal> {
    let drafts: Vec<&Draft> = run.iter().map(|(_, draft)| *draft).collect();
    let stored = store_drafts(service, connection, &drafts)?;
    run.drain(..).zip(stored).for_each(|((source, _), stored)| done.store(source, stored));
    Ok(())
}

/// Stores a part in a savepoint; what is wrong with it is its own, unless the database is away or busy.
fn store_part(service: &Service, connection: &mut AnyConnection, item: &Item, part: &Part, done: &mut Done) -> Result<(), Refusal> {
    let stored = savepoint(connection, |connection| match part {
        Part::One(draft) => store_drafts(service, connection, &[draft.as_ref()]),
        Part::All(drafts) => store_drafts(service, connection, &drafts.iter().collect::<Vec<_>>()),
        Part::Entries(entries) => store_entries(service, connection, entries),
        Part::Refused { error, .. } => Err(error.clone()),
    });
    match stored {
        Ok(stored) => stored.into_iter().for_each(|stored| done.store(item.source, stored)),
        Err(error @ (Refusal::Away | Refusal::Busy)) => return Err(error),
        Err(error) => {
            let place = match part {
                Part::One(draft) => draft.place(),
                Part::Entries(entries) => entries.first().filter(|_| entries.len() == 1).map(|entry| entry.place),
                _ => None,
            };
            done.refuse(item, place, error, part.resources());
        }
    }
    Ok(())
}
