//! Requests from other terminals: a file in the run folder that the running process looks for.
//!
//! `request.json` is written atomically, and removed once the fact that it leads to is on disk. If
//! a process ends before it has applied a request, the next one applies it.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::disk::{sync_folder, to_json, write_file};
use super::error::{FileAction, FolderError};
use super::lock::{Lock, LockError};

const FILE_NAME: &str = "request.json";

/// The kind of a request, in order of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// Start no more sessions, let the running ones finish, and end. The run can be resumed.
    Pause,
    /// End the run: cancel queued sessions, let the running ones finish.
    Cancel,
    /// End the run: cancel all sessions of the run.
    Abort,
}

/// A request to the process that runs a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRequest {
    /// The kind of the request.
    pub request: RequestKind,
    /// The operator who made it; empty if unknown.
    #[serde(default)]
    pub by: String,
}

impl ControlRequest {
    /// Writes the request to a run's folder. Replaces an earlier request unless that one is more
    /// severe. Returns the request that the folder then has.
    ///
    /// # Errors
    /// The disk fails.
    pub fn save(&self, folder: &Path) -> Result<ControlRequest, FolderError> {
        match ControlRequest::load(folder) {
            Ok(Some(earlier)) if earlier.request > self.request => Ok(earlier),
            // A request that can't be read has no effect, so it is replaced.
            _ => {
                write_file(&folder.join(FILE_NAME), &to_json(self))?;
                Ok(self.clone())
            }
        }
    }

    /// Reads the request in a run's folder; `None` if there is none.
    ///
    /// # Errors
    /// The file can't be read, or is not a request.
    pub fn load(folder: &Path) -> Result<Option<ControlRequest>, FolderError> {
        let path = folder.join(FILE_NAME);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => {
                let bytes = read.map_err(FolderError::io(FileAction::Read, &path))?;
                let request = serde_json::from_slice(&bytes);
                request.map(Some).map_err(|error| FolderError::Malformed {
                    path,
                    why: error.to_string(),
                })
            }
        }
    }

    /// Reads the request for the process that drives the run. A request that can't be read must
    /// not end the run, so it is ignored.
    pub fn load_readable(folder: &Path) -> Option<ControlRequest> {
        ControlRequest::load(folder).ok().flatten()
    }

    /// Removes the request from a run's folder.
    ///
    /// # Errors
    /// The disk fails.
    pub fn remove(folder: &Path) -> Result<(), FolderError> {
        let path = folder.join(FILE_NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed
                .and_then(|()| sync_folder(folder))
                .map_err(FolderError::io(FileAction::Remove, &path)),
        }
    }
}

/// Returns a description of the process that runs the run in this folder; `None` if there is none.
///
/// # Errors
/// The lock can't be read.
pub fn active_process(folder: &Path) -> Result<Option<String>, FolderError> {
    match Lock::check_free(folder) {
        Ok(()) => Ok(None),
        Err(LockError::Held { holder }) if holder.is_empty() => {
            Ok(Some("another process".to_owned()))
        }
        Err(LockError::Held { holder }) => Ok(Some(holder)),
        Err(LockError::Io(source)) => Err(FolderError::io(FileAction::Read, folder)(source)),
    }
}
