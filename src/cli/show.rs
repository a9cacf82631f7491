//! `svar show` and `svar runs`: what runs did, and which there are.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::driver::{FolderError, RunFolder, Runs, driven_by};
use crate::report;
use svar_engine::Fleet;

use super::args::{Format, RunsArgs, ShowArgs};
use super::exit::{Exit, Outcome};
use super::past::{self, Purpose};
use super::settings::Settings;
use super::tell;
use super::terminal::{Style, Terminal, paint, print, say};

/// `svar show`
pub(super) fn run(args: &ShowArgs, terminal: &Terminal) -> Outcome {
    let settings = Settings::load()?;
    let root = past::root(args.runs.as_deref(), &settings);
    let folder = past::find(&root, args.run.as_deref())?;
    let past = past::recompile(&folder, Purpose::Look, terminal)?;
    let reading = past::journal(&folder)?;
    if args.would_stop {
        return would_stop(&past::replay(&folder, &past, &reading)?, args.format);
    }
    let evidence = past::evidence(&folder, &past, &reading)?;
    match args.format {
        Format::Json => print(&format!("{:#}\n", report::summary(&evidence)))?,
        Format::Text => {
            print(&report::text(&evidence, terminal.sheet_out()))?;
            print(&tell::last_words_of_all(&evidence, &folder, terminal))?;
            say(&tell::gone(&evidence, &folder, terminal));
            if !evidence.finished {
                say(&match driver_of(&folder) {
                    Some(driver) => tell::driven_hint(&driver, terminal),
                    None => tell::resume_hint(&folder, terminal),
                });
            }
        }
    }
    Ok(Exit::Done)
}

/// Who drives an unfinished run at the moment. Where that can't be found out nobody does.
fn driver_of(run: &RunFolder) -> Option<String> {
    driven_by(run.path()).ok().flatten()
}

/// `svar show --would-stop`: how the stop rule stands.
fn would_stop(fleet: &Fleet, format: Format) -> Outcome {
    let standing = fleet.would_stop();
    let stopped = fleet.stopped_at();
    match format {
        Format::Json => print(&format!(
            "{:#}\n",
            json!({
                "would_stop": 1,
                "rule": standing.rule,
                "failed": standing.failed,
                "finished": standing.finished,
                "targets": standing.targets,
                "stops": standing.stops,
                "open": standing.open,
                "failures_left": standing.failures_left,
                "stopped": stopped.map(|at| at.to_string()),
            })
        ))?,
        Format::Text => {
            print(&format!("{standing}\n"))?;
            if let Some(at) = stopped {
                print(&format!("the run was stopped at {at}\n"))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// `svar runs`
pub(super) fn list(args: &RunsArgs, terminal: &Terminal) -> Outcome {
    let settings = Settings::load()?;
    let root = past::root(args.runs.as_deref(), &settings);
    let runs = Runs::at(&root)
        .list()
        .map_err(|error| past::failure(&error))?;
    if !runs.is_empty() {
        for error in Runs::at(&root).unreadable() {
            match error {
                FolderError::NeverBegan { .. } => say(&format!("{error}\n")),
                error => terminal.failure(&past::failure(&error)),
            }
        }
    }
    let runs: Vec<(RunFolder, bool)> = (runs.into_iter())
        .map(|run| {
            let damage = run.confirm_end().err();
            if let Some(error) = &damage {
                terminal.failure(&past::failure(error));
            }
            (run, damage.is_some())
        })
        .collect();
    match args.format {
        Format::Json => {
            let runs: Vec<Value> = (runs.iter())
                .map(|(run, damaged)| entry(run, *damaged))
                .collect();
            print(&format!("{:#}\n", json!({ "runs": runs })))?;
        }
        Format::Text if runs.is_empty() => return Err(past::none(&root)),
        Format::Text => {
            let mut text = String::new();
            for (run, damaged) in &runs {
                row(&mut text, run, *damaged, terminal.color_out);
            }
            print(&text)?;
        }
    }
    Ok(Exit::Done)
}

fn entry(run: &RunFolder, damaged: bool) -> Value {
    let header = run.header();
    json!({
        "run": header.run,
        "path": run.path(),
        "finished": run.is_finished(),
        "damaged": damaged,
        "driven": !run.is_finished() && driver_of(run).is_some(),
        "playbook": header.playbook,
        "file": header.file,
        "started": header.started.to_string(),
        "devices": header.devices,
        "operator": header.operator,
        "case": header.case,
    })
}

fn row(text: &mut String, run: &RunFolder, damaged: bool, color: bool) {
    let header = run.header();
    let state = match run.is_finished() {
        true if damaged => paint(color, Style::Bad, "damaged   "),
        true => paint(color, Style::Dim, "over      "),
        false if driver_of(run).is_some() => paint(color, Style::Strong, "going on  "),
        false => paint(color, Style::Warn, "unfinished"),
    };
    let devices = match header.devices {
        1 => "1 device".to_owned(),
        count => format!("{count} devices"),
    };
    let id = paint(color, Style::Strong, header.run.as_str());
    let name = report::clean(&header.playbook);
    let _ = writeln!(text, "{id}  {state}  {devices:>14}  {name}");
}
