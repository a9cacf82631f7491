//! Does what the engine needs: all waiting, sending and writing is here.
//!
//! The room decides nothing about a run. It asks the engine what it needs, journals what changes a
//! device before it is sent, does it, and hands back what happened. Start reading at
//! [`drive()`] (or [`Stepped`], where somebody else keeps the time), then [`Journal`] (what is durable
//! when) and [`client`] (what an answer means).

mod blocking;
mod budget;
pub mod client;
mod clock;
mod hash;
mod library;
mod results;
mod run;
mod signal;
mod store;
mod targets;

pub use budget::{News, SharedBudget, Turn};
pub use clock::Clock;
pub use library::{LibraryError, LibraryGap, LibraryItem, compare, prepare as prepare_library};
pub use results::Caps;
pub use run::{
    Answered, Call, DriveError, Driven, Ending, Observer, Ready, Stepped, drive, drive_sharing,
};
pub use signal::{Interrupter, Interrupts};
pub use store::{
    Ask, Beginning, Counters, FOLDER_FORMAT, FolderError, JOURNAL_FILE, Journal, JournalError,
    Opening, RECORD_FORMAT, Reading, Record, RecordDevice, RecordFile, RecordOutput, Request,
    RunFolder, RunHeader, Runs, ServiceKind, ServiceRecord, Shelf, driven_by, file_name,
    read_journal,
};
pub use targets::{Selection, Selector, TargetError, resolve as resolve_targets};
