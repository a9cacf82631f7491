//! Drives a prepared run, shows its progress, and prints its summary.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::driver::{
    self, DriveError, Ending, FolderError, Interrupts, JournalError, Observer, RequestKind,
    RunFolder, RunHeader, ServiceKind, SharedBudget,
};
use crate::report::{self, Evidence, Progress, ProgressStyle};
use svar_engine::{Fact, FactBody, Fleet, Interrupt};
use svar_language::source::SourceText;
use svar_plan::Plan;
use svar_wire::{Moment, text};

use crate::cli::args::{OutputFormat, ProgressArgs};
use crate::cli::existing_run;
use crate::cli::output::exit::{CommandError, CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, TextStyle, eprint, print};
use crate::cli::runs_folder;
use crate::cli::settings;
use crate::cli::summary;

/// Starts to catch Ctrl-C, so that it no longer ends the process. Must be called before the run's
/// folder is created, so that no incomplete folder is left.
///
/// # Errors
/// The signal handlers can't be installed.
pub(crate) fn interrupts() -> Result<Interrupts, CommandError> {
    Interrupts::from_signals().map_err(|error| {
        CommandError::new(
            Exit::InternalError,
            format!("cannot listen to signals: {error}"),
        )
    })
}

/// Drives the run until it has finished or is interrupted, and prints the summary.
///
/// # Errors
/// The journal or the folder can't be written; the run can be resumed.
pub(crate) async fn drive(
    setup: driver::RunSetup,
    interrupts: Interrupts,
    source: &SourceText,
    progress: &ProgressArgs,
    terminal: &Terminal,
) -> CommandResult {
    let folder = setup.folder.clone();
    let plan = Arc::clone(setup.compiled.plan());
    let style = if progress.quiet {
        ProgressStyle::Quiet
    } else if terminal.live {
        ProgressStyle::Live
    } else {
        ProgressStyle::Plain
    };
    if !progress.quiet {
        eprint(&headline(&plan, &folder, terminal));
    }
    let mut observer = ProgressObserver {
        progress: Progress::new(style, Arc::clone(&plan), terminal.event_style()),
        plan: Arc::clone(&plan),
        last_problem: String::new(),
        is_paused: false,
    };
    let budget = shared_budget(folder.header());
    let outcome = driver::drive_with_budget(setup, budget, interrupts, &mut observer).await;
    observer.progress.finish();
    let outcome = outcome.map_err(|error| drive_error(&error, &folder))?;

    // The exit code depends on whether something was sent, and by now it may have been.
    let contents = existing_run::journal(&folder).map_err(|failure| CommandError {
        exit: Exit::Interrupted,
        ..failure
    })?;
    let header = existing_run::report_header(folder.header());
    let evidence = Evidence::gather(header, &plan, &contents.facts, outcome.fleet.devices());
    let summary = report::summary(&evidence);
    if evidence.is_finished() {
        existing_run::write_summary(&folder, &evidence)?;
    }
    eprint(&summary::render(
        &evidence,
        &outcome.ending,
        &folder,
        source,
        terminal,
    ));
    if progress.output.format == OutputFormat::Json {
        print(&format!("{summary:#}\n")).map_err(|failure| CommandError {
            // Something was sent, so this is not `Refused`. It is not `Success` either, because the
            // caller has no summary.
            exit: Exit::NotAllOk,
            ..failure.help(format!(
                "the run is saved; `svar show {} --format json` prints the summary again",
                runs_folder::argument_of(&folder)
            ))
        })?;
    }
    Ok(exit_code(&outcome.ending, &evidence, &contents.facts))
}

/// Opens the tenant's budget of requests, which all runs on this computer share. The built-in
/// emulator has no other users, so it needs none.
fn shared_budget(header: &RunHeader) -> Option<SharedBudget> {
    let service = &header.service;
    if service.kind == ServiceKind::BuiltInEmulator {
        return None;
    }
    let name = format!("{}\n{}", service.api, service.tenant_id);
    let digest = Sha256::digest(name.to_lowercase().as_bytes());
    let digits: String = (digest[..8].iter())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let path = settings::state_folder()?.join("budget").join(digits);
    match SharedBudget::open(&path, &header.run) {
        Ok(budget) => Some(budget),
        Err(error) => {
            tracing::warn!("cannot use {}: {error}", path.display());
            None
        }
    }
}

fn exit_code(ending: &Ending, evidence: &Evidence, facts: &[Fact]) -> Exit {
    let sent = |fact: &Fact| matches!(fact.body, FactBody::StartAnnounced { .. });
    match ending {
        Ending::TenantLost { .. } if !facts.iter().any(sent) => Exit::TenantUnusable,
        _ => existing_run::exit_code(evidence),
    }
}

fn headline(plan: &Plan, folder: &RunFolder, terminal: &Terminal) -> String {
    let devices = text::count(plan.devices.len(), "device");
    let name = terminal.paint(TextStyle::Strong, &report::clean(&plan.name));
    let run = terminal.paint(TextStyle::Dim, &format!("run {}", folder.header().run));
    let dot = if terminal.unicode { "·" } else { "-" };
    format!("{name} {dot} {devices} {dot} {run}\n")
}

fn drive_error(error: &DriveError, folder: &RunFolder) -> CommandError {
    let run = runs_folder::argument_of(folder);
    let exit = match error {
        DriveError::Bug(_) => Exit::InternalError,
        DriveError::Replay(_) => Exit::Refused,
        DriveError::Journal(JournalError::Locked { .. }) => Exit::Refused,
        DriveError::Journal(_) | DriveError::Folder(_) => Exit::Interrupted,
    };
    let is_gone = matches!(
        error,
        DriveError::Journal(JournalError::Replaced { .. })
            | DriveError::Folder(FolderError::Journal(JournalError::Replaced { .. }))
    );
    let help = if is_gone {
        "sessions that have started keep running; if the folder was moved, continue with \
         `svar resume FOLDER`; if it was deleted, see the portal's action center for what was sent; \
         don't resume an older copy of the folder: it would start sessions again"
            .to_owned()
    } else {
        format!(
            "the run is saved in {}; when the cause is fixed, continue with `svar resume {run}`",
            folder.path().display()
        )
    };
    CommandError::new(exit, error.to_string()).help(help)
}

/// Logs a fact as it is in the journal, which contains no secrets.
fn log(fact: &Fact, plan: &Plan) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let device = fact.device.and_then(|device| device.get(&plan.devices));
    let who = device.map_or("run", |device| device.target.label());
    let what = serde_json::to_string(&fact.body).unwrap_or_default();
    tracing::info!("{} {} {what}", fact.at, report::clean(who));
}

/// Shows the progress of the run while it is driven.
struct ProgressObserver {
    progress: Progress,
    plan: Arc<Plan>,
    /// The last problem that was printed. It is not printed again while it lasts.
    last_problem: String,
    /// Whether a pause from another terminal was printed.
    is_paused: bool,
}

impl Observer for ProgressObserver {
    fn on_state(&mut self, now: Moment, fleet: &Fleet) {
        self.progress.update(now, fleet);
    }

    fn on_request(&mut self, kind: RequestKind, by: &str) {
        let who = match by {
            "" => "from another terminal".to_owned(),
            by => format!("by {} from another terminal", report::clean(by)),
        };
        self.is_paused |= kind == RequestKind::Pause;
        self.progress.note(&match kind {
            RequestKind::Pause => {
                format!(
                    "paused {who}: no new sessions; sessions of offline devices are recalled, \
                     running ones finish"
                )
            }
            RequestKind::Cancel => format!(
                "cancelled {who}: no new sessions; queued ones are cancelled, running ones finish"
            ),
            RequestKind::Abort => {
                format!("aborted {who}: no new sessions; queued and running ones are cancelled")
            }
        });
    }

    fn on_retry(&mut self, _: Moment, why: &str) {
        if self.last_problem != why {
            self.progress
                .note(&format!("{}; retrying", report::clean(why)));
            why.clone_into(&mut self.last_problem);
        }
    }

    fn on_fact(&mut self, fact: &Fact) {
        log(fact, &self.plan);
        match &fact.body {
            // A pause from another terminal has been printed already.
            FactBody::Interrupted {
                how: Interrupt::Pause,
            } if !self.is_paused => self.progress.note(
                "interrupted: no new sessions; sessions of offline devices are recalled, running ones \
                 finish (press Ctrl-C again to cancel them)",
            ),
            FactBody::Interrupted {
                how: Interrupt::Cancel,
            } => self
                .progress
                .note("interrupted again: cancelling sessions (press Ctrl-C again to quit at once)"),
            _ => {}
        }
    }
}
