//! Runs a script in its device and isolates it from everything else.
//!
//! With namespaces, the script gets a small system of its own: the device's folder as `/`, the
//! host's programs mounted read-only, a process tree that ends as a whole, no network and no
//! capabilities. Without them it is an ordinary process in a group of its own. The documentation of
//! the `device` module describes what a script sees in each case.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::process::Child;
use tokio::sync::OnceCell;

use super::super::settings::Isolation;
use super::captured_output::CapturedOutput;
use super::isolation::{self, IsolationMode, NamespaceUser};
use super::path::DevicePath;
use super::processes::{self, ScriptProcesses};
use super::script_job::ScriptJob;
use super::tree::{self, FolderUsage};
use super::watchdog::{ResourceLimits, StopReason, Watchdog};

/// The end of a script.
#[derive(Debug)]
pub(super) struct ScriptExit {
    /// The exit code; 128 and the signal's number if a signal ended it.
    pub(super) code: i64,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// The reason for which it was stopped, if it was.
    pub(super) stopped: Option<StopReason>,
}

/// The reason for which a script could not be run, as a sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    #[error("The emulator can't isolate scripts on this computer.")]
    NoIsolation,
    #[error("The script could not be started: {0}")]
    Start(#[source] std::io::Error),
    #[error("internal error: the device's work panicked")]
    Panicked,
}

/// A runner of scripts.
#[derive(Debug)]
pub(super) struct Sandbox {
    isolation: Isolation,
    /// The user with which isolation in namespaces works on this computer; `None` if it does not
    /// work. It is determined once.
    namespace_user: OnceCell<Option<NamespaceUser>>,
}

impl Sandbox {
    /// Creates a runner with that isolation.
    pub(super) fn new(isolation: Isolation) -> Self {
        Sandbox {
            isolation,
            namespace_user: OnceCell::new(),
        }
    }

    /// Returns whether this computer has a program of that name.
    pub(super) fn has_program(&self, program: &str) -> bool {
        isolation::find_program(program).is_some()
    }

    /// Runs a script until it ends or reaches a limit.
    ///
    /// # Errors
    /// The script could not be started.
    pub(super) async fn run(&self, job: &ScriptJob) -> Result<ScriptExit, SandboxError> {
        let namespace_user = match self.isolation {
            Isolation::Plain => None,
            Isolation::Auto | Isolation::Namespace => {
                // The test folder is in the devices' folder, so that nothing is left if the process
                // is killed meanwhile.
                let devices = job.root.parent().unwrap_or(&job.root);
                *self
                    .namespace_user
                    .get_or_init(|| supported_namespace_user(devices))
                    .await
            }
        };
        if namespace_user.is_none() && self.isolation == Isolation::Namespace {
            return Err(SandboxError::NoIsolation);
        }
        let mode = namespace_user.map_or(IsolationMode::Plain, IsolationMode::Namespaces);
        let root = job.root.clone();
        let before =
            spawn_blocking_io(move || tree::measure_and_chown(&root, mode.required_uid())).await?;
        let child = isolation::command(job, mode)
            .spawn()
            .map_err(SandboxError::Start)?;
        let strays = StrayProcesses::of(job, mode);
        let mut ended = supervise(child, job, mode, before.clone()).await;
        strays.end().await?;
        if mode == IsolationMode::Plain {
            // The device does not know the path of its folder on this computer.
            let root = job.root.to_string_lossy().into_owned();
            ended.stdout = ended.stdout.replace(&root, "");
            ended.stderr = ended.stderr.replace(&root, "");
        }
        let (root, limits) = (job.root.clone(), job.limits);
        // A script may end before the watchdog detects that it exceeded the limit.
        let disk_excess = spawn_blocking_io(move || {
            let reason = limits.disk_excess(&before, &tree::measure(&root), 0);
            if reason.is_some() {
                tree::remove_excess(&root, &before, limits.disk_max_for(&before));
            }
            reason
        });
        ended.stopped = disk_excess.await?.or(ended.stopped);
        Ok(ended)
    }
}

/// Runs blocking file operations outside of the async threads.
async fn spawn_blocking_io<T: Send + 'static>(
    operation: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SandboxError> {
    let result = tokio::task::spawn_blocking(operation).await;
    result.map_err(|_| SandboxError::Panicked)
}

/// Returns the first user with which isolation in namespaces works on this computer; `None` if it
/// does not work. `devices` is the folder of the devices' folders.
async fn supported_namespace_user(devices: &Path) -> Option<NamespaceUser> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    if is_superuser() && probe(devices, NamespaceUser::Separate).await {
        return Some(NamespaceUser::Separate);
    }
    probe(devices, NamespaceUser::Same)
        .await
        .then_some(NamespaceUser::Same)
}

#[cfg(unix)]
fn is_superuser() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_superuser() -> bool {
    false
}

/// Returns whether isolation in namespaces works with that user, by trying it on an empty folder.
async fn probe(devices: &Path, user: NamespaceUser) -> bool {
    let Ok(folder) = tempfile::tempdir_in(devices) else {
        return false;
    };
    let before = tree::measure_and_chown(folder.path(), user.required_uid());
    let job = ScriptJob {
        root: folder.path().to_owned(),
        host_name: "probe".to_owned(),
        interpreter: Vec::new(),
        script: DevicePath(Vec::new()),
        working_folder: DevicePath(Vec::new()),
        args: Vec::new(),
        time_limit: Duration::from_secs(10),
        output_max: 1024,
        limits: ResourceLimits {
            processes: 512,
            memory: 1 << 32,
            disk: 1 << 20,
        },
    };
    let mut command = isolation::namespace_shell(&job, user);
    command.args([
        "bash",
        "-c",
        "[ ! -e /.host ] && : >/written && echo inside",
    ]);
    match command.spawn() {
        Ok(child) => {
            let mode = IsolationMode::Namespaces(user);
            let ended = supervise(child, &job, mode, before).await;
            ended.code == 0 && ended.stdout.trim() == "inside"
        }
        Err(_) => false,
    }
}

/// The processes that an ordinary script left outside its process group. They are also ended when
/// the run is dropped.
struct StrayProcesses {
    /// The environment entry that they have; `None` if there are none.
    marker: Option<Vec<u8>>,
}

impl StrayProcesses {
    /// Returns the processes that a script may leave.
    fn of(job: &ScriptJob, mode: IsolationMode) -> Self {
        StrayProcesses {
            marker: (mode == IsolationMode::Plain).then(|| isolation::process_marker(job)),
        }
    }

    /// Ends the processes.
    async fn end(mut self) -> Result<(), SandboxError> {
        match self.marker.take() {
            Some(marker) => spawn_blocking_io(move || processes::kill_strays(&marker)).await,
            None => Ok(()),
        }
    }
}

impl Drop for StrayProcesses {
    fn drop(&mut self) {
        if let Some(marker) = self.marker.take() {
            processes::kill_strays(&marker);
        }
    }
}

/// The longest wait for the end of processes that the kernel can't end at once, such as one that
/// waits for a disk.
const KILL_WAIT_MAX: Duration = Duration::from_secs(5);

/// Waits until the script ends or reaches a limit, keeps the output, and leaves no process behind.
async fn supervise(
    mut child: Child,
    job: &ScriptJob,
    mode: IsolationMode,
    before: FolderUsage,
) -> ScriptExit {
    let group = ProcessGroup::of(&child);
    // `wait` would close the standard input, which would end the script.
    let stdin = child.stdin.take();
    let stdout = CapturedOutput::start(child.stdout.take(), job.output_max);
    let stderr = CapturedOutput::start(child.stderr.take(), job.output_max);
    let processes = child.id().map(|first_id| ScriptProcesses {
        first_id,
        marker: (mode == IsolationMode::Plain).then(|| isolation::process_marker(job)),
    });
    let watchdog = Watchdog {
        processes,
        helper_processes: mode.helper_processes(),
        root: job.root.clone(),
        before,
        limits: job.limits,
    };
    let waited = tokio::select! {
        biased;
        status = child.wait() => Ok(status.ok()),
        () = tokio::time::sleep(job.time_limit) => Err(StopReason::TimeLimit),
        reason = watchdog.wait_for_excess() => Err(reason),
    };
    let (status, stopped) = match waited {
        Ok(status) => (status, None),
        Err(reason) => {
            // The device's folder is still written to until the last process inside has ended.
            if let Some(processes) = &watchdog.processes {
                processes.kill_namespace();
                let begun = Instant::now();
                while processes.is_namespace_alive() && begun.elapsed() < KILL_WAIT_MAX {
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
    drop(stdin);
    ScriptExit {
        code: exit_code(status),
        stdout: stdout.text().await,
        stderr: stderr.text().await,
        stopped,
    }
}

/// Returns the exit code of a process; -1 if it is not known.
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

/// The process group of a script. It is killed when this is dropped.
struct ProcessGroup {
    #[cfg(unix)]
    id: Option<rustix::process::Pid>,
}

impl ProcessGroup {
    #[cfg(unix)]
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        ProcessGroup {
            id: id.and_then(rustix::process::Pid::from_raw),
        }
    }

    #[cfg(not(unix))]
    fn of(_: &Child) -> Self {
        ProcessGroup {}
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.id {
            // An empty group is the intended result.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}
