//! Linux: every step goes through handles.

use std::collections::HashSet;
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

use super::usage::{DEPTH_MAX, ENTRY_BYTES_MIN, FolderUsage};

const OPEN_FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::RDONLY);

/// The largest number of folders that a removal keeps open. Deeper folders are moved to the top first.
const OPEN_FOLDERS_MAX: u32 = 32;

/// Measures a folder in which no script is running. With an owner, everything in it is given to that
/// user.
pub(crate) fn measure_and_chown(root: &Path, owner: Option<u32>) -> FolderUsage {
    let chown = |at: BorrowedFd<'_>, name: &CStr| {
        let (user, group) = owner.map(|id| (Uid::from_raw(id), Gid::from_raw(id)))?;
        // A file whose owner can't be changed can't be written by scripts, and does no harm.
        chownat(at, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        statat(at, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    };
    if owner.is_some() {
        let _ = root.into_with_c_str(|root| Ok(chown(CWD, root)));
    }
    let mut count = UsageCounter::default();
    for_each_entry(root, &mut |found| {
        let has_other_owner = owner.is_some_and(|owner| owner != found.stat.st_uid);
        let chowned = has_other_owner
            .then(|| chown(found.at, found.name))
            .flatten();
        count.add(&chowned.unwrap_or(*found.stat), found.depth);
    });
    count.usage
}

/// Measures a folder in which a script may be running.
pub(crate) fn measure(root: &Path) -> FolderUsage {
    measure_and_chown(root, None)
}

/// Removes files and folders that were changed after `before` was measured, the newest first, until the
/// usage is at most `bytes_max`, and everything that is nested too deep. Folders that existed before
/// stay, empty or not.
pub(crate) fn remove_excess(root: &Path, before: &FolderUsage, bytes_max: u64) {
    let mut count = UsageCounter::default();
    let mut new = Vec::new();
    for_each_entry(root, &mut |found| {
        let bytes = count.add(found.stat, found.depth);
        if change_time(found.stat) > before.last_change {
            new.push((change_time(found.stat), bytes));
        }
    });
    new.sort_unstable();
    // Everything changed at `oldest` or later is removed. If everything fits, `oldest` is `None`.
    let mut remaining = count.usage.bytes;
    let mut oldest = None;
    while remaining > bytes_max
        && let Some((change_time, bytes)) = new.pop()
    {
        remaining = remaining.saturating_sub(bytes);
        oldest = Some(change_time);
    }
    for_each_entry(root, &mut |found| {
        let is_excess = oldest.is_some_and(|oldest| change_time(found.stat) >= oldest);
        // What can't be removed stays, and does not count against the next script.
        let _ = if !is_folder(found.stat) {
            if is_excess {
                unlink(found.at, found.name)
            } else {
                Ok(())
            }
        } else if found.depth >= DEPTH_MAX {
            remove_tree(found.at, found.name)
        } else if !is_excess || before.folders.contains(&found.stat.st_ino) {
            Ok(())
        } else {
            unlinkat(found.at, found.name, AtFlags::REMOVEDIR).map_err(io::Error::from)
        };
    });
}

/// Removes a file, or a folder with everything in it, however deep, long or protected that is.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let above = openat(CWD, above, OPEN_FOLDER, Mode::empty())?;
    let name = CString::new(name.as_bytes())?;
    remove_tree(above.as_fd(), &name)
}

/// A file or folder found by a walk.
struct TreeEntry<'a> {
    /// The folder that contains it.
    at: BorrowedFd<'a>,
    name: &'a CStr,
    stat: &'a Stat,
    /// The number of folders between it and the root.
    depth: u32,
}

/// Calls `visit` for everything below a folder, and for a folder after its content. Entries that
/// are nested deeper than [`DEPTH_MAX`] are left out.
fn for_each_entry(root: &Path, visit: &mut dyn FnMut(&TreeEntry<'_>)) {
    if let Ok(root) = open_folder(CWD, root) {
        walk(root, 0, visit);
    }
}

/// Visits the entries of a folder.
fn walk(folder: OwnedFd, depth: u32, visit: &mut dyn FnMut(&TreeEntry<'_>)) {
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
        let Ok(stat) = statat(at, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        if is_folder(&stat)
            && depth < DEPTH_MAX
            && let Ok(below) = open_folder(at, name)
        {
            walk(below, depth + 1, visit);
        }
        visit(&TreeEntry {
            at,
            name,
            stat: &stat,
            depth,
        });
    }
}

/// Opens a folder for reading, even if its owner's permissions were removed.
fn open_folder(at: BorrowedFd<'_>, name: impl Arg + Copy) -> io::Result<OwnedFd> {
    let folder = match openat(at, name, OPEN_FOLDER, Mode::empty()) {
        Err(Errno::ACCESS) => {
            restore_permissions(at, name)?;
            openat(at, name, OPEN_FOLDER, Mode::empty())?
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
pub(crate) fn restore_permissions(at: BorrowedFd<'_>, name: impl Arg) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = openat(at, name, flags, Mode::empty())?;
    let stat = fstat(&handle)?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind != FileType::Directory && kind != FileType::RegularFile {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let permissions = match kind {
        FileType::Directory => Mode::RWXU,
        _ => Mode::RUSR | Mode::WUSR,
    };
    // The mode can only be changed through this path, because the handle is an `O_PATH` one.
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&handle));
    Ok(chmod(
        path,
        Mode::from_raw_mode(stat.st_mode) | permissions,
    )?)
}

/// Adds up the usage of the entries of a walk.
#[derive(Default)]
struct UsageCounter {
    usage: FolderUsage,
    /// Files with several names that have been counted.
    seen_links: HashSet<u64>,
}

impl UsageCounter {
    /// Adds a file or folder, and returns the bytes it takes.
    fn add(&mut self, stat: &Stat, depth: u32) -> u64 {
        self.usage.last_change = self.usage.last_change.max(change_time(stat));
        if is_folder(stat) {
            self.usage.folders.insert(stat.st_ino);
            self.usage.is_too_deep |= depth >= DEPTH_MAX;
        } else if stat.st_nlink > 1 && !self.seen_links.insert(stat.st_ino) {
            return 0;
        }
        // The kernel reports no negative number of blocks.
        let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
        let bytes = blocks.saturating_mul(512).max(ENTRY_BYTES_MIN);
        self.usage.bytes = self.usage.bytes.saturating_add(bytes);
        bytes
    }
}

/// Returns the time of the last change, in seconds and nanoseconds.
fn change_time(stat: &Stat) -> (u64, u64) {
    // A time before 1970 counts as 1970.
    let seconds = u64::try_from(stat.st_ctime).unwrap_or(0);
    (seconds, stat.st_ctime_nsec)
}

fn is_folder(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Removes a file, or a folder with everything in it.
fn remove_tree(top: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
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
    let stat = statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if !is_folder(&stat) {
        return unlink(at, name);
    }
    let folder = open_folder(at, name)?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    if !mode.contains(Mode::RWXU) {
        // The superuser needs no permissions.
        let _ = fchmod(&folder, mode | Mode::RWXU);
    }
    if depth == OPEN_FOLDERS_MAX {
        moved.push(move_to_top(at, name, top)?);
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

/// Moves a folder to `top` under a new name, and returns the name.
fn move_to_top(at: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>) -> io::Result<CString> {
    loop {
        let new_name = CString::new(format!(".deep-{}", unique_number()))?;
        match renameat(at, name, top, &new_name) {
            // An earlier process that was killed has remaining an entry of this name.
            Err(Errno::EXIST | Errno::NOTEMPTY) => {}
            moved => return Ok(moved.map(|()| new_name)?),
        }
    }
}

/// Removes a file.
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
fn unique_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::{Path, PathBuf};

    use super::{FolderUsage, measure, remove_excess};

    /// Creates a file whose time of change is after that of every other file.
    fn create_newest(root: &Path, name: &str, length: usize) -> PathBuf {
        let path = root.join(name);
        let newest = measure(root).last_change;
        loop {
            fs::write(&path, vec![b'x'; length]).expect("a file can be written");
            let metadata = fs::metadata(&path).expect("the file exists");
            let change_time = (metadata.ctime() as u64, metadata.ctime_nsec() as u64);
            if change_time > newest {
                return path;
            }
        }
    }

    /// A folder with three new files, and its usage before and after they were written.
    struct ThreeFiles {
        root: tempfile::TempDir,
        files: [PathBuf; 3],
        before: FolderUsage,
        usages: [u64; 3],
    }

    fn three_files() -> ThreeFiles {
        let root = tempfile::tempdir().expect("a temporary folder");
        create_newest(root.path(), "old", 10_000);
        let before = measure(root.path());
        let mut usages = [0; 3];
        let files = ["first", "second", "third"];
        let files = std::array::from_fn(|index| {
            let file = create_newest(root.path(), files[index], 20_000);
            usages[index] = measure(root.path()).bytes;
            file
        });
        ThreeFiles {
            root,
            files,
            before,
            usages,
        }
    }

    /// Returns which of the three files are left when the folder is cut to `bytes_max`.
    fn left_after(bytes_max: impl FnOnce(&ThreeFiles) -> u64) -> [bool; 3] {
        let folder = three_files();
        remove_excess(folder.root.path(), &folder.before, bytes_max(&folder));
        assert!(folder.root.path().join("old").exists());
        folder.files.each_ref().map(|file| file.exists())
    }

    #[test]
    fn tree_that_just_fits_is_left_as_it_is() {
        assert_eq!(left_after(|folder| folder.usages[2]), [true, true, true]);
    }

    #[test]
    fn tree_with_one_byte_too_many_loses_the_newest_file() {
        assert_eq!(
            left_after(|folder| folder.usages[2] - 1),
            [true, true, false]
        );
    }

    #[test]
    fn tree_loses_new_files_until_the_rest_just_fits() {
        assert_eq!(left_after(|folder| folder.usages[1]), [true, true, false]);
        assert_eq!(left_after(|folder| folder.usages[0]), [true, false, false]);
        assert_eq!(
            left_after(|folder| folder.before.bytes),
            [false, false, false]
        );
    }

    #[test]
    fn tree_keeps_what_was_there_before_even_if_it_does_not_fit() {
        assert_eq!(left_after(|_| 0), [false, false, false]);
    }
}
