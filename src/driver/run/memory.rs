//! What the driver keeps in mind about a run beside the engine: whose action is whose, and what it
//! was told before. All of it comes from facts, so a resumed run has the same memory.

use std::collections::HashMap;
use std::sync::Arc;

use svar_engine::{
    CommandAnswer, CommandEnd, CommandState, DeviceIndex, Fact, FactBody, Fleet, Need,
    RequestIndex, SentCommand, match_answer,
};
use svar_plan::Plan;
use svar_wire::Moment;
use svar_wire::{ActionId, ActionStatus, DeviceId, LiveResponseRequest};

use crate::driver::store::RecordStore;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Memory {
    plan: Arc<Plan>,
    actions: HashMap<ActionId, Known>,
    /// The latest start of each device that was announced.
    announced: HashMap<DeviceIndex, Announced>,
    tenant_lost: Option<String>,
}

/// A start that was announced.
#[derive(Debug, Clone)]
struct Announced {
    at: Moment,
    commands: Arc<[SentCommand]>,
}

/// An own action.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) device: DeviceIndex,
    /// The commands that were sent, by the service's index.
    pub(crate) sent: Arc<[SentCommand]>,
    /// When its start was announced.
    pub(crate) since: Moment,
    /// The service said that it had begun.
    pub(crate) began: bool,
    /// How far the engine knows it to be: a command's index, and how that stands.
    pub(crate) reached: (RequestIndex, CommandState),
    /// A step of its session has a `timeout`, so that the engine wants to know how far it is.
    pub(crate) is_timed: bool,
}

/// What a call needs to know beside the need itself.
#[derive(Debug, Default)]
pub(crate) struct RequestContext {
    /// The request of a start, correlation tag aside; else why there is none.
    pub(crate) request: Option<Result<LiveResponseRequest, String>>,
    /// Of the devices that the need is about.
    pub(crate) devices: Vec<(DeviceIndex, DeviceId)>,
    /// Of the actions that the need is about.
    pub(crate) actions: HashMap<ActionId, Known>,
    /// What the run knows of those devices.
    pub(crate) known: HashMap<DeviceIndex, svar_engine::Known>,
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

    /// Why the tenant can't be used any more, if so.
    pub(crate) fn tenant_lost(&self) -> Option<String> {
        self.tenant_lost.clone()
    }

    /// Takes in what happened, live or from the journal.
    pub(crate) fn note(&mut self, fact: &Fact, records: &RecordStore) {
        let device = fact.device.unwrap_or(DeviceIndex(u32::MAX));
        match &fact.body {
            FactBody::StartAnnounced { commands, .. } => {
                let announced = Announced {
                    at: fact.at,
                    commands: commands.as_slice().into(),
                };
                self.announced.insert(device, announced);
            }
            FactBody::StartAccepted { action, .. } => {
                // The engine takes no such fact of a device without an announcement.
                if let Some(Announced { at, commands }) = self.announced.get(&device).cloned() {
                    let known = Known {
                        device,
                        since: at,
                        began: false,
                        reached: (RequestIndex::FIRST, CommandState::Presumed),
                        is_timed: commands.iter().any(|sent| self.is_timed(sent)),
                        sent: commands,
                    };
                    self.actions.insert(action.clone(), known);
                }
            }
            FactBody::ActionBegan { action } => {
                if let Some(known) = self.actions.get_mut(action) {
                    known.began = true;
                }
            }
            FactBody::CommandReached {
                action,
                index,
                state,
            } => {
                if let Some(known) = self.actions.get_mut(action) {
                    known.reached = (*index, *state);
                }
            }
            FactBody::ActionEnded {
                action,
                status,
                commands,
                ..
            } => {
                // Names the records of its commands, in the order of the journal.
                if let Some(known) = self.actions.get(action) {
                    for (sent, end) in known.told(status, commands) {
                        records.try_number(device, sent.step, action, end.index);
                    }
                }
            }
            FactBody::TenantLost { why } => self.tenant_lost = Some(why.clone()),
            FactBody::Resumed => self.tenant_lost = None,
            _ => {}
        }
    }

    /// Whether an action is another start's already.
    pub(crate) fn owns(&self, action: &ActionId) -> bool {
        self.actions.contains_key(action)
    }

    /// What a call for this need has to know.
    pub(crate) fn context(&self, need: &Need, fleet: &Fleet) -> RequestContext {
        let mut context = RequestContext::default();
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
                let known = devices.iter().map(|device| (*device, fleet.known(*device)));
                context.known = known.collect();
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

impl Known {
    /// Returns the commands whose end the service tells, as far as its answer fits what was sent.
    pub(crate) fn told<'a>(
        &'a self,
        status: &ActionStatus,
        ends: &'a [CommandEnd],
    ) -> impl Iterator<Item = (&'a SentCommand, &'a CommandEnd)> {
        let answers = match_answer(self.sent.len(), status, ends);
        (self.sent.iter().zip(answers)).filter_map(|(sent, answer)| match answer {
            CommandAnswer::Told(end) => Some((sent, end)),
            CommandAnswer::Silent | CommandAnswer::Mismatch(_) => None,
        })
    }
}
