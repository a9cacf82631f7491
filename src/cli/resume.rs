//! `svar resume`: goes on with a run that was interrupted, killed, or lost its tenant.

use std::sync::Arc;

use crate::driver::{self, Caps, Journal, RunFolder, Runs, ServiceKind, ServiceRecord};

use super::args::ResumeArgs;
use super::connect;
use super::connection::Service;
use super::exit::{Failure, Outcome};
use super::given;
use super::past::{self, Past};
use super::play;
use super::settings::Settings;
use super::tell;
use super::terminal::{Terminal, say};

pub(super) fn run(args: &ResumeArgs, terminal: &Terminal) -> Outcome {
    let settings = Settings::load()?;
    let root = past::root(args.telling.runs.as_deref(), &settings);
    let folder = match args.run.as_deref() {
        Some(run) => past::find(&root, Some(run))?,
        None => Runs::at(&root)
            .newest_unfinished()
            .map_err(|error| past::failure(&error))?
            .ok_or_else(|| {
                Failure::refused(format!(
                    "there is no unfinished run under {}",
                    root.display()
                ))
                .help("`svar runs` lists them; --runs names another folder")
            })?,
    };
    let arguments = given::arguments(&args.inputs)?;
    let past = past::recompile(&folder, arguments, terminal)?;
    if folder.is_finished() {
        return over(&folder, &past, terminal);
    }
    let service = service(&folder.header().service, args)?;
    service.announce(terminal);
    super::runtime()?.block_on(go(args, service, folder, past, terminal))
}

/// A run that is over needs nothing: it is told once more.
fn over(folder: &RunFolder, past: &Past, terminal: &Terminal) -> Outcome {
    let evidence = past::evidence(folder, past, &past::journal(folder)?)?;
    say(&format!("run {} is over already\n", folder.header().run));
    say(&tell::end(
        &evidence,
        &driver::Ending::Finished,
        folder,
        &past.source,
        terminal,
    ));
    Ok(past::exit_of(&evidence))
}

/// The service of the run, and no other one.
fn service(record: &ServiceRecord, args: &ResumeArgs) -> Result<Service, Failure> {
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

async fn go(
    args: &ResumeArgs,
    service: Service,
    folder: RunFolder,
    past: Past,
    terminal: &Terminal,
) -> Outcome {
    // The lock first: of two people who resume, one gets to know that he is second.
    let (journal, reading) =
        Journal::open(folder.path()).map_err(|error| past::journal_failure(&error))?;
    let place = connect::place(service, None).await?;
    let connected = connect::enter(place).await?;
    let ready = driver::Ready {
        runbook: Arc::new(past.runbook),
        folder,
        journal,
        reading: Some(reading),
        client: connected.client.clone(),
        clock: connected.clock.clone(),
        caps: Caps::default(),
    };
    let outcome = play::play(ready, &past.source, &args.telling, terminal).await;
    connected.close().await;
    outcome
}
