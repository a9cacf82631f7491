//! Checks that each fault can trigger, and that its keys have an effect.

use super::super::scenario::Scenario;
use super::devices::is_device;
use super::problem::{ScenarioProblem, ScenarioProblemKind};

/// Checks all faults.
pub(super) fn check_faults(scenario: &Scenario, problems: &mut Vec<ScenarioProblem>) {
    for (index, fault) in scenario.faults.iter().enumerate() {
        let pointer = format!("/faults/{index}");
        let mut report = |key: &str, message: &str, help: &str| {
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::IneffectiveFault,
                    format!("{pointer}/{key}"),
                    message,
                )
                .help(help),
            );
        };
        if fault.times == 0 && fault.probability.is_none() {
            report(
                "times",
                "this fault never triggers: `times` is 0",
                "Remove `times` to trigger once, or remove the fault.",
            );
        }
        if fault.probability == Some(0.0) {
            report(
                "probability",
                "this fault never triggers: `probability` is 0",
                "`probability` is above 0 and at most 1; 1 means every call.",
            );
        }
        if fault.probability.is_some() && fault.times != 1 {
            report(
                "times",
                "`times` has no effect together with `probability`",
                "A fault triggers by count or by probability: keep one of the two.",
            );
        }
        if !fault.kind.fits(fault.call) {
            report(
                "kind",
                "this fault can't happen at this call",
                "`svar explain ineffective-fault` lists the calls of each kind.",
            );
        }
        if fault.delay.is_some() && !fault.kind.has_delay() {
            report(
                "delay",
                "`delay` has no effect on this kind of fault",
                "`throttled`, `throttled_with_date`, `slow`, `delayed_visibility` and `library_file_replaced` use `delay`.",
            );
        }
        if fault.device.is_some() && !fault.call.has_device() {
            report(
                "device",
                "this fault never triggers: the call is not about a device",
                "Remove `device`, or use a call on one device, such as `start` or `machine_get`.",
            );
        }
        if let Some(device) = fault.device.as_deref()
            && !is_device(scenario, device)
        {
            let candidates = scenario.devices.iter().map(|device| device.name.clone());
            problems.push(ScenarioProblem {
                candidates: candidates.collect(),
                ..ScenarioProblem::new(
                    ScenarioProblemKind::UnknownDevice,
                    format!("{pointer}/device"),
                    format!("no device has the name or id `{}`", device.escape_debug()),
                )
                .help("Use the full name or the id of a device.")
            });
        }
    }
}
