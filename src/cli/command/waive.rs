//! `svar resume --waive-cleanup`: records that an operator waives the cleanup of a device.

use crate::driver::{Clock, Journal, RunFolder, ServiceKind};
use svar_engine::{DeviceIndex, Fact, FactBody};
use svar_plan::{Plan, Target};

use crate::cli::existing_run::{self, ExistingRun};
use crate::cli::output::exit::CommandError;

/// Records that the cleanup of these devices is waived. No process may drive the run meanwhile.
///
/// # Errors
/// A name matches no device or several devices, a device needs no cleanup, or the journal can't be
/// written. Nothing is recorded then.
pub(crate) fn waive(
    folder: &RunFolder,
    existing: &ExistingRun,
    names: &[String],
    by: &str,
    why: &str,
) -> Result<(), CommandError> {
    let failed = |error| existing_run::journal_error(&error);
    let plan = existing.compiled.plan();
    let devices = names
        .iter()
        .map(|name| find(plan, name))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut journal, contents) = Journal::open(folder.path()).map_err(failed)?;
    let mut fleet = existing_run::replay(folder, existing, &contents)?;
    // An emulator has its own clock and may have ended.
    let clock = Clock::system();
    let last = (contents.facts.last()).map_or(folder.header().started, |fact| fact.at);
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
            CommandError::refused(format!("no cleanup to waive on `{name}`"))
                .help("`svar show` lists the devices that were not cleaned up")
        })?;
        journal.append(&fact).map_err(failed)?;
    }
    journal.commit().map_err(failed)
}

/// Finds a device by its name, the first label of its name, or its id.
fn find(plan: &Plan, name: &str) -> Result<DeviceIndex, CommandError> {
    let is = |target: &Target| {
        let label = target.label();
        let first = label.split('.').next().unwrap_or(label);
        [label, first, target.id.as_str()]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    let mut matching = (0_u32..)
        .zip(&plan.devices)
        .filter(|(_, device)| is(&device.target))
        .map(|(place, _)| DeviceIndex(place));
    match (matching.next(), matching.next()) {
        (Some(device), None) => Ok(device),
        (Some(_), Some(_)) => Err(CommandError::refused(format!(
            "several devices are named `{name}`"
        ))
        .help("use the device id")),
        (None, _) => Err(
            CommandError::refused(format!("the run has no device `{name}`"))
                .help("`svar show` lists its devices"),
        ),
    }
}
