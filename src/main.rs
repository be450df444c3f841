//! The command line: reads what is asked, opens what is needed, serves. Nothing to test here.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Parser, Subcommand};
use ensemble::auth::{Issuer, PublicKey, Sealer, TrustedIssuer, Verifier, digest};
use ensemble::clock::{Clock, TIMES};
use ensemble::config::{Admission, ApplicationConfig, BODY_BYTES_MAX, Config, Environment};
use ensemble::fhir::primitive::{format_instant, parse_instant};
use ensemble::fhir::{Document, Format, second_opinion};
use ensemble::http::{Sandbox, State, serve, serve_metrics};
use ensemble::import::{INTERRUPTED, Options, import};
use ensemble::interaction::{Identities, Service, Settings};
use ensemble::policy::table::day;
use ensemble::policy::{Application, Catalogue, Policy};
use ensemble::store::{LawRow, Stamp, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// FHIR R4 server for the French digital health space and its shared health record.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A server with its own issuer and invented people, on this machine only.
    Sandbox {
        /// Where to listen; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// `sqlite:PATH`, `sqlite::memory:` (a private temporary file) or `postgres://…`
        #[arg(long, default_value = "sqlite:var/sandbox.db")]
        database: String,
        /// The address of the FHIR base in links.
        #[arg(long)]
        base_url: Option<String>,
        /// Nobody invented.
        #[arg(long)]
        empty: bool,
        /// The instant at which the clock starts, RFC 3339.
        #[arg(long)]
        now: Option<String>,
        /// A request without a token is a tester's.
        #[arg(long)]
        open: bool,
        /// A directory with other tables of the law.
        #[arg(long)]
        authorization: Option<PathBuf>,
    },
    /// The production server.
    Serve {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Brings a database to this version's tables.
    Migrate {
        /// The database.
        #[arg(long)]
        database: String,
    },
    /// Fills a sandbox with Bundles and NDJSON, as a tester keeps them; goes on where an import was interrupted.
    #[command(long_about = IMPORT, after_help = IMPORT_EXITS)]
    Import {
        /// Files and directories (.json, .ndjson, .json.gz, .ndjson.gz); `-` is standard input.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// `sqlite:PATH` or `postgres://…`; made and migrated where it is new.
        #[arg(long, default_value = "sqlite:var/sandbox.db")]
        database: String,
        /// The address of the FHIR base: references that begin with it become relative.
        #[arg(long, default_value = "http://127.0.0.1:8080/fhir")]
        base_url: String,
        /// A file to which every rejection is added, one JSON object a line.
        #[arg(long)]
        rejected: Option<PathBuf>,
        /// Start over with files that were imported before, wholly or in part.
        #[arg(long)]
        restart: bool,
        /// The summary as JSON.
        #[arg(long)]
        json: bool,
        /// Also tell which files of directories are not imported.
        #[arg(long)]
        verbose: bool,
    },
    /// Checks the authorization tables and, where named, a configuration and a database.
    Check {
        /// A directory with other tables of the law than the configuration's, or than those of this binary.
        #[arg(long)]
        authorization: Option<PathBuf>,
        /// The configuration file.
        #[arg(long)]
        config: Option<PathBuf>,
        /// The database.
        #[arg(long)]
        database: Option<String>,
        /// Files of one resource each, JSON or XML: tells everything this server would refuse, and whether another library reads them alike.
        #[arg(long, num_args = 1..)]
        resources: Vec<PathBuf>,
    },
    /// Says what the authorization matrix says, and what the national table would change of it.
    Matrix {
        #[command(subcommand)]
        command: MatrixCommand,
    },
}

#[derive(Subcommand)]
enum MatrixCommand {
    /// Shows who may consult a type of document, what a profession may consult, or the one cell of both, with rule and source.
    Explain {
        /// A type: a code of LOINC or TRE_A05, alone or after its system and `|`.
        #[arg(long = "type", required_unless_present = "profession")]
        doc_type: Option<String>,
        /// A profession: a code of TRE_G15, or `TRE_R85|330`.
        #[arg(long)]
        profession: Option<String>,
        /// The day, as 2026-11-23; by default today.
        #[arg(long)]
        at: Option<String>,
        /// A directory with other tables of the law.
        #[arg(long)]
        authorization: Option<PathBuf>,
    },
    /// Compares files of the national table with the matrix, and writes the matrix that says the same.
    #[command(long_about = MATRIX_IMPORT)]
    Import {
        /// Files with `;`, `,` or tabs between the cells.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The day from which the table is in force, as 2026-11-23; by default today, to compare.
        #[arg(long)]
        since: Option<String>,
        /// The key of the table in sources.tsv.
        #[arg(long)]
        source: Option<String>,
        /// Where to write the new matrix.tsv.
        #[arg(long, requires_all = ["since", "source"])]
        output: Option<PathBuf>,
        /// What a code of the table's own means, as `7=TRE_G15|28`; then no other codes are taken.
        #[arg(long = "profession", value_name = "CODE=PROFESSION")]
        professions: Vec<String>,
        /// A directory with other tables of the law.
        #[arg(long)]
        authorization: Option<PathBuf>,
    },
}

/// What `ensemble matrix import --help` says first.
const MATRIX_IMPORT: &str = "\
Compares files of the national table with the matrix, and writes the matrix that says the same.

The table has one row for each profession, category and type of document, and says whether the profession may consult. Its columns
are field_code_profession, field_categorie_de_document, field_code_loinc and field_consultation_document, or profession, category,
type and consultation; beside may stand profession_system, profession_label, category_label and type_label. A code of a profession is
one of TRE_G15, unless profession_system, `SYSTEM|CODE` or --profession says otherwise: see that the labels shown are those of the
table. A category is a code or label of TRE_A03 and must be that of the type. A row that is not understood refuses the whole, with its place.

Of a profession that the table names it is the whole truth: what it does not name becomes unknown, and is denied. Other professions
stay as they are. What opens a type to a profession is shown first. In the new matrix no row is deleted: what ends has an end, and
what begins has an id never used before.";

/// What `ensemble import --help` says first.
const IMPORT: &str = "\
Fills a sandbox with Bundles and NDJSON, as a tester keeps them.

Every resource is read, validated and indexed as if it were sent. One with an id is written under it: new, a new version, or
left as it is where the same content is stored already; one without gets an id. A transaction is all or nothing and a batch each
entry for itself, with their links and conditions; a document or message stays one Bundle; of any other Bundle each
resource is stored for itself. A file whose first line is a whole JSON value is NDJSON whatever its name; in a directory Synthea's
hospitalInformation and practitionerInformation come first. A line, or a file that is one Bundle, has at most 50 MiB.

What is rejected is told with its reason, and the import goes on. How far it came is stored with each commit: run again after
Ctrl-C, a kill or a fault of the database, it goes on there, and repeats nothing. A file is known by its content, whatever its
name; standard input is always read from its beginning. A server may run on the same database: on SQLite the two take turns.
A production database is refused: records come in by the API, whose rules need a caller.";

/// And last.
const IMPORT_EXITS: &str =
    "Exit code: 0 all is stored; 2 something was rejected, now or by the import that this one goes on with; 1 a fault; 130 interrupted.";

/// What goes wrong at start is told to the person who started it.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// What an import ends with when something was rejected.
const REJECTED: u8 = 2;

fn main() -> std::process::ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ENSEMBLE_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let command = Arguments::parse().command;
    if let Command::Import { paths, database, base_url, rejected, restart, json, verbose } = command {
        let options = Options { paths, rejected, restart, verbose };
        return fill(&options, &database, &base_url, json).unwrap_or_else(|error| failed(error.as_ref()));
    }
    let done = match command {
        Command::Import { .. } => Ok(()),
        Command::Sandbox { listen, database, base_url, empty, now, open, authorization } => law(authorization.as_deref(), false)
            .and_then(|policy| sandbox(listen, &database, base_url, empty, now.as_deref(), open, policy)),
        Command::Serve { config } => production(&config),
        Command::Migrate { database } => migrate(&database),
        Command::Check { authorization, config, database, resources } => {
            check(authorization.as_deref(), config.as_deref(), database.as_deref()).and_then(|()| check_resources(&resources))
        }
        Command::Matrix { command: MatrixCommand::Explain { doc_type, profession, at, authorization } } => {
            explain(doc_type.as_deref(), profession.as_deref(), at.as_deref(), authorization.as_deref())
        }
        Command::Matrix { command: MatrixCommand::Import { files, since, source, output, professions, authorization } } => {
            let written = output.as_deref().zip(source.as_deref());
            import_matrix(&files, since.as_deref(), written, &professions, authorization.as_deref())
        }
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => failed(error.as_ref()),
    }
}

fn failed(error: &dyn std::error::Error) -> std::process::ExitCode {
    eprintln!("ensemble: {error}");
    std::process::ExitCode::FAILURE
}

/// Tells the person who started it; nobody may be listening any more.
fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The law of a directory, or that of this binary.
fn law(directory: Option<&Path>, accept_provisional: bool) -> Result<Policy, Box<dyn std::error::Error>> {
    let files = ensemble::law::files(directory)?;
    Policy::load(&files, accept_provisional, digest::sha256_hex)
        .map_err(|faults| format!("the authorization tables are no law:\n{faults}").into())
}

/// The law for the applications of a configuration.
fn catalogued(policy: Policy, config: &Config) -> Result<Policy, String> {
    let unknown = |code| format!("`application`: no application is allowed the purpose `{code}`");
    let each = |one: &ApplicationConfig| Application { client: one.client.clone(), purposes: one.purposes.clone() };
    policy.with_catalogue(Catalogue::Of(config.application.iter().map(each).collect())).map_err(unknown)
}

/// Keeps what the law is beside the traces that will name it.
fn note_law(store: &Store, policy: &Policy, now: i64) -> Outcome {
    let law = policy.law();
    let row = LawRow { version: law.version.clone(), digest: law.digest.clone(), tables: law.table_list(), since: now };
    Ok(store.note_law(&row)?)
}

fn sandbox(
    listen: SocketAddr,
    database: &str,
    base_url: Option<String>,
    empty: bool,
    now: Option<&str>,
    open: bool,
    policy: Policy,
) -> Outcome {
    if !listen.ip().is_loopback() {
        return Err("the sandbox lets anybody be anybody: it listens on loopback only".into());
    }
    let clock = Clock::default();
    let mut started = clock.now();
    if let Some(now) = now {
        let now = parse_instant(now).filter(|now| TIMES.contains(now));
        started = now.ok_or("`--now` is an instant from 2020 to 2299, as 2026-11-23T10:00:00Z")?;
        clock.set(started);
    }
    let store = Store::open(database, Some(Stamp::Sandbox), true)?;
    note_law(&store, &policy, started)?;
    let listener = TcpListener::bind(listen)?;
    let root = format!("http://{}", listener.local_addr()?);
    let base_url = base_url.map_or_else(|| format!("{root}/fhir"), |base| base.trim_end_matches('/').to_owned());
    let issuer = Issuer::new(&base_url)?;
    let trusted = TrustedIssuer { name: "ensemble-sandbox".into(), audience: base_url.clone(), key: issuer.public_key()?, testers: true };
    let verifier = Verifier::new(vec![trusted], clock.clone());
    let service = Service {
        store,
        policy: Arc::new(policy),
        clock,
        sealer: Sealer::fresh()?,
        base_url: base_url.into(),
        settings: Arc::new(Settings::sandbox()),
    };
    actix_web::rt::System::new().block_on(async move {
        if !empty {
            ensemble::sandbox::populate(&service, &issuer, &verifier, started).await?;
        }
        let state = State::new(service, verifier, Some(Sandbox { issuer, open }), BODY_BYTES_MAX);
        let server = serve(listener, state)?;
        say(&format!("ready {root}/fhir"));
        say(&format!("people and ready-made token requests: curl {root}/sandbox/people"));
        say(&format!(
            "a token: curl {root}/sandbox/token -d '{{\"kind\":\"professional\",\"id\":\"810000000101\",\"profession\":\"10\"}}'"
        ));
        server.await?;
        Ok(())
    })
}

/// Imports, and tells what was done.
fn fill(options: &Options, database: &str, base_url: &str, json: bool) -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    let service = Service {
        store: Store::open(database, Some(Stamp::Sandbox), true)?,
        policy: Arc::new(Policy::embedded(false, digest::sha256_hex)?),
        clock: Clock::default(),
        sealer: Sealer::fresh()?,
        base_url: base_url.trim_end_matches('/').into(),
        settings: Arc::new(Settings::sandbox()),
    };
    let summary = import(&service, options)?;
    say(&if json { summary.json().to_string() } else { summary.to_string() });
    Ok(match &summary {
        summary if summary.interrupted => INTERRUPTED.into(),
        summary if summary.has_rejected() => REJECTED.into(),
        _ => std::process::ExitCode::SUCCESS,
    })
}

fn production(path: &Path) -> Outcome {
    let config = Config::read(path, |name| std::env::var(name).ok())?;
    let clock = Clock::default();
    let policy = catalogued(law(config.authorization.as_deref(), config.accept_provisional)?, &config)?;
    let [confirmed, provisional, unknown] = policy.matrix().counts();
    let applied = if config.accept_provisional { "confirmed and provisional" } else { "confirmed" };
    say(&format!(
        "authorization tables {}: {applied} cells apply ({confirmed} confirmed, {provisional} provisional, {unknown} unknown)",
        policy.version()
    ));
    let mut issuers = Vec::new();
    for issuer in &config.issuer {
        let pem = std::fs::read(&issuer.key).map_err(|error| format!("{}: {error}", issuer.key.display()))?;
        let key =
            PublicKey::from_pem(&pem).map_err(|_| format!("{}: no public key of P-256 or of RSA with 2048 bits", issuer.key.display()))?;
        issuers.push(TrustedIssuer { name: issuer.name.clone(), audience: issuer.audience.clone(), key, testers: false });
    }
    let store = Store::open(config.database.as_deref().unwrap_or_default(), Some(Stamp::Production), false)?;
    store.require_durable()?;
    note_law(&store, &policy, clock.now())?;
    let identities = if config.environment == Environment::Test { Identities::Test } else { Identities::Real };
    let settings = Settings {
        identities,
        strict_search: config.strict_search,
        strict_admission: config.admission == Admission::Strict,
        masked_and_hidden: config.masked_and_hidden,
        sandbox: false,
    };
    let service = Service {
        store,
        policy: Arc::new(policy),
        clock: clock.clone(),
        sealer: Sealer::from_secret(config.cursor_secret.as_deref().unwrap_or_default()),
        base_url: config.base_url.as_str().into(),
        settings: Arc::new(settings),
    };
    let listener = TcpListener::bind(config.listen)?;
    let address = listener.local_addr()?;
    let metrics = config.metrics_listen.map(TcpListener::bind).transpose()?;
    actix_web::rt::System::new().block_on(async move {
        let state = State::new(service, Verifier::new(issuers, clock), None, config.body_bytes_max);
        let server = serve(listener, Arc::clone(&state))?;
        let beside = match metrics {
            Some(listener) => {
                let (beside, handle) = serve_metrics(listener, state)?;
                actix_web::rt::spawn(beside);
                Some(handle)
            }
            None => None,
        };
        say(&format!("ready http://{address}/fhir"));
        server.await?;
        if let Some(handle) = beside {
            handle.stop(false).await;
        }
        Ok(())
    })
}

fn migrate(database: &str) -> Outcome {
    Store::open(database, None, true)?;
    say("migrated");
    Ok(())
}

fn check(authorization: Option<&Path>, config: Option<&Path>, database: Option<&str>) -> Outcome {
    let config = config.map(|path| Config::read(path, |name| std::env::var(name).ok())).transpose()?;
    let directory = authorization.or(config.as_ref().and_then(|config| config.authorization.as_deref()));
    let files = ensemble::law::files(directory)?;
    let policy = Policy::load(&files, config.as_ref().is_some_and(|config| config.accept_provisional), digest::sha256_hex);
    let faults = match &policy {
        Ok(policy) => {
            let [confirmed, provisional, unknown] = policy.matrix().counts();
            let law = policy.law();
            say(&format!(
                "authorization tables {}: {confirmed} confirmed, {provisional} provisional, {unknown} unknown cells",
                law.version
            ));
            say(&format!("sha256 {}, of\n{}", law.digest, law.table_list().trim_end()));
            0
        }
        Err(error) => {
            say(&error.to_string());
            error.findings().len()
        }
    };
    if let Some(config) = &config {
        for issuer in &config.issuer {
            let pem = std::fs::read(&issuer.key).map_err(|error| format!("{}: {error}", issuer.key.display()))?;
            PublicKey::from_pem(&pem).map_err(|_| format!("{}: no usable public key", issuer.key.display()))?;
        }
        if let Ok(policy) = policy {
            catalogued(policy, config)?;
        }
        say("configuration: good");
    }
    if let Some(url) = database.or(config.as_ref().and_then(|config| config.database.as_deref())) {
        let store = Store::open(url, None, false)?;
        say(&format!("database: migrated, stamped `{}`", store.stamp()?.as_deref().unwrap_or("nothing")));
        for law in store.laws()? {
            say(&format!("decisions by {} since {}: sha256 {}", law.version, format_instant(law.since), law.digest));
        }
    }
    if faults > 0 { Err(format!("the authorization tables are no law: {faults} faults").into()) } else { Ok(()) }
}

/// Days since 1970 of a day as it is given, or today's.
fn day_of(text: Option<&str>, option: &str) -> Result<i32, String> {
    match text {
        Some(text) => day(text).ok_or_else(|| format!("`{option}` is a day, as 2026-11-23")),
        None => Ok(i32::try_from(Clock::default().now().div_euclid(86_400_000_000)).unwrap_or_default()),
    }
}

fn explain(doc_type: Option<&str>, profession: Option<&str>, at: Option<&str>, authorization: Option<&Path>) -> Outcome {
    let policy = law(authorization, false)?;
    say(&ensemble::law::explain(policy.matrix(), doc_type, profession, day_of(at, "--at")?)?);
    Ok(())
}

fn import_matrix(
    paths: &[PathBuf],
    since: Option<&str>,
    written: Option<(&Path, &str)>,
    professions: &[String],
    authorization: Option<&Path>,
) -> Outcome {
    let tables = ensemble::law::files(authorization)?;
    let (policy, since) = (law(authorization, false)?, day_of(since, "--since")?);
    let national = ensemble::law::national(paths, professions, policy.matrix())?;
    let difference = ensemble::law::Difference::new(policy.matrix(), &national, since);
    say(&difference.to_string());
    if let Some((path, source)) = written {
        difference.write(&tables, source, path)?;
        say(&format!("written: {}", path.display()));
    }
    Ok(())
}

/// Tells what is wrong with each file, as a request with it would be told.
fn check_resources(paths: &[PathBuf]) -> Outcome {
    let mut refused = 0;
    for path in paths {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let xml = bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b'<' | 0xef));
        let said = match Document::read(if xml { Format::Xml } else { Format::Json }, &bytes) {
            Err(error) => vec![error.to_string()],
            Ok(document) => match document.validate() {
                issues if issues.is_empty() => match second_opinion(&document.value) {
                    Ok(()) => Vec::new(),
                    Err(difference) => {
                        say(&format!("{}: valid; {difference}", path.display()));
                        continue;
                    }
                },
                issues => issues.into_iter().map(|issue| format!("{}: {}", issue.expression, issue.message)).collect(),
            },
        };
        refused += usize::from(!said.is_empty());
        said.iter().for_each(|line| say(&format!("{}: {line}", path.display())));
        if said.is_empty() {
            say(&format!("{}: valid; fhirbolt reads it alike", path.display()));
        }
    }
    if refused > 0 { Err(format!("{refused} of {} files are not valid", paths.len()).into()) } else { Ok(()) }
}
