//! Compilation of a playbook, its inputs and its targets to a [`CompiledPlan`].
//!
//! Everything that is the same on all devices is evaluated once (`prepare`, `policy`, `evaluator`). The rest
//! is compiled to the sessions of each device (`segment`, `command`, `sessions`). `compiled_plan` evaluates
//! sessions that wait for results, and `judge` compares results with the expectations.

mod argument_characters;
mod command;
mod compiled_plan;
mod digest;
mod evaluator;
mod judge;
mod library;
mod policy;
mod prepare;
mod secret_values;
pub(crate) mod segment;
mod selection;
mod sessions;
mod setting;

pub use compiled_plan::{CompiledPlan, ResolvedSession, UnresolvableSession};
pub use selection::{DeviceSelection, DeviceSelector, TargetsFile};

use serde_json::Value;

use svar_language::diagnostic::{Problem, sort_problems};
use svar_language::playbook::{Files, Loaded, Playbook};

use crate::inputs::Inputs;
use crate::limits::Limits;
use crate::model::{DevicePlan, Plan, PlannedInput, Target};
use crate::result::RunNames;
use crate::secrets::MASK;
use evaluator::Evaluator;
use prepare::{PreparedPlaybook, prepare};
use sessions::compile_devices;
use svar_language::playbook::model::OfflineMode;
use svar_language::rules::INCOMPLETE_WAVES;

/// Compiles a playbook for its targets.
///
/// Devices for which the playbook evaluates to the same sessions share them. `files` is used for the hashes
/// of library files only.
///
/// # Errors
/// All problems, each once: errors in the playbook, invalid values of settings and arguments, files that
/// cannot be read.
pub fn compile(
    loaded: &Loaded,
    files: &dyn Files,
    inputs: &Inputs,
    targets: Vec<Target>,
    names: &RunNames,
    limits: &Limits,
) -> Result<CompiledPlan, Vec<Problem>> {
    let (Some(document), Some(playbook)) = (&loaded.document, &loaded.playbook) else {
        return Err(loaded.problems.clone());
    };
    let evaluator = Evaluator::new(document, playbook, inputs, names)?;
    let prepared = prepare(document, playbook, inputs, evaluator)?;
    let library = library::planned_files(document, playbook, files)?;

    let mut problems = Vec::new();
    let devices = compile_devices(&prepared, targets, &mut problems);
    problems.extend(check_waves(playbook, &prepared, &devices));
    if !problems.is_empty() {
        sort_problems(&mut problems);
        return Err(problems);
    }

    let plan = Plan {
        digest: digest::digest(&prepared, loaded, inputs, &library, limits, &devices),
        name: playbook.name.as_ref().map_or_else(
            || loaded.source.name().to_owned(),
            |name| name.value.clone(),
        ),
        file: loaded.source.name().to_owned(),
        policy: prepared.policy.clone(),
        limits: *limits,
        steps: prepared
            .steps
            .iter()
            .map(|step| step.plan.clone())
            .collect(),
        inputs: inputs
            .iter()
            .map(|input| PlannedInput {
                name: input.name.clone(),
                value: match (&input.value, input.secret) {
                    (Value::Null, _) => String::new(),
                    (_, true) => MASK.to_owned(),
                    (Value::String(text), _) => text.clone(),
                    (other, _) => other.to_string(),
                },
                origin: input.origin.to_string(),
            })
            .collect(),
        library,
        notes: notes(&prepared, &devices),
        devices,
        secrets: prepared.evaluator.secrets.clone(),
    };
    Ok(CompiledPlan::new(plan, prepared))
}

/// Checks that the waves include all devices that have sessions. As in a run, a percentage is of all devices,
/// including those without sessions.
fn check_waves(
    playbook: &Playbook,
    prepared: &PreparedPlaybook,
    devices: &[DevicePlan],
) -> Option<Problem> {
    let waves = &prepared.policy.waves;
    let total = u32::try_from(devices.len())
        .unwrap_or_else(|_| panic!("internal error: {} devices in a plan", devices.len()));
    let end = waves.iter().map(|wave| wave.of(total)).max()?;
    let busy = devices
        .iter()
        .filter(|device| !device.sessions.is_empty())
        .count();
    if end as usize >= busy {
        return None;
    }
    let last = playbook.rollout.as_ref()?.waves.last()?.node();
    let message = format!("the waves include only {end} of {busy} devices");
    let problem = prepared
        .evaluator
        .problem(&INCOMPLETE_WAVES, last, message)
        .help("End with `100%`; to leave devices out, select fewer under `targets`.");
    Some(problem)
}

/// Returns remarks for the reader of the plan.
fn notes(prepared: &PreparedPlaybook, devices: &[DevicePlan]) -> Vec<String> {
    let mut notes = Vec::new();
    let asks = prepared.os.is_some()
        || prepared.needs.target.contains("family")
        || prepared.needs.target.contains("os");
    let unknown = devices
        .iter()
        .filter(|device| device.target.family().is_none())
        .count();
    if asks && unknown > 0 {
        notes.push(format!(
            "the playbook depends on the operating system, which is unknown for {unknown} of {} devices; \
             select devices by name, tag or filter to look it up",
            devices.len()
        ));
    }
    let policy = &prepared.policy;
    if policy.window.is_some() && policy.offline.mode == OfflineMode::Queue {
        notes.push(
            "a session in the service's queue starts when its device comes online, which may be outside of \
             `window`; `offline: { mode: hold }` prevents that"
                .to_owned(),
        );
    }
    notes
}
