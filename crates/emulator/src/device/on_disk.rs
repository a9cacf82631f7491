//! Devices on disk, whose scripts are executed.
//!
//! A device has only as much of a folder as its commands have needed: a file that is put needs the
//! folders above it, a script executed for real needs the whole device. What is not needed costs
//! nothing to make, and nothing to remove in the end. Until a script has run, the described files
//! are there all the same: a GetFile finds them in the scenario.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::super::scenario::{Device, DeviceFile, OsFamily, Scenario};
use super::super::service::Work;
use super::super::settings::Settings;
use super::arguments::{posix_words, powershell_words};
use super::folder::{Folder, ReadError};
use super::in_memory::{already_there, find_file, put_path, read_described, unreadable};
use super::outcome::{CommandOutcome, DeviceTask};
use super::path::{DevicePath, file_name, working_folder};
use super::sandbox::{Sandbox, ScriptExit, ScriptJob};
use super::scripted;
use super::temp_root::TempRoot;
use super::watchdog::Allowance;

/// All devices of an emulator, under one folder that goes away with it.
pub struct OnDiskDevices {
    scenario: Arc<Scenario>,
    settings: Settings,
    home: TempRoot,
    /// Devices whose folder has everything that a script may look for.
    populated: Mutex<HashSet<u32>>,
    restart_states: Mutex<HashMap<u32, RestartState>>,
    sandbox: Sandbox,
}

/// What a restart has to know of a device. Pieces of work are done side by side, so that one may
/// overtake another; their numbers tell which came first.
#[derive(Debug, Default)]
struct RestartState {
    /// What PutFile brought, with the number of the work.
    put: HashMap<DevicePath, u64>,
    /// The number of the last restart.
    restarted: u64,
    /// Stops the script that runs, which has that number.
    script: Option<(u64, Arc<Notify>)>,
}

impl OnDiskDevices {
    /// Creates the devices of the scenario. A device has no folder until something is written to
    /// it. What killed processes left in the temporary folder is removed meanwhile.
    ///
    /// # Errors
    /// No temporary folder can be made.
    pub fn new(scenario: impl Into<Arc<Scenario>>) -> io::Result<Self> {
        let scenario = scenario.into();
        let settings = scenario.settings();
        Ok(OnDiskDevices {
            home: TempRoot::make()?,
            populated: Mutex::default(),
            restart_states: Mutex::default(),
            sandbox: Sandbox::new(settings.isolation),
            settings,
            scenario,
        })
    }

    /// Does a piece of work. Real scripts run as long as they run; `real_time` turns the emulated
    /// limit into the one on this computer's clock.
    pub async fn perform(
        self: Arc<Self>,
        work: Work,
        real_time: impl Fn(Duration) -> Duration,
    ) -> CommandOutcome {
        let prepared = {
            let devices = Arc::clone(&self);
            let work = work.clone();
            tokio::task::spawn_blocking(move || devices.begin(&work)).await
        };
        match prepared {
            Ok(Ok(Begun::Done(outcome))) => outcome,
            Ok(Ok(Begun::Script(mut job))) => {
                job.time_limit = real_time(job.time_limit);
                let stop = Arc::new(Notify::new());
                let was_restarted = self.with_restart_state(work.machine, |life| {
                    life.script = Some((work.number, Arc::clone(&stop)));
                    life.restarted > work.number
                });
                if was_restarted {
                    return CommandOutcome::failed(RESTARTED);
                }
                // Dropping the run ends the script with everything it has started.
                tokio::select! {
                    biased;
                    () = stop.notified() => CommandOutcome::failed(RESTARTED),
                    ended = self.sandbox.run(&job) => script_outcome(&work, ended),
                }
            }
            Ok(Err(error)) => {
                CommandOutcome::failed(format!("The device's folder can't be used: {error}"))
            }
            Err(_) => CommandOutcome::failed("internal error: the device's work panicked"),
        }
    }

    fn with_restart_state<T>(&self, machine: u32, act: impl FnOnce(&mut RestartState) -> T) -> T {
        let mut restart_states = self
            .restart_states
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        act(restart_states.entry(machine).or_default())
    }

    /// Takes away what PutFile had brought before, and stops what runs since before.
    fn restart(&self, work: &Work, folder: &Folder) -> io::Result<()> {
        let gone: Vec<DevicePath> = self.with_restart_state(work.machine, |life| {
            life.restarted = life.restarted.max(work.number);
            if let Some((number, stop)) = &life.script
                && *number < work.number
            {
                stop.notify_one();
            }
            let gone = life.put.extract_if(|_, number| *number < work.number);
            gone.map(|(path, _)| path).collect()
        });
        gone.iter().try_for_each(|path| folder.remove(path))
    }

    /// Everything but waiting for a script.
    fn begin(&self, work: &Work) -> io::Result<Begun> {
        let family = work.device.family();
        let folder = self.folder(work);
        let outcome = match &work.task {
            DeviceTask::Put {
                name,
                content,
                may_overwrite,
            } => match put_path(name, family, content.as_ref(), &self.settings) {
                Ok(path) if !may_overwrite && self.has(work, &folder, &path) => {
                    CommandOutcome::failed(already_there(name))
                }
                Ok(path) => {
                    folder.write(&path, content.as_deref().unwrap_or_default(), true)?;
                    self.with_restart_state(work.machine, |life| {
                        life.put.insert(path, work.number)
                    });
                    CommandOutcome::default()
                }
                Err(reason) => CommandOutcome::failed(reason),
            },
            DeviceTask::Restart => {
                self.restart(work, &folder)?;
                CommandOutcome::default()
            }
            DeviceTask::Get { path } => match DevicePath::parse(path, family) {
                Ok(inside) => {
                    let described = find_file(&work.device.files, &inside, family);
                    match described.and_then(|file| unreadable(file, path)) {
                        Some(reason) => CommandOutcome::failed(reason),
                        None => match self.read(work, &folder, &inside) {
                            Ok(content) => CommandOutcome::file(file_name(path, family), &content),
                            Err(error) => CommandOutcome::failed(error.line(path)),
                        },
                    }
                }
                Err(reason) => CommandOutcome::failed(reason),
            },
            DeviceTask::Run { script, args, .. } => {
                if let Some(found) = scripted::find(&self.scenario, &work.device, script, args) {
                    let (outcome, files) =
                        scripted::play(found, &work.device, &work.name, script, args);
                    for file in &files {
                        write_described(&folder, file, family, self.settings.collected_file_max)?;
                    }
                    outcome
                } else {
                    match self.job(work, &folder)? {
                        Ok(job) => return Ok(Begun::Script(job)),
                        Err(reason) => CommandOutcome::failed(reason),
                    }
                }
            }
        };
        Ok(Begun::Done(outcome))
    }

    /// The process a script needs, or why there can't be one.
    fn job(&self, work: &Work, folder: &Folder) -> io::Result<Result<ScriptJob, String>> {
        let DeviceTask::Run {
            script,
            args,
            content,
            time_limit,
        } = &work.task
        else {
            return Ok(Err("There is no script.".to_owned()));
        };
        let family = work.device.family();
        let extension = script
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension);
        let extension = extension.to_ascii_lowercase();
        let interpreter: &[&str] = match (extension.as_str(), family) {
            ("sh", OsFamily::Unix) => &["bash"],
            ("py", OsFamily::Unix) => &["python3", "-I"],
            ("ps1", OsFamily::Windows) => &["pwsh", "-NoProfile", "-NonInteractive", "-File"],
            _ => {
                return Ok(Err(format!(
                    "The script '{script}' can't be run on {}.",
                    work.device.os
                )));
            }
        };
        let Some(content) = content else {
            return Ok(Err(format!(
                "The emulator has neither the content of '{script}' nor an outcome for it."
            )));
        };
        if !self.sandbox.has(interpreter[0]) {
            return Ok(Err(format!(
                "The emulator can't run '{script}': this computer has no {}, and the scenario has no outcome for it.",
                interpreter[0]
            )));
        }
        let place = match DevicePath::working(script, family) {
            Ok(mut place) => {
                // Beside the working folder, so that a script and a put file of one name don't meet.
                let name = place.0.pop().unwrap_or_default();
                place.0.pop();
                place.0.push("live-response-scripts".to_owned());
                place.0.push(name);
                place
            }
            Err(reason) => return Ok(Err(reason)),
        };
        self.populate(work, folder)?;
        let of_scripts = place.0.len().saturating_sub(1);
        folder.insist_on(&DevicePath(place.0[..of_scripts].to_vec()))?;
        folder.insist_on(&working(family))?;
        folder.write(&place, content, true)?;
        let words = match family {
            OsFamily::Windows => powershell_words(args),
            OsFamily::Unix => posix_words(args),
        };
        Ok(Ok(ScriptJob {
            root: folder.root().to_owned(),
            host: work.name.to_string(),
            interpreter: interpreter.iter().map(|word| (*word).to_owned()).collect(),
            script: place,
            folder: working(family),
            words,
            time_limit: *time_limit,
            output_max: self.settings.output_max,
            allowance: Allowance {
                processes: self.settings.processes_max,
                memory: self.settings.memory_max,
                disk: self.settings.disk_max,
            },
        }))
    }

    /// The device's folder, whether it is there or not.
    fn folder(&self, work: &Work) -> Folder {
        let label: String = work
            .name
            .chars()
            .take_while(|c| *c != '.')
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .take(40)
            .collect();
        Folder::at(self.home.place(&format!("{}-{label}", work.machine)))
    }

    /// The content of a file of the device, if it can be collected.
    fn read(&self, work: &Work, folder: &Folder, path: &DevicePath) -> Result<Bytes, ReadError> {
        let limit = self.settings.collected_file_max;
        match folder.read(path, limit) {
            Err(ReadError::Missing) if !self.is_populated(work.machine) => {
                let family = work.device.family();
                if is_folder(&work.device, path) {
                    return Err(ReadError::NotPlain);
                }
                read_described(find_file(&work.device.files, path, family), limit)
            }
            read => read.map(Bytes::from),
        }
    }

    /// Whether something is at that path of the device.
    fn has(&self, work: &Work, folder: &Folder, path: &DevicePath) -> bool {
        let is_described = || {
            is_folder(&work.device, path)
                || find_file(&work.device.files, path, work.device.family()).is_some()
        };
        folder.has(path) || (!self.is_populated(work.machine) && is_described())
    }

    fn is_populated(&self, machine: u32) -> bool {
        self.populated().contains(&machine)
    }

    /// Sees to it that a script finds all of the device in its folder. Only one piece of work at a
    /// time is on a device, so nobody sees it half populated.
    fn populate(&self, work: &Work, folder: &Folder) -> io::Result<()> {
        if self.is_populated(work.machine) {
            return Ok(());
        }
        let family = work.device.family();
        for path in usual_folders(family) {
            folder.make_folder(&path)?;
        }
        for file in &work.device.files {
            // What a command has put there since is newer.
            let is_newer =
                DevicePath::parse(&file.path, family).is_ok_and(|path| folder.has(&path));
            if !is_newer {
                write_described(folder, file, family, self.settings.collected_file_max)?;
            }
        }
        self.populated().insert(work.machine);
        Ok(())
    }

    fn populated(&self) -> MutexGuard<'_, HashSet<u32>> {
        (self.populated.lock()).unwrap_or_else(PoisonError::into_inner)
    }
}

const RESTARTED: &str = "The device restarted while the script ran.";

enum Begun {
    Done(CommandOutcome),
    Script(ScriptJob),
}

fn working(family: OsFamily) -> DevicePath {
    DevicePath::parse(working_folder(family), family)
        .expect("internal error: the working folder is a path of its device")
}

/// The folders that every device has.
fn usual_folders(family: OsFamily) -> impl Iterator<Item = DevicePath> {
    let usual: &[&str] = match family {
        OsFamily::Windows => &["C:\\Windows\\Temp", "C:\\Users"],
        OsFamily::Unix => &["/tmp", "/var/tmp", "/etc", "/root", "/home"],
    };
    std::iter::once(working_folder(family))
        .chain(usual.iter().copied())
        .filter_map(move |path| DevicePath::parse(path, family).ok())
}

/// Whether a described device has a folder at that path.
fn is_folder(device: &Device, path: &DevicePath) -> bool {
    let family = device.family();
    let mut files =
        (device.files.iter()).filter_map(|file| DevicePath::parse(&file.path, family).ok());
    usual_folders(family).any(|usual| usual.0.starts_with(&path.0))
        || files.any(|file| file != *path && file.0.starts_with(&path.0))
}

fn write_described(
    folder: &Folder,
    file: &DeviceFile,
    family: OsFamily,
    limit: u64,
) -> io::Result<()> {
    let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidInput, reason);
    let path = DevicePath::parse(&file.path, family).map_err(invalid)?;
    if file.length() > limit {
        // It can't be collected, so only its length matters.
        return folder.write_hollow(&path, file.length());
    }
    let content = file.content().map_err(invalid)?;
    folder.write(&path, &content, file.executable)
}

fn script_outcome(work: &Work, ended: Result<ScriptExit, String>) -> CommandOutcome {
    let DeviceTask::Run { script, .. } = &work.task else {
        return CommandOutcome::failed("There is no script.");
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(reason) => return CommandOutcome::failed(reason),
    };
    let mut outcome = CommandOutcome::script(
        work.device.family(),
        script,
        ended.exit,
        &ended.stdout,
        &ended.stderr,
    );
    if let Some(reason) = ended.stopped {
        outcome
            .errors
            .push(format!("The script was stopped: {reason}."));
    }
    outcome
}
