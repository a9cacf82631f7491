//! The compiled plan: requests of sessions that wait for results, and verdicts on results.

use std::sync::Arc;

use svar_language::diagnostic::Problem;
use svar_language::expression::Scope;
use svar_language::playbook::model::Os;
use svar_wire::LiveResponseRequest;

use super::evaluator::{Dependencies, TARGET_FIELDS};
use super::prepare::PreparedPlaybook;
use crate::index::{CommandIndex, DeviceIndex, SessionIndex, StepIndex};
use crate::model::{Plan, Verdict};
use crate::result::{Results, StepResult};

/// Request of a session, and the commands in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedSession {
    /// Commands of the session that are sent, by index into
    /// [`Session::commands`](crate::Session::commands).
    pub commands: Vec<CommandIndex>,
    /// Request body without the correlation tag; `None` if no condition holds.
    pub request: Option<Arc<LiveResponseRequest>>,
}

/// Error of a session whose templates cannot be evaluated with the results so far.
#[derive(Debug)]
pub struct UnresolvableSession {
    /// Step of the template, an index into [`Plan::steps`]; `None` for the comment or a var.
    pub step: Option<StepIndex>,
    /// Problem, at its place in the playbook.
    pub problem: Problem,
}

/// A [`Plan`] with the prepared playbook, which is needed to run it.
#[derive(Debug)]
pub struct CompiledPlan {
    plan: Arc<Plan>,
    prepared: PreparedPlaybook,
}

impl CompiledPlan {
    pub(crate) fn new(plan: Plan, prepared: PreparedPlaybook) -> Self {
        CompiledPlan {
            plan: Arc::new(plan),
            prepared,
        }
    }

    /// Returns the plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Returns the operating system of the playbook, if it has one.
    pub fn os(&self) -> Option<Os> {
        self.prepared.os
    }

    /// Returns the request of a session, evaluated with the results so far. If the session does not wait for
    /// results, this is the request in the plan.
    ///
    /// # Errors
    /// A template cannot be evaluated.
    ///
    /// # Panics
    /// There is no such device or session in the plan, which is an internal error.
    pub fn resolve(
        &self,
        device: DeviceIndex,
        session: SessionIndex,
        results: &dyn Results,
    ) -> Result<ResolvedSession, Box<UnresolvableSession>> {
        let at = |step: Option<StepIndex>| {
            move |problem| Box::new(UnresolvableSession { step, problem })
        };
        let planned = device.of(&self.plan.devices);
        let session = session.of(&planned.sessions);
        if let Some(request) = &session.request {
            return Ok(ResolvedSession {
                commands: CommandIndex::all(session.commands.len()).collect(),
                request: Some(request.clone()),
            });
        }
        let prepared = &self.prepared;
        let mut scope = prepared
            .evaluator
            .device_scope(&planned.target, &prepared.needs)
            .map_err(at(None))?;
        let waits_for = |name: &String| session.waits_for.contains(name);
        self.add_results(device, &mut scope, results, waits_for);
        let mut sent = Vec::new();
        let mut commands = Vec::new();
        for (index, command) in CommandIndex::enumerate(&session.commands) {
            let step = command.step.of(&prepared.steps);
            let runs = match &step.when {
                Some(when) => (prepared.condition(when, &scope)).map_err(at(Some(command.step)))?,
                None => true,
            };
            if runs {
                let body = prepared.command(step, &planned.target, &scope);
                commands.push(body.map_err(at(Some(command.step)))?);
                sent.push(index);
            }
        }
        let request = if commands.is_empty() {
            None
        } else {
            let request = prepared.request(commands, &scope).map_err(at(None))?;
            Some(Arc::new(request))
        };
        Ok(ResolvedSession {
            commands: sent,
            request,
        })
    }

    /// Adds the results of the `wanted` steps to a scope. Steps without a result are skipped.
    fn add_results(
        &self,
        device: DeviceIndex,
        scope: &mut Scope,
        results: &dyn Results,
        wanted: impl Fn(&String) -> bool,
    ) {
        for step in &self.prepared.steps {
            let name = &step.plan.name;
            if step.plan.verb.has_result()
                && wanted(name)
                && let Some(result) = results.result(device, name)
            {
                scope.set("steps", name, &self.prepared.result_value(step, &result));
            }
        }
    }

    /// Returns whether a step's result is what the playbook expects. `step` is an index into
    /// [`Plan::steps`].
    ///
    /// # Panics
    /// There is no such device or step in the plan, which is an internal error.
    pub fn judge(
        &self,
        device: DeviceIndex,
        step: StepIndex,
        result: &StepResult,
        results: &dyn Results,
    ) -> Verdict {
        let target = &device.of(&self.plan.devices).target;
        let everything = Dependencies {
            target: TARGET_FIELDS.into(),
            ..Dependencies::default()
        };
        let prepared = &self.prepared;
        let step = step.of(&prepared.steps);
        match prepared.evaluator.device_scope(target, &everything) {
            Ok(mut scope) => {
                self.add_results(device, &mut scope, results, |name| {
                    step.expect_reads.contains(name)
                });
                prepared.judge(step, result, &scope)
            }
            Err(problem) => Verdict::NotMet {
                why: problem.message,
            },
        }
    }
}
