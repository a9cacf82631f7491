//! The folder that contains all devices' folders. It is created and removed with the emulator. If
//! that fails or the process is killed, a later emulator of the same user removes it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::tree;

const PREFIX: &str = "svar-devices-";
/// The lock file. The process that created the folder holds it; a process that can lock it may
/// remove the folder.
const LOCK: &str = "lock";
/// The largest number of threads that remove folders. Some file systems wait for the disk at every
/// removal, and parallel removals take less time.
const REMOVERS_MAX: usize = 32;

/// A folder with its lock.
#[derive(Debug)]
pub(super) struct TempRoot {
    path: PathBuf,
    lock: File,
}

impl TempRoot {
    /// Creates a folder in the system's temporary folder. A background thread removes folders that
    /// killed processes left there.
    pub(super) fn create() -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        // Otherwise every user of this computer could read the devices' files.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let path = builder.prefix(PREFIX).tempdir()?.keep();
        // The file is locked before it has the name that other processes look for, so that none of
        // them finds it unlocked.
        let new_lock = path.join("lock.new");
        let lock = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&new_lock)?;
        lock.lock()?;
        fs::rename(&new_lock, path.join(LOCK))?;
        if let Some(temp) = path.parent() {
            let temp = temp.to_owned();
            std::thread::Builder::new()
                .name("remove-abandoned".to_owned())
                .spawn(move || remove_abandoned(&temp))?;
        }
        Ok(TempRoot { path, lock })
    }

    /// Returns the path of the folder with that name, which may not exist yet.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for TempRoot {
    fn drop(&mut self) {
        // A later process removes what can't be removed now.
        let _ = remove(&self.path, &self.lock);
    }
}

/// Removes the folders whose process has ended. A folder without a lock is kept, because a process may
/// be creating it.
fn remove_abandoned(temp: &Path) {
    let Ok(entries) = fs::read_dir(temp) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_device_root = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_device_root || !is_ours(&path) {
            continue;
        }
        if let Ok(lock) = OpenOptions::new().write(true).open(path.join(LOCK))
            && lock.try_lock().is_ok()
        {
            // It stays if it can't be removed, for example because a process still writes to it.
            let _ = remove(&path, &lock);
        }
    }
}

/// Returns whether a path is a folder that belongs to this user. Owners are compared on Unix only.
#[cfg(unix)]
fn is_ours(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.is_dir() && metadata.uid() == rustix::process::getuid().as_raw()
    })
}

#[cfg(not(unix))]
fn is_ours(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Removes a folder, and its lock file last: after an interruption, the next cleanup can still find
/// out whether its process has ended. `_lock` is the lock file, which the caller must have locked.
fn remove(folder: &Path, _lock: &File) -> io::Result<()> {
    let is_emptied = AtomicBool::new(true);
    let mut inside: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        match entry {
            Ok(entry) if entry.file_name() == LOCK => {}
            Ok(entry) => inside.push(entry.path()),
            Err(_) => is_emptied.store(false, Ordering::Relaxed),
        }
    }
    let removers = inside.len().min(REMOVERS_MAX);
    let rest = Mutex::new(inside.into_iter());
    let work = || {
        loop {
            let next = rest.lock().ok().and_then(|mut rest| rest.next());
            let Some(path) = next else { return };
            if tree::remove(&path).is_err() {
                is_emptied.store(false, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..removers {
            scope.spawn(work);
        }
        work();
    });
    if !is_emptied.into_inner() {
        // With its lock the next cleanup can remove it, after the processes that write to it have
        // ended.
        return Err(io::ErrorKind::DirectoryNotEmpty.into());
    }
    fs::remove_file(folder.join(LOCK))?;
    fs::remove_dir(folder)
}
