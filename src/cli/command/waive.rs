//! `svar resume --waive-cleanup`: a person gives up a debt, by name and with a reason.

use crate::driver::{Clock, Journal, RunFolder, ServiceKind};
use svar_engine::{DeviceIndex, Fact, FactBody};
use svar_plan::{Plan, Target};

use crate::cli::existing_run::{self, Past};
use crate::cli::output::exit::Failure;

/// Records that the cleanup of these devices is given up. The run must not be driven meanwhile.
///
/// # Errors
/// A name fits no device or several, a device owes nothing, or the journal can't be written;
/// nothing is recorded then.
pub(crate) fn waive(
    folder: &RunFolder,
    past: &Past,
    names: &[String],
    by: &str,
    why: &str,
) -> Result<(), Failure> {
    let failed = |error| existing_run::journal_failure(&error);
    let plan = past.compiled.plan();
    let devices = names
        .iter()
        .map(|name| find(plan, name))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut journal, reading) = Journal::open(folder.path()).map_err(failed)?;
    let mut fleet = existing_run::replay(folder, past, &reading)?;
    // An emulator's time is its own, and it need not be there.
    let clock = Clock::system();
    let last = (reading.facts.last()).map_or(folder.header().started, |fact| fact.at);
    let at = match folder.header().service.kind {
        ServiceKind::Tenant => last.max(clock.now()),
        ServiceKind::Emulator | ServiceKind::BuiltInEmulator => last,
    };
    for (device, name) in devices.into_iter().zip(names) {
        let fact = Fact {
            at,
            device: Some(device),
            body: FactBody::CleanupWaived {
                by: by.to_owned(),
                why: why.to_owned(),
            },
        };
        fleet.handle(&fact).map_err(|_| {
            Failure::refused(format!("`{name}` owes no cleanup"))
                .help("`svar show` says which devices do")
        })?;
        journal.append(&fact).map_err(failed)?;
    }
    journal.commit().map_err(failed)
}

/// The device of that name, first part of a name, or id.
fn find(plan: &Plan, name: &str) -> Result<DeviceIndex, Failure> {
    let is = |target: &Target| {
        let label = target.label();
        let first = label.split('.').next().unwrap_or(label);
        [label, first, target.id.as_str()]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    let mut fitting = (0_u32..)
        .zip(&plan.devices)
        .filter(|(_, device)| is(&device.target))
        .map(|(place, _)| DeviceIndex(place));
    match (fitting.next(), fitting.next()) {
        (Some(device), None) => Ok(device),
        (Some(_), Some(_)) => {
            Err(Failure::refused(format!("`{name}` is several devices")).help("name it by its id"))
        }
        (None, _) => Err(Failure::refused(format!("the run has no device `{name}`"))
            .help("`svar show` lists them")),
    }
}
