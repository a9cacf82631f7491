//! Files that appear whole or not at all, and stay.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::FolderError;

/// Files under construction begin so; what a crash left of them is swept up later.
const DRAFT: &str = ".new-";

/// Writes beside its place, syncs, renames, syncs the folder.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut draft = draft_in(folder)?;
        draft.write_all(bytes)?;
        settle(draft, path)
    };
    write().map_err(FolderError::disk(path, "written"))
}

/// A file that has no name of its own yet.
pub(crate) fn draft_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(DRAFT).tempfile_in(folder)
}

/// Gives a written file its name, durably.
pub(crate) fn settle(draft: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    draft.as_file().sync_all()?;
    draft.persist(path).map_err(|error| error.error)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// What a run collects is for its operator alone.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, FolderError> {
    let file = File::open(path).map_err(FolderError::disk(path, "read"))?;
    serde_json::from_reader(io::BufReader::new(file)).map_err(|error| FolderError::Malformed {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

pub(crate) fn pretty(value: &impl Serialize) -> Vec<u8> {
    // Values of ours have text keys only, so writing them can't fail; an empty file would be
    // noticed at the next reading.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Makes the names in a folder durable. Where the system has no such call, the files' own sync
/// must do.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

/// Removes what a killed process left half-written below a folder.
pub(crate) fn sweep(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sweep(&entry.path())?;
        } else if entry.file_name().to_string_lossy().starts_with(DRAFT) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
