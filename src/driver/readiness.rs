//! Whether a machine can be started, by what the machine list says of it.

use std::collections::HashMap;
use std::time::Duration;

use crate::engine::{FactBody, LaneId};
use crate::moment::Moment;
use crate::name::MachineId;
use crate::wire::Machine;

use super::client::{Client, Failure};
use super::memory::Errand;
use super::targets::last_seen;

/// A full report comes about daily (contract 8.3), so whoever was not seen for longer sleeps.
const SEEN_LATELY: Duration = Duration::from_secs(26 * 3_600);

/// Reads the machines of an errand and says whose readiness is new or has changed.
pub(crate) async fn read(
    client: &Client,
    errand: &Errand,
) -> Result<Vec<(Option<LaneId>, FactBody)>, Failure> {
    let ids: Vec<&MachineId> = errand.machines.iter().map(|(_, id)| id).collect();
    let found = client.machines_by_id(&ids).await?;
    let by_id: HashMap<String, Machine> = found
        .into_iter()
        .map(|machine| (machine.id.to_lowercase(), machine))
        .collect();
    let now = client.clock().now();
    let mut facts = Vec::new();
    for (lane, id) in &errand.machines {
        let (ready, why, never) = match by_id.get(id.as_str()) {
            Some(machine) => of(machine, now),
            None => (false, Some("the tenant does not list it".to_owned()), false),
        };
        let known = errand.ready.get(lane);
        if never || known.is_none_or(|(was, words)| (*was, words) != (ready, &why)) {
            let body = FactBody::Readiness { ready, why, never };
            facts.push((Some(*lane), body));
        }
    }
    Ok(facts)
}

/// Ready or not, why not, and whether it never will be.
fn of(machine: &Machine, now: Moment) -> (bool, Option<String>, bool) {
    let is = |field: &Option<String>, words: &[&str]| {
        let value = field.as_deref().unwrap_or_default();
        words.iter().any(|word| value.eq_ignore_ascii_case(word))
    };
    if let Some(other) = machine.merged_into_machine_id.as_deref()
        && !other.is_empty()
    {
        return (false, Some(format!("it was merged into {other}")), true);
    }
    if is(
        &machine.onboarding_status,
        &["Unsupported", "CanBeOnboarded"],
    ) {
        return (false, Some("it is not onboarded".to_owned()), true);
    }
    if is(
        &machine.health_status,
        &[
            "Inactive",
            "NoSensorData",
            "NoSensorDataImpairedCommunication",
        ],
    ) {
        let health = machine.health_status.as_deref().unwrap_or_default();
        return (false, Some(format!("its health is {health}")), false);
    }
    // A machine without a time of its last report goes by its health alone.
    match last_seen(machine) {
        Some(seen) if now.since(seen) > SEEN_LATELY => {
            (false, Some(format!("it was last seen {seen}")), false)
        }
        _ => (true, None, false),
    }
}
