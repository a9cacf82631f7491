//! The lock that lets only one process drive a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

const FILE_NAME: &str = "lock";

/// The lock of a run. The process that drives the run holds it, and the system releases it when the
/// process ends.
///
/// It is an advisory lock on an open file, so nothing has to be cleaned up after a crash.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would not be enough: a child process that is just being created has a
        // copy of every open file for a moment.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of a run folder, or returns its holder as an error.
    pub(crate) fn acquire(folder: &Path) -> Result<Lock, LockError> {
        let mut lock = Lock::try_acquire(folder)?;
        let holder = match host_name() {
            Some(host_name) => format!("process {} on {host_name}", std::process::id()),
            None => format!("process {}", std::process::id()),
        };
        let file = &mut lock.file;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(LockError::Io)?;
        Ok(lock)
    }

    /// Checks whether the lock is free. Returns its holder as an error if it is not.
    pub(crate) fn check_free(folder: &Path) -> Result<(), LockError> {
        Lock::try_acquire(folder).map(drop)
    }

    fn try_acquire(folder: &Path) -> Result<Lock, LockError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(FILE_NAME))
            .map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { file }),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder's name is only informative, so an error of reading it does not matter.
                let _ = file.read_to_string(&mut holder);
                Err(LockError::Held {
                    holder: holder.trim().to_owned(),
                })
            }
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }
}

/// Returns this computer's name, for people who share a folder with others.
fn host_name() -> Option<String> {
    let from_kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let from_file = || std::fs::read_to_string("/etc/hostname").ok();
    let from_environment = || {
        let names = ["COMPUTERNAME", "HOSTNAME"];
        names.iter().find_map(|name| std::env::var(name).ok())
    };
    from_kernel()
        .or_else(from_file)
        .or_else(from_environment)
        .map(|name| {
            name.trim()
                .chars()
                .filter(|c| !c.is_control())
                .take(100)
                .collect()
        })
        .filter(|name: &String| !name.is_empty())
}

/// The reason why the lock could not be taken.
#[derive(Debug)]
pub(crate) enum LockError {
    Held { holder: String },
    Io(std::io::Error),
}
