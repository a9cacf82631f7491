//! `svar check`: finds all problems of playbooks and scenarios in one pass.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use svar_language::diagnostic::{Problem, Severity, render};
use svar_language::playbook::PlaybookFolder;
use svar_wire::text;

use crate::cli::args::{CheckArgs, Deny, OutputFormat};
use crate::cli::input::discover::{self, Candidate, FileKind};
use crate::cli::input::scenario;
use crate::cli::output::exit::{CommandError, CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, TextStyle, eprint, print};
use crate::cli::rules;

pub(crate) fn run(args: &CheckArgs, terminal: &Terminal) -> CommandResult {
    let candidates = discover::candidates(&args.paths);
    let results = check_all(&candidates);
    let counts = FileCounts::of(&results);
    if counts.playbooks + counts.scenarios + counts.unreadable == 0 {
        return Err(nothing_to_check(args));
    }
    let problems: Vec<Problem> = (results.into_iter().flatten())
        .flat_map(|checked| checked.problems)
        .collect();
    match args.output.format {
        OutputFormat::Json => print(&format!("{}\n", render::json(&problems)))?,
        OutputFormat::Text => {
            eprint(&render::text(&problems, &terminal.finding_style()));
            eprint(&summary(&problems, &counts, terminal));
        }
    }
    let denied = |problem: &Problem| match problem.severity {
        Severity::Error => true,
        Severity::Warning => args.deny == Some(Deny::Warnings),
        Severity::Hint => false,
    };
    Ok(if problems.iter().any(denied) {
        Exit::Refused
    } else {
        Exit::Success
    })
}

/// A file that was checked, or a path without a file.
struct Checked {
    /// The kind that it was checked as; `None` if there was no file.
    kind: Option<FileKind>,
    problems: Vec<Problem>,
}

/// Number of files of each kind.
struct FileCounts {
    playbooks: usize,
    scenarios: usize,
    skipped: usize,
    /// Paths without a file.
    unreadable: usize,
}

impl FileCounts {
    fn of(results: &[Option<Checked>]) -> Self {
        let count = |kind: Option<FileKind>| {
            let checked = results.iter().flatten();
            checked.filter(|checked| checked.kind == kind).count()
        };
        FileCounts {
            playbooks: count(Some(FileKind::Playbook)),
            scenarios: count(Some(FileKind::Scenario)),
            skipped: results.iter().filter(|result| result.is_none()).count(),
            unreadable: count(None),
        }
    }
}

/// Checks all candidates, on all cores. A file found in a folder that is neither a playbook nor a
/// scenario is `None`.
fn check_all(candidates: &[Candidate]) -> Vec<Option<Checked>> {
    let sequentially = || candidates.iter().map(check_one).collect();
    // Counting the cores takes longer than checking a small playbook.
    if candidates.len() < 2 {
        return sequentially();
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores == 1 {
        return sequentially();
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(candidates.len()));
    thread::scope(|scope| {
        for _ in 0..cores.min(candidates.len()) {
            scope.spawn(|| {
                while let Some((place, candidate)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    candidates.get(place).map(|candidate| (place, candidate))
                } {
                    let result = check_one(candidate);
                    // A poisoned lock means that another thread has panicked; then the scope panics
                    // too.
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

fn check_one(candidate: &Candidate) -> Option<Checked> {
    let (source, files) = match candidate {
        Candidate::Stdin => (discover::read_stdin(), PlaybookFolder::new(".")),
        Candidate::Named(path) | Candidate::Found(path) => {
            (discover::read(path), PlaybookFolder::of(path))
        }
        Candidate::Unusable(problem) => {
            return Some(Checked {
                kind: None,
                problems: vec![problem.as_ref().clone()],
            });
        }
    };
    let source = match source {
        Ok(source) => source,
        Err(problem) => {
            return Some(Checked {
                kind: Some(FileKind::Playbook),
                problems: vec![*problem],
            });
        }
    };
    let kind = match candidate {
        Candidate::Found(_) => discover::kind_of_found(source.text())?,
        _ => discover::kind_of_named(source.text()),
    };
    let problems = match kind {
        FileKind::Playbook => rules::load(&source, &files).problems,
        FileKind::Scenario => scenario::read(&source).1,
    };
    Some(Checked {
        kind: Some(kind),
        problems,
    })
}

fn nothing_to_check(args: &CheckArgs) -> CommandError {
    let paths = args
        .paths
        .iter()
        .map(|path| format!("`{}`", path.display()));
    CommandError::refused(format!(
        "no playbooks found in {}",
        text::list(paths, "and")
    ))
    .help(
        "a playbook starts with `playbook: 1`; files named on the command line are always checked",
    )
}

/// Returns `9 playbooks, 1 scenario: 2 errors, 1 warning`.
fn summary(problems: &[Problem], counts: &FileCounts, terminal: &Terminal) -> String {
    let count = |severity| {
        problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    };
    let parts: Vec<String> = [
        (Severity::Error, TextStyle::Bad),
        (Severity::Warning, TextStyle::Warn),
        (Severity::Hint, TextStyle::Note),
    ]
    .into_iter()
    .filter_map(|(severity, style)| match count(severity) {
        0 => None,
        count => Some(terminal.paint(style, &text::count(count, severity.as_str()))),
    })
    .collect();
    let verdict = if parts.is_empty() {
        terminal.paint(TextStyle::Good, "no findings")
    } else {
        parts.join(", ")
    };
    let others = match counts.skipped {
        0 => String::new(),
        skipped => format!(", {} skipped", text::count(skipped, "other YAML file")),
    };
    let counted = [
        (counts.playbooks, "playbook"),
        (counts.scenarios, "scenario"),
        (counts.unreadable, "unreadable path"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, noun)| text::count(count, noun));
    let counted: Vec<String> = counted.collect();
    format!("{}: {verdict}{others}\n", counted.join(", "))
}
