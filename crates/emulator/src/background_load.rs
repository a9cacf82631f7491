//! Load on the tenant that others cause.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::TimeSpan;

/// Other users or tools of the same tenant, which count against the shared limits. Their sessions run on
/// devices outside the scenario; to make a device of the scenario busy, use its `portal_sessions`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Background load")]
pub struct BackgroundLoad {
    /// Name of the load, for people.
    pub name: String,
    /// Begin of the load.
    pub from: TimeSpan,
    /// End of the load. Default: no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<TimeSpan>,
    /// Session slots in use.
    pub sessions: u32,
    /// Starts in each minute.
    pub starts_per_minute: u32,
    /// Calls in each minute, for every other row of the rate limit table.
    pub reads_per_minute: u32,
}
