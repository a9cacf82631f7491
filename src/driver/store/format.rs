//! What writer and reader of a run folder agree on: names of files, formats, the form of a journal's line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use svar_engine::FORMAT;
use svar_wire::{Moment, RunId};

use crate::driver::hash::hex;

/// The format of the folder. A folder with a greater number is refused with words.
pub const FOLDER_FORMAT: u32 = 1;

/// The run's header; a folder without it is no run.
pub(super) const HEADER_FILE: &str = "run.json";

/// What a run came to; a folder with it holds a run that is over.
pub(super) const SUMMARY_FILE: &str = "summary.json";

/// The journal's file name in a run folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// `prev` of line 0.
pub(super) const NO_PREVIOUS_HASH: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// Line 0: whose journal this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// When the run began.
    pub at: Moment,
    /// The format of the lines that follow.
    pub journal: u32,
    /// The run.
    pub run: RunId,
    /// The digest of its plan.
    pub plan: String,
    /// The version that began it.
    pub svar: String,
    /// What else the run began with: the files of its folder that never change, with their SHA-256.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

impl JournalHeader {
    /// The first line of a new journal.
    pub fn new(run: RunId, plan: impl Into<String>, at: Moment) -> Self {
        JournalHeader {
            at,
            journal: FORMAT,
            run,
            plan: plan.into(),
            svar: env!("CARGO_PKG_VERSION").to_owned(),
            files: BTreeMap::new(),
        }
    }

    /// The same, with a file that is to stay as it is.
    #[must_use]
    pub fn with_file(mut self, name: &str, bytes: &[u8]) -> Self {
        self.files
            .insert(name.to_owned(), hex(&Sha256::digest(bytes)));
        self
    }
}

pub(super) fn hash_suffix(hash: &str) -> String {
    format!(r#","hash":"{hash}"}}"#)
}
