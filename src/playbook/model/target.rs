//! Which devices.

use crate::playbook::templated::{Several, Templated};

/// The devices of a run: all that any of the selectors names, less those in `exclude`. `--target`
/// on the command line replaces the selectors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Targets {
    /// Devices that carry this tag, or any of these tags.
    pub tag: Several<Templated<String>>,
    /// Devices of this device group, or of any of these.
    pub group: Several<Templated<String>>,
    /// An OData filter over the machine list.
    pub filter: Option<Templated<String>>,
    /// A KQL query for advanced hunting; its column `DeviceId` names the devices.
    pub hunt: Option<Templated<String>>,
    /// Device ids: 40 hexadecimal digits each.
    pub ids: Vec<Templated<String>>,
    /// Device names: full DNS names, or their first labels where they are unique.
    pub names: Vec<Templated<String>>,
    /// A text file beside the playbook with one id or name on each line; `#` begins a comment.
    pub file: Option<Templated<String>>,
    /// Devices that are left out whatever selected them.
    pub exclude: Option<Exclude>,
    /// How many devices there should be. With fewer or more nothing is sent.
    pub expect: Option<ExpectTargets>,
}

/// Devices that are left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exclude {
    /// Devices that carry this tag, or any of these tags.
    pub tag: Several<Templated<String>>,
    /// Devices of this device group, or of any of these.
    pub group: Several<Templated<String>>,
    /// Device ids: 40 hexadecimal digits each.
    pub ids: Vec<Templated<String>>,
    /// Device names: full DNS names, or their first labels where they are unique.
    pub names: Vec<Templated<String>>,
    /// A text file beside the playbook with one id or name on each line; `#` begins a comment.
    pub file: Option<Templated<String>>,
}

/// Bounds for the number of devices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExpectTargets {
    /// The fewest devices.
    pub min: Option<Templated<u32>>,
    /// The most devices.
    pub max: Option<Templated<u32>>,
}
