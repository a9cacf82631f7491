//! The outermost map.

use indexmap::IndexMap;

use crate::playbook::templated::{Templated, Written};
use crate::yaml::Spanned;

use super::{Input, LibraryFile, Offline, Period, Rollout, Step, Targets, Window};

/// A playbook: what to do on a device, on which devices, and how carefully.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    /// Format version, the first key of every playbook. There is one version: `1`.
    pub playbook: Spanned<u64>,
    /// What people call the playbook; plans and reports show it. Default: the file's name.
    pub name: Option<Spanned<String>>,
    /// What the playbook is for, and what its reader should know before running it.
    pub description: Option<Spanned<String>>,
    /// How much the playbook may alter on a device.
    pub risk: Option<Templated<Risk>>,
    /// The operating system it is written for. Targets with another one are skipped, and `check`
    /// compares scripts and paths with it. Absent: any.
    pub os: Option<Templated<Os>>,
    /// The comment that the service keeps with every action, at most 1,000 characters.
    pub comment: Option<Templated<String>>,
    /// Values that are handed in when the playbook is run.
    pub inputs: IndexMap<String, Input>,
    /// Values derived from inputs and other vars, in any order.
    pub vars: IndexMap<String, Written>,
    /// Files and scripts that steps put and run.
    pub library: IndexMap<String, LibraryFile>,
    /// The devices.
    pub targets: Option<Targets>,
    /// How a run goes over many devices. Absent: the first failed device stops new starts.
    pub rollout: Option<Rollout>,
    /// What is done about devices that sleep.
    pub offline: Option<Offline>,
    /// End of the whole run, counted from its start.
    pub deadline: Option<Templated<Period>>,
    /// Hours in which sessions may be started.
    pub window: Option<Templated<Window>>,
    /// What is done on each device, in order.
    pub steps: Vec<Spanned<Step>>,
    /// Steps that put things back, in a session of their own: also after a failure, a time-out
    /// and a cancel.
    pub cleanup: Vec<Spanned<Step>>,
    /// When `cleanup` runs.
    pub cleanup_when: Option<Templated<CleanupWhen>>,
}

/// How much a playbook may alter on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Risk {
    /// Looks only; at most leaves temporary files that cleanup removes.
    Read,
    /// Changes the device in a way that can be taken back.
    #[default]
    Change,
    /// Removes or breaks something for good.
    Destructive,
}

/// A family of operating systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Os {
    /// Windows and Windows Server.
    Windows,
    /// Linux.
    Linux,
    /// macOS.
    Macos,
}

impl Os {
    /// As it is written in a playbook and shown by `target.family`.
    pub fn as_str(self) -> &'static str {
        match self {
            Os::Windows => "windows",
            Os::Linux => "linux",
            Os::Macos => "macos",
        }
    }
}

/// When cleanup runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CleanupWhen {
    /// On every device that was sent something.
    #[default]
    Always,
    /// Only on a device whose steps did not all succeed.
    Failed,
}
