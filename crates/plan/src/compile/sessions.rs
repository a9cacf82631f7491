//! The sessions of each device; devices that look the same to the playbook share theirs.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use svar_language::diagnostic::Problem;
use svar_language::expression::Scope;

use super::prepare::{Prepared, PreparedStep};
use super::scope::target_field;
use super::segment::{Link, cut};
use crate::model::{CommandPlan, DevicePlan, Session, SessionKind, Target};

/// One class of devices for each set of answers to what the playbook asks of a target.
pub(super) fn compile_devices(
    prepared: &Prepared,
    targets: Vec<Target>,
    problems: &mut Vec<Problem>,
) -> Vec<DevicePlan> {
    let mut classes: HashMap<Vec<Value>, Arc<[Session]>> = HashMap::new();
    let mut same: HashMap<u64, Vec<Arc<[Session]>>> = HashMap::new();
    let mut devices = Vec::with_capacity(targets.len());
    let mut seen = BTreeSet::new();
    for target in targets {
        // Only what a shell is chosen by is asked of every target besides.
        let mut class: Vec<Value> = prepared
            .needs
            .target
            .iter()
            .map(|field| target_field(&target, field))
            .collect();
        class.push(target_field(&target, "family"));
        let sessions = match classes.get(&class) {
            Some(sessions) => sessions.clone(),
            None => {
                let compiled = prepared.sessions(&target).unwrap_or_else(|found| {
                    for problem in found {
                        // One mistake is told once, not for each of ten thousand devices.
                        if seen.insert((problem.rule.id, problem.span(), problem.message.clone())) {
                            problems.push(problem);
                        }
                    }
                    Vec::new()
                });
                let sessions = shared(compiled, &mut same);
                classes.insert(class, sessions.clone());
                sessions
            }
        };
        devices.push(DevicePlan {
            target: Arc::new(target),
            sessions,
        });
    }
    devices
}

/// The same sessions once in memory, whichever class they come from.
fn shared(sessions: Vec<Session>, same: &mut HashMap<u64, Vec<Arc<[Session]>>>) -> Arc<[Session]> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for session in &sessions {
        session.request.hash(&mut hasher);
        session.waits_for.hash(&mut hasher);
    }
    let known = same.entry(hasher.finish()).or_default();
    if let Some(found) = known.iter().find(|known| ***known == *sessions) {
        return found.clone();
    }
    let sessions: Arc<[Session]> = sessions.into();
    known.push(sessions.clone());
    sessions
}

impl Prepared {
    /// The sessions of one device.
    fn sessions(&self, target: &Target) -> Result<Vec<Session>, Vec<Problem>> {
        // A device of another family is left out; one of unknown family is taken at its word.
        if let (Some(os), Some(family)) = (self.os, target.family())
            && os != family
        {
            return Ok(Vec::new());
        }
        let scope = self
            .values
            .with_target(target, &self.needs)
            .map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let mut sessions = Vec::new();
        // Steps that are known not to run here: their results are known to be none.
        let mut absent: BTreeSet<&str> = BTreeSet::new();
        for (kind, steps) in [
            (SessionKind::Main, 0..self.main),
            (SessionKind::Cleanup, self.main..self.steps.len()),
        ] {
            let mut row: Vec<usize> = Vec::new();
            for index in steps {
                match self.runs(&self.steps[index], &scope, &absent) {
                    Ok(true) => row.push(index),
                    Ok(false) => {
                        absent.insert(&self.steps[index].plan.name);
                    }
                    Err(problem) => problems.push(problem),
                }
            }
            self.row_sessions(
                kind,
                &row,
                target,
                &scope,
                &absent,
                &mut sessions,
                &mut problems,
            );
        }
        if problems.is_empty() {
            Ok(sessions)
        } else {
            Err(problems)
        }
    }

    /// Whether the step may run on this device: `true` also where that is not known yet.
    fn runs(
        &self,
        step: &PreparedStep,
        scope: &Scope,
        absent: &BTreeSet<&str>,
    ) -> Result<bool, Problem> {
        let Some(when) = &step.when else {
            return Ok(true);
        };
        if waits(&when.needs().steps, absent).next().is_some() {
            return Ok(true);
        }
        self.condition(when, scope)
    }

    #[allow(clippy::too_many_arguments)] // Two of them only collect.
    fn row_sessions(
        &self,
        kind: SessionKind,
        row: &[usize],
        target: &Target,
        scope: &Scope,
        absent: &BTreeSet<&str>,
        sessions: &mut Vec<Session>,
        problems: &mut Vec<Problem>,
    ) {
        let in_row: HashMap<usize, usize> = row.iter().copied().zip(0..).collect();
        let links: Vec<Link> = row
            .iter()
            .map(|index| {
                let step = &self.steps[*index];
                let reads = step.needs.steps.iter().chain(&step.judged_by);
                Link {
                    verb: step.plan.verb,
                    reads: reads
                        .filter_map(|name| in_row.get(self.places.get(name)?).copied())
                        .collect(),
                    closes: step.closes,
                }
            })
            .collect();
        let starts = cut(&links);
        if kind == SessionKind::Cleanup
            && let Some(second) = starts.get(1)
        {
            let step = &self.steps[row[*second]];
            problems.push(
                self.values
                    .problem(
                        "cleanup-one-session",
                        step.what.node,
                        "cleanup has to fit one session, and here a second one would begin",
                    )
                    .help("Order it as put, run, get, without gates and without reading results."),
            );
            return;
        }
        for (number, start) in starts.iter().enumerate() {
            let end = starts.get(number + 1).copied().unwrap_or(row.len());
            let members = &row[*start..end];
            let mut waits_for: Vec<String> = Vec::new();
            let mut commands = Vec::with_capacity(members.len());
            for index in members {
                let step = &self.steps[*index];
                let before = waits_for.len();
                for name in waits(&step.needs.steps, absent) {
                    if !waits_for.contains(name) {
                        waits_for.push(name.clone());
                    }
                }
                let known =
                    before == waits_for.len() && waits(&step.needs.steps, absent).next().is_none();
                if known {
                    match self.command(step, target, scope) {
                        Ok(command) => commands.push(command),
                        Err(problem) => problems.push(problem),
                    }
                }
            }
            // In the order of the playbook, so that it reads like one.
            waits_for.sort_by_key(|name| self.places.get(name));
            let request = match self.request(commands, scope) {
                Ok(request) if waits_for.is_empty() => Some(Arc::new(request)),
                Ok(_) => None,
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            };
            sessions.push(Session {
                kind,
                commands: members
                    .iter()
                    .map(|index| CommandPlan {
                        step: u16::try_from(*index).unwrap_or(u16::MAX),
                        verb: self.steps[*index].plan.verb,
                    })
                    .collect(),
                request,
                waits_for,
            });
        }
    }
}

/// The steps that have to be waited for: those that may run.
fn waits<'n>(
    needs: &'n BTreeSet<String>,
    absent: &'n BTreeSet<&str>,
) -> impl Iterator<Item = &'n String> {
    needs.iter().filter(|name| !absent.contains(name.as_str()))
}
