//! A machine action as it is written (contract 4.1), straight out of its record: a list of 10,000 is
//! built without a text of its own for any of their fields.

use serde::{Serialize, Serializer};

use crate::wire::{Command, CommandStatus};

use super::actions::{ActionRecord, CommandRecord, LIVE_RESPONSE};
use super::chance::guid;
use super::machines::MachineRecord;
use super::stamp::Stamp;

/// The entity, borrowed. [`crate::wire::MachineAction`] is how a client reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionEntity<'a> {
    id: Guid,
    #[serde(rename = "type")]
    kind: &'static str,
    title: Option<&'a str>,
    requestor: &'a str,
    requestor_comment: &'a str,
    status: &'static str,
    machine_id: &'a str,
    computer_dns_name: &'a str,
    creation_date_time_utc: Stamp,
    last_update_date_time_utc: Stamp,
    cancellation_requestor: Option<&'a str>,
    cancellation_comment: Option<&'a str>,
    cancellation_date_time_utc: Option<Stamp>,
    error_h_result: i64,
    scope: Option<&'a str>,
    external_id: Option<&'a str>,
    request_source: &'static str,
    related_file_info: Option<()>,
    commands: Commands<'a>,
    troubleshoot_info: Option<()>,
}

impl<'a> ActionEntity<'a> {
    pub(crate) fn of(action: &'a ActionRecord, machine: &'a MachineRecord) -> Self {
        let cancellation = action.cancellation.as_deref();
        ActionEntity {
            id: Guid(action.id),
            kind: LIVE_RESPONSE,
            title: None,
            requestor: &action.requestor,
            requestor_comment: &action.comment,
            status: action.state.name(),
            machine_id: &machine.id,
            computer_dns_name: &machine.name,
            creation_date_time_utc: Stamp::of(action.created),
            last_update_date_time_utc: Stamp::of(action.updated),
            cancellation_requestor: cancellation.map(|cancel| &*cancel.requestor),
            cancellation_comment: cancellation.and_then(|cancel| cancel.comment.as_deref()),
            cancellation_date_time_utc: cancellation.map(|cancel| Stamp::of(cancel.at)),
            error_h_result: 0,
            scope: None,
            external_id: None,
            request_source: "PublicApi",
            related_file_info: None,
            commands: Commands(&action.commands),
            troubleshoot_info: None,
        }
    }
}

struct Commands<'a>(&'a [CommandRecord]);

impl Serialize for Commands<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.0.iter().zip(0..).map(|(record, index)| CommandEntity {
            index,
            start_time: record.began.map(Stamp::of),
            end_time: record.ended.map(Stamp::of),
            command_status: &record.status,
            errors: &record.errors,
            command: &record.command,
        });
        serializer.collect_seq(entries)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommandEntity<'a> {
    index: u32,
    start_time: Option<Stamp>,
    end_time: Option<Stamp>,
    command_status: &'a CommandStatus,
    errors: &'a [String],
    command: &'a Command,
}

/// Entities as they were last written. A client asks for the same ones until they change, so most of
/// a list is copied.
#[derive(Debug)]
pub(crate) struct Written(Vec<Option<(u32, Box<[u8]>)>>);

/// So many are kept, of about 800 bytes each; a place has one slot it can be in.
const WRITTEN_MAX: usize = 8192;

impl Default for Written {
    fn default() -> Self {
        Written((0..WRITTEN_MAX).map(|_| None).collect())
    }
}

impl Written {
    /// What is known of that place no longer holds.
    pub(crate) fn forget(&mut self, place: u32) {
        let slot = &mut self.0[place as usize % WRITTEN_MAX];
        if slot.as_ref().is_some_and(|(known, _)| *known == place) {
            *slot = None;
        }
    }

    /// Appends the entity of that place, which `entity` makes where it is not known.
    pub(crate) fn append<'a>(
        &mut self,
        out: &mut Vec<u8>,
        place: u32,
        entity: impl FnOnce() -> ActionEntity<'a>,
    ) {
        let slot = &mut self.0[place as usize % WRITTEN_MAX];
        match slot {
            Some((known, bytes)) if *known == place => out.extend_from_slice(bytes),
            _ => {
                let from = out.len();
                // Plain data with text keys: writing it can't fail.
                let _ = serde_json::to_writer(&mut *out, &entity());
                *slot = Some((place, out[from..].into()));
            }
        }
    }
}

/// An id, written with hyphens.
struct Guid(u128);

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = uuid::Uuid::encode_buffer();
        serializer.serialize_str(guid(self.0).hyphenated().encode_lower(&mut buffer))
    }
}
