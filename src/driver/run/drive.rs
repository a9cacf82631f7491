//! The loop: asks the engine what it needs, does it, and hands back what happened.
//!
//! One turn of the loop is one group of the journal:
//!
//! ```text
//! what came in -> facts, handed to the engine -+
//! needs -> announcements, handed over as well -+-> one write, one sync -> calls are sent
//! ```
//!
//! Only an announcement waits for the sync, since something is sent on the strength of it; other
//! facts are written at once and synced with the next announcement, or a little later. The engine
//! sees a fact before it is durable, and that is safe: no call that changes a device leaves the
//! process between there and the sync, and what only tells of answers can be asked for again. A fact that the engine refuses is never written, so that a journal
//! holds only what can be replayed.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use svar_engine::{DeviceIndex, Endpoint, Fact, FactBody, Fleet, Need};
use svar_plan::{CompiledPlan, OnStop};
use svar_wire::{LiveResponseRequest, Moment};

use crate::driver::budget::SharedBudget;
use crate::driver::clock::Clock;
use crate::driver::signal::Interrupts;
use crate::driver::store::{ControlRequest, Journal, RecordStore, RequestKind};

use super::calls::{Calls, Done, Patience};
use super::interface::{DriveError, DriveOutcome, Ending, Observer, RunSetup};
use super::memory::{Memory, RequestContext};

/// How often an onlooker gets to see the run, at most, in real time.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Drives a run until it has ended, is interrupted, or can't go on.
///
/// # Errors
/// See [`DriveError`]. What was announced and not answered is settled by the next process that
/// takes up the run.
pub async fn drive(
    ready: RunSetup,
    interrupts: Interrupts,
    observer: &mut dyn Observer,
) -> Result<DriveOutcome, DriveError> {
    drive_with_budget(ready, None, interrupts, observer).await
}

/// As [`drive`], with a budget that is shared with other processes of this computer.
///
/// # Errors
/// As of [`drive`]. A shared budget that can't be used is told to the observer and done without.
pub async fn drive_with_budget(
    ready: RunSetup,
    budget: Option<SharedBudget>,
    mut interrupts: Interrupts,
    observer: &mut dyn Observer,
) -> Result<DriveOutcome, DriveError> {
    let mut drive = Drive::begin(ready)?;
    drive.budget = budget;
    let ending = drive.play(&mut interrupts, observer).await?;
    observer.look(drive.clock.now(), &drive.fleet);
    Ok(DriveOutcome {
        ending,
        fleet: drive.fleet,
        records: drive.records,
        counters: drive
            .journal
            .map(|journal| journal.counters())
            .unwrap_or_default(),
    })
}

/// A run under way: what is decided, what is to be made durable, what is to be sent. Waits for
/// nothing; [`drive`] does, or whoever keeps the time (`stepped.rs`).
pub(super) struct Drive {
    pub(super) clock: Clock,
    pub(super) fleet: Fleet,
    pub(super) compiled: Arc<CompiledPlan>,
    pub(super) records: Arc<RecordStore>,
    pub(super) memory: Memory,
    pub(super) calls: Calls,
    /// `None` only while another thread waits for the disk.
    pub(super) journal: Option<Journal>,
    /// Handed to the engine, not written yet.
    pub(super) fresh: Vec<Fact>,
    /// When what is written has to be synced at the latest.
    pub(super) sync_at: Option<Moment>,
    /// To be called now.
    pub(super) outbox: Vec<(Need, RequestContext)>,
    pub(super) fetches: usize,
    /// Results whose turn has not come.
    pub(super) later: VecDeque<Need>,
    /// Announced starts and cancels, to be sent when the announcement is durable.
    pub(super) to_send: Vec<Need>,
    /// The requests of the announced starts, or why there is none.
    pub(super) prepared: HashMap<DeviceIndex, Result<LiveResponseRequest, String>>,
    /// Since when the tenant refuses the calls of a row.
    pub(super) refused: Vec<(Endpoint, Moment)>,
    /// The service took a token of this process once.
    pub(super) let_in: bool,
    /// Since when the service answers every read of the machine list with an error.
    pub(super) list_fails: Option<Moment>,
    /// Calls that a need took beyond the one it was granted, to be told to other processes.
    pub(super) beyond: Vec<Endpoint>,
    /// What other processes of this computer take of the tenant's budget.
    pub(super) budget: Option<SharedBudget>,
    pub(super) interrupts: u8,
    /// A request is obeyed; its file goes once that is durable.
    pub(super) obeyed: bool,
}

impl Drive {
    pub(super) fn begin(ready: RunSetup) -> Result<Drive, DriveError> {
        let RunSetup {
            compiled,
            folder,
            journal,
            reading,
            client,
            clock,
            caps,
        } = ready;
        let run = folder.header().run.clone();
        let started = folder.header().started;
        let plan = Arc::clone(compiled.plan());
        let records = Arc::new(RecordStore::new(folder, &plan));
        let mut memory = Memory::new(Arc::clone(&plan));
        let fleet = match &reading {
            None => Fleet::new(&run, plan, started),
            Some(reading) => {
                records.folder().remove_drafts()?;
                // Whoever goes on with the run does not want the pause of before.
                let path = records.folder().path();
                if ControlRequest::load(path)
                    .is_some_and(|request| request.request == RequestKind::Pause)
                {
                    ControlRequest::remove(path)?;
                }
                let fleet = Fleet::replay(&run, plan, started, &reading.facts)?;
                for fact in &reading.facts {
                    memory.note(fact, &records);
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
                caps,
                patience: Arc::new(Patience::default()),
            },
            clock,
            fleet,
            compiled,
            records,
            memory,
            journal: Some(journal),
            fresh: Vec::new(),
            sync_at: None,
            outbox: Vec::new(),
            fetches: 0,
            later: VecDeque::new(),
            to_send: Vec::new(),
            prepared: HashMap::new(),
            refused: Vec::new(),
            let_in: false,
            list_fails: None,
            beyond: Vec::new(),
            budget: None,
            interrupts: 0,
            obeyed: false,
        })
    }

    async fn play(
        &mut self,
        interrupts: &mut Interrupts,
        observer: &mut dyn Observer,
    ) -> Result<Ending, DriveError> {
        self.obey_request(observer)?;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut tasks: JoinSet<Done> = JoinSet::new();
        loop {
            self.take_needs(observer)?;
            self.commit(observer).await?;
            self.forget_request()?;
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
            // In this order, so that a run is the same for the same events.
            tokio::select! {
                biased;
                () = interrupts.next() => {
                    if self.interrupted()? {
                        return Ok(Ending::Quit);
                    }
                }
                Some(done) = tasks.join_next() => {
                    self.take_in(done.map_err(|error| DriveError::Bug(error.to_string()))?, observer)?;
                    // Whatever else is there shares the sync.
                    while let Some(done) = tasks.try_join_next() {
                        self.take_in(done.map_err(|error| DriveError::Bug(error.to_string()))?, observer)?;
                    }
                }
                () = clock.sleep_until(wake_at.unwrap_or(Moment::FAR_FUTURE)), if wake_at.is_some() => {}
                _ = look.tick() => {
                    self.obey_request(observer)?;
                    observer.look(self.clock.now(), &self.fleet);
                }
            }
        }
    }

    /// The file of a request that is obeyed and durable goes.
    pub(super) fn forget_request(&mut self) -> Result<(), DriveError> {
        if std::mem::take(&mut self.obeyed) {
            ControlRequest::remove(self.records.folder().path())?;
        }
        Ok(())
    }

    /// Does what another terminal has asked for, if it has.
    pub(super) fn obey_request(&mut self, observer: &mut dyn Observer) -> Result<(), DriveError> {
        if self.obeyed {
            return Ok(());
        }
        let Some(ControlRequest { request: ask, by }) =
            ControlRequest::load(self.records.folder().path())
        else {
            return Ok(());
        };
        let body = match ask {
            RequestKind::Pause => {
                self.interrupts = self.interrupts.max(1);
                FactBody::Interrupted { count: 1 }
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
        self.fact(None, body)?;
        self.obeyed = true;
        observer.asked(ask, &by);
        Ok(())
    }

    /// One interrupt more. True: the operator leaves at once.
    pub(super) fn interrupted(&mut self) -> Result<bool, DriveError> {
        self.interrupts = self.interrupts.saturating_add(1);
        if self.interrupts > 2 {
            return Ok(true);
        }
        let count = self.interrupts;
        self.fact(None, FactBody::Interrupted { count })?;
        Ok(false)
    }

    fn ending(&self) -> Ending {
        if self.fleet.devices().all(|device| device.end.is_some()) {
            Ending::Finished
        } else {
            Ending::Interrupted
        }
    }

    /// Asks the engine until it needs nothing more at this moment.
    pub(super) fn take_needs(&mut self, observer: &mut dyn Observer) -> Result<(), DriveError> {
        loop {
            let needs = self.poll(observer);
            if needs.is_empty() {
                return Ok(());
            }
            for need in needs {
                match need {
                    Need::Record { device, body } => self.fact(device, body)?,
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
                        self.fact(Some(device), body)?;
                        self.to_send.push(need);
                    }
                    Need::Cancel {
                        device,
                        ref action,
                        why,
                    } => {
                        let action = action.clone();
                        self.fact(Some(device), FactBody::CancelAnnounced { action, why })?;
                        self.to_send.push(need);
                    }
                    Need::Fetch { .. } => self.later.push_back(need),
                    Need::Search { .. } | Need::Watch { .. } | Need::Devices { .. } => {
                        self.dispatch(need);
                    }
                }
            }
        }
    }

    /// What the engine needs now. Where the budget is shared, what others took is told before, and
    /// what is granted is written down before anybody else can ask.
    fn poll(&mut self, observer: &mut dyn Observer) -> Vec<Need> {
        let now = self.clock.now();
        let Some(budget) = &mut self.budget else {
            return self.fleet.poll(now);
        };
        let mut needs = Vec::new();
        let shared = budget.turn(now).and_then(|(turn, news)| {
            self.fleet.others_took(now, &news.taken, news.slots_held);
            needs = self.fleet.poll(now);
            let mut rows = std::mem::take(&mut self.beyond);
            rows.extend(needs.iter().filter_map(Need::endpoint));
            turn.write(&rows, self.fleet.slots_held())
        });
        if let Err(error) = shared {
            // Advice that can't be had: the run goes by its own budget, and the service's answers.
            self.budget = None;
            self.fleet.others_took(now, &[], 0);
            observer.troubled(
                now,
                &format!("the budget shared with other runs can't be used: {error}"),
            );
            needs.extend(self.fleet.poll(now));
        }
        needs
    }

    /// Stamps what happened, hands it to the engine, and keeps it for the next sync.
    pub(super) fn fact(
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
        self.memory.note(&fact, &self.records);
        self.fresh.push(fact);
        Ok(())
    }
}
