//! `svar cancel` and `svar pause`: what another terminal asks of a run.
//!
//! Whoever drives the run is asked by a file in its folder. Where nobody does, there is nothing to
//! pause, and `cancel` takes the run up itself.

use std::time::{Duration, Instant};

use crate::driver::{self, ControlRequest, RequestKind, RunFolder, active_process};

use crate::cli::args::{CancelArgs, PauseArgs};
use crate::cli::command::resume;
use crate::cli::existing_run;
use crate::cli::input::inputs;
use crate::cli::output::exit::{Exit, Failure, Outcome};
use crate::cli::output::summary;
use crate::cli::output::terminal::{Terminal, say};
use crate::cli::service::settings::Settings;

/// How long the driving process may take to see a request: it looks ten times a second, unless its
/// disk is busy.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// `svar pause`
pub(crate) fn pause(args: &PauseArgs) -> Outcome {
    let settings = Settings::load()?;
    let root = existing_run::root(args.runs.as_deref(), &settings);
    let folder = existing_run::find_unfinished(&root, args.run.as_deref())?;
    let run = &folder.header().run;
    if folder.is_finished() {
        folder
            .confirm_end()
            .map_err(|error| existing_run::failure(&error))?;
        say(&format!("run {run} is over already\n"));
        return Ok(Exit::Done);
    }
    let request = ControlRequest {
        ask: RequestKind::Pause,
        by: inputs::operator(None, settings.operator.as_deref()),
    };
    match hand_over(&folder, &request)? {
        Some(driver) => say(&format!(
            "run {run} is paused: {driver} starts no more sessions, calls back those whose device \
             sleeps, and ends when the others have ended; a device that is awake takes its session \
             within five minutes\n"
        )),
        None => say(&format!(
            "nobody drives run {run}: it rests until `svar resume {}`\n",
            summary::name_of(&folder)
        )),
    }
    Ok(Exit::Done)
}

/// `svar cancel`
pub(crate) fn run(args: &CancelArgs, terminal: &Terminal) -> Outcome {
    let settings = Settings::load()?;
    let root = existing_run::root(args.again.telling.runs.as_deref(), &settings);
    let folder = existing_run::find_unfinished(&root, args.run.as_deref())?;
    let run = folder.header().run.clone();
    if folder.is_finished() {
        folder
            .confirm_end()
            .map_err(|error| existing_run::failure(&error))?;
        say(&format!("run {run} is over already\n"));
        return Ok(Exit::Done);
    }
    let request = ControlRequest {
        ask: match args.abort {
            true => RequestKind::Abort,
            false => RequestKind::Cancel,
        },
        by: inputs::operator(args.again.operator.as_deref(), settings.operator.as_deref()),
    };
    if let Some(driver) = hand_over(&folder, &request)? {
        let then = match args.abort {
            true => "cancels its sessions",
            false => "cancels what waits, and lets run what runs",
        };
        say(&format!("run {run} is cancelled: {driver} {then}\n"));
        return Ok(Exit::Done);
    }
    let taken = resume::take(&folder, &args.again, terminal)?;
    let filed = |error: driver::FolderError| existing_run::failure(&error);
    request.file(folder.path()).map_err(filed)?;
    say(&format!(
        "nobody drives run {run}: it is taken up and ended here\n"
    ));
    resume::go(taken, folder, &args.again, terminal)
}

/// Files a request with the process that drives the run, and waits until it is taken. `None` if
/// nobody drives it; then nothing is left filed.
fn hand_over(folder: &RunFolder, request: &ControlRequest) -> Result<Option<String>, Failure> {
    let path = folder.path();
    let failed = |error: driver::FolderError| existing_run::failure(&error);
    let Some(mut driver) = active_process(path).map_err(failed)? else {
        return Ok(None);
    };
    request.file(path).map_err(failed)?;
    let since = Instant::now();
    while ControlRequest::filed(path).is_some() {
        match active_process(path).map_err(failed)? {
            Some(other) => driver = other,
            None => {
                ControlRequest::clear(path).map_err(failed)?;
                return Ok(None);
            }
        }
        if since.elapsed() > PATIENCE {
            return Err(Failure::new(
                Exit::Interrupted,
                format!("{driver} has not looked at the request yet"),
            )
            .help("it is kept in the run's folder and obeyed when it is seen; look again with `svar runs`"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(Some(driver))
}
