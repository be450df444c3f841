//! The built binary as a child process, and an HTTP client for it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::answer::Answer;
use super::postgres;

/// The two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The embedded one.
    Sqlite,
    /// A throwaway cluster.
    Postgres,
}

/// Runs a test on both databases.
pub fn on_both(test: impl Fn(Backend)) {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        test(backend);
    }
}

/// A running `ensemble sandbox`; it ends with the value.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub root: String,
    /// The URL of its database.
    pub database: String,
    /// What it prints beside the `ready` line.
    agent: ureq::Agent,
    tokens: Mutex<HashMap<String, String>>,
    directory: Option<PathBuf>,
}

/// The built binary.
pub fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ensemble"))
}

/// A new directory for one test.
pub fn directory() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("ensemble-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir(&directory).unwrap();
    directory
}

impl Server {
    /// An empty sandbox on a fresh database.
    pub fn empty(backend: Backend) -> Self {
        Self::start(backend, &["--empty"])
    }

    /// An empty sandbox, open to testers without a token, on a fresh database.
    pub fn open(backend: Backend) -> Self {
        Self::start(backend, &["--empty", "--open"])
    }

    /// A sandbox with these arguments on a fresh database.
    pub fn start(backend: Backend, arguments: &[&str]) -> Self {
        match backend {
            Backend::Sqlite => {
                let directory = directory();
                let mut server = Self::on(&format!("sqlite:{}/test.db", directory.display()), arguments);
                server.directory = Some(directory);
                server
            }
            Backend::Postgres => Self::on(&postgres::fresh_database(), arguments),
        }
    }

    /// A sandbox with these arguments on this database.
    pub fn on(database: &str, arguments: &[&str]) -> Self {
        Self::ready(binary().args(["sandbox", "--listen", "127.0.0.1:0", "--database", database]).args(arguments), database)
    }

    /// `ensemble serve` with this configuration of this database; `tokens` are those of others, by what a sandbox would be asked for.
    pub fn serving(config: &str, database: &str, tokens: HashMap<String, String>) -> Self {
        let server = Self::ready(binary().args(["serve", "--config", config]), database);
        *server.tokens.lock().unwrap() = tokens;
        server
    }

    fn ready(command: &mut Command, database: &str) -> Self {
        let mut child = command.env("ENSEMBLE_LOG", "error").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let of = |line: String| line.strip_prefix("ready ").and_then(|url| url.strip_suffix("/fhir")).map(ToOwned::to_owned);
        let Some(root) = lines.into_iter().find_map(of) else {
            let mut said = String::new();
            let _ = child.stderr.take().unwrap().read_to_string(&mut said);
            panic!("the server is not ready: {said}");
        };
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(60)));
        let agent = config.max_idle_connections_per_host(16).allow_non_standard_methods(true).build().new_agent();
        Self { child, root, database: database.to_owned(), agent, tokens: Mutex::default(), directory: None }
    }

    /// Kills it as a power cut would, and starts it again on the same database.
    pub fn kill_and_start(mut self, arguments: &[&str]) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let directory = self.directory.take();
        let mut next = Self::on(&self.database, arguments);
        next.directory = directory;
        next
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop and waits; the exit code and how long it took.
    pub fn terminate(mut self) -> (Option<i32>, Duration) {
        let begin = Instant::now();
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        let code = self.child.wait().unwrap().code();
        (code, begin.elapsed())
    }

    /// The token for a request of `/sandbox/token`, made once for each.
    pub fn token(&self, request: &Value) -> String {
        let key = request.to_string();
        if let Some(token) = self.tokens.lock().unwrap().get(&key) {
            return token.clone();
        }
        let answer = self.send("POST", "/sandbox/token", &[], Some(key.as_bytes()));
        assert_eq!(answer.status, 200, "{request}: {}", answer.text());
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        self.tokens.lock().unwrap().insert(key, token.clone());
        token
    }

    /// Forgets the tokens, which time has made old.
    pub fn forget_tokens(&self) {
        self.tokens.lock().unwrap().clear();
    }

    /// Moves the clock.
    pub fn advance(&self, duration: &str) {
        let answer = self.send("POST", "/sandbox/clock", &[], Some(json!({"advance": duration}).to_string().as_bytes()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.forget_tokens();
    }

    /// Any request; `path` begins with `/` and goes to the root.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        self.try_send(method, path, headers, body).unwrap()
    }

    /// Any request that may find the server gone.
    pub fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<Answer, ureq::Error> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.root) };
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => self.agent.run(request.body(body).unwrap())?,
            None => self.agent.run(request.body(()).unwrap())?,
        };
        Answer::read(response)
    }

    /// The bytes of an answer as they travel, headers and all, one character for each.
    pub fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let host = self.root.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        std::io::Write::write_all(
            &mut stream,
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{more}\r\n").as_bytes(),
        )
        .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes.into_iter().map(char::from).collect()
    }

    /// A request under the FHIR base by whoever this token request describes.
    pub fn fhir(&self, who: &Value, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let is_resource = body.is_none_or(|body| body["resourceType"] == "Parameters");
        let content = if method == "PATCH" && !is_resource { "application/json-patch+json" } else { "application/fhir+json" };
        self.fhir_with(who, method, path, &[("content-type", content)], body.map(|body| body.to_string().into_bytes()).as_deref())
    }

    /// The same with these headers and bytes.
    pub fn fhir_with(&self, who: &Value, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        let token = format!("Bearer {}", self.token(who));
        let mut all = vec![("authorization", token.as_str())];
        all.extend(headers.iter().filter(|(name, _)| body.is_some() || *name != "content-type"));
        let path = if path.starts_with("http") { path.to_owned() } else { format!("/fhir/{path}") };
        self.send(method, &path, &all, body)
    }

    /// Reads or searches.
    pub fn get(&self, who: &Value, path: &str) -> Answer {
        self.fhir(who, "GET", path, None)
    }

    /// Creates a resource of the type it says it is.
    pub fn create(&self, who: &Value, resource: &Value) -> Answer {
        self.fhir(who, "POST", resource["resourceType"].as_str().unwrap(), Some(resource))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(directory) = &self.directory {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}
