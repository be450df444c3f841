//! A throwaway PostgreSQL cluster, with `fsync` on: what it acknowledged must survive.
//!
//! A `sh` watches over the postmaster and ends it when the pipe from the test process closes, however that process ended.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Superuser of every cluster here; trusted, on 127.0.0.1 only.
const USER: &str = "ensemble";
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The cluster of the whole test process.
static SHARED: LazyLock<Cluster> = LazyLock::new(Cluster::start);

/// URL of a new, empty database in the shared cluster.
pub fn fresh_database() -> String {
    SHARED.fresh_database()
}

/// One cluster. It ends, and its directory goes, with the value or with the test process.
pub struct Cluster {
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    watcher: Option<Child>,
}

impl Cluster {
    /// Makes a cluster and starts it.
    pub fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let programs = programs();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("ensemble-postgres-{}-{number}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        if let Some((user, group)) = unprivileged(&directory) {
            std::os::unix::fs::chown(&directory, Some(user), Some(group)).unwrap();
        }
        let mut cluster = Self { programs, directory, port: 0, watcher: None };
        cluster.initialize();
        // A free port can be taken by another process before the postmaster has it.
        for _ in 0..5 {
            cluster.port = free_port();
            if cluster.try_start() {
                return cluster;
            }
        }
        panic!("PostgreSQL does not start:\n{}", cluster.log());
    }

    /// URL of a new, empty database.
    pub fn fresh_database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name}"));
        format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs one SQL statement in a database and gives what it answered, unaligned.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--host=127.0.0.1"])
            .args([format!("--port={}", self.port), format!("--username={USER}"), format!("--dbname={database}")])
            .args(["--command", sql])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Stops at once, as in a crash (`pg_ctl stop -m immediate`); the data stay.
    pub fn crash(&mut self) {
        self.end(b"keep\n");
    }

    /// Starts again on the same port after [`Cluster::crash`].
    pub fn start_again(&mut self) {
        assert!(self.try_start(), "PostgreSQL does not start again:\n{}", self.log());
    }

    /// Lets every process of the cluster stand still: connections stay open and nothing answers, until [`Cluster::thaw`].
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster = file.lines().next().unwrap().trim().to_owned();
        let is_child = |pid: &String| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|parent| parent.trim() == postmaster))
        };
        let all = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let children = all.filter(|name| name.bytes().all(|b| b.is_ascii_digit())).filter(is_child);
        // The postmaster first, so that it makes no more children.
        for pid in std::iter::once(postmaster.clone()).chain(children) {
            Command::new("kill").args([signal, &pid]).status().unwrap();
        }
    }

    fn initialize(&self) {
        let output = self
            .command("initdb")
            // Collation that is not byte order: what relies on it on one database fails on the other.
            .args(["--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=fr-FR"])
            .args(["--auth=trust", "--no-sync", "--no-instructions", &format!("--username={USER}"), "--pgdata"])
            .arg(self.data())
            .output()
            .unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts the postmaster on `self.port`; false when it ended instead of becoming ready.
    fn try_start(&mut self) -> bool {
        // A crash leaves this file behind, and with it the word `ready`.
        let _ = std::fs::remove_file(self.data().join("postmaster.pid"));
        let _ = std::fs::remove_file(self.directory.join("log"));
        let script = r#"
            directory=$1; shift
            "$@" >>"$directory/log" 2>&1 &
            postmaster=$!
            read -r word
            kill -QUIT $postmaster 2>/dev/null
            wait $postmaster
            if [ "$word" != keep ]; then rm -rf "$directory"; fi
        "#;
        let postgres = self.command("postgres");
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(&self.directory).arg(postgres.get_program()).args(postgres.get_args());
        shell.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "shared_buffers=64MB",
            "wal_level=minimal",
            "max_wal_senders=0",
        ] {
            shell.args(["-c", setting]);
        }
        // A group of its own: Ctrl-C must reach the watcher by the pipe, so that the directory goes too.
        let child = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
        self.watcher = Some(child);
        let begin = Instant::now();
        while begin.elapsed() < START_TIMEOUT {
            if self.is_ready() {
                return true;
            }
            if self.has_failed() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.end(b"keep\n");
        false
    }

    /// The eighth line of `postmaster.pid` is the postmaster's status.
    fn is_ready(&self) -> bool {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        file.lines().nth(7).is_some_and(|status| status.trim() == "ready")
    }

    /// Whether the postmaster said why it cannot start.
    fn has_failed(&self) -> bool {
        // Those who connect too early are told so by the same word.
        self.log().lines().any(|line| line.contains("FATAL:") && !line.contains("the database system is"))
    }

    fn end(&mut self, word: &[u8]) {
        if let Some(mut watcher) = self.watcher.take() {
            if let Some(mut pipe) = watcher.stdin.take() {
                let _ = pipe.write_all(word);
            }
            let _ = watcher.wait();
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// A program of PostgreSQL, run as an unprivileged user where we are root, which PostgreSQL refuses.
    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = match unprivileged(&self.directory) {
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups", "--"]).arg(path);
                command
            }
            None => Command::new(path),
        };
        command.current_dir(&self.directory);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end(b"");
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Where `initdb`, `postgres` and `psql` are: Debian's highest version, or the PATH.
fn programs() -> PathBuf {
    let version = |path: &Path| path.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let mut debian: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
    debian.sort_by_key(|path| std::cmp::Reverse(version(path)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let complete = |directory: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|program| directory.join(program).is_file());
    match debian.into_iter().chain(std::env::split_paths(&path)).find(complete) {
        Some(directory) => directory,
        None => panic!("no PostgreSQL found: these tests need initdb, postgres and psql (Debian package `postgresql`)"),
    }
}

/// The user and group to run PostgreSQL as: those of `postgres` or `nobody` when `directory`, just made by us, is root's.
fn unprivileged(directory: &Path) -> Option<(u32, u32)> {
    let owner = std::fs::metadata(directory).unwrap();
    if std::fs::metadata("/proc/self").map_or(owner.uid(), |process| process.uid()) != 0 {
        return None;
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = |name: &str| {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(user("postgres").or_else(|| user("nobody")).unwrap_or((65534, 65534)))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn databases_are_fresh_and_survive_a_crash() {
    let mut cluster = Cluster::start();
    let (one, two) = (cluster.fresh_database(), cluster.fresh_database());
    assert_ne!(one, two);
    let name = one.rsplit('/').next().unwrap();
    cluster.execute(name, "CREATE TABLE patient (id text)");
    cluster.execute(name, "INSERT INTO patient VALUES ('patient-161849')");
    assert_eq!(cluster.execute(name, "SHOW fsync"), "on");
    cluster.crash();
    assert!(std::net::TcpStream::connect(("127.0.0.1", cluster.port)).is_err());
    cluster.start_again();
    assert_eq!(cluster.execute(name, "SELECT id FROM patient"), "patient-161849");
    let directory = cluster.directory.clone();
    drop(cluster);
    assert!(!directory.exists());
}
