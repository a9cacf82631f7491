//! Lists and finds the runs under one root.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use svar_wire::RunId;

use super::error::{FileAction, FolderError};
use super::folder::{RunFolder, ServiceKind};
use super::format::{HEADER_FILE, JOURNAL_FILE};
use super::request::active_process;

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

    /// Returns all runs, newest first. Skips folders that can't be read as a run; those that were
    /// one are in [`unreadable`](Runs::unreadable).
    ///
    /// # Errors
    /// The root can't be listed.
    pub fn list(&self) -> Result<Vec<RunFolder>, FolderError> {
        let mut runs: Vec<RunFolder> = (self.paths()?.into_iter())
            .filter_map(|path| RunFolder::open(path).ok())
            .collect();
        // By id, not by time: ids begin with the real time, while an emulator has its own clock.
        runs.sort_by(|a, b| b.header().run.cmp(&a.header().run));
        Ok(runs)
    }

    /// Returns an error for each folder that holds a header or a journal and can't be read as a
    /// run. Those that were never started come last. Returns nothing if the root can't be listed.
    pub fn unreadable(&self) -> Vec<FolderError> {
        let mut errors: Vec<FolderError> = (self.paths().unwrap_or_default().into_iter())
            .filter(|path| holds_header_or_journal(path))
            .filter_map(|path| RunFolder::open(path).err())
            .collect();
        errors.sort_by_key(|error| matches!(error, FolderError::NeverStarted { .. }));
        errors
    }

    /// Returns the paths of everything in the root, sorted.
    fn paths(&self) -> Result<Vec<PathBuf>, FolderError> {
        let list = || -> io::Result<Vec<PathBuf>> {
            (fs::read_dir(&self.root)?)
                .map(|entry| Ok(entry?.path()))
                .collect()
        };
        let mut paths = match list() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(FolderError::io(FileAction::Read, &self.root))?,
        };
        paths.sort();
        Ok(paths)
    }

    /// Returns the newest unfinished run. A rehearsal whose emulator ended with its process can't
    /// be resumed, so it is returned only if there is no other run. One that is active counts as
    /// any other run.
    ///
    /// # Errors
    /// The root can't be listed.
    pub fn newest_unfinished(&self) -> Result<Option<RunFolder>, FolderError> {
        let unfinished = self.list()?.into_iter().filter(|run| !run.is_finished());
        let (ended_rehearsals, resumable): (Vec<RunFolder>, Vec<RunFolder>) =
            unfinished.partition(|run| {
                run.header().service.kind == ServiceKind::BuiltInEmulator
                    && matches!(active_process(run.path()), Ok(None))
            });
        Ok(resumable.into_iter().chain(ended_rehearsals).next())
    }

    /// Finds a run by its path, by its id, or by the beginning of its id, in this order.
    ///
    /// # Errors
    /// There is no such run, it can't be read, several ids have this beginning, or the root can't
    /// be listed.
    pub fn find(&self, text: &str) -> Result<RunFolder, FolderError> {
        let as_path = Path::new(text);
        if holds_header_or_journal(as_path) {
            return RunFolder::open(as_path);
        }
        let as_id = self.root.join(text);
        if RunId::parse(text).is_ok() && holds_header_or_journal(&as_id) {
            return RunFolder::open(as_id);
        }
        // The id of a run that can't be read is known from the name of its folder.
        let id = |path: &Path, run: &Result<RunFolder, FolderError>| match run {
            Ok(run) => Some(run.header().run.to_string()),
            Err(_) => Some(path.file_name()?.to_str()?.to_owned()),
        };
        let mut matching: Vec<Result<RunFolder, FolderError>> = (self.paths()?.into_iter())
            .filter(|path| !text.is_empty() && holds_header_or_journal(path))
            .map(|path| (RunFolder::open(&path), path))
            .filter(|(run, path)| id(path, run).is_some_and(|id| id.starts_with(text)))
            .map(|(run, _)| run)
            .collect();
        match (matching.pop(), matching.len()) {
            (Some(run), 0) => run,
            (None, _) => Err(FolderError::NotFound {
                run: text.to_owned(),
                root: self.root.clone(),
            }),
            (Some(_), more) => Err(FolderError::Ambiguous {
                run: text.to_owned(),
                root: self.root.clone(),
                matches: more + 1,
            }),
        }
    }
}

/// Returns whether this folder is that of a run, even if some of its files are missing.
fn holds_header_or_journal(path: &Path) -> bool {
    path.join(HEADER_FILE).is_file() || path.join(JOURNAL_FILE).is_file()
}
