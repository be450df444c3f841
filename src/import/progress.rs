//! The line that tells on a terminal how far an import is; elsewhere nothing.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(200);
/// Signs of the bar.
const WIDTH: usize = 24;

/// The line.
#[derive(Debug)]
pub struct Progress {
    /// Bytes in all, where that is known.
    total: Option<u64>,
    begun: Instant,
    drawn: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// Nothing drawn yet.
    pub fn new(total: Option<u64>) -> Self {
        let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { total, begun: Instant::now(), drawn: None, terminal }
    }

    /// Draws it, where it is time to.
    pub fn draw(&mut self, read: u64, resources: u64, rejected: u64) {
        if !self.terminal || self.drawn.is_some_and(|drawn| drawn.elapsed() < EVERY) {
            return;
        }
        self.drawn = Some(Instant::now());
        let line = line(self.total, read, resources, rejected, self.begun.elapsed().as_secs_f64());
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush());
    }

    /// Takes it away, before something else is told.
    pub fn clear(&mut self) {
        if self.terminal && self.drawn.take().is_some() {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r\x1b[2K").and_then(|()| out.flush());
        }
    }
}

fn line(total: Option<u64>, read: u64, resources: u64, rejected: u64, seconds: f64) -> String {
    let rate = if seconds > 0.0 { super::report::number(resources) / seconds } else { 0.0 };
    let refused = if rejected > 0 { format!(", {rejected} rejected") } else { String::new() };
    let counts = format!("{resources} resources, {rate:.0}/s{refused}");
    let Some(total) = total.filter(|total| *total > 0) else { return counts };
    let share = (super::report::number(read) / super::report::number(total)).clamp(0.0, 1.0);
    let full = (0..WIDTH).filter(|place| (super::report::number(u64::try_from(*place).unwrap_or(0)) + 0.5) < share * 24.0).count();
    let bar = format!("{}{}", "#".repeat(full), "-".repeat(WIDTH.saturating_sub(full)));
    let left = if share > 0.01 { format!(", {} left", clock(seconds / share - seconds)) } else { String::new() };
    format!("[{bar}] {:.0} % {counts}{left}", share * 100.0)
}

/// Seconds as people read them.
fn clock(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default().as_secs();
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_share_rate_and_time() {
        let rows = [
            (None, 10, 500, 0, 2.0, "500 resources, 250/s"),
            (Some(0), 10, 0, 0, 0.0, "0 resources, 0/s"),
            (Some(1000), 500, 500, 3, 10.0, "[############------------] 50 % 500 resources, 50/s, 3 rejected, 0:10 left"),
            (Some(1000), 250, 500, 0, 2000.0, "[######------------------] 25 % 500 resources, 0/s, 1:40:00 left"),
            (Some(1000), 2000, 500, 0, 10.0, "[########################] 100 % 500 resources, 50/s, 0:00 left"),
        ];
        for (total, read, resources, rejected, seconds, expected) in rows {
            assert_eq!(line(total, read, resources, rejected, seconds), expected);
        }
    }
}
