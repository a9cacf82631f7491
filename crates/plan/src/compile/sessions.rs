//! Sessions of each device. Devices with the same sessions share them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use svar_language::diagnostic::Problem;
use svar_language::expression::Scope;

use super::evaluator::target_field;
use super::prepare::{PreparedPlaybook, PreparedStep};
use super::segment::{StepToCut, session_starts};
use crate::index::StepIndex;
use crate::model::{CommandPlan, DevicePlan, Session, SessionKind, Target};
use crate::rules;

/// Compiles the sessions of all devices. Devices whose target has the same values for the fields that the
/// playbook uses are compiled once.
pub(super) fn compile_devices(
    prepared: &PreparedPlaybook,
    targets: Vec<Target>,
    problems: &mut Vec<Problem>,
) -> Vec<DevicePlan> {
    let mut classes: HashMap<Vec<Value>, Arc<[Session]>> = HashMap::new();
    let mut same: HashMap<u64, Vec<Arc<[Session]>>> = HashMap::new();
    let mut devices = Vec::with_capacity(targets.len());
    let mut seen = BTreeSet::new();
    for target in targets {
        // The shell depends on the family, even if no template uses it.
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
                        // Each problem is reported once, not for every device.
                        if seen.insert((problem.rule.id, problem.span(), problem.message.clone())) {
                            problems.push(problem);
                        }
                    }
                    Vec::new()
                });
                let sessions = share_equal(compiled, &mut same);
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

/// Returns the sessions, or equal ones of an earlier class.
fn share_equal(
    sessions: Vec<Session>,
    same: &mut HashMap<u64, Vec<Arc<[Session]>>>,
) -> Arc<[Session]> {
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

impl PreparedPlaybook {
    /// Compiles the sessions of one device. Returns none if the playbook is for another operating system.
    fn sessions(&self, target: &Target) -> Result<Vec<Session>, Vec<Problem>> {
        // A device of another family is skipped; one of unknown family is not.
        if let (Some(os), Some(family)) = (self.os, target.family())
            && os != family
        {
            return Ok(Vec::new());
        }
        let scope = self
            .evaluator
            .device_scope(target, &self.needs)
            .map_err(|problem| vec![problem])?;
        let mut device = DeviceCompiler {
            prepared: self,
            target,
            scope: &scope,
            skipped: BTreeSet::new(),
            sessions: Vec::new(),
            problems: Vec::new(),
        };
        device.add_steps(SessionKind::Main, 0..self.main_count);
        device.add_steps(SessionKind::Cleanup, self.main_count..self.steps.len());
        if device.problems.is_empty() {
            Ok(device.sessions)
        } else {
            Err(device.problems)
        }
    }
}

/// Compiler of the sessions of one device.
struct DeviceCompiler<'p> {
    prepared: &'p PreparedPlaybook,
    target: &'p Target,
    scope: &'p Scope,
    /// Names of steps that do not run on the device, so that nothing waits for their results.
    skipped: BTreeSet<&'p str>,
    sessions: Vec<Session>,
    problems: Vec<Problem>,
}

impl<'p> DeviceCompiler<'p> {
    /// Adds the sessions of those steps that may run on the device.
    fn add_steps(&mut self, kind: SessionKind, steps: Range<usize>) {
        let prepared = self.prepared;
        let mut row = Vec::new();
        for index in steps {
            match self.may_run(&prepared.steps[index]) {
                Ok(true) => row.push(index),
                Ok(false) => {
                    self.skipped.insert(&prepared.steps[index].plan.name);
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        self.add_sessions(kind, &row);
    }

    /// Returns whether the step may run on this device; `true` if that depends on results.
    fn may_run(&self, step: &PreparedStep) -> Result<bool, Problem> {
        match &step.when {
            Some(when) if !self.has_to_wait(&when.dependencies().steps) => {
                self.prepared.condition(when, self.scope)
            }
            _ => Ok(true),
        }
    }

    /// Divides steps, given by index, into sessions and adds these.
    fn add_sessions(&mut self, kind: SessionKind, row: &[usize]) {
        let starts = session_starts(&self.steps_to_cut(row));
        if kind == SessionKind::Cleanup
            && let Some(second) = starts.get(1)
        {
            let step = &self.prepared.steps[row[*second]];
            let problem = self.prepared.evaluator.problem(
                &rules::MULTI_SESSION_CLEANUP,
                step.operand.node,
                "cleanup must fit into one session, but a second one would start here",
            );
            self.problems.push(
                problem
                    .help("Order it as put, run, get, without gates and without reading results."),
            );
            return;
        }
        for (number, start) in starts.iter().enumerate() {
            let end = starts.get(number + 1).copied().unwrap_or(row.len());
            self.add_session(kind, &row[*start..end]);
        }
    }

    /// Returns the properties of steps that decide where sessions start.
    fn steps_to_cut(&self, row: &[usize]) -> Vec<StepToCut> {
        let prepared = self.prepared;
        let in_row: HashMap<usize, usize> = row.iter().copied().zip(0..).collect();
        let links = row.iter().map(|index| {
            let step = &prepared.steps[*index];
            let reads = step.needs.steps.iter().chain(&step.expect_reads);
            StepToCut {
                verb: step.plan.verb,
                reads: reads
                    .filter_map(|name| in_row.get(prepared.step_indexes.get(name)?).copied())
                    .collect(),
                ends_session: step.ends_session,
            }
        });
        links.collect()
    }

    /// Adds one session of these steps. It has a request unless one of them reads results.
    fn add_session(&mut self, kind: SessionKind, members: &[usize]) {
        let prepared = self.prepared;
        let mut waits_for: BTreeSet<&String> = BTreeSet::new();
        let mut commands = Vec::with_capacity(members.len());
        for index in members {
            let step = &prepared.steps[*index];
            let waits = self.awaited(&step.needs.steps);
            if waits.is_empty() {
                match prepared.command(step, self.target, self.scope) {
                    Ok(command) => commands.push(command),
                    Err(problem) => self.problems.push(problem),
                }
            }
            waits_for.extend(waits);
        }
        let mut waits_for: Vec<String> = waits_for.into_iter().cloned().collect();
        // In the order of the playbook.
        waits_for.sort_by_key(|name| prepared.step_indexes.get(name));
        // The comment is checked even if the session waits.
        let request = match prepared.request(commands, self.scope) {
            Ok(request) if waits_for.is_empty() => Some(Arc::new(request)),
            Ok(_) => None,
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        };
        let commands = members.iter().map(|index| CommandPlan {
            step: StepIndex::at(*index),
            verb: prepared.steps[*index].plan.verb,
        });
        self.sessions.push(Session {
            kind,
            commands: commands.collect(),
            request,
            waits_for,
        });
    }

    /// Returns whether the results of one of the steps must be waited for.
    fn has_to_wait(&self, steps: &BTreeSet<String>) -> bool {
        (steps.iter()).any(|name| !self.skipped.contains(name.as_str()))
    }

    /// Returns those steps whose results must be waited for, which are those that may run.
    fn awaited(&self, steps: &'p BTreeSet<String>) -> Vec<&'p String> {
        let may_run = |name: &&String| !self.skipped.contains(name.as_str());
        steps.iter().filter(may_run).collect()
    }
}
