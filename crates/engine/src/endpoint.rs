//! The rows of the table of rate limits (API notes 1.1) that a run calls.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A row of the table of rate limits (API notes 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
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

impl Endpoint {
    /// All rows that a run calls.
    pub const ALL: [Endpoint; 5] = [
        Endpoint::Starts,
        Endpoint::Actions,
        Endpoint::Links,
        Endpoint::Cancels,
        Endpoint::Devices,
    ];
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Endpoint::Starts => "starts",
            Endpoint::Actions => "actions",
            Endpoint::Links => "links",
            Endpoint::Cancels => "cancels",
            Endpoint::Devices => "devices",
        })
    }
}
