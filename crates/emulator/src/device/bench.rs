//! Devices in memory: scripted outcomes only, no process and no disk, so that a fleet plays in
//! virtual time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::super::knobs::Knobs;
use super::super::scenario::{DeviceFile, Family, FileKind, Scenario};
use super::super::service::Work;
use super::folder::ReadError;
use super::outcome::{Outcome, Task};
use super::path::{Inside, file_name};
use super::scripted;

/// What devices hold in memory; a device costs nothing until something is written to it.
pub struct Bench {
    scenario: Arc<Scenario>,
    knobs: Knobs,
    files: HashMap<(u32, Inside), Bytes>,
    /// Which of them PutFile brought.
    put: HashSet<(u32, Inside)>,
}

impl Bench {
    /// Devices as the scenario describes them.
    pub fn new(scenario: impl Into<Arc<Scenario>>) -> Self {
        let scenario = scenario.into();
        Bench {
            knobs: scenario.knobs(),
            scenario,
            files: HashMap::new(),
            put: HashSet::new(),
        }
    }

    /// Does a piece of work at once; the outcome says how long it takes.
    pub fn perform(&mut self, work: &Work) -> Outcome {
        let family = work.device.family();
        match &work.task {
            Task::Put {
                name,
                content,
                may_overwrite,
            } => match put_path(name, family, content.as_ref(), &self.knobs) {
                Ok(path)
                    if !may_overwrite && self.files.contains_key(&(work.machine, path.clone())) =>
                {
                    Outcome::failed(already_there(name))
                }
                Ok(path) => {
                    let content = content.clone().unwrap_or_default();
                    self.put.insert((work.machine, path.clone()));
                    self.files.insert((work.machine, path), content);
                    Outcome::default()
                }
                Err(reason) => Outcome::failed(reason),
            },
            Task::Run { script, args, .. } => {
                let Some(found) = scripted::find(&self.scenario, &work.device, script, args) else {
                    return Outcome::failed(format!(
                        "The scenario has no outcome for '{script}', and this device runs nothing for real."
                    ));
                };
                let (outcome, files) =
                    scripted::play(found, &work.device, &work.name, script, args);
                for file in files {
                    if let (Ok(path), Ok(content)) =
                        (Inside::parse(&file.path, family), file.content())
                    {
                        self.files.insert((work.machine, path), content.into());
                    }
                }
                outcome
            }
            Task::Restart => {
                let gone = self.put.extract_if(|(machine, _)| *machine == work.machine);
                for file in gone {
                    self.files.remove(&file);
                }
                Outcome::default()
            }
            Task::Get { path } => match Inside::parse(path, family) {
                Ok(inside) => self.get(work, path, &inside),
                Err(reason) => Outcome::failed(reason),
            },
        }
    }

    fn get(&self, work: &Work, path: &str, inside: &Inside) -> Outcome {
        let family = work.device.family();
        let described = find_file(&work.device.files, inside, family);
        if let Some(reason) = described.and_then(|file| unreadable(file, path)) {
            return Outcome::failed(reason);
        }
        let content = match self.files.get(&(work.machine, inside.clone())) {
            Some(content) => sized(content.clone(), self.knobs.get_max),
            None => read_described(described, self.knobs.get_max),
        };
        match content {
            Ok(content) => Outcome::file(file_name(path, family), &content),
            Err(error) => Outcome::failed(error.line(path)),
        }
    }
}

/// What a described file holds, if it can be collected.
pub(super) fn read_described(file: Option<&DeviceFile>, limit: u64) -> Result<Bytes, ReadError> {
    match file {
        // What is too large to be collected is not made.
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

/// Where a library file goes, or why it can't be put.
pub(super) fn put_path(
    name: &str,
    family: Family,
    content: Option<&Bytes>,
    knobs: &Knobs,
) -> Result<Inside, String> {
    let size = content.map_or(0, |content| content.len() as u64);
    if family == Family::Unix && size > knobs.put_max_other_os {
        return Err(format!("The file '{name}' is too large for this device."));
    }
    Inside::working(name, family)
}

/// The described file at that path.
pub(super) fn find_file<'a>(
    files: &'a [DeviceFile],
    path: &Inside,
    family: Family,
) -> Option<&'a DeviceFile> {
    files
        .iter()
        .find(|file| Inside::parse(&file.path, family).is_ok_and(|known| known == *path))
}

pub(super) fn already_there(name: &str) -> String {
    format!("The file '{name}' is already on the device.")
}

/// Why a described file can't be collected, whatever is in it (API notes 3.7).
pub(super) fn unreadable(file: &DeviceFile, path: &str) -> Option<String> {
    let path = path.escape_debug();
    if file.locked {
        return Some(format!("The file '{path}' is in use by another process."));
    }
    match file.kind {
        FileKind::Plain => None,
        FileKind::Sparse => Some(ReadError::Sparse.line(&path.to_string())),
        FileKind::Reparse => Some(ReadError::NotPlain.line(&path.to_string())),
        FileKind::Cloud => Some(format!(
            "The file '{path}' is not fully on the device and can't be collected."
        )),
    }
}
