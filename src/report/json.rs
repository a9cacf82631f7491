//! The summary as JSON, version 1. It has its own structs, so that other types can change.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use svar_engine::{RequestIndex, ResultSummary};
use svar_plan::{OnStop, Verb};
use svar_wire::Moment;

use super::evidence::{CommandEvidence, DeviceEvidence, Evidence, FailureGroup, RunState, StepRef};

/// Returns the summary of a run: `summary.json`, `svar show --format json`.
pub fn summary(evidence: &Evidence) -> Value {
    let failures = evidence.failures();
    serde_json::to_value(Summary::of(evidence, &failures))
        .expect("internal error: a summary has text keys and finite numbers only")
}

#[derive(Serialize)]
struct Summary<'e> {
    version: u32,
    run: &'e str,
    svar: &'e str,
    state: RunState,
    playbook: &'e str,
    file: &'e str,
    plan_digest: &'e str,
    service: &'e str,
    rehearsal: bool,
    operator: &'e str,
    case: &'e str,
    started: String,
    ended: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_lost: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<Order<'e>>,
    /// Number of devices for each of the ten states.
    counts: IndexMap<&'static str, usize>,
    cleanup_owed: usize,
    devices: Vec<Device<'e>>,
    failures: Vec<Failure<'e>>,
}

#[derive(Serialize)]
struct Device<'e> {
    id: &'e str,
    name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<&'e str>,
    /// The end state, or the state it would have if the run stopped now.
    state: &'static str,
    /// Whether the device has ended.
    finished: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Step<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'e str>,
    cleanup_owed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cleanup_waived: Option<Waiver<'e>>,
    allowed_failures: u16,
    started: Option<String>,
    ended: Option<String>,
    sessions: u32,
    commands: Vec<Command<'e>>,
}

#[derive(Serialize)]
struct Order<'e> {
    how: OnStop,
    by: &'e str,
    at: String,
}

#[derive(Serialize)]
struct Waiver<'e> {
    by: &'e str,
    reason: &'e str,
}

#[derive(Serialize)]
struct Step<'e> {
    name: &'e str,
    title: &'e str,
    file: &'e str,
    pointer: &'e str,
    line: u32,
    column: u32,
}

#[derive(Serialize)]
struct Command<'e> {
    step: &'e str,
    verb: Verb,
    cleanup: bool,
    action: &'e str,
    index: RequestIndex,
    status: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256_wire: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_met: Option<&'e str>,
}

#[derive(Serialize)]
struct Failure<'e> {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Step<'e>>,
    reason: &'e str,
    count: usize,
    devices: Vec<&'e str>,
}

impl<'e> Summary<'e> {
    fn of(evidence: &'e Evidence, failures: &'e [FailureGroup]) -> Self {
        let header = &evidence.header;
        Summary {
            version: 1,
            run: header.run.as_str(),
            svar: &header.svar,
            state: evidence.state,
            playbook: &header.playbook,
            file: &header.file,
            plan_digest: &header.digest,
            service: &header.service,
            rehearsal: header.rehearsal,
            operator: &header.operator,
            case: &header.case,
            started: header.started.to_string(),
            ended: evidence.until.to_string(),
            tenant_lost: evidence.lost.as_deref(),
            stopped: evidence.stopped.as_ref().map(|order| Order {
                how: order.how,
                by: &order.by,
                at: order.at.to_string(),
            }),
            counts: (evidence.counts().into_iter())
                .map(|(end, count)| (end.as_str(), count))
                .collect(),
            cleanup_owed: evidence.cleanup_owed(),
            devices: evidence.devices.iter().map(Device::of).collect(),
            failures: (failures.iter())
                .map(|failure| Failure::of(evidence, failure))
                .collect(),
        }
    }
}

impl<'e> Device<'e> {
    fn of(device: &'e DeviceEvidence) -> Self {
        let time = |at: Option<Moment>| at.map(|at| at.to_string());
        Device {
            id: &device.id,
            name: &device.label,
            os: device.os.as_deref(),
            state: device.end.as_str(),
            finished: device.ended,
            step: device.step.as_ref().map(Step::of),
            reason: device.why.as_deref(),
            cleanup_owed: device.cleanup_owed,
            cleanup_waived: (device.cleanup_waived.as_ref()).map(|waived| Waiver {
                by: &waived.by,
                reason: &waived.why,
            }),
            allowed_failures: device.tolerated,
            started: time(device.started),
            ended: time(device.at),
            sessions: device.sessions,
            commands: device.commands.iter().map(Command::of).collect(),
        }
    }
}

impl<'e> Step<'e> {
    fn of(step: &'e StepRef) -> Self {
        Step {
            name: &step.name,
            title: &step.title,
            file: &step.file,
            pointer: &step.pointer,
            line: step.line,
            column: step.column,
        }
    }
}

impl<'e> Command<'e> {
    fn of(command: &'e CommandEvidence) -> Self {
        let mut shown = Command {
            step: &command.step,
            verb: command.verb,
            cleanup: command.cleanup,
            action: &command.action,
            index: command.index,
            status: command.status.as_str(),
            error: command.error.as_deref(),
            exit: None,
            path: None,
            size: None,
            sha256: None,
            sha256_wire: None,
            missing: command.missing.as_deref(),
            not_met: command.not_met.as_deref(),
        };
        match &command.result {
            Some(ResultSummary::Script {
                exit,
                path,
                sha256_wire,
            }) => {
                shown.exit = *exit;
                shown.path = Some(path);
                shown.sha256_wire = Some(sha256_wire);
            }
            Some(ResultSummary::File {
                path,
                size,
                sha256,
                sha256_wire,
            }) => {
                shown.path = Some(path);
                shown.size = Some(*size);
                shown.sha256 = Some(sha256);
                shown.sha256_wire = Some(sha256_wire);
            }
            None => {}
        }
        shown
    }
}

impl<'e> Failure<'e> {
    fn of(evidence: &'e Evidence, failure: &'e FailureGroup) -> Self {
        let label = |index: &usize| evidence.devices[*index].label.as_str();
        Failure {
            state: failure.end.as_str(),
            step: failure.step.as_ref().map(Step::of),
            reason: &failure.why,
            count: failure.devices.len(),
            devices: failure.devices.iter().map(label).collect(),
        }
    }
}
