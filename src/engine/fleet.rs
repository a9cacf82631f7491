//! One run: all its lanes, and whose turn it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::moment::Moment;
use crate::name::{ActionId, MachineId, RunId, Tag};
use crate::plan::{Plan, Verb};
use crate::wire::CommandStatus;

use super::fact::{EndState, Fact, FactBody, LaneId, Need, SessionIndex};
use super::view::{End, LaneView, Leg, Phase, Tally, Waiting};

/// A fact that does not fit the state that the facts before it have made. The state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fact} does not fit: {why}")]
pub struct ProtocolError {
    /// The fact's name, with its machine.
    pub fact: String,
    /// What it meets.
    pub why: String,
}

/// A journal that can't be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {record} of the journal: {error}")]
pub struct ReplayError {
    /// The fact's place, from 1.
    pub record: u64,
    /// What is wrong with it.
    pub error: ProtocolError,
}

/// The tag of a start: the first 20 hexadecimal digits of SHA-256 over run, machine, session and
/// attempt. The same start has the same tag in every process that works on the run.
pub fn tag_of(run: &RunId, machine: &MachineId, session: SessionIndex, attempt: u16) -> Tag {
    let text = format!("{run}\n{machine}\n{session}\n{attempt}\n");
    let digest = Sha256::digest(text.as_bytes());
    let mut digits = String::with_capacity(20);
    for byte in &digest[..10] {
        for nibble in [byte >> 4, byte & 15] {
            digits.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    match Tag::parse(&digits) {
        Ok(tag) => tag,
        Err(error) => unreachable!("internal error: a tag of our own making: {error}"),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Stage {
    Idle,
    Asked,
    Announced,
    Open(ActionId, bool),
    Collecting(ActionId, Vec<u16>, bool),
    Done(End),
}

/// One run.
#[derive(Debug)]
pub struct Fleet {
    run: RunId,
    plan: Arc<Plan>,
    lanes: Vec<(SessionIndex, Stage, Moment)>,
    owners: BTreeMap<ActionId, LaneId>,
    watching: bool,
    watch_at: Moment,
    now: Moment,
}

impl Fleet {
    /// A run that has not begun.
    pub fn new(run: &RunId, plan: Arc<Plan>, started: Moment) -> Fleet {
        let lanes = plan.machines.iter().map(|_| (0, Stage::Idle, started));
        Fleet {
            run: run.clone(),
            lanes: lanes.collect(),
            plan,
            owners: BTreeMap::new(),
            watching: false,
            watch_at: started,
            now: started,
        }
    }

    /// The run as its journal has it, through the same code as live.
    ///
    /// # Errors
    /// The first fact that does not fit those before it.
    pub fn replay<'f>(
        run: &RunId,
        plan: Arc<Plan>,
        started: Moment,
        facts: impl IntoIterator<Item = &'f Fact>,
    ) -> Result<Fleet, ReplayError> {
        let mut fleet = Fleet::new(run, plan, started);
        for (record, fact) in (1..).zip(facts) {
            fleet
                .handle(fact)
                .map_err(|error| ReplayError { record, error })?;
        }
        Ok(fleet)
    }

    /// Takes in one thing that happened.
    ///
    /// # Errors
    /// It does not fit: the caller broke the contract, or the journal is damaged. Nothing changed.
    pub fn handle(&mut self, fact: &Fact) -> Result<(), ProtocolError> {
        self.now = self.now.max(fact.at);
        let Some(id) = fact.lane else { return Ok(()) };
        let misfit = |why: &str| ProtocolError {
            fact: format!("{:?}", fact.body),
            why: why.to_owned(),
        };
        let lane = self
            .lanes
            .get_mut(id.0 as usize)
            .ok_or_else(|| misfit("there is no such machine"))?;
        let sessions = &self.plan.machines[id.0 as usize].sessions;
        let over = |state| {
            Stage::Done(End {
                state,
                step: None,
                why: None,
                cleanup_owed: false,
                tolerated: 0,
                at: fact.at,
            })
        };
        lane.2 = fact.at;
        match (&fact.body, &mut lane.1) {
            (FactBody::StartAnnounced { .. }, Stage::Idle | Stage::Asked) => {
                lane.1 = Stage::Announced;
            }
            (FactBody::StartAccepted { action, .. }, Stage::Announced) => {
                self.owners.insert(action.clone(), id);
                lane.1 = Stage::Open(action.clone(), false);
            }
            (FactBody::StartRefused { .. }, Stage::Announced) => lane.1 = over(EndState::Failed),
            (FactBody::ActionBegan { .. }, Stage::Open(_, began)) => *began = true,
            (
                FactBody::ActionEnded {
                    action, commands, ..
                },
                Stage::Open(..),
            ) => {
                let wanted = commands.iter().filter(|end| {
                    end.status == CommandStatus::Completed
                        && sessions[lane.0 as usize]
                            .commands
                            .get(end.index as usize)
                            .is_some_and(|command| command.verb != Verb::Put)
                });
                lane.1 =
                    Stage::Collecting(action.clone(), wanted.map(|end| end.index).collect(), false);
            }
            (
                FactBody::ResultFetched { index, .. } | FactBody::ResultMissing { index, .. },
                Stage::Collecting(_, wanted, asked),
            ) => {
                wanted.retain(|other| other != index);
                *asked = false;
            }
            _ => return Err(misfit("it is not expected here")),
        }
        if matches!(&lane.1, Stage::Collecting(_, wanted, _) if wanted.is_empty()) {
            lane.0 += 1;
            lane.1 = if usize::from(lane.0) < sessions.len() {
                Stage::Idle
            } else {
                over(EndState::Ok)
            };
        }
        Ok(())
    }

    /// What is to be done now. Each need is given once.
    pub fn poll(&mut self, now: Moment) -> Vec<Need> {
        self.now = self.now.max(now);
        let mut needs = Vec::new();
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            let id = LaneId(place as u32);
            let machine = &self.plan.machines[place];
            match &mut lane.1 {
                Stage::Idle => {
                    lane.1 = Stage::Asked;
                    needs.push(Need::Start {
                        lane: id,
                        session: lane.0,
                        attempt: 0,
                        tag: tag_of(&self.run, &machine.target.id, lane.0, 0),
                        only: None,
                    });
                }
                Stage::Collecting(action, wanted, asked) if !*asked => {
                    *asked = true;
                    let index = wanted[0];
                    needs.push(Need::Fetch {
                        lane: id,
                        session: lane.0,
                        action: action.clone(),
                        index,
                        step: machine.sessions[usize::from(lane.0)].commands[usize::from(index)]
                            .step,
                        conclusive: true,
                    });
                }
                _ => {}
            }
        }
        let open = self.open();
        if !open.is_empty() && !self.watching && self.watch_at <= self.now {
            self.watching = true;
            self.watch_at = self.now + Duration::from_secs(10);
            needs.push(Need::Watch { actions: open });
        }
        needs
    }

    fn open(&self) -> Vec<(LaneId, ActionId)> {
        let lanes = self.lanes.iter().enumerate();
        lanes
            .filter_map(|(place, lane)| match &lane.1 {
                Stage::Open(action, _) => Some((LaneId(place as u32), action.clone())),
                _ => None,
            })
            .collect()
    }

    /// A repeatable need could not be met and is to be asked for again, not before `retry_after`.
    pub fn read_failed(&mut self, now: Moment, need: &Need, retry_after: Option<Duration>) {
        self.now = self.now.max(now);
        match need {
            Need::Watch { .. } => {
                self.watching = false;
                self.watch_at = self
                    .watch_at
                    .max(self.now + retry_after.unwrap_or_default());
            }
            Need::Fetch { lane, .. } => {
                if let Some((_, Stage::Collecting(_, _, asked), _)) =
                    self.lanes.get_mut(lane.0 as usize)
                {
                    *asked = false;
                }
            }
            _ => {}
        }
    }

    /// A `Watch` was answered; the facts about what changed have been handed in before.
    pub fn watched(&mut self, now: Moment) {
        self.now = self.now.max(now);
        self.watching = false;
    }

    /// A `Machines` was answered; the facts about what changed have been handed in before.
    pub fn machines_read(&mut self, now: Moment) {
        self.now = self.now.max(now);
    }

    /// When to poll next if nothing happens; `None`: only an answer can change anything.
    pub fn wake_at(&self) -> Option<Moment> {
        (!self.watching && !self.open().is_empty()).then_some(self.watch_at)
    }

    /// Nothing is left to be done: every machine has ended, or the run was interrupted and nothing
    /// of it is in motion any more.
    pub fn is_done(&self) -> bool {
        self.lanes
            .iter()
            .all(|lane| matches!(lane.1, Stage::Done(_)))
    }

    /// How one machine stands.
    pub fn lane(&self, lane: LaneId) -> Option<LaneView> {
        let (session, stage, since) = self.lanes.get(lane.0 as usize)?;
        let at = |action: Option<&ActionId>, leg| Phase::Session {
            session: *session,
            attempt: 0,
            action: action.cloned(),
            at: leg,
        };
        let (phase, waiting, standing) = match stage {
            Stage::Idle => (Phase::Waiting, Some(Waiting::Turn), EndState::NotStarted),
            Stage::Asked | Stage::Announced => (at(None, Leg::Starting), None, EndState::Unknown),
            Stage::Open(action, began) => {
                let (leg, waiting) = match began {
                    false => (Leg::Queued, Waiting::Device),
                    true => (Leg::Running, Waiting::Session),
                };
                (at(Some(action), leg), Some(waiting), EndState::Unknown)
            }
            Stage::Collecting(action, ..) => {
                (at(Some(action), Leg::Collecting), None, EndState::Unknown)
            }
            Stage::Done(end) => (Phase::Ended, None, end.state),
        };
        let end = match stage {
            Stage::Done(end) => Some(end.clone()),
            _ => None,
        };
        Some(LaneView {
            lane,
            phase,
            waiting,
            end,
            standing,
            since: *since,
        })
    }

    /// Every machine, in the order of the target set.
    pub fn lanes(&self) -> impl Iterator<Item = LaneView> {
        (0..self.lanes.len()).filter_map(|place| self.lane(LaneId(place as u32)))
    }

    /// The machines that are admitted and have not ended: cheap at any fleet size.
    pub fn active(&self) -> impl Iterator<Item = LaneView> {
        self.lanes()
            .filter(|view| !matches!(view.phase, Phase::Waiting | Phase::Ended))
    }

    /// The sums.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            total: self.lanes.len() as u32,
            ..Tally::default()
        };
        for view in self.lanes() {
            match view.end {
                Some(end) => tally.ended[end.state.index()] += 1,
                None if view.phase == Phase::Waiting => tally.waiting += 1,
                None => tally.active += 1,
            }
        }
        tally
    }
}
