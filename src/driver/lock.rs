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
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(FILE_NAME))
            .map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is for people; a file that can't be read says nothing about that.
                let _ = file.read_to_string(&mut holder);
                return Err(LockError::Held {
                    holder: holder.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        let words = format!("process {}", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(words.as_bytes()))
            .map_err(LockError::Io)?;
        Ok(Lock { file })
    }
}

/// Why the lock is not ours.
#[derive(Debug)]
pub(crate) enum LockError {
    Held { holder: String },
    Io(std::io::Error),
}
