//! The only place that asks for "now" or a new id, so that the sandbox and tests can answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::Utc;
use uuid::{Builder, NoContext, Timestamp, Uuid};

/// Microseconds from 1970 to 2020, where keys start to count.
pub const KEY_EPOCH: i64 = 1_577_836_800_000_000;

/// The instants at which the clock may be set: before, keys cannot tell the time; later, they come to the end of their numbers.
pub const TIMES: std::ops::Range<i64> = KEY_EPOCH..10_413_792_000_000_000;

/// The clock of one server: system time, moved by what the sandbox was told.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    inner: Arc<Inner>,
    /// Where it stands still, and whence ids, keys and numbers come then.
    fixed: Option<Arc<Fixed>>,
}

#[derive(Debug)]
struct Fixed {
    now: i64,
    seed: u64,
    /// Ids and numbers drawn so far.
    drawn: AtomicU64,
    /// Keys drawn so far.
    keys: AtomicI64,
}

#[derive(Debug, Default)]
struct Inner {
    /// Microseconds added to system time.
    offset: AtomicI64,
    /// The last key given, so that keys of one process strictly grow.
    last_key: AtomicI64,
}

impl Clock {
    /// A clock that stands at an instant and draws ids, keys and holder numbers out of a seed: always the same ones. For one write of
    /// the sandbox's invented people; two writes of one holder need two instants.
    pub fn fixed(&self, now: i64, seed: u64) -> Self {
        let fixed = Fixed { now, seed, drawn: AtomicU64::new(0), keys: AtomicI64::new(0) };
        Self { inner: Arc::clone(&self.inner), fixed: Some(Arc::new(fixed)) }
    }

    /// Now, microseconds since 1970 UTC.
    pub fn now(&self) -> i64 {
        if let Some(fixed) = &self.fixed {
            return fixed.now;
        }
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
        if let Some(fixed) = &self.fixed {
            let place = fixed.keys.fetch_add(1, Ordering::Relaxed);
            return fixed.now.saturating_sub(KEY_EPOCH).max(0).saturating_mul(1024).saturating_add(place);
        }
        let noise = i64::from(Uuid::now_v7().as_bytes().last().copied().unwrap_or(0));
        let drawn = self.now().saturating_sub(KEY_EPOCH).max(0).saturating_mul(1024) + noise;
        let previous = self.inner.last_key.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(drawn.max(last + 1)));
        drawn.max(previous.unwrap_or(0) + 1)
    }

    /// A new key as if drawn at another instant than now; of two drawn one after the other for one instant the keys differ.
    pub fn key_at(&self, instant: i64) -> i64 {
        first_key(instant.max(KEY_EPOCH)).saturating_add(self.next_key().rem_euclid(1024))
    }

    /// A new logical id: UUIDv7 at the clock's now, whose first random bits tell the part of the millisecond (RFC 9562 6.2, method 3), so
    /// that of two ids drawn one after the other the second is the greater.
    pub fn next_id(&self) -> String {
        self.id_at(self.now())
    }

    /// A new logical id as if drawn at another instant than now.
    pub fn id_at(&self, instant: i64) -> String {
        if let Some(fixed) = &self.fixed {
            return seeded_id(fixed.seed, fixed.drawn.fetch_add(1, Ordering::Relaxed));
        }
        let now = instant.max(0).unsigned_abs();
        let nanos = u32::try_from(now % 1_000_000).unwrap_or(0) * 1000;
        let part = u128::from(now % 1000 * 4096 / 1000);
        let drawn = Uuid::new_v7(Timestamp::from_unix(NoContext, now / 1_000_000, nanos)).as_u128();
        Uuid::from_u128(drawn & !(0xfff << 64) | part << 64).to_string()
    }

    /// A new holder number: positive, random, saying nothing of any order.
    pub fn next_holder(&self) -> i64 {
        let bytes = match &self.fixed {
            Some(fixed) => seeded(fixed.seed, fixed.drawn.fetch_add(1, Ordering::Relaxed)).into_bytes(),
            None => Uuid::now_v7().into_bytes(),
        };
        // The last eight bytes of a UUIDv7 are random but for the two bits of the variant.
        let random = bytes.iter().skip(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        i64::try_from(random & 0x3fff_ffff_ffff_ffff).unwrap_or(1).max(1)
    }
}

/// The id that a fixed clock of this seed draws at this place, from 0.
pub fn seeded_id(seed: u64, place: u64) -> String {
    seeded(seed, place).to_string()
}

/// The millisecond at which a clock stood when this id was drawn, microseconds since 1970: of a UUIDv7 that is not out of numbers.
pub fn drawn_at(id: &str) -> Option<i64> {
    let (seconds, nanos) = Uuid::try_parse(id).ok().filter(|id| id.get_version_num() == 7)?.get_timestamp()?.to_unix();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?.checked_add(i64::from(nanos / 1000))?;
    (micros.unsigned_abs() >= KEY_EPOCH.unsigned_abs() + SEEDED * 1000).then_some(micros)
}

/// Ids that are drawn out of numbers say that they were drawn in so many first milliseconds of 2020.
const SEEDED: u64 = 1_000_000;

/// A UUIDv7 out of numbers: as if drawn in the first minutes of 2020, whatever the clock says.
fn seeded(seed: u64, place: u64) -> Uuid {
    // splitmix64: numbers that look like chance.
    let mix = |number: u64| {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let first = mix(mix(seed.wrapping_add(1)).wrapping_add(place));
    let mut random = [0; 10];
    for (byte, chance) in random.iter_mut().zip(first.to_be_bytes().into_iter().chain(mix(first).to_be_bytes())) {
        *byte = chance;
    }
    let millis = KEY_EPOCH.unsigned_abs() / 1000 + seed % SEEDED;
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The first key of what is created at this instant, microseconds since 1970: whatever was created before has a smaller one.
pub fn first_key(instant: i64) -> i64 {
    instant.saturating_sub(KEY_EPOCH).saturating_mul(1024)
}

/// When the resource of this key was created, microseconds since 1970.
pub fn created(key: i64) -> i64 {
    key.div_euclid(1024).saturating_add(KEY_EPOCH)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
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
    fn ids_drawn_one_after_the_other_are_in_order() {
        let clock = Clock::default();
        let mut last = String::new();
        for _ in 0..200 {
            let next = clock.next_id();
            assert!(next > last && Uuid::parse_str(&next).is_ok_and(|id| id.get_version_num() == 7), "{last} {next}");
            last = next;
            std::thread::sleep(std::time::Duration::from_micros(5));
        }
    }

    #[test]
    fn an_id_tells_when_it_was_drawn_unless_out_of_numbers() {
        let instant = 1_900_000_000_123_456;
        let rows = [
            (Clock::default().id_at(instant), Some(instant - 456)),
            (seeded_id(7, 0), None),
            (seeded_id(u64::MAX, 3), None),
            ("0b3cbd33-4c1c-4a9a-8a87-3f2a4ad2c001".into(), None),
            ("a".into(), None),
            (String::new(), None),
        ];
        for (id, expected) in rows {
            assert_eq!(drawn_at(&id), expected, "{id}");
        }
    }

    #[test]
    fn a_fixed_clock_draws_the_same_again() {
        let (one, other) = (Clock::default(), Clock::default());
        other.set(1_900_000_000_000_000);
        let drawn = |clock: &Clock, now: i64, seed: u64| {
            let clock = clock.fixed(now, seed);
            (clock.now(), [clock.next_key(), clock.next_key()], [clock.next_id(), clock.next_id()], clock.next_holder())
        };
        let first = drawn(&one, 1_700_000_000_000_000, 7);
        assert_eq!(first, drawn(&other, 1_700_000_000_000_000, 7));
        let (now, keys, ids, holder) = first;
        assert_eq!((now, created(keys[0]), keys[1] - keys[0]), (1_700_000_000_000_000, now, 1));
        assert_eq!((ids[0].as_str(), ids[1].as_str()), (seeded_id(7, 0).as_str(), seeded_id(7, 1).as_str()));
        assert!(ids.iter().all(|id| Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 7)) && holder > 0);
        let mut seen: Vec<String> = (0..1000).flat_map(|seed| [seeded_id(seed, 0), seeded_id(seed, 1)]).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 2000);
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
