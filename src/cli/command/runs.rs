//! `svar runs`: the runs in a folder, newest first.

use std::fmt::Write;

use serde_json::json;

use svar_wire::text;

use crate::cli::args::{OutputFormat, RunsArgs};
use crate::cli::existing_run;
use crate::cli::output::exit::{CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, TextStyle, eprint, print, print_json};
use crate::cli::runs_folder;
use crate::cli::settings::Settings;
use crate::driver::{FolderError, RunFolder, Runs};
use crate::report::{self, RunState};

use super::show::driver_of;

/// The state of a run, as far as its folder and its lock tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListedState {
    /// A sound run.
    Sound(RunState),
    /// Its summary says that it finished, but its journal ends earlier.
    Damaged,
}

/// A run in the list.
struct ListedRun {
    folder: RunFolder,
    state: ListedState,
}

impl ListedState {
    /// Returns the state of a run; damage is printed on standard error.
    fn of(run: &RunFolder, terminal: &Terminal) -> Self {
        if let Err(error) = run.check_journal_end() {
            terminal.error(&existing_run::folder_error(&error));
            return ListedState::Damaged;
        }
        ListedState::Sound(if run.is_finished() {
            RunState::Finished
        } else if driver_of(run).is_some() {
            RunState::Running
        } else {
            RunState::Interrupted
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            ListedState::Sound(state) => state.as_str(),
            ListedState::Damaged => "damaged",
        }
    }

    fn style(self) -> TextStyle {
        match self {
            ListedState::Sound(RunState::Running) => TextStyle::Strong,
            ListedState::Sound(RunState::Finished) => TextStyle::Dim,
            ListedState::Sound(RunState::Interrupted) => TextStyle::Warn,
            ListedState::Damaged => TextStyle::Bad,
        }
    }
}

pub(crate) fn run(args: &RunsArgs, terminal: &Terminal) -> CommandResult {
    let settings = Settings::load()?;
    let root = runs_folder::choose(args.runs.as_deref(), &settings);
    let runs = Runs::in_folder(&root)
        .list()
        .map_err(|error| existing_run::folder_error(&error))?;
    if !runs.is_empty() {
        for error in Runs::in_folder(&root).unreadable() {
            match error {
                FolderError::NeverStarted { .. } => eprint(&format!("{error}\n")),
                error => terminal.error(&existing_run::folder_error(&error)),
            }
        }
    }
    let runs: Vec<ListedRun> = (runs.into_iter())
        .map(|folder| ListedRun {
            state: ListedState::of(&folder, terminal),
            folder,
        })
        .collect();
    match args.output.format {
        OutputFormat::Json => print_json(&document(&runs))?,
        OutputFormat::Text if runs.is_empty() => return Err(existing_run::no_runs(&root)),
        OutputFormat::Text => print(&table(&runs, terminal))?,
    }
    Ok(Exit::Success)
}

fn document(runs: &[ListedRun]) -> serde_json::Value {
    let entry = |run: &ListedRun| {
        let header = run.folder.header();
        json!({
            "run": header.run,
            "path": run.folder.path(),
            "state": run.state.as_str(),
            "playbook": header.playbook,
            "file": header.playbook_file,
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
fn table(runs: &[ListedRun], terminal: &Terminal) -> String {
    let counts: Vec<String> = (runs.iter())
        .map(|run| text::count(run.folder.header().devices, "device"))
        .collect();
    let widest = counts.iter().map(String::len).max().unwrap_or_default();
    let mut table = String::new();
    for (run, count) in runs.iter().zip(&counts) {
        let header = run.folder.header();
        let id = terminal.paint_out(TextStyle::Strong, header.run.as_str());
        let state = terminal.paint_out(run.state.style(), &format!("{:11}", run.state.as_str()));
        let name = report::clean(&header.playbook);
        let _ = writeln!(table, "{id}  {state}  {count:>widest$}  {name}");
    }
    table
}
