//! Errors of resolving a selection of devices.

use svar_wire::{DeviceId, text};

use crate::driver::client::CallError;

/// The reason why a selection can't be resolved to devices.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A call to the service failed.
    #[error("cannot resolve {selector}: {failure}")]
    Call {
        /// The selector.
        selector: String,
        /// The error of the call.
        failure: CallError,
    },
    /// The tenant has no device with this name.
    #[error("no device is named `{0}`")]
    UnknownName(String),
    /// The tenant has no device with this id.
    #[error("the tenant has no device with the id {0}")]
    UnknownId(DeviceId),
    /// The tenant has no devices with several of the names and ids.
    #[error("the tenant has no device for {} of the ids and names: {}", .0.len(), first_of(.0))]
    UnknownMany(Vec<String>),
    /// The service rejects the filter.
    #[error("the service rejects the filter `{filter}`: {failure}")]
    Filter {
        /// The filter.
        filter: String,
        /// The refusal.
        failure: CallError,
    },
    /// Several current devices have the name.
    #[error("`{name}` is the name of {} devices: {}", .candidates.len(), .candidates.join("; "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ids, DNS names and when they were last seen.
        candidates: Vec<String>,
    },
    /// A line of a targets file is neither an id nor a name.
    #[error("{path}:{line}: `{word}` is neither a device id nor a device name")]
    Line {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The content of the line.
        word: String,
    },
    /// The connection does not support the selector.
    #[error("`hunt` needs a tenant with advanced hunting")]
    NeedsTenant,
    /// No device is left.
    #[error("the targets match no devices")]
    NoDevices,
    /// The number of devices is not the expected one.
    #[error("the targets match {}, but the playbook expects {}", text::count(*.found, "device"), expected(*.min, *.max))]
    UnexpectedCount {
        /// The number of devices.
        found: usize,
        /// The expected minimum.
        min: Option<u32>,
        /// The expected maximum.
        max: Option<u32>,
    },
}

impl TargetError {
    /// Returns what the operator can do about it, in one sentence.
    pub fn next_step(&self) -> String {
        match self {
            TargetError::Call { failure, .. } => failure.next_step(),
            TargetError::UnknownName(_) => {
                "check the spelling; the service no longer lists devices that have not been seen for a month".into()
            }
            TargetError::UnknownMany(_) => {
                "check the spelling and the tenant; the service no longer lists devices that have not been seen for a month".into()
            }
            TargetError::Filter { .. } => {
                "write it with the names, types and operators that the machine list takes, such as `healthStatus eq 'Active'`".into()
            }
            TargetError::UnknownId(_) => "copy the device id from the device's page".into(),
            TargetError::Ambiguous { .. } => "use the id of the right device".into(),
            TargetError::Line { .. } => "write one id or name per line; `#` begins a comment".into(),
            TargetError::NeedsTenant => "select devices by tag, group, filter, name or id".into(),
            TargetError::NoDevices => "check the selectors and `exclude`".into(),
            TargetError::UnexpectedCount { .. } => {
                "check the selectors, or change `targets.expect` if the number is right".into()
            }
        }
    }

    /// Returns whether the service is the cause, not the selection.
    pub fn is_service_error(&self) -> bool {
        matches!(self, TargetError::Call { .. })
    }
}

/// Lists the first few of them, because a list of thousands is not helpful.
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
