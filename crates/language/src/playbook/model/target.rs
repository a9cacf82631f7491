//! Selection of devices.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::playbook::templated::{OneOrMany, Templated};

/// The devices of a run: all that match one of the selectors, except those in `exclude`. `--target` on the
/// command line replaces the selectors, but not `exclude` and `expect.max`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Targets")]
pub struct Targets {
    /// Devices that carry this tag, or any of these tags.
    #[serde(default)]
    #[schemars(extend("examples" = ["incident-118"]))]
    pub tag: OneOrMany<Templated<String>>,
    /// Devices of this device group, or of any of these.
    #[serde(default)]
    pub group: OneOrMany<Templated<String>>,
    /// An OData filter over the machine list.
    #[schemars(extend("examples" = ["healthStatus eq 'Active' and riskScore eq 'High'"]))]
    pub filter: Option<Templated<String>>,
    /// A KQL query for advanced hunting; its column `DeviceId` names the devices.
    #[schemars(extend("examples" = ["DeviceProcessEvents | where FileName =~ 'rclone.exe' | distinct DeviceId"]))]
    pub hunt: Option<Templated<String>>,
    /// Device ids: 40 hexadecimal digits each.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub ids: Vec<Templated<String>>,
    /// Device names: full DNS names, or their first labels where they are unique.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub names: Vec<Templated<String>>,
    /// A text file beside the playbook with one id or name on each line; `#` begins a comment.
    #[schemars(extend("type" = "string", "examples" = ["targets.txt"]))]
    pub file: Option<Templated<String>>,
    /// Devices that are left out even if a selector matches them.
    pub exclude: Option<Exclude>,
    /// The expected number of devices. With fewer or more nothing is sent.
    pub expect: Option<ExpectTargets>,
}

/// Devices that are left out.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Exclude")]
pub struct Exclude {
    /// Devices that carry this tag, or any of these tags.
    #[serde(default)]
    pub tag: OneOrMany<Templated<String>>,
    /// Devices of this device group, or of any of these.
    #[serde(default)]
    pub group: OneOrMany<Templated<String>>,
    /// Device ids: 40 hexadecimal digits each.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub ids: Vec<Templated<String>>,
    /// Device names: full DNS names, or their first labels where they are unique.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub names: Vec<Templated<String>>,
    /// A text file beside the playbook with one id or name on each line; `#` begins a comment.
    #[schemars(extend("type" = "string"))]
    pub file: Option<Templated<String>>,
}

/// Bounds of the number of devices.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Expected number")]
pub struct ExpectTargets {
    /// The minimum number of devices.
    pub min: Option<Templated<u32>>,
    /// The maximum number of devices.
    #[schemars(extend("examples" = [2000]))]
    pub max: Option<Templated<u32>>,
}
