//! Properties of a run that a plan needs: its names and the results of its steps.

use crate::index::DeviceIndex;

/// Names of a run, which templates read as `run.id`, `run.case` and `run.operator`.
///
/// They are not part of the digest of the plan, since the same plan can run twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunNames {
    /// Id of the run.
    pub id: String,
    /// Case; empty if none was given.
    pub case: String,
    /// Name of the operator; empty if none was given.
    pub operator: String,
}

/// Result of a step, as expectations and later steps read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepResult {
    /// Result of a script.
    Script {
        /// Exit code; `None` if the result could not be parsed.
        exit: Option<i64>,
        /// Standard output, without the transcript line and trailing NULs of the service.
        stdout: String,
        /// Standard error.
        stderr: String,
    },
    /// Collected file.
    File {
        /// Path relative to the run folder.
        path: String,
        /// Size in bytes.
        size: u64,
        /// SHA-256 of the content.
        sha256: String,
    },
}

/// Results of a run so far, by device (index into [`Plan::devices`](crate::Plan::devices)) and step
/// name.
pub trait Results {
    /// Returns the result; `None` if the step has none (not sent, skipped, a `put`, not fetched).
    fn result(&self, device: DeviceIndex, step: &str) -> Option<StepResult>;
}
