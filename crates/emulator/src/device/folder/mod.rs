//! Reads and writes a device's folder on disk. On Unix every path is opened name by name from the
//! handle of the folder and without following links, so that nothing a script leaves behind leads out
//! of the folder. On other systems the folders of a path are checked before it is used, so a script
//! that replaces one meanwhile can lead elsewhere.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::path::DevicePath;

/// A device's folder. On Unix no path can leave it.
#[derive(Debug, Clone)]
pub(super) struct DeviceFolder {
    root: PathBuf,
}

/// The permissions of a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileMode {
    Normal,
    Executable,
}

/// The handling of a folder that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IfMissing {
    Create,
    Fail,
}

/// The reason for which a file could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Missing,
    Empty,
    TooLarge,
    /// A sparse file (API notes 3.7).
    Sparse,
    /// A link, folder, pipe or device.
    NotRegular,
    /// The scenario's content of the file is not base64.
    InvalidBase64,
    Other(io::Error),
}

impl DeviceFolder {
    /// Returns the folder at that path. It is created when something is first written to it.
    pub(super) fn new(root: PathBuf) -> Self {
        DeviceFolder { root }
    }

    /// Returns the path of the folder on this computer.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file, and creates the folders above it.
    pub(super) fn write(
        &self,
        path: &DevicePath,
        content: &[u8],
        mode: FileMode,
    ) -> io::Result<()> {
        let mut file = self.create(path, mode)?;
        file.write_all(content)
    }

    /// Creates the folder of that path and those above it.
    pub(super) fn make_folder(&self, path: &DevicePath) -> io::Result<()> {
        self.create_folder(&path.0)
    }

    /// Creates a folder and those above it. Files that a script has put at these paths are replaced.
    pub(super) fn require_folder(&self, path: &DevicePath) -> io::Result<()> {
        for depth in 1..=path.0.len() {
            let part = DevicePath(path.0[..depth].to_vec());
            if self.make_folder(&part).is_err() {
                self.remove_file(&part)?;
                self.make_folder(&part)?;
            }
        }
        Ok(())
    }

    /// Reads a file of at most `limit` bytes.
    pub(super) fn read(&self, path: &DevicePath, limit: u64) -> Result<Vec<u8>, ReadError> {
        let file = self.open_regular_file(path)?;
        let size = file.metadata().map_err(ReadError::Other)?.len();
        if size == 0 {
            return Err(ReadError::Empty);
        }
        if size > limit {
            return Err(ReadError::TooLarge);
        }
        if has_holes(&file, size).map_err(ReadError::Other)? {
            return Err(ReadError::Sparse);
        }
        let mut content = Vec::new();
        // Bytes that a running script appends meanwhile are read too, up to the limit.
        file.take(limit)
            .read_to_end(&mut content)
            .map_err(ReadError::Other)?;
        Ok(content)
    }

    /// Creates a sparse file of that length, which takes no space on the disk.
    pub(super) fn write_sparse(&self, path: &DevicePath, length: u64) -> io::Result<()> {
        self.create(path, FileMode::Normal)?.set_len(length)
    }

    /// Returns whether something is at that path.
    pub(super) fn exists(&self, path: &DevicePath) -> bool {
        !matches!(self.open_regular_file(path), Err(ReadError::Missing))
    }
}

/// Returns whether an error means that nothing is at a path: a folder above it is missing, or is not
/// a folder.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Returns whether the file is sparse. Its position must be the start, and is so afterwards.
#[cfg(target_os = "linux")]
fn has_holes(file: &File, size: u64) -> io::Result<bool> {
    use rustix::fs::{SeekFrom, seek};
    let hole = seek(file, SeekFrom::Hole(0));
    // On a file system that does not support holes there are none.
    let has_holes = hole.is_ok_and(|hole| hole < size);
    seek(file, SeekFrom::Start(0))?;
    Ok(has_holes)
}

#[cfg(not(target_os = "linux"))]
fn has_holes(_: &File, _: u64) -> io::Result<bool> {
    Ok(false)
}

#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
mod other;

impl ReadError {
    /// Returns the command's error message for the file at that path.
    pub(super) fn message(&self, path: &str) -> String {
        let path = path.escape_debug();
        match self {
            ReadError::Missing => format!("The file '{path}' was not found."),
            ReadError::Empty => format!("The file '{path}' is empty and can't be collected."),
            ReadError::TooLarge => format!("The file '{path}' is too large to be collected."),
            ReadError::Sparse => format!("The file '{path}' is sparse and can't be collected."),
            ReadError::NotRegular => {
                format!("'{path}' is a link, folder or special file and can't be collected.")
            }
            ReadError::InvalidBase64 => {
                format!("The scenario's content of the file '{path}' is not base64.")
            }
            ReadError::Other(error) => format!("The file '{path}' can't be read: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DeviceFolder, DevicePath, FileMode};

    #[test]
    fn a_file_whose_folder_is_gone_counts_as_removed() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let folder = DeviceFolder::new(temp.path().join("device"));
        let path = |names: &[&str]| DevicePath(names.iter().map(|name| name.to_string()).collect());
        let tool = path(&["tmp", "live-response", "tool"]);
        folder.remove_file(&tool).expect("without any folder");
        folder
            .write(&path(&["tmp", "other"]), b"x", FileMode::Normal)
            .expect("a file is written");
        folder.remove_file(&tool).expect("without its folder");
        folder
            .write(&path(&["tmp", "live-response"]), b"x", FileMode::Normal)
            .expect("a file is written");
        folder
            .remove_file(&tool)
            .expect("with a file as its folder");
        assert!(folder.exists(&path(&["tmp", "live-response"])));
    }
}
