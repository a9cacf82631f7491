//! Records what was actually done, in order. Tests of clients compare their results with it.
//!
//! An entry names the action or device it is about, and the details are looked up when the ledger
//! is read. So an entry may refer only to what never changes afterwards: an action's comment and
//! commands, the end of a command, the requestor of a cancel.

use std::cell::Cell;

use serde::Serialize;

use svar_wire::Moment;
use svar_wire::{Command, CommandStatus, CommandType};

use super::actions::{ActionRecord, Actions, State};
use super::index_set::{IndexSet, Union, index};
use super::machines::Machines;
use super::message::{JSON, Request, Response};
use super::random::guid;
use super::refusal::Refusal;
use super::route::form_pairs;
use super::timestamp::stamp;

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

    /// Returns the event of a command of that kind that ended.
    pub(crate) fn of_command(kind: CommandType) -> Self {
        match kind {
            CommandType::PutFile => LedgerEvent::FilePut,
            CommandType::RunScript => LedgerEvent::ScriptRun,
            CommandType::GetFile => LedgerEvent::FileRead,
        }
    }
}

/// One thing that was actually done. There are about three for each action, so it is kept small.
#[derive(Debug)]
struct Entry {
    at: Moment,
    /// The place of the action, the device or the library note; the event determines which.
    about: u32,
    /// The index of the action's command.
    index: u32,
    /// The number of the same device's previous entry; 0 if there is none.
    before: u32,
    event: LedgerEvent,
    /// The state in which a session ended.
    state: State,
}

/// A change to the library.
#[derive(Debug)]
struct LibraryNote {
    name: String,
    sha256: Option<String>,
}

/// An entry in the form in which it is written.
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

/// All entries. They are numbered from 1 without a gap; an entry's place is its number minus one.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    library: Vec<LibraryNote>,
    /// The entries of each event, in the order of [`LEDGER_EVENTS`].
    by_event: [IndexSet; LEDGER_EVENTS.len()],
    /// The number of each device's last entry, by the device's place.
    last_of_device: Vec<u32>,
}

/// Refuses unknown parameters and values: the answer to a misspelled query must not look like an
/// empty ledger.
fn check_query(pairs: &[(String, String)]) -> Result<(), Refusal> {
    const KEYS: &[&str] = &["after", "top", "kind", "device", "action", "format"];
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
            "kind" => one_of(
                "kind",
                &value.to_ascii_lowercase(),
                &LEDGER_EVENTS.map(LedgerEvent::name),
            )?,
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
    /// Adds an event of an action on that device.
    pub(crate) fn add_of_action(
        &mut self,
        now: Moment,
        event: LedgerEvent,
        device: u32,
        action: u32,
    ) {
        self.add(now, event, Some(device), action);
    }

    /// Adds the end of an action's command.
    pub(crate) fn add_command(
        &mut self,
        now: Moment,
        event: LedgerEvent,
        device: u32,
        action: u32,
        index: usize,
    ) {
        let entry = self.add(now, event, Some(device), action);
        entry.index = super::index_set::index(index);
    }

    /// Adds the end of a session.
    pub(crate) fn add_end(&mut self, now: Moment, device: u32, action: u32, state: State) {
        let entry = self.add(now, LedgerEvent::SessionEnded, Some(device), action);
        entry.state = state;
    }

    /// Adds the restart of a device.
    pub(crate) fn add_restart(&mut self, now: Moment, device: u32) {
        self.add(now, LedgerEvent::DeviceRestarted, Some(device), device);
    }

    /// Adds a change to a library file.
    pub(crate) fn add_library(
        &mut self,
        now: Moment,
        event: LedgerEvent,
        name: String,
        sha256: Option<String>,
    ) {
        let place = index(self.library.len());
        self.library.push(LibraryNote { name, sha256 });
        self.add(now, event, None, place);
    }

    fn add(
        &mut self,
        now: Moment,
        event: LedgerEvent,
        device: Option<u32>,
        about: u32,
    ) -> &mut Entry {
        let place = self.entries.len();
        let number = index(place + 1);
        self.by_event[event as usize].insert(number - 1);
        let before = device.map_or(0, |device| {
            let device = device as usize;
            if self.last_of_device.len() <= device {
                self.last_of_device.resize(device + 1, 0);
            }
            std::mem::replace(&mut self.last_of_device[device], number)
        });
        self.entries.push(Entry {
            at: now,
            about,
            index: 0,
            before,
            event,
            state: State::Pending,
        });
        &mut self.entries[place]
    }

    /// Returns all entries.
    pub(crate) fn entries(&self, actions: &Actions, machines: &Machines) -> Vec<LedgerEntry> {
        (0..self.entries.len())
            .map(|place| {
                let kind = self.entries[place].event;
                self.written(place, actions, machines).into_entry(kind)
            })
            .collect()
    }

    /// Returns the entries from that place on, as lines of JSON.
    pub(crate) fn lines_from(
        &self,
        place: usize,
        actions: &Actions,
        machines: &Machines,
    ) -> Vec<String> {
        (place..self.entries.len())
            .map(|place| {
                serde_json::to_string(&self.written(place, actions, machines))
                    .expect("internal error: plain data can always be written as JSON")
            })
            .collect()
    }

    fn written<'a>(
        &'a self,
        place: usize,
        actions: &'a Actions,
        machines: &'a Machines,
    ) -> LedgerLine<'a> {
        let entry = &self.entries[place];
        let of_action = || {
            let action = actions.get(entry.about);
            let told = LedgerLine {
                device: Some(&machines.all[action.machine as usize].id),
                action: Some(guid(action.id).to_string()),
                ..LedgerLine::default()
            };
            (action, told)
        };
        let told = match entry.event {
            LedgerEvent::SessionStarted => {
                let (action, about) = of_action();
                let commands = action.commands.iter().map(|record| &**record.command);
                LedgerLine {
                    comment: Some(&action.comment),
                    commands: Some(commands.collect()),
                    ..about
                }
            }
            LedgerEvent::FilePut | LedgerEvent::ScriptRun | LedgerEvent::FileRead => {
                let (action, about) = of_action();
                command_told(action, entry.index, about)
            }
            LedgerEvent::Cancelled => {
                let (action, about) = of_action();
                let cancellation = action.cancellation.as_deref();
                LedgerLine {
                    comment: cancellation.and_then(|cancel| cancel.comment.as_deref()),
                    ..about
                }
            }
            LedgerEvent::SessionEnded => LedgerLine {
                status: Some(entry.state.name()),
                ..of_action().1
            },
            LedgerEvent::DeviceRestarted => LedgerLine {
                device: Some(&machines.all[entry.about as usize].id),
                ..LedgerLine::default()
            },
            LedgerEvent::LibraryUploaded
            | LedgerEvent::LibraryOverwritten
            | LedgerEvent::LibraryDeleted => {
                let note = &self.library[entry.about as usize];
                LedgerLine {
                    name: Some(&note.name),
                    sha256: note.sha256.as_deref(),
                    ..LedgerLine::default()
                }
            }
        };
        LedgerLine {
            seq: place as u64 + 1,
            at: stamp(entry.at),
            kind: entry.event.name(),
            ..told
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
        let after = number("after")?.unwrap_or(0).min(self.entries.len());
        let top = number("top")?.unwrap_or(usize::MAX);
        let wanted = Wanted {
            kind: find("kind"),
            action: find("action").map(|id| actions.find_exactly(id)),
            device: find("device").map(|id| machines.find(id)),
        };
        let look = |_: &u32| examined.set(examined.get() + 1);
        let (page, is_cut) = self.page(&wanted, actions, after, top, look);
        let told = page
            .iter()
            .map(|place| self.written(*place as usize, actions, machines));
        let mut body = Vec::new();
        if find("format").is_some_and(|format| format.eq_ignore_ascii_case("lines")) {
            for entry in told {
                write(&mut body, &entry);
                body.push(b'\n');
            }
            return Ok(Response::text(200, "application/x-ndjson", body));
        }
        body.extend_from_slice(b"{\"entries\":[");
        for (number, entry) in told.enumerate() {
            if number > 0 {
                body.push(b',');
            }
            write(&mut body, &entry);
        }
        body.extend_from_slice(b"],\"last\":");
        write(&mut body, &self.entries.len());
        if is_cut {
            let next = page.last().map_or(after, |place| *place as usize + 1);
            body.extend_from_slice(b",\"next\":");
            write(&mut body, &next);
        }
        body.push(b'}');
        Ok(Response::text(200, JSON, body))
    }

    /// Returns the places of a page's entries, and whether more follow. The entries of one device
    /// are linked, and those of one kind are indexed, so the others are not read.
    fn page(
        &self,
        wanted: &Wanted<'_>,
        actions: &Actions,
        after: usize,
        top: usize,
        look: impl Fn(&u32),
    ) -> (Vec<u32>, bool) {
        let cut = |found: &mut dyn Iterator<Item = u32>| -> (Vec<u32>, bool) {
            let page: Vec<u32> = (&mut *found).take(top).collect();
            (page, found.next().is_some())
        };
        let kind = wanted.kind.map(|name| {
            let named = |event: &&LedgerEvent| event.name().eq_ignore_ascii_case(name);
            LEDGER_EVENTS.iter().find(named).copied()
        });
        // The query names something that does not exist.
        if kind == Some(None) || wanted.action == Some(None) || wanted.device == Some(None) {
            return (Vec::new(), false);
        }
        let (kind, action) = (kind.flatten(), wanted.action.flatten());
        let of_action = action.map(|action| actions.get(action).machine);
        let range = index(after)..index(self.entries.len());
        match (wanted.device.flatten().or(of_action), kind) {
            (Some(device), _) => {
                let is_wanted = |place: &u32| {
                    let entry = &self.entries[*place as usize];
                    kind.is_none_or(|kind| kind == entry.event)
                        && action.is_none_or(|action| {
                            entry.event != LedgerEvent::DeviceRestarted && entry.about == action
                        })
                };
                let mut places = self.of_device(device, range.start);
                cut(&mut places.drain(..).inspect(look).filter(is_wanted))
            }
            (None, Some(kind)) => {
                let entries = Union(vec![&self.by_event[kind as usize]]);
                cut(&mut entries.upwards(range).inspect(look))
            }
            (None, None) => cut(&mut { range }.inspect(look)),
        }
    }

    /// Returns the places of a device's entries from that place on, oldest first.
    fn of_device(&self, device: u32, from: u32) -> Vec<u32> {
        let mut places = Vec::new();
        let last = self.last_of_device.get(device as usize);
        let mut number = last.copied().unwrap_or(0);
        while number > from {
            places.push(number - 1);
            number = self.entries[number as usize - 1].before;
        }
        places.reverse();
        places
    }
}

/// The conditions of a query. An inner `None` is a value that does not exist.
struct Wanted<'a> {
    kind: Option<&'a str>,
    action: Option<Option<u32>>,
    device: Option<Option<u32>>,
}

/// Returns the entry of a command that ended.
fn command_told<'a>(action: &'a ActionRecord, index: u32, about: LedgerLine<'a>) -> LedgerLine<'a> {
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
        ..about
    }
}

/// Appends a value as JSON.
fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value)
        .expect("internal error: plain data can always be written as JSON");
}
