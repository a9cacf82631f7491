//! `svar check`: everything that is wrong with playbooks and scenarios, in one pass, at its bytes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use svar_language::diagnostic::{Problem, Severity, render};
use svar_language::playbook::Beside;
use svar_wire::text;

use crate::cli::args::{CheckArgs, Deny, FindingFormat};
use crate::cli::input::discover::{self, Candidate, Sort};
use crate::cli::input::scenario;
use crate::cli::output::exit::{Exit, Failure, Outcome};
use crate::cli::output::terminal::{Style, Terminal, print, say};
use crate::cli::rules;

pub(crate) fn run(args: &CheckArgs, terminal: &Terminal) -> Outcome {
    let candidates = discover::candidates(&args.paths);
    let results = check_all(&candidates);
    let tally = Tally::of(&results);
    if tally.playbooks + tally.scenarios + tally.unread == 0 {
        return Err(nothing_to_check(args));
    }
    let problems: Vec<Problem> = (results.into_iter().flatten())
        .flat_map(|checked| checked.problems)
        .collect();
    match args.format {
        FindingFormat::Json => print(&format!("{}\n", render::json(&problems)))?,
        FindingFormat::Human => {
            say(&render::text(&problems, &terminal.finding_style()));
            say(&summary(&problems, &tally, terminal));
        }
    }
    let denied = |problem: &Problem| match problem.severity {
        Severity::Error => true,
        Severity::Warning => args.deny == Some(Deny::Warnings),
        Severity::Hint => false,
    };
    Ok(match problems.iter().any(denied) {
        true => Exit::Refused,
        false => Exit::Done,
    })
}

/// A file that was checked, or a path that leads to none.
struct Checked {
    /// What it was checked as; `None` where there was nothing to check.
    sort: Option<Sort>,
    problems: Vec<Problem>,
}

/// How many files there were of each sort.
struct Tally {
    playbooks: usize,
    scenarios: usize,
    passed_over: usize,
    /// Paths that led to no file.
    unread: usize,
}

impl Tally {
    fn of(results: &[Option<Checked>]) -> Self {
        let count = |sort: Option<Sort>| {
            let checked = results.iter().flatten();
            checked.filter(|checked| checked.sort == sort).count()
        };
        Tally {
            playbooks: count(Some(Sort::Playbook)),
            scenarios: count(Some(Sort::Scenario)),
            passed_over: results.iter().filter(|result| result.is_none()).count(),
            unread: count(None),
        }
    }
}

/// Checks all candidates on the cores there are. `None` for a file found in a folder that is none of
/// ours.
fn check_all(candidates: &[Candidate]) -> Vec<Option<Checked>> {
    let alone = || candidates.iter().map(check_one).collect();
    // To ask for the cores takes longer than a small playbook.
    if candidates.len() < 2 {
        return alone();
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores == 1 {
        return alone();
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
                    // A poisoned lock means that another thread has panicked: the scope panics as well.
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
        Candidate::Stdin => (discover::read_stdin(), Beside::folder(".")),
        Candidate::Named(path) | Candidate::Found(path) => {
            (discover::read(path), Beside::playbook(path))
        }
        Candidate::Nothing(problem) => {
            return Some(Checked {
                sort: None,
                problems: vec![problem.as_ref().clone()],
            });
        }
    };
    let source = match source {
        Ok(source) => source,
        Err(problem) => {
            return Some(Checked {
                sort: Some(Sort::Playbook),
                problems: vec![*problem],
            });
        }
    };
    let sort = match candidate {
        Candidate::Found(_) => discover::sort_of_found(source.text())?,
        _ => discover::sort_of_named(source.text()),
    };
    let problems = match sort {
        Sort::Playbook => rules::load(&source, &files).problems,
        Sort::Scenario => scenario::read(&source).1,
    };
    Some(Checked {
        sort: Some(sort),
        problems,
    })
}

fn nothing_to_check(args: &CheckArgs) -> Failure {
    let shown: Vec<String> = args
        .paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    Failure::refused(format!("no playbook was found under {}", shown.join(", "))).help(
        "a playbook has `playbook: 1` as its first key; a file that is named is always checked",
    )
}

/// `9 playbooks, 1 scenario: 2 errors, 1 warning`.
fn summary(problems: &[Problem], tally: &Tally, terminal: &Terminal) -> String {
    let count = |severity| {
        problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    };
    let parts: Vec<String> = [
        (Severity::Error, Style::Bad),
        (Severity::Warning, Style::Warn),
        (Severity::Hint, Style::Note),
    ]
    .into_iter()
    .filter_map(|(severity, style)| match count(severity) {
        0 => None,
        count => Some(terminal.paint(style, &text::count(count, severity.as_str()))),
    })
    .collect();
    let verdict = match parts.is_empty() {
        true => terminal.paint(Style::Good, "no findings"),
        false => parts.join(", "),
    };
    let others = match tally.passed_over {
        0 => String::new(),
        1 => ", 1 other YAML file passed over".to_owned(),
        more => format!(", {more} other YAML files passed over"),
    };
    let counted = [
        (tally.playbooks, "playbook", "playbooks"),
        (tally.scenarios, "scenario", "scenarios"),
        (tally.unread, "path without a file", "paths without a file"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, many)| match count {
        1 => format!("1 {one}"),
        more => format!("{more} {many}"),
    });
    let counted: Vec<String> = counted.collect();
    format!("{}: {verdict}{others}\n", counted.join(", "))
}
