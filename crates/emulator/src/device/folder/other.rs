//! Other systems: every folder of a path is checked before it is used.

use std::ffi::OsStr;

use super::{DeviceFolder, DevicePath, File, FileMode, IfMissing, PathBuf, ReadError, io};

impl DeviceFolder {
    /// Opens the folder to which those names lead.
    pub(super) fn open_folder(
        &self,
        names: &[String],
        if_missing: IfMissing,
    ) -> io::Result<PathBuf> {
        let mut at = PathBuf::new();
        let root = self.root.as_os_str();
        for name in std::iter::once(root).chain(names.iter().map(OsStr::new)) {
            at.push(name);
            match std::fs::symlink_metadata(&at) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
                Err(error)
                    if if_missing == IfMissing::Create
                        && error.kind() == io::ErrorKind::NotFound =>
                {
                    std::fs::create_dir(&at)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(at)
    }

    /// Creates a file, and replaces an existing one.
    pub(super) fn create(&self, path: &DevicePath, _mode: FileMode) -> io::Result<File> {
        let (name, above) = path.0.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let file = self.open_folder(above, IfMissing::Create)?.join(name);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => File::create_new(file),
        }
    }

    /// Removes a file, if it exists.
    pub(super) fn unlink(&self, path: &DevicePath) -> io::Result<()> {
        let (name, above) = path.0.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        match std::fs::remove_file(self.open_folder(above, IfMissing::Fail)?.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Opens a regular file for reading.
    pub(super) fn open_regular_file(&self, path: &DevicePath) -> Result<File, ReadError> {
        let (name, above) = path.0.split_last().ok_or(ReadError::Missing)?;
        let to_read_error = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => ReadError::Missing,
            io::ErrorKind::NotADirectory => ReadError::NotRegular,
            _ => ReadError::Other(error),
        };
        let file = self
            .open_folder(above, IfMissing::Fail)
            .map_err(to_read_error)?
            .join(name);
        let metadata = std::fs::symlink_metadata(&file).map_err(to_read_error)?;
        if !metadata.is_file() {
            return Err(ReadError::NotRegular);
        }
        File::open(file).map_err(to_read_error)
    }
}
