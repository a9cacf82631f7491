//! Does what the engine needs: all waiting, sending and writing happens here.
//!
//! The driver makes no decisions about a run. It asks the engine what it needs, writes a journal
//! record before it sends a call that changes a device, makes the call, and reports back what
//! happened. Start reading at [`drive()`] (or at [`SteppedRun`], where the caller controls the
//! time), then at [`Journal`] (what is durable when) and [`client`] (what a response means).

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

pub use budget::{LockedBudget, OthersUsage, SharedBudget};
pub use clock::Clock;
pub use library::{
    LibraryDiff, LibraryError, LibraryItem, LibraryUpload, compare, prepare as prepare_library,
};
pub use results::ResultLimits;
pub use run::{
    Call, CompletedCall, DriveError, DriveOutcome, Ending, Observer, RunSetup, SteppedRun, drive,
    drive_with_budget,
};
pub use signal::{InterruptSender, Interrupts};
pub use store::{
    ControlRequest, FOLDER_FORMAT, FileAction, FolderError, FolderRecordStore, InitialFiles,
    JOURNAL_FILE, Journal, JournalContents, JournalCounters, JournalError, JournalHeader,
    RECORD_FORMAT, Record, RecordDevice, RecordFile, RecordKey, RecordOutput, RecordStore,
    RequestKind, ResultDraft, ResultKind, RunFolder, RunHeader, Runs, ServiceKind, ServiceRecord,
    active_process, file_name, read_journal,
};
pub use targets::{TargetError, resolve as resolve_targets};
