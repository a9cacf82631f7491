//! Handles the content of a device's folder, whatever a script has done to it: measures the space
//! it takes, reduces it if it is too much, and removes it in the end.
//!
//! On Linux every step starts from the handle of the folder above, with a single name, and does not
//! follow links. So neither the length of a path nor the actions of a running script lead
//! elsewhere.

#[cfg(target_os = "linux")]
use std::collections::HashSet;

/// The deepest nesting of folders that is measured. A script that nests them deeper is ended.
pub(super) const DEPTH_MAX: u32 = 64;

/// The minimum size of a file or folder: many empty ones fill a disk, too.
const LEAST: u64 = 4096;

/// The content of a device's folder.
#[derive(Debug, Default, Clone)]
pub(super) struct Taken {
    /// Bytes on the disk, with at least [`LEAST`] for each file and folder.
    pub(super) bytes: u64,
    /// `true` if folders are nested deeper than [`DEPTH_MAX`].
    pub(super) is_too_deep: bool,
    /// The existing folders, by their numbers on the disk.
    #[cfg(target_os = "linux")]
    folders: HashSet<u64>,
    /// The time of the last change, in seconds and nanoseconds.
    #[cfg(target_os = "linux")]
    newest: (u64, u64),
}

#[cfg(all(unix, not(target_os = "linux")))]
pub(super) use elsewhere::unlock;
#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{cut, measure, remove, take_over};
#[cfg(target_os = "linux")]
pub(super) use linux::{cut, measure, remove, take_over, unlock};

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{CStr, CString};
    use std::io;
    use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::fs::{
        AtFlags, CWD, Dir, FileType, Gid, IFlags, Mode, OFlags, Stat, Uid, chmod, chownat, fchmod,
        fstat, ioctl_getflags, ioctl_setflags, openat, renameat, statat, unlinkat,
    };
    use rustix::io::Errno;
    use rustix::path::Arg;

    use super::{DEPTH_MAX, HashSet, LEAST, Taken};

    const FOLDER: OFlags = OFlags::DIRECTORY
        .union(OFlags::NOFOLLOW)
        .union(OFlags::CLOEXEC)
        .union(OFlags::RDONLY);

    /// The largest number of handles a removal holds. Deeper folders are moved up first.
    const HANDLES_MAX: u32 = 32;

    /// Measures a folder in which no script is running. With an owner, everything in it is given to
    /// that user.
    pub(in super::super) fn take_over(root: &Path, owner: Option<u32>) -> Taken {
        let give = |at: BorrowedFd<'_>, name: &CStr| {
            let (user, group) = owner.map(|id| (Uid::from_raw(id), Gid::from_raw(id)))?;
            // A file whose owner can't be changed can't be written by scripts, and does no harm.
            chownat(at, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW).ok()?;
            statat(at, name, AtFlags::SYMLINK_NOFOLLOW).ok()
        };
        if owner.is_some() {
            let _ = root.into_with_c_str(|root| Ok(give(CWD, root)));
        }
        let mut count = Count::default();
        each(root, &mut |found| {
            let is_anothers = owner.is_some_and(|owner| owner != found.about.st_uid);
            let given = is_anothers.then(|| give(found.at, found.name)).flatten();
            count.add(&given.unwrap_or(*found.about), found.depth);
        });
        count.taken
    }

    /// Measures a folder in which a script may be running.
    pub(in super::super) fn measure(root: &Path) -> Taken {
        take_over(root, None)
    }

    /// Removes what is newer than `before`, the newest first, until at most `allowed` bytes are
    /// taken, and what is nested too deep. Folders that existed before stay, empty or not.
    pub(in super::super) fn cut(root: &Path, before: &Taken, allowed: u64) {
        let mut count = Count::default();
        let mut new = Vec::new();
        each(root, &mut |found| {
            let bytes = count.add(found.about, found.depth);
            if changed(found.about) > before.newest {
                new.push((changed(found.about), bytes));
            }
        });
        new.sort_unstable();
        // Everything changed at `from` or later is removed. If everything fits, `from` is `None`.
        let mut left = count.taken.bytes;
        let mut from = None;
        while left > allowed
            && let Some((changed, bytes)) = new.pop()
        {
            left = left.saturating_sub(bytes);
            from = Some(changed);
        }
        each(root, &mut |found| {
            let is_surplus = from.is_some_and(|from| changed(found.about) >= from);
            // What can't be removed stays, and does not count against the next script.
            let _ = match is_folder(found.about) {
                true if found.depth >= DEPTH_MAX => remove_at(found.at, found.name),
                true if !is_surplus || before.folders.contains(&found.about.st_ino) => Ok(()),
                true => unlinkat(found.at, found.name, AtFlags::REMOVEDIR).map_err(io::Error::from),
                false if is_surplus => unlink(found.at, found.name),
                false => Ok(()),
            };
        });
    }

    /// Removes a file, or a folder with everything in it, however deep, long or protected that is.
    pub(in super::super) fn remove(path: &Path) -> io::Result<()> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let above = openat(CWD, above, FOLDER, Mode::empty())?;
        let name = CString::new(name.as_bytes())?;
        remove_at(above.as_fd(), &name)
    }

    /// An entry found by a walk.
    struct Found<'a> {
        /// The folder that contains it.
        at: BorrowedFd<'a>,
        name: &'a CStr,
        about: &'a Stat,
        /// The number of folders between it and the root.
        depth: u32,
    }

    /// Calls `show` for everything below a folder, and for a folder after its content. Entries that
    /// are nested deeper than [`DEPTH_MAX`] are left out.
    fn each(root: &Path, show: &mut dyn FnMut(&Found<'_>)) {
        if let Ok(root) = enter(CWD, root) {
            walk(root, 0, show);
        }
    }

    fn walk(folder: OwnedFd, depth: u32, show: &mut dyn FnMut(&Found<'_>)) {
        let Ok(mut entries) = Dir::new(folder) else {
            return;
        };
        while let Some(Ok(entry)) = entries.read() {
            let name = entry.file_name();
            let Ok(at) = entries.fd() else { return };
            if name == c"." || name == c".." {
                continue;
            }
            // The entry was removed meanwhile if its status can't be read.
            let Ok(about) = statat(at, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if is_folder(&about)
                && depth < DEPTH_MAX
                && let Ok(below) = enter(at, name)
            {
                walk(below, depth + 1, show);
            }
            show(&Found {
                at,
                name,
                about: &about,
                depth,
            });
        }
    }

    /// Opens a folder for reading, even if its owner's permissions were removed.
    fn enter(at: BorrowedFd<'_>, name: impl Arg + Copy) -> io::Result<OwnedFd> {
        let folder = match openat(at, name, FOLDER, Mode::empty()) {
            Err(Errno::ACCESS) => {
                unlock(at, name)?;
                openat(at, name, FOLDER, Mode::empty())?
            }
            opened => opened?,
        };
        let mode = Mode::from_raw_mode(fstat(&folder)?.st_mode);
        if !mode.contains(Mode::RUSR | Mode::XUSR) {
            // The superuser needs no permissions, and folders of other users can't be changed.
            let _ = fchmod(&folder, mode | Mode::RWXU);
        }
        Ok(folder)
    }

    /// Restores the owner's permissions of a file or folder. Links are not followed.
    pub(in super::super) fn unlock(at: BorrowedFd<'_>, name: impl Arg) -> io::Result<()> {
        let handle = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = openat(at, name, handle, Mode::empty())?;
        let about = fstat(&held)?;
        let kind = FileType::from_raw_mode(about.st_mode);
        if kind != FileType::Directory && kind != FileType::RegularFile {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let leave = match kind {
            FileType::Directory => Mode::RWXU,
            _ => Mode::RUSR | Mode::WUSR,
        };
        // The mode can only be changed through this path, because the handle is an `O_PATH` one.
        let place = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&held));
        Ok(chmod(place, Mode::from_raw_mode(about.st_mode) | leave)?)
    }

    /// The counts of a walk.
    #[derive(Default)]
    struct Count {
        taken: Taken,
        /// Files with several names that have been counted.
        linked: HashSet<u64>,
    }

    impl Count {
        /// Counts a file or folder, and returns the bytes it takes.
        fn add(&mut self, about: &Stat, depth: u32) -> u64 {
            self.taken.newest = self.taken.newest.max(changed(about));
            if is_folder(about) {
                self.taken.folders.insert(about.st_ino);
                self.taken.is_too_deep |= depth >= DEPTH_MAX;
            } else if about.st_nlink > 1 && !self.linked.insert(about.st_ino) {
                return 0;
            }
            let blocks = u64::try_from(about.st_blocks).unwrap_or_default();
            let bytes = blocks.saturating_mul(512).max(LEAST);
            self.taken.bytes = self.taken.bytes.saturating_add(bytes);
            bytes
        }
    }

    fn changed(about: &Stat) -> (u64, u64) {
        let seconds = u64::try_from(about.st_ctime).unwrap_or_default();
        (seconds, about.st_ctime_nsec)
    }

    fn is_folder(about: &Stat) -> bool {
        FileType::from_raw_mode(about.st_mode) == FileType::Directory
    }

    fn remove_at(top: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        let mut moved = Vec::new();
        let mut removed = remove_below(top, top, name, 0, &mut moved);
        while let Some(name) = moved.pop() {
            removed = removed.and(remove_below(top, top, &name, 0, &mut moved));
        }
        removed
    }

    /// Removes one entry. Folders that are nested too deep are moved to `top`, and their new names
    /// are added to `moved`.
    fn remove_below(
        top: BorrowedFd<'_>,
        at: BorrowedFd<'_>,
        name: &CStr,
        depth: u32,
        moved: &mut Vec<CString>,
    ) -> io::Result<()> {
        let about = statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if !is_folder(&about) {
            return unlink(at, name);
        }
        let folder = enter(at, name)?;
        let mode = Mode::from_raw_mode(about.st_mode);
        if !mode.contains(Mode::RWXU) {
            // The superuser needs no permissions.
            let _ = fchmod(&folder, mode | Mode::RWXU);
        }
        if depth == HANDLES_MAX {
            moved.push(move_up(at, name, top)?);
            return Ok(());
        }
        let mut entries = Dir::new(folder)?;
        let mut emptied = Ok(());
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                let removed = remove_below(top, entries.fd()?, name, depth + 1, moved);
                emptied = emptied.and(removed);
            }
        }
        emptied?;
        match unlinkat(at, name, AtFlags::REMOVEDIR) {
            Err(Errno::PERM) => {
                make_mutable(at);
                make_mutable(entries.fd()?);
                Ok(unlinkat(at, name, AtFlags::REMOVEDIR)?)
            }
            removed => Ok(removed?),
        }
    }

    fn move_up(at: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>) -> io::Result<CString> {
        loop {
            let there = CString::new(format!(".deep-{}", next_number()))?;
            match renameat(at, name, top, &there) {
                // An earlier process that was killed has left an entry of this name.
                Err(Errno::EXIST | Errno::NOTEMPTY) => {}
                moved => return Ok(moved.map(|()| there)?),
            }
        }
    }

    fn unlink(at: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        match unlinkat(at, name, AtFlags::empty()) {
            // The file or its folder is marked as immutable, which even the superuser must undo
            // first.
            Err(Errno::PERM) => {
                make_mutable(at);
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                if let Ok(file) = openat(at, name, flags, Mode::empty()) {
                    make_mutable(file.as_fd());
                }
                Ok(unlinkat(at, name, AtFlags::empty())?)
            }
            removed => Ok(removed?),
        }
    }

    /// Removes the immutable flags. If that is not allowed, the caller's next operation fails with
    /// the error.
    fn make_mutable(file: BorrowedFd<'_>) {
        if let Ok(flags) = ioctl_getflags(file) {
            let _ = ioctl_setflags(file, flags - (IFlags::IMMUTABLE | IFlags::APPEND));
        }
    }

    /// Returns a number that no other removal of this process has.
    fn next_number() -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        LAST.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::{fs, io, path::Path};

    use super::{DEPTH_MAX, LEAST, Taken};

    /// Measures a folder. Owners are not changed on this system.
    pub(in super::super) fn take_over(root: &Path, _owner: Option<u32>) -> Taken {
        measure(root)
    }

    /// Measures a folder in which a script may be running.
    pub(in super::super) fn measure(root: &Path) -> Taken {
        let mut taken = Taken::default();
        add(&mut taken, root, 0);
        taken
    }

    fn add(taken: &mut Taken, folder: &Path, depth: u32) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(about) = entry.metadata() else {
                continue;
            };
            taken.bytes += about.len().max(LEAST);
            match about.is_dir() {
                true if depth < DEPTH_MAX => add(taken, &entry.path(), depth + 1),
                is_folder => taken.is_too_deep |= is_folder,
            }
        }
    }

    /// Does nothing, because new entries can't be distinguished safely from older ones.
    pub(in super::super) fn cut(_root: &Path, _before: &Taken, _allowed: u64) {}

    /// Returns an error, because the change would follow a link.
    #[cfg(unix)]
    pub(in super::super) fn unlock(
        _at: std::os::fd::BorrowedFd<'_>,
        _name: &Path,
    ) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Removes a file, or a folder with everything in it.
    pub(in super::super) fn remove(path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path)?.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        }
    }
}
