//! The rows of the API notes' table of rate limits that a run calls.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A row of the contract's rate limit table (1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// runliveresponse.
    Starts,
    /// Reading and listing machine actions.
    Actions,
    /// Result links.
    Links,
    /// Cancelling.
    Cancels,
    /// Devices.
    Devices,
}

impl Row {
    /// All rows that a run calls.
    pub const ALL: [Row; 5] = [
        Row::Starts,
        Row::Actions,
        Row::Links,
        Row::Cancels,
        Row::Devices,
    ];
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Row::Starts => "starts",
            Row::Actions => "actions",
            Row::Links => "links",
            Row::Cancels => "cancels",
            Row::Devices => "devices",
        })
    }
}
