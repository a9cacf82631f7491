//! `svar cancel`: ends a run. It can't be resumed afterwards.
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
    let folder = existing_run::find_or_newest_unfinished(&root, args.run.as_deref())?;
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
    if let Some(accepted) = hand_over(&folder, &request)? {
        print_accepted(format, &run, &accepted)?;
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
    let (state_word, driver) = match state {
        RequestState::Accepted { by } => ("accepted", Some(by)),
        RequestState::Finished => ("finished", None),
        RequestState::NotActive => ("not_active", None),
    };
    match format {
        OutputFormat::Text => eprint(&format!("{message}\n")),
        OutputFormat::Json => print_json(&json!({
            "version": 1,
            "run": run,
            "state": state_word,
            "driver": driver,
        }))?,
    }
    Ok(())
}

/// A request that the driving process has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AcceptedRequest {
    /// The kind that is applied, which an earlier request may have made more severe.
    kind: RequestKind,
    /// Description of the driving process.
    driver: String,
}

impl AcceptedRequest {
    /// Returns the message about what the driving process does now.
    fn message(&self, run: &RunId) -> String {
        let (doing, effect) = match self.kind {
            RequestKind::Pause => (
                "paused",
                "no new sessions start, sessions of offline devices are recalled, running ones \
                 finish; this can take five minutes and longer",
            ),
            RequestKind::Cancel => (
                "cancelled",
                "queued sessions are cancelled, running ones finish",
            ),
            RequestKind::Abort => ("cancelled", "queued and running sessions are cancelled"),
        };
        format!("run {run} is being {doing} by {}: {effect}", self.driver)
    }
}

/// Prints that a request was accepted.
///
/// # Errors
/// Standard output can't be written.
pub(super) fn print_accepted(
    format: OutputFormat,
    run: &RunId,
    accepted: &AcceptedRequest,
) -> Result<(), CommandError> {
    let by = &accepted.driver;
    let message = accepted.message(run);
    print_state(format, run, RequestState::Accepted { by }, &message)
}

/// Hands a request to the process that drives the run and waits until it is accepted. Returns
/// `None` if no process drives the run. This request is then not left in the folder; another one
/// stays there for the next process.
///
/// # Errors
/// The folder can't be read or written, or the request was not accepted in time.
pub(super) fn hand_over(
    folder: &RunFolder,
    request: &ControlRequest,
) -> Result<Option<AcceptedRequest>, CommandError> {
    let path = folder.path();
    let failed = |error: driver::FolderError| existing_run::folder_error(&error);
    let Some(mut driver) = active_process(path).map_err(failed)? else {
        return Ok(None);
    };
    let mut kind = request.save(path).map_err(failed)?.request;
    let since = Instant::now();
    while let Some(saved) = ControlRequest::load(path).map_err(failed)? {
        // Another terminal may have replaced it.
        kind = saved.request;
        match active_process(path).map_err(failed)? {
            Some(other) => driver = other,
            None => {
                if saved == *request {
                    ControlRequest::remove(path).map_err(failed)?;
                }
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
    Ok(Some(AcceptedRequest { kind, driver }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_tells_the_request_that_is_applied() {
        let folder = tempfile::tempdir().expect("a folder");
        let request = |request| ControlRequest {
            request,
            by: String::new(),
        };
        let message = |kind| {
            let saved = request(kind).save(folder.path()).expect("saved");
            let driver = "process 1".to_owned();
            let kind = saved.request;
            AcceptedRequest { kind, driver }.message(&RunId::parse("20260101-aa").expect("an id"))
        };
        assert!(message(RequestKind::Pause).contains("being paused by process 1: no new sessions"));
        assert!(message(RequestKind::Abort).ends_with("queued and running sessions are cancelled"));
        // The earlier request is more severe, so it stays.
        assert!(
            message(RequestKind::Cancel).ends_with("queued and running sessions are cancelled")
        );
    }
}
