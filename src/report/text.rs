//! The summary for people: a table of devices, each kind of failure once, and the totals.

use std::collections::BTreeSet;
use std::fmt::Write;

use svar_engine::{EndState, ResultSummary};
use svar_plan::OnStop;

use svar_wire::text::{bytes, columns, count, cut, duration, pad, wrap};

use super::evidence::{DeviceEvidence, Evidence, FailureGroup, RunState};
use super::format::date_time;

/// The capabilities of the output that a report is written to.
#[derive(Debug, Clone, Copy)]
pub struct OutputStyle {
    /// Whether it shows colour.
    pub color: bool,
    /// Whether it shows characters beyond ASCII.
    pub unicode: bool,
    /// Number of columns.
    pub width: usize,
}

impl OutputStyle {
    /// A file: no colour, 100 columns.
    pub const FILE: OutputStyle = OutputStyle {
        color: false,
        unicode: true,
        width: 100,
    };

    pub(super) fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Cuts text to a number of columns; cut text ends with an ellipsis.
    pub fn fit(self, text: &str, columns: usize) -> String {
        cut(text, columns, self.ellipsis())
    }

    /// Returns the ellipsis at the end of cut text.
    pub(super) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// Replaces svar's own characters that the output can't show.
    pub fn replace_unsupported(self, text: &str) -> String {
        text.replace('…', self.ellipsis())
    }

    pub(super) fn state(self, state: EndState, text: &str) -> String {
        self.paint(color_of(state), text)
    }

    pub(super) fn mark(self, state: EndState) -> &'static str {
        match (self.unicode, state) {
            (true, EndState::Ok) => "✓",
            (true, EndState::Skipped | EndState::NotStarted) => "·",
            (true, EndState::Unknown) => "?",
            (true, _) => "✗",
            (false, EndState::Ok) => "+",
            (false, EndState::Skipped | EndState::NotStarted) => ".",
            (false, EndState::Unknown) => "?",
            (false, _) => "x",
        }
    }
}

fn color_of(state: EndState) -> &'static str {
    match state {
        EndState::Ok => "32",
        EndState::Failed | EndState::ExpectFailed | EndState::TimedOut | EndState::Unknown => "31",
        EndState::Busy | EndState::OfflineExpired | EndState::Cancelled => "33",
        EndState::NotStarted | EndState::Skipped => "2",
    }
}

/// Maximum number of devices in the table on the screen.
const TABLE_ROWS_MAX: usize = 30;
/// Maximum number of devices that a group of failures names.
const FAILURE_NAMES_MAX: usize = 4;
/// Width of the keys above the table in columns.
const KEY_COLUMNS: usize = 9;
/// Maximum number of lines for one device in the table.
const DEVICE_LINES_MAX: usize = 2;

/// Returns the table of devices. With more than 30 devices, it has only those that did not end
/// `ok`, and at most 30 of these.
pub fn rows(evidence: &Evidence, output: OutputStyle) -> String {
    let mut text = String::new();
    let all: Vec<&DeviceEvidence> = evidence.devices.iter().collect();
    let shown: Vec<&DeviceEvidence> = if all.len() <= TABLE_ROWS_MAX {
        all
    } else {
        (all.into_iter())
            .filter(|device| device.end != EndState::Ok)
            .collect()
    };
    write_table(&mut text, &shown[..shown.len().min(TABLE_ROWS_MAX)], output);
    if shown.len() > TABLE_ROWS_MAX {
        let more = count(shown.len() - TABLE_ROWS_MAX, "more device");
        let _ = writeln!(
            text,
            "  {}",
            output.paint("2", &format!("and {more}: see summary.txt"))
        );
    }
    text
}

/// Returns each kind of failure once, with its devices. `draw` returns the excerpt of the playbook
/// for a failure, if there is one.
pub fn failures(
    evidence: &Evidence,
    output: OutputStyle,
    draw: &dyn Fn(&FailureGroup, &str) -> Option<String>,
) -> String {
    let mut text = String::new();
    for failure in evidence.failures() {
        let names = names(evidence, &failure);
        text.push('\n');
        match draw(&failure, &names) {
            Some(drawn) => text.push_str(drawn.trim_end_matches('\n')),
            None => {
                text.push_str(&state_and_reason(&failure, output));
                let on = wrap(&format!("on {names}"), output.width, 2, 2);
                let _ = write!(text, "\n  {on}");
            }
        }
        text.push('\n');
    }
    text
}

/// Returns the state and the reason of a failure, wrapped.
fn state_and_reason(failure: &FailureGroup, output: OutputStyle) -> String {
    let state = failure.end.as_str();
    let lines = wrap(&format!("{state}: {}", failure.why), output.width, 0, 2);
    match lines.strip_prefix(state) {
        Some(rest) => output.state(failure.end, state) + rest,
        None => lines,
    }
}

/// Returns `3 devices: a, b, c`, with the names of the first four devices.
pub(super) fn names(evidence: &Evidence, failure: &FailureGroup) -> String {
    let labels: Vec<&str> = (failure.devices.iter().take(FAILURE_NAMES_MAX))
        .filter_map(|place| evidence.devices.get(*place))
        .map(|device| device.label.as_str())
        .collect();
    let more = match failure.devices.len().saturating_sub(FAILURE_NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let devices = count(failure.devices.len(), "device");
    format!("{devices}: {}{more}", labels.join(", "))
}

/// Returns the whole report of a run: `summary.txt`, `svar show`.
pub fn text(evidence: &Evidence, output: OutputStyle) -> String {
    let header = &evidence.header;
    let mut text = String::new();
    let dot = if output.unicode { "·" } else { "-" };
    let title = format!("{} {dot} {}", header.playbook, header.run);
    let _ = writeln!(text, "{}\n", output.paint("1", &title));
    let took = duration(evidence.until.since(header.started));
    let state = match (evidence.state, &evidence.lost) {
        (RunState::Finished, _) => format!("finished after {took}"),
        (RunState::Running, _) => format!("running; last event after {took}"),
        (RunState::Interrupted, Some(why)) => format!("interrupted after {took}: {why}"),
        (RunState::Interrupted, None) => format!("interrupted; last event after {took}"),
    };
    let mut line = |key: &str, value: &str| {
        if value.is_empty() {
            return;
        }
        let key = output.paint("2", &format!("{key:>KEY_COLUMNS$}"));
        let value = wrap(value, output.width, KEY_COLUMNS + 2, KEY_COLUMNS + 2);
        let _ = writeln!(text, "{key}  {value}");
    };
    line("state", &state);
    if let Some(order) = &evidence.stopped {
        let what = match order.how {
            OnStop::Abort => "aborted",
            OnStop::Drain | OnStop::CancelQueued => "cancelled",
        };
        let by = match order.by.as_str() {
            "" => String::new(),
            by => format!(" by {by}"),
        };
        line("stopped", &format!("{what}{by} at {}", date_time(order.at)));
    }
    line("started", &date_time(header.started));
    line("service", &header.service);
    line("playbook", &header.file);
    line("plan", &header.digest);
    line("operator", &header.operator);
    line("case", &header.case);
    text.push('\n');
    let all: Vec<&DeviceEvidence> = evidence.devices.iter().collect();
    write_table(&mut text, &all, output);
    let _ = writeln!(text, "\n{}", totals(evidence, output));
    text.push_str(&failures(evidence, output, &|failure, names| {
        let step = failure.step.as_ref()?;
        let place = output.paint("36", &step.location());
        let mut drawn = state_and_reason(failure, output);
        let _ = write!(drawn, "\n  at {place}, step `{}`", step.name);
        let on = wrap(&format!("on {names}"), output.width, 2, 2);
        let _ = write!(drawn, "\n  {on}");
        Some(drawn)
    }));
    write_collected_files(&mut text, evidence, output);
    output.replace_unsupported(&text)
}

/// Appends one row for each device. The reason is wrapped in the column after the state.
fn write_table(text: &mut String, devices: &[&DeviceEvidence], output: OutputStyle) {
    let widest = |of: &dyn Fn(&DeviceEvidence) -> usize| {
        devices.iter().map(|device| of(device)).max().unwrap_or(0)
    };
    let label = widest(&|device| columns(&device.label)).min(output.width / 3);
    let state = widest(&|device| state_of(device).len());
    for device in devices {
        // The preliminary state of a device that has not ended is not shown as a failure.
        let shown = if device.ended {
            device.end
        } else {
            EndState::NotStarted
        };
        let mark = output.state(shown, output.mark(shown));
        let name = pad(&output.fit(&device.label, label), label);
        let end = output.state(shown, &format!("{:state$}", state_of(device)));
        let indent = 2 + 2 + label + 2 + state + 2;
        let room = output.width.saturating_sub(indent).max(24);
        let note = wrap(&device_note(device), room, 0, 0);
        let mut lines: Vec<String> = note.lines().map(str::to_owned).collect();
        if lines.len() > DEVICE_LINES_MAX {
            // The whole reason is printed below the table, and in the summary.
            lines.truncate(DEVICE_LINES_MAX);
            if let Some(last) = lines.last_mut() {
                *last = output.fit(&format!("{last} {}", output.ellipsis()), room);
            }
        }
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let line = format!("  {mark} {name}  {end}  {first}");
        let _ = writeln!(text, "{}", line.trim_end());
        for line in lines {
            let _ = writeln!(text, "{:indent$}{line}", "");
        }
    }
}

fn state_of(device: &DeviceEvidence) -> &'static str {
    if device.ended {
        device.end.as_str()
    } else {
        "unfinished"
    }
}

/// Returns the notes on a device in its row.
fn device_note(device: &DeviceEvidence) -> String {
    let mut parts = Vec::new();
    match (&device.step, &device.why) {
        _ if device.end == EndState::Ok => {}
        (Some(step), Some(why)) => parts.push(format!("{} {}: {why}", step.location(), step.name)),
        (Some(step), None) => parts.push(format!("{} {}", step.location(), step.name)),
        (None, Some(why)) => parts.push(why.clone()),
        (None, None) => {}
    }
    if device.end == EndState::Ok {
        parts.push(work_done(device));
    }
    if device.tolerated > 0 {
        let steps = count(device.tolerated, "step");
        parts.push(format!("{steps} failed, allowed by the playbook"));
    }
    if device.cleanup_owed {
        parts.push("cleanup not done".to_owned());
    }
    if let Some(waived) = &device.cleanup_waived {
        let by = match waived.by.as_str() {
            "" => String::new(),
            by => format!(" by {by}"),
        };
        parts.push(format!("cleanup waived{by}: {}", waived.why));
    }
    if !device.ended {
        parts.push(match (device.end, device.sessions) {
            (EndState::Unknown, _) => "a session may still be running".to_owned(),
            (_, 0) => "not started".to_owned(),
            // Its sessions were recalled, or expired in the service's queue.
            (EndState::NotStarted, _) => "nothing has run on it yet".to_owned(),
            (_, done) => format!("between sessions, after {}", count(done, "session")),
        });
    }
    parts.join("; ")
}

/// Returns the work of a device that ended `ok`: `3 steps, 1 file (12.0 kB), 2m5s`.
fn work_done(device: &DeviceEvidence) -> String {
    // All tries of a step count as one step.
    let steps: BTreeSet<&str> = (device.commands.iter())
        .filter(|command| command.ran())
        .map(|command| command.step.as_str())
        .collect();
    let mut parts = vec![count(steps.len(), "step")];
    let sizes: Vec<u64> = (device.commands.iter())
        .filter_map(|command| match command.result {
            Some(ResultSummary::File { size, .. }) => Some(size),
            _ => None,
        })
        .collect();
    if !sizes.is_empty() {
        let size = bytes(sizes.iter().sum());
        parts.push(format!("{} ({size})", count(sizes.len(), "file")));
    }
    if let (Some(started), Some(at)) = (device.started, device.at) {
        parts.push(duration(at.since(started)));
    }
    parts.join(", ")
}

/// Returns `5 devices: 4 ok, 1 failed`, with all states that occur. The numbers add up.
pub fn totals(evidence: &Evidence, output: OutputStyle) -> String {
    let ended = |state: EndState| {
        let of_it = |device: &&DeviceEvidence| device.ended && device.end == state;
        evidence.devices.iter().filter(of_it).count()
    };
    let mut parts: Vec<String> = (EndState::ALL.into_iter())
        .map(|state| (state, ended(state)))
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| output.state(state, &format!("{count} {state}")))
        .collect();
    let open = (evidence.devices.iter())
        .filter(|device| !device.ended)
        .count();
    if open > 0 {
        parts.push(format!("{open} unfinished"));
    }
    let total = count(evidence.devices.len(), "device");
    let owed = match evidence.cleanup_owed() {
        0 => String::new(),
        owed => output.paint("33", &format!("; cleanup not done on {owed}")),
    };
    format!("{}: {}{owed}", output.paint("1", &total), parts.join(", "))
}

/// Appends the list of files that were collected from devices.
fn write_collected_files(text: &mut String, evidence: &Evidence, output: OutputStyle) {
    let files = evidence.devices.iter().flat_map(|device| {
        (device.commands.iter()).filter_map(|command| match &command.result {
            Some(ResultSummary::File {
                path, size, sha256, ..
            }) => Some((path, *size, sha256)),
            _ => None,
        })
    });
    for (index, (path, size, sha256)) in files.enumerate() {
        if index == 0 {
            let _ = writeln!(text, "\n{}", output.paint("1", "files"));
        }
        let _ = writeln!(text, "  {path}  {}\n    sha256 {sha256}", bytes(size));
    }
}
