//! The files beside a playbook, as far as a check and a plan need them.

use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Kind of entry at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileStatus {
    /// Nothing, or nothing that may be read.
    Missing,
    /// A folder, or something else that holds no bytes of its own.
    Folder,
    /// A file.
    File {
        /// Its size in bytes.
        size: u64,
    },
}

/// The files beside a playbook. Paths are those of the playbook: relative to its folder, with `/`.
pub trait Files {
    /// Returns what is at the path.
    fn status(&self, path: &str) -> FileStatus;

    /// Returns the SHA-256 of a file, 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// It can't be read.
    fn sha256(&self, path: &str) -> std::io::Result<String>;
}

/// A real folder.
#[derive(Debug, Clone)]
pub struct PlaybookFolder {
    folder: PathBuf,
}

impl PlaybookFolder {
    /// The files in a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        PlaybookFolder {
            folder: folder.into(),
        }
    }

    /// The files in the folder of a playbook.
    pub fn of(path: &Path) -> Self {
        PlaybookFolder::new(path.parent().unwrap_or(Path::new("")))
    }

    /// Returns where a path of the playbook is on this computer.
    pub fn locate(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }
}

impl Files for PlaybookFolder {
    fn status(&self, path: &str) -> FileStatus {
        match std::fs::metadata(self.locate(path)) {
            Ok(known) if known.is_file() => FileStatus::File { size: known.len() },
            Ok(_) => FileStatus::Folder,
            Err(_) => FileStatus::Missing,
        }
    }

    fn sha256(&self, path: &str) -> std::io::Result<String> {
        let mut file = std::fs::File::open(self.locate(path))?;
        let mut hash = Sha256::new();
        let mut buffer = [0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => hash.update(&buffer[..read]),
            }
        }
        let digits = hash.finalize();
        Ok(digits.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// No files at all, for texts that come from nowhere: nothing is looked up, so nothing is missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn status(&self, _: &str) -> FileStatus {
        FileStatus::File { size: 0 }
    }

    fn sha256(&self, path: &str) -> std::io::Result<String> {
        Err(std::io::Error::other(format!(
            "there is no folder in which to look for `{path}`"
        )))
    }
}
