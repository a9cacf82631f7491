//! Resolves a selection to devices, with the reason for each device.

use std::collections::HashSet;

use svar_plan::{DeviceSelection, Target};
use svar_wire::DeviceId;

use crate::driver::client::Client;

use super::error::TargetError;
use super::lookup::{DeviceLookup, SelectedDevice, SelectorRole};

/// Returns the devices of a selection, in the order of its selectors and of the service's answers.
/// Each device is returned once; its reason is the first selector that matched it.
///
/// A device that was merged into another one or excluded in the portal is never selected by tag,
/// group or filter, but can be selected by its id.
///
/// # Errors
/// The first selector that can't be resolved, or all unknown ids and names; see [`TargetError`].
pub async fn resolve(
    client: &Client,
    selection: &DeviceSelection,
) -> Result<Vec<Target>, TargetError> {
    let mut lookup = DeviceLookup::open(client, selection).await?;
    let mut excluded = HashSet::new();
    lookup.role = SelectorRole::Exclude;
    for selector in &selection.exclude {
        let found = lookup.find(selector).await?.into_iter();
        excluded.extend(found.map(|device| device.machine.id.to_lowercase()));
    }
    lookup.role = SelectorRole::Include;
    let mut taken = HashSet::new();
    let mut targets = Vec::new();
    for selector in &selection.include {
        for device in lookup.find(selector).await? {
            let Ok(id) = DeviceId::parse(&device.machine.id) else {
                continue;
            };
            if !excluded.contains(id.as_str()) && taken.insert(id.clone()) {
                targets.push(target_of(id, device));
            }
        }
    }
    lookup.check_all_known()?;
    let found = targets.len();
    let few = |min: u32| found < min as usize;
    let many = |max: u32| found > max as usize;
    if selection.min.is_some_and(few) || selection.max.is_some_and(many) {
        return Err(TargetError::UnexpectedCount {
            found,
            min: selection.min,
            max: selection.max,
        });
    }
    if targets.is_empty() {
        return Err(TargetError::NoDevices);
    }
    Ok(targets)
}

fn target_of(id: DeviceId, device: SelectedDevice) -> Target {
    let SelectedDevice { machine, reason } = device;
    Target {
        id,
        name: machine.computer_dns_name.filter(|name| !name.is_empty()),
        os: machine.os_platform.filter(|os| !os.is_empty()),
        tags: machine.machine_tags,
        group: machine.rbac_group_name.filter(|group| !group.is_empty()),
        reason: reason.to_string(),
    }
}
