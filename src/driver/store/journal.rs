//! The journal: announcements and events in order, on disk before anything is sent.
//!
//! It is a file of JSON lines that only grows. Each line has its number, the hash of the line
//! before it, and its own hash:
//!
//! ```text
//! {"n":7,"prev":"<64 digits>","at":1770109811123,"device":0,"fact":"start_announced",…,"hash":"<64 digits>"}
//! ```
//!
//! `hash` is the SHA-256 of the line's bytes before `,"hash":`. They contain `prev`, so a line
//! can't be changed, removed, added or moved without invalidating every line after it. Line 0 has
//! the format, the run, its plan, and the hashes of the files that the run started with.
//!
//! Lines are written in groups: [`Journal::append`] collects them, [`Journal::write`] passes them
//! to the system at once, and [`Journal::commit`] returns when all of them are durable. Calls with
//! an effect wait for that return. Other facts are written and not synced: a crash of the process
//! loses none of them, and a loss of power at most the last records, whose calls are then made
//! again.

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

/// Amounts written to a journal, for tests and benches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalCounters {
    /// Number of lines, without those that were there when it was opened.
    pub records: u64,
    /// Number of syncs.
    pub syncs: u64,
}

/// A journal open for writing. Dropping it releases the run's lock.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// The file that had the journal's name when it was opened.
    identity: Identity,
    _lock: Lock,
    next: u64,
    last_hash: String,
    /// Number of bytes that are known to be complete lines.
    written: u64,
    /// Number of those bytes that survive a loss of power.
    durable: u64,
    pending: Vec<u8>,
    pending_records: u64,
    counters: JournalCounters,
    /// Set by a failed write or sync. The content of the file is then unknown, so nothing may rely
    /// on it until it is read again.
    failed: bool,
}

impl Journal {
    /// Creates the journal of a new run. Line 0 and the name of the file are durable on return.
    ///
    /// # Errors
    /// The journal exists already, another process holds the lock, or the disk fails.
    pub fn create(folder: &Path, header: &JournalHeader) -> Result<Journal, JournalError> {
        let path = folder.join(JOURNAL_FILE);
        let lock = acquire_lock(folder)?;
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
            written: 0,
            durable: 0,
            pending: Vec::new(),
            pending_records: 0,
            counters: JournalCounters::default(),
            failed: false,
        };
        journal.push(header)?;
        journal.commit()?;
        sync_folder(folder).map_err(JournalError::io(FileAction::Sync, folder))?;
        Ok(journal)
    }

    /// Opens the journal of an existing run and returns what it holds.
    ///
    /// An incomplete last line is cut off: the process ended while writing it, and no call was
    /// sent that depends on it, because calls wait for the write to finish.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn open(folder: &Path) -> Result<(Journal, JournalContents), JournalError> {
        let path = folder.join(JOURNAL_FILE);
        let lock = acquire_lock(folder)?;
        let contents = read(folder)?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(JournalError::io(FileAction::Read, &path))?;
        if contents.torn > 0 {
            file.set_len(contents.bytes)
                .and_then(|()| file.sync_all())
                .map_err(JournalError::io(FileAction::Write, &path))?;
        }
        let identity = identity(&path).map_err(JournalError::io(FileAction::Read, &path))?;
        let journal = Journal {
            path,
            file,
            identity,
            _lock: lock,
            next: contents.facts.len() as u64 + 1,
            last_hash: contents.last_hash.clone(),
            written: contents.bytes,
            // Whether the previous process synced all of it is not known.
            durable: 0,
            pending: Vec::new(),
            pending_records: 0,
            counters: JournalCounters::default(),
            failed: false,
        };
        Ok((journal, contents))
    }

    /// Collects a fact for the next [`Journal::commit`].
    ///
    /// # Errors
    /// No error of the disk, because nothing is written yet.
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
        self.pending.extend_from_slice(body.as_bytes());
        self.pending
            .extend_from_slice(format!("{}\n", hash_suffix(&self.last_hash)).as_bytes());
        self.pending_records += 1;
        self.next += 1;
        Ok(())
    }

    /// Passes the collected lines to the system, without waiting for the disk.
    ///
    /// # Errors
    /// As for [`Journal::commit`].
    pub fn write(&mut self) -> Result<(), JournalError> {
        if self.failed {
            let error = std::io::Error::other("an earlier write failed");
            return Err(JournalError::io(FileAction::Write, &self.path)(error));
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(&self.pending) {
            return Err(self.break_off(error));
        }
        self.written += self.pending.len() as u64;
        self.pending.clear();
        self.counters.records += self.pending_records;
        self.pending_records = 0;
        Ok(())
    }

    /// Writes the collected lines and returns when the whole journal is durable and still has its
    /// name. Returns at once if there is nothing to write or sync.
    ///
    /// # Errors
    /// The disk fails, for example because it is full, or the file was removed or replaced.
    /// Nothing that depends on this journal may be sent any more, and every later commit fails as
    /// well: after a failed sync the system may have dropped what it could not write, so the
    /// content is known only after the file is read again.
    pub fn commit(&mut self) -> Result<(), JournalError> {
        self.write()?;
        if self.durable == self.written {
            return Ok(());
        }
        if let Err(error) = self.file.sync_data() {
            return Err(self.break_off(error));
        }
        self.durable = self.written;
        self.counters.syncs += 1;
        self.check_not_replaced()
    }

    /// Checks that the file still has its name. Without it, writes succeed but the next process
    /// would not find them.
    fn check_not_replaced(&mut self) -> Result<(), JournalError> {
        let error = match identity(&self.path) {
            Ok(identity) if identity == self.identity => return Ok(()),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                JournalError::io(FileAction::Read, &self.path)(error)
            }
            _ => JournalError::Replaced {
                path: self.path.clone(),
            },
        };
        self.failed = true;
        Err(error)
    }

    fn break_off(&mut self, error: std::io::Error) -> JournalError {
        self.failed = true;
        // So that readers see no incomplete line. If this fails too, readers cut it off themselves.
        let _ = self.file.set_len(self.written);
        JournalError::io(FileAction::Write, &self.path)(error)
    }

    /// Returns how many bytes of the file survive a loss of power.
    pub fn durable_bytes(&self) -> u64 {
        self.durable
    }

    /// Returns whether anything is not durable yet.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty() || self.durable < self.written
    }

    /// Returns how much was written since the journal was opened.
    pub fn counters(&self) -> JournalCounters {
        self.counters
    }
}

/// Identifies a file by its device and inode. On systems without them, all files are equal.
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

fn acquire_lock(folder: &Path) -> Result<Lock, JournalError> {
    Lock::acquire(folder).map_err(|error| match error {
        LockError::Held { holder } if holder.is_empty() => JournalError::Locked {
            holder: "another process".to_owned(),
        },
        LockError::Held { holder } => JournalError::Locked { holder },
        LockError::Io(source) => JournalError::io(FileAction::Lock, folder)(source),
    })
}
