//! What goes into driving a run, who looks on, and what comes out.

use std::sync::Arc;

use svar_engine::{Fact, Fleet, ProtocolError, ReplayError};
use svar_plan::CompiledPlan;
use svar_wire::Moment;

use crate::driver::client::Client;
use crate::driver::clock::Clock;
use crate::driver::results::ResultLimits;
use crate::driver::store::{
    FolderError, Journal, JournalContents, JournalCounters, JournalError, RecordStore, RequestKind,
    RunFolder,
};

/// A run that can begin, or go on.
#[derive(Debug)]
pub struct RunSetup {
    /// What is to be done.
    pub compiled: Arc<CompiledPlan>,
    /// Where it leaves what it finds.
    pub folder: RunFolder,
    /// Its journal, open for writing.
    pub journal: Journal,
    /// What the journal holds already; `None` for a run that begins.
    pub reading: Option<JournalContents>,
    /// Who speaks with the service.
    pub client: Client,
    /// The time.
    pub clock: Clock,
    /// How much a device may send back.
    pub caps: ResultLimits,
}

/// Somebody who looks on, for progress and for the log.
pub trait Observer {
    /// The run as it stands; at most ten times a second, and once at the end.
    fn look(&mut self, _now: Moment, _fleet: &Fleet) {}
    /// Something happened, and is durable.
    fn happened(&mut self, _fact: &Fact) {}
    /// Another terminal asks something of the run, and is obeyed.
    fn asked(&mut self, _ask: RequestKind, _by: &str) {}
    /// A call went wrong and is made again; what it means for the run is seen in the run.
    fn troubled(&mut self, _now: Moment, _why: &str) {}
}

/// Nobody looks on.
impl Observer for () {}

/// How driving ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every device has its end state.
    Finished,
    /// The operator interrupted it, and nothing of it is in motion any more. It can be resumed.
    Interrupted,
    /// The operator left at once; sessions may still run. It can be resumed.
    Quit,
    /// The tenant can't be used any more. It can be resumed.
    TenantLost {
        /// Why, in one sentence.
        why: String,
    },
}

/// A run as driving left it.
#[derive(Debug)]
pub struct DriveOutcome {
    /// How it ended.
    pub ending: Ending,
    /// All its devices.
    pub fleet: Fleet,
    /// Its records.
    pub records: Arc<RecordStore>,
    /// How much was written to the journal.
    pub counters: JournalCounters,
}

/// Why driving broke off. The run can be resumed.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The journal can't be written, so nothing more is sent.
    #[error("{0}; nothing more is sent")]
    Journal(#[from] JournalError),
    /// A result can't be stored.
    #[error("{0}; nothing more is sent")]
    Folder(#[from] FolderError),
    /// The journal does not fit the plan.
    #[error("the run can't be taken up: {0}")]
    Replay(#[from] ReplayError),
    /// Our own mistake.
    #[error("internal error: {0}")]
    Bug(String),
}

impl From<ProtocolError> for DriveError {
    fn from(error: ProtocolError) -> Self {
        DriveError::Bug(error.to_string())
    }
}
