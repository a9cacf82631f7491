//! `svar resume`: continues a run that was interrupted, was killed, or lost its tenant; and waives
//! cleanup.

use std::sync::Arc;

use crate::driver::{
    self, FolderRecordStore, Journal, ResultLimits, RunFolder, ServiceKind, ServiceRecord,
};
use crate::report::{self, Evidence};

use crate::cli::args::{OutputFormat, ResumeArgs, ResumeOptions};
use crate::cli::command::waive;
use crate::cli::drive;
use crate::cli::existing_run::{self, ExistingRun, Purpose};
use crate::cli::input::inputs;
use crate::cli::output::exit::{CommandError, CommandResult};
use crate::cli::output::terminal::{Terminal, print_json, say};
use crate::cli::runs_folder;
use crate::cli::runtime;
use crate::cli::service::connect;
use crate::cli::service::select::Service;
use crate::cli::settings::Settings;
use crate::cli::summary;

pub(crate) fn run(args: &ResumeArgs, terminal: &Terminal) -> CommandResult {
    let settings = Settings::load()?;
    let root = runs_folder::choose(args.again.progress.runs.as_deref(), &settings);
    let waives = !args.waive_cleanup.is_empty();
    let folder = if waives {
        // Cleanup is most often waived when the run has finished.
        existing_run::find(&root, args.run.as_deref())?
    } else {
        existing_run::find_unfinished(&root, args.run.as_deref())?
    };
    if waives {
        let past = existing_run::recompile(&folder, Purpose::Show, terminal)?;
        let by = inputs::operator(args.again.operator.as_deref(), settings.operator.as_deref());
        let why = args.why.as_deref().unwrap_or_default();
        waive::waive(&folder, &past, &args.waive_cleanup, &by, why)?;
    }
    if folder.is_finished() {
        let past = existing_run::recompile(&folder, Purpose::Show, terminal)?;
        let evidence = existing_run::evidence(&folder, &past, &existing_run::journal(&folder)?)?;
        if waives {
            existing_run::finish(&folder, &evidence)?;
        } else {
            say(&format!(
                "run {} has already finished\n",
                folder.header().run
            ));
        }
        return print_finished(&folder, &past, &evidence, &args.again, terminal);
    }
    let taken = take(&folder, &args.again, terminal)?;
    go(taken, folder, &args.again, terminal)
}

/// Prints the summary of a run that has finished.
fn print_finished(
    folder: &RunFolder,
    past: &ExistingRun,
    evidence: &Evidence,
    args: &ResumeOptions,
    terminal: &Terminal,
) -> CommandResult {
    say(&summary::end(
        evidence,
        &driver::Ending::Finished,
        folder,
        &past.source,
        terminal,
    ));
    if args.progress.output.format == OutputFormat::Json {
        print_json(&report::summary(evidence))?;
    }
    Ok(existing_run::exit_of(evidence))
}

/// An unfinished run, ready to be driven.
pub(crate) struct PreparedResume {
    past: ExistingRun,
    service: Service,
}

/// Compiles an unfinished run again, and announces its service.
///
/// # Errors
/// The folder was changed, a secret input is missing, or the service no longer exists.
pub(crate) fn take(
    folder: &RunFolder,
    args: &ResumeOptions,
    terminal: &Terminal,
) -> Result<PreparedResume, CommandError> {
    let past = existing_run::recompile(
        folder,
        Purpose::Resume(inputs::arguments(&args.inputs)?),
        terminal,
    )?;
    let service = service(&folder.header().service, args)?;
    service.announce(terminal);
    Ok(PreparedResume { past, service })
}

/// Drives the run.
pub(crate) fn go(
    taken: PreparedResume,
    folder: RunFolder,
    args: &ResumeOptions,
    terminal: &Terminal,
) -> CommandResult {
    runtime::start()?.block_on(drive(taken, folder, args, terminal))
}

/// Returns the service that the run was started with.
fn service(record: &ServiceRecord, args: &ResumeOptions) -> Result<Service, CommandError> {
    match record.kind {
        ServiceKind::Tenant => Service::again(record),
        ServiceKind::Emulator => {
            let url = args.emulator.as_deref().unwrap_or(&record.api);
            crate::cli::service::select::emulator(url).map(Service::Emulator)
        }
        ServiceKind::BuiltInEmulator => Err(CommandError::refused(
            "the built-in emulator ended with its process, so the run cannot be resumed",
        )
        .help(
            "run the playbook again; for runs that can be resumed, start an emulator with `svar emulator`",
        )),
    }
}

async fn drive(
    taken: PreparedResume,
    folder: RunFolder,
    args: &ResumeOptions,
    terminal: &Terminal,
) -> CommandResult {
    let PreparedResume { past, service } = taken;
    // The lock comes first: if two processes resume the run, the second one fails here.
    let (journal, recorded) =
        Journal::open(folder.path()).map_err(|error| existing_run::journal_failure(&error))?;
    let address = connect::locate(service, None).await?;
    let connected = connect::sign_in(address).await?;
    let setup = driver::RunSetup {
        records: Arc::new(FolderRecordStore::new(folder.clone(), past.compiled.plan())),
        compiled: Arc::new(past.compiled),
        folder,
        journal,
        recorded: Some(recorded),
        client: connected.client.clone(),
        clock: connected.clock.clone(),
        limits: ResultLimits::default(),
    };
    let interrupts = drive::interrupts()?;
    let outcome = drive::drive(setup, interrupts, &past.source, &args.progress, terminal).await;
    connected.close().await;
    outcome
}
