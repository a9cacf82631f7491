//! What other terminals ask of a run: a file in its folder that the driving process looks for.
//!
//! `request.json` appears whole and is removed once the fact that it asks for is durable. So a
//! request that a process did not live to obey is obeyed by the next one.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::disk::{pretty, sync_folder, write_file};
use super::error::FolderError;
use super::lock::{Lock, LockError};

const FILE_NAME: &str = "request.json";

/// What is asked of a run, the milder first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// No new sessions; those that run finish, and the run waits to be resumed.
    Pause,
    /// The run ends: own sessions that wait for their device are cancelled, those that run finish.
    Cancel,
    /// The run ends: all own sessions are cancelled.
    Abort,
}

/// A request to the process that drives a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRequest {
    /// What is asked.
    pub ask: RequestKind,
    /// Who asks; empty where nobody is named.
    #[serde(default)]
    pub by: String,
}

impl ControlRequest {
    /// Files the request in a run's folder. A milder one that was filed before gives way; a more
    /// severe one stays.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn file(&self, folder: &Path) -> Result<(), FolderError> {
        match ControlRequest::filed(folder) {
            Some(filed) if filed.ask > self.ask => Ok(()),
            _ => write_file(&folder.join(FILE_NAME), &pretty(self)),
        }
    }

    /// The request that waits in a run's folder. One that can't be read is none.
    pub fn filed(folder: &Path) -> Option<ControlRequest> {
        let bytes = fs::read(folder.join(FILE_NAME)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Takes away whatever request waits in a run's folder.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn clear(folder: &Path) -> Result<(), FolderError> {
        let path = folder.join(FILE_NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed
                .and_then(|()| sync_folder(folder))
                .map_err(FolderError::disk(&path, "removed")),
        }
    }
}

/// Who drives the run of this folder at the moment, in words; `None` if nobody does.
///
/// # Errors
/// The lock can't be looked at.
pub fn active_process(folder: &Path) -> Result<Option<String>, FolderError> {
    match Lock::look(folder) {
        Ok(()) => Ok(None),
        Err(LockError::Held { holder }) if holder.is_empty() => {
            Ok(Some("another process".to_owned()))
        }
        Err(LockError::Held { holder }) => Ok(Some(holder)),
        Err(LockError::Io(source)) => Err(FolderError::disk(folder, "looked at")(source)),
    }
}
