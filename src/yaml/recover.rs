//! Finds what else is wrong after an error of syntax.
//!
//! The scanner stops at its first error. Where that error has a fix, the fix is made in a copy and
//! the copy is read, as the author would do; places found there are carried back to the text as it
//! is. Where there is no sure fix the search ends: a guess would only produce errors of its own.

use crate::diagnostic::{Edit, Problem};
use crate::source::{SourceText, Span};

use super::faults;
use super::limits::Limits;
use super::parse::{self, attempt};

/// All readings of a text together take at most so many bytes.
const BYTES_IN_ALL: usize = 16 * 1024 * 1024;

/// No author reads more errors of syntax at once.
const ROUNDS: usize = 50;

/// The fault, what was refused before it, and what comes to light behind it.
pub(super) fn further(
    source: &SourceText,
    limits: &Limits,
    fault: Problem,
    refused: Vec<Problem>,
) -> Vec<Problem> {
    let rounds = (BYTES_IN_ALL / source.text().len().max(1)).min(ROUNDS);
    let mut edits = Vec::new();
    let mut next = fault.fix.as_ref().map(|fix| fix.edits.clone());
    let mut faults = vec![fault];
    let mut refused = refused;
    for _ in 0..rounds {
        let Some(made) = next.take().and_then(|new| merged(&edits, new)) else {
            break;
        };
        edits = made;
        let repaired = SourceText::new(source.name(), faults::apply(source.text(), &edits));
        let mut reading: parse::Attempt<'_> = attempt(&repaired, limits);
        let fault = reading.fault.take();
        refused = reading.refusals();
        for problem in &mut refused {
            carry_back(problem, source, &edits);
        }
        let Some(mut fault) = fault else {
            break;
        };
        carry_back(&mut fault, source, &edits);
        next = fault.fix.as_ref().map(|fix| fix.edits.clone());
        faults.push(fault);
    }
    faults.append(&mut refused);
    faults
}

/// All edits in order; `None` where two meet, which would be a fix of a fix.
fn merged(edits: &[Edit], new: Vec<Edit>) -> Option<Vec<Edit>> {
    let mut all: Vec<Edit> = edits.iter().cloned().chain(new).collect();
    all.sort_by_key(|edit| edit.span);
    let apart = all
        .windows(2)
        .all(|pair| pair[0].span.end <= pair[1].span.start && pair[0].span != pair[1].span);
    apart.then_some(all)
}

/// Places of the repaired text -> places of the text as it is.
fn carry_back(problem: &mut Problem, source: &SourceText, edits: &[Edit]) {
    problem.source = source.clone();
    for label in &mut problem.labels {
        label.span = original(label.span, edits);
    }
    for edit in problem.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
        edit.span = original(edit.span, edits);
    }
}

fn original(span: Span, edits: &[Edit]) -> Span {
    let start = offset(span.start, edits);
    Span::new(start, offset(span.end, edits).max(start))
}

fn offset(repaired: u32, edits: &[Edit]) -> u32 {
    let repaired = i64::from(repaired);
    let mut grown = 0;
    for edit in edits {
        let start = i64::from(edit.span.start) + grown;
        let length = edit.text.len() as i64;
        if repaired < start {
            break;
        }
        if repaired < start + length {
            // Inside what was written anew: the bytes it was written for.
            let into = (repaired - start).min(i64::from(edit.span.len()));
            return edit.span.start + into as u32;
        }
        grown += length - i64::from(edit.span.len());
    }
    (repaired - grown).max(0) as u32
}
