//! Devices on disk, whose scripts are executed.
//!
//! A device's folder contains only what its commands have needed: a put file needs the folders
//! above it, and an executed script needs the whole device. The rest takes no time to create or
//! remove. Until a script has run, GetFile reads the described files from the scenario.

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

/// All devices of an emulator, in one folder that is removed with it.
pub struct OnDiskDevices {
    scenario: Arc<Scenario>,
    settings: Settings,
    home: TempRoot,
    /// Devices whose folder has everything that a script may look for.
    populated: Mutex<HashSet<u32>>,
    restart_states: Mutex<HashMap<u32, RestartState>>,
    sandbox: Sandbox,
}

/// The state of a device that a restart needs. Pieces of work are performed concurrently, so one
/// may overtake another. Their numbers determine their order.
#[derive(Debug, Default)]
struct RestartState {
    /// The files that PutFile has written, each with the number of its work.
    put: HashMap<DevicePath, u64>,
    /// The number of the last restart.
    restarted: u64,
    /// The running script: the number of its work, and the signal that stops it.
    script: Option<(u64, Arc<Notify>)>,
}

impl OnDiskDevices {
    /// Creates the devices of the scenario. A device has no folder until something is written to
    /// it. Meanwhile, folders that killed processes have left in the temporary folder are removed.
    ///
    /// # Errors
    /// The temporary folder can't be created.
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

    /// Performs a piece of work. Real scripts take as long as they run. `real_time` converts the
    /// emulated time limit to real time.
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

    /// Removes what PutFile wrote before the restart, and stops a script that began before it.
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

    /// Performs a piece of work up to the point at which a script has to be waited for.
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

    /// Returns the process that a script needs, or the reason for which there can't be one.
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
                // Scripts are next to the working folder, so that a script and a put file may have
                // the same name.
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

    /// Returns the device's folder, which may not exist yet.
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

    /// Returns the content of a file of the device, if it can be collected.
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

    /// Checks whether something is at that path of the device.
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

    /// Writes everything the scenario describes to the device's folder, for a script. A device
    /// performs only one piece of work at a time, so a half-written folder is never used.
    fn populate(&self, work: &Work, folder: &Folder) -> io::Result<()> {
        if self.is_populated(work.machine) {
            return Ok(());
        }
        let family = work.device.family();
        for path in usual_folders(family) {
            folder.make_folder(&path)?;
        }
        for file in &work.device.files {
            // A file that a command has put there since is newer.
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

/// Returns the folders that every device has.
fn usual_folders(family: OsFamily) -> impl Iterator<Item = DevicePath> {
    let usual: &[&str] = match family {
        OsFamily::Windows => &["C:\\Windows\\Temp", "C:\\Users"],
        OsFamily::Unix => &["/tmp", "/var/tmp", "/etc", "/root", "/home"],
    };
    std::iter::once(working_folder(family))
        .chain(usual.iter().copied())
        .filter_map(move |path| DevicePath::parse(path, family).ok())
}

/// Checks whether a described device has a folder at that path.
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
