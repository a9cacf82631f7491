//! What the driver keeps in mind about a run beside the engine: whose action is whose, and what it
//! was told before. All of it comes from facts, so a resumed run has the same memory.

use std::collections::HashMap;
use std::sync::Arc;

use svar_engine::{
    CommandIndex, CommandState, DeviceIndex, Fact, FactBody, Fleet, Need, RequestIndex,
    SessionIndex, StepIndex,
};
use svar_plan::{Plan, Verb};
use svar_wire::Moment;
use svar_wire::{ActionId, DeviceId};

use crate::driver::store::RecordStore;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Memory {
    plan: Arc<Plan>,
    actions: HashMap<ActionId, Known>,
    /// When a start was announced that is not answered.
    announced: HashMap<(DeviceIndex, SessionIndex), Moment>,
    resolved: HashMap<(DeviceIndex, SessionIndex), Vec<CommandIndex>>,
    tenant_lost: Option<String>,
}

/// An own action that has not ended.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) device: DeviceIndex,
    pub(crate) session: SessionIndex,
    /// Which commands of the session it may hold: those that were resolved.
    pub(crate) commands: Vec<CommandIndex>,
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
            resolved: HashMap::new(),
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
            FactBody::StartAnnounced { session, .. } => {
                self.announced.insert((device, *session), fact.at);
            }
            FactBody::StartAccepted {
                session, action, ..
            } => {
                let since = self.announced.remove(&(device, *session));
                let known = Known {
                    device,
                    session: *session,
                    commands: self.commands(device, *session),
                    since: since.unwrap_or(fact.at),
                    began: false,
                    reached: (RequestIndex::FIRST, CommandState::Presumed),
                    is_timed: self.is_timed(device, *session),
                };
                self.actions.insert(action.clone(), known);
            }
            FactBody::StartRefused { session, .. } | FactBody::StartAbsent { session, .. } => {
                self.announced.remove(&(device, *session));
            }
            FactBody::SessionResolved { session, commands } => {
                self.resolved.insert((device, *session), commands.clone());
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
                action, commands, ..
            } => {
                // Names the records of its commands, in the order of the journal.
                if let Some(known) = self.actions.get(action) {
                    for end in commands {
                        if let Some((step, _)) = self.step_of(known, commands.len(), end.index) {
                            records.try_number(device, step, action, end.index);
                        }
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

    fn commands(&self, device: DeviceIndex, session: SessionIndex) -> Vec<CommandIndex> {
        if let Some(resolved) = self.resolved.get(&(device, session)) {
            return resolved.clone();
        }
        let count = self
            .plan
            .devices
            .get(device.place())
            .and_then(|device| session.get(&device.sessions))
            .map_or(0, |session| session.commands.len());
        CommandIndex::all(count).collect()
    }

    fn is_timed(&self, device: DeviceIndex, session: SessionIndex) -> bool {
        let device = device.get(&self.plan.devices);
        let session = device.and_then(|device| session.get(&device.sessions));
        session.is_some_and(|session| {
            session.commands.iter().any(|command| {
                let step = command.step.get(&self.plan.steps);
                step.is_some_and(|step| step.timeout.is_some())
            })
        })
    }

    fn step_of(
        &self,
        known: &Known,
        sent: usize,
        index: RequestIndex,
    ) -> Option<(StepIndex, Verb)> {
        step_of(&self.plan, known, sent, index)
    }
}

/// Whose command the service's index names. `sent` is how many commands the action has: a further
/// try sends the last command of its session alone.
pub(crate) fn step_of(
    plan: &Plan,
    known: &Known,
    sent: usize,
    index: RequestIndex,
) -> Option<(StepIndex, Verb)> {
    let offset = known.commands.len().checked_sub(sent)?;
    let position = known.commands.get(offset + index.place())?;
    let device = known.device.get(&plan.devices)?;
    let session = known.session.get(&device.sessions)?;
    let command = position.get(&session.commands)?;
    Some((command.step, command.verb))
}
