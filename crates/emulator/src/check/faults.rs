//! Faults: each can come about.

use super::super::scenario::Scenario;
use super::ScenarioProblem;
use super::devices::is_device;

pub(super) fn check(scenario: &Scenario, problems: &mut Vec<ScenarioProblem>) {
    for (place, fault) in scenario.faults.iter().enumerate() {
        let at = format!("/faults/{place}");
        let mut idle = |key: &str, message: &str, help: &str| {
            problems.push(
                ScenarioProblem::new("ineffective-fault", format!("{at}/{key}"), message)
                    .help(help),
            );
        };
        if fault.times == 0 && fault.probability.is_none() {
            idle(
                "times",
                "a fault that strikes no call does nothing",
                "Leave `times` out for one call, or the fault out.",
            );
        }
        if fault.probability == Some(0.0) {
            idle(
                "probability",
                "a fault with a probability of 0 never strikes",
                "A probability is a number above 0 and up to 1, which means always.",
            );
        }
        if fault.probability.is_some() && fault.times != 1 {
            idle(
                "times",
                "`times` means nothing beside `probability`",
                "A fault strikes by count or by probability: keep one of the two.",
            );
        }
        if !fault.kind.fits(fault.call) {
            idle(
                "kind",
                "this can't happen at that call",
                "`svar explain ineffective-fault` says at which call each may happen.",
            );
        }
        if fault.delay.is_some() && !fault.kind.has_delay() {
            idle(
                "delay",
                "this fault has no length of time",
                "`throttled`, `throttled_with_date`, `slow`, `late` and `overwritten` have one.",
            );
        }
        if fault.device.is_some() && !fault.call.has_device() {
            idle(
                "device",
                "that call is about no device, so the fault never strikes",
                "Leave `device` out, or take a call such as `start` or `machine_get`.",
            );
        }
        if let Some(device) = fault.device.as_deref()
            && !is_device(scenario, device)
        {
            let candidates = scenario.devices.iter().map(|device| device.name.clone());
            problems.push(ScenarioProblem {
                candidates: candidates.collect(),
                ..ScenarioProblem::new(
                    "unknown-device",
                    format!("{at}/device"),
                    format!("no device has the name or id `{}`", device.escape_debug()),
                )
                .help("A device is named by its full name or its id.")
            });
        }
    }
}
