//! The evidence of a run: the results of each device, gathered from the plan and the facts.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use svar_engine::{
    CommandAnswer, CommandEnd, DeviceView, EndState, Fact, FactBody, MISMATCH, RequestIndex,
    ResultSummary, SentCommand, match_answer,
};
use svar_plan::{OnStop, Plan, SessionKind, StepLocation, StepPlan, Verb, Verdict};
use svar_wire::Moment;
use svar_wire::{ActionId, RunId};
use svar_wire::{ActionStatus, CommandStatus};

use super::format::clean;

/// The header of a report: what is known when a run starts.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportHeader {
    /// The run.
    pub run: RunId,
    /// The version of svar that started it.
    pub svar: String,
    /// The playbook's name.
    pub playbook: String,
    /// The path of the playbook, as the user specified it.
    pub file: String,
    /// The plan's digest.
    pub digest: String,
    /// A description of the service.
    pub service: String,
    /// Whether the service is an emulator, so that no real device was touched.
    pub rehearsal: bool,
    /// The operator; empty if unknown.
    pub operator: String,
    /// The case; empty if none was named.
    pub case: String,
    /// The time when it started.
    pub started: Moment,
}

/// The content of all reports of a run.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The header.
    pub header: ReportHeader,
    /// The state of the run.
    pub state: RunState,
    /// Time of the last event.
    pub until: Moment,
    /// One entry for each device, in the order of the plan.
    pub devices: Vec<DeviceEvidence>,
    /// The reason why the tenant can't be used any more, if that is so.
    pub lost: Option<String>,
    /// The operator's order to end the run for good, if there was one.
    pub stopped: Option<StopOrder>,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Some device has not ended, and a process drives the run.
    Running,
    /// Some device has not ended, and no process drives the run: it can be resumed.
    Interrupted,
    /// Every device has ended.
    Finished,
}

impl RunState {
    /// Returns the name of the state in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Interrupted => "interrupted",
            RunState::Finished => "finished",
        }
    }
}

/// An operator's order to end a run for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopOrder {
    /// The handling of devices that have started.
    pub how: OnStop,
    /// The operator; empty if unknown.
    pub by: String,
    /// The time of the order.
    pub at: Moment,
}

/// One device.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceEvidence {
    /// Its id.
    pub id: String,
    /// Its name, or its id if it has no name; safe to print.
    pub label: String,
    /// The service's platform name, where known.
    pub os: Option<String>,
    /// Its end state. Until it has ended, the state it would have if the run stopped now.
    pub end: EndState,
    /// Whether it has ended.
    pub ended: bool,
    /// The step that decided its end.
    pub step: Option<StepRef>,
    /// Reason for an end other than `ok`; safe to print.
    pub why: Option<String>,
    /// Whether something was or may have been put or run on it, and its cleanup was not done.
    pub cleanup_owed: bool,
    /// The waiver of its cleanup, if there is one; safe to print.
    pub cleanup_waived: Option<CleanupWaiver>,
    /// Number of failed steps that were allowed to fail.
    pub tolerated: u16,
    /// Time of its first start.
    pub started: Option<Moment>,
    /// Time of its end.
    pub at: Option<Moment>,
    /// Number of sessions that the service accepted.
    pub sessions: u32,
    /// Its commands that ended, in order.
    pub commands: Vec<CommandEvidence>,
}

/// A cleanup that an operator waived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanupWaiver {
    /// The operator; empty if unknown.
    pub by: String,
    /// The reason.
    pub why: String,
}

/// A step, as reports name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepRef {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The file that contains it.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// Its JSON pointer.
    pub pointer: String,
}

impl StepRef {
    fn of(step: &StepPlan) -> Self {
        let StepLocation {
            file,
            pointer,
            line,
            column,
        } = step.place.clone();
        StepRef {
            name: step.name.clone(),
            title: step.title.clone(),
            file,
            line,
            column,
            pointer,
        }
    }

    /// Returns its location in a form that editors can open: `playbooks/x.yaml:14:5`.
    pub fn location(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One command that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandEvidence {
    /// The step it came from.
    pub step: String,
    /// The verb of the step.
    pub verb: Verb,
    /// Whether it is part of the cleanup.
    pub cleanup: bool,
    /// The machine action that it belongs to.
    pub action: String,
    /// The index in its action.
    pub index: RequestIndex,
    /// Its last status in the service.
    pub status: CommandStatus,
    /// The service's error message; safe to print.
    pub error: Option<String>,
    /// Its result, if that was fetched.
    pub result: Option<ResultSummary>,
    /// The reason why there is no result; safe to print.
    pub missing: Option<String>,
    /// The expectation that was not met; safe to print.
    pub not_met: Option<String>,
}

impl CommandEvidence {
    /// Returns whether it ran. A command of a session that expired in the queue or was recalled did
    /// not.
    pub fn ran(&self) -> bool {
        self.status != CommandStatus::Created
    }
}

/// Devices that failed in the same way at the same step.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureGroup {
    /// Their end.
    pub end: EndState,
    /// The step that decided it.
    pub step: Option<StepRef>,
    /// The reason on the first device.
    pub why: String,
    /// Indices into [`Evidence::devices`]; never empty.
    pub devices: Vec<usize>,
}

impl Evidence {
    /// Gathers the evidence from the plan, the facts and the state of the devices. `devices` has
    /// one view for each device of the plan, in the same order.
    ///
    /// A run that has not finished counts as interrupted, because the facts don't show whether a
    /// process drives it. See [`Evidence::mark_running`].
    pub fn gather<'p>(
        header: ReportHeader,
        plan: &'p Plan,
        facts: &'p [Fact],
        devices: impl Iterator<Item = DeviceView>,
    ) -> Self {
        let mut histories: Vec<DeviceHistory<'_>> = (plan.devices.iter())
            .map(|_| DeviceHistory::new(plan))
            .collect();
        let mut until = header.started;
        let mut lost = None;
        let mut stopped: Option<StopOrder> = None;
        for fact in facts {
            // Cleanup may be waived long after the run's end.
            if !matches!(fact.body, FactBody::CleanupWaived { .. }) {
                until = until.max(fact.at);
            }
            match (fact.device, &fact.body) {
                (None, FactBody::TenantLost { why }) => lost = Some(clean(why)),
                (None, FactBody::Resumed) => lost = None,
                // The most severe order applies.
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
                    if let Some(history) = device.get_mut(&mut histories) {
                        history.apply(fact);
                    }
                }
                _ => {}
            }
        }
        let devices: Vec<_> = (plan.devices.iter().zip(histories).zip(devices))
            .map(|((device, history), view)| {
                let target = &device.target;
                let end = view.end;
                let step = end.as_ref().and_then(|end| end.step);
                DeviceEvidence {
                    id: target.id.to_string(),
                    label: clean(target.label()),
                    os: target.os.as_deref().map(clean),
                    end: view.standing,
                    ended: end.is_some(),
                    step: step.and_then(|step| step.get(&plan.steps)).map(StepRef::of),
                    why: (end.as_ref()).and_then(|end| end.why.as_deref()).map(clean),
                    cleanup_owed: view.owes_cleanup,
                    cleanup_waived: history.waived,
                    tolerated: end.as_ref().map_or(0, |end| end.tolerated),
                    started: history.started,
                    at: end.as_ref().map(|end| end.at),
                    sessions: history.sessions,
                    commands: history.commands,
                }
            })
            .collect();
        Evidence {
            header,
            state: if devices.iter().all(|device| device.ended) {
                RunState::Finished
            } else {
                RunState::Interrupted
            },
            until,
            devices,
            lost,
            stopped,
        }
    }

    /// Records that a process drives the run. Has no effect on a run that has finished.
    pub fn mark_running(&mut self) {
        if self.state == RunState::Interrupted {
            self.state = RunState::Running;
        }
    }

    /// Returns whether every device has ended.
    pub fn is_finished(&self) -> bool {
        self.state == RunState::Finished
    }

    /// Returns the number of devices for each end state, in the order of [`EndState::ALL`]. The
    /// numbers add up to all devices.
    pub fn counts(&self) -> [(EndState, usize); 10] {
        EndState::ALL.map(|state| {
            let of_it = |device: &&DeviceEvidence| device.end == state;
            (state, self.devices.iter().filter(of_it).count())
        })
    }

    /// Returns the number of devices whose cleanup was not done.
    pub fn cleanup_owed(&self) -> usize {
        (self.devices.iter())
            .filter(|device| device.cleanup_owed)
            .count()
    }

    /// Returns whether every device ended `ok` and was cleaned up.
    pub fn is_ok(&self) -> bool {
        self.devices
            .iter()
            .all(|device| device.end == EndState::Ok && !device.cleanup_owed)
    }

    /// Returns each kind of failure once, the most frequent first.
    pub fn failures(&self) -> Vec<FailureGroup> {
        // The key is the same on every device of a group; the group has the first device's reason.
        let mut groups: BTreeMap<(EndState, Option<StepRef>, String), FailureGroup> =
            BTreeMap::new();
        for (place, device) in self.devices.iter().enumerate() {
            if !device.ended || matches!(device.end, EndState::Ok | EndState::Skipped) {
                continue;
            }
            let why = device.why.clone().unwrap_or_default();
            groups
                .entry((device.end, device.step.clone(), without_details(&why)))
                .or_insert_with(|| FailureGroup {
                    end: device.end,
                    step: device.step.clone(),
                    why,
                    devices: Vec::new(),
                })
                .devices
                .push(place);
        }
        let mut failures: Vec<FailureGroup> = groups.into_values().collect();
        // A stable sort keeps equally frequent ones in the order of their states and steps.
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.devices.len()));
        failures
    }
}

/// Returns a reason without the parts that differ between devices: quoted output, numbers, times.
/// Two reasons that differ only in these are the same failure.
fn without_details(why: &str) -> String {
    let mut without_details = String::new();
    for (index, part) in why.split('`').enumerate() {
        if index % 2 == 1 {
            without_details.push('`');
            continue;
        }
        for letter in part.chars() {
            match letter {
                '0'..='9' if without_details.ends_with('0') => {}
                '0'..='9' => without_details.push('0'),
                letter => without_details.push(letter),
            }
        }
    }
    without_details
}

/// The history of one device, from the facts so far.
struct DeviceHistory<'p> {
    plan: &'p Plan,
    started: Option<Moment>,
    sessions: u32,
    waived: Option<CleanupWaiver>,
    /// The commands of the latest start.
    announced: &'p [SentCommand],
    /// The commands of each action, as they were sent.
    actions: HashMap<&'p ActionId, &'p [SentCommand]>,
    commands: Vec<CommandEvidence>,
}

impl<'p> DeviceHistory<'p> {
    fn new(plan: &'p Plan) -> Self {
        DeviceHistory {
            plan,
            started: None,
            sessions: 0,
            waived: None,
            announced: &[],
            actions: HashMap::new(),
            commands: Vec::new(),
        }
    }

    fn apply(&mut self, fact: &'p Fact) {
        match &fact.body {
            FactBody::StartAnnounced { commands, .. } => {
                self.started.get_or_insert(fact.at);
                self.announced = commands;
            }
            FactBody::StartAccepted { action, .. } => {
                let is_new = self.actions.insert(action, self.announced).is_none();
                self.sessions += u32::from(is_new);
            }
            FactBody::CleanupWaived { by, why } => {
                self.waived = Some(CleanupWaiver {
                    by: clean(by),
                    why: clean(why),
                });
            }
            FactBody::ActionEnded {
                action,
                status,
                commands,
                ..
            } => self.action_ended(action, status, commands),
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

    /// Adds the commands of an action that has ended, as far as the service's answer matches them.
    fn action_ended(&mut self, action: &ActionId, status: &ActionStatus, ends: &[CommandEnd]) {
        let sent: &'p [SentCommand] = self.actions.get(action).copied().unwrap_or_default();
        let answers = match_answer(sent.len(), status, ends);
        for ((index, sent), answer) in RequestIndex::enumerate(sent).zip(answers) {
            let (status, error, missing) = match answer {
                CommandAnswer::Reported(end) => (end.status.clone(), end.error.as_deref(), None),
                CommandAnswer::Unreported => continue,
                CommandAnswer::Mismatch(why) => {
                    let status = CommandStatus::Other("Unknown".to_owned());
                    (status, None, Some(format!("{MISMATCH}: {why}")))
                }
            };
            let Some(step) = sent.step.get(&self.plan.steps) else {
                continue;
            };
            self.commands.push(CommandEvidence {
                step: step.name.clone(),
                verb: sent.verb,
                cleanup: step.kind == SessionKind::Cleanup,
                action: action.to_string(),
                index,
                status,
                error: error.map(clean),
                result: None,
                missing: missing.as_deref().map(clean),
                not_met: None,
            });
        }
    }

    fn command(&mut self, action: &ActionId, index: RequestIndex) -> Option<&mut CommandEvidence> {
        (self.commands.iter_mut().rev())
            .find(|command| command.action == action.as_str() && command.index == index)
    }
}
