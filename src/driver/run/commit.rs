//! Writes facts to the journal and releases the calls that depend on them.

use std::time::Duration;

use svar_engine::{Fact, Need};

use crate::driver::blocking::spawn_blocking_io;
use crate::driver::store::Journal;

use super::calls::AnsweredNeed;
use super::drive::Drive;
use super::interface::{DriveError, Observer};
use super::memory::CallContext;

/// Maximum number of results fetched at the same time. They share the network with the calls that
/// matter more.
const FETCHES_MAX: usize = 8;

/// Delay, on the run's clock, after which facts without an announcement are synced. Three times a
/// minute, so that together with the announcements it stays below the watcher's eight ticks.
const SYNC_DELAY: Duration = Duration::from_secs(20);

impl Drive {
    /// Writes all new facts at once, and syncs the journal if a sync is due.
    pub(super) async fn commit(&mut self, observer: &mut dyn Observer) -> Result<(), DriveError> {
        if self.sync_is_due() {
            let (mut journal, facts) = self.append()?;
            // On another thread, so that a slow disk does not delay network calls.
            let synced = spawn_blocking_io(move || {
                let written = journal.commit();
                (journal, written)
            });
            let (journal, written) = synced
                .await
                .map_err(|error| DriveError::Bug(error.to_string()))?;
            self.journal = Some(journal);
            written?;
            notify(&facts, observer);
        } else if !self.unwritten.is_empty() {
            let facts = self.write_only()?;
            notify(&facts, observer);
        }
        Ok(())
    }

    /// Does the same as [`Drive::commit`], on the current thread.
    pub(super) fn commit_here(&mut self) -> Result<(), DriveError> {
        if self.sync_is_due() {
            let (mut journal, _) = self.append()?;
            let written = journal.commit();
            self.journal = Some(journal);
            written?;
        } else if !self.unwritten.is_empty() {
            self.write_only()?;
        }
        Ok(())
    }

    /// Returns whether a sync is due: an announcement or an applied request depends on it, the run
    /// is about to end, or the delay has passed. Otherwise schedules a sync if there is something
    /// to sync.
    fn sync_is_due(&mut self) -> bool {
        let now = self.clock.now();
        let nothing = self.unwritten.is_empty() && self.sync_at.is_none();
        let leaving = self.fleet.is_done() || self.memory.tenant_lost().is_some();
        let due = !self.to_send.is_empty()
            || self.request_applied
            || leaving
            || self.sync_at.is_some_and(|at| at <= now);
        if nothing {
            return false;
        }
        if due {
            self.sync_at = None;
        } else {
            self.sync_at.get_or_insert(now + SYNC_DELAY);
        }
        due
    }

    fn write_only(&mut self) -> Result<Vec<Fact>, DriveError> {
        let (mut journal, facts) = self.append()?;
        let written = journal.write();
        self.journal = Some(journal);
        written?;
        Ok(facts)
    }

    fn append(&mut self) -> Result<(Journal, Vec<Fact>), DriveError> {
        let facts = std::mem::take(&mut self.unwritten);
        let Some(mut journal) = self.journal.take() else {
            return Err(DriveError::Bug("the journal was lost".into()));
        };
        for fact in &facts {
            journal.append(fact)?;
        }
        Ok((journal, facts))
    }

    /// Returns the calls that can be made now that every announcement is durable: starts and
    /// cancels, reads, and fetches up to the limit.
    pub(super) fn outgoing(&mut self) -> Vec<(Need, CallContext)> {
        for need in std::mem::take(&mut self.to_send) {
            self.dispatch(need);
        }
        while self.fetches < FETCHES_MAX
            && let Some(need) = self.queued_fetches.pop_front()
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

    /// Makes the call. Its outcome must be passed to [`Drive::handle_answer`].
    pub(super) fn call(
        &self,
        need: Need,
        context: CallContext,
    ) -> impl Future<Output = AnsweredNeed> + Send + 'static {
        self.calls.clone().run(need, context)
    }
}

fn notify(facts: &[Fact], observer: &mut dyn Observer) {
    for fact in facts {
        observer.on_fact(fact);
    }
}
