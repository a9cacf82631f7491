//! Builds the command lines that run a script in its device, in namespaces or as an ordinary
//! process, and sets the kernel's limits.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::path::DevicePath;
use super::script_job::ScriptJob;

/// The way in which a script is isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsolationMode {
    /// In namespaces.
    Namespaces(NamespaceUser),
    /// As an ordinary process of the emulator's own user.
    Plain,
}

/// The user of this computer that runs a script in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamespaceUser {
    /// A user of its own. An emulator run by the superuser prefers this, because the kernel does not
    /// limit the superuser's processes.
    Separate,
    /// The emulator's own user. An emulator run by the superuser uses this only if
    /// [`Separate`](NamespaceUser::Separate) does not work on this computer.
    Same,
}

impl IsolationMode {
    /// Returns the id of the user that must own the device's files; `None` if they keep their owner.
    pub(super) fn required_uid(self) -> Option<u32> {
        match self {
            IsolationMode::Namespaces(user) => user.required_uid(),
            IsolationMode::Plain => None,
        }
    }

    /// Returns the number of processes that the isolation itself needs, besides the script's own.
    pub(super) fn helper_processes(self) -> u32 {
        match self {
            IsolationMode::Namespaces(_) => NAMESPACE_HELPERS,
            IsolationMode::Plain => PLAIN_HELPERS,
        }
    }
}

impl NamespaceUser {
    /// Returns the id of the user that must own the device's files; `None` if they keep their owner.
    pub(super) fn required_uid(self) -> Option<u32> {
        (self == NamespaceUser::Separate).then_some(SANDBOX_USER)
    }
}

/// The id of a user that does not exist: systemd keeps 65520 to 65533 free, and it is one of the
/// 65,536 that containers have. Scripts of several devices share it, but have no access to each
/// other: they count, signal and see processes in their own namespace only.
const SANDBOX_USER: u32 = 65_533;

/// `unshare`, the shell that is the first process inside, and the shell that waits for the
/// emulator's end.
const NAMESPACE_HELPERS: u32 = 3;

/// The shell that waits for the emulator's end.
const PLAIN_HELPERS: u32 = 1;

/// The limit of open files for each process: enough for scripts, and few enough to be checked one
/// by one.
const FILES_MAX: u32 = 256;

/// The address space of each process beyond twice the memory limit. Much of it is never used.
const ADDRESS_SPACE_SPARE: u64 = 1 << 30;

/// The environment variable of an ordinary script with the path of the device's folder. The script's
/// processes are found by it.
const ROOT_VARIABLE: &str = "SVAR_DEVICE_ROOT";

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
/// emulator's parent are closed. Further namespaces are forbidden where the kernel lets the setting
/// be changed, because they would bring capabilities, and with them mounts of in-memory file systems,
/// whose memory is not counted. System V shared memory is forbidden in the same way, because it is not
/// counted either. Both settings apply to this namespace only.
const NAMESPACE_PRELUDE: &str = r#"
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
# The emulator holds the other end of the standard input. When the emulator ends, for whatever reason,
# all processes here are killed: without it, nothing would stop a script at its limits.
exec 4<&0 </dev/null
{ read -r -u 4 || :; kill -KILL -1; } >/dev/null 2>&1 &
# The kernel ignores signals that the first process of a namespace sends to itself, so the script is a
# child. The shell's message about a child that was killed is not part of the script's output.
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
# The emulator holds the other end of the standard input. When the emulator ends, this process group is
# killed. The process that waits for it is not a child of the script, because a script may wait for all
# of its children.
exec 4<&0 </dev/null
( { read -r -u 4 || :; kill -KILL 0; } >/dev/null 2>&1 & )
exec 4<&-
exec "$@"
"#;

/// Finds a program in this process's own search path and the usual folders.
pub(super) fn find_program(program: &str) -> Option<PathBuf> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&own)
        .chain(std::env::split_paths(PATH))
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Returns the environment entry by which the processes of a script without namespaces are found. It
/// has the bytes of the path as the process gets them, which need not be UTF-8.
pub(super) fn process_marker(job: &ScriptJob) -> Vec<u8> {
    let mut marker = format!("{ROOT_VARIABLE}=").into_bytes();
    marker.extend_from_slice(job.root.as_os_str().as_encoded_bytes());
    marker
}

/// Returns the command line of a script.
pub(super) fn command(job: &ScriptJob, mode: IsolationMode) -> Command {
    match mode {
        IsolationMode::Namespaces(user) => {
            let mut command = namespace_shell(job, user);
            command
                .args(&job.interpreter)
                .arg(format!("/{}", job.script.0.join("/")))
                .args(&job.args);
            command
        }
        IsolationMode::Plain => plain_command(job),
    }
}

/// Returns the command line that builds the device's system. The program to run in it must be appended.
pub(super) fn namespace_shell(job: &ScriptJob, user: NamespaceUser) -> Command {
    let program = |name: &str| find_program(name).unwrap_or_else(|| name.into());
    let mut command = match user {
        NamespaceUser::Separate => {
            let mut command = Command::new(program("setpriv"));
            command
                .arg(format!("--reuid={SANDBOX_USER}"))
                .arg(format!("--regid={SANDBOX_USER}"))
                .args(["--clear-groups", "--"])
                .arg(program("unshare"));
            command
        }
        NamespaceUser::Same => Command::new(program("unshare")),
    };
    command
        .args(["--user", "--map-root-user", "--mount", "--pid"])
        .args(["--net", "--ipc", "--uts", "--fork", "--kill-child", "--"])
        .args(["bash", "-c", NAMESPACE_PRELUDE, "prelude"])
        .arg(format!("/{}", job.working_folder.0.join("/")))
        .arg(&job.host_name)
        .args(ulimit_arguments(job))
        .arg(processes_max(job).unwrap_or_default())
        .current_dir(&job.root);
    set_environment_and_streams(&mut command);
    command
        .env("PATH", PATH)
        .env("HOME", "/root")
        .env("TMPDIR", "/tmp")
        .env("HOSTNAME", &job.host_name);
    command
}

/// Returns the arguments of `ulimit` for each process: file size in KiB, address space in KiB, and the
/// number of open files.
fn ulimit_arguments(job: &ScriptJob) -> [String; 3] {
    let file = job.limits.disk.div_ceil(1024).max(1);
    let space = job.limits.memory.saturating_mul(2);
    let space = space.saturating_add(ADDRESS_SPACE_SPARE) >> 10;
    [file.to_string(), space.to_string(), FILES_MAX.to_string()]
}

/// Returns the number of processes that the kernel allows in the script's namespace: the helpers, and
/// one more than the script may have, so that the excess can be detected. Returns `None` before Linux
/// 5.14, where the kernel counts all processes of a user together and no limit is set.
fn processes_max(job: &ScriptJob) -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse::<u32>().ok();
    let version = (number()?, number()?);
    let processes_max = job.limits.processes.saturating_add(NAMESPACE_HELPERS + 1);
    (version >= (5, 14)).then(|| processes_max.to_string())
}

/// Returns the command line of a script as an ordinary process.
fn plain_command(job: &ScriptJob) -> Command {
    let host_path = |path: &DevicePath| {
        path.0
            .iter()
            .fold(job.root.clone(), |at, name| at.join(name))
    };
    let mut command = Command::new(find_program("bash").unwrap_or_else(|| "bash".into()));
    command
        .args(["-c", PLAIN_PRELUDE, "prelude"])
        .args(ulimit_arguments(job))
        .args(
            job.interpreter
                .iter()
                .take(1)
                .map(|name| find_program(name).unwrap_or_else(|| name.into())),
        )
        .args(job.interpreter.iter().skip(1))
        .arg(host_path(&job.script))
        .args(job.args.iter().map(|word| map_to_device(&job.root, word)))
        .current_dir(host_path(&job.working_folder));
    set_environment_and_streams(&mut command);
    command
        .env("PATH", PATH)
        .env("HOME", job.root.join("root"))
        .env("TMPDIR", job.root.join("tmp"))
        .env("HOSTNAME", &job.host_name)
        .env(ROOT_VARIABLE, &job.root);
    command
}

/// Maps an argument that is an absolute path, or an option with one (`--from=/var/log`), into the
/// device's folder. Other arguments are not changed, even if they contain a path.
fn map_to_device(root: &Path, word: &str) -> OsString {
    let mut mapped = OsString::new();
    let path = match word.split_once('=') {
        Some((name, path)) if path.starts_with('/') && name.starts_with('-') => {
            mapped.push(name);
            mapped.push("=");
            path
        }
        _ => word,
    };
    if path.starts_with('/') {
        mapped.push(root);
    }
    mapped.push(path);
    mapped
}

/// Replaces the environment and the standard streams, and puts the process into a group of its own.
/// The emulator holds the other end of the standard input, which closes when the emulator ends.
fn set_environment_and_streams(command: &mut Command) {
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;
    use std::time::Duration;

    use super::super::path::DevicePath;
    use super::super::script_job::ScriptJob;
    use super::super::watchdog::ResourceLimits;
    use super::{ROOT_VARIABLE, map_to_device, plain_command, process_marker};

    #[test]
    fn the_marker_is_the_variable_even_if_the_path_is_not_utf8() {
        let root = OsStr::from_bytes(b"/tmp/caf\xe9/0-web");
        let job = ScriptJob {
            root: root.into(),
            host_name: "web".to_owned(),
            interpreter: vec!["bash".to_owned()],
            script: DevicePath(vec!["a.sh".to_owned()]),
            working_folder: DevicePath(vec!["tmp".to_owned()]),
            args: Vec::new(),
            time_limit: Duration::from_secs(1),
            output_max: 1,
            limits: ResourceLimits {
                processes: 1,
                memory: 1,
                disk: 1,
            },
        };
        let command = plain_command(&job);
        let value = command
            .as_std()
            .get_envs()
            .find_map(|(name, value)| value.filter(|_| name == ROOT_VARIABLE));
        let mut entry = OsString::from(ROOT_VARIABLE);
        entry.push("=");
        entry.push(value.expect("the variable is set"));
        assert_eq!(process_marker(&job), entry.as_bytes());
    }

    #[test]
    fn only_whole_arguments_and_values_of_options_are_mapped() {
        for (word, expected) in [
            ("/etc/passwd", "/device/etc/passwd"),
            ("--from=/etc/passwd", "--from=/device/etc/passwd"),
            ("from=/etc/passwd", "from=/etc/passwd"),
            ("--from=etc", "--from=etc"),
            ("etc", "etc"),
        ] {
            assert_eq!(
                map_to_device(Path::new("/device"), word),
                expected,
                "{word}"
            );
        }
    }
}
