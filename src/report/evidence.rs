//! What was shown true: the plan, and for each device what the facts say about it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use svar_engine::{
    CommandIndex, DeviceView, EndState, Fact, FactBody, RequestIndex, ResultSummary, SessionIndex,
};
use svar_plan::{OnStop, Plan, Session, StepLocation, StepPlan, Verb, Verdict};
use svar_wire::CommandStatus;
use svar_wire::Moment;
use svar_wire::{ActionId, RunId};

use super::words::clean;

/// Whose run it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The run.
    pub run: RunId,
    /// The version that began it.
    pub svar: String,
    /// The playbook's name.
    pub playbook: String,
    /// The playbook's file, as the user named it.
    pub file: String,
    /// The plan's digest.
    pub digest: String,
    /// The service, in words.
    pub service: String,
    /// Whether that is an emulator, so that nothing really happened.
    pub rehearsal: bool,
    /// Who ran it; empty where nobody was named.
    pub operator: String,
    /// The case; empty where none was named.
    pub case: String,
    /// When it began.
    pub started: Moment,
}

/// Everything reports tell about a run.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Whose run it is.
    pub header: Header,
    /// Whether every device has ended; else the run can be resumed.
    pub finished: bool,
    /// When the last thing happened.
    pub until: Moment,
    /// One entry for each target, in the order of the target set.
    pub devices: Vec<DeviceEvidence>,
    /// Why the tenant could not be used any more, if so.
    pub lost: Option<String>,
    /// The operator ended the run for good, if so.
    pub stopped: Option<StopOrder>,
}

/// An operator's order to end a run for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopOrder {
    /// What it meant for devices that were begun.
    pub how: OnStop,
    /// Who; empty where nobody was named.
    pub by: String,
    /// When.
    pub at: Moment,
}

/// One device.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceEvidence {
    /// Its id.
    pub id: String,
    /// Its name, else its id; harmless text.
    pub label: String,
    /// The service's platform name, where known.
    pub os: Option<String>,
    /// How it ended, or how it counts if the run is left as it stands.
    pub end: EndState,
    /// Whether it has really ended.
    pub ended: bool,
    /// The step that decided its end.
    pub step: Option<StepMark>,
    /// Why it did not end as hoped; harmless text.
    pub why: Option<String>,
    /// Something was put or run on it, or may have been, and its cleanup was not done.
    pub cleanup_owed: bool,
    /// Who gave up its cleanup, and why; harmless text.
    pub cleanup_waived: Option<Waived>,
    /// Steps that failed and were allowed to.
    pub tolerated: u16,
    /// Its first start.
    pub started: Option<Moment>,
    /// Its end.
    pub at: Option<Moment>,
    /// Sessions that the service took.
    pub sessions: u32,
    /// What became of its commands, in order.
    pub commands: Vec<CommandEvidence>,
}

/// A cleanup that a person gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waived {
    /// Who; empty where nobody was named.
    pub by: String,
    /// Why.
    pub why: String,
}

/// A step, as reports name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepMark {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The file it stands in.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// Its JSON pointer.
    pub pointer: String,
}

impl StepMark {
    fn of(step: &StepPlan) -> Self {
        let StepLocation {
            file,
            pointer,
            line,
            column,
        } = step.place.clone();
        StepMark {
            name: step.name.clone(),
            title: step.title.clone(),
            file,
            line,
            column,
            pointer,
        }
    }

    /// `playbooks/x.yaml:14:5`, as editors open it.
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What became of one command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandEvidence {
    /// The step it came from.
    pub step: String,
    /// What it does.
    pub verb: Verb,
    /// Whether it is part of the cleanup.
    pub cleanup: bool,
    /// The machine action it was part of.
    pub action: String,
    /// Its index there.
    pub index: RequestIndex,
    /// The service's last word on it.
    pub status: CommandStatus,
    /// What the service says went wrong; harmless text.
    pub error: Option<String>,
    /// What was fetched.
    pub result: Option<ResultSummary>,
    /// Why there is no result; harmless text.
    pub missing: Option<String>,
    /// Which expectation does not hold; harmless text.
    pub not_met: Option<String>,
}

impl CommandEvidence {
    /// Whether it ran. One that waited in a session which the queue gave back, or which was called
    /// back, did not.
    pub fn ran(&self) -> bool {
        self.status != CommandStatus::Created
    }
}

/// Devices that ended badly in the same way at the same step.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// How.
    pub end: EndState,
    /// Where.
    pub step: Option<StepMark>,
    /// Why.
    pub why: String,
    /// Which, by their place in [`Evidence::devices`].
    pub devices: Vec<usize>,
}

impl Evidence {
    /// Puts plan, facts and views together. `devices` has one view for each device of the plan, in
    /// its order.
    pub fn gather(
        header: Header,
        plan: &Plan,
        facts: &[Fact],
        devices: impl Iterator<Item = DeviceView>,
    ) -> Self {
        let mut tellers: Vec<Teller<'_>> = (plan.devices.iter())
            .map(|device| Teller::new(plan, &device.sessions))
            .collect();
        let mut until = header.started;
        let mut lost = None;
        let mut stopped: Option<StopOrder> = None;
        for fact in facts {
            // A debt may be given up long after the run's end.
            if !matches!(fact.body, FactBody::CleanupWaived { .. }) {
                until = until.max(fact.at);
            }
            match (fact.device, &fact.body) {
                (None, FactBody::TenantLost { why }) => lost = Some(clean(why)),
                (None, FactBody::Resumed) => lost = None,
                // The most severe order is the one that was obeyed.
                (None, FactBody::Stopped { how, by })
                    if stopped.as_ref().is_none_or(|order| order.how < *how) =>
                {
                    stopped = Some(StopOrder {
                        how: *how,
                        by: clean(by),
                        at: fact.at,
                    });
                }
                (Some(device), _) => {
                    if let Some(teller) = device.get_mut(&mut tellers) {
                        teller.take(fact);
                    }
                }
                _ => {}
            }
        }
        let devices: Vec<_> = (plan.devices.iter().zip(tellers).zip(devices))
            .map(|((device, teller), view)| {
                let target = &device.target;
                let end = view.end;
                let step = end.as_ref().and_then(|end| end.step);
                DeviceEvidence {
                    id: target.id.to_string(),
                    label: clean(target.label()),
                    os: target.os.as_deref().map(clean),
                    end: view.standing,
                    ended: end.is_some(),
                    step: step
                        .and_then(|step| step.get(&plan.steps))
                        .map(StepMark::of),
                    why: (end.as_ref()).and_then(|end| end.why.as_deref()).map(clean),
                    cleanup_owed: view.owes_cleanup,
                    cleanup_waived: teller.waived,
                    tolerated: end.as_ref().map_or(0, |end| end.tolerated),
                    started: teller.started,
                    at: end.as_ref().map(|end| end.at),
                    sessions: teller.sessions,
                    commands: teller.commands,
                }
            })
            .collect();
        Evidence {
            header,
            finished: devices.iter().all(|device| device.ended),
            until,
            devices,
            lost,
            stopped,
        }
    }

    /// How many devices ended how, in the order of [`EndState::ALL`]: they add up to the targets.
    pub fn sums(&self) -> [(EndState, usize); 10] {
        EndState::ALL.map(|state| {
            let of_it = |device: &&DeviceEvidence| device.end == state;
            (state, self.devices.iter().filter(of_it).count())
        })
    }

    /// Devices whose cleanup is owed.
    pub fn cleanup_owed(&self) -> usize {
        (self.devices.iter())
            .filter(|device| device.cleanup_owed)
            .count()
    }

    /// Whether there is nothing to complain about.
    pub fn is_ok(&self) -> bool {
        self.devices
            .iter()
            .all(|device| device.end == EndState::Ok && !device.cleanup_owed)
    }

    /// What went wrong, each way of it once, the most frequent first.
    pub fn failures(&self) -> Vec<Failure> {
        // Keyed by what is the same on every device; the first device's words stand for all.
        let mut groups: BTreeMap<(EndState, Option<StepMark>, String), Failure> = BTreeMap::new();
        for (place, device) in self.devices.iter().enumerate() {
            if !device.ended || matches!(device.end, EndState::Ok | EndState::Skipped) {
                continue;
            }
            let why = device.why.clone().unwrap_or_default();
            groups
                .entry((device.end, device.step.clone(), essence(&why)))
                .or_insert_with(|| Failure {
                    end: device.end,
                    step: device.step.clone(),
                    why,
                    devices: Vec::new(),
                })
                .devices
                .push(place);
        }
        let mut failures: Vec<Failure> = groups.into_values().collect();
        // Stable: equally frequent ones stay in the order of their states and steps.
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.devices.len()));
        failures
    }
}

/// A reason without what differs from device to device: quoted output, numbers, and the times in
/// them. Two reasons that are the same but for these are the same failure.
fn essence(why: &str) -> String {
    let mut essence = String::new();
    for (index, part) in why.split('`').enumerate() {
        if index % 2 == 1 {
            essence.push('`');
            continue;
        }
        for letter in part.chars() {
            match letter.is_ascii_digit() {
                true if essence.ends_with('0') => {}
                true => essence.push('0'),
                false => essence.push(letter),
            }
        }
    }
    essence
}

/// Follows the facts of one device.
struct Teller<'p> {
    plan: &'p Plan,
    sessions_planned: &'p Arc<[Session]>,
    started: Option<Moment>,
    sessions: u32,
    waived: Option<Waived>,
    /// Which commands a session that waited came to.
    resolved: HashMap<SessionIndex, Vec<CommandIndex>>,
    /// Which session an action belongs to.
    actions: HashMap<ActionId, SessionIndex>,
    commands: Vec<CommandEvidence>,
}

impl<'p> Teller<'p> {
    fn new(plan: &'p Plan, sessions: &'p Arc<[Session]>) -> Self {
        Teller {
            plan,
            sessions_planned: sessions,
            started: None,
            sessions: 0,
            waived: None,
            resolved: HashMap::new(),
            actions: HashMap::new(),
            commands: Vec::new(),
        }
    }

    fn take(&mut self, fact: &Fact) {
        match &fact.body {
            FactBody::StartAnnounced { .. } => {
                self.started.get_or_insert(fact.at);
            }
            FactBody::StartAccepted {
                session, action, ..
            } => {
                let is_new = self.actions.insert(action.clone(), *session).is_none();
                self.sessions += u32::from(is_new);
            }
            FactBody::CleanupWaived { by, why } => {
                self.waived = Some(Waived {
                    by: clean(by),
                    why: clean(why),
                });
            }
            FactBody::SessionResolved { session, commands } => {
                self.resolved.insert(*session, commands.clone());
            }
            FactBody::ActionEnded {
                action, commands, ..
            } => {
                let sent = self.sent(action, commands.len());
                for end in commands {
                    let place = end.index.get(&sent).copied();
                    let Some((step, verb)) = place.and_then(|place| self.step(action, place))
                    else {
                        continue;
                    };
                    self.commands.push(CommandEvidence {
                        step: step.name.clone(),
                        verb,
                        cleanup: step.cleanup,
                        action: action.to_string(),
                        index: end.index,
                        status: end.status.clone(),
                        error: end.error.as_deref().map(clean),
                        result: None,
                        missing: None,
                        not_met: None,
                    });
                }
            }
            FactBody::ResultFetched {
                action,
                index,
                result,
                verdict,
            } => {
                if let Some(command) = self.command(action, *index) {
                    command.result = Some(result.clone());
                    command.not_met = match verdict {
                        Verdict::Met => None,
                        Verdict::NotMet { why } => Some(clean(why)),
                    };
                }
            }
            FactBody::ResultMissing { action, index, why } => {
                if let Some(command) = self.command(action, *index) {
                    command.missing = Some(clean(why));
                }
            }
            _ => {}
        }
    }

    /// The commands of an action, by index into the session's: all that it has, those it was
    /// resolved to, or the last one alone where a try was made again.
    fn sent(&self, action: &ActionId, count: usize) -> Vec<CommandIndex> {
        let Some(session) = self.actions.get(action) else {
            return Vec::new();
        };
        let planned = self
            .sessions_planned
            .get(session.place())
            .map_or(0, |session| session.commands.len());
        let all = match self.resolved.get(session) {
            Some(resolved) => resolved.clone(),
            None => CommandIndex::all(planned).collect(),
        };
        match (count, all.last()) {
            (1, Some(last)) => vec![*last],
            _ => all,
        }
    }

    fn step(&self, action: &ActionId, place: CommandIndex) -> Option<(&'p StepPlan, Verb)> {
        let session = self.actions.get(action)?;
        let session = self.sessions_planned.get(session.place())?;
        let command = place.get(&session.commands)?;
        let step = command.step.get(&self.plan.steps)?;
        Some((step, command.verb))
    }

    fn command(&mut self, action: &ActionId, index: RequestIndex) -> Option<&mut CommandEvidence> {
        (self.commands.iter_mut().rev())
            .find(|command| command.action == action.as_str() && command.index == index)
    }
}
