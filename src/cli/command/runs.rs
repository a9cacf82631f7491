//! `svar runs`: the runs in a folder, newest first.

use std::fmt::Write;

use serde::Serialize;
use serde_json::json;

use crate::cli::args::{Format, RunsArgs};
use crate::cli::existing_run;
use crate::cli::output::exit::{Exit, Outcome};
use crate::cli::output::terminal::{Style, Terminal, paint, print, say};
use crate::cli::service::settings::Settings;
use crate::driver::{FolderError, RunFolder, Runs};
use crate::report;

use super::show::driver_of;

/// What state a run is in, as far as its folder and its lock tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum RunState {
    /// A process drives it.
    Running,
    /// Every device has ended, and the summary is written.
    Finished,
    /// No process drives it, and some device has not ended.
    Interrupted,
    /// Its summary says that it finished, but its journal ends earlier.
    Damaged,
}

impl RunState {
    /// Finds out the state; a damaged run is reported on standard error.
    fn of(run: &RunFolder, terminal: &Terminal) -> Self {
        if let Err(error) = run.confirm_end() {
            terminal.failure(&existing_run::failure(&error));
            return RunState::Damaged;
        }
        if run.is_finished() {
            RunState::Finished
        } else if driver_of(run).is_some() {
            RunState::Running
        } else {
            RunState::Interrupted
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Finished => "finished",
            RunState::Interrupted => "interrupted",
            RunState::Damaged => "damaged",
        }
    }

    fn style(self) -> Style {
        match self {
            RunState::Running => Style::Strong,
            RunState::Finished => Style::Dim,
            RunState::Interrupted => Style::Warn,
            RunState::Damaged => Style::Bad,
        }
    }
}

pub(crate) fn run(args: &RunsArgs, terminal: &Terminal) -> Outcome {
    let settings = Settings::load()?;
    let root = existing_run::root(args.runs.as_deref(), &settings);
    let runs = Runs::at(&root)
        .list()
        .map_err(|error| existing_run::failure(&error))?;
    if !runs.is_empty() {
        for error in Runs::at(&root).unreadable() {
            match error {
                FolderError::NeverBegan { .. } => say(&format!("{error}\n")),
                error => terminal.failure(&existing_run::failure(&error)),
            }
        }
    }
    let runs: Vec<(RunFolder, RunState)> = (runs.into_iter())
        .map(|run| {
            let state = RunState::of(&run, terminal);
            (run, state)
        })
        .collect();
    match args.format {
        Format::Json => print(&format!("{:#}\n", document(&runs)))?,
        Format::Text if runs.is_empty() => return Err(existing_run::none(&root)),
        Format::Text => print(&table(&runs, terminal.color_out))?,
    }
    Ok(Exit::Done)
}

fn document(runs: &[(RunFolder, RunState)]) -> serde_json::Value {
    let entry = |(run, state): &(RunFolder, RunState)| {
        let header = run.header();
        json!({
            "run": header.run,
            "path": run.path(),
            "state": state,
            "playbook": header.playbook,
            "file": header.file,
            "started": header.started.to_string(),
            "devices": header.devices,
            "operator": header.operator,
            "case": header.case,
        })
    };
    let runs: Vec<_> = runs.iter().map(entry).collect();
    json!({ "version": 1, "runs": runs })
}

/// Lays out one line for each run: id, state, number of devices, name of the playbook.
fn table(runs: &[(RunFolder, RunState)], color: bool) -> String {
    let counts: Vec<String> = (runs.iter())
        .map(|(run, _)| report::many(run.header().devices, "device"))
        .collect();
    let widest = counts.iter().map(String::len).max().unwrap_or_default();
    let mut table = String::new();
    for ((run, state), count) in runs.iter().zip(&counts) {
        let header = run.header();
        let id = paint(color, Style::Strong, header.run.as_str());
        let state = paint(color, state.style(), &format!("{:11}", state.as_str()));
        let name = report::clean(&header.playbook);
        let _ = writeln!(table, "{id}  {state}  {count:>widest$}  {name}");
    }
    table
}
