//! The end of a run, as people read it: the table, each failure at its line of the playbook, the
//! sums, where everything is, and what to do next.

use std::path::Path;

use crate::driver::{self, Ending, RunFolder, ServiceKind};
use crate::report::{self, Evidence, Failure};
use svar_engine::{EndState, ResultSummary};
use svar_language::diagnostic::{Problem, render};
use svar_language::source::{SourceText, Span};

use crate::cli::output::terminal::{Style, Terminal};
use crate::cli::rules;

/// All of it.
pub(crate) fn end(
    evidence: &Evidence,
    ending: &Ending,
    folder: &RunFolder,
    source: &SourceText,
    terminal: &Terminal,
) -> String {
    let sheet = terminal.sheet();
    let mut text = String::from("\n");
    text.push_str(&report::rows(evidence, sheet));
    text.push_str(&report::failures(evidence, sheet, &|failure, names| {
        let drawn = draw(failure, names, source, terminal)?;
        let words = last_words(evidence, failure, folder, terminal);
        Some(drawn + &words)
    }));
    text.push_str(&format!("\n{}\n", report::sums(evidence, sheet)));
    text.push_str(&gone(evidence, folder, terminal));
    let took = report::duration(evidence.until.since(evidence.header.started));
    let clock = match evidence.header.rehearsal {
        true => " on the emulator's clock",
        false => "",
    };
    let state = match ending {
        Ending::Finished => format!("over after {took}{clock}"),
        Ending::Interrupted => format!("interrupted after {took}{clock}; nothing is in motion"),
        Ending::Quit => format!("left after {took}{clock}; sessions may still run"),
        Ending::TenantLost { why } => {
            format!("broken off after {took}{clock}: {}", report::clean(why))
        }
    };
    text.push_str(&entry("run", &state, None, terminal));
    // To be copied, so in one piece.
    let path = report::unbroken(&format!("{}/", folder.path().display()));
    text.push_str(&entry("evidence", &path, None, terminal));
    for step in next(evidence, ending, folder) {
        text.push_str(&entry("next", &step, Some(Style::Strong), terminal));
    }
    terminal.sheet().signs(&text)
}

/// Columns of the words in the margin.
const MARGIN: usize = 9;

/// A word in the margin and what it is about, in as many lines as that takes.
fn entry(key: &str, words: &str, style: Option<Style>, terminal: &Terminal) -> String {
    let key = terminal.paint(Style::Dim, &format!("{key:>MARGIN$}"));
    let lines = report::hang(words, terminal.sheet().width, MARGIN + 2);
    let lines = report::copyable(&lines);
    match style {
        None => format!("{key}  {lines}\n"),
        Some(style) => format!("{key}  {}\n", terminal.paint(style, &lines)),
    }
}

/// Most lines of a script's output that are shown below its failure.
const LAST_LINES: usize = 6;

/// Ways of failing whose scripts' last words are shown.
const SHOWN: usize = 4;

/// What the scripts printed last where something failed, for the most frequent ways of it.
pub(crate) fn last_words_of_all(
    evidence: &Evidence,
    folder: &RunFolder,
    terminal: &Terminal,
) -> String {
    let words: String = (evidence.failures().iter().take(SHOWN))
        .map(|failure| last_words(evidence, failure, folder, terminal))
        .collect();
    match words.is_empty() {
        true => words,
        false => format!("\n{words}"),
    }
}

/// What the script printed last on the first device that failed so, and where all of it is.
fn last_words(
    evidence: &Evidence,
    failure: &Failure,
    folder: &RunFolder,
    terminal: &Terminal,
) -> String {
    let found = || {
        let device = evidence.devices.get(*failure.devices.first()?)?;
        let step = &failure.step.as_ref()?.name;
        let mut commands = device.commands.iter().rev();
        let command = commands.find(|command| command.step == *step)?;
        let ResultSummary::Script { path, .. } = command.result.as_ref()? else {
            return None;
        };
        let bytes = std::fs::read(folder.path().join(path)).ok()?;
        let record: driver::Record = serde_json::from_slice(&bytes).ok()?;
        let text = [record.stdout.as_deref(), record.stderr.as_deref()]
            .into_iter()
            .flatten()
            .flat_map(|text| text.lines().map(str::trim_end))
            .filter(|line| !line.is_empty())
            .map(report::clean)
            .collect::<Vec<_>>();
        Some((device.label.clone(), path.clone(), text))
    };
    let Some((label, path, lines)) = found() else {
        return String::new();
    };
    let head = match lines.len() {
        0 => format!("it printed nothing on {label}"),
        _ => format!("its last words on {label}"),
    };
    let mut text = format!(
        "  {}\n",
        terminal.paint(Style::Dim, &format!("{head} ({path}):"))
    );
    let room = terminal.sheet().width.saturating_sub(4);
    for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
        text.push_str(&format!("    {}\n", terminal.sheet().fit(line, room)));
    }
    text
}

/// A warning where the folder lacks files that the run has put into it.
pub(crate) fn gone(evidence: &Evidence, folder: &RunFolder, terminal: &Terminal) -> String {
    let paths = evidence.devices.iter().flat_map(|device| {
        (device.commands.iter()).filter_map(|command| match command.result.as_ref()? {
            ResultSummary::Script { path, .. } | ResultSummary::File { path, .. } => Some(path),
        })
    });
    let gone: Vec<&String> = paths
        .filter(|path| !folder.path().join(path).exists())
        .collect();
    let Some(first) = gone.first() else {
        return String::new();
    };
    let words = match gone.len() {
        1 => format!("{first} is no longer in the run's folder"),
        count => format!("{count} files are no longer in the run's folder, {first} for one"),
    };
    format!(
        "{}\n",
        terminal.paint(Style::Warn, &format!("warning: {words}"))
    )
}

/// Most devices whose cleanup is waived in the command that is proposed.
const WAIVED_AT_ONCE: usize = 4;

/// What to do next; a command is in one piece.
fn next(evidence: &Evidence, ending: &Ending, folder: &RunFolder) -> Vec<String> {
    let name = name_of(folder);
    let mut steps = Vec::new();
    match ending {
        Ending::Finished => {}
        _ => steps.push(go_on(folder)),
    }
    let bad =
        |device: &report::DeviceEvidence| !matches!(device.end, EndState::Ok | EndState::Skipped);
    if evidence.finished && evidence.devices.iter().any(bad) {
        steps.push(report::unbroken(&format!("svar show {name}")));
    }
    let debtors = (evidence.devices.iter()).filter(|device| device.cleanup_owed);
    let debtors: Vec<&str> = debtors.map(|device| device.label.as_str()).collect();
    match debtors.as_slice() {
        _ if !evidence.finished => {}
        [] => {}
        few if few.len() <= WAIVED_AT_ONCE => {
            let flags: String = (few.iter())
                .map(|debtor| format!(" --waive-cleanup {debtor}"))
                .collect();
            let waive = format!("svar resume {name}{flags} --why REASON");
            steps.push(format!(
                "clean up {} by hand, then {}",
                few.join(", "),
                report::unbroken(&waive)
            ));
        }
        many => {
            let waive = format!("svar resume {name} --waive-cleanup DEVICE --why REASON");
            steps.push(format!(
                "clean up {} devices by hand, then {} for each; {} names them",
                many.len(),
                report::unbroken(&waive),
                report::unbroken(&format!("svar show {name}"))
            ));
        }
    }
    steps
}

/// What to call a run on the command line: the id alone where svar looks for it without being told.
pub(crate) fn name_of(folder: &RunFolder) -> String {
    let path = folder.path();
    let usual = path
        .parent()
        .is_some_and(|root| root == Path::new("svar-runs"));
    match usual {
        true => folder.header().run.to_string(),
        false => path.display().to_string(),
    }
}

/// How to go on with a run that is not over.
fn go_on(folder: &RunFolder) -> String {
    match folder.header().service.kind {
        ServiceKind::BuiltInEmulator => {
            "run the playbook again: the built-in emulator is gone with its process".to_owned()
        }
        _ => report::unbroken(&format!("svar resume {}", name_of(folder))),
    }
}

/// The same as a line of its own.
pub(crate) fn resume_hint(folder: &RunFolder, terminal: &Terminal) -> String {
    entry("next", &go_on(folder), Some(Style::Strong), terminal)
}

/// A run that goes on at this moment needs nobody to take it up.
pub(crate) fn driven_hint(driver: &str, terminal: &Terminal) -> String {
    let words = format!("it goes on, driven by {driver}; `svar pause` and `svar cancel` reach it");
    entry("now", &words, None, terminal)
}

/// A failure at the line of the playbook that caused it.
pub(crate) fn draw(
    failure: &Failure,
    names: &str,
    source: &SourceText,
    terminal: &Terminal,
) -> Option<String> {
    let step = failure.step.as_ref()?;
    let line = usize::try_from(step.line).ok()?.checked_sub(1)?;
    let whole = source.line_span(line);
    let before: u32 = (source.slice(whole).chars())
        .take(usize::try_from(step.column).ok()?.checked_sub(1)?)
        .map(|letter| letter.len_utf8() as u32)
        .sum();
    let span = Span::new(whole.start + before, whole.end);
    let verb = match failure.end {
        EndState::Failed => "failed",
        EndState::ExpectFailed => "did not do what was expected",
        EndState::TimedOut => "ran out of time",
        EndState::Cancelled => "was cancelled",
        EndState::Unknown => "has an unknown end",
        // It was the device's turn, and it was not to be had.
        EndState::Busy | EndState::OfflineExpired => "was never taken",
        EndState::Ok | EndState::NotStarted | EndState::Skipped => "was not run",
    };
    let message = format!("step `{}` {verb} on {names}", step.name);
    let problem = Problem::new(&rules::STEP_FAILED, source, span, message).label(&failure.why);
    Some(render::text(&[problem], &terminal.finding_style()))
}
