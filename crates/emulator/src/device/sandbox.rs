//! Runs a script in its device and isolates it from everything else.
//!
//! With namespaces, the script gets a small system of its own: the device's folder as `/`, the
//! host's programs mounted read-only, a process tree that ends as a whole, no network and no
//! capabilities. Without them it is an ordinary process in a group of its own. The documentation of
//! the `device` module describes what a script sees in each case.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::process::Child;
use tokio::sync::OnceCell;

use super::super::settings::Isolation;
use super::captured_output::CapturedOutput;
use super::isolation::{self, IsolationMode};
use super::path::DevicePath;
use super::processes::{self, ScriptProcesses};
use super::tree::{self, Taken};
use super::watchdog::{Allowance, Watch};

/// A script to be run.
#[derive(Debug, Clone)]
pub(super) struct ScriptJob {
    /// The device's folder.
    pub(super) root: PathBuf,
    /// The device's name.
    pub(super) host: String,
    pub(super) interpreter: Vec<String>,
    pub(super) script: DevicePath,
    /// The working folder.
    pub(super) folder: DevicePath,
    pub(super) words: Vec<String>,
    pub(super) time_limit: Duration,
    pub(super) output_max: u64,
    pub(super) allowance: Allowance,
}

/// The end of a script.
#[derive(Debug)]
pub(super) struct ScriptExit {
    pub(super) exit: i64,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// The reason for which it was stopped, if it was.
    pub(super) stopped: Option<String>,
}

/// Runs scripts.
#[derive(Debug)]
pub(super) struct Sandbox {
    isolation: Isolation,
    /// The isolation in namespaces that this computer supports, if any. It is determined once.
    strict: OnceCell<Option<IsolationMode>>,
}

impl Sandbox {
    pub(super) fn new(isolation: Isolation) -> Self {
        Sandbox {
            isolation,
            strict: OnceCell::new(),
        }
    }

    /// Checks whether such a program exists.
    pub(super) fn has(&self, program: &str) -> bool {
        isolation::find(program).is_some()
    }

    /// Runs a script until it ends or reaches a limit.
    ///
    /// # Errors
    /// It could not be started. The error is a sentence with the reason.
    pub(super) async fn run(&self, job: &ScriptJob) -> Result<ScriptExit, String> {
        let strict = match self.isolation {
            Isolation::Plain => None,
            Isolation::Auto | Isolation::Namespace => {
                // The test folder is in the devices' folder, so that nothing is left if the process
                // is killed meanwhile.
                let beside = job.root.parent().unwrap_or(&job.root);
                *self.strict.get_or_init(|| strict_way(beside)).await
            }
        };
        if strict.is_none() && self.isolation == Isolation::Namespace {
            return Err("The emulator can't isolate scripts on this computer.".to_owned());
        }
        let way = strict.unwrap_or(IsolationMode::Plain);
        let root = job.root.clone();
        let before = spawn_blocking_io(move || tree::take_over(&root, way.owner())).await?;
        let child = isolation::command(job, way)
            .spawn()
            .map_err(|error| format!("The script could not be started: {error}"))?;
        let strays = Strays::of(job, way);
        let mut ended = watch(child, job, way, before.clone()).await;
        strays.end().await?;
        if way == IsolationMode::Plain {
            // The folder's own path means nothing to the reader of the output.
            let root = job.root.to_string_lossy().into_owned();
            ended.stdout = ended.stdout.replace(&root, "");
            ended.stderr = ended.stderr.replace(&root, "");
        }
        let (root, allowance) = (job.root.clone(), job.allowance);
        // A script may end before the watchdog detects that it exceeded the limit.
        let outgrown = spawn_blocking_io(move || {
            let reason = allowance.outgrown(&before, &tree::measure(&root), 0);
            if reason.is_some() {
                tree::cut(&root, &before, allowance.room(&before));
            }
            reason
        });
        ended.stopped = outgrown.await?.or(ended.stopped);
        Ok(ended)
    }
}

/// Runs blocking file operations outside of the async threads.
async fn spawn_blocking_io<T: Send + 'static>(
    act: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(act).await;
    done.map_err(|_| "internal error: the device's work panicked".to_owned())
}

/// Returns the first isolation in namespaces that this computer supports.
async fn strict_way(beside: &Path) -> Option<IsolationMode> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    if is_superuser() && probe(beside, IsolationMode::Guest).await {
        return Some(IsolationMode::Guest);
    }
    probe(beside, IsolationMode::Own)
        .await
        .then_some(IsolationMode::Own)
}

#[cfg(unix)]
fn is_superuser() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_superuser() -> bool {
    false
}

/// Tries a kind of isolation on an empty folder.
async fn probe(beside: &Path, way: IsolationMode) -> bool {
    let Ok(folder) = tempfile::tempdir_in(beside) else {
        return false;
    };
    let before = tree::take_over(folder.path(), way.owner());
    let job = ScriptJob {
        root: folder.path().to_owned(),
        host: "probe".to_owned(),
        interpreter: Vec::new(),
        script: DevicePath(Vec::new()),
        folder: DevicePath(Vec::new()),
        words: Vec::new(),
        time_limit: Duration::from_secs(10),
        output_max: 1024,
        allowance: Allowance {
            processes: 512,
            memory: 1 << 32,
            disk: 1 << 20,
        },
    };
    let mut command = isolation::strict_shell(&job, way);
    command.args([
        "bash",
        "-c",
        "[ ! -e /.host ] && : >/written && echo inside",
    ]);
    match command.spawn() {
        Ok(child) => {
            let ended = watch(child, &job, way, before).await;
            ended.exit == 0 && ended.stdout.trim() == "inside"
        }
        Err(_) => false,
    }
}

/// The processes that an ordinary script left outside its process group. They are also ended when
/// the run is dropped.
struct Strays {
    mark: Option<String>,
}

impl Strays {
    fn of(job: &ScriptJob, way: IsolationMode) -> Self {
        Strays {
            mark: (way == IsolationMode::Plain).then(|| isolation::mark(job)),
        }
    }

    async fn end(mut self) -> Result<(), String> {
        match self.mark.take() {
            Some(mark) => spawn_blocking_io(move || processes::end_strays(&mark)).await,
            None => Ok(()),
        }
    }
}

impl Drop for Strays {
    fn drop(&mut self) {
        if let Some(mark) = self.mark.take() {
            processes::end_strays(&mark);
        }
    }
}

/// The longest wait for the end of processes that the kernel can't end at once, such as one that
/// waits for a disk.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// Waits until the script ends or reaches a limit, keeps the output, and leaves no process behind.
async fn watch(mut child: Child, job: &ScriptJob, way: IsolationMode, before: Taken) -> ScriptExit {
    let group = Group::of(&child);
    // `wait` would close the standard input, which would end the script.
    let alive = child.stdin.take();
    let stdout = CapturedOutput::reading(child.stdout.take(), job.output_max);
    let stderr = CapturedOutput::reading(child.stderr.take(), job.output_max);
    let processes = child.id().map(|first| ScriptProcesses {
        first,
        mark: (way == IsolationMode::Plain).then(|| isolation::mark(job)),
    });
    let watched = Watch {
        processes,
        helpers: way.helpers(),
        root: job.root.clone(),
        before,
        allowance: job.allowance,
    };
    let waited = tokio::select! {
        biased;
        status = child.wait() => Ok(status.ok()),
        () = tokio::time::sleep(job.time_limit) => Err("it ran longer than allowed".to_owned()),
        reason = watched.exceeded() => Err(reason),
    };
    let (status, stopped) = match waited {
        Ok(status) => (status, None),
        Err(reason) => {
            // The device's folder is still written to until the last process inside has ended.
            if let Some(processes) = &watched.processes {
                processes.end_inside();
                let begun = Instant::now();
                while processes.is_alive_inside() && begun.elapsed() < ENDING_MAX {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            // It may have ended already; then there is nothing to kill.
            let _ = child.start_kill();
            (child.wait().await.ok(), Some(reason))
        }
    };
    // This happens after a normal end, too: processes that the script started in the background end
    // with it.
    drop(group);
    drop(alive);
    ScriptExit {
        exit: exit_code(status),
        stdout: stdout.text().await,
        stderr: stderr.text().await,
        stopped,
    }
}

fn exit_code(status: Option<std::process::ExitStatus>) -> i64 {
    let Some(status) = status else {
        return -1;
    };
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return 128 + i64::from(signal);
        }
    }
    status.code().map_or(-1, i64::from)
}

/// The process group of a script. It is killed when the script ends, and when the run is dropped.
struct Group {
    #[cfg(unix)]
    id: Option<rustix::process::Pid>,
}

impl Group {
    #[cfg(unix)]
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Group {
            id: id.and_then(rustix::process::Pid::from_raw),
        }
    }

    #[cfg(not(unix))]
    fn of(_: &Child) -> Self {
        Group {}
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.id {
            // An empty group is the intended result.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}
