//! What a command left, as it stands in the run folder.

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

/// One command on one device: `results/<device>/<step>.json`. A later try of the same step has a
/// record of its own, `<step>.2.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_FORMAT`] of the version that wrote it.
    pub format: u32,
    /// The device.
    pub device: RecordDevice,
    /// The step's name.
    pub step: String,
    /// Where the step stands in the playbook.
    pub place: StepLocation,
    /// What it does.
    pub verb: Verb,
    /// The machine action.
    pub action: ActionId,
    /// The service's index of the command.
    pub index: RequestIndex,
    /// The service's state of the command.
    pub status: String,
    /// When it began on the device.
    #[serde(with = "moment_text::option", default)]
    pub started: Option<Moment>,
    /// When it ended there.
    #[serde(with = "moment_text::option", default)]
    pub ended: Option<Moment>,
    /// What the service says went wrong.
    #[serde(default)]
    pub error: Option<String>,
    /// A script's exit code.
    #[serde(default)]
    pub exit: Option<i64>,
    /// What a script printed, transcript line and trailing NULs removed, secrets masked.
    #[serde(default)]
    pub stdout: Option<String>,
    /// A script's errors, secrets masked.
    #[serde(default)]
    pub stderr: Option<String>,
    /// The bytes that came over the wire for a script.
    #[serde(default)]
    pub output: Option<RecordOutput>,
    /// What was collected.
    #[serde(default)]
    pub file: Option<RecordFile>,
    /// Why there is no result.
    #[serde(default)]
    pub missing: Option<String>,
    /// Whether it is what the playbook expects.
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

/// A script's result as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordOutput {
    /// Where the bytes are, relative to the run folder; `None` where they show a secret input and
    /// so are not kept.
    pub raw: Option<String>,
    /// Their number.
    pub size_wire: u64,
    /// Their SHA-256.
    pub sha256_wire: String,
}

/// A collected file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFile {
    /// Its path on the device.
    pub source: String,
    /// Where it is, relative to the run folder.
    pub path: String,
    /// Bytes of the content.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: String,
    /// Bytes that came over the wire.
    pub size_wire: u64,
    /// SHA-256 of what came over the wire.
    pub sha256_wire: String,
    /// Whether it came as gzip, which is undone.
    pub gzip: bool,
    /// The name inside the gzip header: the device's words, as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_in_gzip: Option<String>,
}

/// Which of a step's tries a command belongs to, and so how its files are called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Try {
    action: ActionId,
    index: RequestIndex,
}

/// The records of a run, by device and step: names them, writes them, reads them back.
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
    /// The records of a run.
    pub fn new(folder: RunFolder, plan: &Plan) -> Self {
        let targets = plan.devices.iter().map(|device| &*device.target);
        let mut taken = std::collections::HashSet::new();
        let steps = plan
            .steps
            .iter()
            .enumerate()
            .map(|(position, step)| {
                let mut file_name = names::harmless(&step.name);
                // `Zip` and `zip` are two steps, and one file on Windows and macOS.
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

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// What must not be shown.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// An empty record for a command.
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

    /// Where the record of a command goes, relative to the run folder. The first time that a
    /// command is named decides which try of its step it is; so commands are named in the order of
    /// the journal.
    pub fn record_path(
        &self,
        device: DeviceIndex,
        step: StepIndex,
        action: &ActionId,
        index: RequestIndex,
    ) -> String {
        format!("results/{}.json", self.stem(device, step, action, index))
    }

    /// Where a script's bytes go as they came.
    pub fn raw_path(
        &self,
        device: DeviceIndex,
        step: StepIndex,
        action: &ActionId,
        index: RequestIndex,
    ) -> String {
        format!("results/{}.raw", self.stem(device, step, action, index))
    }

    /// Where a collected file goes.
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

    /// Which try of its step a command is, from 1.
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

    /// Writes a record, durably.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, path: &str, record: &Record) -> Result<(), FolderError> {
        self.folder.write(path, &pretty(record))
    }

    /// Writes a record whose loss would lose nothing that the journal does not have.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_without_sync(&self, path: &str, record: &Record) -> Result<(), FolderError> {
        self.folder.write_without_sync(path, &pretty(record))
    }

    /// Reads a record back, if it stands.
    pub fn read(&self, path: &str) -> Option<Record> {
        let bytes = std::fs::read(self.folder.path().join(Path::new(path))).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

impl Results for RecordStore {
    /// The result of the step's last try that has one.
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
    /// The result, as expectations and later steps see it.
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
