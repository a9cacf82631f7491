//! Errors of a run folder and its journal.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use svar_engine::FORMAT;

use super::format::FOLDER_FORMAT;

/// The operation on a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAction {
    /// Create it.
    Create,
    /// Read it.
    Read,
    /// Write it.
    Write,
    /// Remove it.
    Remove,
    /// Lock it.
    Lock,
    /// Wait until it is on disk.
    Sync,
}

impl fmt::Display for FileAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileAction::Create => "create",
            FileAction::Read => "read",
            FileAction::Write => "write",
            FileAction::Remove => "remove",
            FileAction::Lock => "lock",
            FileAction::Sync => "sync",
        })
    }
}

/// An error of a run folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The file system reported an error.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operation.
        action: FileAction,
        /// The system's error.
        source: io::Error,
    },
    /// A file does not have the content that a run folder needs.
    #[error("{path} is invalid: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A newer version of svar wrote it.
    #[error(
        "{path} has format {found}, but this version of svar supports only up to {FOLDER_FORMAT}; use the version that started the run"
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// The process ended while it created the folder.
    #[error(
        "{path}: this run was never started and nothing was sent: its process ended while it created the folder"
    )]
    NeverStarted {
        /// The folder.
        path: PathBuf,
    },
    /// No run has this id, beginning of an id, or path.
    #[error("no run `{run}` in {root}")]
    NotFound {
        /// The text that was searched for.
        run: String,
        /// The folder of the runs.
        root: PathBuf,
    },
    /// More than one run has an id with this beginning.
    #[error("`{run}` matches {matches} runs in {root}; use more characters of the id")]
    Ambiguous {
        /// The text that was searched for.
        run: String,
        /// The folder of the runs.
        root: PathBuf,
        /// Number of runs that match.
        matches: usize,
    },
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl FolderError {
    /// Returns a function that turns an error of the file system into one of this type.
    pub(crate) fn io(action: FileAction, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
        let path = path.to_owned();
        move |source| FolderError::Io {
            path,
            action,
            source,
        }
    }
}

/// An error of a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process holds the lock of the run.
    #[error("the run is already active in {holder}; wait for it to end, or stop it first")]
    Locked {
        /// The process that holds it.
        holder: String,
    },
    /// A newer version of svar wrote it.
    #[error(
        "the journal has format {found}, but this version of svar supports only up to {FORMAT}; use the version that started the run"
    )]
    NewerFormat {
        /// Its format.
        found: u32,
    },
    /// It was changed after it was written.
    #[error("{path}:{line}: the journal is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// It ends before the run does.
    #[error(
        "{path} is incomplete: the summary says the run finished, but the journal ends earlier"
    )]
    Incomplete {
        /// The file.
        path: PathBuf,
    },
    /// The file was removed, moved or replaced while the run was active.
    #[error("{path} was removed, moved or replaced while the run was active")]
    Replaced {
        /// The path of the file.
        path: PathBuf,
    },
    /// The file system reported an error.
    #[error("cannot {action} the journal {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The operation.
        action: FileAction,
        /// The system's error.
        source: io::Error,
    },
}

impl JournalError {
    /// Returns a function that turns an error of the file system into one of this type.
    pub(super) fn io(action: FileAction, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
        let path = path.to_owned();
        move |source| JournalError::Io {
            path,
            action,
            source,
        }
    }
}
