//! What is needed to run a script.

use std::path::PathBuf;
use std::time::Duration;

use super::path::DevicePath;
use super::watchdog::ResourceLimits;

/// A script to be run.
#[derive(Debug, Clone)]
pub(super) struct ScriptJob {
    /// The device's folder.
    pub(super) root: PathBuf,
    /// The device's name.
    pub(super) host_name: String,
    /// The program that runs the script, and its options.
    pub(super) interpreter: Vec<String>,
    pub(super) script: DevicePath,
    pub(super) working_folder: DevicePath,
    pub(super) args: Vec<String>,
    /// The time limit, in real time.
    pub(super) time_limit: Duration,
    /// The largest output that is kept, in bytes, for stdout and stderr each.
    pub(super) output_max: u64,
    pub(super) limits: ResourceLimits,
}
