//! Resolves a selection to devices, with the reason for each device.

use std::collections::HashSet;

use svar_plan::{DeviceSelection, Target};
use svar_wire::DeviceId;
use svar_wire::Machine;

use crate::driver::client::Client;

use super::error::TargetError;
use super::lookup::Book;

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
    let mut book = Book::open(client, selection).await?;
    let mut out = HashSet::new();
    book.lenient = true;
    for selector in &selection.exclude {
        let found = book.find(selector).await?;
        out.extend(
            found
                .into_iter()
                .map(|(device, _)| device.id.to_lowercase()),
        );
    }
    book.lenient = false;
    let mut taken = HashSet::new();
    let mut targets = Vec::new();
    for selector in &selection.include {
        for (device, reason) in book.find(selector).await? {
            let Ok(id) = DeviceId::parse(&device.id) else {
                continue;
            };
            if !out.contains(id.as_str()) && taken.insert(id.clone()) {
                targets.push(target_of(id, device, reason));
            }
        }
    }
    book.all_known()?;
    let found = targets.len();
    let few = |min: u32| found < min as usize;
    let many = |max: u32| found > max as usize;
    if selection.min.is_some_and(few) || selection.max.is_some_and(many) {
        return Err(TargetError::Unexpected {
            found,
            min: selection.min,
            max: selection.max,
        });
    }
    if targets.is_empty() {
        return Err(TargetError::Nobody);
    }
    Ok(targets)
}

fn target_of(id: DeviceId, device: Machine, reason: String) -> Target {
    Target {
        id,
        name: device.computer_dns_name.filter(|name| !name.is_empty()),
        os: device.os_platform.filter(|os| !os.is_empty()),
        tags: device.machine_tags,
        group: device.rbac_group_name.filter(|group| !group.is_empty()),
        reason,
    }
}
