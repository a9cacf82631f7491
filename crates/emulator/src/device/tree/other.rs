//! Other systems: paths are used as they are.

use std::{fs, io, path::Path};

use super::usage::{DEPTH_MAX, ENTRY_BYTES_MIN, FolderUsage};

/// Measures a folder. Owners are not changed on this system.
pub(crate) fn measure_and_chown(root: &Path, _owner: Option<u32>) -> FolderUsage {
    measure(root)
}

/// Measures a folder in which a script may be running.
pub(crate) fn measure(root: &Path) -> FolderUsage {
    let mut usage = FolderUsage::default();
    add(&mut usage, root, 0);
    usage
}

fn add(usage: &mut FolderUsage, folder: &Path, depth: u32) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        usage.bytes += metadata.len().max(ENTRY_BYTES_MIN);
        if metadata.is_dir() && depth < DEPTH_MAX {
            add(usage, &entry.path(), depth + 1);
        } else {
            usage.is_too_deep |= metadata.is_dir();
        }
    }
}

/// Does nothing, because new entries can't be distinguished safely from older ones.
pub(crate) fn remove_excess(_root: &Path, _before: &FolderUsage, _allowed: u64) {}

/// Returns an error, because the change would follow a link.
#[cfg(unix)]
pub(crate) fn restore_permissions(
    _at: std::os::fd::BorrowedFd<'_>,
    _name: &Path,
) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Removes a file, or a folder with everything in it.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}
