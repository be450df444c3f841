//! `ensemble import`: Bundles and NDJSON into a sandbox, by the same reading, validation and indexing as a request.
//!
//! One thread reads lines, as many as there are cores understand them (`work`), one writes (`writer`): in order, many resources in a
//! commit, each commit with the place it comes to, so that what was interrupted goes on where the last commit ended. What waits
//! between the threads is bounded in bytes (`budget`).

mod budget;
mod plan;
mod progress;
mod read;
mod report;
mod source;
mod stop;
mod work;
mod writer;

pub use report::{Counts, Summary};
pub use stop::INTERRUPTED;

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::interaction::load::Part;
use crate::interaction::{Error as Refusal, Request, Service};
use crate::policy::Caller;
use crate::store::{self, ImportProgress};
use budget::Budget;
use progress::Progress;
use report::Report;
use stop::Stop;

/// What is asked of an import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Files and directories; `-` for standard input.
    pub paths: Vec<PathBuf>,
    /// A file for what is rejected, NDJSON.
    pub rejected: Option<PathBuf>,
    /// Start over with files that were imported, wholly or in part.
    pub restart: bool,
    /// Tell what is skipped.
    pub verbose: bool,
}

/// Why an import ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// The database.
    #[error("{0}")]
    Database(#[from] store::Error),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// What goes from the reader to those who understand: some lines of a source.
struct Job {
    /// The place in the order of all.
    place: u64,
    source: usize,
    bytes: usize,
    /// Bytes of files read by then.
    read: u64,
    lines: Vec<Line>,
}

/// A line of NDJSON, or a whole file.
struct Line {
    /// From 1.
    number: i64,
    text: Result<Vec<u8>, Refusal>,
}

/// What the writer is told, in the order of `place`.
struct Told {
    place: u64,
    bytes: usize,
    /// Bytes of files read by then.
    read: u64,
    what: What,
}

enum What {
    /// Another source begins.
    Begins(Source),
    /// What is in some lines of a source.
    Lines(usize, Vec<(i64, Vec<Part>)>),
    /// The source is read to its end.
    Ends(usize),
    /// It can be read no further.
    Fault(Error),
}

/// A source as the writer knows it.
struct Source {
    /// Its name, for people.
    name: String,
    /// Whether its lines have numbers: not where it is one resource.
    whole: bool,
    /// How far it had come; nothing is noted of a stream.
    before: Option<ImportProgress>,
    /// A source before it with the same content.
    same_as: Option<String>,
}

/// Items that wait between two threads at most.
const QUEUE: usize = 256;

/// Imports what is named into a sandbox, and tells on standard error what happens.
///
/// # Errors
/// [`Error`]: nothing more was stored then; what was committed stays, and is known the next time.
pub fn import(service: &Service, options: &Options) -> Result<Summary, Error> {
    let plan = plan::plan(&options.paths, options.rejected.as_deref())?;
    let begun = Instant::now();
    let progress = Progress::new(plan.bytes);
    let mut report = Report::open(options.rejected.as_deref(), options.restart, progress)?;
    if options.verbose {
        plan.skipped
            .iter()
            .for_each(|path| report.say(&format!("{}: not imported, it is no .json, .ndjson or .gz of them", path.display())));
    }
    let caller = Caller::tester().ok_or_else(|| Error::Other("no caller".into()))?;
    let request = Request::new(Arc::new(caller), "import");
    let mut importer = service.store.importer()?;
    let (stop, budget, read) = (Stop::on_signals(), Budget::default(), AtomicU64::new(0));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let written = std::thread::scope(|scope| {
        let (jobs, taken) = sync_channel::<Job>(QUEUE);
        let (told, heard) = sync_channel::<Told>(QUEUE);
        let taken = Arc::new(Mutex::new(taken));
        for _ in 0..workers {
            let (taken, told, request) = (Arc::clone(&taken), told.clone(), &request);
            scope.spawn(move || work::work(service, request, &taken, &told));
        }
        drop(taken);
        let reader = read::Reader { service, plan: &plan, options, stop: &stop, budget: &budget, read: &read, jobs, told };
        scope.spawn(move || reader.run());
        let mut writer = writer::Writer::new(service, &mut importer, &mut report, &budget, &read, &stop);
        writer.restart = options.restart;
        let written = writer.run(&heard);
        // Whoever still reads or works finds nobody listening.
        budget.close();
        drop(heard);
        written
    });
    report.clear();
    if written.is_err() {
        report.say("not finished: what was committed stays, and the same command goes on from there");
    }
    let mut summary = written?;
    if summary.stored() > 0 {
        importer.finish()?;
    }
    summary.skipped = plan.skipped.len();
    summary.seconds = begun.elapsed().as_secs_f64();
    tracing::info!(
        import.files = summary.files,
        import.created = summary.now.created,
        import.updated = summary.now.updated,
        import.unchanged = summary.now.unchanged,
        import.deleted = summary.now.deleted,
        import.rejected = summary.now.rejected,
        import.interrupted = summary.interrupted,
        duration_s = summary.seconds,
        "import"
    );
    Ok(summary)
}
