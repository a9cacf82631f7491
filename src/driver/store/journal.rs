//! The journal: what was announced and what happened, in order, on disk before anything is sent.
//!
//! A file of JSON lines that only grows. Each line carries its number, the hash of the line before
//! it, and its own hash:
//!
//! ```text
//! {"n":7,"prev":"<64 digits>","at":1770109811123,"device":0,"fact":"start_announced",…,"hash":"<64 digits>"}
//! ```
//!
//! `hash` is the SHA-256 of the line's bytes before `,"hash":`, which contain `prev`; so a line
//! can't be changed, dropped, added or moved without breaking every line after it. Line 0 names
//! the format, the run, its plan, and the hashes of the files that the run began with.
//!
//! Writing is in groups: [`Journal::append`] collects, [`Journal::write`] hands all that was collected
//! to the system at once, and [`Journal::commit`] returns when everything is durable. Effects wait for
//! that return. What nothing waits for is written and not synced: the death of the process loses none
//! of it, and the loss of power at most the last records, whose calls are then made again.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use svar_engine::Fact;

use crate::driver::hash::hex;

use super::disk::sync_folder;
use super::error::{FileAction, JournalError};
use super::format::{JOURNAL_FILE, JournalHeader, NO_PREVIOUS_HASH, hash_suffix};
use super::journal_reader::{JournalContents, read};
use super::lock::{Lock, LockError};

/// How much was written, for tests and benches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalCounters {
    /// Lines, without those that were there at opening.
    pub records: u64,
    /// Waits for the disk.
    pub syncs: u64,
}

/// A journal open for writing. Dropping it releases the run for others.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// What the name meant when the file was opened.
    identity: Identity,
    _lock: Lock,
    next: u64,
    last_hash: String,
    /// Bytes of the file that are known to be whole lines.
    whole: u64,
    /// Those of them that stay whatever happens.
    durable: u64,
    waiting: Vec<u8>,
    waiting_records: u64,
    counters: JournalCounters,
    /// Set by a failed write or sync: what the file holds is then not known, so nothing may rely
    /// on it any more until it is read anew.
    broken: bool,
}

impl Journal {
    /// Begins the journal of a new run: line 0 is durable on return, the file's name as well.
    ///
    /// # Errors
    /// There is one already, another process holds the folder, or the disk refuses.
    pub fn create(folder: &Path, opening: &JournalHeader) -> Result<Journal, JournalError> {
        let path = folder.join(JOURNAL_FILE);
        let lock = take_lock(folder)?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(JournalError::io(FileAction::Create, &path))?;
        let identity = identity(&path).map_err(JournalError::io(FileAction::Create, &path))?;
        let mut journal = Journal {
            path,
            file,
            identity,
            _lock: lock,
            next: 0,
            last_hash: NO_PREVIOUS_HASH.to_owned(),
            whole: 0,
            durable: 0,
            waiting: Vec::new(),
            waiting_records: 0,
            counters: JournalCounters::default(),
            broken: false,
        };
        journal.push(opening)?;
        journal.commit()?;
        sync_folder(folder).map_err(JournalError::io(FileAction::Sync, folder))?;
        Ok(journal)
    }

    /// Takes up the journal of a run that was left, and hands out what it holds.
    ///
    /// A last line without its end is cut: the process died while writing it, and nothing was sent
    /// on the strength of it, because sending waits for the finished write.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn open(folder: &Path) -> Result<(Journal, JournalContents), JournalError> {
        let path = folder.join(JOURNAL_FILE);
        let lock = take_lock(folder)?;
        let reading = read(folder)?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(JournalError::io(FileAction::Read, &path))?;
        if reading.torn > 0 {
            file.set_len(reading.bytes)
                .and_then(|()| file.sync_all())
                .map_err(JournalError::io(FileAction::Write, &path))?;
        }
        let identity = identity(&path).map_err(JournalError::io(FileAction::Read, &path))?;
        let journal = Journal {
            path,
            file,
            identity,
            _lock: lock,
            next: reading.facts.len() as u64 + 1,
            last_hash: reading.last_hash.clone(),
            whole: reading.bytes,
            // Whether the process before synced all of it is not known.
            durable: 0,
            waiting: Vec::new(),
            waiting_records: 0,
            counters: JournalCounters::default(),
            broken: false,
        };
        Ok((journal, reading))
    }

    /// Collects a fact for the next [`Journal::commit`].
    ///
    /// # Errors
    /// None of the disk's: nothing is written yet.
    pub fn append(&mut self, fact: &Fact) -> Result<(), JournalError> {
        self.push(fact)
    }

    fn push(&mut self, record: &impl Serialize) -> Result<(), JournalError> {
        let json = serde_json::to_string(record)
            .map_err(|error| JournalError::io(FileAction::Write, &self.path)(error.into()))?;
        let inner = json
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .unwrap_or_default();
        let body = format!(r#"{{"n":{},"prev":"{}",{inner}"#, self.next, self.last_hash);
        self.last_hash = hex(&Sha256::digest(body.as_bytes()));
        self.waiting.extend_from_slice(body.as_bytes());
        self.waiting
            .extend_from_slice(format!("{}\n", hash_suffix(&self.last_hash)).as_bytes());
        self.waiting_records += 1;
        self.next += 1;
        Ok(())
    }

    /// Hands what was collected to the system, without waiting for the disk.
    ///
    /// # Errors
    /// As for [`Journal::commit`].
    pub fn write(&mut self) -> Result<(), JournalError> {
        if self.broken {
            let error = std::io::Error::other("an earlier write failed");
            return Err(JournalError::io(FileAction::Write, &self.path)(error));
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(&self.waiting) {
            return Err(self.fail(error));
        }
        self.whole += self.waiting.len() as u64;
        self.waiting.clear();
        self.counters.records += self.waiting_records;
        self.waiting_records = 0;
        Ok(())
    }

    /// Writes what was collected and returns when all of the journal is durable, and found again under
    /// its name. Without anything to write or to sync it returns at once.
    ///
    /// # Errors
    /// The disk refused, for example because it is full, or somebody removed or replaced the file.
    /// Nothing may be sent any more on the strength of this journal, and every later commit fails as
    /// well: after a failed sync the system may have dropped what it could not write, so only reading
    /// the file anew tells.
    pub fn commit(&mut self) -> Result<(), JournalError> {
        self.write()?;
        if self.durable == self.whole {
            return Ok(());
        }
        if let Err(error) = self.file.sync_data() {
            return Err(self.fail(error));
        }
        self.durable = self.whole;
        self.counters.syncs += 1;
        self.look_for_name()
    }

    /// A file without its name takes every word and keeps none for the next process.
    fn look_for_name(&mut self) -> Result<(), JournalError> {
        let error = match identity(&self.path) {
            Ok(identity) if identity == self.identity => return Ok(()),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                JournalError::io(FileAction::Read, &self.path)(error)
            }
            _ => JournalError::Replaced {
                path: self.path.clone(),
            },
        };
        self.broken = true;
        Err(error)
    }

    fn fail(&mut self, error: std::io::Error) -> JournalError {
        self.broken = true;
        // So that a reader meets no half line; if this fails too, he cuts it himself.
        let _ = self.file.set_len(self.whole);
        JournalError::io(FileAction::Write, &self.path)(error)
    }

    /// Bytes of the file that even the loss of power leaves there.
    pub fn durable_bytes(&self) -> u64 {
        self.durable
    }

    /// Whether anything waits for a commit.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.durable < self.whole
    }

    /// How much was written since it was opened.
    pub fn counters(&self) -> JournalCounters {
        self.counters
    }
}

/// Which file has a name: its device and number there. Where the system tells no such thing, only
/// whether there is one.
type Identity = (u64, u64);

fn identity(path: &Path) -> std::io::Result<Identity> {
    let metadata = std::fs::metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Ok((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        drop(metadata);
        Ok((0, 0))
    }
}

fn take_lock(folder: &Path) -> Result<Lock, JournalError> {
    Lock::take(folder).map_err(|error| match error {
        LockError::Held { holder } if holder.is_empty() => JournalError::Locked {
            holder: "another process".to_owned(),
        },
        LockError::Held { holder } => JournalError::Locked { holder },
        LockError::Io(source) => JournalError::io(FileAction::Lock, folder)(source),
    })
}
