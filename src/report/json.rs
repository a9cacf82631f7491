//! The summary as JSON, version 1: structs of its own, so that inner types may change.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use svar_engine::{RequestIndex, ResultSummary};
use svar_plan::{OnStop, Verb};
use svar_wire::Moment;

use super::evidence::{CommandEvidence, DeviceEvidence, Evidence, StepMark};

/// The summary of a run: `summary.json`, `svar show --format json`.
pub fn summary(evidence: &Evidence) -> Value {
    // Text keys only, so this can't fail.
    serde_json::to_value(Summary::of(evidence)).unwrap_or_default()
}

#[derive(Serialize)]
struct Summary<'e> {
    summary: u32,
    run: &'e str,
    svar: &'e str,
    state: &'static str,
    playbook: &'e str,
    file: &'e str,
    digest: &'e str,
    service: &'e str,
    rehearsal: bool,
    operator: &'e str,
    case: &'e str,
    started: String,
    until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_lost: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<Order<'e>>,
    targets: usize,
    /// All ten, always.
    ends: IndexMap<&'static str, usize>,
    cleanup_owed: usize,
    devices: Vec<Device<'e>>,
    failures: Vec<Group<'e>>,
}

#[derive(Serialize)]
struct Device<'e> {
    id: &'e str,
    name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<&'e str>,
    end: &'static str,
    /// Whether it has really ended, or only counts like this if the run is left as it stands.
    ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Step<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'e str>,
    cleanup_owed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cleanup_waived: Option<Waiver<'e>>,
    tolerated: u16,
    started: Option<String>,
    until: Option<String>,
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
    why: &'e str,
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
struct Group<'e> {
    end: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Step<'e>>,
    why: &'e str,
    count: usize,
    devices: Vec<&'e str>,
}

impl<'e> Summary<'e> {
    fn of(evidence: &'e Evidence) -> Self {
        let header = &evidence.header;
        Summary {
            summary: 1,
            run: header.run.as_str(),
            svar: &header.svar,
            state: match evidence.finished {
                true => "finished",
                false => "unfinished",
            },
            playbook: &header.playbook,
            file: &header.file,
            digest: &header.digest,
            service: &header.service,
            rehearsal: header.rehearsal,
            operator: &header.operator,
            case: &header.case,
            started: header.started.to_string(),
            until: evidence.until.to_string(),
            tenant_lost: evidence.lost.as_deref(),
            stopped: evidence.stopped.as_ref().map(|order| Order {
                how: order.how,
                by: &order.by,
                at: order.at.to_string(),
            }),
            targets: evidence.devices.len(),
            ends: (evidence.sums().into_iter())
                .map(|(end, count)| (end.as_str(), count))
                .collect(),
            cleanup_owed: evidence.cleanup_owed(),
            devices: evidence.devices.iter().map(Device::of).collect(),
            failures: (evidence.failures().iter())
                .map(|failure| Group::of(evidence, failure.devices.as_slice()))
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
            end: device.end.as_str(),
            ended: device.ended,
            step: device.step.as_ref().map(Step::of),
            why: device.why.as_deref(),
            cleanup_owed: device.cleanup_owed,
            cleanup_waived: (device.cleanup_waived.as_ref()).map(|waived| Waiver {
                by: &waived.by,
                why: &waived.why,
            }),
            tolerated: device.tolerated,
            started: time(device.started),
            until: time(device.at),
            sessions: device.sessions,
            commands: device.commands.iter().map(Command::of).collect(),
        }
    }
}

impl<'e> Step<'e> {
    fn of(step: &'e StepMark) -> Self {
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

impl<'e> Group<'e> {
    /// All devices of a group ended alike, so the first one tells how.
    fn of(evidence: &'e Evidence, places: &[usize]) -> Self {
        let mut devices = places
            .iter()
            .filter_map(|place| evidence.devices.get(*place));
        let first = devices.clone().next();
        Group {
            end: first.map_or("unknown", |device| device.end.as_str()),
            step: first.and_then(|device| device.step.as_ref()).map(Step::of),
            why: first
                .and_then(|device| device.why.as_deref())
                .unwrap_or_default(),
            count: places.len(),
            devices: devices
                .by_ref()
                .map(|device| device.label.as_str())
                .collect(),
        }
    }
}
