//! Clients that others wrote, from outside (`conformance/clients`): each has a token, deposits, finds, reads and patches, and is refused.
//! They are fetched where their registries answer; where one does not, the test says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use crate::support::{Backend, Server};

/// How long fetching a client may take, seconds.
const PATIENCE: &str = "150";
/// One at a time: each takes the processor for itself.
static TURN: Mutex<()> = Mutex::new(());

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/clients")
}

/// Where fetched clients are kept from one run to the next.
fn kept(name: &str) -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(name);
    std::fs::create_dir_all(&kept).unwrap();
    kept
}

fn run(directory: &Path, command: &[&str]) -> std::io::Result<Output> {
    Command::new("timeout").arg(PATIENCE).args(command).current_dir(directory).output()
}

/// Whether all of it went well; else what stood in the way is told.
fn fetched(name: &str, directory: &Path, commands: &[&[&str]]) -> bool {
    let failed = commands.iter().find_map(|command| match run(directory, command) {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("{command:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))),
        Err(error) => Some(format!("{command:?}: {error}")),
    });
    if let Some(why) = &failed {
        println!("{name} is not to be had here: {why}");
    }
    failed.is_none()
}

/// Runs an exchange on both databases; it prints these steps.
fn exchanges(directory: &Path, command: &[&str], steps: &[&str]) {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let server = Server::start(backend, &[]);
        let base = format!("{}/fhir", server.root);
        let output = run(directory, &[command, &[&base]].concat()).unwrap();
        let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let done: Vec<&str> = said.lines().filter(|line| !line.starts_with("SLF4J")).collect();
        assert!(output.status.success() && done == steps, "{backend:?} {done:?}\n{told}");
    }
}

#[test]
fn python_has_the_exchange_with_fhirpy() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = kept("python");
    let install = ["venv/bin/pip", "install", "-q", "--retries", "0", "--timeout", "10", "fhirpy==2.3.1"];
    if fetched("fhirpy", &directory, &[&["python3", "-m", "venv", "venv"], &install]) {
        let script = scripts().join("fhirpy_exchange.py");
        exchanges(
            &directory,
            &["venv/bin/python", "-B", script.to_str().unwrap()],
            &["token", "consent", "deposit", "find", "read", "patch"],
        );
    }
}

#[test]
fn node_has_the_exchange_with_fhir_kit_client() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = kept("node");
    let install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--fetch-retries=0", "--prefix", ".", "fhir-kit-client@2.0.3"];
    if fetched("fhir-kit-client", &directory, &[&install]) {
        // Node looks for packages beside the script.
        std::fs::copy(scripts().join("fhir_kit_exchange.mjs"), directory.join("exchange.mjs")).unwrap();
        exchanges(&directory, &["node", "exchange.mjs"], &["conformance", "token", "consent", "deposit", "find", "read", "patch"]);
    }
}

#[test]
fn java_has_the_exchange_with_hapi_in_json_and_xml() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = kept("java");
    let project = scripts().join("hapi");
    let pom = project.join("pom.xml");
    let classpath = directory.join("classpath");
    let fetch = [
        "mvn",
        "-q",
        "-B",
        "-f",
        pom.to_str().unwrap(),
        "dependency:build-classpath",
        &format!("-Dmdep.outputFile={}", classpath.display()),
    ];
    if fetched("the HAPI client", &directory, &[&["java", "-version"], &fetch]) {
        let (program, classpath) = (project.join("Exchange.java"), std::fs::read_to_string(classpath).unwrap());
        let steps = ["JSON", "XML"]
            .map(|encoding| ["token", "consent", "deposit", "find", "read", "patch"].map(|step| format!("{encoding} {step}")));
        let steps: Vec<&str> = steps.iter().flatten().map(String::as_str).collect();
        exchanges(&directory, &["java", "-cp", classpath.trim(), program.to_str().unwrap()], &steps);
    }
}
