//! Keeps state of a run that the engine does not have: which action belongs to which start, and
//! what the service has reported before. All of it comes from facts, so a resumed run has the same
//! state.

use std::collections::HashMap;
use std::sync::Arc;

use svar_engine::{
    CommandAnswer, CommandEnd, CommandState, DeviceIndex, Fact, FactBody, Fleet, Need, Readiness,
    RequestIndex, SentCommand, match_answer,
};
use svar_plan::Plan;
use svar_wire::Moment;
use svar_wire::{ActionId, ActionStatus, DeviceId, LiveResponseRequest};

use crate::driver::store::{RecordKey, RecordStore};

/// The driver's own state of a run.
#[derive(Debug)]
pub(crate) struct Memory {
    plan: Arc<Plan>,
    actions: HashMap<ActionId, OpenAction>,
    /// The latest announced start of each device.
    announced: HashMap<DeviceIndex, Announced>,
    tenant_lost: Option<String>,
}

/// An announced start.
#[derive(Debug, Clone)]
struct Announced {
    at: Moment,
    commands: Arc<[SentCommand]>,
}

/// An action that this run started.
#[derive(Debug, Clone)]
pub(crate) struct OpenAction {
    pub(crate) device: DeviceIndex,
    /// The commands that were sent, by the service's index.
    pub(crate) sent: Arc<[SentCommand]>,
    /// The time at which its start was announced.
    pub(crate) announced_at: Moment,
    /// Whether the service has reported that it began.
    pub(crate) began: bool,
    /// The progress that the engine knows of: the index and the state of a command.
    pub(crate) reached: (RequestIndex, CommandState),
    /// Whether a step of its session has a `timeout`, so that the engine needs its progress.
    pub(crate) is_timed: bool,
}

/// The data that a call needs in addition to the need itself.
#[derive(Debug, Default)]
pub(crate) struct CallContext {
    /// The request of a start without its correlation tag, or the reason why there is none.
    pub(crate) request: Option<Result<LiveResponseRequest, PrepareError>>,
    /// The devices that the need is about.
    pub(crate) devices: Vec<(DeviceIndex, DeviceId)>,
    /// The actions that the need is about.
    pub(crate) actions: HashMap<ActionId, OpenAction>,
    /// Whether those devices can be started, as far as the run knows.
    pub(crate) readiness: HashMap<DeviceIndex, Readiness>,
}

/// The reason why a session that was due to start has no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrepareError {
    /// A template can't be resolved with the data of the run.
    #[error("{0}")]
    Unresolvable(String),
    /// All commands are skipped by their `when`.
    #[error("every `when` of the session is false")]
    NothingToSend,
    /// A command that was due is skipped by its `when`.
    #[error("a `when` of the session has become false")]
    CommandSkipped,
}

impl Memory {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Memory {
            plan,
            actions: HashMap::new(),
            announced: HashMap::new(),
            tenant_lost: None,
        }
    }

    /// Returns why the tenant can't be used any more, or `None` if it can.
    pub(crate) fn tenant_lost(&self) -> Option<String> {
        self.tenant_lost.clone()
    }

    /// Updates the state with a fact, from the live run or from the journal.
    pub(crate) fn apply(&mut self, fact: &Fact, records: &dyn RecordStore) {
        match (&fact.body, fact.device) {
            (FactBody::StartAnnounced { commands, .. }, Some(device)) => {
                let announced = Announced {
                    at: fact.at,
                    commands: commands.as_slice().into(),
                };
                self.announced.insert(device, announced);
            }
            (FactBody::StartAccepted { action, .. }, Some(device)) => {
                // The engine rejects an accepted start without an announcement.
                if let Some(Announced { at, commands }) = self.announced.get(&device).cloned() {
                    let known = OpenAction {
                        device,
                        announced_at: at,
                        began: false,
                        reached: (RequestIndex::FIRST, CommandState::Presumed),
                        is_timed: commands.iter().any(|sent| self.is_timed(sent)),
                        sent: commands,
                    };
                    self.actions.insert(action.clone(), known);
                }
            }
            (FactBody::ActionBegan { action }, _) => {
                if let Some(known) = self.actions.get_mut(action) {
                    known.began = true;
                }
            }
            (
                FactBody::CommandReached {
                    action,
                    index,
                    state,
                },
                _,
            ) => {
                if let Some(known) = self.actions.get_mut(action) {
                    known.reached = (*index, *state);
                }
            }
            (
                FactBody::ActionEnded {
                    action,
                    status,
                    commands,
                    ..
                },
                _,
            ) => {
                if let Some(known) = self.actions.get(action) {
                    for (sent, end) in known.reported(status, commands) {
                        records.add_try(&RecordKey {
                            device: known.device,
                            step: sent.step,
                            action: action.clone(),
                            index: end.index,
                        });
                    }
                }
            }
            (FactBody::TenantLost { why }, _) => self.tenant_lost = Some(why.clone()),
            (FactBody::Resumed, _) => self.tenant_lost = None,
            _ => {}
        }
    }

    /// Returns whether an action is already known to belong to a start.
    pub(crate) fn knows(&self, action: &ActionId) -> bool {
        self.actions.contains_key(action)
    }

    /// Returns the data that a call for this need requires.
    pub(crate) fn context(&self, need: &Need, fleet: &Fleet) -> CallContext {
        let mut context = CallContext::default();
        let with_id = |device: DeviceIndex| {
            let planned = device.get(&self.plan.devices)?;
            Some((device, planned.target.id.clone()))
        };
        match need {
            Need::Start { device, .. } | Need::Search { device, .. } => {
                context.devices.extend(with_id(*device));
            }
            Need::Watch { actions } => {
                for (_, action) in actions {
                    if let Some(known) = self.actions.get(action) {
                        context.actions.insert(action.clone(), known.clone());
                    }
                }
            }
            Need::Fetch { action, .. } | Need::Cancel { action, .. } => {
                if let Some(known) = self.actions.get(action) {
                    context.actions.insert(action.clone(), known.clone());
                }
            }
            Need::Devices { devices } => {
                context.devices = devices
                    .iter()
                    .filter_map(|device| with_id(*device))
                    .collect();
                let known = devices
                    .iter()
                    .filter_map(|device| Some((*device, fleet.readiness(*device)?.clone())));
                context.readiness = known.collect();
            }
            Need::Record { .. } | Need::Resolve { .. } => {}
        }
        context
    }

    fn is_timed(&self, sent: &SentCommand) -> bool {
        let step = sent.step.get(&self.plan.steps);
        step.is_some_and(|step| step.timeout.is_some())
    }
}

impl OpenAction {
    /// Returns the commands whose end the service reports, as far as its answer matches what was
    /// sent.
    pub(crate) fn reported<'a>(
        &'a self,
        status: &ActionStatus,
        ends: &'a [CommandEnd],
    ) -> impl Iterator<Item = (&'a SentCommand, &'a CommandEnd)> {
        let answers = match_answer(self.sent.len(), status, ends);
        (self.sent.iter().zip(answers)).filter_map(|(sent, answer)| match answer {
            CommandAnswer::Reported(end) => Some((sent, end)),
            CommandAnswer::Unreported | CommandAnswer::Mismatch(_) => None,
        })
    }
}
