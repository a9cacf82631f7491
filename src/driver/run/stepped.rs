//! A run one step at a time, for callers that keep the time and carry the calls themselves.
//!
//! It is the run that [`drive()`](super::drive()) drives: the same decisions, the same journal, the
//! same calls. What [`drive()`](super::drive()) waits for comes from the caller here, so that days of
//! a run, and the death of its process at any moment, play in milliseconds and always in the same
//! order:
//!
//! ```text
//! decide -> commit -> calls -> (time passes, answers come) -> answered -> decide -> …
//! ```
//!
//! A caller that drops the value at any point has done what `kill -9` does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use svar_engine::{Fact, Fleet, Need};

use crate::driver::store::{JournalCounters, RecordStore};

use super::calls::Done;
use super::drive::Drive;
use super::interface::{DriveError, Observer, RunSetup};

/// See the file's text.
pub struct SteppedRun {
    drive: Drive,
}

/// A call under way. To be polled like any future; it needs no runtime if its client is
/// made [with a transport](crate::driver::client::Client::with_transport) of its own.
pub struct Call {
    need: Need,
    future: Pin<Box<dyn Future<Output = Done> + Send>>,
}

/// What came of a call, to be handed to [`SteppedRun::answered`].
#[derive(Debug)]
pub struct CompletedCall(Done);

impl Call {
    /// What it is for.
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
    /// A run that begins or is taken up.
    ///
    /// # Errors
    /// The journal does not fit the plan, or the folder can't be read.
    pub fn begin(ready: RunSetup) -> Result<SteppedRun, DriveError> {
        Ok(SteppedRun {
            drive: Drive::begin(ready)?,
        })
    }

    /// Asks the engine what is needed at the clock's present moment. Hands out the facts that are
    /// not written yet, in the order of the journal.
    ///
    /// # Errors
    /// Our own mistake.
    pub fn decide(&mut self) -> Result<&[Fact], DriveError> {
        self.drive.take_needs(&mut ())?;
        Ok(&self.drive.fresh)
    }

    /// Writes them: one write, and one sync if something is to be sent on the strength of them, or a
    /// request was obeyed, whose file goes then.
    ///
    /// # Errors
    /// The disk refuses. Nothing may be called any more.
    pub fn commit(&mut self) -> Result<(), DriveError> {
        self.drive.commit_here()?;
        self.drive.forget_request()
    }

    /// The calls to be made now. After a [`SteppedRun::commit`] without an error, and not before.
    pub fn calls(&mut self) -> Vec<Call> {
        let outgoing = self.drive.outgoing();
        let calls = outgoing.into_iter().map(|(need, context)| Call {
            future: Box::pin(self.drive.call(need.clone(), context)),
            need,
        });
        calls.collect()
    }

    /// Takes in what came of a call, at the clock's present moment.
    ///
    /// # Errors
    /// A result can't be stored, or our own mistake.
    pub fn answered(
        &mut self,
        answered: CompletedCall,
        observer: &mut dyn Observer,
    ) -> Result<(), DriveError> {
        self.drive.take_in(answered.0, observer)
    }

    /// The operator interrupts: the first time no further start, the second time cancels.
    ///
    /// # Errors
    /// Our own mistake.
    pub fn interrupt(&mut self) -> Result<(), DriveError> {
        self.drive.interrupted().map(|_leaves| ())
    }

    /// Does what another terminal has filed in the run's folder, if anything. The file goes with the
    /// [`SteppedRun::commit`] that makes it durable.
    ///
    /// # Errors
    /// Our own mistake.
    pub fn obey(&mut self, observer: &mut dyn Observer) -> Result<(), DriveError> {
        self.drive.obey_request(observer)
    }

    /// The run as it stands. To be asked whether it is done after [`SteppedRun::decide`].
    pub fn fleet(&self) -> &Fleet {
        &self.drive.fleet
    }

    /// Why the tenant can't be used any more, if so.
    pub fn tenant_lost(&self) -> Option<String> {
        self.drive.memory.tenant_lost()
    }

    /// Its records.
    pub fn records(&self) -> &RecordStore {
        &self.drive.records
    }

    /// Bytes of the journal that even the loss of power leaves there.
    pub fn durable_bytes(&self) -> u64 {
        let journal = self.drive.journal.as_ref();
        journal
            .map(|journal| journal.durable_bytes())
            .unwrap_or_default()
    }

    /// How much was written to the journal.
    pub fn counters(&self) -> JournalCounters {
        let journal = self.drive.journal.as_ref();
        journal
            .map(|journal| journal.counters())
            .unwrap_or_default()
    }
}
