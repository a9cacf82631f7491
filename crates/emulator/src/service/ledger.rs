//! Records what was actually done, in order. Tests of clients compare their results with it.
//!
//! An entry names the action or device it is about, and the details are looked up when the ledger
//! is read. So an entry may refer only to what never changes afterwards: an action's comment and
//! commands, the end of a command, the requestor of a cancel.

use std::cell::Cell;

use serde::Serialize;

use svar_wire::Moment;
use svar_wire::{Command, CommandStatus, CommandType};

use super::actions::{ActionRecord, ActionState, Actions};
use super::index_set::{IndexSet, Union, to_index};
use super::json;
use super::machines::Machines;
use super::message::{JSON, Request, Response};
use super::random::guid;
use super::refusal::Refusal;
use super::route::form_pairs;
use super::timestamp::timestamp;

/// A kind of ledger entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LedgerEvent {
    /// A session was accepted by the service.
    SessionStarted,
    /// A PutFile command ended.
    FilePut,
    /// A RunScript command ended.
    ScriptRun,
    /// A GetFile command ended.
    FileRead,
    /// A session was cancelled.
    Cancelled,
    /// A session reached its final status.
    SessionEnded,
    /// A device restarted.
    DeviceRestarted,
    /// A client uploaded a library file.
    LibraryUploaded,
    /// Another user replaced a library file.
    LibraryOverwritten,
    /// A client deleted a library file.
    LibraryDeleted,
}

/// An entry of the ledger, which records one event that actually took place.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// Number of the entry, counted from 1 without a gap.
    pub seq: u64,
    /// Emulated time, as the service writes times.
    pub at: String,
    /// Kind of the entry.
    pub kind: LedgerEvent,
    /// Id of the device.
    pub device: Option<String>,
    /// Id of the machine action, that is, of the session.
    pub action: Option<String>,
    /// Comment of a start or a cancel.
    pub comment: Option<String>,
    /// Commands of a session that was started.
    pub commands: Vec<Command>,
    /// Index of the command that ended.
    pub index: Option<u32>,
    /// Status in which a command or a session ended.
    pub status: Option<String>,
    /// Exit code of a script.
    pub exit: Option<i64>,
    /// Name of the script or library file, or the path of a file that was read.
    pub name: Option<String>,
    /// SHA-256 of a library file, in hexadecimal digits.
    pub sha256: Option<String>,
}

const LEDGER_EVENTS: [LedgerEvent; 10] = [
    LedgerEvent::SessionStarted,
    LedgerEvent::FilePut,
    LedgerEvent::ScriptRun,
    LedgerEvent::FileRead,
    LedgerEvent::Cancelled,
    LedgerEvent::SessionEnded,
    LedgerEvent::DeviceRestarted,
    LedgerEvent::LibraryUploaded,
    LedgerEvent::LibraryOverwritten,
    LedgerEvent::LibraryDeleted,
];

impl LedgerEvent {
    /// Returns the name as the ledger writes it, such as `session_started`.
    pub fn name(self) -> &'static str {
        match self {
            LedgerEvent::SessionStarted => "session_started",
            LedgerEvent::FilePut => "file_put",
            LedgerEvent::ScriptRun => "script_run",
            LedgerEvent::FileRead => "file_read",
            LedgerEvent::Cancelled => "cancelled",
            LedgerEvent::SessionEnded => "session_ended",
            LedgerEvent::DeviceRestarted => "device_restarted",
            LedgerEvent::LibraryUploaded => "library_uploaded",
            LedgerEvent::LibraryOverwritten => "library_overwritten",
            LedgerEvent::LibraryDeleted => "library_deleted",
        }
    }
}

/// An entry as it is stored. There are about three for each action, so it is kept small.
#[derive(Debug)]
struct Entry {
    at: Moment,
    event: Recorded,
    /// The number of the same device's previous entry; 0 if there is none.
    previous: u32,
}

/// The recorded event, with the indices of what it is about.
#[derive(Debug, Clone, Copy)]
enum Recorded {
    SessionStarted {
        action: u32,
    },
    CommandEnded {
        action: u32,
        /// The index of the action's command.
        command: u32,
        kind: CommandType,
    },
    Cancelled {
        action: u32,
    },
    SessionEnded {
        action: u32,
        state: ActionState,
    },
    DeviceRestarted {
        device: u32,
    },
    LibraryChanged {
        kind: LibraryChangeKind,
        /// The index of the change in the ledger's own list.
        change: u32,
    },
}

impl Recorded {
    fn kind(self) -> LedgerEvent {
        match self {
            Recorded::SessionStarted { .. } => LedgerEvent::SessionStarted,
            Recorded::CommandEnded { kind, .. } => match kind {
                CommandType::PutFile => LedgerEvent::FilePut,
                CommandType::RunScript => LedgerEvent::ScriptRun,
                CommandType::GetFile => LedgerEvent::FileRead,
            },
            Recorded::Cancelled { .. } => LedgerEvent::Cancelled,
            Recorded::SessionEnded { .. } => LedgerEvent::SessionEnded,
            Recorded::DeviceRestarted { .. } => LedgerEvent::DeviceRestarted,
            Recorded::LibraryChanged { kind, .. } => match kind {
                LibraryChangeKind::Uploaded => LedgerEvent::LibraryUploaded,
                LibraryChangeKind::Overwritten => LedgerEvent::LibraryOverwritten,
                LibraryChangeKind::Deleted => LedgerEvent::LibraryDeleted,
            },
        }
    }

    /// Returns the action that the event is about, if it is about one.
    fn action(self) -> Option<u32> {
        match self {
            Recorded::SessionStarted { action }
            | Recorded::CommandEnded { action, .. }
            | Recorded::Cancelled { action }
            | Recorded::SessionEnded { action, .. } => Some(action),
            Recorded::DeviceRestarted { .. } | Recorded::LibraryChanged { .. } => None,
        }
    }
}

/// A kind of change to the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LibraryChangeKind {
    /// A client uploaded a file.
    Uploaded,
    /// Another user replaced a file.
    Overwritten,
    /// A client deleted a file.
    Deleted,
}

/// A change to a library file.
#[derive(Debug)]
struct LibraryChange {
    name: String,
    /// The hash of the new content; `None` if the file was deleted.
    sha256: Option<String>,
}

/// An entry with its details, as it is written.
#[derive(Debug, Default, Serialize)]
struct LedgerLine<'a> {
    seq: u64,
    at: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: Option<Vec<&'a Command>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
}

impl LedgerLine<'_> {
    fn into_entry(self, kind: LedgerEvent) -> LedgerEntry {
        LedgerEntry {
            seq: self.seq,
            at: self.at,
            kind,
            device: self.device.map(str::to_owned),
            action: self.action,
            comment: self.comment.map(str::to_owned),
            commands: (self.commands.into_iter().flatten()).cloned().collect(),
            index: self.index,
            status: self.status.map(str::to_owned),
            exit: self.exit,
            name: self.name.map(str::to_owned),
            sha256: self.sha256.map(str::to_owned),
        }
    }
}

/// All entries. They are numbered from 1 without a gap; an entry's index is its number minus one.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    library_changes: Vec<LibraryChange>,
    /// The entries of each kind, in the order of [`LEDGER_EVENTS`].
    by_kind: [IndexSet; LEDGER_EVENTS.len()],
    /// The number of each device's last entry, by the device's index; 0 if there is none.
    last_of_device: Vec<u32>,
}

impl Ledger {
    /// Adds the start of a session.
    pub(crate) fn add_session_start(&mut self, now: Moment, device: u32, action: u32) {
        self.add(now, Some(device), Recorded::SessionStarted { action });
    }

    /// Adds the end of an action's command.
    pub(crate) fn add_command(
        &mut self,
        now: Moment,
        device: u32,
        action: u32,
        command: usize,
        kind: CommandType,
    ) {
        let command = to_index(command);
        let event = Recorded::CommandEnded {
            action,
            command,
            kind,
        };
        self.add(now, Some(device), event);
    }

    /// Adds the cancellation of a session.
    pub(crate) fn add_cancel(&mut self, now: Moment, device: u32, action: u32) {
        self.add(now, Some(device), Recorded::Cancelled { action });
    }

    /// Adds the end of a session.
    pub(crate) fn add_session_end(
        &mut self,
        now: Moment,
        device: u32,
        action: u32,
        state: ActionState,
    ) {
        self.add(now, Some(device), Recorded::SessionEnded { action, state });
    }

    /// Adds the restart of a device.
    pub(crate) fn add_restart(&mut self, now: Moment, device: u32) {
        self.add(now, Some(device), Recorded::DeviceRestarted { device });
    }

    /// Adds a change to a library file. `sha256` is the hash of its new content.
    pub(crate) fn add_library_change(
        &mut self,
        now: Moment,
        kind: LibraryChangeKind,
        name: String,
        sha256: Option<String>,
    ) {
        let change = to_index(self.library_changes.len());
        self.library_changes.push(LibraryChange { name, sha256 });
        self.add(now, None, Recorded::LibraryChanged { kind, change });
    }

    fn add(&mut self, now: Moment, device: Option<u32>, event: Recorded) {
        let number = to_index(self.entries.len() + 1);
        self.by_kind[event.kind() as usize].insert(number - 1);
        let previous = device.map_or(0, |device| {
            let device = device as usize;
            if self.last_of_device.len() <= device {
                self.last_of_device.resize(device + 1, 0);
            }
            std::mem::replace(&mut self.last_of_device[device], number)
        });
        self.entries.push(Entry {
            at: now,
            event,
            previous,
        });
    }

    /// Returns all entries.
    pub(crate) fn entries(&self, actions: &Actions, machines: &Machines) -> Vec<LedgerEntry> {
        (0..self.entries.len())
            .map(|index| {
                let kind = self.entries[index].event.kind();
                self.line(index, actions, machines).into_entry(kind)
            })
            .collect()
    }

    /// Returns the entries from that index on, as lines of JSON.
    pub(crate) fn lines_from(
        &self,
        index: usize,
        actions: &Actions,
        machines: &Machines,
    ) -> Vec<String> {
        (index..self.entries.len())
            .map(|index| json::to_string(&self.line(index, actions, machines)))
            .collect()
    }

    /// Looks up the details of an entry.
    fn line<'a>(
        &'a self,
        index: usize,
        actions: &'a Actions,
        machines: &'a Machines,
    ) -> LedgerLine<'a> {
        let entry = &self.entries[index];
        let action = entry.event.action().map(|action| actions.get(action));
        let device = match (entry.event, action) {
            (_, Some(action)) => Some(action.machine),
            (Recorded::DeviceRestarted { device }, None) => Some(device),
            _ => None,
        };
        let line = LedgerLine {
            seq: index as u64 + 1,
            at: timestamp(entry.at),
            kind: entry.event.kind().name(),
            device: device.map(|device| &*machines.get(device).id),
            action: action.map(|action| guid(action.id).to_string()),
            ..LedgerLine::default()
        };
        match (entry.event, action) {
            (Recorded::SessionStarted { .. }, Some(action)) => LedgerLine {
                comment: Some(&action.comment),
                commands: Some(
                    (action.commands.iter())
                        .map(|record| &**record.command)
                        .collect(),
                ),
                ..line
            },
            (Recorded::CommandEnded { command, .. }, Some(action)) => {
                with_command(line, action, command)
            }
            (Recorded::Cancelled { .. }, Some(action)) => LedgerLine {
                comment: (action.cancellation.as_deref())
                    .and_then(|cancellation| cancellation.comment.as_deref()),
                ..line
            },
            (Recorded::SessionEnded { state, .. }, _) => LedgerLine {
                status: Some(state.name()),
                ..line
            },
            (Recorded::LibraryChanged { change, .. }, _) => {
                let change = &self.library_changes[change as usize];
                LedgerLine {
                    name: Some(&change.name),
                    sha256: change.sha256.as_deref(),
                    ..line
                }
            }
            _ => line,
        }
    }

    /// Returns the answer of the admin path: the entries after `after`, at most `top` of them, of
    /// that `kind`, `device` and `action`, if the query names them. `format=lines` writes one line
    /// of JSON for each. `last` is the number of the newest entry, and `next` is the value of
    /// `after` for the rest. Each entry that is read adds 1 to `examined`.
    pub(crate) fn answer(
        &self,
        request: &Request,
        actions: &Actions,
        machines: &Machines,
        examined: &Cell<u64>,
    ) -> Result<Response, Refusal> {
        let query = LedgerQuery::parse(request, actions, machines)?;
        let after = query.after.min(self.entries.len());
        let count_examined = |_: &u32| examined.set(examined.get() + 1);
        let page = self.page(&query, after, actions, count_examined);
        let lines =
            (page.indices.iter()).map(|index| self.line(*index as usize, actions, machines));
        let mut body = Vec::new();
        if query.as_lines {
            for line in lines {
                json::append(&mut body, &line);
                body.push(b'\n');
            }
            return Ok(Response::text(200, "application/x-ndjson", body));
        }
        body.extend_from_slice(b"{\"entries\":[");
        for (number, line) in lines.enumerate() {
            if number > 0 {
                body.push(b',');
            }
            json::append(&mut body, &line);
        }
        body.extend_from_slice(b"],\"last\":");
        json::append(&mut body, &self.entries.len());
        if page.has_more {
            let next = page
                .indices
                .last()
                .map_or(after, |index| *index as usize + 1);
            body.extend_from_slice(b",\"next\":");
            json::append(&mut body, &next);
        }
        body.push(b'}');
        Ok(Response::text(200, JSON, body))
    }

    /// Finds the entries of a page. The entries of one device are linked, and those of one kind are
    /// indexed, so the others are not read.
    fn page(
        &self,
        query: &LedgerQuery,
        after: usize,
        actions: &Actions,
        count_examined: impl Fn(&u32),
    ) -> LedgerPage {
        let top = query.top.unwrap_or(self.entries.len());
        let cut = |found: &mut dyn Iterator<Item = u32>| LedgerPage {
            indices: (&mut *found).take(top).collect(),
            has_more: found.next().is_some(),
        };
        let (device, action) = match (&query.device, &query.action) {
            (IdFilter::Unknown, _) | (_, IdFilter::Unknown) => return LedgerPage::default(),
            (IdFilter::Any, IdFilter::Any) => (None, None),
            (IdFilter::Known(device), IdFilter::Any) => (Some(*device), None),
            (IdFilter::Any, IdFilter::Known(action)) => {
                (Some(actions.get(*action).machine), Some(*action))
            }
            (IdFilter::Known(device), IdFilter::Known(action)) => (Some(*device), Some(*action)),
        };
        let range = to_index(after)..to_index(self.entries.len());
        match (device, query.kind) {
            (Some(device), kind) => {
                let passes = |index: &u32| {
                    let event = self.entries[*index as usize].event;
                    kind.is_none_or(|kind| kind == event.kind())
                        && (action.is_none() || action == event.action())
                };
                let mut entries = self.entries_of_device(device, range.start);
                cut(&mut entries.drain(..).inspect(count_examined).filter(passes))
            }
            (None, Some(kind)) => {
                let entries = Union(vec![&self.by_kind[kind as usize]]);
                cut(&mut entries.upwards(range).inspect(count_examined))
            }
            (None, None) => cut(&mut { range }.inspect(count_examined)),
        }
    }

    /// Returns the indices of a device's entries from that index on, oldest first.
    fn entries_of_device(&self, device: u32, from: u32) -> Vec<u32> {
        let mut indices = Vec::new();
        let last = self.last_of_device.get(device as usize);
        // A device without any entry may lie beyond the end of the list.
        let mut number = last.copied().unwrap_or(0);
        while number > from {
            indices.push(number - 1);
            number = self.entries[number as usize - 1].previous;
        }
        indices.reverse();
        indices
    }
}

/// One page of the ledger.
#[derive(Debug, Default)]
struct LedgerPage {
    indices: Vec<u32>,
    /// `true` if more entries match after the page.
    has_more: bool,
}

/// A query of the ledger.
struct LedgerQuery {
    /// The number of entries to skip from the start of the ledger.
    after: usize,
    top: Option<usize>,
    kind: Option<LedgerEvent>,
    device: IdFilter,
    action: IdFilter,
    /// `true` for one line of JSON for each entry instead of a single document.
    as_lines: bool,
}

/// A condition on an entry's device or action.
enum IdFilter {
    Any,
    /// Only those about the device or action at that index.
    Known(u32),
    /// The query names an id that does not exist, so no entry matches.
    Unknown,
}

impl LedgerQuery {
    /// Parses the query of a request.
    ///
    /// # Errors
    /// A parameter or its value is unknown, or a parameter is given twice: the answer to a misspelled
    /// query must not look like an empty ledger.
    fn parse(request: &Request, actions: &Actions, machines: &Machines) -> Result<Self, Refusal> {
        const KEYS: [&str; 6] = ["after", "top", "kind", "device", "action", "format"];
        const FORMATS: [&str; 2] = ["json", "lines"];
        let pairs = form_pairs(&request.query);
        for (index, (key, _)) in pairs.iter().enumerate() {
            choice("parameter", key, &KEYS)?;
            if pairs[..index].iter().any(|(earlier, _)| earlier == key) {
                return Err(Refusal::invalid(format!(
                    "'{key}' is given more than once."
                )));
            }
        }
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
        let id = |name: &str, index_of: &dyn Fn(&str) -> Option<u32>| match find(name) {
            None => IdFilter::Any,
            Some(id) => index_of(id).map_or(IdFilter::Unknown, IdFilter::Known),
        };
        let kinds = LEDGER_EVENTS.map(LedgerEvent::name);
        Ok(LedgerQuery {
            after: number("after")?.unwrap_or(0),
            top: number("top")?,
            kind: match find("kind") {
                Some(name) => Some(LEDGER_EVENTS[choice("kind", name, &kinds)?]),
                None => None,
            },
            device: id("device", &|id| machines.find(id)),
            action: id("action", &|id| actions.find_exactly(id)),
            as_lines: match find("format") {
                Some(name) => FORMATS[choice("format", name, &FORMATS)?] == "lines",
                None => false,
            },
        })
    }
}

/// Returns the position of a value among the allowed ones. Case is ignored in values, but not in the
/// names of parameters.
fn choice(what: &str, value: &str, allowed: &[&str]) -> Result<usize, Refusal> {
    let is_same = |known: &&str| match what {
        "parameter" => value == *known,
        _ => value.eq_ignore_ascii_case(known),
    };
    allowed.iter().position(is_same).ok_or_else(|| {
        Refusal::invalid(format!(
            "Unknown {what} '{value}' of the ledger. Expected one of: {}.",
            allowed.join(", ")
        ))
    })
}

/// Adds the details of a command that ended.
fn with_command<'a>(line: LedgerLine<'a>, action: &'a ActionRecord, index: u32) -> LedgerLine<'a> {
    let record = &action.commands[index as usize];
    let name = match record.command.kind {
        CommandType::PutFile => "FileName",
        CommandType::RunScript => "ScriptName",
        CommandType::GetFile => "Path",
    };
    let has_failed = record.status == CommandStatus::Failed;
    LedgerLine {
        index: Some(index),
        status: Some(if has_failed { "Failed" } else { "Completed" }),
        exit: record.exit,
        name: record.command.param(name),
        ..line
    }
}
