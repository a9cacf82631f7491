//! Unix: every path is opened name by name.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fchmod, fstat, mkdirat, openat, unlinkat};
use rustix::io::Errno;

use super::super::tree;
use super::{DeviceFolder, DevicePath, File, FileMode, IfMissing, Path, ReadError, io, is_absent};

const OPEN_FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::RDONLY);

impl DeviceFolder {
    /// Opens the folder to which those names lead.
    pub(super) fn open_folder(
        &self,
        names: &[String],
        if_missing: IfMissing,
    ) -> io::Result<OwnedFd> {
        let mut at = open_or_create(None, &self.root, if_missing)?;
        for name in names {
            at = open_or_create(Some(at.as_fd()), Path::new(name), if_missing)?;
        }
        Ok(at)
    }

    /// Creates the folder to which those names lead, and those above it.
    pub(super) fn create_folder(&self, names: &[String]) -> io::Result<()> {
        self.open_folder(names, IfMissing::Create).map(drop)
    }

    /// Creates a file, and replaces an existing one.
    pub(super) fn create(&self, path: &DevicePath, mode: FileMode) -> io::Result<File> {
        let (name, above) = split(path)?;
        let folder = self.open_folder(above, IfMissing::Create)?;
        // An existing file is replaced and not written to: it may be a link or a pipe.
        unlink_if_exists(&folder, name)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(match mode {
            FileMode::Normal => 0o644,
            FileMode::Executable => 0o755,
        });
        let open = || openat(&folder, name, flags, mode);
        Ok(File::from(retry_with_permissions(
            Some(folder.as_fd()),
            None,
            open,
        )?))
    }

    /// Removes a file, if it and the folders above it exist.
    pub(in crate::device) fn remove_file(&self, path: &DevicePath) -> io::Result<()> {
        let (name, above) = split(path)?;
        match self.open_folder(above, IfMissing::Fail) {
            Ok(folder) => unlink_if_exists(&folder, name),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Opens a regular file for reading.
    pub(super) fn open_regular_file(&self, path: &DevicePath) -> Result<File, ReadError> {
        let (name, above) = split(path).map_err(ReadError::Other)?;
        let opened = self.open_folder(above, IfMissing::Fail).and_then(|folder| {
            // Without `NONBLOCK`, opening a pipe would wait for its writer.
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let open = || openat(&folder, name, flags, Mode::empty());
            let name = Some(Path::new(name));
            Ok(File::from(retry_with_permissions(
                Some(folder.as_fd()),
                name,
                open,
            )?))
        });
        let file = opened.map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::NOENT) => ReadError::Missing,
            Some(Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => ReadError::NotRegular,
            _ => ReadError::Other(error),
        })?;
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(file),
            Ok(_) => Err(ReadError::NotRegular),
            Err(error) => Err(ReadError::Other(error)),
        }
    }
}

/// Performs an operation in a folder. If it is denied, restores the owner's permissions that a script
/// has removed from the folder and from the entry `name`, and tries again. On a real
/// device, commands run as the superuser, which no permissions stop.
fn retry_with_permissions<T>(
    folder: Option<BorrowedFd<'_>>,
    name: Option<&Path>,
    operation: impl Fn() -> Result<T, Errno>,
) -> Result<T, Errno> {
    match operation() {
        Err(Errno::ACCESS) => {
            // If the permissions can't be restored, the second attempt fails with the error.
            if let Some(folder) = folder
                && let Ok(metadata) = fstat(folder)
            {
                let mode = Mode::from_raw_mode(metadata.st_mode);
                let _ = fchmod(folder, mode | Mode::RWXU);
            }
            if let Some(name) = name {
                let _ = tree::restore_permissions(folder.unwrap_or(CWD), name);
            }
            operation()
        }
        result => result,
    }
}

/// Removes a file from a folder, if it exists.
fn unlink_if_exists(folder: &OwnedFd, name: &str) -> io::Result<()> {
    let unlink = || unlinkat(folder, name, AtFlags::empty());
    match retry_with_permissions(Some(folder.as_fd()), None, unlink) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Opens the folder `name` within another folder, or at that path of this computer.
fn open_or_create(
    within: Option<BorrowedFd<'_>>,
    name: &Path,
    if_missing: IfMissing,
) -> io::Result<OwnedFd> {
    let at = within.unwrap_or(CWD);
    let open = || openat(at, name, OPEN_FOLDER, Mode::empty());
    match retry_with_permissions(within, Some(name), open) {
        Err(Errno::NOENT) if if_missing == IfMissing::Create => {
            let make = || mkdirat(at, name, Mode::from_raw_mode(0o755));
            match retry_with_permissions(within, None, make) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(openat(at, name, OPEN_FOLDER, Mode::empty())?)
        }
        other => Ok(other?),
    }
}

/// Splits a path into its last name and the names above.
fn split(path: &DevicePath) -> io::Result<(&str, &[String])> {
    path.0
        .split_last()
        .map(|(name, above)| (name.as_str(), above))
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
