//! Drives a run that is ready, shows it while it goes on, and tells how it ended.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::driver::{
    self, DriveError, Ending, FolderError, Interrupts, JournalError, Observer, RequestKind,
    RunFolder, RunHeader, ServiceKind, SharedBudget,
};
use crate::report::{self, Evidence, Progress, ProgressStyle};
use svar_engine::{Fact, FactBody, Fleet};
use svar_language::source::SourceText;
use svar_plan::Plan;
use svar_wire::Moment;

use crate::cli::args::{Format, TellingArgs};
use crate::cli::existing_run;
use crate::cli::output::exit::{Exit, Failure, Outcome};
use crate::cli::output::summary;
use crate::cli::output::terminal::{Style, Terminal, print, say};
use crate::cli::service::settings;

/// From here on Ctrl-C no longer ends the process: the run gets it. To be called before a run's
/// folder is touched, so that none is left half made.
///
/// # Errors
/// The system refuses.
pub(crate) fn interrupts() -> Result<Interrupts, Failure> {
    Interrupts::from_signals()
        .map_err(|error| Failure::new(Exit::Bug, format!("signals can't be listened to: {error}")))
}

/// Drives the run to its end, or to where it can be resumed.
///
/// # Errors
/// Driving broke off; the run can be resumed.
pub(crate) async fn play(
    ready: driver::RunSetup,
    interrupts: Interrupts,
    source: &SourceText,
    telling: &TellingArgs,
    terminal: &Terminal,
) -> Outcome {
    let folder = ready.folder.clone();
    let plan = Arc::clone(ready.compiled.plan());
    let style = match (telling.quiet, terminal.live) {
        (true, _) => ProgressStyle::Quiet,
        (false, true) => ProgressStyle::Live,
        (false, false) => ProgressStyle::Plain,
    };
    if !telling.quiet {
        say(&headline(&plan, &folder, terminal));
    }
    let mut onlooker = Onlooker {
        progress: Progress::new(style, Arc::clone(&plan), terminal.sheet_of_events()),
        plan: Arc::clone(&plan),
        trouble: String::new(),
    };
    let budget = shared_budget(folder.header());
    let driven = driver::drive_with_budget(ready, budget, interrupts, &mut onlooker).await;
    onlooker.progress.finish();
    let driven = driven.map_err(|error| broken_off(&error, &folder))?;

    // What was sent decides the exit code, and by now something may have been.
    let reading = existing_run::journal(&folder).map_err(|failure| Failure {
        exit: Exit::Interrupted,
        ..failure
    })?;
    let header = existing_run::header_of(folder.header());
    let evidence = Evidence::gather(header, &plan, &reading.facts, driven.fleet.devices());
    let summary = report::summary(&evidence);
    if evidence.finished {
        existing_run::finish(&folder, &evidence)?;
    }
    say(&summary::end(
        &evidence,
        &driven.ending,
        &folder,
        source,
        terminal,
    ));
    if telling.format == Format::Json {
        print(&format!("{summary:#}\n")).map_err(|failure| Failure {
            // The run is over, so this is no refusal; and it must not pass for a run of which the
            // caller has the summary.
            exit: Exit::NotAllOk,
            ..failure.help(format!(
                "the run itself is kept: `svar show {} --format json` prints it again",
                summary::name_of(&folder)
            ))
        })?;
    }
    Ok(exit(&driven.ending, &evidence, &reading.facts))
}

/// The tenant's budget as all runs of this computer share it. The emulator inside the process has
/// nobody to share with.
fn shared_budget(header: &RunHeader) -> Option<SharedBudget> {
    let service = &header.service;
    if service.kind == ServiceKind::BuiltInEmulator {
        return None;
    }
    let name = format!("{}\n{}", service.api, service.tenant);
    let digest = Sha256::digest(name.to_lowercase().as_bytes());
    let digits: String = (digest[..8].iter())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let path = settings::state_folder()?.join("budget").join(digits);
    match SharedBudget::at(&path, &header.run) {
        Ok(budget) => Some(budget),
        Err(error) => {
            tracing::warn!("{} can't be used: {error}", path.display());
            None
        }
    }
}

fn exit(ending: &Ending, evidence: &Evidence, facts: &[Fact]) -> Exit {
    let sent = |fact: &Fact| matches!(fact.body, FactBody::StartAnnounced { .. });
    match ending {
        Ending::TenantLost { .. } if !facts.iter().any(sent) => Exit::TenantUnusable,
        _ => existing_run::exit_of(evidence),
    }
}

fn headline(plan: &Plan, folder: &RunFolder, terminal: &Terminal) -> String {
    let devices = match plan.devices.len() {
        1 => "1 device".to_owned(),
        count => format!("{count} devices"),
    };
    let name = terminal.paint(Style::Strong, &report::clean(&plan.name));
    let run = terminal.paint(Style::Dim, &format!("run {}", folder.header().run));
    let dot = if terminal.unicode { "·" } else { "-" };
    format!("{name} {dot} {devices} {dot} {run}\n")
}

fn broken_off(error: &DriveError, folder: &RunFolder) -> Failure {
    let run = summary::name_of(folder);
    let exit = match error {
        DriveError::Bug(_) => Exit::Bug,
        DriveError::Replay(_) => Exit::Refused,
        DriveError::Journal(JournalError::Held { .. }) => Exit::Refused,
        DriveError::Journal(_) | DriveError::Folder(_) => Exit::Interrupted,
    };
    let is_gone = matches!(
        error,
        DriveError::Journal(JournalError::Gone { .. })
            | DriveError::Folder(FolderError::Journal(JournalError::Gone { .. }))
    );
    let help = match is_gone {
        true => {
            "sessions that had begun go on by themselves; if the folder was moved, go on with \
             `svar resume FOLDER`; if it is gone, the portal's action center has what was sent, and an \
             older copy of the folder must not be resumed: it would start sessions again"
                .to_owned()
        }
        false => format!(
            "the run is kept in {}; when the cause is gone, go on with `svar resume {run}`",
            folder.path().display()
        ),
    };
    Failure::new(exit, error.to_string()).help(help)
}

/// What happened, in the words of the journal, which hold no secrets.
fn log(fact: &Fact, plan: &Plan) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let device = fact.device.and_then(|device| device.get(&plan.devices));
    let who = device.map_or("run", |device| device.target.label());
    let what = serde_json::to_string(&fact.body).unwrap_or_default();
    tracing::info!("{} {} {what}", fact.at, report::clean(who));
}

/// Shows the run while it is driven.
struct Onlooker {
    progress: Progress,
    plan: Arc<Plan>,
    /// The last trouble that was told: while it lasts, once is enough.
    trouble: String,
}

impl Observer for Onlooker {
    fn look(&mut self, now: Moment, fleet: &Fleet) {
        self.progress.look(now, fleet);
    }

    fn asked(&mut self, ask: RequestKind, by: &str) {
        let who = match by {
            "" => "another terminal".to_owned(),
            by => format!("{}, from another terminal", report::clean(by)),
        };
        self.progress.note(&match ask {
            RequestKind::Pause => {
                format!(
                    "paused by {who}: no new starts; sessions whose device sleeps are called back, \
                     the others are waited for"
                )
            }
            RequestKind::Cancel => format!(
                "cancelled by {who}: no new starts; what waits is cancelled, what runs finishes"
            ),
            RequestKind::Abort => format!("aborted by {who}: own sessions are cancelled"),
        });
    }

    fn troubled(&mut self, _: Moment, why: &str) {
        if self.trouble != why {
            self.progress
                .note(&format!("{}; it is tried again", report::clean(why)));
            why.clone_into(&mut self.trouble);
        }
    }

    fn happened(&mut self, fact: &Fact) {
        log(fact, &self.plan);
        match &fact.body {
            FactBody::Interrupted { count: 1 } => self.progress.note(
                "interrupted: no new starts; sessions whose device sleeps are called back, the others \
                 are waited for (again: cancel them)",
            ),
            FactBody::Interrupted { count: 2 } => self
                .progress
                .note("interrupted again: own sessions are cancelled (again: leave at once)"),
            _ => {}
        }
    }
}
