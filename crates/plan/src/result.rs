//! The results of steps, and the names a run gives itself: what a plan is told about a run.

use crate::index::DeviceIndex;

/// Names a run gives itself, which templates see as `run.id`, `run.case` and `run.operator`.
///
/// The digest of the plan does not cover them: the same plan may run twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunNames {
    /// Id of the run.
    pub id: String,
    /// Case it belongs to; empty where none was named.
    pub case: String,
    /// Name of the operator; empty where none was given.
    pub operator: String,
}

/// Result of a step, as expectations and later steps see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepResult {
    /// Of a script.
    Script {
        /// Its exit code, if the result was readable.
        exit: Option<i64>,
        /// Standard output, without the transcript line and trailing NULs of the service.
        stdout: String,
        /// Standard error.
        stderr: String,
    },
    /// A collected file.
    File {
        /// Path relative to the run folder.
        path: String,
        /// Bytes of the content.
        size: u64,
        /// SHA-256 of the content.
        sha256: String,
    },
}

/// Results of a run so far, by device (index into [`Plan::devices`](crate::Plan::devices)) and step
/// name.
pub trait Results {
    /// Returns the result, or `None` where the step has none (never sent, skipped, a `put`, not
    /// fetched).
    fn result(&self, device: DeviceIndex, step: &str) -> Option<StepResult>;
}
