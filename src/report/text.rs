//! The summary for people: a table of devices, each kind of failure once, and the totals.

use std::collections::BTreeSet;
use std::fmt::Write;

use svar_engine::{EndState, ResultSummary};
use svar_plan::OnStop;

use svar_wire::text::{bytes, columns, count, cut, duration, pad, wrap};

use super::evidence::{DeviceEvidence, Evidence, FailureGroup, RunState};
use super::words::date_time;

/// What the place that a report is written to can show.
#[derive(Debug, Clone, Copy)]
pub struct Sheet {
    /// Colour.
    pub color: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
}

impl Sheet {
    /// For a file: no colour, 100 columns.
    pub const FILE: Sheet = Sheet {
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

    /// Returns the text cut to so many columns; a cut text ends in an ellipsis.
    pub fn fit(self, text: &str, columns: usize) -> String {
        cut(text, columns, self.ellipsis())
    }

    /// Returns the ellipsis that stands where something was cut off.
    pub(super) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// Replaces the signs of our own that this sheet can't show by those that it can.
    pub fn signs(self, text: &str) -> String {
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

/// Most devices that the table on the screen shows one by one.
const ROWS: usize = 30;
/// Most devices that a group of failures names.
const NAMED: usize = 4;
/// Columns of the keys above the table.
const KEY: usize = 9;
/// Most lines that one device takes in the table.
const LINES: usize = 2;

/// Returns the table of devices. For more than 30 devices it has only those that did not end `ok`,
/// and of these at most 30.
pub fn rows(evidence: &Evidence, sheet: Sheet) -> String {
    let mut text = String::new();
    let everyone: Vec<&DeviceEvidence> = evidence.devices.iter().collect();
    let shown: Vec<&DeviceEvidence> = if everyone.len() <= ROWS {
        everyone
    } else {
        (everyone.into_iter())
            .filter(|device| device.end != EndState::Ok)
            .collect()
    };
    table(&mut text, &shown[..shown.len().min(ROWS)], sheet);
    if shown.len() > ROWS {
        let more = count(shown.len() - ROWS, "more device");
        let _ = writeln!(
            text,
            "  {}",
            sheet.paint("2", &format!("and {more}: see summary.txt"))
        );
    }
    text
}

/// Returns each kind of failure once, with the devices it happened on. `draw` returns the excerpt of
/// the playbook for one, if there is one.
pub fn failures(
    evidence: &Evidence,
    sheet: Sheet,
    draw: &dyn Fn(&FailureGroup, &str) -> Option<String>,
) -> String {
    let mut text = String::new();
    for failure in evidence.failures() {
        let names = names(evidence, &failure);
        text.push('\n');
        match draw(&failure, &names) {
            Some(drawn) => text.push_str(drawn.trim_end_matches('\n')),
            None => {
                text.push_str(&said(&failure, sheet));
                let on = wrap(&format!("on {names}"), sheet.width, 2, 2);
                let _ = write!(text, "\n  {on}");
            }
        }
        text.push('\n');
    }
    text
}

/// Returns state and reason, in as many lines as that takes.
fn said(failure: &FailureGroup, sheet: Sheet) -> String {
    let state = failure.end.as_str();
    let lines = wrap(&format!("{state}: {}", failure.why), sheet.width, 0, 2);
    match lines.strip_prefix(state) {
        Some(rest) => sheet.state(failure.end, state) + rest,
        None => lines,
    }
}

/// Returns `3 devices: a, b, c`; of many devices the first four.
pub(super) fn names(evidence: &Evidence, failure: &FailureGroup) -> String {
    let labels: Vec<&str> = (failure.devices.iter().take(NAMED))
        .filter_map(|place| evidence.devices.get(*place))
        .map(|device| device.label.as_str())
        .collect();
    let more = match failure.devices.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let devices = count(failure.devices.len(), "device");
    format!("{devices}: {}{more}", labels.join(", "))
}

/// Returns the whole report of a run: `summary.txt`, `svar show`.
pub fn text(evidence: &Evidence, sheet: Sheet) -> String {
    let header = &evidence.header;
    let mut text = String::new();
    let dot = if sheet.unicode { "·" } else { "-" };
    let title = format!("{} {dot} {}", header.playbook, header.run);
    let _ = writeln!(text, "{}\n", sheet.paint("1", &title));
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
        let key = sheet.paint("2", &format!("{key:>KEY$}"));
        let value = wrap(value, sheet.width, KEY + 2, KEY + 2);
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
    let everyone: Vec<&DeviceEvidence> = evidence.devices.iter().collect();
    table(&mut text, &everyone, sheet);
    let _ = writeln!(text, "\n{}", sums(evidence, sheet));
    text.push_str(&failures(evidence, sheet, &|failure, names| {
        let step = failure.step.as_ref()?;
        let place = sheet.paint("36", &step.place());
        let mut drawn = said(failure, sheet);
        let _ = write!(drawn, "\n  at {place}, step `{}`", step.name);
        let on = wrap(&format!("on {names}"), sheet.width, 2, 2);
        let _ = write!(drawn, "\n  {on}");
        Some(drawn)
    }));
    collected(&mut text, evidence, sheet);
    sheet.signs(&text)
}

/// Appends one row for each device; the reason stands beside the state, and goes on below it where
/// the line is too short.
fn table(text: &mut String, devices: &[&DeviceEvidence], sheet: Sheet) {
    let widest = |of: &dyn Fn(&DeviceEvidence) -> usize| {
        devices.iter().map(|device| of(device)).max().unwrap_or(0)
    };
    let label = widest(&|device| columns(&device.label)).min(sheet.width / 3);
    let state = widest(&|device| end_of(device).len());
    for device in devices {
        // A device that has not ended has not failed: its preliminary state is not shown as one.
        let shown = if device.ended {
            device.end
        } else {
            EndState::NotStarted
        };
        let mark = sheet.state(shown, sheet.mark(shown));
        let name = pad(&sheet.fit(&device.label, label), label);
        let end = sheet.state(shown, &format!("{:state$}", end_of(device)));
        let indent = 2 + 2 + label + 2 + state + 2;
        let room = sheet.width.saturating_sub(indent).max(24);
        let note = wrap(&note(device), room, 0, 0);
        let mut words: Vec<String> = note.lines().map(str::to_owned).collect();
        if words.len() > LINES {
            // The whole reason is printed below the table, and in the summary.
            words.truncate(LINES);
            if let Some(last) = words.last_mut() {
                *last = sheet.fit(&format!("{last} {}", sheet.ellipsis()), room);
            }
        }
        let mut words = words.into_iter();
        let first = words.next().unwrap_or_default();
        let line = format!("  {mark} {name}  {end}  {first}");
        let _ = writeln!(text, "{}", line.trim_end());
        for line in words {
            let _ = writeln!(text, "{:indent$}{line}", "");
        }
    }
}

fn end_of(device: &DeviceEvidence) -> &'static str {
    if device.ended {
        device.end.as_str()
    } else {
        "unfinished"
    }
}

/// Returns the notes on a device in its row.
fn note(device: &DeviceEvidence) -> String {
    let mut parts = Vec::new();
    match (&device.step, &device.why) {
        _ if device.end == EndState::Ok => {}
        (Some(step), Some(why)) => parts.push(format!("{} {}: {why}", step.place(), step.name)),
        (Some(step), None) => parts.push(format!("{} {}", step.place(), step.name)),
        (None, Some(why)) => parts.push(why.clone()),
        (None, None) => {}
    }
    if device.end == EndState::Ok {
        parts.push(done(device));
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
            (EndState::Unknown, _) => "a session may still run".to_owned(),
            (_, 0) => "not started".to_owned(),
            // Its sessions were called back, or the service gave them up.
            (EndState::NotStarted, _) => "nothing has run on it yet".to_owned(),
            (_, done) => format!("between sessions, after {}", count(done, "session")),
        });
    }
    parts.join("; ")
}

/// Returns what a device did that ended `ok`: `3 steps, 1 file (12.0 kB), 2m5s`.
fn done(device: &DeviceEvidence) -> String {
    // Tries of a step are one step.
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

/// Returns `5 devices: 4 ok, 1 failed`, with all states that occur; they add up.
pub fn sums(evidence: &Evidence, sheet: Sheet) -> String {
    let ended = |state: EndState| {
        let of_it = |device: &&DeviceEvidence| device.ended && device.end == state;
        evidence.devices.iter().filter(of_it).count()
    };
    let mut parts: Vec<String> = (EndState::ALL.into_iter())
        .map(|state| (state, ended(state)))
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| sheet.state(state, &format!("{count} {state}")))
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
        owed => sheet.paint("33", &format!("; cleanup not done on {owed}")),
    };
    format!("{}: {}{owed}", sheet.paint("1", &total), parts.join(", "))
}

/// Appends the list of files that were collected from devices.
fn collected(text: &mut String, evidence: &Evidence, sheet: Sheet) {
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
            let _ = writeln!(text, "\n{}", sheet.paint("1", "files"));
        }
        let _ = writeln!(text, "  {path}  {}\n    sha256 {sha256}", bytes(size));
    }
}
