//! Fewer lines for the same cells: blocks that are told apart become lines that are read from the top.

use super::spelling::Names;

/// A set of places along an axis, one bit each.
pub type Places = u128;
/// The axes of the decision table.
pub const AXES: usize = 8;
/// The axes along which a line may say more than it decides, as the lines before it have decided it: there lists are long.
const WIDENED: [usize; 4] = [3, 5, 6, 7];

/// A product of places along each axis, and what is decided there, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    pub of: [Places; AXES],
    pub decided: String,
}

type Of = [Places; AXES];

/// What both have.
fn common(one: &Of, other: &Of) -> Option<Of> {
    let of: Of = std::array::from_fn(|axis| one[axis] & other[axis]);
    of.iter().all(|places| *places != 0).then_some(of)
}

/// What the one has and the other has not, in parts.
fn without(one: &Of, other: &Of) -> Vec<Of> {
    if common(one, other).is_none() {
        return vec![*one];
    }
    let (mut parts, mut rest) = (Vec::new(), *one);
    for axis in 0..AXES {
        let outside = rest[axis] & !other[axis];
        if outside != 0 {
            let mut part = rest;
            part[axis] = outside;
            parts.push(part);
            rest[axis] &= other[axis];
        }
    }
    parts
}

/// What is left of a block after these lines.
fn left(of: Of, lines: &[Block]) -> Vec<Of> {
    lines.iter().fold(vec![of], |parts, line| parts.iter().flat_map(|part| without(part, &line.of)).collect())
}

/// Blocks with the same decision that differ along one axis only stand together.
fn merged(mut blocks: Vec<Block>) -> Vec<Block> {
    loop {
        let before = blocks.len();
        for axis in [3, 7, 5, 6, 4, 2, 1, 0] {
            let mut all: Vec<Block> = Vec::with_capacity(blocks.len());
            for block in blocks {
                let alike = |other: &&mut Block| {
                    other.decided == block.decided && (0..AXES).all(|one| one == axis || other.of[one] == block.of[one])
                };
                match all.iter_mut().find(alike) {
                    Some(other) => other.of[axis] |= block.of[axis],
                    None => all.push(block),
                }
            }
            blocks = all;
        }
        if blocks.len() == before {
            return blocks;
        }
    }
}

/// What a cell comes to that no line fits: silence denies.
pub const SILENCE: &str = "deny\t-";

/// What forbids comes first, the more rules the earlier, for they hold together where each does; then what permits.
fn rank(block: &Block) -> (bool, usize, &str, u64) {
    let rules = block.decided.split(' ').count();
    let volume = block.of.iter().map(|places| u64::from(places.count_ones())).product();
    (block.decided.starts_with("permit"), usize::MAX - rules, &block.decided, volume)
}

/// Blocks that have no cell in common, as lines of which the first that fits decides; where none does, it is silence.
pub fn collapse(blocks: Vec<Block>, names: &[Names; AXES]) -> Vec<Block> {
    let whole = merged(blocks);
    let mut lines: Vec<Block> = whole.iter().filter(|block| block.decided != SILENCE).cloned().collect();
    lines.sort_by(|one, other| rank(one).cmp(&rank(other)));
    loop {
        let before = lines.clone();
        for at in 0..lines.len() {
            for axis in WIDENED {
                widen(&mut lines, at, axis, &whole, names);
            }
        }
        // Those of one decision stand together, so that their order is nothing.
        lines = merged(lines);
        let mut at = 0;
        while at < lines.len() {
            if is_needless(&lines, at, &whole) {
                lines.remove(at);
            } else {
                at += 1;
            }
        }
        if lines == before {
            return lines;
        }
    }
}

/// Lets a line say more along an axis where the lines before it have decided that, or it decides the same, if that is shorter.
fn widen(lines: &mut [Block], at: usize, axis: usize, whole: &[Block], names: &[Names; AXES]) {
    let (earlier, rest) = lines.split_at_mut(at);
    let Some(line) = rest.first_mut() else { return };
    let others = || whole.iter().filter(|block| block.decided != line.decided);
    let fits = |of: &Of| others().filter_map(|block| common(of, &block.of)).all(|part| left(part, earlier).is_empty());
    let with = |places: Places| {
        let mut of = line.of;
        of[axis] = places;
        of
    };
    let (own, all) = (line.of[axis], names[axis].all());
    let mut more = own;
    for place in (0..128).map(|place| 1 << place).filter(|place| all & place != 0 && own & place == 0) {
        if fits(&with(place)) {
            more |= place;
        }
    }
    if names[axis].spell(more).len() < names[axis].spell(own).len() {
        line.of[axis] = more;
    }
}

/// Whether what a line decides is decided alike without it.
fn is_needless(lines: &[Block], at: usize, whole: &[Block]) -> bool {
    let (earlier, rest) = lines.split_at(at);
    let Some((line, later)) = rest.split_first() else { return false };
    let own = whole.iter().filter(|block| block.decided == line.decided).filter_map(|block| common(&line.of, &block.of));
    let mut parts: Vec<Of> = own.flat_map(|part| left(part, earlier)).collect();
    for other in later {
        if other.decided != line.decided && parts.iter().any(|part| common(part, &other.of).is_some()) {
            return false;
        }
        parts = parts.iter().flat_map(|part| without(part, &other.of)).collect();
    }
    parts.is_empty()
}
