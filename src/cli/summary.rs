//! The summary that `svar run` and `svar resume` print: the table of devices, each failure at its
//! line of the playbook, the totals, where the evidence is, and what to do next.

use crate::driver::{self, Ending, RunFolder, ServiceKind};
use crate::report::{self, Evidence, FailureGroup};
use svar_engine::{EndState, ResultSummary};
use svar_language::diagnostic::{Problem, render};
use svar_language::source::{SourceText, Span};
use svar_wire::text;

use crate::cli::output::terminal::{Terminal, TextStyle};
use crate::cli::rules;
use crate::cli::runs_folder;

/// Returns the whole summary.
pub(crate) fn render(
    evidence: &Evidence,
    ending: &Ending,
    folder: &RunFolder,
    source: &SourceText,
    terminal: &Terminal,
) -> String {
    let style = terminal.output_style();
    let mut text = String::from("\n");
    text.push_str(&report::rows(evidence, style));
    text.push_str(&report::failures(evidence, style, &|failure, names| {
        let drawn = excerpt(failure, names, source, terminal)?;
        let output = last_output(evidence, failure, folder, terminal);
        Some(drawn + &output)
    }));
    text.push_str(&format!("\n{}\n", report::totals(evidence, style)));
    text.push_str(&missing_files(evidence, folder, terminal));
    let took = text::duration(evidence.until.since(evidence.header.started));
    let clock = if evidence.header.rehearsal {
        " on the emulator's clock"
    } else {
        ""
    };
    let state = match ending {
        Ending::Finished => format!("finished after {took}{clock}"),
        Ending::Interrupted => format!("interrupted after {took}{clock}; no session is running"),
        Ending::Quit => format!("interrupted after {took}{clock}; sessions may still be running"),
        Ending::TenantLost { why } => {
            format!("interrupted after {took}{clock}: {}", report::clean(why))
        }
    };
    text.push_str(&entry("run", &state, None, terminal));
    // Not wrapped, so that it can be copied.
    let key = terminal.paint(TextStyle::Dim, &format!("{:>MARGIN$}", "evidence"));
    text.push_str(&format!("{key}  {}/\n", folder.path().display()));
    for step in next(evidence, ending, folder) {
        text.push_str(&next_entry(&step, terminal));
    }
    terminal.output_style().replace_unsupported(&text)
}

/// Width of the keys in the margin in columns.
const MARGIN: usize = 9;

/// Returns a key in the margin with its text, wrapped.
fn entry(key: &str, value: &str, style: Option<TextStyle>, terminal: &Terminal) -> String {
    let key = terminal.paint(TextStyle::Dim, &format!("{key:>MARGIN$}"));
    let lines = text::wrap(value, terminal.output_style().width, MARGIN + 2, MARGIN + 2);
    match style {
        None => format!("{key}  {lines}\n"),
        Some(style) => format!("{key}  {}\n", terminal.paint(style, &lines)),
    }
}

/// Maximum number of lines of a script's output below a failure.
const OUTPUT_LINES_MAX: usize = 6;

/// Maximum number of failures whose output is printed.
const OUTPUTS_MAX: usize = 4;

/// Returns the last lines of the scripts' output for the most frequent failures.
pub(crate) fn last_output_of_all(
    evidence: &Evidence,
    folder: &RunFolder,
    terminal: &Terminal,
) -> String {
    let output: String = (evidence.failures().iter().take(OUTPUTS_MAX))
        .map(|failure| last_output(evidence, failure, folder, terminal))
        .collect();
    if output.is_empty() {
        output
    } else {
        format!("\n{output}")
    }
}

/// Returns the last lines of the script's output on the first device of a failure, and the path of
/// the whole output.
fn last_output(
    evidence: &Evidence,
    failure: &FailureGroup,
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
        0 => format!("no output on {label} ({path})"),
        _ => format!("last lines of output on {label} ({path}):"),
    };
    let mut text = format!("  {}\n", terminal.paint(TextStyle::Dim, &head));
    let room = terminal.output_style().width.saturating_sub(4);
    for line in &lines[lines.len().saturating_sub(OUTPUT_LINES_MAX)..] {
        text.push_str(&format!(
            "    {}\n",
            terminal.output_style().fit(line, room)
        ));
    }
    text
}

/// Returns a warning if stored files are missing from the run folder.
pub(crate) fn missing_files(
    evidence: &Evidence,
    folder: &RunFolder,
    terminal: &Terminal,
) -> String {
    let paths = evidence.devices.iter().flat_map(|device| {
        (device.commands.iter()).filter_map(|command| match command.result.as_ref()? {
            ResultSummary::Script { path, .. } | ResultSummary::File { path, .. } => Some(path),
        })
    });
    let missing: Vec<&String> = paths
        .filter(|path| !folder.path().join(path).exists())
        .collect();
    let Some(first) = missing.first() else {
        return String::new();
    };
    let message = match missing.len() {
        1 => format!("{first} is missing from the run folder"),
        count => format!("{count} files are missing from the run folder (for example {first})"),
    };
    format!(
        "{} {message}\n",
        terminal.paint(TextStyle::Warn, "warning:")
    )
}

/// Maximum number of devices that a suggested command names.
const NAMED_WAIVERS_MAX: usize = 4;

/// A suggestion for the operator.
enum NextStep {
    /// A command, which is not wrapped.
    Command(String),
    /// A sentence, which may contain commands.
    Sentence(String),
}

fn next_entry(step: &NextStep, terminal: &Terminal) -> String {
    match step {
        NextStep::Command(command) => {
            let key = terminal.paint(TextStyle::Dim, &format!("{:>MARGIN$}", "next"));
            format!("{key}  {}\n", terminal.paint(TextStyle::Strong, command))
        }
        NextStep::Sentence(text) => entry("next", text, Some(TextStyle::Strong), terminal),
    }
}

/// Returns the suggestions for what to do next.
fn next(evidence: &Evidence, ending: &Ending, folder: &RunFolder) -> Vec<NextStep> {
    let name = runs_folder::argument_of(folder);
    let mut steps = Vec::new();
    if *ending != Ending::Finished {
        steps.push(how_to_resume(folder));
    }
    let bad =
        |device: &report::DeviceEvidence| !matches!(device.end, EndState::Ok | EndState::Skipped);
    if evidence.is_finished() && evidence.devices.iter().any(bad) {
        steps.push(NextStep::Command(format!("svar show {name}")));
    }
    let uncleaned = (evidence.devices.iter()).filter(|device| device.cleanup_owed);
    let uncleaned: Vec<&str> = uncleaned.map(|device| device.label.as_str()).collect();
    match uncleaned.as_slice() {
        _ if !evidence.is_finished() => {}
        [] => {}
        few if few.len() <= NAMED_WAIVERS_MAX => {
            let flags: String = (few.iter())
                .map(|device| format!(" --waive-cleanup {device}"))
                .collect();
            steps.push(NextStep::Sentence(format!(
                "clean up {} by hand, then run `svar resume {name}{flags} --why REASON`",
                text::list(few, "and"),
            )));
        }
        many => {
            steps.push(NextStep::Sentence(format!(
                "clean up {} by hand (see `svar show {name}`), then run for each \
                 `svar resume {name} --waive-cleanup DEVICE --why REASON`",
                text::count(many.len(), "device"),
            )));
        }
    }
    steps
}

/// Returns how to resume an unfinished run.
fn how_to_resume(folder: &RunFolder) -> NextStep {
    match folder.header().service.kind {
        ServiceKind::BuiltInEmulator => NextStep::Sentence(
            "run the playbook again: the built-in emulator ended with its process, so the run \
                 cannot be resumed"
                .to_owned(),
        ),
        _ => NextStep::Command(format!("svar resume {}", runs_folder::argument_of(folder))),
    }
}

/// Returns how to resume an unfinished run, as a line.
pub(crate) fn resume_hint(folder: &RunFolder, terminal: &Terminal) -> String {
    next_entry(&how_to_resume(folder), terminal)
}

/// Returns which process drives a running run, and how to stop it.
pub(crate) fn running_hint(driver: &str, terminal: &Terminal) -> String {
    let hint = format!("driven by {driver}; use `svar pause` or `svar cancel` to stop it");
    entry("running", &hint, None, terminal)
}

/// Returns an excerpt of the playbook with the step that caused a failure.
pub(crate) fn excerpt(
    failure: &FailureGroup,
    names: &str,
    source: &SourceText,
    terminal: &Terminal,
) -> Option<String> {
    let step = failure.step.as_ref()?;
    let line = usize::try_from(step.line).ok()?.checked_sub(1)?;
    let line_span = source.line_span(line);
    let before: u32 = (source.slice(line_span).chars())
        .take(usize::try_from(step.column).ok()?.checked_sub(1)?)
        .map(|letter| letter.len_utf8() as u32)
        .sum();
    let span = Span::new(line_span.start + before, line_span.end);
    let verb = match failure.end {
        EndState::Failed => "failed",
        EndState::ExpectFailed => "did not meet its expectation",
        EndState::TimedOut => "timed out",
        EndState::Cancelled => "was cancelled",
        EndState::Unknown => "has an unknown outcome",
        EndState::Busy | EndState::OfflineExpired => "was not picked up",
        EndState::Ok | EndState::NotStarted | EndState::Skipped => "did not run",
    };
    let message = format!("step `{}` {verb} on {names}", step.name);
    let problem = Problem::new(&rules::STEP_FAILED, source, span, message).label(&failure.why);
    Some(render::text(&[problem], &terminal.finding_style()))
}
