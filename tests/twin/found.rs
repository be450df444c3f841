//! Cases that showed a leak once, one on each line, as they were printed.

use super::run::Pair;
use super::shrink::as_of;
use super::world::Case;
use crate::support::on_both;

const CASES: &str = include_str!("found.ndjson");

#[test]
fn what_leaked_once_leaks_no_more() {
    on_both(|backend| {
        let pair = Pair::start(backend);
        for (place, line) in CASES.lines().enumerate() {
            let case: Case = serde_json::from_str(line).unwrap();
            let (case, names) = as_of(&case, u64::try_from(place).unwrap());
            if let Some(leak) = pair.alone(&case, names) {
                panic!("case {} on {backend:?}: {}", place + 1, leak.told);
            }
        }
    });
}
