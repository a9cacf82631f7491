//! Reads and writes a device's folder on disk. Every path is opened name by name from the handle of
//! the folder and without following links, so that nothing a script leaves behind leads out of the
//! folder.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::path::DevicePath;

/// A device's folder, which no path can leave.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
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
    NotPlain,
    Other(io::Error),
}

impl Folder {
    /// Returns the folder at that place. It is created when something is first written to it.
    pub(super) fn at(root: PathBuf) -> Self {
        Folder { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file, and creates the folders above it.
    pub(super) fn write(
        &self,
        path: &DevicePath,
        content: &[u8],
        executable: bool,
    ) -> io::Result<()> {
        let mut file = self.create(path, executable)?;
        file.write_all(content)
    }

    /// Creates the folder of that path and those above it.
    pub(super) fn make_folder(&self, path: &DevicePath) -> io::Result<()> {
        self.walk(&path.0, true).map(drop)
    }

    /// Creates a required folder, and replaces what a script has put in its place or in that of a
    /// folder above it.
    ///
    /// # Errors
    /// The file system refuses it.
    pub(super) fn insist_on(&self, path: &DevicePath) -> io::Result<()> {
        for depth in 1..=path.0.len() {
            let part = DevicePath(path.0[..depth].to_vec());
            if self.make_folder(&part).is_err() {
                self.remove(&part)?;
                self.make_folder(&part)?;
            }
        }
        Ok(())
    }

    /// Reads a file of at most `limit` bytes.
    pub(super) fn read(&self, path: &DevicePath, limit: u64) -> Result<Vec<u8>, ReadError> {
        let file = self.plain_file(path)?;
        let size = file.metadata().map_err(ReadError::Other)?.len();
        if size == 0 {
            return Err(ReadError::Empty);
        }
        if size > limit {
            return Err(ReadError::TooLarge);
        }
        if has_holes(&file, size) {
            return Err(ReadError::Sparse);
        }
        let mut content = Vec::new();
        // A script that is still running may extend the file while it is read.
        file.take(limit)
            .read_to_end(&mut content)
            .map_err(ReadError::Other)?;
        Ok(content)
    }

    /// Creates a sparse file of that length, which takes no space on the disk.
    pub(super) fn write_hollow(&self, path: &DevicePath, length: u64) -> io::Result<()> {
        self.create(path, false)?.set_len(length)
    }

    /// Removes a file.
    pub(super) fn remove(&self, path: &DevicePath) -> io::Result<()> {
        self.unlink(path)
    }

    /// Checks whether something is at that path.
    pub(super) fn has(&self, path: &DevicePath) -> bool {
        !matches!(self.plain_file(path), Err(ReadError::Missing))
    }
}

/// Checks whether the file has holes in place of some of its bytes.
#[cfg(target_os = "linux")]
fn has_holes(file: &File, size: u64) -> bool {
    use rustix::fs::{SeekFrom, seek};
    let hole = seek(file, SeekFrom::Hole(0));
    // On a file system that does not support holes there are none.
    let has_holes = hole.is_ok_and(|hole| hole < size);
    seek(file, SeekFrom::Start(0)).is_ok() && has_holes
}

#[cfg(not(target_os = "linux"))]
fn has_holes(_: &File, _: u64) -> bool {
    false
}

#[cfg(unix)]
mod unix {
    use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, fchmod, fstat, mkdirat, openat, unlinkat};
    use rustix::io::Errno;

    use super::super::tree;

    use super::{DevicePath, File, Folder, Path, ReadError, io};

    const FOLDER: OFlags = OFlags::DIRECTORY
        .union(OFlags::NOFOLLOW)
        .union(OFlags::CLOEXEC)
        .union(OFlags::RDONLY);

    impl Folder {
        /// Returns the handle of the folder to which those names lead.
        pub(super) fn walk(&self, names: &[String], make: bool) -> io::Result<OwnedFd> {
            let mut at = step(None, &self.root, make)?;
            for name in names {
                at = step(Some(at.as_fd()), Path::new(name), make)?;
            }
            Ok(at)
        }

        pub(super) fn create(&self, path: &DevicePath, executable: bool) -> io::Result<File> {
            let (name, above) = split(path)?;
            let folder = self.walk(above, true)?;
            // An existing file is replaced and not written to: it may be a link or a pipe.
            unlink_in(&folder, name)?;
            let flags =
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
            let open = || openat(&folder, name, flags, mode);
            Ok(File::from(with_leave(Some(folder.as_fd()), None, open)?))
        }

        pub(super) fn unlink(&self, path: &DevicePath) -> io::Result<()> {
            let (name, above) = split(path)?;
            unlink_in(&self.walk(above, false)?, name)
        }

        pub(super) fn plain_file(&self, path: &DevicePath) -> Result<File, ReadError> {
            let (name, above) = split(path).map_err(ReadError::Other)?;
            let opened = self.walk(above, false).and_then(|folder| {
                // Without `NONBLOCK`, opening a pipe would wait for its writer.
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let open = || openat(&folder, name, flags, Mode::empty());
                let name = Some(Path::new(name));
                Ok(File::from(with_leave(Some(folder.as_fd()), name, open)?))
            });
            let file = opened.map_err(|error| match Errno::from_io_error(&error) {
                Some(Errno::NOENT) => ReadError::Missing,
                Some(Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => ReadError::NotPlain,
                _ => ReadError::Other(error),
            })?;
            match file.metadata() {
                Ok(about) if about.is_file() => Ok(file),
                Ok(_) => Err(ReadError::NotPlain),
                Err(error) => Err(ReadError::Other(error)),
            }
        }
    }

    /// Performs an operation in a folder. If it is denied, it restores the owner's permissions that
    /// a script has removed from the folder and from the entry `name`, and tries again. On a real
    /// device, commands run as the superuser, which no permissions stop.
    fn with_leave<T>(
        folder: Option<BorrowedFd<'_>>,
        name: Option<&Path>,
        act: impl Fn() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        match act() {
            Err(Errno::ACCESS) => {
                // If the permissions can't be restored, the second attempt fails with the error.
                if let Some(folder) = folder
                    && let Ok(about) = fstat(folder)
                {
                    let mode = Mode::from_raw_mode(about.st_mode);
                    let _ = fchmod(folder, mode | Mode::RWXU);
                }
                if let Some(name) = name {
                    let _ = tree::unlock(folder.unwrap_or(CWD), name);
                }
                act()
            }
            done => done,
        }
    }

    fn unlink_in(folder: &OwnedFd, name: &str) -> io::Result<()> {
        let unlink = || unlinkat(folder, name, AtFlags::empty());
        match with_leave(Some(folder.as_fd()), None, unlink) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the folder `name` within another folder, or at that path of this computer.
    fn step(within: Option<BorrowedFd<'_>>, name: &Path, make: bool) -> io::Result<OwnedFd> {
        let at = within.unwrap_or(CWD);
        let open = || openat(at, name, FOLDER, Mode::empty());
        match with_leave(within, Some(name), open) {
            Err(Errno::NOENT) if make => {
                let make = || mkdirat(at, name, Mode::from_raw_mode(0o755));
                match with_leave(within, None, make) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                Ok(openat(at, name, FOLDER, Mode::empty())?)
            }
            other => Ok(other?),
        }
    }

    fn split(path: &DevicePath) -> io::Result<(&str, &[String])> {
        path.0
            .split_last()
            .map(|(name, above)| (name.as_str(), above))
            .ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

#[cfg(not(unix))]
mod other {
    use std::ffi::OsStr;

    use super::{DevicePath, File, Folder, PathBuf, ReadError, io};

    impl Folder {
        pub(super) fn walk(&self, names: &[String], make: bool) -> io::Result<PathBuf> {
            let mut at = PathBuf::new();
            let root = self.root.as_os_str();
            for name in std::iter::once(root).chain(names.iter().map(OsStr::new)) {
                at.push(name);
                match std::fs::symlink_metadata(&at) {
                    Ok(about) if about.is_dir() => {}
                    Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
                    Err(error) if make && error.kind() == io::ErrorKind::NotFound => {
                        std::fs::create_dir(&at)?;
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(at)
        }

        pub(super) fn create(&self, path: &DevicePath, _executable: bool) -> io::Result<File> {
            let (name, above) = path.0.split_last().ok_or(io::ErrorKind::InvalidInput)?;
            let place = self.walk(above, true)?.join(name);
            match std::fs::remove_file(&place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => File::create_new(place),
            }
        }

        pub(super) fn unlink(&self, path: &DevicePath) -> io::Result<()> {
            let (name, above) = path.0.split_last().ok_or(io::ErrorKind::InvalidInput)?;
            match std::fs::remove_file(self.walk(above, false)?.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        }

        pub(super) fn plain_file(&self, path: &DevicePath) -> Result<File, ReadError> {
            let (name, above) = path.0.split_last().ok_or(ReadError::Missing)?;
            let of = |error: io::Error| match error.kind() {
                io::ErrorKind::NotFound => ReadError::Missing,
                io::ErrorKind::NotADirectory => ReadError::NotPlain,
                _ => ReadError::Other(error),
            };
            let place = self.walk(above, false).map_err(of)?.join(name);
            let about = std::fs::symlink_metadata(&place).map_err(of)?;
            if !about.is_file() {
                return Err(ReadError::NotPlain);
            }
            File::open(place).map_err(of)
        }
    }
}

impl ReadError {
    /// Returns the command's error message.
    pub(super) fn line(&self, path: &str) -> String {
        let path = path.escape_debug();
        match self {
            ReadError::Missing => format!("The file '{path}' was not found."),
            ReadError::Empty => format!("The file '{path}' is empty and can't be collected."),
            ReadError::TooLarge => format!("The file '{path}' is too large to be collected."),
            ReadError::Sparse => format!("The file '{path}' is sparse and can't be collected."),
            ReadError::NotPlain => {
                format!("'{path}' is a link or no file, and can't be collected.")
            }
            ReadError::Other(error) => format!("The file '{path}' can't be read: {error}"),
        }
    }
}
