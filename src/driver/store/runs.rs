//! The runs under one root.

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
    /// The runs under this folder, which need not exist.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Runs { root: root.into() }
    }

    /// All of them, newest first. What is no run folder is passed over.
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
        // By id, not by time: ids begin with the real time, while an emulator's clock is its own.
        runs.sort_by(|a, b| b.header().run.cmp(&a.header().run));
        Ok(runs)
    }

    /// What is wrong with each folder that holds a journal and can't be read as a run; those that were
    /// never begun come last. Nothing where the root can't be listed.
    pub fn unreadable(&self) -> Vec<FolderError> {
        let entries = fs::read_dir(&self.root).into_iter().flatten();
        let mut paths: Vec<PathBuf> = (entries.filter_map(Result::ok))
            .map(|entry| entry.path())
            .filter(|path| is_a_run(path))
            .collect();
        paths.sort();
        let mut errors: Vec<FolderError> = (paths.into_iter())
            .filter_map(|path| RunFolder::open(path).err())
            .collect();
        errors.sort_by_key(|error| matches!(error, FolderError::NeverStarted { .. }));
        errors
    }

    /// The newest run that is not over. A rehearsal whose emulator went with its process can't go
    /// on, so it comes only where there is no other.
    ///
    /// # Errors
    /// The root can't be listed.
    pub fn newest_unfinished(&self) -> Result<Option<RunFolder>, FolderError> {
        let unfinished = self.list()?.into_iter().filter(|run| !run.is_finished());
        let (gone, living): (Vec<RunFolder>, Vec<RunFolder>) =
            unfinished.partition(|run| run.header().service.kind == ServiceKind::BuiltInEmulator);
        Ok(living.into_iter().chain(gone).next())
    }

    /// The run of that id, or of that beginning of an id, or at that path.
    ///
    /// # Errors
    /// There is none, or the beginning fits several.
    pub fn find(&self, text: &str) -> Result<RunFolder, FolderError> {
        let as_path = Path::new(text);
        if is_a_run(as_path) {
            return RunFolder::open(as_path);
        }
        let as_id = self.root.join(text);
        if RunId::parse(text).is_ok() && is_a_run(&as_id) {
            return RunFolder::open(as_id);
        }
        let mut fitting: Vec<RunFolder> = self
            .list()?
            .into_iter()
            .filter(|run| !text.is_empty() && run.header().run.as_str().starts_with(text))
            .collect();
        match (fitting.pop(), fitting.len()) {
            (Some(run), 0) => Ok(run),
            (None, _) => Err(FolderError::NotFound(format!(
                "no run is called `{text}` under {}",
                self.root.display()
            ))),
            (Some(_), more) => Err(FolderError::NotFound(format!(
                "`{text}` is the beginning of {} runs under {}: write more of it",
                more + 1,
                self.root.display()
            ))),
        }
    }
}

/// Whether somebody began a run there, whatever became of its files.
fn is_a_run(path: &Path) -> bool {
    path.join(HEADER_FILE).is_file() || path.join(JOURNAL_FILE).is_file()
}
