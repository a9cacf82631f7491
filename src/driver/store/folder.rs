//! The folder of a run: everything that is needed to resume it, and everything it produces.
//!
//! ```text
//! svar-runs/<run>/
//!   run.json                 the header: which run this is, and on which service
//!   playbook.yaml            the playbook's bytes
//!   inputs.json              the inputs, secret ones left out
//!   targets.json             the devices, as they were when the run started
//!   plan.json                the plan, for people
//!   library/<sha256>-<name>  the library files it uses
//!   journal.jsonl  lock      see the journal
//!   results/<device>/        a record for each command, and its output as received
//!   files/<device>/<step>/   collected files
//!   summary.json  summary.txt  when the run has finished
//! ```
//!
//! Each file is complete as soon as it has its name: it is written under another name, synced, and
//! renamed. `run.json` is written last, so a folder without it is not a run. If the process is
//! killed before that, the folder has at most the first line of a journal.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use svar_plan::{LimitsProfile, Target};
use svar_wire::Moment;
use svar_wire::{LibraryName, RunId};

use crate::driver::hash::hex;
use crate::driver::library::LibraryItem;

use super::disk::{
    create_draft_in, make_private_folder, read_json, remove_drafts, sync_folder, to_json,
    write_file,
};
use super::error::{FileAction, FolderError, JournalError};
use super::format::{FOLDER_FORMAT, HEADER_FILE, JOURNAL_FILE, JournalHeader, SUMMARY_FILE};
use super::journal::Journal;
use super::journal_reader as reading;
use super::moment_text;

/// Maximum number of lines of `summary.json` that precede those of the devices.
const SUMMARY_HEAD_LINES: usize = 64;

/// `run.json`: the header of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// The [`FOLDER_FORMAT`] of the version that wrote it.
    pub format: u32,
    /// The version of svar that wrote it.
    pub svar_version: String,
    /// The run.
    pub run: RunId,
    /// The time when it started, on the run's clock.
    #[serde(with = "moment_text")]
    pub started: Moment,
    /// The playbook's name.
    pub playbook: String,
    /// The path of the playbook, as the user specified it.
    pub playbook_file: String,
    /// The plan's digest.
    pub plan_digest: String,
    /// Number of devices.
    pub devices: usize,
    /// The limits that it was planned for.
    pub limits: LimitsProfile,
    /// The operator who started it; empty if unknown.
    #[serde(default)]
    pub operator: String,
    /// The case it belongs to; empty if none was named.
    #[serde(default)]
    pub case: String,
    /// The service it uses.
    pub service: ServiceRecord,
}

/// The service a run uses, fixed for the whole run. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// The kind of service.
    pub kind: ServiceKind,
    /// The root of the API.
    pub api: String,
    /// The root of the token endpoint.
    pub authority: String,
    /// The scope to request for the token.
    pub scope: String,
    /// The id of the tenant.
    pub tenant_id: String,
    /// The id of the application.
    pub client_id: String,
}

/// The kind of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceKind {
    /// A real tenant.
    Tenant,
    /// An emulator in another process.
    Emulator,
    /// The emulator inside this process.
    BuiltInEmulator,
}

/// The files of a new run folder, apart from its header.
#[derive(Debug)]
pub struct InitialFiles<'a> {
    /// The playbook's bytes.
    pub playbook: &'a [u8],
    /// The inputs, secret ones left out.
    pub inputs: &'a serde_json::Value,
    /// The target set.
    pub targets: &'a [Target],
    /// The plan document, secrets masked.
    pub plan: &'a serde_json::Value,
    /// The library files it uses.
    pub library: &'a [LibraryItem],
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    header: RunHeader,
}

impl RunFolder {
    /// Creates the folder of a new run under `root` with its journal, and locks the journal. All of
    /// it is on disk on return; on an error the folder is removed again.
    ///
    /// # Errors
    /// The run exists already, or the file system refuses.
    pub fn create(
        root: &Path,
        header: RunHeader,
        initial: &InitialFiles<'_>,
    ) -> Result<(RunFolder, Journal), FolderError> {
        let path = root.join(header.run.as_str());
        if path.exists() {
            let error = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(FolderError::io(FileAction::Create, &path)(error));
        }
        fs::create_dir_all(root).map_err(FolderError::io(FileAction::Create, root))?;
        make_private_folder(&path).map_err(FolderError::io(FileAction::Create, &path))?;
        match Self::write_initial_files(&path, &header, initial) {
            Ok(journal) => Ok((RunFolder { path, header }, journal)),
            Err(error) => {
                // A folder without a header is not a run, so a failed removal is harmless.
                let _ = fs::remove_dir_all(&path);
                Err(error)
            }
        }
    }

    fn write_initial_files(
        path: &Path,
        header: &RunHeader,
        initial: &InitialFiles<'_>,
    ) -> Result<Journal, FolderError> {
        let mut journal_header = JournalHeader::new(
            header.run.clone(),
            header.plan_digest.clone(),
            header.started,
        );
        let header = to_json(header);
        for (name, bytes) in [
            ("playbook.yaml", initial.playbook),
            ("inputs.json", &to_json(initial.inputs)),
            ("targets.json", &to_json(&initial.targets)),
            ("plan.json", &to_json(initial.plan)),
        ] {
            write_file(&path.join(name), bytes)?;
            journal_header = journal_header.with_file(name, bytes);
        }
        journal_header = journal_header.with_file(HEADER_FILE, &header);
        if !initial.library.is_empty() {
            let library = path.join("library");
            fs::create_dir(&library).map_err(FolderError::io(FileAction::Create, &library))?;
            for item in initial.library {
                let name = format!("{}-{}", item.sha256, item.name);
                write_file(&library.join(name), &item.bytes)?;
            }
        }
        let journal = Journal::create(path, &journal_header)?;
        write_file(&path.join(HEADER_FILE), &header)?;
        let root = path.parent().unwrap_or(path);
        sync_folder(root).map_err(FolderError::io(FileAction::Sync, root))?;
        Ok(journal)
    }

    /// Opens the folder of an existing run.
    ///
    /// # Errors
    /// It is not a run folder, or a newer version of svar wrote it.
    pub fn open(path: impl Into<PathBuf>) -> Result<RunFolder, FolderError> {
        let path = path.into();
        let file = path.join(HEADER_FILE);
        // The header is written before the first record. A folder with neither was never started;
        // a folder with records has lost its header.
        if !file.exists() && reading::has_records(&path).is_ok_and(|recorded| !recorded) {
            return Err(FolderError::NeverStarted { path });
        }
        let value: serde_json::Value = read_json(&file)?;
        let found = value["format"].as_u64().unwrap_or_default();
        if found > u64::from(FOLDER_FORMAT) {
            return Err(FolderError::NewerFormat { path: file, found });
        }
        let header = serde_json::from_value(value).map_err(|error| FolderError::Malformed {
            path: file,
            why: error.to_string(),
        })?;
        Ok(RunFolder { path, header })
    }

    /// Checks that header, playbook, inputs, targets and plan are unchanged, by the hashes in the
    /// first line of the journal.
    ///
    /// # Errors
    /// A file was changed or removed, or the journal can't be read.
    pub fn check_unchanged(&self) -> Result<(), FolderError> {
        let header = reading::read_header(&self.path)?;
        for (name, sha256) in &header.files {
            let path = self.path.join(name);
            let bytes = fs::read(&path).map_err(FolderError::io(FileAction::Read, &path))?;
            if hex(&Sha256::digest(&bytes)) != *sha256 {
                let why = "it was changed after the run started".to_owned();
                return Err(FolderError::Malformed { path, why });
            }
        }
        Ok(())
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the header.
    pub fn header(&self) -> &RunHeader {
        &self.header
    }

    /// Returns whether the run has finished: every device has its end state, and a summary exists.
    pub fn is_finished(&self) -> bool {
        self.path.join(SUMMARY_FILE).exists()
    }

    /// Checks, by the last line alone, that the journal of a finished run is complete. Only a
    /// replay is certain.
    ///
    /// # Errors
    /// The journal ends before the time that the summary names.
    pub fn check_journal_end(&self) -> Result<(), FolderError> {
        let Some(until) = self.ended() else {
            return Ok(());
        };
        match reading::last_moment(&self.path) {
            Some(last) if last < until => Err(FolderError::Journal(self.incomplete_journal())),
            _ => Ok(()),
        }
    }

    /// Returns when the run ended according to its summary. Reads only the first lines, because a
    /// list of runs reads many summaries.
    fn ended(&self) -> Option<Moment> {
        let file = fs::File::open(self.path.join(SUMMARY_FILE)).ok()?;
        let lines = io::BufReader::new(file).lines().map_while(Result::ok);
        let value = lines
            .take(SUMMARY_HEAD_LINES)
            .find_map(|line| Some(line.strip_prefix(r#"  "ended": ""#)?.to_owned()))?;
        Moment::parse(value.split('"').next()?).ok()
    }

    /// Returns the error for a run that has finished by its summary, but not by its journal.
    pub fn incomplete_journal(&self) -> JournalError {
        JournalError::Incomplete {
            path: self.path.join(JOURNAL_FILE),
        }
    }

    /// Reads the playbook.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn playbook(&self) -> Result<Vec<u8>, FolderError> {
        let path = self.path.join("playbook.yaml");
        fs::read(&path).map_err(FolderError::io(FileAction::Read, &path))
    }

    /// Reads `inputs.json`: the inputs without the secret ones.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn inputs(&self) -> Result<String, FolderError> {
        let path = self.path.join("inputs.json");
        fs::read_to_string(&path).map_err(FolderError::io(FileAction::Read, &path))
    }

    /// Reads the devices of the run.
    ///
    /// # Errors
    /// The file can't be read or parsed.
    pub fn targets(&self) -> Result<Vec<Target>, FolderError> {
        read_json(&self.path.join("targets.json"))
    }

    /// Reads the library files that the run uses.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn library(&self) -> Result<Vec<LibraryItem>, FolderError> {
        let folder = self.path.join("library");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(FolderError::io(FileAction::Read, &folder))?,
        };
        let mut items = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(FolderError::io(FileAction::Read, &folder))?
                .path();
            let malformed = |why: &str| FolderError::Malformed {
                path: path.clone(),
                why: why.to_owned(),
            };
            let (sha256, name) = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.split_once('-'))
                .ok_or_else(|| malformed("its file name is not `<sha256>-<name>`"))?;
            let name = LibraryName::parse(name).map_err(|error| malformed(&error.to_string()))?;
            let bytes = fs::read(&path).map_err(FolderError::io(FileAction::Read, &path))?;
            let item = LibraryItem::new(name, bytes);
            if item.sha256 != sha256 {
                return Err(malformed("its content does not have the hash in its name"));
            }
            items.push(item);
        }
        items.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(items)
    }

    /// Writes a file atomically: a reader sees the old content or the new one, even after a loss
    /// of power. Creates missing folders. `relative` must come from `file_names`, never
    /// from text that a device sent.
    ///
    /// # Errors
    /// The file system refuses; the file is as before.
    pub fn write(&self, relative: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(relative);
        self.create_parent(&path)?;
        write_file(&path, bytes)
    }

    /// Writes a file atomically without waiting for the disk: a loss of power may undo it.
    ///
    /// # Errors
    /// The file system refuses; the file is as before.
    pub(crate) fn write_without_sync(
        &self,
        relative: &str,
        bytes: &[u8],
    ) -> Result<(), FolderError> {
        let path = self.path.join(relative);
        self.create_parent(&path)?;
        let folder = path.parent().unwrap_or(&self.path);
        let write = || {
            let mut draft = create_draft_in(folder)?;
            draft.write_all(bytes)?;
            draft.persist(&path).map_err(|error| error.error)
        };
        write()
            .map(|_| ())
            .map_err(FolderError::io(FileAction::Write, &path))
    }

    /// Removes files that a killed process left incomplete. The caller must hold the lock.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn remove_drafts(&self) -> Result<(), FolderError> {
        for part in ["results", "files"] {
            let folder = self.path.join(part);
            remove_drafts(&folder).map_err(FolderError::io(FileAction::Remove, &folder))?;
        }
        Ok(())
    }

    /// Writes the summary. From then on the run counts as finished.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn finish(&self, summary: &serde_json::Value, text: &str) -> Result<(), FolderError> {
        write_file(&self.path.join("summary.txt"), text.as_bytes())?;
        write_file(&self.path.join(SUMMARY_FILE), &to_json(summary))
    }

    /// Creates the parent folder of `path` durably. Does not recreate the run's own folder if
    /// it was removed: a part of a run would look like a run.
    pub(crate) fn create_parent(&self, path: &Path) -> Result<(), FolderError> {
        let Some(folder) = path.parent() else {
            return Ok(());
        };
        if folder == self.path {
            return if self.path.join(HEADER_FILE).exists() {
                Ok(())
            } else {
                Err(FolderError::Journal(JournalError::Replaced {
                    path: self.path.join(JOURNAL_FILE),
                }))
            };
        }
        if folder.is_dir() {
            return Ok(());
        }
        self.create_parent(folder)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(FolderError::io(FileAction::Create, folder)(error));
            }
            _ => {}
        }
        match folder.parent() {
            Some(parent) => sync_folder(parent).map_err(FolderError::io(FileAction::Sync, parent)),
            None => Ok(()),
        }
    }
}
