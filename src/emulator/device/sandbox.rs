//! Runs a script in its device and nowhere else.
//!
//! The strict way builds a small system of its own out of namespaces: the device's folder as `/`,
//! the host's programs mounted read-only, an own process tree that dies as a whole, no network, no
//! capabilities. The plain way is an ordinary process in a group of its own; see the room's text for
//! what a script sees in each.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use super::super::knobs::Isolation;
use super::path::Inside;
use super::watchdog::{self, Allowance};

/// A script to be run.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// The device's folder.
    pub(super) root: PathBuf,
    /// The device's name.
    pub(super) host: String,
    pub(super) interpreter: Vec<String>,
    pub(super) script: Inside,
    /// The working folder.
    pub(super) folder: Inside,
    pub(super) words: Vec<String>,
    pub(super) time_limit: Duration,
    pub(super) output_max: u64,
    pub(super) allowance: Allowance,
}

/// How a script ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) exit: i64,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// Why it was stopped, if it was.
    pub(super) stopped: Option<String>,
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Builds the script's system and becomes the script. Arguments: the device's folder, the working
/// folder inside it, the host name, then the command line.
///
/// Until the root is pivoted the host is in sight, and the folder's names are what an earlier script
/// left there: none of them is followed, so that a link to the host can't lead this there. `/proc` is
/// read-only because the kernel's settings ask for the host's uid 0, which a script of an emulator run
/// by root has. Descriptors that came along from whoever started the emulator are closed.
const PRELUDE: &str = r#"
set -eu
root=$1 folder=$2 name=$3
shift 3
folder() {
  [ -d "$root/$1" ] && [ ! -L "$root/$1" ] || { rm -rf "${root:?}/$1"; mkdir "$root/$1"; }
}
file() {
  [ -f "$root/$1" ] && [ ! -L "$root/$1" ] || { rm -rf "${root:?}/$1"; : >"$root/$1"; }
}
for descriptor in /dev/fd/*; do
  case ${descriptor##*/} in
    0 | 1 | 2 | *[!0-9]*) ;;
    *) eval "exec ${descriptor##*/}>&-" ;;
  esac
done
printf '%s' "$name" 2>/dev/null >/proc/sys/kernel/hostname || true
mount --bind "$root" "$root"
for place in usr bin sbin lib lib32 lib64 libx32 nix/store; do
  [ -e "/$place" ] || continue
  if [ -L "/$place" ]; then
    [ -L "$root/$place" ] || ln -sn "$(readlink "/$place")" "$root/$place"
  else
    [ "$place" = "${place%/*}" ] || folder "${place%/*}"
    folder "$place"
    mount -o bind,ro "/$place" "$root/$place"
  fi
done
for place in etc dev proc tmp .host; do folder "$place"; done
if [ -d /etc/alternatives ]; then
  folder etc/alternatives
  mount -o bind,ro /etc/alternatives "$root/etc/alternatives"
fi
if [ -f /etc/ld.so.cache ]; then
  file etc/ld.so.cache
  mount -o bind,ro /etc/ld.so.cache "$root/etc/ld.so.cache"
fi
for node in null zero full random urandom; do
  file "dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
rm -rf "$root/dev/fd"
ln -sn /proc/self/fd "$root/dev/fd"
mount -t proc -o ro,nosuid,nodev,noexec proc "$root/proc" 2>/dev/null || true
cd "$root"
pivot_root . .host
umount -l /.host
rmdir /.host
cd "$folder"
ulimit -c 0
ulimit -f 1048576
ulimit -n 256
ulimit -v 4194304
ulimit -u 512
# The first process of a system is spared the signals that it sends itself, so the script is a child.
# The shell's own word about a child that was killed is not the script's output.
exec 3>&2 2>/dev/null
setpriv --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@" 2>&3 3>&- || exit $?
"#;

/// The plain way's limits, then the script.
const PLAIN_PRELUDE: &str = r#"
for descriptor in /dev/fd/*; do
  case ${descriptor##*/} in
    0 | 1 | 2 | *[!0-9]*) ;;
    *) eval "exec ${descriptor##*/}>&-" ;;
  esac
done
ulimit -c 0
ulimit -f 1048576 2>/dev/null
ulimit -n 256 2>/dev/null
ulimit -v 4194304 2>/dev/null
exec "$@"
"#;

/// Where scripts are run.
#[derive(Debug)]
pub(super) struct Sandbox {
    isolation: Isolation,
    /// Whether this computer allows the strict way; asked once.
    strict: OnceCell<bool>,
}

impl Sandbox {
    pub(super) fn new(isolation: Isolation) -> Self {
        Sandbox {
            isolation,
            strict: OnceCell::new(),
        }
    }

    /// Whether there is such a program.
    pub(super) fn has(&self, program: &str) -> bool {
        find(program).is_some()
    }

    /// Runs a script to its end, or to its time limit.
    ///
    /// # Errors
    /// It could not be started; the sentence says why.
    pub(super) async fn run(&self, job: &Job) -> Result<Ended, String> {
        let is_strict = match self.isolation {
            Isolation::Plain => false,
            Isolation::Auto | Isolation::Namespace => {
                // In the devices' home, so that nothing stays if the process is killed meanwhile.
                let beside = job.root.parent().unwrap_or(&job.root);
                *self.strict.get_or_init(|| probe(beside)).await
            }
        };
        if !is_strict && self.isolation == Isolation::Namespace {
            return Err("The emulator can't isolate scripts on this computer.".to_owned());
        }
        let mut command = match is_strict {
            true => strict_command(job),
            false => plain_command(job),
        };
        let child = command
            .spawn()
            .map_err(|error| format!("The script could not be started: {error}"))?;
        let mut ended = watch(child, job).await;
        if !is_strict {
            let mark = format!("SVAR_DEVICE_ROOT={}", job.root.to_string_lossy());
            let ending = tokio::task::spawn_blocking(move || watchdog::end_strays(&mark));
            // It can only have panicked; the script has ended in any case.
            let _ = ending.await;
            // The folder's own path means nothing to whoever reads the output.
            let root = job.root.to_string_lossy().into_owned();
            ended.stdout = ended.stdout.replace(&root, "");
            ended.stderr = ended.stderr.replace(&root, "");
        }
        Ok(ended)
    }
}

/// The path of a program, from this process's own search path and the usual places.
fn find(program: &str) -> Option<PathBuf> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&own)
        .chain(std::env::split_paths(PATH))
        .map(|folder| folder.join(program))
        .find(|place| place.is_file())
}

/// Tries the strict way on an empty folder.
async fn probe(beside: &Path) -> bool {
    if !cfg!(target_os = "linux") {
        return false;
    }
    let Ok(folder) = tempfile::tempdir_in(beside) else {
        return false;
    };
    let job = Job {
        root: folder.path().to_owned(),
        host: "probe".to_owned(),
        interpreter: vec!["bash".to_owned(), "-c".to_owned()],
        script: Inside(Vec::new()),
        folder: Inside(Vec::new()),
        words: Vec::new(),
        time_limit: Duration::from_secs(10),
        output_max: 1024,
        allowance: Allowance {
            processes: 512,
            memory: 1 << 32,
            disk: 1 << 20,
        },
    };
    let mut command = strict_shell(&job);
    command.args(["bash", "-c", "[ ! -e /.host ] && echo inside"]);
    match command.spawn() {
        Ok(child) => {
            let ended = watch(child, &job).await;
            ended.exit == 0 && ended.stdout.trim() == "inside"
        }
        Err(_) => false,
    }
}

fn strict_shell(job: &Job) -> Command {
    let mut command = Command::new(find("unshare").unwrap_or_else(|| "unshare".into()));
    command
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
        ])
        .args(["--net", "--ipc", "--uts", "--"])
        .args(["bash", "-c", PRELUDE, "prelude"])
        .arg(&job.root)
        .arg(format!("/{}", job.folder.0.join("/")))
        .arg(&job.host);
    bare(&mut command);
    command
        .env("PATH", PATH)
        .env("HOME", "/root")
        .env("TMPDIR", "/tmp")
        .env("HOSTNAME", &job.host);
    command
}

fn strict_command(job: &Job) -> Command {
    let mut command = strict_shell(job);
    command
        .args(&job.interpreter)
        .arg(format!("/{}", job.script.0.join("/")))
        .args(&job.words);
    command
}

fn plain_command(job: &Job) -> Command {
    let inside = |path: &Inside| {
        path.0
            .iter()
            .fold(job.root.clone(), |at, name| at.join(name))
    };
    let mut command = Command::new(find("bash").unwrap_or_else(|| "bash".into()));
    command
        .args(["-c", PLAIN_PRELUDE, "prelude"])
        .args(
            job.interpreter
                .iter()
                .take(1)
                .map(|name| find(name).unwrap_or_else(|| name.into())),
        )
        .args(job.interpreter.iter().skip(1))
        .arg(inside(&job.script))
        .args(job.words.iter().map(|word| mapped(&job.root, word)))
        .current_dir(inside(&job.folder));
    bare(&mut command);
    command
        .env("PATH", PATH)
        .env("HOME", job.root.join("root"))
        .env("TMPDIR", job.root.join("tmp"))
        .env("HOSTNAME", &job.host)
        .env("SVAR_DEVICE_ROOT", &job.root);
    command
}

/// An absolute path in an argument, also behind `=`, is one of the device's.
fn mapped(root: &Path, word: &str) -> String {
    let root = root.to_string_lossy();
    match word.split_once('=') {
        Some((name, path)) if path.starts_with('/') && name.starts_with('-') => {
            format!("{name}={root}{path}")
        }
        _ if word.starts_with('/') => format!("{root}{word}"),
        _ => word.to_owned(),
    }
}

/// Nothing of the host's environment and terminals; a process group of its own, which dies with us.
fn bare(command: &mut Command) {
    command
        .env_clear()
        .env("USER", "root")
        .env("LOGNAME", "root")
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
}

/// Waits for the end or the limit, keeps the output, and leaves no process behind.
async fn watch(mut child: Child, job: &Job) -> Ended {
    let group = Group::of(&child);
    let stdout = Kept::reading(child.stdout.take(), job.output_max);
    let stderr = Kept::reading(child.stderr.take(), job.output_max);
    let process = child.id();
    let waited = tokio::select! {
        biased;
        status = child.wait() => Ok(status.ok()),
        () = tokio::time::sleep(job.time_limit) => Err("it ran longer than allowed".to_owned()),
        reason = watchdog::exceeded(process, &job.root, job.allowance) => Err(reason),
    };
    // Also after a good end: what the script started in the background ends with it.
    drop(group);
    let (status, stopped) = match waited {
        Ok(status) => (status, None),
        Err(reason) => {
            // It may be gone already; then there is nothing to kill.
            let _ = child.start_kill();
            (child.wait().await.ok(), Some(reason))
        }
    };
    Ended {
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

/// The process group of a script; killed when the script ends, and when nobody waits any more.
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
            // An empty group is what we want.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

/// Output that is being read: kept up to a limit, drained beyond it so that the script never blocks.
struct Kept {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<tokio::task::JoinHandle<()>>,
}

impl Kept {
    fn reading(source: Option<impl AsyncRead + Unpin + Send + 'static>, limit: u64) -> Self {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&bytes);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let reader = source.map(|mut source| {
            tokio::spawn(async move {
                let mut part = [0; 8192];
                while let Ok(read) = source.read(&mut part).await {
                    if read == 0 {
                        break;
                    }
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = limit.saturating_sub(kept.len()).min(read);
                    kept.extend_from_slice(&part[..room]);
                }
            })
        });
        Kept { bytes, reader }
    }

    /// What was written, as text. A stranger that still holds the pipe is not waited for.
    async fn text(self) -> String {
        if let Some(mut reader) = self.reader
            && tokio::time::timeout(Duration::from_secs(2), &mut reader)
                .await
                .is_err()
        {
            reader.abort();
        }
        let bytes = std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
