//! What each need means in calls, and what each answer means in facts.

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

/// How often a result that came spoiled is asked for again.
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

/// How often something doubtful was looked at already. Lost with the process, and no harm: a
/// resumed run is patient anew.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    pub(super) spoiled: Mutex<HashMap<(ActionId, RequestIndex), u8>>,
    pub(super) doubted: Mutex<HashMap<ActionId, u8>>,
}

impl Patience {
    /// Whether a result has come spoiled as often as it may.
    pub(super) fn is_out(&self, result: &(ActionId, RequestIndex)) -> bool {
        let spoiled = self.spoiled.lock().unwrap_or_else(|held| held.into_inner());
        spoiled
            .get(result)
            .is_some_and(|count| *count >= SPOILED_MAX)
    }

    /// Counts one more, and says whether that is still within the limit.
    pub(super) fn lasts<K: Hash + Eq>(map: &Mutex<HashMap<K, u8>>, key: K, most: u8) -> bool {
        let mut map = map.lock().unwrap_or_else(|held| held.into_inner());
        let count = map.entry(key).or_default();
        *count = count.saturating_add(1);
        *count <= most
    }
}

/// What became of a need.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) need: Need,
    /// What happened, to be journalled and handed to the engine.
    pub(crate) facts: Vec<(Option<DeviceIndex>, FactBody)>,
    /// What the engine is to be told besides.
    pub(crate) then: Then,
    /// Our own disk refused.
    pub(crate) disk: Option<FolderError>,
    /// How many calls it took.
    pub(crate) calls: u32,
}

/// What follows for a need that asks something.
#[derive(Debug)]
pub(crate) enum Then {
    /// The facts say it all.
    Nothing,
    /// A `Watch` was answered.
    Watched,
    /// A `Devices` was answered.
    DevicesRead,
    /// There is no answer to be had yet, as is usual; it is to be asked for again.
    NotYet,
    /// It went wrong, and is to be asked for again.
    Again {
        why: String,
        retry_after: Option<Duration>,
        /// A connection stood, so that it was not for want of a network.
        reached: bool,
    },
    /// The tenant refused it for its rate.
    Throttled { retry_after: Option<Duration> },
    /// The tenant refused it: for want of a permission, which may be on its way, or because it
    /// does not take such a question.
    Refused { why: String },
    /// The service refused a token that it gave a moment ago. So it does if the addresses don't belong
    /// together, and now and then for a while when its gate is in trouble.
    Rejected { why: String },
    /// The tenant can't be used any more.
    Lost { why: String },
}

pub(super) type Answer = (Vec<(Option<DeviceIndex>, FactBody)>, Then);

impl Calls {
    /// Does what is needed.
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
            // Answered by the loop itself.
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

    /// A refusal may quote what was sent.
    pub(super) fn quiet(&self, mut refusal: Refusal) -> Refusal {
        refusal.message = self.records.secrets().mask(&refusal.message).into_owned();
        refusal
    }
}

/// What a read that failed means.
pub(super) fn again(failure: CallError) -> Then {
    let why = failure.to_string();
    let retry_after = failure.retry_after();
    match failure {
        CallError::Refused(ref refusal) => match refusal.status {
            429 => Then::Throttled { retry_after },
            // Replicas may not agree for a while about what there is (API notes 4.5).
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

/// Waiting does not heal a wrong secret; `None` where it heals whatever it is.
pub(super) fn signed_out(error: &SignInError) -> Option<Then> {
    let why = || format!("{error}; {}", error.next_step());
    match error {
        SignInError::Rejected { .. } => Some(Then::Rejected { why: why() }),
        error if error.is_passing() => None,
        _ => Some(Then::Lost { why: why() }),
    }
}
