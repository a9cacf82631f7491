//! Reads a journal: all of it, or only its first or last line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use svar_engine::{FORMAT, Fact};
use svar_wire::Moment;

use crate::driver::hash::hex;

use super::error::{FileAction, JournalError};
use super::format::{JOURNAL_FILE, JournalHeader, NO_PREVIOUS_HASH, hash_suffix};

/// Length of `,"hash":"`, 64 digits, and `"}` in bytes.
const HASH_SUFFIX_LENGTH: usize = 9 + 64 + 2;

/// Number of bytes at the end of a journal that are searched for its last line. Commands with the
/// longest arguments need less.
const TAIL_BYTES: u64 = 1 << 18;

/// The content of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalContents {
    /// Line 0.
    pub header: JournalHeader,
    /// The other lines, in order.
    pub facts: Vec<Fact>,
    /// The hash of the last line, which covers the whole journal.
    pub last_hash: String,
    /// Number of bytes of whole lines.
    pub bytes: u64,
    /// Number of bytes after the last whole line, from a write that was interrupted.
    pub torn: u64,
}

/// Reads a run's journal and checks the hash of every line. Changes nothing and needs no lock, so
/// the journal of an active run can be read.
///
/// # Errors
/// See [`JournalError`]. An incomplete last line is not an error.
pub fn read(folder: &Path) -> Result<JournalContents, JournalError> {
    let path = folder.join(JOURNAL_FILE);
    let mut file = File::open(&path).map_err(JournalError::io(FileAction::Read, &path))?;
    file.seek(SeekFrom::Start(0))
        .map_err(JournalError::io(FileAction::Read, &path))?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut chain = HashChain {
        path: &path,
        next: 0,
        last_hash: NO_PREVIOUS_HASH.to_owned(),
    };
    let mut header = None;
    let mut facts = Vec::new();
    let mut bytes = 0;
    let mut line = Vec::new();
    let torn = loop {
        line.clear();
        let length = reader
            .read_until(b'\n', &mut line)
            .map_err(JournalError::io(FileAction::Read, &path))?;
        // The end of the file, or an incomplete line: the process ended while it wrote this
        // record. An invalid line anywhere else is damage. Guessing its content could start a
        // session twice.
        if line.pop() != Some(b'\n') {
            break length as u64;
        }
        match &header {
            None => header = Some(chain.header(&line)?),
            Some(_) => facts.push(chain.record(&line)?),
        }
        bytes += length as u64;
    };
    let Some(header) = header else {
        return Err(chain.damaged("the first line is missing"));
    };
    Ok(JournalContents {
        header,
        facts,
        last_hash: chain.last_hash,
        bytes,
        torn,
    })
}

/// Reads only the first line of a run's journal.
///
/// # Errors
/// As for [`read`].
pub(crate) fn read_header(folder: &Path) -> Result<JournalHeader, JournalError> {
    let path = folder.join(JOURNAL_FILE);
    let file = File::open(&path).map_err(JournalError::io(FileAction::Read, &path))?;
    let mut chain = HashChain {
        path: &path,
        next: 0,
        last_hash: NO_PREVIOUS_HASH.to_owned(),
    };
    let mut line = Vec::new();
    BufReader::new(file)
        .read_until(b'\n', &mut line)
        .map_err(JournalError::io(FileAction::Read, &path))?;
    match line.pop() {
        Some(b'\n') => chain.header(&line),
        _ => Err(chain.damaged("the first line is missing")),
    }
}

/// Returns whether there is a complete record after the first line.
pub(crate) fn has_records(folder: &Path) -> Result<bool, JournalError> {
    let path = folder.join(JOURNAL_FILE);
    let read_error = || JournalError::io(FileAction::Read, &path);
    let mut reader = BufReader::new(File::open(&path).map_err(read_error())?);
    let mut line = Vec::new();
    for _ in 0..2 {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(read_error())?;
    }
    Ok(line.ends_with(b"\n"))
}

/// Returns the time of the last record without reading the others; `None` if there is no record, or
/// if its line is longer than [`TAIL_BYTES`].
pub(crate) fn last_moment(folder: &Path) -> Option<Moment> {
    #[derive(Deserialize)]
    struct LineTime {
        at: Moment,
    }
    let mut file = File::open(folder.join(JOURNAL_FILE)).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))
        .ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let end = tail.iter().rposition(|byte| *byte == b'\n')?;
    let line = tail[..end].rsplit(|byte| *byte == b'\n').next()?;
    serde_json::from_slice(line)
        .ok()
        .map(|line: LineTime| line.at)
}

/// Checks the hash chain from line to line.
struct HashChain<'p> {
    path: &'p Path,
    next: u64,
    last_hash: String,
}

impl HashChain<'_> {
    fn damaged(&self, why: impl Into<String>) -> JournalError {
        JournalError::Damaged {
            path: self.path.to_owned(),
            line: self.next + 1,
            why: why.into(),
        }
    }

    fn header(&mut self, line: &[u8]) -> Result<JournalHeader, JournalError> {
        // The format is checked before the hash: a newer format may hash differently.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        if let Ok(Format { format: found }) = serde_json::from_slice(line)
            && found > FORMAT
        {
            return Err(JournalError::NewerFormat { found });
        }
        self.record(line)
    }

    fn record<T: serde::de::DeserializeOwned>(&mut self, line: &[u8]) -> Result<T, JournalError> {
        #[derive(Deserialize)]
        struct ChainFields {
            n: u64,
            prev: String,
        }
        let body = &line[..line.len().saturating_sub(HASH_SUFFIX_LENGTH)];
        let hash = hex(&Sha256::digest(body));
        if &line[body.len()..] != hash_suffix(&hash).as_bytes() {
            return Err(self.damaged("hash mismatch"));
        }
        let fields: ChainFields = serde_json::from_slice(line)
            .map_err(|error| self.damaged(format!("not a record ({error})")))?;
        if fields.n != self.next {
            return Err(self.damaged(format!("expected record {}, found {}", self.next, fields.n)));
        }
        if fields.prev != self.last_hash {
            return Err(self.damaged("it does not follow the previous record"));
        }
        let record = serde_json::from_slice(line)
            .map_err(|error| self.damaged(format!("not a record ({error})")))?;
        self.last_hash = hash;
        self.next += 1;
        Ok(record)
    }
}
