//! The main loop: asks the engine what it needs, does it, and reports back what happened.
//!
//! Each turn of the loop writes one group of records to the journal:
//!
//! ```text
//! answers -> facts, handed to the engine --------+
//! needs -> announcements, handed over as well ---+-> one write, one sync -> calls are sent
//! ```
//!
//! Only announcements wait for the sync, because a call is sent after them. Other facts are written
//! at once and synced with the next announcement, or a little later. The engine sees a fact before
//! it is durable. That is safe: no call that changes a device is sent before the sync, and answers
//! that are lost can be requested again. A fact that the engine rejects is never written, so a
//! journal holds only facts that can be replayed.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use svar_engine::{DeviceIndex, Endpoint, Fact, FactBody, Fleet, Interrupt, Need};
use svar_plan::{CompiledPlan, OnStop};
use svar_wire::{LiveResponseRequest, Moment};

use crate::driver::budget::SharedBudget;
use crate::driver::clock::Clock;
use crate::driver::signal::Interrupts;
use crate::driver::store::{
    ControlRequest, Journal, RecordStore, RequestKind, RunFolder, RunHeader,
};

use super::calls::{AnsweredNeed, Calls, RepeatCounts};
use super::interface::{DriveError, DriveOutcome, Ending, Observer, RunSetup};
use super::memory::{CallContext, Memory, PrepareError};

/// Minimum interval, in real time, between two calls of [`Observer::on_state`].
const OBSERVE_EVERY: Duration = Duration::from_millis(100);

/// Drives a run until it finishes, is interrupted, or can't continue.
///
/// # Errors
/// See [`DriveError`]. Calls that were announced and not answered are settled when the run is
/// resumed.
pub async fn drive(
    setup: RunSetup,
    interrupts: Interrupts,
    observer: &mut dyn Observer,
) -> Result<DriveOutcome, DriveError> {
    drive_with_budget(setup, None, interrupts, observer).await
}

/// Drives a run like [`drive`], with a budget that is shared with other processes on this computer.
///
/// # Errors
/// As for [`drive`]. If the shared budget can't be used, the observer is informed and the run
/// continues without it.
pub async fn drive_with_budget(
    setup: RunSetup,
    budget: Option<SharedBudget>,
    mut interrupts: Interrupts,
    observer: &mut dyn Observer,
) -> Result<DriveOutcome, DriveError> {
    let mut drive = Drive::begin(setup)?;
    drive.budget = budget;
    let ending = drive.run_loop(&mut interrupts, observer).await?;
    observer.on_state(drive.clock.now(), &drive.fleet);
    Ok(DriveOutcome {
        ending,
        fleet: drive.fleet,
        counters: drive
            .journal
            .map(|journal| journal.counters())
            .unwrap_or_default(),
    })
}

/// An active run: what has been decided, what must become durable, and what must be sent. It never
/// waits; [`drive`] does, or the caller that controls the time (`stepped.rs`).
pub(super) struct Drive {
    pub(super) clock: Clock,
    pub(super) fleet: Fleet,
    pub(super) compiled: Arc<CompiledPlan>,
    pub(super) folder: RunFolder,
    pub(super) records: Arc<dyn RecordStore>,
    pub(super) memory: Memory,
    pub(super) calls: Calls,
    /// `None` only while another thread writes the journal.
    pub(super) journal: Option<Journal>,
    /// Facts that the engine has seen and that are not written yet.
    pub(super) unwritten: Vec<Fact>,
    /// Latest time at which the written facts must be synced.
    pub(super) sync_at: Option<Moment>,
    /// Calls to make now.
    pub(super) outbox: Vec<(Need, CallContext)>,
    pub(super) fetches: usize,
    /// Fetches that wait for a free slot.
    pub(super) queued_fetches: VecDeque<Need>,
    /// Announced starts and cancels, sent once the announcement is durable.
    pub(super) to_send: Vec<Need>,
    /// The requests of the announced starts, or the reason why there is none.
    pub(super) prepared: HashMap<DeviceIndex, Result<LiveResponseRequest, PrepareError>>,
    /// The time of the first refusal for each endpoint that the tenant currently refuses.
    pub(super) refused_since: HashMap<Endpoint, Moment>,
    /// Whether the service has accepted a token of this process.
    pub(super) token_accepted: bool,
    /// The time since which every read of the machine list has failed.
    pub(super) list_failing_since: Option<Moment>,
    /// Calls in addition to the one that a need was granted, to be reported to other processes.
    pub(super) extra_calls: Vec<Endpoint>,
    /// The part of the tenant's budget that other processes on this computer use.
    pub(super) budget: Option<SharedBudget>,
    pub(super) interrupts: u8,
    /// Whether a request was applied whose file must be removed once that is durable.
    pub(super) request_applied: bool,
}

/// The reaction to an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterInterrupt {
    /// The run continues until its sessions have ended.
    Continue,
    /// The process ends at once, and sessions may still be running.
    Quit,
}

impl Drive {
    pub(super) fn begin(setup: RunSetup) -> Result<Drive, DriveError> {
        let RunSetup {
            compiled,
            folder,
            records,
            journal,
            recorded,
            client,
            clock,
            limits,
        } = setup;
        let run = folder.header().run.clone();
        let started = folder.header().started;
        let plan = Arc::clone(compiled.plan());
        let mut memory = Memory::new(Arc::clone(&plan));
        let fleet = match &recorded {
            None => Fleet::new(&run, plan, started),
            Some(recorded) => {
                folder.remove_drafts()?;
                // The operator resumes the run, so an earlier request to pause no longer applies.
                let path = folder.path();
                if ControlRequest::load_readable(path)
                    .is_some_and(|request| request.request == RequestKind::Pause)
                {
                    ControlRequest::remove(path)?;
                }
                let fleet = Fleet::replay(&run, plan, started, &recorded.facts)?;
                for fact in &recorded.facts {
                    memory.apply(fact, &*records);
                    clock.advance_to(fact.at);
                }
                fleet
            }
        };
        clock.advance_to(started);
        Ok(Drive {
            calls: Calls {
                client,
                records: Arc::clone(&records),
                compiled: Arc::clone(&compiled),
                limits,
                cancel_comment: cancel_comment(folder.header()).into(),
                repeat_counts: Arc::new(RepeatCounts::default()),
            },
            clock,
            fleet,
            compiled,
            folder,
            records,
            memory,
            journal: Some(journal),
            unwritten: Vec::new(),
            sync_at: None,
            outbox: Vec::new(),
            fetches: 0,
            queued_fetches: VecDeque::new(),
            to_send: Vec::new(),
            prepared: HashMap::new(),
            refused_since: HashMap::new(),
            token_accepted: false,
            list_failing_since: None,
            extra_calls: Vec::new(),
            budget: None,
            interrupts: 0,
            request_applied: false,
        })
    }

    async fn run_loop(
        &mut self,
        interrupts: &mut Interrupts,
        observer: &mut dyn Observer,
    ) -> Result<Ending, DriveError> {
        self.apply_request(observer)?;
        let mut ticks = tokio::time::interval(OBSERVE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut tasks: JoinSet<AnsweredNeed> = JoinSet::new();
        loop {
            self.handle_needs(observer)?;
            self.commit(observer).await?;
            self.remove_applied_request()?;
            if let Some(why) = self.memory.tenant_lost() {
                return Ok(Ending::TenantLost { why });
            }
            for (need, context) in self.outgoing() {
                tasks.spawn(self.call(need, context));
            }
            if self.fleet.is_done() {
                return Ok(self.ending());
            }
            let wake_at = self.fleet.wake_at();
            if tasks.is_empty() && wake_at.is_none() {
                return Err(DriveError::Bug("the engine waits for nothing".into()));
            }
            let wake_at = [wake_at, self.sync_at].into_iter().flatten().min();
            let clock = self.clock.clone();
            // In this order, so that the same events always lead to the same run.
            tokio::select! {
                biased;
                () = interrupts.next() => {
                    if self.interrupt()? == AfterInterrupt::Quit {
                        return Ok(Ending::Quit);
                    }
                }
                Some(done) = tasks.join_next() => {
                    self.handle_answer(done.map_err(|error| DriveError::Bug(error.to_string()))?, observer)?;
                    // All other completed calls share the sync.
                    while let Some(done) = tasks.try_join_next() {
                        self.handle_answer(done.map_err(|error| DriveError::Bug(error.to_string()))?, observer)?;
                    }
                }
                () = clock.sleep_until(wake_at.unwrap_or(Moment::FAR_FUTURE)), if wake_at.is_some() => {}
                _ = ticks.tick() => {
                    self.apply_request(observer)?;
                    observer.on_state(self.clock.now(), &self.fleet);
                }
            }
        }
    }

    /// Removes the file of a request that was applied and is durable.
    pub(super) fn remove_applied_request(&mut self) -> Result<(), DriveError> {
        if std::mem::take(&mut self.request_applied) {
            ControlRequest::remove(self.folder.path())?;
        }
        Ok(())
    }

    /// Applies the request of another terminal, if there is one.
    pub(super) fn apply_request(&mut self, observer: &mut dyn Observer) -> Result<(), DriveError> {
        if self.request_applied {
            return Ok(());
        }
        let Some(ControlRequest { request: kind, by }) =
            ControlRequest::load_readable(self.folder.path())
        else {
            return Ok(());
        };
        let body = match kind {
            RequestKind::Pause => {
                self.interrupts = self.interrupts.max(1);
                FactBody::Interrupted {
                    how: Interrupt::Pause,
                }
            }
            RequestKind::Cancel => FactBody::Stopped {
                how: OnStop::CancelQueued,
                by: by.clone(),
            },
            RequestKind::Abort => FactBody::Stopped {
                how: OnStop::Abort,
                by: by.clone(),
            },
        };
        self.record_fact(None, body)?;
        self.request_applied = true;
        observer.on_request(kind, &by);
        Ok(())
    }

    /// Counts another interrupt and hands it to the engine, unless it is the third.
    pub(super) fn interrupt(&mut self) -> Result<AfterInterrupt, DriveError> {
        self.interrupts = self.interrupts.saturating_add(1);
        if self.interrupts > 2 {
            return Ok(AfterInterrupt::Quit);
        }
        let how = if self.interrupts == 1 {
            Interrupt::Pause
        } else {
            Interrupt::Cancel
        };
        self.record_fact(None, FactBody::Interrupted { how })?;
        Ok(AfterInterrupt::Continue)
    }

    fn ending(&self) -> Ending {
        if self.fleet.devices().all(|device| device.end.is_some()) {
            Ending::Finished
        } else {
            Ending::Interrupted
        }
    }

    /// Handles the engine's needs until it has no more at this time.
    pub(super) fn handle_needs(&mut self, observer: &mut dyn Observer) -> Result<(), DriveError> {
        loop {
            let needs = self.poll(observer);
            if needs.is_empty() {
                return Ok(());
            }
            for need in needs {
                match need {
                    Need::Record { device, body } => self.record_fact(device, body)?,
                    Need::Resolve { device, session } => self.resolve(device, session)?,
                    Need::Start {
                        device,
                        session,
                        attempt,
                        ref tag,
                        ref commands,
                    } => {
                        let tag = tag.clone();
                        let mut commands = commands.clone();
                        let request = self.calls.prepare(device, session, &mut commands);
                        self.prepared.insert(device, request);
                        let body = FactBody::StartAnnounced {
                            session,
                            attempt,
                            tag,
                            commands,
                        };
                        self.record_fact(Some(device), body)?;
                        self.to_send.push(need);
                    }
                    Need::Cancel {
                        device,
                        ref action,
                        why,
                    } => {
                        let action = action.clone();
                        self.record_fact(Some(device), FactBody::CancelAnnounced { action, why })?;
                        self.to_send.push(need);
                    }
                    Need::Fetch { .. } => self.queued_fetches.push_back(need),
                    Need::Search { .. } | Need::Watch { .. } | Need::Devices { .. } => {
                        self.dispatch(need);
                    }
                }
            }
        }
    }

    /// Returns what the engine needs now. With a shared budget, the engine first learns what other
    /// processes used, and what it is granted is written down before another process can read the
    /// budget.
    fn poll(&mut self, observer: &mut dyn Observer) -> Vec<Need> {
        let now = self.clock.now();
        let Some(budget) = &mut self.budget else {
            return self.fleet.poll(now);
        };
        let mut needs = Vec::new();
        let shared = budget.lock(now).and_then(|(locked, others)| {
            self.fleet
                .others_took(now, &others.granted, others.slots_held);
            needs = self.fleet.poll(now);
            let mut rows = std::mem::take(&mut self.extra_calls);
            rows.extend(needs.iter().filter_map(Need::endpoint));
            locked.write(&rows, self.fleet.slots_held())
        });
        if let Err(error) = shared {
            // The shared budget is only advice: the run continues with its own budget and the
            // service's answers.
            self.budget = None;
            self.fleet.others_took(now, &[], 0);
            observer.on_retry(
                now,
                &format!("the budget shared with other runs can't be used: {error}"),
            );
            needs.extend(self.fleet.poll(now));
        }
        needs
    }

    /// Adds the time to a fact, hands it to the engine, and keeps it for the next write.
    pub(super) fn record_fact(
        &mut self,
        device: Option<DeviceIndex>,
        body: FactBody,
    ) -> Result<(), DriveError> {
        let fact = Fact {
            at: self.clock.now(),
            device,
            body,
        };
        self.fleet.handle(&fact)?;
        self.memory.apply(&fact, &*self.records);
        self.unwritten.push(fact);
        Ok(())
    }
}

/// Returns the comment of the run's cancels. The portal shows the operator only there.
fn cancel_comment(header: &RunHeader) -> String {
    match header.operator.as_str() {
        "" => format!("cancelled by svar, run {}", header.run),
        operator => format!("cancelled by svar for {operator}, run {}", header.run),
    }
}
