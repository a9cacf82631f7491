//! Makes the calls for a need and translates their answers into facts.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use svar_engine::{DeviceIndex, FactBody, Need, Refusal, RequestIndex};
use svar_plan::CompiledPlan;
use svar_wire::ActionId;

use crate::driver::client::{CallError, Client, SignInError};
use crate::driver::results::ResultLimits;
use crate::driver::store::{FolderError, RecordStore};

use super::super::memory::RequestContext;
use super::devices;

/// Maximum number of times a corrupt result is requested again.
pub(super) const SPOILED_MAX: u8 = 5;

/// Makes the calls. Cheap to clone: each call is a task of its own.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    pub(crate) client: Client,
    pub(crate) records: Arc<RecordStore>,
    pub(crate) compiled: Arc<CompiledPlan>,
    pub(crate) caps: ResultLimits,
    pub(crate) patience: Arc<Patience>,
}

/// Counts how often a doubtful answer was checked. The counts are lost with the process, which is
/// harmless: a resumed run starts counting again.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    pub(super) spoiled: Mutex<HashMap<(ActionId, RequestIndex), u8>>,
    pub(super) doubted: Mutex<HashMap<ActionId, u8>>,
}

impl Patience {
    /// Returns whether a result was corrupt as often as is tolerated.
    pub(super) fn is_out(&self, result: &(ActionId, RequestIndex)) -> bool {
        let spoiled = self.spoiled.lock().unwrap_or_else(|held| held.into_inner());
        spoiled
            .get(result)
            .is_some_and(|count| *count >= SPOILED_MAX)
    }

    /// Counts one more occurrence and returns whether the count is still within the limit.
    pub(super) fn lasts<K: Hash + Eq>(map: &Mutex<HashMap<K, u8>>, key: K, most: u8) -> bool {
        let mut map = map.lock().unwrap_or_else(|held| held.into_inner());
        let count = map.entry(key).or_default();
        *count = count.saturating_add(1);
        *count <= most
    }
}

/// The outcome of a need.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) need: Need,
    /// Facts to be written to the journal and handed to the engine.
    pub(crate) facts: Vec<(Option<DeviceIndex>, FactBody)>,
    /// What else the engine must be informed of.
    pub(crate) then: Then,
    /// An error of the local disk.
    pub(crate) disk: Option<FolderError>,
    /// The number of calls that were made.
    pub(crate) calls: u32,
}

/// The follow-up for a need that asks a question.
#[derive(Debug)]
pub(crate) enum Then {
    /// The facts are complete.
    Nothing,
    /// A [`Need::Watch`] was answered.
    Watched,
    /// A [`Need::Devices`] was answered.
    DevicesRead,
    /// There is no answer yet, which is usual. The need must be asked again.
    NotYet,
    /// The call failed and must be repeated.
    Again {
        why: String,
        retry_after: Option<Duration>,
        /// Whether the service was reached, so that a missing network is not the cause.
        reached: bool,
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

pub(super) type Answer = (Vec<(Option<DeviceIndex>, FactBody)>, Then);

impl Calls {
    /// Makes the calls for a need.
    pub(crate) async fn run(mut self, need: Need, context: RequestContext) -> Done {
        self.client = self.client.counting();
        let client = self.client.clone();
        let answer = match &need {
            Need::Start {
                device,
                session,
                attempt,
                tag,
                ..
            } => Ok(self
                .start(&context, *device, (*session, *attempt), tag)
                .await),
            Need::Search {
                device,
                session,
                attempt,
                tag,
                conclusive,
            } => Ok(self
                .search(&context, *device, (*session, *attempt), tag, *conclusive)
                .await),
            Need::Watch { actions } => self.watch(&context, actions).await,
            Need::Fetch { .. } => self.fetch(&context, &need).await,
            Need::Cancel { device, action, .. } => Ok(self.cancel(*device, action).await),
            Need::Devices { .. } => Ok(self.devices(&context).await),
            // The main loop handles these itself.
            Need::Record { .. } | Need::Resolve { .. } => Ok((Vec::new(), Then::Nothing)),
        };
        match answer {
            Ok((facts, then)) => Done {
                need,
                facts,
                then,
                disk: None,
                calls: client.calls_made(),
            },
            Err(error) => Done {
                need,
                facts: Vec::new(),
                then: Then::Nothing,
                disk: Some(error),
                calls: client.calls_made(),
            },
        }
    }

    async fn devices(&self, context: &RequestContext) -> Answer {
        match devices::read(&self.client, context, self.compiled.os()).await {
            Ok(facts) => (facts, Then::DevicesRead),
            Err(failure) => (Vec::new(), again(failure)),
        }
    }

    /// Masks secrets in a refusal, because it may quote what was sent.
    pub(super) fn quiet(&self, mut refusal: Refusal) -> Refusal {
        refusal.message = self.records.secrets().mask(&refusal.message).into_owned();
        refusal
    }
}

/// Returns the follow-up for a failed read.
pub(super) fn again(failure: CallError) -> Then {
    let why = failure.to_string();
    let retry_after = failure.retry_after();
    match failure {
        CallError::Refused(ref refusal) => match refusal.status {
            429 => Then::Throttled { retry_after },
            // Replicas may disagree for a while about what exists (API notes 4.5).
            404 => Then::Again {
                why,
                retry_after,
                reached: true,
            },
            _ => Then::Refused {
                why: format!("{why}; {}", failure.next_step()),
            },
        },
        CallError::Unknown { .. } | CallError::Unreachable { .. } => Then::Again {
            reached: matches!(failure, CallError::Unknown { .. }),
            why,
            retry_after,
        },
        CallError::SignedOut(error) => signed_out(&error).unwrap_or(Then::Again {
            why,
            retry_after,
            reached: false,
        }),
    }
}

/// Returns the follow-up for a failed sign-in, or `None` if waiting may help. Waiting does not help
/// against a wrong secret.
pub(super) fn signed_out(error: &SignInError) -> Option<Then> {
    let why = || format!("{error}; {}", error.next_step());
    match error {
        SignInError::Rejected { .. } => Some(Then::Rejected { why: why() }),
        error if error.is_passing() => None,
        _ => Some(Then::Lost { why: why() }),
    }
}
