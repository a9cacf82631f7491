//! Search for further problems after a syntax error.
//!
//! The scanner stops at its first error. If that error has a fix, the fix is applied to a copy of the text,
//! the copy is scanned, and places are mapped back to the original. The search ends at an error without a
//! fix: a guess would lead to false errors.

use crate::diagnostic::{Edit, Problem};
use crate::source::{SourceText, Span};

use super::builder::{self, Attempt};
use super::limits::YamlLimits;
use super::text::apply;

/// Maximum number of bytes that are scanned in all rounds together.
const BYTES_IN_ALL: usize = 16 * 1024 * 1024;

/// Maximum number of syntax errors that are reported.
const ROUNDS: usize = 50;

/// Returns the first syntax error with the problems before it, and the problems after it.
pub(super) fn find_more_errors(
    source: &SourceText,
    limits: &YamlLimits,
    error: Problem,
    others: Vec<Problem>,
) -> Vec<Problem> {
    let rounds = (BYTES_IN_ALL / source.text().len().max(1)).min(ROUNDS);
    let mut edits = Vec::new();
    let mut next = error.fix.as_ref().map(|fix| fix.edits.clone());
    let mut errors = vec![error];
    let mut others = others;
    for _ in 0..rounds {
        let Some(made) = next.take().and_then(|new| merge_edits(&edits, new)) else {
            break;
        };
        edits = made;
        let repaired = SourceText::new(source.name(), apply(source.text(), &edits));
        let mut attempt: Attempt<'_> = builder::attempt(&repaired, limits);
        let error = attempt.error.take();
        others = attempt.restrictions();
        let repair_map = RepairMap::new(&edits);
        for problem in &mut others {
            repair_map.map_problem(problem, source);
        }
        let Some(mut error) = error else {
            break;
        };
        repair_map.map_problem(&mut error, source);
        next = error.fix.as_ref().map(|fix| fix.edits.clone());
        errors.push(error);
    }
    errors.append(&mut others);
    errors
}

/// Merges edits in order; returns `None` if two of them touch, since one would be a fix of the other.
fn merge_edits(edits: &[Edit], new: Vec<Edit>) -> Option<Vec<Edit>> {
    let mut all: Vec<Edit> = edits.iter().cloned().chain(new).collect();
    all.sort_by_key(|edit| edit.span);
    let apart = all
        .windows(2)
        .all(|pair| pair[0].span.end <= pair[1].span.start && pair[0].span != pair[1].span);
    apart.then_some(all)
}

/// Map from places in the repaired text to places in the original.
struct RepairMap {
    /// Inserted bytes in the repaired text and replaced bytes in the original, for each edit in order.
    edits: Vec<(Span, Span)>,
}

impl RepairMap {
    fn new(edits: &[Edit]) -> Self {
        let mut grown = 0i64;
        let edits = edits.iter().map(|edit| {
            let start = (i64::from(edit.span.start) + grown) as u32;
            let length = edit.text.len() as u32;
            grown += i64::from(length) - i64::from(edit.span.len());
            (Span::new(start, start + length), edit.span)
        });
        RepairMap {
            edits: edits.collect(),
        }
    }

    fn map_problem(&self, problem: &mut Problem, source: &SourceText) {
        problem.source = source.clone();
        for label in &mut problem.labels {
            label.span = self.span(label.span);
        }
        for edit in problem.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
            edit.span = self.span(edit.span);
        }
    }

    fn span(&self, span: Span) -> Span {
        let start = self.offset(span.start);
        Span::new(start, self.offset(span.end).max(start))
    }

    fn offset(&self, repaired: u32) -> u32 {
        let before = self
            .edits
            .partition_point(|(written, _)| written.start <= repaired);
        let Some((written, replaced)) = before.checked_sub(1).map(|last| self.edits[last]) else {
            return repaired;
        };
        if repaired < written.end {
            // Inside inserted text: the bytes that it replaced.
            replaced.start + (repaired - written.start).min(replaced.len())
        } else {
            replaced.end + (repaired - written.end)
        }
    }
}
