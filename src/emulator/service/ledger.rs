//! What was really applied, in order: the judge in tests of clients.

use serde::Serialize;

use crate::moment::Moment;
use crate::wire::Command;

use super::message::Response;
use super::stamp::stamp;

/// One thing that was really done.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    seq: u64,
    at: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: Option<Vec<Command>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// An entry while it is put together.
#[derive(Debug, Default)]
pub(crate) struct Note {
    pub(crate) machine: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) commands: Option<Vec<Command>>,
    pub(crate) index: Option<usize>,
    pub(crate) status: Option<&'static str>,
    pub(crate) exit: Option<i64>,
    pub(crate) name: Option<String>,
    pub(crate) sha256: Option<String>,
}

/// All entries.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
}

impl Ledger {
    pub(crate) fn add(&mut self, now: Moment, kind: &'static str, note: Note) {
        self.entries.push(Entry {
            seq: self.entries.len() as u64 + 1,
            at: stamp(now),
            kind,
            machine: note.machine,
            action: note.action,
            comment: note.comment,
            commands: note.commands,
            index: note.index,
            status: note.status,
            exit: note.exit,
            name: note.name,
            sha256: note.sha256,
        });
    }

    /// The entries from that place on, as lines of JSON.
    pub(crate) fn lines_from(&self, place: usize) -> Vec<String> {
        let rest = self.entries.get(place..).unwrap_or_default();
        rest.iter()
            .filter_map(|entry| serde_json::to_string(entry).ok())
            .collect()
    }

    /// All of it, as the admin path answers.
    pub(crate) fn answer(&self) -> Response {
        Response::json(200, &serde_json::json!({ "entries": self.entries }))
    }
}
