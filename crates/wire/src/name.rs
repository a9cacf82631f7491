//! Checked names and ids, so that no bare string travels where a name is meant.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::text::one_line;

/// Why a text is not the name it was taken for.
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
            /// Takes the text if it is such a name.
            ///
            /// # Errors
            /// Says in one sentence what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<String, String> = $check;
                check(text).map(|text| $name(text.into())).map_err(NameError)
            }

            /// The name as text.
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
    /// A device id of the service: 40 hexadecimal digits, kept in lower case (API notes 3.1).
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
    /// The id of a machine action, as the service hands it out: a GUID, taken as it comes.
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
    /// The name of a file in the tenant's library: letters, digits, `-`, `_` and `.` (API notes 3.3).
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
    /// The id of one run: also the name of its folder, so it is short, sorted by time, and plain.
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
    /// The correlation tag of one start: rides in the action's comment, and is what a lost start
    /// is found by. 20 lower-case hexadecimal digits.
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

/// The most characters of a wrong name that a message repeats.
const SHOWN_MAX: usize = 60;

fn shown(text: &str) -> String {
    one_line(text, SHOWN_MAX)
}
