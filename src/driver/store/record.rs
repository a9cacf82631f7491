//! The record of a command and its result in the run folder.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use svar_engine::{DeviceIndex, RequestIndex, StepIndex};
use svar_plan::{Plan, Results, Secrets, StepLocation, StepResult, Verb, Verdict};
use svar_wire::Moment;
use svar_wire::{ActionId, DeviceId};

use super::disk::pretty;
use super::error::FolderError;
use super::file_names as names;
use super::folder::RunFolder;
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

/// One try of a step. Its position among the step's tries decides the names of its files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Try {
    action: ActionId,
    index: RequestIndex,
}

/// The records of a run by device and step: names, writes and reads them.
#[derive(Debug)]
pub struct RecordStore {
    folder: RunFolder,
    devices: Vec<RecordDevice>,
    device_folders: Vec<String>,
    steps: Vec<StepNames>,
    secrets: Secrets,
    /// The tries of each step on each device, oldest first.
    tries: Mutex<HashMap<(DeviceIndex, StepIndex), Vec<Try>>>,
}

#[derive(Debug)]
struct StepNames {
    name: String,
    file_name: String,
    place: StepLocation,
}

impl RecordStore {
    /// Creates the record store of a run.
    pub fn new(folder: RunFolder, plan: &Plan) -> Self {
        let targets = plan.devices.iter().map(|device| &*device.target);
        let mut taken = std::collections::HashSet::new();
        let steps = plan
            .steps
            .iter()
            .enumerate()
            .map(|(position, step)| {
                let mut file_name = names::harmless(&step.name);
                // `Zip` and `zip` are two steps, but the same file on Windows and macOS.
                if !taken.insert(file_name.to_lowercase()) {
                    file_name = format!("{file_name}-{position}");
                }
                StepNames {
                    name: step.name.clone(),
                    file_name,
                    place: step.place.clone(),
                }
            })
            .collect();
        RecordStore {
            devices: targets
                .clone()
                .map(|target| RecordDevice {
                    id: target.id.clone(),
                    name: target.name.clone(),
                })
                .collect(),
            device_folders: names::device_folders(targets),
            folder,
            steps,
            secrets: plan.secrets.clone(),
            tries: Mutex::default(),
        }
    }

    /// Returns the run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Returns the secrets that must be masked.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Returns an empty record for a command.
    pub fn blank(
        &self,
        device: DeviceIndex,
        step: StepIndex,
        verb: Verb,
        action: &ActionId,
        index: RequestIndex,
    ) -> Option<Record> {
        let device = device.get(&self.devices)?;
        let words = step.get(&self.steps)?;
        Some(Record {
            format: RECORD_FORMAT,
            device: device.clone(),
            step: words.name.clone(),
            place: words.place.clone(),
            verb,
            action: action.clone(),
            index,
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
        })
    }

    /// Returns the path of a command's record, relative to the run folder. The first request for a
    /// command decides which try of its step it is, so commands must be named in the order of the
    /// journal.
    pub fn record_path(
        &self,
        device: DeviceIndex,
        step: StepIndex,
        action: &ActionId,
        index: RequestIndex,
    ) -> String {
        format!("results/{}.json", self.stem(device, step, action, index))
    }

    /// Returns the path of a script's downloaded bytes, relative to the run folder.
    pub fn raw_path(
        &self,
        device: DeviceIndex,
        step: StepIndex,
        action: &ActionId,
        index: RequestIndex,
    ) -> String {
        format!("results/{}.raw", self.stem(device, step, action, index))
    }

    /// Returns the path of a collected file, relative to the run folder.
    pub fn file_path(
        &self,
        device: DeviceIndex,
        step: StepIndex,
        action: &ActionId,
        index: RequestIndex,
        source: &str,
    ) -> String {
        format!(
            "files/{}/{}",
            self.stem(device, step, action, index),
            names::file_name(&self.secrets.mask(source))
        )
    }

    fn stem(
        &self,
        device: DeviceIndex,
        step: StepIndex,
        action: &ActionId,
        index: RequestIndex,
    ) -> String {
        let folder = self
            .device_folders
            .get(device.place())
            .expect("internal error: a device that the plan does not have");
        let name = self
            .steps
            .get(step.place())
            .map(|step| step.file_name.as_str())
            .expect("internal error: a step that the plan does not have");
        match self.try_number(device, step, action, index) {
            1 => format!("{folder}/{name}"),
            number => format!("{folder}/{name}.{number}"),
        }
    }

    /// Returns the number of the try of its step that a command is, from 1.
    pub fn try_number(
        &self,
        device: DeviceIndex,
        step: StepIndex,
        action: &ActionId,
        index: RequestIndex,
    ) -> usize {
        let this = Try {
            action: action.clone(),
            index,
        };
        let mut tries = self.tries.lock().unwrap_or_else(|held| held.into_inner());
        let tries = tries.entry((device, step)).or_default();
        match tries.iter().position(|known| *known == this) {
            Some(position) => position + 1,
            None => {
                tries.push(this);
                tries.len()
            }
        }
    }

    /// Writes a record durably.
    ///
    /// # Errors
    /// The disk fails.
    pub fn write(&self, path: &str, record: &Record) -> Result<(), FolderError> {
        self.folder.write(path, &pretty(record))
    }

    /// Writes a record without waiting for the disk, for content that the journal holds as well.
    ///
    /// # Errors
    /// The disk fails.
    pub fn write_without_sync(&self, path: &str, record: &Record) -> Result<(), FolderError> {
        self.folder.write_without_sync(path, &pretty(record))
    }

    /// Reads a record; `None` if it does not exist or can't be read.
    pub fn read(&self, path: &str) -> Option<Record> {
        let bytes = std::fs::read(self.folder.path().join(Path::new(path))).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

impl Results for RecordStore {
    /// Returns the result of the step's last try that has one.
    fn result(&self, device: DeviceIndex, step: &str) -> Option<StepResult> {
        let position = self.steps.iter().position(|known| known.name == step)?;
        let position = StepIndex::at(position);
        let tries = {
            let tries = self.tries.lock().unwrap_or_else(|held| held.into_inner());
            tries.get(&(device, position)).cloned().unwrap_or_default()
        };
        tries.iter().rev().find_map(|known| {
            let path = self.record_path(device, position, &known.action, known.index);
            self.read(&path)?.result()
        })
    }
}

impl Record {
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
