//! Lists and finds the runs under one root.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use svar_wire::RunId;

use super::error::{FileAction, FolderError};
use super::folder::{RunFolder, ServiceKind};
use super::format::{HEADER_FILE, JOURNAL_FILE};

/// The runs under one root.
#[derive(Debug, Clone)]
pub struct Runs {
    root: PathBuf,
}

impl Runs {
    /// Returns the runs under this folder, which need not exist.
    pub fn in_folder(root: impl Into<PathBuf>) -> Self {
        Runs { root: root.into() }
    }

    /// Returns all runs, newest first. Folders that are not runs are skipped.
    ///
    /// # Errors
    /// The root can't be listed.
    pub fn list(&self) -> Result<Vec<RunFolder>, FolderError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(FolderError::io(FileAction::Read, &self.root))?,
        };
        let mut runs: Vec<RunFolder> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| RunFolder::open(entry.path()).ok())
            .collect();
        // By id, not by time: ids begin with the real time, while an emulator has its own clock.
        runs.sort_by(|a, b| b.header().run.cmp(&a.header().run));
        Ok(runs)
    }

    /// Returns an error for each folder that holds a header or a journal and can't be read as a
    /// run. Those that were never started come last. Returns nothing if the root can't be listed.
    pub fn unreadable(&self) -> Vec<FolderError> {
        let entries = fs::read_dir(&self.root).into_iter().flatten();
        let mut paths: Vec<PathBuf> = (entries.filter_map(Result::ok))
            .map(|entry| entry.path())
            .filter(|path| is_run(path))
            .collect();
        paths.sort();
        let mut errors: Vec<FolderError> = (paths.into_iter())
            .filter_map(|path| RunFolder::open(path).err())
            .collect();
        errors.sort_by_key(|error| matches!(error, FolderError::NeverStarted { .. }));
        errors
    }

    /// Returns the newest unfinished run. A rehearsal whose emulator ended with its process can't
    /// be resumed, so it is returned only if there is no other run.
    ///
    /// # Errors
    /// The root can't be listed.
    pub fn newest_unfinished(&self) -> Result<Option<RunFolder>, FolderError> {
        let unfinished = self.list()?.into_iter().filter(|run| !run.is_finished());
        let (ended_rehearsals, resumable): (Vec<RunFolder>, Vec<RunFolder>) =
            unfinished.partition(|run| run.header().service.kind == ServiceKind::BuiltInEmulator);
        Ok(resumable.into_iter().chain(ended_rehearsals).next())
    }

    /// Finds a run by its id, by the beginning of its id, or by its path.
    ///
    /// # Errors
    /// There is no such run, or several ids have this beginning.
    pub fn find(&self, text: &str) -> Result<RunFolder, FolderError> {
        let as_path = Path::new(text);
        if is_run(as_path) {
            return RunFolder::open(as_path);
        }
        let as_id = self.root.join(text);
        if RunId::parse(text).is_ok() && is_run(&as_id) {
            return RunFolder::open(as_id);
        }
        let mut matching: Vec<RunFolder> = self
            .list()?
            .into_iter()
            .filter(|run| !text.is_empty() && run.header().run.as_str().starts_with(text))
            .collect();
        match (matching.pop(), matching.len()) {
            (Some(run), 0) => Ok(run),
            (None, _) => Err(FolderError::NotFound(format!(
                "no run `{text}` in {}",
                self.root.display()
            ))),
            (Some(_), more) => Err(FolderError::NotFound(format!(
                "`{text}` matches {} runs in {}; use more characters of the id",
                more + 1,
                self.root.display()
            ))),
        }
    }
}

/// Returns whether a run was started in this folder, even if some of its files are missing.
fn is_run(path: &Path) -> bool {
    path.join(HEADER_FILE).is_file() || path.join(JOURNAL_FILE).is_file()
}
