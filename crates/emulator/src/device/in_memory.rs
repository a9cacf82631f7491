//! Devices in memory, with scripted outcomes only. They need no processes and no disk, so that a
//! fleet runs in virtual time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::super::scenario::{DeviceFile, FileKind, OsFamily, Scenario};
use super::super::settings::Settings;
use super::error::CommandError;
use super::folder::ReadError;
use super::outcome::{CommandOutcome, DeviceTask, Work};
use super::path::{DevicePath, file_name};
use super::scripted;

/// Devices in memory. A device takes no memory until something is written to it.
pub struct InMemoryDevices {
    scenario: Arc<Scenario>,
    settings: Settings,
    files: HashMap<(u32, DevicePath), Bytes>,
    /// The files that PutFile has written.
    put: HashSet<(u32, DevicePath)>,
}

impl InMemoryDevices {
    /// Creates the devices of the scenario.
    pub fn new(scenario: impl Into<Arc<Scenario>>) -> Self {
        let scenario = scenario.into();
        InMemoryDevices {
            settings: scenario.settings(),
            scenario,
            files: HashMap::new(),
            put: HashSet::new(),
        }
    }

    /// Performs a piece of work at once. The outcome contains the emulated time it takes.
    pub fn perform(&mut self, work: &Work) -> CommandOutcome {
        match self.try_perform(work) {
            Ok(outcome) => outcome,
            Err(error) => CommandOutcome::failed(error.to_string()),
        }
    }

    fn try_perform(&mut self, work: &Work) -> Result<CommandOutcome, CommandError> {
        let family = work.device.family();
        match &work.task {
            DeviceTask::Put {
                name,
                content,
                may_overwrite,
            } => {
                let path = put_path(name, family, content.as_ref(), &self.settings)?;
                let key = (work.machine, path);
                if !may_overwrite && self.files.contains_key(&key) {
                    return Err(CommandError::AlreadyExists(name.clone()));
                }
                // A file without content in the scenario is empty here.
                let content = content.clone().unwrap_or_default();
                self.put.insert(key.clone());
                self.files.insert(key, content);
                Ok(CommandOutcome::default())
            }
            DeviceTask::Run { script, args, .. } => {
                let scripted = scripted::find_outcome(&self.scenario, &work.device, script, args)
                    .ok_or_else(|| CommandError::NoOutcome(script.clone()))?;
                let (outcome, files) =
                    scripted::render(scripted, &work.device, &work.name, script, args);
                for file in files {
                    if let (Ok(path), Ok(content)) =
                        (DevicePath::parse(&file.path, family), file.content())
                    {
                        self.files.insert((work.machine, path), content.into());
                    }
                }
                Ok(outcome)
            }
            DeviceTask::Restart => {
                let removed = self.put.extract_if(|(machine, _)| *machine == work.machine);
                for file in removed {
                    self.files.remove(&file);
                }
                Ok(CommandOutcome::default())
            }
            DeviceTask::Get { path } => {
                let content = self.read(work, path)?;
                Ok(CommandOutcome::file(file_name(path, family), &content))
            }
        }
    }

    /// Returns the content of a file, if it can be collected.
    fn read(&self, work: &Work, path: &str) -> Result<Bytes, CommandError> {
        let family = work.device.family();
        let device_path = DevicePath::parse(path, family)?;
        let described = find_described_file(&work.device.files, &device_path, family);
        if let Some(file) = described {
            check_collectable(file, path)?;
        }
        let limit = self.settings.collected_file_max;
        let content = match self.files.get(&(work.machine, device_path)) {
            Some(content) => check_size(content.clone(), limit),
            None => read_described(described, limit),
        };
        content.map_err(|error| CommandError::Read {
            path: path.to_owned(),
            error,
        })
    }
}

/// Returns the content of a described file, if it can be collected.
pub(super) fn read_described(file: Option<&DeviceFile>, limit: u64) -> Result<Bytes, ReadError> {
    match file {
        // The content of a file that is too large to be collected is not created.
        Some(file) if file.length() > limit => Err(ReadError::TooLarge),
        Some(file) => match file.content() {
            Ok(content) => check_size(content.into(), limit),
            Err(_) => Err(ReadError::Missing),
        },
        None => Err(ReadError::Missing),
    }
}

/// Returns the content if a file of its size can be collected.
fn check_size(content: Bytes, limit: u64) -> Result<Bytes, ReadError> {
    match content.len() as u64 {
        0 => Err(ReadError::Empty),
        size if size > limit => Err(ReadError::TooLarge),
        _ => Ok(content),
    }
}

/// Returns the path of a library file on a device.
///
/// # Errors
/// The file is too large for the device, or its name is not possible there.
pub(super) fn put_path(
    name: &str,
    family: OsFamily,
    content: Option<&Bytes>,
    settings: &Settings,
) -> Result<DevicePath, CommandError> {
    let is_too_large =
        content.is_some_and(|content| content.len() as u64 > settings.put_file_max_non_windows);
    if family == OsFamily::Unix && is_too_large {
        return Err(CommandError::PutTooLarge(name.to_owned()));
    }
    Ok(DevicePath::in_working_folder(name, family)?)
}

/// Returns the described file at that path.
pub(super) fn find_described_file<'a>(
    files: &'a [DeviceFile],
    path: &DevicePath,
    family: OsFamily,
) -> Option<&'a DeviceFile> {
    files
        .iter()
        .find(|file| DevicePath::parse(&file.path, family).is_ok_and(|known| known == *path))
}

/// Checks whether a described file can be collected, whatever its content is (API notes 3.7).
pub(super) fn check_collectable(file: &DeviceFile, path: &str) -> Result<(), CommandError> {
    let path = path.to_owned();
    let error = match file.kind {
        _ if file.locked => return Err(CommandError::Locked(path)),
        FileKind::Regular => return Ok(()),
        FileKind::CloudOnly => return Err(CommandError::CloudOnly(path)),
        FileKind::Sparse => ReadError::Sparse,
        FileKind::ReparsePoint => ReadError::NotRegular,
    };
    Err(CommandError::Read { path, error })
}
