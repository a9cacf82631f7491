//! Performs what devices do: put a file, run a script, return a file, restart.
//!
//! There are two implementations. [`OnDiskDevices`] keeps a folder for each device and runs scripts as
//! separate processes. [`InMemoryDevices`] keeps files in memory and supports scripted outcomes only,
//! so that whole fleets run in virtual time. Neither depends on actions, slots or HTTP. Both check
//! commands by the same rules, with one difference: in memory there are no folders except the usual
//! ones and those of the scenario's files, so a folder that only a script's outcome has created does
//! not exist, and a file may be written below another file.
//!
//! # Environment of a script
//!
//! On Linux, if the kernel lets ordinary users create namespaces, a script runs in its own
//! namespaces. The device's folder is its `/`. Of the host it has the programs (`/usr`, `/bin`, `/lib`,
//! `/nix/store` …), `/etc/alternatives` and `/etc/ld.so.cache`, mounted read-only, and a few device
//! files such as `/dev/null`; nothing else. So ordinary scripts work unchanged:
//! `/etc/passwd` is the device's, `/tmp/out.tar.gz` is written to the device's `/tmp`, and a later
//! GetFile of `/tmp/out.tar.gz` reads it there. The script has no network, no capabilities and no
//! access to other processes.
//!
//! Elsewhere (other systems, containers that forbid namespaces) a script is an ordinary process,
//! and the variable `SVAR_DEVICE_ROOT` names the device's folder. A script that must work in both
//! ways, and on a real device, writes `"${SVAR_DEVICE_ROOT:-}/etc/passwd"`; the variable is unset
//! in the other two cases. Arguments that are absolute paths, and options with one
//! (`--from=/var/log`), are mapped into the folder, and the folder's own path is removed from the output. `TMPDIR` is the device's `/tmp` in every case.
//!
//! In both ways, the working folder is the one to which PutFile writes its files. The environment
//! contains only `PATH`, `HOME`, `USER`, `LOGNAME`, `HOSTNAME`, `LANG`, `TMPDIR` (and
//! `SVAR_DEVICE_ROOT`). Standard input is empty, and no other descriptor is open. Time, output,
//! processes, memory and disk space are limited. Processes that a script started in the background
//! end with it.
//!
//! An ordinary process is less isolated: it has the emulator's own rights, so it can read and write
//! whatever the user who started the emulator can, including other processes' environment. A
//! process that leaves its group and clears its environment is neither counted nor ended.
//!
//! # Limits
//!
//! The kernel enforces the limits it has: the number of processes in a namespace, and the resources
//! of a single process. The total of all of a script's processes is counted from outside, and the
//! folder is measured before, during and after the script. An emulator run by the superuser runs
//! isolated scripts as another user if the computer allows it, since the kernel does not limit the
//! superuser's processes; the device's files are given to that user before each script.

mod arguments;
mod captured_output;
mod error;
mod folder;
mod in_memory;
mod isolation;
mod on_disk;
mod outcome;
mod path;
mod processes;
mod sandbox;
mod script_job;
mod scripted;
mod temp_root;
mod tree;
mod watchdog;

pub use in_memory::InMemoryDevices;
pub use on_disk::OnDiskDevices;
pub use outcome::{CommandOutcome, DeviceTask, Work};
pub(crate) use path::check_device_path;
pub(crate) use scripted::matches_pattern;
