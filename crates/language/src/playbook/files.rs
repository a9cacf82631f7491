//! Access to the files beside a playbook.

use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Kind of entry at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileStatus {
    /// Nothing, or nothing that can be accessed.
    Missing,
    /// A folder, or something else that is not a file.
    Folder,
    /// A file.
    File {
        /// Size in bytes.
        size: u64,
    },
}

/// Files beside a playbook. Paths are relative to its folder, with `/`.
pub trait Files {
    /// Returns the kind of entry at a path.
    fn status(&self, path: &str) -> FileStatus;

    /// Returns the SHA-256 of a file, as 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// The file cannot be read.
    fn sha256(&self, path: &str) -> std::io::Result<String>;
}

/// Folder of a playbook in the file system.
#[derive(Debug, Clone)]
pub struct PlaybookFolder {
    folder: PathBuf,
}

impl PlaybookFolder {
    /// Returns the files in a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        PlaybookFolder {
            folder: folder.into(),
        }
    }

    /// Returns the files in the folder of a playbook.
    pub fn of(path: &Path) -> Self {
        PlaybookFolder::new(path.parent().unwrap_or(Path::new("")))
    }

    /// Returns the path in the file system for a path in the playbook.
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

/// Placeholder for a text without a folder: no file is looked up, so none is reported as missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn status(&self, _: &str) -> FileStatus {
        FileStatus::File { size: 0 }
    }

    fn sha256(&self, path: &str) -> std::io::Result<String> {
        Err(std::io::Error::other(format!(
            "no folder to look for `{path}` in"
        )))
    }
}
