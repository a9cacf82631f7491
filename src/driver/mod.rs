//! Does what the engine needs: all waiting, sending and writing is here.
//!
//! The room decides nothing about a run. It asks the engine what it needs, journals what changes a
//! device before it is sent, does it, and hands back what happened. Start reading at
//! `drive`, then [`Journal`] (what is durable when) and [`client`] (what an answer means).

pub mod client;
mod clock;
mod folder;
mod journal;
mod library;
mod lock;
mod names;
mod record;

pub use clock::Clock;
pub use folder::{
    Beginning, FOLDER_FORMAT, FolderError, RunFolder, RunHeader, Runs, ServiceKind, ServiceRecord,
};
pub use journal::{
    Counters, FILE_NAME as JOURNAL_FILE, Journal, JournalError, Opening, Reading,
    read as read_journal,
};
pub use library::{LibraryError, LibraryGap, LibraryItem, compare, prepare as prepare_library};
pub use names::file_name;
pub use record::{RECORD_FORMAT, Record, RecordFile, RecordMachine, RecordOutput, Shelf};
