//! The interface to the store of a run's records and results.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use tempfile::NamedTempFile;

use svar_plan::Results;

use super::error::{FileAction, FolderError};
use super::record::{Record, RecordKey};

/// Stores the records and results of a run.
///
/// [`FolderRecordStore`](super::FolderRecordStore) keeps them in the run folder. All methods take
/// `&self`, because the calls of a run use the store concurrently.
pub trait RecordStore: Results + fmt::Debug + Send + Sync {
    /// Adds a command as the next try of its step, unless it is known. Later templates and
    /// expectations see the result of the last try that has one. Must be called in the order of
    /// the journal, so that a resumed run numbers the tries in the same way.
    fn add_try(&self, key: &RecordKey);

    /// Returns the path of a command's record, relative to the run folder.
    fn record_path(&self, key: &RecordKey) -> String;

    /// Reads a record; `None` if it does not exist or can't be read.
    fn read(&self, key: &RecordKey) -> Option<Record>;

    /// Writes a record durably.
    ///
    /// # Errors
    /// The record can't be written.
    fn write(&self, key: &RecordKey, record: &Record) -> Result<(), FolderError>;

    /// Writes a record without waiting for the disk, for content that the journal holds as well.
    ///
    /// # Errors
    /// The record can't be written.
    fn write_without_sync(&self, key: &RecordKey, record: &Record) -> Result<(), FolderError>;

    /// Creates an empty file for a result.
    ///
    /// # Errors
    /// The file can't be created.
    fn create_draft(
        &self,
        key: &RecordKey,
        kind: ResultKind<'_>,
    ) -> Result<ResultDraft, FolderError>;

    /// Stores a complete draft durably and returns its path, relative to the run folder. Replaces
    /// an earlier result of the same command.
    ///
    /// # Errors
    /// The result can't be stored.
    fn store(&self, draft: ResultDraft) -> Result<String, FolderError>;
}

/// The kind of a result, which decides where it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultKind<'a> {
    /// The downloaded bytes of a script's result.
    Script,
    /// A collected file.
    File {
        /// The path of the file on the device.
        source: &'a str,
    },
}

/// A local file with a result that is not complete yet. It is removed when it is dropped.
#[derive(Debug)]
pub struct ResultDraft {
    pub(super) file: NamedTempFile,
    pub(super) path: String,
    pub(super) target: PathBuf,
}

impl ResultDraft {
    /// Returns a draft for the result with this path, relative to the run folder. `target` is the
    /// full path that errors name.
    pub fn new(file: NamedTempFile, path: String, target: PathBuf) -> Self {
        ResultDraft { file, path, target }
    }

    /// Returns the path of the result, relative to the run folder.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the open file.
    pub fn file_mut(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Turns an error of reading or writing the file into one that names the result.
    pub fn error(&self, error: io::Error) -> FolderError {
        FolderError::io(FileAction::Write, &self.target)(error)
    }
}
