//! Why a selection of devices may come to nothing.

use svar_wire::DeviceId;

use crate::driver::client::CallError;

/// Why a selection names no devices to run on.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The service was asked and did not say.
    #[error("{selector} can't be resolved: {failure}")]
    Call {
        /// Which selector.
        selector: String,
        /// How the call failed.
        failure: CallError,
    },
    /// The tenant has no such device.
    #[error("no device is called `{0}`")]
    UnknownName(String),
    /// The tenant has no device with this id.
    #[error("the tenant knows no device with the id {0}")]
    UnknownId(DeviceId),
    /// The tenant has none of several that are named.
    #[error("the tenant has no device for {} of the ids and names: {}", .0.len(), first_of(.0))]
    UnknownMany(Vec<String>),
    /// The service does not take the filter.
    #[error("the service refuses the filter `{filter}`: {failure}")]
    Filter {
        /// The filter.
        filter: String,
        /// The refusal.
        failure: CallError,
    },
    /// OneOrMany living devices have the name.
    #[error("`{name}` is the name of {} devices: {}", .candidates.len(), .candidates.join("; "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ids, DNS names and when they were last seen.
        candidates: Vec<String>,
    },
    /// A line of a targets file is neither.
    #[error("{path}:{line}: `{word}` is neither an id nor a name")]
    Line {
        /// The file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// What stands there.
        word: String,
    },
    /// The connection can't serve the selector.
    #[error("`hunt` needs a tenant with advanced hunting")]
    NeedsTenant,
    /// Nobody is left.
    #[error("the targets name no device")]
    Nobody,
    /// The number is not the expected one.
    #[error("the targets name {found} devices, and the playbook expects {}", expected(*.min, *.max))]
    Unexpected {
        /// How many there are.
        found: usize,
        /// The fewest.
        min: Option<u32>,
        /// The most.
        max: Option<u32>,
    },
}

impl TargetError {
    /// What the operator can do about it, in one sentence.
    pub fn next_step(&self) -> String {
        match self {
            TargetError::Call { failure, .. } => failure.next_step(),
            TargetError::UnknownName(_) => {
                "check the spelling; devices that were not seen for a month are forgotten by the service".into()
            }
            TargetError::UnknownMany(_) => {
                "check the spelling and the tenant; devices that were not seen for a month are forgotten by the service".into()
            }
            TargetError::Filter { .. } => {
                "write it with the names, types and operators that the machine list takes, such as `healthStatus eq 'Active'`".into()
            }
            TargetError::UnknownId(_) => "copy the device id from the device's page".into(),
            TargetError::Ambiguous { .. } => "name the right one by its id".into(),
            TargetError::Line { .. } => "write one id or name on each line; `#` begins a comment".into(),
            TargetError::NeedsTenant => "name the devices by tag, group, filter, names or ids".into(),
            TargetError::Nobody => "check the selectors and `exclude`".into(),
            TargetError::Unexpected { .. } => {
                "check the selectors, or change `targets.expect` if the number is right".into()
            }
        }
    }

    /// Whether the service is the cause, not the selection.
    pub fn is_the_service(&self) -> bool {
        matches!(self, TargetError::Call { .. })
    }
}

/// A few of them: a list of thousands helps nobody.
fn first_of(words: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = words
        .iter()
        .take(SHOWN)
        .map(|word| format!("`{word}`"))
        .collect();
    let more = match words.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    shown.join(", ") + &more
}

fn expected(min: Option<u32>, max: Option<u32>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "another number".to_owned(),
    }
}
