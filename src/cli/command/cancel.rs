//! `svar cancel`: ends a run for good.
//!
//! The request is a file in the run folder, which the process that drives the run applies. If no
//! process drives it, `cancel` resumes the run itself and applies the request.

use std::time::{Duration, Instant};

use serde_json::json;

use svar_wire::RunId;

use crate::cli::args::{CancelArgs, OutputFormat};
use crate::cli::existing_run;
use crate::cli::input::inputs;
use crate::cli::output::exit::{CommandError, CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, eprint, print_json};
use crate::cli::runs_folder;
use crate::cli::settings::Settings;
use crate::driver::{self, ControlRequest, RequestKind, RunFolder, active_process};

use super::resume;

/// Maximum time until the driving process accepts a request. It looks for one ten times a second,
/// unless its disk is busy.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) fn run(args: &CancelArgs, terminal: &Terminal) -> CommandResult {
    let format = args.options.progress.output.format;
    let settings = Settings::load()?;
    let root = runs_folder::choose(args.options.progress.runs.as_deref(), &settings);
    let folder = existing_run::find_unfinished(&root, args.run.as_deref())?;
    let run = folder.header().run.clone();
    if folder.is_finished() {
        folder
            .check_journal_end()
            .map_err(|error| existing_run::folder_error(&error))?;
        let message = format!("run {run} has already finished");
        print_state(format, &run, RequestState::Finished, &message)?;
        return Ok(Exit::Success);
    }
    let request = ControlRequest {
        request: if args.abort {
            RequestKind::Abort
        } else {
            RequestKind::Cancel
        },
        by: inputs::operator(
            args.options.operator.as_deref(),
            settings.operator.as_deref(),
        ),
    };
    if let Some(driver) = hand_over(&folder, &request)? {
        let then = if args.abort {
            "queued and running sessions are cancelled"
        } else {
            "queued sessions are cancelled, running ones finish"
        };
        let message = format!("run {run} is being cancelled by {driver}: {then}");
        print_state(
            format,
            &run,
            RequestState::Accepted { by: &driver },
            &message,
        )?;
        return Ok(Exit::Success);
    }
    let prepared = resume::prepare(&folder, &args.options, terminal)?;
    let failed = |error: driver::FolderError| existing_run::folder_error(&error);
    request.save(folder.path()).map_err(failed)?;
    eprint(&format!("run {run} is not active; cancelling it here\n"));
    resume::start(prepared, folder, &args.options, terminal)
}

/// The answer to a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum RequestState<'a> {
    /// The driving process has accepted the request and applies it.
    Accepted {
        /// The driving process.
        by: &'a str,
    },
    /// The run has finished, so there is nothing to do.
    Finished,
    /// No process drives the run.
    NotActive,
}

/// Prints the answer: the message on standard error, or a JSON document on standard output.
///
/// # Errors
/// Standard output can't be written.
pub(super) fn print_state(
    format: OutputFormat,
    run: &RunId,
    state: RequestState<'_>,
    message: &str,
) -> Result<(), CommandError> {
    let (word, driver) = match state {
        RequestState::Accepted { by } => ("accepted", Some(by)),
        RequestState::Finished => ("finished", None),
        RequestState::NotActive => ("not_active", None),
    };
    match format {
        OutputFormat::Text => eprint(&format!("{message}\n")),
        OutputFormat::Json => print_json(&json!({
            "version": 1,
            "run": run,
            "request": word,
            "driver": driver,
        }))?,
    }
    Ok(())
}

/// Hands a request to the process that drives the run, waits until it is accepted, and returns the
/// process. Returns `None` and leaves no request in the folder if no process drives the run.
pub(super) fn hand_over(
    folder: &RunFolder,
    request: &ControlRequest,
) -> Result<Option<String>, CommandError> {
    let path = folder.path();
    let failed = |error: driver::FolderError| existing_run::folder_error(&error);
    let Some(mut driver) = active_process(path).map_err(failed)? else {
        return Ok(None);
    };
    request.save(path).map_err(failed)?;
    let since = Instant::now();
    while ControlRequest::load(path).is_some() {
        match active_process(path).map_err(failed)? {
            Some(other) => driver = other,
            None => {
                ControlRequest::remove(path).map_err(failed)?;
                return Ok(None);
            }
        }
        if since.elapsed() > HAND_OVER_TIMEOUT {
            return Err(CommandError::new(
                Exit::Interrupted,
                format!("{driver} has not seen the request yet"),
            )
            .help(
                "the request is saved in the run folder and will be applied by the running process; \
                 check with `svar runs`",
            ));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(Some(driver))
}
