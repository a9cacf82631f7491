//! The folder that holds all devices' folders: made with the emulator, gone with it, and where the
//! process was killed, gone with a later one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::tree;

const PREFIX: &str = "svar-devices-";
/// Held by the living process that made the home; whoever can take it sweeps.
const LOCK: &str = "lock";
/// Removing a folder makes some file systems wait for the disk, each time anew; many that wait at
/// once end sooner.
const REMOVERS_MAX: usize = 32;

/// A home with its lock.
#[derive(Debug)]
pub(super) struct TempRoot {
    path: PathBuf,
    lock: File,
}

impl TempRoot {
    /// A new home in the system's temporary folder. What killed processes left there is swept
    /// meanwhile, by a thread that nobody waits for.
    pub(super) fn make() -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        // Else whoever has an account here could read what devices hold.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let path = builder.prefix(PREFIX).tempdir()?.keep();
        // Locked before it has the name that others look for: none of them finds it free.
        let early = path.join("lock.new");
        let lock = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&early)?;
        lock.lock()?;
        fs::rename(&early, path.join(LOCK))?;
        if let Some(above) = path.parent() {
            let above = above.to_owned();
            std::thread::Builder::new()
                .name("sweep".to_owned())
                .spawn(move || sweep(&above))?;
        }
        Ok(TempRoot { path, lock })
    }

    /// Where the folder of that name is, or will be.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for TempRoot {
    fn drop(&mut self) {
        // What can't be removed now is swept later.
        let _ = remove(&self.path, &self.lock);
    }
}

/// Removes the homes whose process is gone. One without a lock is left alone: it may be a living
/// process's that is just being made.
fn sweep(above: &Path) {
    let Ok(entries) = fs::read_dir(above) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_home = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_home || !is_ours(&path) {
            continue;
        }
        if let Ok(lock) = OpenOptions::new().write(true).open(path.join(LOCK))
            && lock.try_lock().is_ok()
        {
            // Another user's, or in use by somebody else: then it stays.
            let _ = remove(&path, &lock);
        }
    }
}

#[cfg(unix)]
fn is_ours(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::symlink_metadata(path)
        .is_ok_and(|about| about.is_dir() && about.uid() == rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn is_ours(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_dir())
}

/// Removes a home, its lock last: were this cut short, the next sweep would still know whose it is.
fn remove(home: &Path, _held: &File) -> io::Result<()> {
    let inside: Vec<PathBuf> = fs::read_dir(home)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| !path.ends_with(LOCK))
        .collect();
    let removers = inside.len().min(REMOVERS_MAX);
    let rest = Mutex::new(inside.into_iter());
    let is_emptied = AtomicBool::new(true);
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
        // With its lock it is known to the next sweep, when what wrote to it meanwhile is gone.
        return Err(io::ErrorKind::DirectoryNotEmpty.into());
    }
    fs::remove_file(home.join(LOCK))?;
    fs::remove_dir(home)
}
