//! What was really applied, in order: the judge in tests of clients.

use serde::Serialize;

use crate::moment::Moment;
use crate::wire::Command;

use super::message::{Request, Response};
use super::refusal::Refusal;
use super::route::form_pairs;
use super::stamp::stamp;

/// One thing that was really done.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    seq: u64,
    at: String,
    kind: Kind,
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

macro_rules! kinds {
    ($($kind:ident = $name:literal),+ $(,)?) => {
        /// What an entry tells of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        pub(crate) enum Kind {
            $(#[serde(rename = $name)] $kind),+
        }

        /// Their names.
        const KINDS: &[&str] = &[$($name),+];

        impl Kind {
            fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name),+
                }
            }
        }
    };
}

kinds! {
    SessionStarted = "session_started",
    FilePut = "file_put",
    ScriptRun = "script_run",
    FileRead = "file_read",
    SessionEnded = "session_ended",
    Cancelled = "cancelled",
    DeviceRestarted = "device_restarted",
    LibraryUploaded = "library_uploaded",
    LibraryOverwritten = "library_overwritten",
    LibraryDeleted = "library_deleted",
}

/// Who misspells what he asks for must not take the answer for an empty ledger.
fn check_query(pairs: &[(String, String)]) -> Result<(), Refusal> {
    const KEYS: &[&str] = &["after", "top", "kind", "machine", "action", "format"];
    const FORMATS: &[&str] = &["json", "lines"];
    let one_of = |what: &str, given: &str, known: &[&str]| match known.contains(&given) {
        true => Ok(()),
        false => Err(Refusal::invalid(format!(
            "The ledger knows no {what} '{given}'; it knows {}.",
            known.join(", ")
        ))),
    };
    for (place, (key, value)) in pairs.iter().enumerate() {
        one_of("parameter", key, KEYS)?;
        match key.as_str() {
            "kind" => one_of("kind", &value.to_ascii_lowercase(), KINDS)?,
            "format" => one_of("format", &value.to_ascii_lowercase(), FORMATS)?,
            _ => {}
        }
        if pairs[..place].iter().any(|(earlier, _)| earlier == key) {
            return Err(Refusal::invalid(format!(
                "'{key}' is given more than once."
            )));
        }
    }
    Ok(())
}

impl Ledger {
    pub(crate) fn add(&mut self, now: Moment, kind: Kind, note: Note) {
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

    /// What the admin path answers: the entries after `after`, at most `top` of them, of that `kind`,
    /// `machine` and `action`, where the query says so; `format=lines` gives a line of JSON each.
    /// `last` is the number of the newest entry there is, `next` what to ask `after` for the rest.
    pub(crate) fn answer(&self, request: &Request) -> Result<Response, Refusal> {
        let pairs = form_pairs(&request.query);
        check_query(&pairs)?;
        let find = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let number = |name: &str| -> Result<Option<usize>, Refusal> {
            find(name)
                .map(|text| {
                    text.parse()
                        .map_err(|_| Refusal::invalid(format!("'{name}' must be a number.")))
                })
                .transpose()
        };
        let is_wanted = |entry: &&Entry| {
            let same = |known: Option<&str>, name: &str| {
                find(name).is_none_or(|wanted| {
                    known.is_some_and(|known| known.eq_ignore_ascii_case(wanted))
                })
            };
            same(Some(entry.kind.name()), "kind")
                && same(entry.machine.as_deref(), "machine")
                && same(entry.action.as_deref(), "action")
        };
        let after = number("after")?.unwrap_or(0).min(self.entries.len());
        let top = number("top")?.unwrap_or(usize::MAX);
        // Numbers count from 1 without a gap, so an entry's number is also how many come through it.
        let mut found = self.entries[after..].iter().filter(is_wanted);
        let page: Vec<&Entry> = found.by_ref().take(top).collect();
        let is_cut = found.next().is_some();
        if find("format").is_some_and(|format| format.eq_ignore_ascii_case("lines")) {
            let mut text = String::new();
            for entry in page {
                text.push_str(&serde_json::to_string(entry).unwrap_or_default());
                text.push('\n');
            }
            return Ok(Response::text(200, "application/x-ndjson", text));
        }
        let next = page.last().map_or(after as u64, |entry| entry.seq);
        let mut answer = serde_json::json!({ "entries": page, "last": self.entries.len() });
        if is_cut {
            answer["next"] = next.into();
        }
        Ok(Response::json(200, &answer))
    }
}
