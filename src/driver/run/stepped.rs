//! Runs a playbook step by step, for callers that control the time and carry out the calls.
//!
//! It is the run that [`drive()`](super::drive()) drives: the same decisions, the same journal,
//! the same calls. The caller provides what [`drive()`](super::drive()) waits for. So days of a
//! run, and a crash of its process at any point, can be simulated in milliseconds and always in
//! the same order:
//!
//! ```text
//! decide -> commit -> calls -> (time passes, answers come) -> answered -> decide -> …
//! ```
//!
//! Dropping the value at any point has the effect of `kill -9`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use svar_engine::{Fact, Fleet, Need};

use crate::driver::store::{JournalCounters, RecordStore};

use super::calls::AnsweredNeed;
use super::drive::Drive;
use super::interface::{DriveError, Observer, RunSetup};

/// A run that the caller advances step by step.
pub struct SteppedRun {
    drive: Drive,
}

/// A call in progress, to be polled like any future. It needs no runtime if its client was created
/// [with its own transport](crate::driver::client::Client::with_transport).
pub struct Call {
    need: Need,
    future: Pin<Box<dyn Future<Output = AnsweredNeed> + Send>>,
}

/// The outcome of a call, to be passed to [`SteppedRun::complete`].
#[derive(Debug)]
pub struct CompletedCall(AnsweredNeed);

impl Call {
    /// Returns the need that the call serves.
    pub fn need(&self) -> &Need {
        &self.need
    }
}

impl Future for Call {
    type Output = CompletedCall;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CompletedCall> {
        self.future.as_mut().poll(context).map(CompletedCall)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("need", &self.need).finish()
    }
}

impl fmt::Debug for SteppedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SteppedRun")
            .field("fleet", &self.drive.fleet)
            .finish_non_exhaustive()
    }
}

impl SteppedRun {
    /// Begins a new run or resumes one.
    ///
    /// # Errors
    /// The journal does not match the plan, or the folder can't be read.
    pub fn begin(setup: RunSetup) -> Result<SteppedRun, DriveError> {
        Ok(SteppedRun {
            drive: Drive::begin(setup)?,
        })
    }

    /// Asks the engine what it needs at the clock's current time. Returns the facts that are not
    /// written yet, in the order of the journal.
    ///
    /// # Errors
    /// A bug in svar.
    pub fn decide(&mut self) -> Result<&[Fact], DriveError> {
        self.drive.handle_needs(&mut ())?;
        Ok(&self.drive.unwritten)
    }

    /// Writes those facts with one write. Also syncs if a call is to be sent after them, or if a
    /// request was applied; the request's file is then removed.
    ///
    /// # Errors
    /// The disk fails. No call may be made any more.
    pub fn commit(&mut self) -> Result<(), DriveError> {
        self.drive.commit_here()?;
        self.drive.remove_applied_request()
    }

    /// Returns the calls to make now. Must follow a [`SteppedRun::commit`] without an error.
    pub fn calls(&mut self) -> Vec<Call> {
        let outgoing = self.drive.outgoing();
        let calls = outgoing.into_iter().map(|(need, context)| Call {
            future: Box::pin(self.drive.call(need.clone(), context)),
            need,
        });
        calls.collect()
    }

    /// Handles the outcome of a call at the clock's current time.
    ///
    /// # Errors
    /// A result can't be stored, or a bug in svar.
    pub fn complete(
        &mut self,
        answered: CompletedCall,
        observer: &mut dyn Observer,
    ) -> Result<(), DriveError> {
        self.drive.handle_answer(answered.0, observer)
    }

    /// Handles an interrupt by the operator: the first one stops further starts, the second one
    /// cancels.
    ///
    /// # Errors
    /// A bug in svar.
    pub fn interrupt(&mut self) -> Result<(), DriveError> {
        self.drive.interrupt().map(|_| ())
    }

    /// Applies the request that another terminal has left in the run's folder, if there is one. The
    /// [`SteppedRun::commit`] that makes it durable removes the file.
    ///
    /// # Errors
    /// A bug in svar.
    pub fn apply_request(&mut self, observer: &mut dyn Observer) -> Result<(), DriveError> {
        self.drive.apply_request(observer)
    }

    /// Returns the state of the run. Check whether it is done after [`SteppedRun::decide`].
    pub fn fleet(&self) -> &Fleet {
        &self.drive.fleet
    }

    /// Returns why the tenant can't be used any more, or `None` if it can.
    pub fn tenant_lost(&self) -> Option<String> {
        self.drive.memory.tenant_lost()
    }

    /// Returns the records of the run.
    pub fn records(&self) -> &dyn RecordStore {
        &*self.drive.records
    }

    /// Returns how many bytes of the journal survive a loss of power.
    pub fn durable_bytes(&self) -> u64 {
        let journal = self.drive.journal.as_ref();
        journal
            .map(|journal| journal.durable_bytes())
            .unwrap_or_default()
    }

    /// Returns how much was written to the journal.
    pub fn counters(&self) -> JournalCounters {
        let journal = self.drive.journal.as_ref();
        journal
            .map(|journal| journal.counters())
            .unwrap_or_default()
    }
}
