//! Edits of a playbook that would save calls or time, found from its plan.
//!
//! Only edits that probably do not change the outcome are proposed: a later `get`, an earlier `put`, a session
//! that need not end, a result that nothing reads. The author decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use crate::compile::segment::{StepToCut, session_starts};
use crate::model::{Plan, Session, SessionKind, StepPlan};
use svar_language::playbook::model::{OnFail, ResultsWanted, Verb};

/// Maximum number of steps for which moves are tried, since that takes quadratic time.
const ROW_MAX: usize = 200;

/// An edit of a playbook. Steps are identified by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PlaybookEdit {
    /// Move these steps after another one.
    MoveAfter {
        /// Steps to move, in order.
        steps: Vec<String>,
        /// Step after which they are moved.
        after: String,
    },
    /// Move these steps before another one.
    MoveBefore {
        /// Steps to move, in order.
        steps: Vec<String>,
        /// Step before which they are moved.
        before: String,
    },
    /// Remove the keys that end a session at this step: `gate`, `retry`, `on_fail: continue`.
    RemoveSessionEnd {
        /// Step whose keys are removed.
        step: String,
        /// Keys to remove.
        keys: Vec<&'static str>,
    },
    /// Fetch the results of these steps only if the session failed. Their exit codes are not checked then.
    FetchFailedOnly {
        /// Steps, in order.
        steps: Vec<String>,
    },
}

/// An edit of the playbook, with its savings over the whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saving {
    /// Edit.
    pub edit: PlaybookEdit,
    /// Number of session starts saved.
    pub starts: u64,
    /// Number of result links saved.
    pub result_links: u64,
    /// Number of sessions saved on each affected device.
    pub sessions_per_device: u32,
    /// Time saved.
    pub time: Duration,
}

/// Savings of an edit on one device.
struct DeviceSaving {
    edit: PlaybookEdit,
    sessions: u32,
    result_links: u64,
}

/// Returns all edits that save something, each once. The time saved is not set here.
pub(super) fn edits(plan: &Plan) -> Vec<Saving> {
    let mut classes: Vec<(&Arc<[Session]>, u64)> = Vec::new();
    let mut places: BTreeMap<*const Session, usize> = BTreeMap::new();
    for device in &plan.devices {
        let at = *places.entry(device.sessions.as_ptr()).or_insert_with(|| {
            classes.push((&device.sessions, 0));
            classes.len() - 1
        });
        classes[at].1 += 1;
    }
    let mut sums: IndexMap<PlaybookEdit, Saving> = IndexMap::new();
    for (sessions, devices) in classes {
        for found in MainSteps::of(plan, sessions).edits() {
            let sum = sums.entry(found.edit.clone()).or_insert(Saving {
                edit: found.edit,
                starts: 0,
                result_links: 0,
                sessions_per_device: found.sessions,
                time: Duration::ZERO,
            });
            sum.starts += devices * u64::from(found.sessions);
            sum.result_links += devices * found.result_links;
        }
    }
    sums.into_values().collect()
}

/// Main steps of one device, in order.
struct MainSteps<'p> {
    steps: Vec<&'p StepPlan>,
    cut_steps: Vec<StepToCut>,
}

impl<'p> MainSteps<'p> {
    fn of(plan: &'p Plan, sessions: &'p [Session]) -> Self {
        let mut row = MainSteps {
            steps: Vec::new(),
            cut_steps: Vec::new(),
        };
        let main = sessions.iter().filter(|one| one.kind == SessionKind::Main);
        for session in main {
            let commands = session.commands.iter();
            let steps = commands.filter_map(|command| command.step.get(&plan.steps));
            for (place, step) in steps.enumerate() {
                let at = row.steps.len();
                // The plan does not say which command of a session reads a result. Assuming that all do
                // excludes wrong proposals.
                let reads: Vec<usize> = session
                    .waits_for
                    .iter()
                    .filter_map(|name| row.steps.iter().position(|step| step.name == *name))
                    .collect();
                if place == 0
                    && let Some(before) = at.checked_sub(1)
                {
                    let explained = reads.contains(&before) || step.verb < row.steps[before].verb;
                    // Otherwise the step before must have ended its session.
                    row.cut_steps[before].ends_session |= !explained;
                }
                row.cut_steps.push(StepToCut {
                    verb: step.verb,
                    reads,
                    ends_session: step.on_fail == OnFail::Continue || step.retry.is_some(),
                });
                row.steps.push(step);
            }
        }
        row
    }

    /// Returns the edits that save something on a device with these steps.
    fn edits(&self) -> Vec<DeviceSaving> {
        let mut found = self.fewer_result_links();
        if self.cut_steps.len() <= ROW_MAX {
            let before = session_starts(&self.cut_steps);
            found.extend(self.gets_later(&before));
            found.extend(self.puts_earlier(&before));
            found.extend(self.ends_left_out(&before));
        }
        found
    }

    fn saved(&self, before: &[usize], cut_steps: &[StepToCut]) -> Option<u32> {
        let less = before.len().checked_sub(session_starts(cut_steps).len())?;
        u32::try_from(less).ok().filter(|less| *less > 0)
    }

    /// Returns the steps in another order; `None` if a step would read the result of a later one.
    fn reordered(&self, order: &[usize]) -> Option<Vec<StepToCut>> {
        let mut cut_steps = Vec::with_capacity(order.len());
        for (at, old) in order.iter().enumerate() {
            let mut step = self.cut_steps[*old].clone();
            for read in &mut step.reads {
                *read = order.iter().position(|other| other == read)?;
                if *read >= at {
                    return None;
                }
            }
            cut_steps.push(step);
        }
        Some(cut_steps)
    }

    /// Returns the edits that move the gets at the end of a session after the runs at the start of the next.
    fn gets_later(&self, before: &[usize]) -> Vec<DeviceSaving> {
        let boundaries = before.iter().skip(1);
        let found = boundaries.filter_map(|boundary| {
            let kind = |at: usize| self.cut_steps.get(at).map(|step| step.verb);
            let first = (0..*boundary).rev();
            let first = first.take_while(|at| kind(*at) == Some(Verb::Get)).last()?;
            let runs = *boundary..self.cut_steps.len();
            let last = runs.take_while(|at| kind(*at) == Some(Verb::Run)).last()?;
            let mut order: Vec<usize> = (0..self.cut_steps.len()).collect();
            order[first..=last].rotate_left(boundary - first);
            let less = self.saved(before, &self.reordered(&order)?)?;
            let edit = PlaybookEdit::MoveAfter {
                steps: self.names(first..*boundary),
                after: self.steps[last].name.clone(),
            };
            Some(DeviceSaving::of_sessions(edit, less))
        });
        found.collect()
    }

    /// Returns the edits that move the puts at the start of a session before the runs and gets of the previous
    /// one.
    fn puts_earlier(&self, before: &[usize]) -> Vec<DeviceSaving> {
        let boundaries = before.windows(2);
        let found = boundaries.filter_map(|pair| {
            let [start, boundary] = [pair[0], pair[1]];
            let is_put = |at: &usize| {
                self.cut_steps
                    .get(*at)
                    .is_some_and(|step| step.verb == Verb::Put)
            };
            let last = (boundary..self.cut_steps.len()).take_while(is_put).last()?;
            let first = (start..boundary).find(|at| !is_put(at))?;
            let mut order: Vec<usize> = (0..self.cut_steps.len()).collect();
            order[first..=last].rotate_right(last + 1 - boundary);
            let less = self.saved(before, &self.reordered(&order)?)?;
            let edit = PlaybookEdit::MoveBefore {
                steps: self.names(boundary..last + 1),
                before: self.steps[first].name.clone(),
            };
            Some(DeviceSaving::of_sessions(edit, less))
        });
        found.collect()
    }

    /// Returns the edits that remove the keys with which a step ends its session.
    fn ends_left_out(&self, before: &[usize]) -> Vec<DeviceSaving> {
        let closing = (0..self.cut_steps.len()).filter(|at| self.cut_steps[*at].ends_session);
        let found = closing.filter_map(|at| {
            let mut cut_steps = self.cut_steps.clone();
            cut_steps[at].ends_session = false;
            let less = self.saved(before, &cut_steps)?;
            let step = self.steps[at];
            let mut keys = Vec::new();
            if step.on_fail == OnFail::Continue {
                keys.push("on_fail: continue");
            }
            if step.retry.is_some() {
                keys.push("retry");
            }
            if keys.is_empty() {
                keys.push("gate");
            }
            let edit = PlaybookEdit::RemoveSessionEnd {
                step: step.name.clone(),
                keys,
            };
            Some(DeviceSaving::of_sessions(edit, less))
        });
        found.collect()
    }

    /// Returns the edit that fetches unused results of scripts only if the session failed. The result of a `get`
    /// is the file itself and is kept.
    fn fewer_result_links(&self) -> Vec<DeviceSaving> {
        let spare = |step: &&StepPlan| {
            step.verb == Verb::Run && step.results == ResultsWanted::All && !step.judged
        };
        let steps: Vec<String> = (self.steps.iter().copied())
            .filter(spare)
            .map(|step| step.name.clone())
            .collect();
        if steps.is_empty() {
            return Vec::new();
        }
        vec![DeviceSaving {
            sessions: 0,
            result_links: steps.len() as u64,
            edit: PlaybookEdit::FetchFailedOnly { steps },
        }]
    }

    fn names(&self, places: std::ops::Range<usize>) -> Vec<String> {
        let steps = self.steps[places].iter();
        steps.map(|step| step.name.clone()).collect()
    }
}

impl DeviceSaving {
    fn of_sessions(edit: PlaybookEdit, sessions: u32) -> DeviceSaving {
        DeviceSaving {
            edit,
            sessions,
            result_links: 0,
        }
    }
}
