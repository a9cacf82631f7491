//! Other people and tools at work in the same tenant.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::TimeSpan;

/// Somebody whose work counts against the limits that you share. Their sessions run on devices that
/// you don't see; to have a device of your own held, use its `portal_sessions`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "BackgroundLoad")]
pub struct BackgroundLoad {
    /// A name for people.
    pub name: String,
    /// When the work begins.
    pub from: TimeSpan,
    /// When it ends; none means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<TimeSpan>,
    /// So many session slots are taken.
    pub sessions: u32,
    /// So many of each minute's starts are used up.
    pub starts_per_minute: u32,
    /// So many of each minute's calls on every other row of the table of limits are used up.
    pub reads_per_minute: u32,
}
