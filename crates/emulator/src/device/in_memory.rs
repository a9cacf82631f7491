//! Devices in memory, with scripted outcomes only. They need no processes and no disk, so that a
//! fleet runs in virtual time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::super::scenario::{DeviceFile, FileKind, OsFamily, Scenario};
use super::super::service::Work;
use super::super::settings::Settings;
use super::folder::ReadError;
use super::outcome::{CommandOutcome, DeviceTask};
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
        let family = work.device.family();
        match &work.task {
            DeviceTask::Put {
                name,
                content,
                may_overwrite,
            } => match put_path(name, family, content.as_ref(), &self.settings) {
                Ok(path)
                    if !may_overwrite && self.files.contains_key(&(work.machine, path.clone())) =>
                {
                    CommandOutcome::failed(already_there(name))
                }
                Ok(path) => {
                    let content = content.clone().unwrap_or_default();
                    self.put.insert((work.machine, path.clone()));
                    self.files.insert((work.machine, path), content);
                    CommandOutcome::default()
                }
                Err(reason) => CommandOutcome::failed(reason),
            },
            DeviceTask::Run { script, args, .. } => {
                let Some(found) = scripted::find(&self.scenario, &work.device, script, args) else {
                    return CommandOutcome::failed(format!(
                        "The scenario has no outcome for '{script}', and a device in memory executes no scripts."
                    ));
                };
                let (outcome, files) =
                    scripted::play(found, &work.device, &work.name, script, args);
                for file in files {
                    if let (Ok(path), Ok(content)) =
                        (DevicePath::parse(&file.path, family), file.content())
                    {
                        self.files.insert((work.machine, path), content.into());
                    }
                }
                outcome
            }
            DeviceTask::Restart => {
                let gone = self.put.extract_if(|(machine, _)| *machine == work.machine);
                for file in gone {
                    self.files.remove(&file);
                }
                CommandOutcome::default()
            }
            DeviceTask::Get { path } => match DevicePath::parse(path, family) {
                Ok(inside) => self.get(work, path, &inside),
                Err(reason) => CommandOutcome::failed(reason),
            },
        }
    }

    fn get(&self, work: &Work, path: &str, inside: &DevicePath) -> CommandOutcome {
        let family = work.device.family();
        let described = find_file(&work.device.files, inside, family);
        if let Some(reason) = described.and_then(|file| unreadable(file, path)) {
            return CommandOutcome::failed(reason);
        }
        let content = match self.files.get(&(work.machine, inside.clone())) {
            Some(content) => sized(content.clone(), self.settings.collected_file_max),
            None => read_described(described, self.settings.collected_file_max),
        };
        match content {
            Ok(content) => CommandOutcome::file(file_name(path, family), &content),
            Err(error) => CommandOutcome::failed(error.line(path)),
        }
    }
}

/// Returns the content of a described file, if it can be collected.
pub(super) fn read_described(file: Option<&DeviceFile>, limit: u64) -> Result<Bytes, ReadError> {
    match file {
        // The content of a file that is too large to be collected is not created.
        Some(file) if file.length() > limit => Err(ReadError::TooLarge),
        Some(file) => match file.content() {
            Ok(content) => sized(content.into(), limit),
            Err(_) => Err(ReadError::Missing),
        },
        None => Err(ReadError::Missing),
    }
}

fn sized(content: Bytes, limit: u64) -> Result<Bytes, ReadError> {
    match content.len() as u64 {
        0 => Err(ReadError::Empty),
        size if size > limit => Err(ReadError::TooLarge),
        _ => Ok(content),
    }
}

/// Returns the path of a library file on a device, or the reason for which it can't be put there.
pub(super) fn put_path(
    name: &str,
    family: OsFamily,
    content: Option<&Bytes>,
    settings: &Settings,
) -> Result<DevicePath, String> {
    let size = content.map_or(0, |content| content.len() as u64);
    if family == OsFamily::Unix && size > settings.put_file_max_non_windows {
        return Err(format!("The file '{name}' is too large for this device."));
    }
    DevicePath::working(name, family)
}

/// Returns the described file at that path.
pub(super) fn find_file<'a>(
    files: &'a [DeviceFile],
    path: &DevicePath,
    family: OsFamily,
) -> Option<&'a DeviceFile> {
    files
        .iter()
        .find(|file| DevicePath::parse(&file.path, family).is_ok_and(|known| known == *path))
}

pub(super) fn already_there(name: &str) -> String {
    format!("The file '{name}' is already on the device.")
}

/// Returns the reason for which a described file can't be collected, whatever its content is (API
/// notes 3.7).
pub(super) fn unreadable(file: &DeviceFile, path: &str) -> Option<String> {
    let path = path.escape_debug();
    if file.locked {
        return Some(format!("The file '{path}' is in use by another process."));
    }
    match file.kind {
        FileKind::Regular => None,
        FileKind::Sparse => Some(ReadError::Sparse.line(&path.to_string())),
        FileKind::ReparsePoint => Some(ReadError::NotPlain.line(&path.to_string())),
        FileKind::CloudOnly => Some(format!(
            "The file '{path}' is not fully on the device and can't be collected."
        )),
    }
}
