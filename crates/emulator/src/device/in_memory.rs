//! Devices in memory, with scripted outcomes only. They need no processes and no disk, so that a
//! fleet runs in virtual time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::super::scenario::{Device, DeviceFile, FileKind, OsFamily, Scenario};
use super::super::settings::Settings;
use super::error::CommandError;
use super::folder::ReadError;
use super::outcome::{CommandOutcome, DeviceTask, Work};
use super::path::{DevicePath, file_name, working_folder};
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
                let path = check_put(name, family, content.as_ref(), &self.settings)?;
                let key = (work.machine, path);
                if !may_overwrite && self.exists(work, &key) {
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
                    let path = DevicePath::parse(&file.path, family)?;
                    let content = file.content().map_err(|_| CommandError::Read {
                        path: file.path.clone(),
                        error: ReadError::InvalidBase64,
                    })?;
                    self.files.insert((work.machine, path), content.into());
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

    /// Returns whether something is at that path of the device.
    fn exists(&self, work: &Work, key: &(u32, DevicePath)) -> bool {
        let device = &work.device;
        self.files.contains_key(key)
            || is_folder(device, &key.1)
            || find_described_file(&device.files, &key.1, device.family()).is_some()
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
        let is_folder = is_folder(&work.device, &device_path);
        let content = match self.files.get(&(work.machine, device_path)) {
            Some(content) => check_size(content.clone(), limit),
            None if is_folder => Err(ReadError::NotRegular),
            None => read_described(described, limit),
        };
        content.map_err(|error| CommandError::Read {
            path: path.to_owned(),
            error,
        })
    }
}

/// Returns the content of a file that the scenario describes, if it can be collected. `None` is the
/// absence of such a file.
pub(super) fn read_described(file: Option<&DeviceFile>, limit: u64) -> Result<Bytes, ReadError> {
    match file {
        // The content of a file that is too large to be collected is not created.
        Some(file) if file.length() > limit => Err(ReadError::TooLarge),
        Some(file) => match file.content() {
            Ok(content) => check_size(content.into(), limit),
            Err(_) => Err(ReadError::InvalidBase64),
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

/// Checks whether a library file can be put on a device, and returns its path there.
///
/// # Errors
/// The file is too large for the device, or its name is not possible there.
pub(super) fn check_put(
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

/// Returns the folders that every device has.
pub(super) fn usual_folders(family: OsFamily) -> impl Iterator<Item = DevicePath> {
    let usual: &[&str] = match family {
        OsFamily::Windows => &["C:\\Windows\\Temp", "C:\\Users"],
        OsFamily::Unix => &["/tmp", "/var/tmp", "/etc", "/root", "/home"],
    };
    std::iter::once(working_folder(family))
        .chain(usual.iter().copied())
        .filter_map(move |path| DevicePath::parse(path, family).ok())
}

/// Returns whether the scenario's description gives a device a folder at that path.
pub(super) fn is_folder(device: &Device, path: &DevicePath) -> bool {
    let family = device.family();
    let mut files =
        (device.files.iter()).filter_map(|file| DevicePath::parse(&file.path, family).ok());
    usual_folders(family).any(|usual| usual.0.starts_with(&path.0))
        || files.any(|file| file != *path && file.0.starts_with(&path.0))
}

/// Returns the file that the scenario describes at that path.
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::outcome::{CommandOutcome, DeviceTask, Work};
    use super::InMemoryDevices;
    use crate::{Device, DeviceFile, Scenario, ScriptOutcome};

    /// Performs tasks on a Linux device with that file, whose scripts write it too.
    fn perform(file: &DeviceFile, tasks: impl IntoIterator<Item = DeviceTask>) -> CommandOutcome {
        let device = Device {
            files: vec![file.clone()],
            ..Device::named("lin-01", "Linux")
        };
        let scenario = Scenario {
            devices: vec![device.clone()],
            outcomes: vec![ScriptOutcome {
                files: vec![file.clone()],
                ..ScriptOutcome::default()
            }],
            ..Scenario::default()
        };
        let mut devices = InMemoryDevices::new(scenario);
        let mut outcome = CommandOutcome::default();
        for task in tasks {
            outcome = devices.perform(&Work {
                number: 1,
                machine: 0,
                name: "lin-01".into(),
                device: Arc::new(device.clone()),
                task,
            });
        }
        outcome
    }

    fn run() -> DeviceTask {
        DeviceTask::Run {
            script: "a.sh".to_owned(),
            args: String::new(),
            content: None,
            time_limit: Duration::from_secs(1),
        }
    }

    fn get(path: &str) -> DeviceTask {
        DeviceTask::Get {
            path: path.to_owned(),
        }
    }

    #[test]
    fn an_invalid_file_fails_the_command() {
        let invalid = DeviceFile {
            text: None,
            base64: Some("!".to_owned()),
            ..DeviceFile::text("/srv/a", "")
        };
        let expected = ["The scenario's content of the file '/srv/a' is not base64."];
        assert_eq!(perform(&invalid, [run()]).errors, expected);
        assert_eq!(perform(&invalid, [get("/srv/a")]).errors, expected);
        let relative = DeviceFile::text("srv/a", "x");
        let errors = perform(&relative, [run()]).errors;
        assert!(errors[0].contains("srv/a"), "{errors:?}");
    }

    #[test]
    fn described_files_and_folders_exist() {
        let path = "/tmp/live-response/tool";
        let file = DeviceFile::text(path, "x");
        let put = |may_overwrite| DeviceTask::Put {
            name: "tool".to_owned(),
            content: Some("y".into()),
            may_overwrite,
        };
        let errors = perform(&file, [put(false)]).errors;
        assert_eq!(errors, ["The file 'tool' is already on the device."]);
        assert_eq!(perform(&file, [put(true)]).errors, [""; 0]);
        for folder in ["/tmp/live-response", "/etc"] {
            let errors = perform(&file, [get(folder)]).errors;
            let expected =
                format!("'{folder}' is a link, folder or special file and can't be collected.");
            assert_eq!(errors, [expected]);
        }
    }
}
