//! Bytes that wait between the threads: bounded, whatever the files hold.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes at most; one larger line alone is let through.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// The bytes that wait, and whether anybody still takes them.
#[derive(Debug, Default)]
pub struct Budget {
    state: Mutex<(usize, bool)>,
    freed: Condvar,
}

impl Budget {
    /// Waits for room; false once nobody takes anything any more.
    pub fn acquire(&self, bytes: usize) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.1 && state.0 > 0 && state.0.saturating_add(bytes) > BYTES_MAX {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.0 = state.0.saturating_add(bytes);
        !state.1
    }

    /// Makes room.
    pub fn release(&self, bytes: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = state.0.saturating_sub(bytes);
        self.freed.notify_all();
    }

    /// Nobody takes anything any more.
    pub fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.freed.notify_all();
    }
}
