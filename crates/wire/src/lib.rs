//! The words spoken with the live response API, as they stand on the wire.
//!
//! Client and emulator share these types and nothing else. Reading is lenient, as the service's
//! own texts demand: every field but the essential ones may be missing, unknown fields and unknown
//! enum values are carried along, never an error.

mod moment;
mod name;
mod reply;
mod request;
pub mod text;

pub use moment::Moment;
pub use name::{ActionId, DeviceId, LibraryName, NameError, RunId, Tag};
pub use reply::{
    ActionStatus, Collection, CommandEntry, CommandStatus, ErrorBody, ErrorDetail, Hunt,
    LibraryFile, LinkReply, Machine, MachineAction, ScriptResult, TokenReply,
};
pub use request::{CancelRequest, Command, CommandType, HuntRequest, LiveResponseRequest, Param};
