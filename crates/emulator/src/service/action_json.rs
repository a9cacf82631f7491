//! A machine action as it is written (API notes 4.1), straight out of its record: a list of 10,000 is
//! built without a text of its own for any of their fields.
//!
//! The keys are written by hand, in the order of [`svar_wire::MachineAction`]: a serializer looks
//! through every key and enum value for characters to escape, and none of them has any.

use serde::Serialize;
use uuid::Uuid;

use svar_wire::Moment;

use super::actions::{ActionRecord, CommandRecord, LIVE_RESPONSE};
use super::machines::MachineRecord;
use super::random::guid;
use super::timestamp::Timestamp;

/// Appends an action as JSON.
fn write_action(out: &mut Vec<u8>, action: &ActionRecord, machine: &MachineRecord) {
    plain(out, "{\"id\":\"");
    let mut buffer = Uuid::encode_buffer();
    plain(out, guid(action.id).hyphenated().encode_lower(&mut buffer));
    plain(out, "\",\"type\":\"");
    plain(out, LIVE_RESPONSE);
    plain(out, "\",\"title\":null,\"requestor\":");
    text(out, &action.requestor);
    plain(out, ",\"requestorComment\":");
    text(out, &action.comment);
    plain(out, ",\"status\":\"");
    plain(out, action.state.name());
    plain(out, "\",\"machineId\":");
    text(out, &machine.id);
    plain(out, ",\"computerDnsName\":");
    text(out, &machine.name);
    plain(out, ",\"creationDateTimeUtc\":");
    time(out, Some(action.created));
    plain(out, ",\"lastUpdateDateTimeUtc\":");
    time(out, Some(action.updated));
    match action.cancellation.as_deref() {
        None => plain(
            out,
            ",\"cancellationRequestor\":null,\"cancellationComment\":null,\"cancellationDateTimeUtc\":null",
        ),
        Some(cancellation) => {
            plain(out, ",\"cancellationRequestor\":");
            text(out, &cancellation.requestor);
            plain(out, ",\"cancellationComment\":");
            match cancellation.comment.as_deref() {
                None => plain(out, "null"),
                Some(comment) => text(out, comment),
            }
            plain(out, ",\"cancellationDateTimeUtc\":");
            time(out, Some(cancellation.at));
        }
    }
    plain(
        out,
        ",\"errorHResult\":0,\"scope\":null,\"externalId\":null,\"requestSource\":\"PublicApi\",\"relatedFileInfo\":null,\"commands\":[",
    );
    for (index, record) in action.commands.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_entry(out, index, record);
    }
    plain(out, "],\"troubleshootInfo\":null}");
}

/// A byte of each part of an action's memory that writing it is going to wait for. Asked of all actions
/// of a page before the first is written, it comes in side by side.
pub(crate) fn touch(action: &ActionRecord, machine: &MachineRecord) -> u8 {
    let ends = |bytes: &[u8]| match bytes {
        [first, .., last] => first ^ last,
        [..] => 0,
    };
    // Commands stand side by side, and few actions have many.
    let times = action.commands.last().and_then(|record| record.ended);
    // What is cut off is not wanted.
    let times = times.map_or(0, |moment| moment.millis() as u8);
    ends(action.comment.as_bytes())
        ^ ends(machine.id.as_bytes())
        ^ ends(machine.name.as_bytes())
        ^ times
}

fn write_entry(out: &mut Vec<u8>, index: usize, record: &CommandRecord) {
    plain(out, "{\"index\":");
    json(out, &index);
    plain(out, ",\"startTime\":");
    time(out, record.began);
    plain(out, ",\"endTime\":");
    time(out, record.ended);
    plain(out, ",\"commandStatus\":");
    text(out, record.status.as_str());
    match record.errors.is_empty() {
        true => plain(out, ",\"errors\":[],\"command\":"),
        false => {
            plain(out, ",\"errors\":");
            json(out, &record.errors);
            plain(out, ",\"command\":");
        }
    }
    out.extend_from_slice(&record.command.written);
    out.push(b'}');
}

/// What needs no escaping, as it is.
fn plain(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    // Looks at every byte whatever the first ones say, which compiles to few instructions for many bytes.
    let is_plain = text.bytes().fold(true, |so_far, byte| {
        so_far & (byte >= b' ') & (byte != b'"') & (byte != b'\\')
    });
    if !is_plain {
        return json(out, text);
    }
    out.push(b'"');
    plain(out, text);
    out.push(b'"');
}

fn time(out: &mut Vec<u8>, moment: Option<Moment>) {
    let Some(moment) = moment else {
        return plain(out, "null");
    };
    out.push(b'"');
    out.extend_from_slice(Timestamp::of(moment).as_bytes());
    out.push(b'"');
}

/// Appends a value as JSON.
fn json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value)
        .expect("internal error: plain data can always be written as JSON");
}

/// Actions as they were last written. A client asks for the same ones until they change, so most of
/// a list is copied.
#[derive(Debug)]
pub(crate) struct Written(Vec<Slot>);

/// What is known of one action; the memory of what is forgotten is used again.
#[derive(Debug, Clone, Default)]
struct Slot {
    place: Option<u32>,
    /// Whether `bytes` has it. An action is kept only when it is asked for a second time: whoever goes
    /// through all actions once would push out what others ask for, and pay for a copy nobody reads.
    is_kept: bool,
    bytes: Vec<u8>,
}

/// So many are kept, of about 800 bytes each; a place has one slot it can be in.
const WRITTEN_MAX: usize = 8192;
/// A slot keeps no more memory than its action needs, or than most do.
const LENGTH_KEPT: usize = 1024;

impl Default for Written {
    fn default() -> Self {
        Written(vec![Slot::default(); WRITTEN_MAX])
    }
}

impl Written {
    /// What is known of that place no longer holds.
    pub(crate) fn forget(&mut self, place: u32) {
        let slot = &mut self.0[place as usize % WRITTEN_MAX];
        if slot.place == Some(place) {
            slot.place = None;
        }
    }

    /// How long the action of that place is, if it is kept.
    pub(crate) fn length(&self, place: u32) -> Option<usize> {
        let slot = &self.0[place as usize % WRITTEN_MAX];
        (slot.is_kept && slot.place == Some(place)).then_some(slot.bytes.len())
    }

    /// Appends the action of that place, which `action` finds with its machine where it is not known.
    pub(crate) fn append<'a>(
        &mut self,
        out: &mut Vec<u8>,
        place: u32,
        action: impl FnOnce() -> (&'a ActionRecord, &'a MachineRecord),
    ) {
        let slot = &mut self.0[place as usize % WRITTEN_MAX];
        let is_known = slot.place == Some(place);
        if is_known && slot.is_kept {
            out.extend_from_slice(&slot.bytes);
            return;
        }
        let from = out.len();
        let (action, machine) = action();
        write_action(out, action, machine);
        slot.place = Some(place);
        slot.is_kept = is_known;
        if is_known {
            slot.bytes.clear();
            slot.bytes.extend_from_slice(&out[from..]);
            // A long one must not hold its memory after it has been pushed out.
            slot.bytes.shrink_to(LENGTH_KEPT);
        }
    }
}
