//! The record of a command and its result.

use serde::{Deserialize, Serialize};

use svar_engine::{DeviceIndex, RequestIndex, StepIndex};
use svar_plan::{Plan, StepLocation, StepResult, Verb, Verdict};
use svar_wire::Moment;
use svar_wire::{ActionId, DeviceId};

use super::moment_text;

/// The format of a record.
pub const RECORD_FORMAT: u32 = 1;

/// The record of one command on one device: `results/<device>/<step>.json`. A later try of the same
/// step has its own record, `<step>.2.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The [`RECORD_FORMAT`] of the version that wrote it.
    pub format: u32,
    /// The device.
    pub device: RecordDevice,
    /// The step's name.
    pub step: String,
    /// The location of the step in the playbook.
    pub place: StepLocation,
    /// The verb of the step.
    pub verb: Verb,
    /// The machine action.
    pub action: ActionId,
    /// The service's index of the command.
    pub index: RequestIndex,
    /// The service's state of the command.
    pub status: String,
    /// The time when it began on the device.
    #[serde(with = "moment_text::option", default)]
    pub started: Option<Moment>,
    /// The time when it ended on the device.
    #[serde(with = "moment_text::option", default)]
    pub ended: Option<Moment>,
    /// The service's error message.
    #[serde(default)]
    pub error: Option<String>,
    /// The exit code of a script.
    #[serde(default)]
    pub exit: Option<i64>,
    /// The output of a script without the transcript line and trailing NULs, secrets masked.
    #[serde(default)]
    pub stdout: Option<String>,
    /// The error output of a script, secrets masked.
    #[serde(default)]
    pub stderr: Option<String>,
    /// The downloaded bytes of a script's result.
    #[serde(default)]
    pub output: Option<RecordOutput>,
    /// The collected file.
    #[serde(default)]
    pub file: Option<RecordFile>,
    /// The reason why there is no result.
    #[serde(default)]
    pub missing: Option<String>,
    /// The verdict by the playbook's expectations.
    #[serde(default)]
    pub judged: Option<Verdict>,
}

/// The device of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordDevice {
    /// Its id.
    pub id: DeviceId,
    /// Its DNS name, where known.
    pub name: Option<String>,
}

/// The downloaded result of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordOutput {
    /// The path of the bytes, relative to the run folder; `None` if they contain a secret input
    /// and are therefore not kept.
    pub raw: Option<String>,
    /// Number of bytes.
    pub size_wire: u64,
    /// SHA-256 of the bytes.
    pub sha256_wire: String,
}

/// A collected file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFile {
    /// Its path on the device.
    pub source: String,
    /// The path of the content, relative to the run folder.
    pub path: String,
    /// Size of the content in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: String,
    /// Number of downloaded bytes.
    pub size_wire: u64,
    /// SHA-256 of the downloaded bytes.
    pub sha256_wire: String,
    /// Whether it was downloaded as gzip and unpacked.
    pub gzip: bool,
    /// The name inside the gzip header, at most 300 characters, not made safe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_in_gzip: Option<String>,
}

/// Identifies the record of one command that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecordKey {
    /// The device that the command was sent to.
    pub device: DeviceIndex,
    /// The step that the command comes from.
    pub step: StepIndex,
    /// The machine action that the command belongs to.
    pub action: ActionId,
    /// The index of the command in its action.
    pub index: RequestIndex,
}

impl Record {
    /// Returns a record without status or result.
    ///
    /// # Panics
    /// The plan has no such device or step, which is a bug in svar.
    pub fn new(plan: &Plan, key: &RecordKey, verb: Verb) -> Record {
        let target = &key.device.of(&plan.devices).target;
        let step = key.step.of(&plan.steps);
        Record {
            format: RECORD_FORMAT,
            device: RecordDevice {
                id: target.id.clone(),
                name: target.name.clone(),
            },
            step: step.name.clone(),
            place: step.place.clone(),
            verb,
            action: key.action.clone(),
            index: key.index,
            status: String::new(),
            started: None,
            ended: None,
            error: None,
            exit: None,
            stdout: None,
            stderr: None,
            output: None,
            file: None,
            missing: None,
            judged: None,
        }
    }

    /// Returns the result for expectations and later steps.
    pub fn result(&self) -> Option<StepResult> {
        if let Some(file) = &self.file {
            return Some(StepResult::File {
                path: file.path.clone(),
                size: file.size,
                sha256: file.sha256.clone(),
            });
        }
        self.output.as_ref()?;
        Some(StepResult::Script {
            exit: self.exit,
            stdout: self.stdout.clone().unwrap_or_default(),
            stderr: self.stderr.clone().unwrap_or_default(),
        })
    }
}
