//! `svar resume`: goes on with a run that was interrupted, killed, or lost its tenant.

use std::sync::Arc;

use crate::driver::{self, Caps, Journal, RunFolder, ServiceKind, ServiceRecord};

use super::args::{AgainArgs, ResumeArgs};
use super::connect;
use super::connection::Service;
use super::exit::{Failure, Outcome};
use super::given;
use super::past::{self, Past, Purpose};
use super::play;
use super::settings::Settings;
use super::tell;
use super::terminal::{Terminal, say};
use super::waive;

pub(super) fn run(args: &ResumeArgs, terminal: &Terminal) -> Outcome {
    let settings = Settings::load()?;
    let root = past::root(args.again.telling.runs.as_deref(), &settings);
    let waives = !args.waive_cleanup.is_empty();
    let folder = match waives {
        // A debt is most often given up when the run is over.
        true => past::find(&root, args.run.as_deref())?,
        false => past::find_unfinished(&root, args.run.as_deref())?,
    };
    if waives {
        let past = past::recompile(&folder, Purpose::Look, terminal)?;
        let by = given::operator(args.again.operator.as_deref(), settings.operator.as_deref());
        let why = args.why.as_deref().unwrap_or_default();
        waive::waive(&folder, &past, &args.waive_cleanup, &by, why)?;
    }
    if folder.is_finished() {
        let past = past::recompile(&folder, Purpose::Look, terminal)?;
        return over(&folder, &past, waives, terminal);
    }
    let taken = take(&folder, &args.again, terminal)?;
    go(taken, folder, &args.again, terminal)
}

/// A run that is over needs nothing: it is told once more, and anew if it changed.
fn over(folder: &RunFolder, past: &Past, changed: bool, terminal: &Terminal) -> Outcome {
    let evidence = past::evidence(folder, past, &past::journal(folder)?)?;
    match changed {
        true => past::finish(folder, &evidence)?,
        false => say(&format!("run {} is over already\n", folder.header().run)),
    }
    say(&tell::end(
        &evidence,
        &driver::Ending::Finished,
        folder,
        &past.source,
        terminal,
    ));
    Ok(past::exit_of(&evidence))
}

/// An unfinished run, ready to be driven again.
pub(super) struct Taken {
    past: Past,
    service: Service,
}

/// Compiles an unfinished run again, and says which service it speaks to.
///
/// # Errors
/// The folder is not as it was, a secret input is missing, or its service is gone.
pub(super) fn take(
    folder: &RunFolder,
    args: &AgainArgs,
    terminal: &Terminal,
) -> Result<Taken, Failure> {
    let past = past::recompile(
        folder,
        Purpose::GoOn(given::arguments(&args.inputs)?),
        terminal,
    )?;
    let service = service(&folder.header().service, args)?;
    service.announce(terminal);
    Ok(Taken { past, service })
}

/// Drives it.
pub(super) fn go(
    taken: Taken,
    folder: RunFolder,
    args: &AgainArgs,
    terminal: &Terminal,
) -> Outcome {
    super::runtime()?.block_on(drive(taken, folder, args, terminal))
}

/// The service of the run, and no other one.
fn service(record: &ServiceRecord, args: &AgainArgs) -> Result<Service, Failure> {
    match record.kind {
        ServiceKind::Tenant => Service::again(record),
        ServiceKind::Emulator => {
            let url = args.emulator.as_deref().unwrap_or(&record.api);
            super::connection::emulator(url).map(Service::Emulator)
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
        Journal::open(folder.path()).map_err(|error| past::journal_failure(&error))?;
    let place = connect::place(service, None).await?;
    let connected = connect::enter(place).await?;
    let ready = driver::Ready {
        compiled: Arc::new(past.compiled),
        folder,
        journal,
        reading: Some(reading),
        client: connected.client.clone(),
        clock: connected.clock.clone(),
        caps: Caps::default(),
    };
    let interrupts = play::interrupts()?;
    let outcome = play::play(ready, interrupts, &past.source, &args.telling, terminal).await;
    connected.close().await;
    outcome
}
