//! The folder of a run: everything needed to go on with it, and everything it leaves.
//!
//! ```text
//! svar-runs/<run>/
//!   run.json                 whose run this is, against which service
//!   playbook.yaml            the playbook's bytes
//!   inputs.json              the inputs, secret ones left out
//!   targets.json             the target set, frozen
//!   plan.json                the plan as people read it
//!   library/<sha256>-<name>  the library files it uses
//!   journal.jsonl  lock      see the journal
//!   results/<device>/       a record for each command, and the bytes of its output as they came
//!   files/<device>/<step>/  collected files
//!   summary.json  summary.txt  when the run is over
//! ```
//!
//! Each file appears under its name when it is complete: written beside its place, synced, renamed.
//! `run.json` is written last of all, so that a folder without it is no run: what a process that was
//! killed meanwhile leaves has at most the first line of a journal.

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
    draft_in, make_private_folder, pretty, read_json, sweep, sync_folder, write_file,
};
use super::error::{FolderError, JournalError};
use super::format::{FOLDER_FORMAT, HEADER_FILE, JOURNAL_FILE, JournalHeader, SUMMARY_FILE};
use super::journal::Journal;
use super::journal_reader as reading;
use super::moment_text;

/// Lines of the summary before those of its devices, at most.
const SUMMARY_LINES: usize = 64;

/// `run.json`: whose run this is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// [`FOLDER_FORMAT`] of the version that wrote it.
    pub format: u32,
    /// The version that wrote it.
    pub svar: String,
    /// The run.
    pub run: RunId,
    /// When it began, on the run's clock.
    #[serde(with = "moment_text")]
    pub started: Moment,
    /// The playbook's name.
    pub playbook: String,
    /// The playbook's file, as the user named it.
    pub file: String,
    /// The plan's digest.
    pub plan: String,
    /// How many devices it has.
    pub devices: usize,
    /// The limits it was planned for.
    pub limits: LimitsProfile,
    /// Who runs it; empty where nobody was named.
    #[serde(default)]
    pub operator: String,
    /// The case it belongs to; empty where none was named.
    #[serde(default)]
    pub case: String,
    /// The service it speaks to.
    pub service: ServiceRecord,
}

/// The service a run speaks to, pinned for the whole run. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// What it is.
    pub kind: ServiceKind,
    /// The root of the API.
    pub api: String,
    /// The root of the token endpoint.
    pub authority: String,
    /// What the token is asked for.
    pub scope: String,
    /// The tenant.
    pub tenant: String,
    /// The application.
    pub client: String,
}

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceKind {
    /// A real tenant.
    Tenant,
    /// An emulator that runs by itself.
    Emulator,
    /// The emulator inside this program.
    BuiltInEmulator,
}

/// What a run folder begins with, beside its header.
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
    /// Makes the folder of a new run under `root`, with its journal, which it also locks. All of it
    /// is durable on return; on an error nothing is left under its name.
    ///
    /// # Errors
    /// There is such a run already, or the disk refuses.
    pub fn create(
        root: &Path,
        header: RunHeader,
        beginning: &InitialFiles<'_>,
    ) -> Result<(RunFolder, Journal), FolderError> {
        let path = root.join(header.run.as_str());
        if path.exists() {
            let error = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(FolderError::disk(&path, "created")(error));
        }
        fs::create_dir_all(root).map_err(FolderError::disk(root, "created"))?;
        make_private_folder(&path).map_err(FolderError::disk(&path, "created"))?;
        match Self::fill(&path, &header, beginning) {
            Ok(journal) => Ok((RunFolder { path, header }, journal)),
            Err(error) => {
                // Without its header it is no run; what is left of it is in the way at most.
                let _ = fs::remove_dir_all(&path);
                Err(error)
            }
        }
    }

    fn fill(
        path: &Path,
        header: &RunHeader,
        beginning: &InitialFiles<'_>,
    ) -> Result<Journal, FolderError> {
        let mut opening =
            JournalHeader::new(header.run.clone(), header.plan.clone(), header.started);
        let header = pretty(header);
        for (name, bytes) in [
            ("playbook.yaml", beginning.playbook),
            ("inputs.json", &pretty(beginning.inputs)),
            ("targets.json", &pretty(&beginning.targets)),
            ("plan.json", &pretty(beginning.plan)),
        ] {
            write_file(&path.join(name), bytes)?;
            opening = opening.with_file(name, bytes);
        }
        opening = opening.with_file(HEADER_FILE, &header);
        if !beginning.library.is_empty() {
            let library = path.join("library");
            fs::create_dir(&library).map_err(FolderError::disk(&library, "created"))?;
            for item in beginning.library {
                let name = format!("{}-{}", item.sha256, item.name);
                write_file(&library.join(name), &item.bytes)?;
            }
        }
        let journal = Journal::create(path, &opening)?;
        write_file(&path.join(HEADER_FILE), &header)?;
        let root = path.parent().unwrap_or(path);
        sync_folder(root).map_err(FolderError::disk(root, "made durable"))?;
        Ok(journal)
    }

    /// Opens the folder of a run that exists.
    ///
    /// # Errors
    /// It is no run folder, or a newer version wrote it.
    pub fn open(path: impl Into<PathBuf>) -> Result<RunFolder, FolderError> {
        let path = path.into();
        let file = path.join(HEADER_FILE);
        // The header stands before the first record is written: without either, it was never begun.
        // With records, the header is lost.
        if !file.exists() && reading::has_records(&path).is_ok_and(|recorded| !recorded) {
            return Err(FolderError::NeverBegan { path });
        }
        let value: serde_json::Value = read_json(&file)?;
        let found = value["format"].as_u64().unwrap_or_default();
        if found > u64::from(FOLDER_FORMAT) {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(FolderError::Newer { path: file, found });
        }
        let header = serde_json::from_value(value).map_err(|error| FolderError::Malformed {
            path: file,
            why: error.to_string(),
        })?;
        Ok(RunFolder { path, header })
    }

    /// Makes sure that the run still is what it began as: the first line of its journal has the hashes
    /// of header, playbook, inputs, targets and plan.
    ///
    /// # Errors
    /// A file was changed or is gone, or the journal can't be read.
    pub fn confirm(&self) -> Result<(), FolderError> {
        let opening = reading::read_opening(&self.path)?;
        for (name, sha256) in &opening.files {
            let path = self.path.join(name);
            let bytes = fs::read(&path).map_err(FolderError::disk(&path, "read"))?;
            if hex(&Sha256::digest(&bytes)) != *sha256 {
                let why = "it was changed after the run began".to_owned();
                return Err(FolderError::Malformed { path, why });
            }
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose run it is.
    pub fn header(&self) -> &RunHeader {
        &self.header
    }

    /// Whether the run is over: every device has its end state, and the summary stands.
    pub fn is_finished(&self) -> bool {
        self.path.join(SUMMARY_FILE).exists()
    }

    /// Makes sure, by the journal's last line alone, that the journal of a run that is over has its end.
    /// A replay tells for certain.
    ///
    /// # Errors
    /// The journal stops before the end that the summary names.
    pub fn confirm_end(&self) -> Result<(), FolderError> {
        let Some(until) = self.ended() else {
            return Ok(());
        };
        match reading::last_moment(&self.path) {
            Some(last) if last < until => Err(FolderError::Journal(self.short_journal())),
            _ => Ok(()),
        }
    }

    /// When the run ended by its summary, without reading the many devices that follow there: a list of
    /// runs has many summaries.
    fn ended(&self) -> Option<Moment> {
        let file = fs::File::open(self.path.join(SUMMARY_FILE)).ok()?;
        let lines = io::BufReader::new(file).lines().map_while(Result::ok);
        let value = lines
            .take(SUMMARY_LINES)
            .find_map(|line| Some(line.strip_prefix(r#"  "ended": ""#)?.to_owned()))?;
        Moment::parse(value.split('"').next()?).ok()
    }

    /// The damage of a run that is over by its summary, and not by its journal.
    pub fn short_journal(&self) -> JournalError {
        JournalError::Short {
            path: self.path.join(JOURNAL_FILE),
        }
    }

    /// The playbook's bytes.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn playbook(&self) -> Result<Vec<u8>, FolderError> {
        let path = self.path.join("playbook.yaml");
        fs::read(&path).map_err(FolderError::disk(&path, "read"))
    }

    /// The inputs, secret ones left out: the text of `inputs.json`.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn inputs(&self) -> Result<String, FolderError> {
        let path = self.path.join("inputs.json");
        fs::read_to_string(&path).map_err(FolderError::disk(&path, "read"))
    }

    /// The target set.
    ///
    /// # Errors
    /// The file can't be read, or is not one.
    pub fn targets(&self) -> Result<Vec<Target>, FolderError> {
        read_json(&self.path.join("targets.json"))
    }

    /// The library files the run uses.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn library(&self) -> Result<Vec<LibraryItem>, FolderError> {
        let folder = self.path.join("library");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(FolderError::disk(&folder, "read"))?,
        };
        let mut items = Vec::new();
        for entry in entries {
            let path = entry.map_err(FolderError::disk(&folder, "read"))?.path();
            let malformed = |why: &str| FolderError::Malformed {
                path: path.clone(),
                why: why.to_owned(),
            };
            let (sha256, name) = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.split_once('-'))
                .ok_or_else(|| malformed("its name is not a hash and a name"))?;
            let name = LibraryName::parse(name).map_err(|error| malformed(&error.to_string()))?;
            let bytes = fs::read(&path).map_err(FolderError::disk(&path, "read"))?;
            let item = LibraryItem::new(name, bytes);
            if item.sha256 != sha256 {
                return Err(malformed("its bytes are not those of its hash"));
            }
            items.push(item);
        }
        items.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(items)
    }

    /// Writes a file of the run whole: a reader sees the old bytes or the new ones, also after a
    /// power loss. Folders on the way are made. `relative` is built from [`super::file_names`], never
    /// from a stranger's words.
    ///
    /// # Errors
    /// The disk refuses; the place is as before.
    pub fn write(&self, relative: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(relative);
        self.make_folder_of(&path)?;
        write_file(&path, bytes)
    }

    /// The same without waiting for the disk: whole or not at all, but a power loss may undo it.
    ///
    /// # Errors
    /// The disk refuses; the place is as before.
    pub(crate) fn write_lightly(&self, relative: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(relative);
        self.make_folder_of(&path)?;
        let folder = path.parent().unwrap_or(&self.path);
        let write = || {
            let mut draft = draft_in(folder)?;
            draft.write_all(bytes)?;
            draft.persist(&path).map_err(|error| error.error)
        };
        write()
            .map(|_| ())
            .map_err(FolderError::disk(&path, "written"))
    }

    /// Removes what a process that was killed left half-written. Only for who holds the lock.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn sweep(&self) -> Result<(), FolderError> {
        for part in ["results", "files"] {
            let folder = self.path.join(part);
            sweep(&folder).map_err(FolderError::disk(&folder, "swept"))?;
        }
        Ok(())
    }

    /// Writes the end of the run: from now on it counts as finished.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn finish(&self, summary: &serde_json::Value, text: &str) -> Result<(), FolderError> {
        write_file(&self.path.join("summary.txt"), text.as_bytes())?;
        write_file(&self.path.join(SUMMARY_FILE), &pretty(summary))
    }

    /// Makes the folder that `path` lies in, durably. The run's own folder is not made anew where it
    /// was taken away: a part of a run would look like one.
    pub(crate) fn make_folder_of(&self, path: &Path) -> Result<(), FolderError> {
        let Some(folder) = path.parent() else {
            return Ok(());
        };
        if folder == self.path {
            return match self.path.join(HEADER_FILE).exists() {
                true => Ok(()),
                false => Err(FolderError::Journal(JournalError::Gone {
                    path: self.path.join(JOURNAL_FILE),
                })),
            };
        }
        if folder.is_dir() {
            return Ok(());
        }
        self.make_folder_of(folder)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(FolderError::disk(folder, "created")(error));
            }
            _ => {}
        }
        match folder.parent() {
            Some(parent) => sync_folder(parent).map_err(FolderError::disk(parent, "made durable")),
            None => Ok(()),
        }
    }
}
