//! The folder of a run: its files, its journal, its records, and requests from other terminals.

mod disk;
mod error;
mod file_names;
mod folder;
mod folder_record_store;
mod format;
mod journal;
mod journal_reader;
mod lock;
mod moment_text;
mod record;
mod record_store;
mod request;
mod runs;

pub use error::{FileAction, FolderError, JournalError};
pub use file_names::file_name;
pub use folder::{InitialFiles, RunFolder, RunHeader, ServiceKind, ServiceRecord};
pub use folder_record_store::FolderRecordStore;
pub use format::{FOLDER_FORMAT, JOURNAL_FILE, JournalHeader};
pub use journal::{Journal, JournalCounters};
pub use journal_reader::{JournalContents, read as read_journal};
pub use record::{RECORD_FORMAT, Record, RecordDevice, RecordFile, RecordKey, RecordOutput};
pub use record_store::{RecordStore, ResultDraft, ResultKind};
pub use request::{ControlRequest, RequestKind, active_process};
pub use runs::Runs;
