//! `svar show`: the results of a run.

use serde_json::json;

use crate::driver::{RunFolder, active_process};
use crate::report;
use svar_engine::Fleet;

use crate::cli::args::{Format, ShowArgs};
use crate::cli::existing_run::{self, Purpose};
use crate::cli::output::exit::{Exit, Outcome};
use crate::cli::output::summary;
use crate::cli::output::terminal::{Terminal, print, say};
use crate::cli::service::settings::Settings;

/// `svar show`
pub(crate) fn run(args: &ShowArgs, terminal: &Terminal) -> Outcome {
    let settings = Settings::load()?;
    let root = existing_run::root(args.runs.as_deref(), &settings);
    let folder = existing_run::find(&root, args.run.as_deref())?;
    let past = existing_run::recompile(&folder, Purpose::Look, terminal)?;
    let reading = existing_run::journal(&folder)?;
    if args.would_stop {
        return would_stop(
            &existing_run::replay(&folder, &past, &reading)?,
            args.format,
        );
    }
    let evidence = existing_run::evidence(&folder, &past, &reading)?;
    match args.format {
        Format::Json => print(&format!("{:#}\n", report::summary(&evidence)))?,
        Format::Text => {
            print(&report::text(&evidence, terminal.sheet_out()))?;
            print(&summary::last_words_of_all(&evidence, &folder, terminal))?;
            say(&summary::gone(&evidence, &folder, terminal));
            if !evidence.finished {
                say(&match driver_of(&folder) {
                    Some(driver) => summary::driven_hint(&driver, terminal),
                    None => summary::resume_hint(&folder, terminal),
                });
            }
        }
    }
    Ok(Exit::Done)
}

/// Returns the process that drives an unfinished run, if there is one and it can be found out.
pub(super) fn driver_of(run: &RunFolder) -> Option<String> {
    active_process(run.path()).ok().flatten()
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
