//! The only place that asks for "now" or a new id, so that the sandbox and tests can answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Utc;
use uuid::{NoContext, Timestamp, Uuid};

/// Microseconds from 1970 to 2020, where keys start to count.
const KEY_EPOCH: i64 = 1_577_836_800_000_000;

/// The instants at which the clock may be set: before, keys cannot tell the time; later, they come to the end of their numbers.
pub const TIMES: std::ops::Range<i64> = KEY_EPOCH..10_413_792_000_000_000;

/// The clock of one server: system time, moved by what the sandbox was told.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Microseconds added to system time.
    offset: AtomicI64,
    /// The last key given, so that keys of one process strictly grow.
    last_key: AtomicI64,
}

impl Clock {
    /// Now, microseconds since 1970 UTC.
    pub fn now(&self) -> i64 {
        Utc::now().timestamp_micros().saturating_add(self.inner.offset.load(Ordering::Relaxed))
    }

    /// Now, seconds since 1970 UTC.
    pub fn seconds(&self) -> i64 {
        self.now().div_euclid(1_000_000)
    }

    /// Sets the clock to this instant; time runs on from there. For the sandbox only.
    pub fn set(&self, micros: i64) {
        self.inner.offset.store(micros.saturating_sub(Utc::now().timestamp_micros()), Ordering::Relaxed);
    }

    /// Moves the clock. For the sandbox only.
    pub fn advance(&self, micros: i64) {
        let _ = self.inner.offset.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |o| Some(o.saturating_add(micros)));
    }

    /// A new resource key: microseconds since 2020 times 1024 plus noise; strictly growing within a process.
    ///
    /// Two processes may draw the same key for one holder; the primary key then refuses one and the write is tried again.
    pub fn next_key(&self) -> i64 {
        let noise = i64::from(Uuid::now_v7().as_bytes().last().copied().unwrap_or(0));
        let drawn = self.now().saturating_sub(KEY_EPOCH).max(0).saturating_mul(1024) + noise;
        let previous = self.inner.last_key.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(drawn.max(last + 1)));
        drawn.max(previous.unwrap_or(0) + 1)
    }

    /// A new logical id: UUIDv7 at the clock's now.
    pub fn next_id(&self) -> String {
        let now = self.now().max(0).unsigned_abs();
        let nanos = u32::try_from(now % 1_000_000).unwrap_or(0) * 1000;
        Uuid::new_v7(Timestamp::from_unix(NoContext, now / 1_000_000, nanos)).to_string()
    }

    /// A new holder number: positive, random, saying nothing of any order.
    pub fn next_holder(&self) -> i64 {
        let bytes = Uuid::now_v7().into_bytes();
        // The last eight bytes of a UUIDv7 are random but for the two bits of the variant.
        let random = bytes.iter().skip(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        i64::try_from(random & 0x3fff_ffff_ffff_ffff).unwrap_or(1).max(1)
    }
}

/// When the resource of this key was created, microseconds since 1970.
pub fn created(key: i64) -> i64 {
    key.div_euclid(1024).saturating_add(KEY_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_grow_and_tell_their_time() {
        let clock = Clock::default();
        let first = clock.next_key();
        assert!((created(first) - clock.now()).abs() < 60_000_000);
        let mut last = first;
        for _ in 0..10_000 {
            let next = clock.next_key();
            assert!(next > last);
            last = next;
        }
    }

    #[test]
    fn the_clock_moves_and_runs_on() {
        let clock = Clock::default();
        clock.set(1_800_000_000_000_000);
        clock.advance(42 * 86_400_000_000);
        assert!(clock.now() >= 1_803_628_800_000_000 && clock.now() < 1_803_628_860_000_000);
        assert!(clock.next_id().len() == 36);
    }
}
