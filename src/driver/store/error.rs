//! Why a run folder or its journal can't be used.

use std::io;
use std::path::{Path, PathBuf};

use svar_engine::FORMAT;

use super::format::FOLDER_FORMAT;

/// Why a run folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The disk refused.
    #[error("{path} can't be {doing}: {source}")]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// `written`, `read` …
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} is not what a run folder holds: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A newer version wrote it.
    #[error(
        "{path} is of format {found}, and this version knows up to {FOLDER_FORMAT}: use the version that began the run"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The process that made the folder ended before it was whole.
    #[error(
        "{path}: this run never began, and nothing was sent: its process ended while the folder was made"
    )]
    NeverBegan {
        /// The folder.
        path: PathBuf,
    },
    /// No run, or more than one, has that name.
    #[error("{0}")]
    NotFound(String),
    /// The journal refused.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl FolderError {
    pub(crate) fn disk(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> FolderError {
        let path = path.to_owned();
        move |source| FolderError::Disk {
            path,
            doing,
            source,
        }
    }
}

/// Why a journal can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process drives the run.
    #[error("the run is being driven by {holder}: wait for it, or end it first")]
    Held {
        /// Who.
        holder: String,
    },
    /// A newer version wrote it.
    #[error(
        "the journal is of format {found}, and this version knows up to {FORMAT}: use the version that began the run"
    )]
    Newer {
        /// Its format.
        found: u32,
    },
    /// It is not as it was written.
    #[error("{path}:{line}: the journal is damaged here: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// It ends before its run does.
    #[error(
        "{path} is shorter than the run's summary says: by that every device has its end, and the journal stops before"
    )]
    Short {
        /// The file.
        path: PathBuf,
    },
    /// The file that a run writes no longer has its name.
    #[error("{path} is no longer the file that this run writes: it was removed, moved or replaced")]
    Gone {
        /// Where the file was.
        path: PathBuf,
    },
    /// The disk refused.
    #[error("{path}: the journal can't be {doing}: {source}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// `written`, `read` …
        doing: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
}

impl JournalError {
    pub(super) fn disk(
        path: &Path,
        doing: &'static str,
    ) -> impl FnOnce(std::io::Error) -> JournalError {
        let path = path.to_owned();
        move |source| JournalError::Disk {
            path,
            doing,
            source,
        }
    }
}
