//! `svar check`: everything that is wrong with playbooks, in one pass, at its bytes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::diagnostic::{Problem, Severity, render};
use crate::playbook::{self, Beside};

use super::args::{CheckArgs, Deny, FindingFormat};
use super::discover::{self, Candidate};
use super::exit::{Exit, Failure, Outcome};
use super::terminal::{Style, Terminal, print, say};

pub(super) fn run(args: &CheckArgs, terminal: &Terminal) -> Outcome {
    let candidates = discover::candidates(&args.paths)?;
    let results = check_all(&candidates);
    let checked = results.iter().filter(|result| result.is_some()).count();
    if checked == 0 {
        return Err(nothing_to_check(args));
    }
    let problems: Vec<Problem> = results.into_iter().flatten().flatten().collect();
    match args.format {
        FindingFormat::Json => print(&format!("{}\n", render::json(&problems)))?,
        FindingFormat::Human => {
            say(&render::text(&problems, &terminal.finding_style()));
            let passed_over = candidates.len() - checked;
            say(&summary(&problems, checked, passed_over, terminal));
        }
    }
    let denied = |problem: &Problem| match problem.severity {
        Severity::Error => true,
        Severity::Warning => args.deny == Some(Deny::Warnings),
        Severity::Advice => false,
    };
    Ok(match problems.iter().any(denied) {
        true => Exit::Refused,
        false => Exit::Done,
    })
}

/// Checks all candidates on the cores there are. `None` for a file found in a folder that is no
/// playbook.
fn check_all(candidates: &[Candidate]) -> Vec<Option<Vec<Problem>>> {
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

fn check_one(candidate: &Candidate) -> Option<Vec<Problem>> {
    let (source, files) = match candidate {
        Candidate::Stdin => (discover::read_stdin(), Beside::folder(".")),
        Candidate::Named(path) | Candidate::Found(path) => {
            (discover::read(path), Beside::playbook(path))
        }
    };
    let source = match source {
        Ok(source) => source,
        Err(problem) => return Some(vec![*problem]),
    };
    if matches!(candidate, Candidate::Found(_)) && !discover::looks_like_a_playbook(source.text()) {
        return None;
    }
    if let Some(problem) = discover::is_a_scenario(&source) {
        return Some(vec![problem]);
    }
    Some(playbook::load(&source, &files).problems)
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

/// `9 playbooks: 2 errors, 1 warning`.
fn summary(
    problems: &[Problem],
    checked: usize,
    passed_over: usize,
    terminal: &Terminal,
) -> String {
    let count = |severity| {
        problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    };
    let parts: Vec<String> = [
        (Severity::Error, "error", Style::Bad),
        (Severity::Warning, "warning", Style::Warn),
        (Severity::Advice, "piece of advice", Style::Note),
    ]
    .into_iter()
    .filter_map(|(severity, word, style)| match count(severity) {
        0 => None,
        1 => Some(terminal.paint(style, &format!("1 {word}"))),
        count if severity == Severity::Advice => {
            Some(terminal.paint(style, &format!("{count} pieces of advice")))
        }
        count => Some(terminal.paint(style, &format!("{count} {word}s"))),
    })
    .collect();
    let verdict = match parts.is_empty() {
        true => terminal.paint(Style::Good, "no findings"),
        false => parts.join(", "),
    };
    let others = match passed_over {
        0 => String::new(),
        1 => ", 1 other YAML file passed over".to_owned(),
        more => format!(", {more} other YAML files passed over"),
    };
    let playbooks = match checked {
        1 => "1 playbook".to_owned(),
        more => format!("{more} playbooks"),
    };
    format!("{playbooks}: {verdict}{others}\n")
}
