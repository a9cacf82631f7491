//! What becomes durable when, and what may be sent on the strength of it.

use std::time::Duration;

use svar_engine::{Fact, Need};

use crate::driver::blocking::spawn_blocking_io;
use crate::driver::store::Journal;

use super::calls::Done;
use super::drive::Drive;
use super::interface::{DriveError, Observer};
use super::memory::RequestContext;

/// Results that are fetched at one time. They share the network with the calls that matter more.
const FETCHES_MAX: usize = 8;

/// What no announcement takes along to the disk is synced after this long on the run's clock: three
/// times a minute, so that with the announcements it stays below the watcher's eight ticks.
const SYNC_AFTER: Duration = Duration::from_secs(20);

impl Drive {
    /// One write for all that is fresh; and a sync, if it is time for one.
    pub(super) async fn commit(&mut self, observer: &mut dyn Observer) -> Result<(), DriveError> {
        if self.sync_is_due() {
            let (mut journal, fresh) = self.append()?;
            // Away from the threads that wait for the network: a busy disk takes its time.
            let synced = spawn_blocking_io(move || {
                let written = journal.commit();
                (journal, written)
            });
            let (journal, written) = synced
                .await
                .map_err(|error| DriveError::Bug(error.to_string()))?;
            self.journal = Some(journal);
            written?;
            tell(&fresh, observer);
        } else if !self.fresh.is_empty() {
            let fresh = self.write_only()?;
            tell(&fresh, observer);
        }
        Ok(())
    }

    /// The same, on this thread.
    pub(super) fn commit_here(&mut self) -> Result<(), DriveError> {
        if self.sync_is_due() {
            let (mut journal, _) = self.append()?;
            let written = journal.commit();
            self.journal = Some(journal);
            written?;
        } else if !self.fresh.is_empty() {
            self.write_only()?;
        }
        Ok(())
    }

    /// An announcement or a request waits for it, or the run is left, or it is time. Says when it will
    /// be, else.
    fn sync_is_due(&mut self) -> bool {
        let now = self.clock.now();
        let nothing = self.fresh.is_empty() && self.sync_at.is_none();
        let leaving = self.fleet.is_done() || self.memory.tenant_lost().is_some();
        let due = !self.to_send.is_empty()
            || self.obeyed
            || leaving
            || self.sync_at.is_some_and(|at| at <= now);
        if nothing {
            return false;
        }
        if due {
            self.sync_at = None;
        } else {
            self.sync_at.get_or_insert(now + SYNC_AFTER);
        }
        due
    }

    fn write_only(&mut self) -> Result<Vec<Fact>, DriveError> {
        let (mut journal, fresh) = self.append()?;
        let written = journal.write();
        self.journal = Some(journal);
        written?;
        Ok(fresh)
    }

    fn append(&mut self) -> Result<(Journal, Vec<Fact>), DriveError> {
        let fresh = std::mem::take(&mut self.fresh);
        let Some(mut journal) = self.journal.take() else {
            return Err(DriveError::Bug("the journal was lost".into()));
        };
        for fact in &fresh {
            journal.append(fact)?;
        }
        Ok((journal, fresh))
    }

    /// What may be called now that all that was announced is durable: starts and cancels, reads,
    /// and as many fetches as may run.
    pub(super) fn outgoing(&mut self) -> Vec<(Need, RequestContext)> {
        for need in std::mem::take(&mut self.to_send) {
            self.dispatch(need);
        }
        while self.fetches < FETCHES_MAX
            && let Some(need) = self.later.pop_front()
        {
            self.fetches += 1;
            self.dispatch(need);
        }
        std::mem::take(&mut self.outbox)
    }

    pub(super) fn dispatch(&mut self, need: Need) {
        let mut context = self.memory.context(&need, &self.fleet);
        if let Need::Start { device, .. } = &need {
            context.request = self.prepared.remove(device);
        }
        self.outbox.push((need, context));
    }

    /// The call itself; its end is for [`Drive::take_in`].
    pub(super) fn call(
        &self,
        need: Need,
        context: RequestContext,
    ) -> impl Future<Output = Done> + Send + 'static {
        self.calls.clone().run(need, context)
    }
}

fn tell(facts: &[Fact], observer: &mut dyn Observer) {
    for fact in facts {
        observer.happened(fact);
    }
}
