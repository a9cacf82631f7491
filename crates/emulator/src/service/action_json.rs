//! Writes machine actions as JSON (API notes 4.1), straight from their records. A list of 10,000
//! actions is built without allocating a string for any field.
//!
//! The keys are written by hand, in the order of [`svar_wire::MachineAction`]. A serializer would
//! look through every key and enum value for characters to escape, and none of them has any.

use uuid::Uuid;

use svar_wire::Moment;

use super::actions::{ActionRecord, CommandRecord, LIVE_RESPONSE};
use super::json;
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
        write_command(out, index, record);
    }
    plain(out, "],\"troubleshootInfo\":null}");
}

/// Reads a byte of each part of an action's memory that writing the action needs. Called for all
/// actions of a page before the first is written, it lets the CPU load their memory in parallel.
pub(crate) fn prefetch(action: &ActionRecord, machine: &MachineRecord) -> u8 {
    let ends = |bytes: &[u8]| match bytes {
        [first, .., last] => first ^ last,
        [..] => 0,
    };
    // The commands are adjacent in memory, and few actions have many.
    let times = action.commands.last().and_then(|record| record.ended);
    // The cast drops the upper bits on purpose: the value itself does not matter.
    let times = times.map_or(0, |moment| moment.millis() as u8);
    ends(action.comment.as_bytes())
        ^ ends(machine.id.as_bytes())
        ^ ends(machine.name.as_bytes())
        ^ times
}

/// Appends a command of an action as JSON.
fn write_command(out: &mut Vec<u8>, index: usize, record: &CommandRecord) {
    plain(out, "{\"index\":");
    json::append(out, &index);
    plain(out, ",\"startTime\":");
    time(out, record.began);
    plain(out, ",\"endTime\":");
    time(out, record.ended);
    plain(out, ",\"commandStatus\":");
    text(out, record.status.as_str());
    if record.errors.is_empty() {
        plain(out, ",\"errors\":[],\"command\":");
    } else {
        plain(out, ",\"errors\":");
        json::append(out, &record.errors);
        plain(out, ",\"command\":");
    }
    out.extend_from_slice(&record.command.json);
    out.push(b'}');
}

/// Appends text that needs no escaping.
fn plain(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends a text in quotes.
fn text(out: &mut Vec<u8>, text: &str) {
    // The loop has no early exit, so that it compiles to few instructions for many bytes.
    let is_plain = text.bytes().fold(true, |so_far, byte| {
        so_far & (byte >= b' ') & (byte != b'"') & (byte != b'\\')
    });
    if !is_plain {
        return json::append(out, text);
    }
    out.push(b'"');
    plain(out, text);
    out.push(b'"');
}

/// Appends a time in quotes, or `null`.
fn time(out: &mut Vec<u8>, moment: Option<Moment>) {
    let Some(moment) = moment else {
        return plain(out, "null");
    };
    out.push(b'"');
    out.extend_from_slice(Timestamp::of(moment).as_bytes());
    out.push(b'"');
}

/// A cache of actions as JSON. A client asks for the same actions until they change, so most of a list is
/// copied from here.
#[derive(Debug)]
pub(crate) struct JsonCache(Vec<Slot>);

/// A slot of the cache. Its memory is reused after its action is forgotten.
#[derive(Debug, Clone, Default)]
struct Slot {
    action: Option<u32>,
    /// `true` if `bytes` holds the action. An action is stored only when it is requested for the second
    /// time: a single pass over all actions would otherwise evict those that are requested often,
    /// and pay for copies that are never read.
    is_filled: bool,
    bytes: Vec<u8>,
}

/// The number of slots, with about 800 bytes in each. An action has exactly one slot it can be in.
const SLOTS: usize = 8192;
/// The capacity of a slot's buffer, unless its action needs more. Most actions need less.
const SLOT_CAPACITY: usize = 1024;

impl Default for JsonCache {
    fn default() -> Self {
        JsonCache(vec![Slot::default(); SLOTS])
    }
}

impl JsonCache {
    /// Drops the cached JSON of the action at that index, because it has changed.
    pub(crate) fn invalidate(&mut self, action_index: u32) {
        let slot = &mut self.0[action_index as usize % SLOTS];
        if slot.action == Some(action_index) {
            slot.action = None;
        }
    }

    /// Returns the length of the cached JSON of the action at that index, or `None` if it is not cached.
    pub(crate) fn length(&self, action_index: u32) -> Option<usize> {
        let slot = &self.0[action_index as usize % SLOTS];
        (slot.is_filled && slot.action == Some(action_index)).then_some(slot.bytes.len())
    }

    /// Appends the JSON of the action at that index. `action` is called for the action and its machine if it
    /// is not cached.
    pub(crate) fn append<'a>(
        &mut self,
        out: &mut Vec<u8>,
        action_index: u32,
        action: impl FnOnce() -> (&'a ActionRecord, &'a MachineRecord),
    ) {
        let slot = &mut self.0[action_index as usize % SLOTS];
        let is_known = slot.action == Some(action_index);
        if is_known && slot.is_filled {
            out.extend_from_slice(&slot.bytes);
            return;
        }
        let from = out.len();
        let (action, machine) = action();
        write_action(out, action, machine);
        slot.action = Some(action_index);
        slot.is_filled = is_known;
        if is_known {
            slot.bytes.clear();
            slot.bytes.extend_from_slice(&out[from..]);
            // A long action must not keep its memory after it has been evicted.
            slot.bytes.shrink_to(SLOT_CAPACITY);
        }
    }
}
