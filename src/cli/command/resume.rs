//! `svar resume`: goes on with a run that was interrupted, killed, or lost its tenant.

use std::sync::Arc;

use crate::driver::{self, Journal, ResultLimits, RunFolder, ServiceKind, ServiceRecord};

use crate::cli::args::{AgainArgs, ResumeArgs};
use crate::cli::command::waive;
use crate::cli::drive;
use crate::cli::existing_run::{self, Past, Purpose};
use crate::cli::input::inputs;
use crate::cli::output::exit::{Failure, Outcome};
use crate::cli::output::summary;
use crate::cli::output::terminal::{Terminal, say};
use crate::cli::service::connect;
use crate::cli::service::select::Service;
use crate::cli::service::settings::Settings;

pub(crate) fn run(args: &ResumeArgs, terminal: &Terminal) -> Outcome {
    let settings = Settings::load()?;
    let root = existing_run::root(args.again.telling.runs.as_deref(), &settings);
    let waives = !args.waive_cleanup.is_empty();
    let folder = match waives {
        // A debt is most often given up when the run is over.
        true => existing_run::find(&root, args.run.as_deref())?,
        false => existing_run::find_unfinished(&root, args.run.as_deref())?,
    };
    if waives {
        let past = existing_run::recompile(&folder, Purpose::Look, terminal)?;
        let by = inputs::operator(args.again.operator.as_deref(), settings.operator.as_deref());
        let why = args.why.as_deref().unwrap_or_default();
        waive::waive(&folder, &past, &args.waive_cleanup, &by, why)?;
    }
    if folder.is_finished() {
        let past = existing_run::recompile(&folder, Purpose::Look, terminal)?;
        return over(&folder, &past, waives, terminal);
    }
    let taken = take(&folder, &args.again, terminal)?;
    go(taken, folder, &args.again, terminal)
}

/// A run that is over needs nothing: it is told once more, and anew if it changed.
fn over(folder: &RunFolder, past: &Past, changed: bool, terminal: &Terminal) -> Outcome {
    let evidence = existing_run::evidence(folder, past, &existing_run::journal(folder)?)?;
    match changed {
        true => existing_run::finish(folder, &evidence)?,
        false => say(&format!("run {} is over already\n", folder.header().run)),
    }
    say(&summary::end(
        &evidence,
        &driver::Ending::Finished,
        folder,
        &past.source,
        terminal,
    ));
    Ok(existing_run::exit_of(&evidence))
}

/// An unfinished run, ready to be driven again.
pub(crate) struct Taken {
    past: Past,
    service: Service,
}

/// Compiles an unfinished run again, and says which service it speaks to.
///
/// # Errors
/// The folder is not as it was, a secret input is missing, or its service is gone.
pub(crate) fn take(
    folder: &RunFolder,
    args: &AgainArgs,
    terminal: &Terminal,
) -> Result<Taken, Failure> {
    let past = existing_run::recompile(
        folder,
        Purpose::GoOn(inputs::arguments(&args.inputs)?),
        terminal,
    )?;
    let service = service(&folder.header().service, args)?;
    service.announce(terminal);
    Ok(Taken { past, service })
}

/// Drives it.
pub(crate) fn go(
    taken: Taken,
    folder: RunFolder,
    args: &AgainArgs,
    terminal: &Terminal,
) -> Outcome {
    crate::cli::runtime()?.block_on(drive(taken, folder, args, terminal))
}

/// The service of the run, and no other one.
fn service(record: &ServiceRecord, args: &AgainArgs) -> Result<Service, Failure> {
    match record.kind {
        ServiceKind::Tenant => Service::again(record),
        ServiceKind::Emulator => {
            let url = args.emulator.as_deref().unwrap_or(&record.api);
            crate::cli::service::select::emulator(url).map(Service::Emulator)
        }
        ServiceKind::BuiltInEmulator => Err(Failure::refused(
            "the run was a rehearsal on the emulator inside its process, which is gone with it",
        )
        .help(
            "run the playbook again; an emulator that outlives its runs is started with `svar emulator`",
        )),
    }
}

async fn drive(taken: Taken, folder: RunFolder, args: &AgainArgs, terminal: &Terminal) -> Outcome {
    let Taken { past, service } = taken;
    // The lock first: of two people who resume, one gets to know that he is second.
    let (journal, reading) =
        Journal::open(folder.path()).map_err(|error| existing_run::journal_failure(&error))?;
    let place = connect::place(service, None).await?;
    let connected = connect::enter(place).await?;
    let ready = driver::RunSetup {
        compiled: Arc::new(past.compiled),
        folder,
        journal,
        reading: Some(reading),
        client: connected.client.clone(),
        clock: connected.clock.clone(),
        caps: ResultLimits::default(),
    };
    let interrupts = drive::interrupts()?;
    let outcome = drive::play(ready, interrupts, &past.source, &args.telling, terminal).await;
    connected.close().await;
    outcome
}
