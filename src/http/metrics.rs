//! Counters for Prometheus: process and interactions, nothing per holder (CONTRACT 1).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::store::Store;

/// What a request was and what came of it.
type Key = (&'static str, u16);

/// The counters of one server.
#[derive(Debug)]
pub struct Metrics {
    started: Instant,
    requests: Mutex<BTreeMap<Key, (u64, Duration)>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { started: Instant::now(), requests: Mutex::default() }
    }
}

impl Metrics {
    /// Counts a request.
    pub fn count(&self, interaction: &'static str, status: u16, took: Duration) {
        if let Ok(mut requests) = self.requests.lock() {
            let (count, total) = requests.entry((interaction, status)).or_default();
            *count += 1;
            *total += took;
        }
    }

    /// The text format of Prometheus.
    pub fn render(&self, store: &Store) -> String {
        let mut text = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, lines: &[(String, String)]| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in lines {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let plain = |value: String| vec![(String::new(), value)];
        metric("ensemble_uptime_seconds", "gauge", "Seconds since the start.", &plain(self.started.elapsed().as_secs().to_string()));
        metric("ensemble_statements_total", "counter", "Statements sent to the database.", &plain(Store::statements().to_string()));
        metric("ensemble_commits_total", "counter", "Commits shared by writes and traces.", &plain(store.commits().to_string()));
        let requests = self.requests.lock().map(|requests| requests.clone()).unwrap_or_default();
        let labels = |(interaction, status): &Key| format!("{{interaction=\"{interaction}\",status=\"{status}\"}}");
        let counts: Vec<_> = requests.iter().map(|(key, (count, _))| (labels(key), count.to_string())).collect();
        let sums: Vec<_> = requests.iter().map(|(key, (_, total))| (labels(key), format!("{:.6}", total.as_secs_f64()))).collect();
        metric("ensemble_requests_total", "counter", "Requests answered.", &counts);
        metric("ensemble_request_seconds_total", "counter", "Seconds spent on requests.", &sums);
        text
    }
}
