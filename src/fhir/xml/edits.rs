//! Changes to a text.

use std::ops::Range;

/// What goes, and what comes in its place.
#[derive(Default)]
pub struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    pub fn replace(&mut self, gone: Range<usize>, come: impl Into<String>) {
        self.0.push((gone, come.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These, and others beside them; of two that meet the one that begins first holds.
    pub fn and(mut self, others: Self) -> Self {
        if !others.is_empty() {
            self.0.extend(others.0);
            self.0.sort_by_key(|(gone, _)| gone.start);
        }
        self
    }

    /// The text of a range after the changes, which are in order.
    pub fn apply(self, text: &str, range: Range<usize>) -> String {
        let mut edited = String::with_capacity(range.len());
        let mut at = range.start;
        for (gone, come) in self.0 {
            if gone.start < at {
                continue;
            }
            edited.push_str(text.get(at..gone.start).unwrap_or_default());
            edited.push_str(&come);
            at = gone.end;
        }
        edited.push_str(text.get(at..range.end).unwrap_or_default());
        edited
    }
}
