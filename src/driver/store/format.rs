//! Definitions shared by the writer and the reader of a run folder: names of files, format numbers,
//! and the form of a journal line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use svar_engine::FORMAT;
use svar_wire::{Moment, RunId};

use crate::driver::hash::hex;

/// Format of the folder. A folder with a greater number is rejected.
pub const FOLDER_FORMAT: u32 = 1;

/// The header of a run. A folder without it is not a run.
pub(super) const HEADER_FILE: &str = "run.json";

/// The summary of a run. A folder with it holds a finished run.
pub(super) const SUMMARY_FILE: &str = "summary.json";

/// The journal's file name in a run folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// Value of `prev` in the first line.
pub(super) const NO_PREVIOUS_HASH: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// First line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// The time when the run started.
    pub at: Moment,
    /// Format of the journal.
    pub format: u32,
    /// The run.
    pub run: RunId,
    /// The digest of its plan.
    pub plan_digest: String,
    /// The version of svar that started it.
    pub svar_version: String,
    /// The files of the folder that never change, with their SHA-256 hashes.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

impl JournalHeader {
    /// Returns the first line of a new journal.
    pub fn new(run: RunId, plan_digest: impl Into<String>, at: Moment) -> Self {
        JournalHeader {
            at,
            format: FORMAT,
            run,
            plan_digest: plan_digest.into(),
            svar_version: env!("CARGO_PKG_VERSION").to_owned(),
            files: BTreeMap::new(),
        }
    }

    /// Adds a file that must not change.
    #[must_use]
    pub fn with_file(mut self, name: &str, bytes: &[u8]) -> Self {
        self.files
            .insert(name.to_owned(), hex(&Sha256::digest(bytes)));
        self
    }
}

/// Returns the end of a journal line: its hash and the closing brace.
pub(super) fn hash_suffix(hash: &str) -> String {
    format!(r#","hash":"{hash}"}}"#)
}
