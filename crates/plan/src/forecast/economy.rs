//! Edits of a playbook that would cost less, read off its plan.
//!
//! Only such are proposed as leave the work the same at first sight: a `get` later, a `put`
//! earlier, a session's end that is the author's wish, a result that nothing reads. Whether
//! something speaks against it, the author knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::compile::segment::{Link, cut};
use crate::model::{Plan, Session, SessionKind, StepPlan};
use svar_language::playbook::model::{OnFail, ResultsWanted, Verb};

/// Rows longer than this are not looked at: trying edits costs the square of their length.
const ROW_MAX: usize = 200;

/// An edit, and what it saves over the whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    /// What to do, with the names of steps.
    pub(crate) what: String,
    /// Sessions that it saves.
    pub(crate) starts: u64,
    /// Result links that it saves.
    pub(crate) links: u64,
    /// Sessions fewer on a device that it concerns.
    pub(crate) sessions_less: u32,
}

/// All edits that save something, each once.
pub(crate) fn edits(plan: &Plan) -> Vec<Edit> {
    let mut classes: Vec<(&Arc<[Session]>, u64)> = Vec::new();
    let mut places: BTreeMap<*const Session, usize> = BTreeMap::new();
    for device in &plan.devices {
        let at = *places.entry(device.sessions.as_ptr()).or_insert_with(|| {
            classes.push((&device.sessions, 0));
            classes.len() - 1
        });
        classes[at].1 += 1;
    }
    let mut sums: IndexMap<String, Edit> = IndexMap::new();
    for (sessions, devices) in classes {
        let row = Row::of(plan, sessions);
        for (what, sessions_less, links) in row.edits() {
            let edit = sums.entry(what.clone()).or_insert(Edit {
                what,
                starts: 0,
                links: 0,
                sessions_less,
            });
            edit.starts += devices * u64::from(sessions_less);
            edit.links += devices * links;
        }
    }
    sums.into_values().collect()
}

/// The main steps of one device, in order, as the cut sees them.
struct Row<'p> {
    steps: Vec<&'p StepPlan>,
    links: Vec<Link>,
}

impl<'p> Row<'p> {
    fn of(plan: &'p Plan, sessions: &'p [Session]) -> Self {
        let mut row = Row {
            steps: Vec::new(),
            links: Vec::new(),
        };
        let main = sessions.iter().filter(|one| one.kind == SessionKind::Main);
        for session in main {
            let commands = session.commands.iter();
            let steps = commands.filter_map(|command| command.step.get(&plan.steps));
            for (place, step) in steps.enumerate() {
                let at = row.steps.len();
                // Which command of a session reads a result is not known any more; that all of them
                // might keeps every proposal on the safe side.
                let reads: Vec<usize> = session
                    .waits_for
                    .iter()
                    .filter_map(|name| row.steps.iter().position(|step| step.name == *name))
                    .collect();
                if place == 0
                    && let Some(before) = at.checked_sub(1)
                {
                    let explained = reads.contains(&before) || step.verb < row.steps[before].verb;
                    // Nothing else begins a session.
                    row.links[before].closes |= !explained;
                }
                row.links.push(Link {
                    verb: step.verb,
                    reads,
                    closes: step.on_fail == OnFail::Continue || step.retry.is_some(),
                });
                row.steps.push(step);
            }
        }
        row
    }

    /// What to do, sessions less, links less.
    fn edits(&self) -> Vec<(String, u32, u64)> {
        let mut found = self.fewer_links();
        if self.links.len() <= ROW_MAX {
            let before = cut(&self.links);
            found.extend(self.gets_later(&before));
            found.extend(self.puts_earlier(&before));
            found.extend(self.ends_left_out(&before));
        }
        found
    }

    fn saved(&self, before: &[usize], links: &[Link]) -> Option<u32> {
        let less = before.len().checked_sub(cut(links).len())?;
        u32::try_from(less).ok().filter(|less| *less > 0)
    }

    /// The row in another order; `None` where a step would read what comes behind it.
    fn reordered(&self, order: &[usize]) -> Option<Vec<Link>> {
        let mut links = Vec::with_capacity(order.len());
        for (at, old) in order.iter().enumerate() {
            let mut link = self.links[*old].clone();
            for read in &mut link.reads {
                *read = order.iter().position(|other| other == read)?;
                if *read >= at {
                    return None;
                }
            }
            links.push(link);
        }
        Some(links)
    }

    /// The gets at the end of a session moved behind the runs at the beginning of the next.
    fn gets_later(&self, before: &[usize]) -> Vec<(String, u32, u64)> {
        let boundaries = before.iter().skip(1);
        let found = boundaries.filter_map(|boundary| {
            let kind = |at: usize| self.links.get(at).map(|link| link.verb);
            let first = (0..*boundary).rev();
            let first = first.take_while(|at| kind(*at) == Some(Verb::Get)).last()?;
            let runs = *boundary..self.links.len();
            let last = runs.take_while(|at| kind(*at) == Some(Verb::Run)).last()?;
            let mut order: Vec<usize> = (0..self.links.len()).collect();
            order[first..=last].rotate_left(boundary - first);
            let less = self.saved(before, &self.reordered(&order)?)?;
            let moved = self.names(first..*boundary);
            let what = format!("move {moved} behind `{}`", self.steps[last].name);
            Some((what, less, 0))
        });
        found.collect()
    }

    /// The puts at the beginning of a session moved before the runs and gets of the one before.
    fn puts_earlier(&self, before: &[usize]) -> Vec<(String, u32, u64)> {
        let boundaries = before.windows(2);
        let found = boundaries.filter_map(|pair| {
            let [start, boundary] = [pair[0], pair[1]];
            let is_put = |at: &usize| {
                self.links
                    .get(*at)
                    .is_some_and(|link| link.verb == Verb::Put)
            };
            let last = (boundary..self.links.len()).take_while(is_put).last()?;
            let first = (start..boundary).find(|at| !is_put(at))?;
            let mut order: Vec<usize> = (0..self.links.len()).collect();
            order[first..=last].rotate_right(last + 1 - boundary);
            let less = self.saved(before, &self.reordered(&order)?)?;
            let moved = self.names(boundary..last + 1);
            let what = format!("move {moved} before `{}`", self.steps[first].name);
            Some((what, less, 0))
        });
        found.collect()
    }

    /// Each wish of the author that ends a session left out.
    fn ends_left_out(&self, before: &[usize]) -> Vec<(String, u32, u64)> {
        let closing = (0..self.links.len()).filter(|at| self.links[*at].closes);
        let found = closing.filter_map(|at| {
            let mut links = self.links.clone();
            links[at].closes = false;
            let less = self.saved(before, &links)?;
            let step = self.steps[at];
            let wish = match (step.on_fail, step.retry) {
                (OnFail::Continue, Some(_)) => "`on_fail: continue` and `retry`",
                (OnFail::Continue, None) => "`on_fail: continue`",
                (OnFail::Stop, Some(_)) => "`retry`",
                (OnFail::Stop, None) => "`gate`",
            };
            Some((format!("leave out {wish} of `{}`", step.name), less, 0))
        });
        found.collect()
    }

    /// Results that nothing reads, fetched only of sessions that failed. Of a `get` that is the
    /// file itself, so it is not proposed.
    fn fewer_links(&self) -> Vec<(String, u32, u64)> {
        let spare = |step: &&StepPlan| {
            step.verb == Verb::Run && step.results == ResultsWanted::All && !step.judged
        };
        let spare: Vec<&str> = (self.steps.iter().copied())
            .filter(spare)
            .map(|step| step.name.as_str())
            .collect();
        let what = match spare.as_slice() {
            [] => return Vec::new(),
            [one] => {
                format!("write `results: failed` at `{one}`, whose exit code is not looked at then")
            }
            [first, rest @ ..] => format!(
                "write `results: failed` at `{first}` and {} more, whose exit codes are not looked \
                 at then",
                rest.len()
            ),
        };
        vec![(what, 0, spare.len() as u64)]
    }

    fn names(&self, places: std::ops::Range<usize>) -> String {
        let names: Vec<String> = (self.steps[places].iter())
            .map(|step| format!("`{}`", step.name))
            .collect();
        names.join(", ")
    }
}
