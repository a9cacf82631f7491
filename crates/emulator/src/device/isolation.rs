//! Builds the command lines that run a script in its device, in namespaces or as an ordinary
//! process, and sets the kernel's limits.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::path::DevicePath;
use super::sandbox::ScriptJob;

/// The way in which a script is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsolationMode {
    /// In namespaces, as a user of its own. An emulator run by the superuser uses this mode,
    /// because the kernel does not limit the superuser's processes.
    Guest,
    /// In namespaces, as the emulator's own user.
    Own,
    /// As an ordinary process.
    Plain,
}

impl IsolationMode {
    /// Returns the required owner of the device's files.
    pub(super) fn owner(self) -> Option<u32> {
        (self == IsolationMode::Guest).then_some(GUEST)
    }

    /// Returns the number of processes besides the script's own.
    pub(super) fn helpers(self) -> u32 {
        match self {
            IsolationMode::Guest | IsolationMode::Own => STRICT_HELPERS,
            IsolationMode::Plain => PLAIN_HELPERS,
        }
    }
}

/// The id of a user that does not exist: systemd keeps 65520 to 65533 free, and it is one of the
/// 65,536 that containers have. Scripts of several devices share it, but have no access to each
/// other: they count, signal and see processes in their own namespace only.
const GUEST: u32 = 65_533;

/// `unshare`, the shell that is the first process inside, and the shell that waits for the
/// emulator's end.
const STRICT_HELPERS: u32 = 3;

/// The shell that waits for the emulator's end.
const PLAIN_HELPERS: u32 = 1;

/// The limit of open files for each process: enough for scripts, and few enough to be checked one
/// by one.
const FILES_MAX: u32 = 256;

/// The address space of each process beyond twice the memory limit. Much of it is never used.
const SPACE_SPARE: u64 = 1 << 30;

/// The variable that names the device's folder to an ordinary script, and marks its processes.
const MARK: &str = "SVAR_DEVICE_ROOT";

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Builds the script's system in the working folder, which is the device's folder, and runs the
/// script. Arguments: the working folder inside the device, the host name, the limits, then the
/// command line.
///
/// The folder is mounted at a path that every user can reach and that is not needed otherwise: the
/// user this runs as may have no access to the folders above it. Until the root is pivoted the host
/// is visible, and names in the folder may come from an earlier script. None of them is followed,
/// so that a link can't lead to the host. `/proc` is read-only: the kernel's settings check for the
/// host's uid 0, which a script of an emulator run by root may have. Descriptors inherited from the
/// emulator's parent are closed. Further namespaces are forbidden, because they would bring
/// capabilities, and with them mounts of in-memory file systems, whose memory is not counted. System
/// V shared memory is forbidden, because it is not counted either. Both settings apply to this
/// namespace only.
const STRICT_PRELUDE: &str = r#"
set -eu
folder=$1 name=$2 file_kb=$3 space_kb=$4 files=$5 processes=$6
shift 6
root=/sys
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
{
  hostname -- "$name" || printf '%s' "$name" >/proc/sys/kernel/hostname || true
  printf 0 >/proc/sys/user/max_user_namespaces || true
  printf 0 >/proc/sys/kernel/shmall || true
} 2>/dev/null
mount -c --bind . "$root"
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
ulimit -f "$file_kb"
ulimit -v "$space_kb"
ulimit -n "$files"
[ -z "$processes" ] || ulimit -u "$processes"
# The emulator holds the other end of the standard input. When it is gone, however it went, so is all
# this: nobody else would end a script at its limits.
exec 4<&0 </dev/null
{ read -r -u 4 || :; kill -KILL -1; } >/dev/null 2>&1 &
# The first process of a system is spared the signals that it sends itself, so the script is a child.
# The shell's own word about a child that was killed is not the script's output.
exec 3>&2 2>/dev/null
setpriv --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@" 2>&3 3>&- 4<&- || exit $?
"#;

/// Sets the limits of an ordinary process, then runs the script. The kernel's limit on processes is
/// not set, because it would count all processes of the user.
const PLAIN_PRELUDE: &str = r#"
file_kb=$1 space_kb=$2 files=$3
shift 3
for descriptor in /dev/fd/*; do
  case ${descriptor##*/} in
    0 | 1 | 2 | *[!0-9]*) ;;
    *) eval "exec ${descriptor##*/}>&-" ;;
  esac
done
ulimit -c 0
ulimit -f "$file_kb" 2>/dev/null
ulimit -v "$space_kb" 2>/dev/null
ulimit -n "$files" 2>/dev/null
# The emulator holds the other end of the standard input. When it is gone, so is this group. Whoever
# waits for that is nobody's child: a script that waits for all of its own must not wait for it.
exec 4<&0 </dev/null
( { read -r -u 4 || :; kill -KILL 0; } >/dev/null 2>&1 & )
exec 4<&-
exec "$@"
"#;

/// Finds a program in this process's own search path and the usual folders.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&own)
        .chain(std::env::split_paths(PATH))
        .map(|folder| folder.join(program))
        .find(|place| place.is_file())
}

/// Returns the environment entry that marks the processes of an ordinary script.
pub(super) fn mark(job: &ScriptJob) -> String {
    format!("{MARK}={}", job.root.to_string_lossy())
}

/// Returns the command line of a script.
pub(super) fn command(job: &ScriptJob, way: IsolationMode) -> Command {
    match way {
        IsolationMode::Guest | IsolationMode::Own => {
            let mut command = strict_shell(job, way);
            command
                .args(&job.interpreter)
                .arg(format!("/{}", job.script.0.join("/")))
                .args(&job.words);
            command
        }
        IsolationMode::Plain => plain_command(job),
    }
}

/// Returns a command line to which the program to run must be appended.
pub(super) fn strict_shell(job: &ScriptJob, way: IsolationMode) -> Command {
    let program = |name: &str| find(name).unwrap_or_else(|| name.into());
    let mut command = match way {
        IsolationMode::Guest => {
            let mut command = Command::new(program("setpriv"));
            command
                .arg(format!("--reuid={GUEST}"))
                .arg(format!("--regid={GUEST}"))
                .args(["--clear-groups", "--"])
                .arg(program("unshare"));
            command
        }
        IsolationMode::Own | IsolationMode::Plain => Command::new(program("unshare")),
    };
    command
        .args(["--user", "--map-root-user", "--mount", "--pid"])
        .args(["--net", "--ipc", "--uts", "--fork", "--kill-child", "--"])
        .args(["bash", "-c", STRICT_PRELUDE, "prelude"])
        .arg(format!("/{}", job.folder.0.join("/")))
        .arg(&job.host)
        .args(limits(job))
        .arg(processes_max(job).unwrap_or_default())
        .current_dir(&job.root);
    bare(&mut command);
    command
        .env("PATH", PATH)
        .env("HOME", "/root")
        .env("TMPDIR", "/tmp")
        .env("HOSTNAME", &job.host);
    command
}

/// Returns the limits of one process: file size, address space, open files.
fn limits(job: &ScriptJob) -> [String; 3] {
    let file = job.allowance.disk.div_ceil(1024).max(1);
    let space = job.allowance.memory.saturating_mul(2);
    let space = space.saturating_add(SPACE_SPARE) >> 10;
    [file.to_string(), space.to_string(), FILES_MAX.to_string()]
}

/// Returns the number of processes that the kernel allows in the script's namespace: one more than
/// the script may have, so that the excess can be detected. Since Linux 5.14 each namespace is
/// counted separately; before, all processes of a user were counted together.
fn processes_max(job: &ScriptJob) -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse::<u32>().ok();
    let version = (number()?, number()?);
    let most = job.allowance.processes.saturating_add(STRICT_HELPERS + 1);
    (version >= (5, 14)).then(|| most.to_string())
}

fn plain_command(job: &ScriptJob) -> Command {
    let inside = |path: &DevicePath| {
        path.0
            .iter()
            .fold(job.root.clone(), |at, name| at.join(name))
    };
    let mut command = Command::new(find("bash").unwrap_or_else(|| "bash".into()));
    command
        .args(["-c", PLAIN_PRELUDE, "prelude"])
        .args(limits(job))
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
        .env(MARK, &job.root);
    command
}

/// Maps an absolute path in an argument, also after `=`, into the device's folder.
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

/// Removes the host's environment and terminals, and creates a process group. The emulator holds
/// the other end of the standard input, which closes when the emulator ends.
fn bare(command: &mut Command) {
    command
        .env_clear()
        .env("USER", "root")
        .env("LOGNAME", "root")
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
}
