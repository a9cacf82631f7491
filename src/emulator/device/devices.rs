//! Devices on disk: a folder each, scripts executed for real.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::super::knobs::Knobs;
use super::super::scenario::{Device, DeviceFile, Family, Scenario};
use super::super::service::Work;
use super::arguments::{posix_words, powershell_words};
use super::bench::{already_there, find_file, put_path, unreadable};
use super::folder::Folder;
use super::outcome::{Outcome, Task};
use super::path::{Inside, file_name, working_folder};
use super::sandbox::{Ended, Job, Sandbox};
use super::scripted;
use super::watchdog::Allowance;

/// All devices of an emulator, under one folder that goes away with it.
pub struct Devices {
    scenario: Arc<Scenario>,
    knobs: Knobs,
    home: tempfile::TempDir,
    /// Devices whose folder has been made and filled.
    furnished: Mutex<HashSet<u32>>,
    lives: Mutex<HashMap<u32, Life>>,
    sandbox: Sandbox,
}

/// What a restart has to know of a device. Pieces of work are done side by side, so that one may
/// overtake another; their numbers tell which came first.
#[derive(Debug, Default)]
struct Life {
    /// What PutFile brought, with the number of the work.
    put: HashMap<Inside, u64>,
    /// The number of the last restart.
    restarted: u64,
    /// Stops the script that runs, which has that number.
    script: Option<(u64, Arc<Notify>)>,
}

impl Devices {
    /// Devices as the scenario describes them; a device's folder is made when it first does something.
    ///
    /// # Errors
    /// No temporary folder can be made.
    pub fn new(scenario: impl Into<Arc<Scenario>>) -> io::Result<Self> {
        let scenario = scenario.into();
        let knobs = scenario.knobs();
        Ok(Devices {
            home: tempfile::Builder::new().prefix("svar-devices-").tempdir()?,
            furnished: Mutex::default(),
            lives: Mutex::default(),
            sandbox: Sandbox::new(knobs.isolation),
            knobs,
            scenario,
        })
    }

    /// Does a piece of work. Real scripts run as long as they run; `real_time` turns the emulated
    /// limit into the one on this computer's clock.
    pub async fn perform(
        self: Arc<Self>,
        work: Work,
        real_time: impl Fn(Duration) -> Duration,
    ) -> Outcome {
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
                let was_restarted = self.with_life(work.machine, |life| {
                    life.script = Some((work.number, Arc::clone(&stop)));
                    life.restarted > work.number
                });
                if was_restarted {
                    return Outcome::failed(RESTARTED);
                }
                // Dropping the run ends the script with everything it has started.
                tokio::select! {
                    biased;
                    () = stop.notified() => Outcome::failed(RESTARTED),
                    ended = self.sandbox.run(&job) => script_outcome(&work, ended),
                }
            }
            Ok(Err(error)) => {
                Outcome::failed(format!("The device's folder can't be used: {error}"))
            }
            Err(_) => Outcome::failed("The device broke down."),
        }
    }

    fn with_life<T>(&self, machine: u32, act: impl FnOnce(&mut Life) -> T) -> T {
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        act(lives.entry(machine).or_default())
    }

    /// Takes away what PutFile had brought before, and stops what runs since before.
    fn restart(&self, work: &Work, folder: &Folder) -> io::Result<()> {
        let gone: Vec<Inside> = self.with_life(work.machine, |life| {
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
        let folder = self.folder(work)?;
        let outcome = match &work.task {
            Task::Put {
                name,
                content,
                may_overwrite,
            } => match put_path(name, family, content.as_ref(), &self.knobs) {
                Ok(path) if !may_overwrite && folder.has(&path) => {
                    Outcome::failed(already_there(name))
                }
                Ok(path) => {
                    folder.write(&path, content.as_deref().unwrap_or_default(), true)?;
                    self.with_life(work.machine, |life| life.put.insert(path, work.number));
                    Outcome::default()
                }
                Err(reason) => Outcome::failed(reason),
            },
            Task::Restart => {
                self.restart(work, &folder)?;
                Outcome::default()
            }
            Task::Get { path } => match Inside::parse(path, family) {
                Ok(inside) => {
                    let described = find_file(&work.device.files, &inside, family);
                    match described.and_then(|file| unreadable(file, path)) {
                        Some(reason) => Outcome::failed(reason),
                        None => match folder.read(&inside, self.knobs.get_max) {
                            Ok(content) => Outcome::file(file_name(path, family), &content),
                            Err(error) => Outcome::failed(error.line(path)),
                        },
                    }
                }
                Err(reason) => Outcome::failed(reason),
            },
            Task::Run { script, args, .. } => {
                if let Some(found) = scripted::find(&self.scenario, &work.device, script, args) {
                    let (outcome, files) =
                        scripted::play(found, &work.device, &work.name, script, args);
                    for file in &files {
                        self.write_described(&folder, file, family)?;
                    }
                    outcome
                } else {
                    match self.job(work, &folder)? {
                        Ok(job) => return Ok(Begun::Script(job)),
                        Err(reason) => Outcome::failed(reason),
                    }
                }
            }
        };
        Ok(Begun::Done(outcome))
    }

    /// The process a script needs, or why there can't be one.
    fn job(&self, work: &Work, folder: &Folder) -> io::Result<Result<Job, String>> {
        let Task::Run {
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
            ("sh", Family::Unix) => &["bash"],
            ("py", Family::Unix) => &["python3", "-I"],
            ("ps1", Family::Windows) => &["pwsh", "-NoProfile", "-NonInteractive", "-File"],
            _ => {
                return Ok(Err(format!(
                    "The script '{script}' can't be run on {}.",
                    work.device.os
                )));
            }
        };
        let Some(content) = content else {
            return Ok(Err(format!(
                "The emulator knows neither the content of '{script}' nor an outcome for it."
            )));
        };
        if !self.sandbox.has(interpreter[0]) {
            return Ok(Err(format!(
                "The emulator can't run '{script}': this computer has no {}, and the scenario has no outcome for it.",
                interpreter[0]
            )));
        }
        let place = match Inside::working(script, family) {
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
        folder.write(&place, content, true)?;
        let words = match family {
            Family::Windows => powershell_words(args),
            Family::Unix => posix_words(args),
        };
        Ok(Ok(Job {
            root: folder.root().to_owned(),
            host: work.name.to_string(),
            interpreter: interpreter.iter().map(|word| (*word).to_owned()).collect(),
            script: place,
            folder: working(family),
            words,
            time_limit: *time_limit,
            output_max: self.knobs.output_max,
            allowance: Allowance {
                processes: self.knobs.processes_max,
                memory: self.knobs.memory_max,
                disk: self.knobs.disk_max,
            },
        }))
    }

    /// The device's folder, furnished with its files the first time.
    fn folder(&self, work: &Work) -> io::Result<Folder> {
        let label: String = work
            .name
            .chars()
            .take_while(|c| *c != '.')
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .take(40)
            .collect();
        let place: PathBuf = self.home.path().join(format!("{}-{label}", work.machine));
        let folder = Folder::open(place)?;
        // Only one piece of work at a time is on a device, so nobody sees it half furnished.
        let is_new = self
            .furnished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(work.machine);
        if is_new {
            self.furnish(&folder, &work.device)?;
        }
        Ok(folder)
    }

    fn furnish(&self, folder: &Folder, device: &Device) -> io::Result<()> {
        let family = device.family();
        folder.make_folder(&working(family))?;
        let usual: &[&str] = match family {
            Family::Windows => &["C:\\Windows\\Temp", "C:\\Users"],
            Family::Unix => &["/tmp", "/var/tmp", "/etc", "/root", "/home"],
        };
        for path in usual {
            if let Ok(path) = Inside::parse(path, family) {
                folder.make_folder(&path)?;
            }
        }
        for file in &device.files {
            self.write_described(folder, file, family)?;
        }
        Ok(())
    }

    fn write_described(
        &self,
        folder: &Folder,
        file: &DeviceFile,
        family: Family,
    ) -> io::Result<()> {
        let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidInput, reason);
        let path = Inside::parse(&file.path, family).map_err(invalid)?;
        if file.length() > self.knobs.get_max {
            // It can't be collected, so only its length matters.
            return folder.write_hollow(&path, file.length());
        }
        let content = file.content().map_err(invalid)?;
        folder.write(&path, &content, file.executable)
    }
}

const RESTARTED: &str = "The device restarted while the script ran.";

enum Begun {
    Done(Outcome),
    Script(Job),
}

fn working(family: Family) -> Inside {
    // Our own constant: it maps. Should it ever not, the device's root is a harmless place to begin.
    Inside::parse(working_folder(family), family).unwrap_or_else(|_| Inside(Vec::new()))
}

fn script_outcome(work: &Work, ended: Result<Ended, String>) -> Outcome {
    let Task::Run { script, .. } = &work.task else {
        return Outcome::failed("There is no script.");
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(reason) => return Outcome::failed(reason),
    };
    let mut outcome = Outcome::script(
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
