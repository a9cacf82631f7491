//! Writes files atomically and durably.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{FileAction, FolderError};

/// Prefix of files that are being written. Those left by a crash are removed later.
const DRAFT_PREFIX: &str = ".new-";

/// Writes a file under a temporary name, syncs it, renames it, and syncs the folder.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut draft = create_draft_in(folder)?;
        draft.write_all(bytes)?;
        persist(draft, path)
    };
    write().map_err(FolderError::io(FileAction::Write, path))
}

/// Creates a temporary file in the folder in which it will be renamed.
pub(crate) fn create_draft_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(DRAFT_PREFIX)
        .tempfile_in(folder)
}

/// Syncs a written file and renames it to its final name.
pub(crate) fn persist(draft: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    draft.as_file().sync_all()?;
    draft.persist(path).map_err(|error| error.error)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Creates a folder that only the user can read, because it will hold what a run collects.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Reads a JSON file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, FolderError> {
    let file = File::open(path).map_err(FolderError::io(FileAction::Read, path))?;
    serde_json::from_reader(io::BufReader::new(file)).map_err(|error| FolderError::Malformed {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

/// Returns the value as JSON on several lines.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec_pretty(value).expect("internal error: a value that is no JSON");
    bytes.push(b'\n');
    bytes
}

/// Waits until the names in a folder are on disk. On systems without such a call, the sync of the
/// files has to be enough.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

/// Removes the files below a folder that a killed process left incomplete.
pub(crate) fn remove_drafts(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_drafts(&entry.path())?;
        } else if entry
            .file_name()
            .to_string_lossy()
            .starts_with(DRAFT_PREFIX)
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
