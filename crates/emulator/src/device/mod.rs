//! What devices do: put a file, run a script, give a file back.
//!
//! Two performers follow the same rules. [`OnDiskDevices`] keeps a folder per device and runs scripts for
//! real, as separate processes; [`InMemoryDevices`] keeps files in memory and knows scripted outcomes only, so
//! that whole fleets play in virtual time. Neither knows actions, slots or HTTP.
//!
//! # What a script sees
//!
//! On Linux, where the kernel lets ordinary users make namespaces, a `.sh` or `.py` script runs in
//! namespaces of its own: the device's folder is its `/`, with the host's programs (`/usr`, `/bin`,
//! `/lib` …) mounted read-only and nothing else of the host. So natural scripts simply work:
//! `/etc/passwd` is the device's, `/tmp/out.tar.gz` lands in the device's `/tmp`, and a later GetFile
//! of `/tmp/out.tar.gz` reads it there. There is no network, no capability, no foreign process.
//!
//! Elsewhere (other systems, containers that forbid namespaces) a script is an ordinary process with
//! the device's folder named by the variable `SVAR_DEVICE_ROOT`. A script that is to work in both
//! ways, and on a true device, writes `"${SVAR_DEVICE_ROOT:-}/etc/passwd"`; the variable is unset in
//! the other two. Absolute paths in arguments are mapped into the folder, and the folder's own path
//! is taken out of the output. `TMPDIR` is the device's `/tmp` in every case.
//!
//! In both, the working folder is where PutFile puts its files, the environment holds only `PATH`,
//! `HOME`, `USER`, `LOGNAME`, `HOSTNAME`, `LANG`, `TMPDIR` (and `SVAR_DEVICE_ROOT`), standard input
//! is empty, no other descriptor is open, and time, output, processes, memory and disk are limited. What a
//! script started in the background ends with it.
//!
//! What the ordinary process does not promise: it has the emulator's own rights, so it can read and write
//! whatever the user who started the emulator can, other processes' environment included; and one that
//! leaves its group and clears its environment is neither counted nor ended.
//!
//! # Who holds the limits
//!
//! The kernel, where it can: processes of a namespace, and what a single process may have. What all of a
//! script's processes use together is counted from outside, and the folder is measured before, meanwhile
//! and at the end. The emulator of a superuser runs strict scripts as another user, since the kernel
//! spares the superuser's processes; the device's files are given to that user before each script.

mod arguments;
mod captured_output;
mod folder;
mod in_memory;
mod isolation;
mod on_disk;
mod outcome;
mod path;
mod processes;
mod sandbox;
mod scripted;
mod temp_root;
mod tree;
mod watchdog;

pub use in_memory::InMemoryDevices;
pub use on_disk::OnDiskDevices;
pub use outcome::{CommandOutcome, DeviceTask};

use super::scenario::OsFamily;

/// Whether a device of that family can have a file at that path; the sentence says why not.
pub(super) fn is_device_path(file: &str, family: OsFamily) -> Result<(), String> {
    path::DevicePath::parse(file, family).map(drop)
}

/// Whether a text fits a pattern in which `*` stands for any text; case does not matter.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    scripted::fits(pattern, text)
}
