//! `svar resume`: continues a run that was interrupted, was killed, or lost its tenant, and waives
//! cleanup.

use std::sync::Arc;

use crate::driver::{
    self, FolderRecordStore, Journal, ResultLimits, RunFolder, ServiceKind, ServiceRecord,
};
use crate::report::{self, Evidence};

use crate::cli::args::{OutputFormat, ResumeArgs, ResumeOptions};
use crate::cli::command::waive;
use crate::cli::drive;
use crate::cli::existing_run::{self, ExistingRun, RecompileFor};
use crate::cli::input::inputs;
use crate::cli::output::exit::{CommandError, CommandResult};
use crate::cli::output::terminal::{Terminal, eprint, print_json};
use crate::cli::runs_folder;
use crate::cli::runtime;
use crate::cli::service::connect;
use crate::cli::service::select::Service;
use crate::cli::settings::Settings;
use crate::cli::summary;

pub(crate) fn run(args: &ResumeArgs, terminal: &Terminal) -> CommandResult {
    let settings = Settings::load()?;
    let root = runs_folder::choose(args.options.progress.runs.as_deref(), &settings);
    let waives = !args.waive_cleanup.is_empty();
    let folder = if waives {
        // Cleanup is usually waived after the run has finished.
        existing_run::find(&root, args.run.as_deref())?
    } else {
        existing_run::find_or_newest_unfinished(&root, args.run.as_deref())?
    };
    if waives {
        let existing = existing_run::recompile(&folder, RecompileFor::Show, terminal)?;
        let by = inputs::operator(
            args.options.operator.as_deref(),
            settings.operator.as_deref(),
        );
        let why = args.why.as_deref().unwrap_or_default();
        waive::waive(&folder, &existing, &args.waive_cleanup, &by, why)?;
    }
    if folder.is_finished() {
        let existing = existing_run::recompile(&folder, RecompileFor::Show, terminal)?;
        let evidence =
            existing_run::evidence(&folder, &existing, &existing_run::journal(&folder)?)?;
        if waives {
            existing_run::write_summary(&folder, &evidence)?;
        } else {
            eprint(&format!(
                "run {} has already finished\n",
                folder.header().run
            ));
        }
        return print_finished(&folder, &existing, &evidence, &args.options, terminal);
    }
    let prepared = prepare(&folder, &args.options, terminal)?;
    start(prepared, folder, &args.options, terminal)
}

/// Prints the summary of a run that has finished.
fn print_finished(
    folder: &RunFolder,
    existing: &ExistingRun,
    evidence: &Evidence,
    args: &ResumeOptions,
    terminal: &Terminal,
) -> CommandResult {
    eprint(&summary::render(
        evidence,
        &driver::Ending::Finished,
        folder,
        &existing.source,
        terminal,
    ));
    if args.progress.output.format == OutputFormat::Json {
        print_json(&report::summary(evidence))?;
    }
    Ok(existing_run::exit_code(evidence))
}

/// An unfinished run that is ready to be driven.
pub(crate) struct PreparedResume {
    existing: ExistingRun,
    service: Service,
}

/// Compiles an unfinished run again, and announces its service.
///
/// # Errors
/// The folder was changed, a secret input is missing, or the service no longer exists.
pub(crate) fn prepare(
    folder: &RunFolder,
    args: &ResumeOptions,
    terminal: &Terminal,
) -> Result<PreparedResume, CommandError> {
    let existing = existing_run::recompile(
        folder,
        RecompileFor::Resume(inputs::arguments(&args.inputs)?),
        terminal,
    )?;
    let service = service(&folder.header().service, args)?;
    service.announce(terminal);
    Ok(PreparedResume { existing, service })
}

/// Drives the run.
pub(crate) fn start(
    prepared: PreparedResume,
    folder: RunFolder,
    args: &ResumeOptions,
    terminal: &Terminal,
) -> CommandResult {
    runtime::start()?.block_on(drive(prepared, folder, args, terminal))
}

/// Returns the service that the run was started with.
fn service(record: &ServiceRecord, args: &ResumeOptions) -> Result<Service, CommandError> {
    match record.kind {
        ServiceKind::Tenant => Service::of_run(record),
        ServiceKind::Emulator => {
            let url = args.emulator.as_deref().unwrap_or(&record.api);
            crate::cli::service::select::parse_emulator_root(url).map(Service::Emulator)
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
    prepared: PreparedResume,
    folder: RunFolder,
    args: &ResumeOptions,
    terminal: &Terminal,
) -> CommandResult {
    let PreparedResume { existing, service } = prepared;
    // The journal is locked first, so that the second of two processes fails here.
    let (journal, recorded) =
        Journal::open(folder.path()).map_err(|error| existing_run::journal_error(&error))?;
    let address = connect::open(service, None).await?;
    let connected = connect::sign_in(address).await?;
    let setup = driver::RunSetup {
        records: Arc::new(FolderRecordStore::new(
            folder.clone(),
            existing.compiled.plan(),
        )),
        compiled: Arc::new(existing.compiled),
        folder,
        journal,
        recorded: Some(recorded),
        client: connected.client.clone(),
        clock: connected.clock.clone(),
        limits: ResultLimits::default(),
    };
    let interrupts = drive::interrupts()?;
    let outcome = drive::drive(
        setup,
        interrupts,
        &existing.source,
        &args.progress,
        terminal,
    )
    .await;
    connected.close().await;
    outcome
}
