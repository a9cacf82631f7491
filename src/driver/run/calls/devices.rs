//! Checks by the machine list whether a device can be started.

use std::collections::HashMap;
use std::time::Duration;

use svar_engine::{Availability, DeviceIndex, FactBody, Readiness};
use svar_language::playbook::model::Os;
use svar_plan::family_of;
use svar_wire::DeviceId;
use svar_wire::Machine;
use svar_wire::Moment;

use crate::driver::client::{CallError, Client, last_seen};

use super::super::memory::CallContext;
use super::answer::NewFact;

/// Maximum age of the last report of a device that is online. A full report comes about daily
/// (API notes 8.3), so a device that was not seen for longer is offline.
const SEEN_LATELY: Duration = Duration::from_secs(26 * 3_600);

/// With more devices that are known to be offline, one list of all recently seen devices needs
/// fewer calls than filters over their ids.
const OFFLINE_BY_ID_MAX: usize = 100;

/// Reads the devices of a call and returns those whose readiness is new or has changed. `os` is the
/// operating system that the playbook is for.
pub(crate) async fn read(
    client: &Client,
    context: &CallContext,
    os: Option<Os>,
) -> Result<Vec<NewFact>, CallError> {
    let now = client.clock().now();
    let readiness = |device: &DeviceIndex| match context.readiness.get(device) {
        Some(readiness) => readiness,
        None => &Readiness::Unknown,
    };
    let is_offline = |device: &DeviceIndex| readiness(device).is_offline();
    let offline = context
        .devices
        .iter()
        .filter(|(device, _)| is_offline(device));
    let in_one_list = offline.count() > OFFLINE_BY_ID_MAX;
    let ids: Vec<&DeviceId> = (context.devices.iter())
        .filter(|(device, _)| !(in_one_list && is_offline(device)))
        .map(|(_, id)| id)
        .collect();
    let mut found = client.machines_by_id(&ids).await?;
    if in_one_list {
        found.extend(client.machines_seen_since(now - SEEN_LATELY).await?);
    }
    let by_id: HashMap<String, Machine> = found
        .into_iter()
        .map(|machine| (machine.id.to_lowercase(), machine))
        .collect();
    let mut facts = Vec::new();
    for (device, id) in &context.devices {
        let machine = by_id.get(id.as_str());
        let availability = match machine {
            Some(machine) => availability(machine, os, now),
            None => Availability::Offline {
                why: if in_one_list && is_offline(device) {
                    "it has not been seen for 26 hours".to_owned()
                } else {
                    "the tenant does not list it".to_owned()
                },
            },
        };
        if is_new(
            readiness(device),
            &availability,
            machine.and_then(last_seen),
        ) {
            facts.push(NewFact {
                device: Some(*device),
                body: FactBody::Readiness(availability),
            });
        }
    }
    Ok(facts)
}

/// Returns whether the list differs from what is known. A device that was seen recently and did not
/// accept its session has changed only once it was seen later than that.
fn is_new(known: &Readiness, listed: &Availability, seen: Option<Moment>) -> bool {
    match (listed, known) {
        (Availability::Unsupported { .. }, _) => true,
        (Availability::Ready, Readiness::Unresponsive { since }) => {
            seen.is_some_and(|seen| seen > *since)
        }
        (Availability::Ready, known) => *known != Readiness::Ready,
        (Availability::Offline { .. }, known) => !matches!(known, Readiness::Offline { .. }),
    }
}

/// Returns whether a device can be started, by its entry in the machine list.
fn availability(device: &Machine, os: Option<Os>, now: Moment) -> Availability {
    let never = |why: String| Availability::Unsupported { why };
    let offline = |why: String| Availability::Offline { why };
    let seen = last_seen(device);
    let is_stale = seen.is_some_and(|seen| now.since(seen) > SEEN_LATELY);
    let is = |field: &Option<String>, words: &[&str]| {
        let value = field.as_deref().unwrap_or_default();
        words.iter().any(|word| value.eq_ignore_ascii_case(word))
    };
    if let Some(other) = device.merged_into_machine_id.as_deref()
        && !other.is_empty()
    {
        return never(format!("it was merged into {other}"));
    }
    if device.is_excluded == Some(true) {
        return never(match device.exclusion_reason.as_deref() {
            None | Some("") => "it is excluded in the tenant".to_owned(),
            Some(reason) => format!("it is excluded in the tenant: {reason}"),
        });
    }
    // If one device has two ids, the id that still reports is the valid one.
    if device.is_potential_duplication == Some(true) && is_stale {
        return never("it is a duplicate that no longer reports".to_owned());
    }
    let platform = device.os_platform.as_deref().unwrap_or_default();
    if let (Some(os), Some(found)) = (os, family_of(platform))
        && os != found
    {
        return never(format!(
            "it runs {platform}, and the playbook is for {}",
            os.as_str()
        ));
    }
    if is(
        &device.onboarding_status,
        &["Unsupported", "CanBeOnboarded"],
    ) {
        return never("it is not onboarded".to_owned());
    }
    if is(
        &device.health_status,
        &[
            "Inactive",
            "NoSensorData",
            "NoSensorDataImpairedCommunication",
        ],
    ) {
        let health = device.health_status.as_deref().unwrap_or_default();
        return offline(format!("its health is {health}"));
    }
    // A device without the time of its last report is judged by its health alone.
    match seen {
        Some(seen) if is_stale => offline(format!("it was last seen {seen}")),
        _ => Availability::Ready,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-02-03T09:00:00Z";

    /// Returns the availability of a device whose entry is fine except for `changes`.
    #[track_caller]
    fn availability_with(changes: serde_json::Value) -> Availability {
        let mut entry = serde_json::json!({
            "id": "a1", "osPlatform": "Windows11", "healthStatus": "Active",
            "onboardingStatus": "Onboarded", "lastSeen": "2026-02-03T08:00:00Z",
        });
        for (key, value) in changes.as_object().expect("a map") {
            entry[key] = value.clone();
        }
        let device = serde_json::from_value(entry).expect("a device");
        availability(
            &device,
            Some(Os::Windows),
            Moment::parse(NOW).expect("a time"),
        )
    }

    #[test]
    fn the_machine_list_shows_which_devices_can_be_started_are_offline_or_never_can() {
        let offline = |why: &str| Availability::Offline {
            why: why.to_owned(),
        };
        let never = |why: &str| Availability::Unsupported {
            why: why.to_owned(),
        };
        let old = "2026-01-20T08:00:00Z";
        let table = [
            (serde_json::json!({}), Availability::Ready),
            (serde_json::json!({ "lastSeen": null }), Availability::Ready),
            (
                serde_json::json!({ "lastSeen": old }),
                offline("it was last seen 2026-01-20T08:00:00.000Z"),
            ),
            (
                serde_json::json!({ "healthStatus": "Inactive" }),
                offline("its health is Inactive"),
            ),
            (
                serde_json::json!({ "onboardingStatus": "CanBeOnboarded" }),
                never("it is not onboarded"),
            ),
            (
                serde_json::json!({ "mergedIntoMachineId": "b2" }),
                never("it was merged into b2"),
            ),
            (
                serde_json::json!({ "isExcluded": true, "exclusionReason": "lab" }),
                never("it is excluded in the tenant: lab"),
            ),
            (
                serde_json::json!({ "isPotentialDuplication": true, "lastSeen": old }),
                never("it is a duplicate that no longer reports"),
            ),
            (
                serde_json::json!({ "isPotentialDuplication": true }),
                Availability::Ready,
            ),
            (
                serde_json::json!({ "osPlatform": "Linux" }),
                never("it runs Linux, and the playbook is for windows"),
            ),
            (
                serde_json::json!({ "osPlatform": "SomethingNew" }),
                Availability::Ready,
            ),
        ];
        for (changes, expected) in table {
            assert_eq!(availability_with(changes.clone()), expected, "{changes}");
        }
    }
}
