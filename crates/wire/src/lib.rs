//! The vocabulary of the live response API of Microsoft Defender for Endpoint.
//!
//! - request bodies: [`LiveResponseRequest`] with its [`Command`]s, [`CancelRequest`], [`HuntRequest`]
//! - response bodies: [`MachineAction`], [`Machine`], [`LibraryFile`], [`ScriptResult`], [`ErrorBody`] ...
//! - checked ids and names: [`DeviceId`], [`ActionId`], [`LibraryName`], [`RunId`], [`Tag`]
//! - [`Moment`], a point in time that a caller hands in; nothing here reads a clock
//! - [`mod@text`], the formatting that all of svar's output shares: durations, lists, wrapping
//!
//! svar's client and its emulator share these types and nothing else, so that a mistake in one of
//! them shows when they talk. Reading is lenient, as the service requires: all but a few fields may
//! be missing, unknown fields are ignored, and an unknown value of an enum is kept as text.
//!
//! Comments cite `docs/live-response-api.md` as `API notes 3.4`, which means its section 3.4.

mod moment;
mod name;
mod reply;
mod request;
pub mod text;

pub use moment::Moment;
pub use name::{ActionId, DeviceId, LibraryName, NameError, RunId, Tag};
pub use reply::{
    ActionStatus, Collection, CommandEntry, CommandStatus, ErrorBody, ErrorDetail, HuntReply,
    LibraryFile, LinkReply, Machine, MachineAction, ScriptResult, TokenReply,
};
pub use request::{CancelRequest, Command, CommandType, HuntRequest, LiveResponseRequest, Param};
