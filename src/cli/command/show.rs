//! `svar show`: the results of a run.

use serde_json::json;

use crate::driver::{RunFolder, active_process};
use crate::report;
use svar_engine::Fleet;

use crate::cli::args::{OutputFormat, ShowArgs};
use crate::cli::existing_run::{self, RecompileFor};
use crate::cli::output::exit::{CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, eprint, print, print_json};
use crate::cli::runs_folder;
use crate::cli::settings::Settings;
use crate::cli::summary;

pub(crate) fn run(args: &ShowArgs, terminal: &Terminal) -> CommandResult {
    let settings = Settings::load()?;
    let root = runs_folder::choose(args.runs.as_deref(), &settings);
    let folder = existing_run::find(&root, args.run.as_deref())?;
    let existing = existing_run::recompile(&folder, RecompileFor::Show, terminal)?;
    let contents = existing_run::journal(&folder)?;
    if args.would_stop {
        return would_stop(
            &existing_run::replay(&folder, &existing, &contents)?,
            args.output.format,
        );
    }
    let driver = driver_of(&folder);
    let mut evidence = existing_run::evidence(&folder, &existing, &contents)?;
    if driver.is_some() {
        evidence.mark_running();
    }
    match args.output.format {
        OutputFormat::Json => print_json(&report::summary(&evidence))?,
        OutputFormat::Text => {
            print(&report::text(&evidence, terminal.stdout_style()))?;
            print(&summary::last_output_of_all(&evidence, &folder, terminal))?;
            eprint(&summary::missing_files(&evidence, &folder, terminal));
            if !evidence.is_finished() {
                eprint(&match driver {
                    Some(driver) => summary::running_hint(&driver, terminal),
                    None => summary::resume_hint(&folder, terminal),
                });
            }
        }
    }
    Ok(Exit::Success)
}

/// Returns the process that drives a run; `None` if there is none or it can't be determined.
pub(super) fn driver_of(run: &RunFolder) -> Option<String> {
    active_process(run.path()).ok().flatten()
}

/// Prints how close the run is to its stop rule (`--would-stop`).
fn would_stop(fleet: &Fleet, format: OutputFormat) -> CommandResult {
    let standing = fleet.stop_rule_status();
    let stopped = fleet.stopped_at();
    match format {
        OutputFormat::Json => print_json(&json!({
            "version": 1,
            "rule": standing.rule,
            "failed": standing.failed,
            "finished": standing.finished,
            "devices": standing.targets,
            "stops": standing.stops,
            "open": standing.open,
            "failures_left": standing.failures_left,
            "stopped": stopped.map(|at| at.to_string()),
        }))?,
        OutputFormat::Text => {
            print(&format!("{standing}\n"))?;
            if let Some(at) = stopped {
                print(&format!("stopped at {}\n", report::date_time(at)))?;
            }
        }
    }
    Ok(Exit::Success)
}
