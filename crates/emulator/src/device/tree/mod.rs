//! Handles the content of a device's folder, whatever a script has done to it: measures its disk
//! usage, removes what exceeds a limit, and removes the whole folder in the end.
//!
//! On Linux every step starts from the handle of the folder above, with a single name, and does not
//! follow links. So neither a long path nor a running script can make it leave the folder.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;
mod usage;

#[cfg(target_os = "linux")]
pub(super) use linux::{measure, measure_and_chown, remove, remove_excess, restore_permissions};
#[cfg(all(unix, not(target_os = "linux")))]
pub(super) use other::restore_permissions;
#[cfg(not(target_os = "linux"))]
pub(super) use other::{measure, measure_and_chown, remove, remove_excess};
pub(super) use usage::{DEPTH_MAX, ENTRY_BYTES_MIN, FolderUsage};
