//! Writes the ledger to a file.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use super::super::service::Service;
use super::error::EmulatorError;

/// A file with one line of JSON for each ledger entry.
pub(super) struct LedgerFile {
    path: PathBuf,
    file: File,
    /// The number of entries that have been written.
    written: usize,
}

impl LedgerFile {
    /// Opens or creates the file. Lines of an earlier emulator are kept.
    pub(super) fn open(path: PathBuf) -> Result<Self, EmulatorError> {
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => Ok(LedgerFile {
                path,
                file,
                written: 0,
            }),
            Err(source) => Err(EmulatorError::Ledger { path, source }),
        }
    }

    /// Appends the new entries.
    pub(super) fn append(&mut self, service: &Service) -> Result<(), EmulatorError> {
        let lines = service.ledger_lines(self.written);
        if lines.is_empty() {
            return Ok(());
        }
        // The lines are written in one call, so that no reader sees half a line.
        let text = lines.join("\n") + "\n";
        let failed = |source| EmulatorError::Ledger {
            path: self.path.clone(),
            source,
        };
        (&self.file).write_all(text.as_bytes()).map_err(failed)?;
        self.written += lines.len();
        Ok(())
    }

    /// Syncs the file, so that the lines survive a power failure.
    pub(super) fn sync(&self) -> Result<(), EmulatorError> {
        match self.file.sync_all() {
            // Pipes and other special files can't be synced, and need not be.
            Err(error) if error.kind() != std::io::ErrorKind::InvalidInput => {
                Err(EmulatorError::Ledger {
                    path: self.path.clone(),
                    source: error,
                })
            }
            _ => Ok(()),
        }
    }
}
