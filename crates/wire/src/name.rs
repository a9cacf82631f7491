//! Names and ids that are checked once, when they are made.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::text::one_line;

/// Reason why a text is not a valid name or id, as a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(String);

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and returns it as this type.
            ///
            /// # Errors
            /// The text does not have the form that the type's documentation gives.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<String, String> = $check;
                check(text).map(|text| $name(text.into())).map_err(NameError)
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

checked_name!(
    /// Device id of the service: 40 hexadecimal digits, kept in lower case (API notes 3.1).
    DeviceId,
    |text| {
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(text.to_ascii_lowercase())
        } else {
            Err(format!(
                "`{}` is not a device id: expected 40 hexadecimal digits",
                shown(text)
            ))
        }
    }
);

checked_name!(
    /// Id of a machine action: a GUID from the service, at most 64 letters, digits, `-` and `_`.
    ActionId,
    |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(text.to_owned())
        } else {
            Err(format!("`{}` is not a machine action id", shown(text)))
        }
    }
);

checked_name!(
    /// Name of a file in the tenant's library: at most 255 letters, digits, `-`, `_` and `.` (API notes
    /// 3.3).
    LibraryName,
    |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if (1..=255).contains(&text.len()) && text.bytes().all(plain) {
            Ok(text.to_owned())
        } else {
            Err(format!(
                "`{}` is not a library file name: letters, digits, `-`, `_` and `.` are allowed",
                shown(text)
            ))
        }
    }
);

checked_name!(
    /// Id of a run, and name of its folder: at most 64 letters, digits and `-`. The ids that svar makes
    /// sort by time.
    RunId,
    |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(text.to_owned())
        } else {
            Err(format!("`{}` is not a run id", shown(text)))
        }
    }
);

checked_name!(
    /// Correlation tag of one start: 20 lower-case hexadecimal digits in the action's comment. If the
    /// answer to a start is lost, the tag finds the action.
    Tag,
    |text| {
        let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 20 && text.bytes().all(plain) {
            Ok(text.to_owned())
        } else {
            Err(format!("`{}` is not a correlation tag", shown(text)))
        }
    }
);

/// Longest part of a wrong name that a message repeats, in characters.
const SHOWN_MAX: usize = 60;

fn shown(text: &str) -> String {
    one_line(text, SHOWN_MAX)
}
