//! What is needed to play a plan: sessions that wait for results, and what results mean.

use std::sync::Arc;

use crate::diagnostic::Problem;
use crate::wire::LiveResponseRequest;

use super::session::{Plan, Verdict};

/// The names a run gives itself, which templates see as `run.id`, `run.case` and `run.operator`.
///
/// The digest of the plan does not cover them: the same plan may run twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunNames {
    /// The run's id.
    pub id: String,
    /// The case it belongs to; empty where none was named.
    pub case: String,
    /// Who runs it; empty where nobody was named.
    pub operator: String,
}

/// The result of a step, as expectations and later steps see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepResult {
    /// Of a script.
    Script {
        /// Its exit code, if the result was readable.
        exit: Option<i64>,
        /// What it printed, transcript line and trailing NULs of the service removed.
        stdout: String,
        /// Its errors.
        stderr: String,
    },
    /// A collected file.
    File {
        /// Where it lies, relative to the run folder.
        path: String,
        /// Bytes of the content.
        size: u64,
        /// SHA-256 of the content.
        sha256: String,
    },
}

/// The results of a run so far, by machine (index into [`Plan::machines`]) and step name.
pub trait Results {
    /// The result, or `None` where the step has none (never sent, skipped, a `put`, not fetched).
    fn result(&self, machine: usize, step: &str) -> Option<StepResult>;
}

/// A session ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Which of the session's commands are sent, by index into
    /// [`Session::commands`](super::Session::commands).
    pub commands: Vec<u16>,
    /// The body, correlation tag aside; `None` if every `when` said no.
    pub request: Option<Arc<LiveResponseRequest>>,
}

/// A [`Plan`] with what is needed to play it.
#[derive(Debug)]
pub struct Runbook {
    plan: Arc<Plan>,
}

impl Runbook {
    /// What will be done.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The body of a session, from the results so far; for a session that never waited, the body
    /// it always had.
    ///
    /// # Errors
    /// The data does not fit the template: which step, and why.
    pub fn resolve(
        &self,
        _machine: usize,
        _session: u16,
        _results: &dyn Results,
    ) -> Result<Resolved, Problem> {
        unimplemented!()
    }

    /// Whether a step's result is what the playbook expects. `step` is an index into
    /// [`Plan::steps`].
    pub fn judge(
        &self,
        _machine: usize,
        _step: u16,
        _result: &StepResult,
        _results: &dyn Results,
    ) -> Verdict {
        unimplemented!()
    }
}
