//! Does what the engine needs: all waiting, sending and writing is here.
//!
//! The room decides nothing about a run. It asks the engine what it needs, journals what changes a
//! device before it is sent, does it, and hands back what happened. Start reading at
//! [`drive()`] (or [`Stepped`], where somebody else keeps the time), then [`Journal`] (what is durable
//! when) and [`client`] (what an answer means).

mod aside;
mod budget;
mod calls;
pub mod client;
mod clock;
mod collect;
mod commit;
mod control;
mod disk;
mod drive;
mod driven;
mod folder;
mod intake;
mod iso;
mod journal;
mod library;
mod lock;
mod memory;
mod names;
mod output;
mod readiness;
mod reading;
mod record;
mod runs;
mod signal;
mod stepped;
mod targets;
mod unpack;

pub use budget::{News, SharedBudget, Turn};
pub use clock::Clock;
pub use collect::Caps;
pub use control::{Ask, Request, driven_by};
pub use drive::{drive, drive_sharing};
pub use driven::{DriveError, Driven, Ending, Observer, Ready};
pub use folder::{
    Beginning, FOLDER_FORMAT, FolderError, RunFolder, RunHeader, ServiceKind, ServiceRecord,
};
pub use journal::{Counters, FILE_NAME as JOURNAL_FILE, Journal, JournalError, Opening};
pub use library::{LibraryError, LibraryGap, LibraryItem, compare, prepare as prepare_library};
pub use names::file_name;
pub use reading::{Reading, read as read_journal};
pub use record::{RECORD_FORMAT, Record, RecordDevice, RecordFile, RecordOutput, Shelf};
pub use runs::Runs;
pub use signal::{Interrupter, Interrupts};
pub use stepped::{Answered, Call, Stepped};
pub use targets::{Selection, Selector, TargetError, resolve as resolve_targets};
