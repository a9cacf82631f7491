//! One process drives a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

const FILE_NAME: &str = "lock";

/// Held by the process that drives a run, and released with it, however it ends.
///
/// The system's advisory lock on an open file: nothing is left to clean up after a crash.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, were it not for a child process that is just being made and has a copy
        // of every open file for a moment.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of a run folder, or says who has it.
    pub(crate) fn take(folder: &Path) -> Result<Lock, LockError> {
        let mut lock = Lock::try_it(folder)?;
        let words = match host() {
            Some(host) => format!("process {} on {host}", std::process::id()),
            None => format!("process {}", std::process::id()),
        };
        let file = &mut lock.file;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(words.as_bytes()))
            .map_err(LockError::Io)?;
        Ok(lock)
    }

    /// Whether the lock could be had; else who has it.
    pub(crate) fn look(folder: &Path) -> Result<(), LockError> {
        Lock::try_it(folder).map(drop)
    }

    fn try_it(folder: &Path) -> Result<Lock, LockError> {
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
                // Who holds it is for people; a file that can't be read says nothing about that.
                let _ = file.read_to_string(&mut holder);
                Err(LockError::Held {
                    holder: holder.trim().to_owned(),
                })
            }
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }
}

/// This computer's name, for people who share a folder with others.
fn host() -> Option<String> {
    let of_the_kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let of_the_system = || std::fs::read_to_string("/etc/hostname").ok();
    let of_the_environment = || {
        let names = ["COMPUTERNAME", "HOSTNAME"];
        names.iter().find_map(|name| std::env::var(name).ok())
    };
    of_the_kernel()
        .or_else(of_the_system)
        .or_else(of_the_environment)
        .map(|name| {
            name.trim()
                .chars()
                .filter(|c| !c.is_control())
                .take(100)
                .collect()
        })
        .filter(|name: &String| !name.is_empty())
}

/// Why the lock is not ours.
#[derive(Debug)]
pub(crate) enum LockError {
    Held { holder: String },
    Io(std::io::Error),
}
