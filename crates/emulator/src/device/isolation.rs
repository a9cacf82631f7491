//! The command lines that run a script in its device, strictly or plainly, and the limits that the
//! kernel holds it to.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::path::DevicePath;
use super::sandbox::ScriptJob;

/// How a script is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsolationMode {
    /// In namespaces, as a user that is nobody else: what an emulator run by the superuser does. The
    /// kernel limits the superuser's processes nowhere.
    Guest,
    /// In namespaces, as the emulator's own user.
    Own,
    /// As an ordinary process.
    Plain,
}

impl IsolationMode {
    /// Whose the device's files must be.
    pub(super) fn owner(self) -> Option<u32> {
        (self == IsolationMode::Guest).then_some(GUEST)
    }

    /// So many processes are there beside the script's own.
    pub(super) fn helpers(self) -> u32 {
        match self {
            IsolationMode::Guest | IsolationMode::Own => STRICT_HELPERS,
            IsolationMode::Plain => PLAIN_HELPERS,
        }
    }
}

/// No user has this number: systemd keeps 65520 to 65533 free, and it is one of the 65,536 that
/// containers have. That scripts of several devices have it in common gives them nothing of each
/// other: they count, signal and see processes in their own namespace only.
const GUEST: u32 = 65_533;

/// `unshare`, the shell that is the first process inside, and the one that waits for the emulator's end.
const STRICT_HELPERS: u32 = 3;

/// The shell that waits for the emulator's end.
const PLAIN_HELPERS: u32 = 1;

/// Open files of each process; enough for scripts, and few enough to be looked through.
const FILES_MAX: u32 = 256;

/// Address space of each process beyond twice the memory: much of it is never used.
const SPACE_SPARE: u64 = 1 << 30;

/// Names the device's folder to a plain script, and tells its processes from others.
const MARK: &str = "SVAR_DEVICE_ROOT";

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Builds the script's system in the working folder, which is the device's, and becomes the script.
/// Arguments: the working folder inside it, the host name, the limits, then the command line.
///
/// The folder is bound to a place that everybody can reach (and nobody needs here): those above it may
/// be closed to the user this runs as. Until the root is pivoted the host is in sight, and the
/// folder's names are what an earlier script left there: none of them is followed, so that a link to
/// the host can't lead this there. `/proc` is read-only because the kernel's settings ask for the host's
/// uid 0, which a script of an emulator run by root may have. Descriptors that came along from whoever
/// started the emulator are closed. Further namespaces would bring capabilities, with these mounts in memory
/// that nobody counts; nor is memory counted that is shared by number only. Both settings are the
/// namespace's own.
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

/// The plain way's limits, then the script. A limit of the kernel on processes would count all that the
/// user has, here and elsewhere.
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

/// The path of a program, from this process's own search path and the usual places.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&own)
        .chain(std::env::split_paths(PATH))
        .map(|folder| folder.join(program))
        .find(|place| place.is_file())
}

/// The entry of the environment that a plain script's processes have.
pub(super) fn mark(job: &ScriptJob) -> String {
    format!("{MARK}={}", job.root.to_string_lossy())
}

/// The script's command line.
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

/// A command line that lacks the words of what is to be run.
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

/// What one process may have: the longest file, address space, open files.
fn limits(job: &ScriptJob) -> [String; 3] {
    let file = job.allowance.disk.div_ceil(1024).max(1);
    let space = job.allowance.memory.saturating_mul(2);
    let space = space.saturating_add(SPACE_SPARE) >> 10;
    [file.to_string(), space.to_string(), FILES_MAX.to_string()]
}

/// How many processes the kernel lets the script's namespace have: one more than is allowed, so that it
/// shows. Since Linux 5.14 each namespace is counted by itself; before, all of a user's processes were
/// counted together, wherever they are.
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

/// Nothing of the host's environment and terminals; a process group of its own. Its standard input is
/// ours to hold as long as we live.
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
