//! The input, the observer and the outcome of driving a run.

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

/// A run that is ready to start or to resume.
#[derive(Debug)]
pub struct RunSetup {
    /// The compiled plan.
    pub compiled: Arc<CompiledPlan>,
    /// The folder of the run.
    pub folder: RunFolder,
    /// The store of the run's records and results.
    pub records: Arc<dyn RecordStore>,
    /// The journal, open for writing.
    pub journal: Journal,
    /// The contents of the journal; `None` for a new run.
    pub recorded: Option<JournalContents>,
    /// The client of the service.
    pub client: Client,
    /// The run's clock.
    pub clock: Clock,
    /// Limits for the results that a device sends.
    pub limits: ResultLimits,
}

/// Receives events of a run, for progress and for the log.
pub trait Observer {
    /// Receives the state of the run, at most ten times a second and once at the end.
    fn on_state(&mut self, _now: Moment, _fleet: &Fleet) {}
    /// Receives a fact that has been written to the journal.
    fn on_fact(&mut self, _fact: &Fact) {}
    /// Receives a request of another terminal that was applied.
    fn on_request(&mut self, _kind: RequestKind, _by: &str) {}
    /// Receives the reason why a call failed and will be repeated.
    fn on_retry(&mut self, _now: Moment, _why: &str) {}
}

/// An observer that ignores everything.
impl Observer for () {}

/// The way in which driving ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every device has its end state.
    Finished,
    /// The operator interrupted the run and nothing of it is active any more. It can be resumed.
    Interrupted,
    /// The operator ended the process at once, and sessions may still be running. The run can be
    /// resumed.
    Quit,
    /// The tenant can't be used any more. The run can be resumed.
    TenantLost {
        /// The reason, in one sentence.
        why: String,
    },
}

/// The state of a run after driving it.
#[derive(Debug)]
pub struct DriveOutcome {
    /// The way in which driving ended.
    pub ending: Ending,
    /// The state of all devices.
    pub fleet: Fleet,
    /// Amounts written to the journal.
    pub counters: JournalCounters,
}

/// An error that stops driving. The run can be resumed.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The journal can't be written, so nothing more is sent.
    #[error("{0}; nothing more is sent")]
    Journal(#[from] JournalError),
    /// A result can't be stored.
    #[error("{0}; nothing more is sent")]
    Folder(#[from] FolderError),
    /// The journal does not match the plan.
    #[error("the run can't be resumed: {0}")]
    Replay(#[from] ReplayError),
    /// A bug in svar.
    #[error("internal error: {0}")]
    Bug(String),
}

impl From<ProtocolError> for DriveError {
    fn from(error: ProtocolError) -> Self {
        DriveError::Bug(error.to_string())
    }
}
