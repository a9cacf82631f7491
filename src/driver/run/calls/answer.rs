//! The answers to the calls for a need.

use std::time::Duration;

use svar_engine::{DeviceIndex, FactBody, Need};

use crate::driver::client::{CallError, SignInError};
use crate::driver::store::FolderError;

/// A fact without its time.
#[derive(Debug)]
pub(crate) struct NewFact {
    /// The device that the fact is about; `None` for the whole run.
    pub(crate) device: Option<DeviceIndex>,
    pub(crate) body: FactBody,
}

/// The answers to the calls for a need.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Facts to be written to the journal and handed to the engine.
    pub(crate) facts: Vec<NewFact>,
    pub(crate) follow_up: FollowUp,
}

impl Answer {
    /// Returns an answer without facts.
    pub(super) fn without_facts(follow_up: FollowUp) -> Self {
        Answer {
            facts: Vec::new(),
            follow_up,
        }
    }

    /// Returns an answer that is one fact about a device.
    pub(super) fn fact(device: DeviceIndex, body: FactBody) -> Self {
        Answer {
            facts: vec![NewFact {
                device: Some(device),
                body,
            }],
            follow_up: FollowUp::None,
        }
    }

    /// Replaces the follow-up.
    pub(super) fn and(mut self, follow_up: FollowUp) -> Self {
        self.follow_up = follow_up;
        self
    }
}

/// A need whose calls were made.
#[derive(Debug)]
pub(crate) struct AnsweredNeed {
    pub(crate) need: Need,
    /// The answer, or an error of the local disk.
    pub(crate) answer: Result<Answer, FolderError>,
    /// The number of calls that were made.
    pub(crate) calls: u32,
}

/// The handling of an answer, in addition to its facts.
#[derive(Debug)]
pub(crate) enum FollowUp {
    /// The facts are complete.
    None,
    /// A [`Need::Watch`] was answered.
    Watched,
    /// A [`Need::Devices`] was answered.
    DevicesRead,
    /// There is no answer yet, which is usual. The need must be requested again.
    NotYet,
    /// The call failed and must be repeated.
    Retry {
        why: String,
        retry_after: Option<Duration>,
        reach: Reach,
    },
    /// The tenant throttled the call.
    Throttled { retry_after: Option<Duration> },
    /// The tenant refused the call: a permission is missing, which may be on its way, or the tenant
    /// does not accept such a call.
    Refused { why: String },
    /// The service rejected a token that was just issued. That happens if the addresses don't
    /// belong together, and sometimes for a while during an outage.
    Rejected { why: String },
    /// The tenant can't be used any more.
    Lost { why: String },
}

/// The distance that a failed call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The service may have received it, so a missing network is not the cause.
    Service,
    /// The service did not receive it.
    Nowhere,
}

impl FollowUp {
    /// Returns the follow-up for a failed read.
    pub(super) fn of_failed_read(error: CallError) -> FollowUp {
        let why = error.to_string();
        let retry_after = error.retry_after();
        let retry = |reach| FollowUp::Retry {
            why: why.clone(),
            retry_after,
            reach,
        };
        match error {
            CallError::Refused(ref refusal) => match refusal.status {
                429 => FollowUp::Throttled { retry_after },
                // Replicas may disagree for a while about what exists (API notes 4.5).
                404 => retry(Reach::Service),
                _ => FollowUp::Refused {
                    why: format!("{why}; {}", error.next_step()),
                },
            },
            CallError::Unknown { .. } => retry(Reach::Service),
            CallError::Unreachable { .. } => retry(Reach::Nowhere),
            CallError::SignedOut(error) => {
                FollowUp::of_failed_sign_in(&error).unwrap_or_else(|| retry(Reach::Nowhere))
            }
        }
    }

    /// Returns the follow-up for a failed sign-in, or `None` if waiting may help. Waiting does not
    /// help against a wrong secret.
    pub(super) fn of_failed_sign_in(error: &SignInError) -> Option<FollowUp> {
        let why = || format!("{error}; {}", error.next_step());
        match error {
            SignInError::Rejected { .. } => Some(FollowUp::Rejected { why: why() }),
            error if error.is_temporary() => None,
            _ => Some(FollowUp::Lost { why: why() }),
        }
    }
}
