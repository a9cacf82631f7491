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

use super::super::scenario::{DeviceFile, OsFamily, Scenario};
use super::super::settings::Settings;
use super::arguments::{posix_words, powershell_words};
use super::error::CommandError;
use super::folder::{DeviceFolder, FileMode, ReadError};
use super::in_memory::{
    check_collectable, check_put, find_described_file, is_folder, read_described, usual_folders,
};
use super::outcome::{CommandOutcome, DeviceTask, Work};
use super::path::{DevicePath, DevicePathError, file_name, working_folder};
use super::sandbox::{Sandbox, ScriptExit};
use super::script_job::ScriptJob;
use super::scripted;
use super::temp_root::TempRoot;
use super::watchdog::ResourceLimits;

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
            home: TempRoot::create()?,
            populated: Mutex::default(),
            restart_states: Mutex::default(),
            sandbox: Sandbox::new(settings.isolation),
            settings,
            scenario,
        })
    }

    /// Performs a piece of work. Scripts that are executed take as long as they run. `real_time` converts
    /// the time limit from emulated to real time.
    pub async fn perform(
        self: Arc<Self>,
        work: Work,
        real_time: impl Fn(Duration) -> Duration,
    ) -> CommandOutcome {
        match self.try_perform(work, real_time).await {
            Ok(outcome) => outcome,
            Err(error) => CommandOutcome::failed(error.to_string()),
        }
    }

    async fn try_perform(
        self: Arc<Self>,
        work: Work,
        real_time: impl Fn(Duration) -> Duration,
    ) -> Result<CommandOutcome, CommandError> {
        let prepared = {
            let devices = Arc::clone(&self);
            let work = work.clone();
            tokio::task::spawn_blocking(move || devices.prepare(&work)).await
        };
        let (script, mut job) = match prepared.map_err(|_| CommandError::Panicked)?? {
            Prepared::Finished(outcome) => return Ok(outcome),
            Prepared::Script { name, job } => (name, job),
        };
        job.time_limit = real_time(job.time_limit);
        let stop = Arc::new(Notify::new());
        let was_restarted = self.with_restart_state(work.machine, |state| {
            state.script = Some((work.number, Arc::clone(&stop)));
            state.restarted > work.number
        });
        if was_restarted {
            return Err(CommandError::Restarted);
        }
        // Dropping the run ends the script with everything it has started.
        tokio::select! {
            biased;
            () = stop.notified() => Err(CommandError::Restarted),
            exit = self.sandbox.run(&job) => Ok(script_outcome(work.device.family(), &script, exit?)),
        }
    }

    /// Accesses the state of a device that a restart needs.
    fn with_restart_state<T>(&self, machine: u32, act: impl FnOnce(&mut RestartState) -> T) -> T {
        let mut restart_states = self
            .restart_states
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        act(restart_states.entry(machine).or_default())
    }

    /// Removes what PutFile wrote before the restart, and stops a script that began before it.
    fn restart(&self, work: &Work, folder: &DeviceFolder) -> io::Result<()> {
        let removed: Vec<DevicePath> = self.with_restart_state(work.machine, |state| {
            state.restarted = state.restarted.max(work.number);
            if let Some((number, stop)) = &state.script
                && *number < work.number
            {
                stop.notify_one();
            }
            let removed = state.put.extract_if(|_, number| *number < work.number);
            removed.map(|(path, _)| path).collect()
        });
        removed.iter().try_for_each(|path| folder.remove_file(path))
    }

    /// Performs a piece of work up to the point at which a script has to be waited for.
    fn prepare(&self, work: &Work) -> Result<Prepared, CommandError> {
        let family = work.device.family();
        let folder = self.folder(work);
        let outcome = match &work.task {
            DeviceTask::Put {
                name,
                content,
                may_overwrite,
            } => {
                let path = check_put(name, family, content.as_ref(), &self.settings)?;
                if !may_overwrite && self.exists(work, &folder, &path) {
                    return Err(CommandError::AlreadyExists(name.clone()));
                }
                // A file without content in the scenario is empty here.
                let content = content.as_deref().unwrap_or_default();
                folder
                    .write(&path, content, FileMode::Executable)
                    .map_err(CommandError::Folder)?;
                self.with_restart_state(work.machine, |state| state.put.insert(path, work.number));
                CommandOutcome::default()
            }
            DeviceTask::Restart => {
                self.restart(work, &folder).map_err(CommandError::Folder)?;
                CommandOutcome::default()
            }
            DeviceTask::Get { path } => {
                let device_path = DevicePath::parse(path, family)?;
                let described = find_described_file(&work.device.files, &device_path, family);
                if let Some(file) = described {
                    check_collectable(file, path)?;
                }
                let content = self.read(work, &folder, &device_path);
                let content = content.map_err(|error| CommandError::Read {
                    path: path.clone(),
                    error,
                })?;
                CommandOutcome::file(file_name(path, family), &content)
            }
            DeviceTask::Run {
                script,
                args,
                content,
                time_limit,
            } => {
                let scripted = scripted::find_outcome(&self.scenario, &work.device, script, args);
                let Some(scripted) = scripted else {
                    let content = content.as_deref();
                    let mut job = self.script_job(work, &folder, script, args, content)?;
                    job.time_limit = *time_limit;
                    let name = script.clone();
                    return Ok(Prepared::Script { name, job });
                };
                let (outcome, files) =
                    scripted::render(scripted, &work.device, &work.name, script, args);
                for file in &files {
                    write_described(&folder, file, family, self.settings.collected_file_max)?;
                }
                outcome
            }
        };
        Ok(Prepared::Finished(outcome))
    }

    /// Writes a script to its device, and returns what is needed to run it.
    fn script_job(
        &self,
        work: &Work,
        folder: &DeviceFolder,
        script: &str,
        args: &str,
        content: Option<&[u8]>,
    ) -> Result<ScriptJob, CommandError> {
        let family = work.device.family();
        let extension = script
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension);
        let extension = extension.to_ascii_lowercase();
        let interpreter: &[&'static str] = match (extension.as_str(), family) {
            ("sh", OsFamily::Unix) => &["bash"],
            ("py", OsFamily::Unix) => &["python3", "-I"],
            ("ps1", OsFamily::Windows) => &["pwsh", "-NoProfile", "-NonInteractive", "-File"],
            _ => {
                return Err(CommandError::UnsupportedScript {
                    script: script.to_owned(),
                    os: work.device.os.clone(),
                });
            }
        };
        let content = content.ok_or_else(|| CommandError::NoContent(script.to_owned()))?;
        if !self.sandbox.has_program(interpreter[0]) {
            return Err(CommandError::NoInterpreter {
                script: script.to_owned(),
                interpreter: interpreter[0],
            });
        }
        let (scripts, path) = script_path(script, family)?;
        self.populate(work, folder)?;
        folder
            .require_folder(&scripts)
            .and_then(|()| folder.require_folder(&working_folder_path(family)))
            .and_then(|()| folder.write(&path, content, FileMode::Executable))
            .map_err(CommandError::Folder)?;
        let args = match family {
            OsFamily::Windows => powershell_words(args),
            OsFamily::Unix => posix_words(args),
        };
        Ok(ScriptJob {
            root: folder.root().to_owned(),
            host_name: work.name.to_string(),
            interpreter: interpreter.iter().map(|word| (*word).to_owned()).collect(),
            script: path,
            working_folder: working_folder_path(family),
            args,
            time_limit: self.settings.script_time_limit.0,
            output_max: self.settings.output_max,
            limits: ResourceLimits {
                processes: self.settings.processes_max,
                memory: self.settings.memory_max,
                disk: self.settings.disk_max,
            },
        })
    }

    /// Returns the device's folder, which may not exist yet.
    fn folder(&self, work: &Work) -> DeviceFolder {
        let label: String = work
            .name
            .chars()
            .take_while(|c| *c != '.')
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .take(40)
            .collect();
        DeviceFolder::new(self.home.path_of(&format!("{}-{label}", work.machine)))
    }

    /// Returns the content of a file of the device, if it can be collected.
    fn read(
        &self,
        work: &Work,
        folder: &DeviceFolder,
        path: &DevicePath,
    ) -> Result<Bytes, ReadError> {
        let limit = self.settings.collected_file_max;
        match folder.read(path, limit) {
            Err(ReadError::Missing) if !self.is_populated(work.machine) => {
                let family = work.device.family();
                if is_folder(&work.device, path) {
                    return Err(ReadError::NotRegular);
                }
                read_described(find_described_file(&work.device.files, path, family), limit)
            }
            read => read.map(Bytes::from),
        }
    }

    /// Returns whether something is at that path of the device.
    fn exists(&self, work: &Work, folder: &DeviceFolder, path: &DevicePath) -> bool {
        let is_described = || {
            is_folder(&work.device, path)
                || find_described_file(&work.device.files, path, work.device.family()).is_some()
        };
        folder.exists(path) || (!self.is_populated(work.machine) && is_described())
    }

    fn is_populated(&self, machine: u32) -> bool {
        self.populated().contains(&machine)
    }

    /// Writes everything the scenario describes to the device's folder, for a script. A device
    /// performs only one piece of work at a time, so a half-written folder is never used.
    fn populate(&self, work: &Work, folder: &DeviceFolder) -> Result<(), CommandError> {
        if self.is_populated(work.machine) {
            return Ok(());
        }
        let family = work.device.family();
        for path in usual_folders(family) {
            folder.make_folder(&path).map_err(CommandError::Folder)?;
        }
        for file in &work.device.files {
            // A file that a command has put there since is newer.
            let is_newer =
                DevicePath::parse(&file.path, family).is_ok_and(|path| folder.exists(&path));
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

/// A piece of work before a script runs.
enum Prepared {
    /// The work is done.
    Finished(CommandOutcome),
    /// A script has to be run.
    Script { name: String, job: ScriptJob },
}

/// Returns the path of the working folder.
fn working_folder_path(family: OsFamily) -> DevicePath {
    DevicePath::parse(working_folder(family), family)
        .expect("internal error: the working folder is not a path of its device")
}

/// Returns the folder of scripts, and the path of a script in it. The folder is next to the working
/// folder, so that a script and a put file may have the same name.
fn script_path(
    script: &str,
    family: OsFamily,
) -> Result<(DevicePath, DevicePath), DevicePathError> {
    let mut names = DevicePath::in_working_folder(script, family)?.0;
    let name = names.pop();
    let working_folder = names.pop();
    let (Some(name), Some(_)) = (name, working_folder) else {
        panic!("internal error: the working folder is not a path of its device");
    };
    names.push("live-response-scripts".to_owned());
    let folder = DevicePath(names.clone());
    names.push(name);
    Ok((folder, DevicePath(names)))
}

/// Writes a file that the scenario describes.
fn write_described(
    folder: &DeviceFolder,
    file: &DeviceFile,
    family: OsFamily,
    limit: u64,
) -> Result<(), CommandError> {
    let path = DevicePath::parse(&file.path, family)?;
    if file.length() > limit {
        // It can't be collected, so only its length matters.
        return folder
            .write_sparse(&path, file.length())
            .map_err(CommandError::Folder);
    }
    let content = file.content().map_err(|_| CommandError::Read {
        path: file.path.clone(),
        error: ReadError::InvalidBase64,
    })?;
    let mode = if file.executable {
        FileMode::Executable
    } else {
        FileMode::Normal
    };
    folder
        .write(&path, &content, mode)
        .map_err(CommandError::Folder)
}

/// Returns the outcome of a script that has run.
fn script_outcome(family: OsFamily, script: &str, exit: ScriptExit) -> CommandOutcome {
    let mut outcome = CommandOutcome::script(family, script, exit.code, &exit.stdout, &exit.stderr);
    if let Some(reason) = exit.stopped {
        outcome
            .errors
            .push(format!("The script was stopped: {reason}."));
    }
    outcome
}
