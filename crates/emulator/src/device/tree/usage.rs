//! The disk usage of a folder.

#[cfg(target_os = "linux")]
use std::collections::HashSet;

/// The deepest nesting of folders that is measured. A script that nests them deeper is stopped.
pub(crate) const DEPTH_MAX: u32 = 64;

/// The minimum size of a file or folder: many empty ones fill a disk, too.
pub(crate) const ENTRY_BYTES_MIN: u64 = 4096;

/// The disk usage of a device's folder.
#[derive(Debug, Default, Clone)]
pub(crate) struct FolderUsage {
    /// Bytes on the disk, with at least [`ENTRY_BYTES_MIN`] for each file and folder.
    pub(crate) bytes: u64,
    /// `true` if folders are nested deeper than [`DEPTH_MAX`].
    pub(crate) is_too_deep: bool,
    /// The existing folders, by their numbers on the disk.
    #[cfg(target_os = "linux")]
    pub(super) folders: HashSet<u64>,
    /// The time of the last change, in seconds and nanoseconds.
    #[cfg(target_os = "linux")]
    pub(super) last_change: (u64, u64),
}
