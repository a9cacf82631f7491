//! Other systems: every folder of a path is checked before it is used.

use std::ffi::OsStr;

use super::{
    DeviceFolder, DevicePath, File, FileMode, IfMissing, PathBuf, ReadError, io, is_absent,
};

impl DeviceFolder {
    /// Checks that those names lead to a folder, without following links, and returns its path.
    pub(super) fn check_folder(
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

    /// Creates the folder to which those names lead, and those above it.
    pub(super) fn create_folder(&self, names: &[String]) -> io::Result<()> {
        self.check_folder(names, IfMissing::Create).map(drop)
    }

    /// Creates a file, and replaces an existing one.
    pub(super) fn create(&self, path: &DevicePath, _mode: FileMode) -> io::Result<File> {
        let (name, above) = path.0.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let file = self.check_folder(above, IfMissing::Create)?.join(name);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => File::create_new(file),
        }
    }

    /// Removes a file, if it and the folders above it exist.
    pub(in crate::device) fn remove_file(&self, path: &DevicePath) -> io::Result<()> {
        let (name, above) = path.0.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let removed = self
            .check_folder(above, IfMissing::Fail)
            .and_then(|folder| std::fs::remove_file(folder.join(name)));
        match removed {
            Err(error) if !is_absent(&error) => Err(error),
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
            .check_folder(above, IfMissing::Fail)
            .map_err(to_read_error)?
            .join(name);
        let metadata = std::fs::symlink_metadata(&file).map_err(to_read_error)?;
        if !metadata.is_file() {
            return Err(ReadError::NotRegular);
        }
        File::open(file).map_err(to_read_error)
    }
}
