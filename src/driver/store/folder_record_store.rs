//! The store of records and results in the run folder.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use svar_engine::{DeviceIndex, StepIndex};
use svar_plan::{Plan, Results, Secrets, StepResult};

use super::disk::{create_draft_in, persist, to_json};
use super::error::{FileAction, FolderError};
use super::file_names;
use super::folder::RunFolder;
use super::record::{Record, RecordKey};
use super::record_store::{RecordStore, ResultDraft, ResultKind};

/// Keeps the records and results of a run in its folder, by device and step.
#[derive(Debug)]
pub struct FolderRecordStore {
    folder: RunFolder,
    device_folders: Vec<String>,
    steps: Vec<StepFile>,
    secrets: Secrets,
    /// The tries of each step on each device, oldest first. The position of a try decides the names
    /// of its files.
    tries: Mutex<HashMap<(DeviceIndex, StepIndex), Vec<RecordKey>>>,
}

/// A step and the beginning of the names of its files.
#[derive(Debug)]
struct StepFile {
    step: String,
    file_name: String,
}

impl FolderRecordStore {
    /// Returns the store in the folder of a run with this plan.
    pub fn new(folder: RunFolder, plan: &Plan) -> Self {
        let targets = plan.devices.iter().map(|device| &*device.target);
        let mut taken = HashSet::new();
        let steps = plan
            .steps
            .iter()
            .enumerate()
            .map(|(position, step)| {
                let mut file_name = file_names::safe_name(&step.name);
                // `Zip` and `zip` are two steps, but the same file on Windows and macOS.
                if !taken.insert(file_name.to_lowercase()) {
                    file_name = format!("{file_name}-{position}");
                }
                StepFile {
                    step: step.name.clone(),
                    file_name,
                }
            })
            .collect();
        FolderRecordStore {
            device_folders: file_names::device_folders(targets),
            folder,
            steps,
            secrets: plan.secrets.clone(),
            tries: Mutex::default(),
        }
    }

    /// Returns the path of the files of a command below `results` or `files`, without extension.
    fn stem(&self, key: &RecordKey) -> String {
        let folder = key.device.of(&self.device_folders);
        let name = &key.step.of(&self.steps).file_name;
        match self.try_number(key) {
            1 => format!("{folder}/{name}"),
            number => format!("{folder}/{name}.{number}"),
        }
    }

    /// Returns the number of a command among the tries of its step, counted from 1. A command that
    /// is not known becomes the last try.
    fn try_number(&self, key: &RecordKey) -> usize {
        let mut tries = self.tries.lock().unwrap_or_else(|held| held.into_inner());
        let tries = tries.entry((key.device, key.step)).or_default();
        match tries.iter().position(|known| known == key) {
            Some(position) => position + 1,
            None => {
                tries.push(key.clone());
                tries.len()
            }
        }
    }
}

impl RecordStore for FolderRecordStore {
    fn add_try(&self, key: &RecordKey) {
        self.try_number(key);
    }

    fn record_path(&self, key: &RecordKey) -> String {
        format!("results/{}.json", self.stem(key))
    }

    fn read(&self, key: &RecordKey) -> Option<Record> {
        let bytes = std::fs::read(self.folder.path().join(self.record_path(key))).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn write(&self, key: &RecordKey, record: &Record) -> Result<(), FolderError> {
        self.folder.write(&self.record_path(key), &to_json(record))
    }

    fn write_without_sync(&self, key: &RecordKey, record: &Record) -> Result<(), FolderError> {
        (self.folder).write_without_sync(&self.record_path(key), &to_json(record))
    }

    fn create_draft(
        &self,
        key: &RecordKey,
        kind: ResultKind<'_>,
    ) -> Result<ResultDraft, FolderError> {
        let stem = self.stem(key);
        let path = match kind {
            ResultKind::Script => format!("results/{stem}.raw"),
            ResultKind::File { source } => {
                let name = file_names::file_name(&self.secrets.mask(source));
                format!("files/{stem}/{name}")
            }
        };
        let target = self.folder.path().join(&path);
        self.folder.create_parent(&target)?;
        let parent = target.parent().unwrap_or(self.folder.path());
        let file = create_draft_in(parent).map_err(FolderError::io(FileAction::Write, &target))?;
        Ok(ResultDraft::new(file, path, target))
    }

    fn store(&self, draft: ResultDraft) -> Result<String, FolderError> {
        let ResultDraft { file, path, target } = draft;
        persist(file, &target).map_err(FolderError::io(FileAction::Write, &target))?;
        Ok(path)
    }
}

impl Results for FolderRecordStore {
    /// Returns the result of the step's last try that has one.
    fn result(&self, device: DeviceIndex, step: &str) -> Option<StepResult> {
        let position = self.steps.iter().position(|known| known.step == step)?;
        let position = StepIndex::at(position);
        let tries = {
            let tries = self.tries.lock().unwrap_or_else(|held| held.into_inner());
            tries.get(&(device, position)).cloned().unwrap_or_default()
        };
        (tries.iter().rev()).find_map(|key| self.read(key)?.result())
    }
}
