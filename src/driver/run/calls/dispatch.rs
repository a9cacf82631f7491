//! Makes the calls for a need and translates their answers into facts.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use svar_engine::{Attempt, DeviceIndex, Need, Refusal, SessionIndex};
use svar_plan::{CompiledPlan, Secrets};
use svar_wire::{ActionId, Tag};

use crate::driver::client::Client;
use crate::driver::results::ResultLimits;
use crate::driver::store::{RecordKey, RecordStore};

use super::super::memory::CallContext;
use super::answer::{Answer, AnsweredNeed, FollowUp};
use super::devices;

/// Makes the calls. Cheap to clone: each call is a task of its own.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    pub(crate) client: Client,
    pub(crate) records: Arc<dyn RecordStore>,
    pub(crate) compiled: Arc<CompiledPlan>,
    pub(crate) limits: ResultLimits,
    /// Comment of a cancel. It names the operator, which the portal shows nowhere else.
    pub(crate) cancel_comment: Arc<str>,
    pub(crate) repeat_counts: Arc<RepeatCounts>,
}

/// Counts how often an answer that may be wrong for a while was requested again. The counts are lost
/// with the process, which is harmless: a resumed run starts counting again.
#[derive(Debug, Default)]
pub(crate) struct RepeatCounts {
    /// Downloads of a corrupt result.
    pub(super) corrupt_results: RepeatCounter<RecordKey>,
    /// Checks of an action that failed although none of its commands did.
    pub(super) failures_without_failed_command: RepeatCounter<ActionId>,
}

/// A counter for each key.
#[derive(Debug)]
pub(super) struct RepeatCounter<K>(Mutex<HashMap<K, u8>>);

impl<K> Default for RepeatCounter<K> {
    fn default() -> Self {
        RepeatCounter(Mutex::default())
    }
}

impl<K: Hash + Eq> RepeatCounter<K> {
    /// Returns the count of a key.
    pub(super) fn count(&self, key: &K) -> u8 {
        let counts = self.0.lock().unwrap_or_else(|held| held.into_inner());
        counts.get(key).copied().unwrap_or_default()
    }

    /// Adds one to the count of a key and returns it.
    pub(super) fn increment(&self, key: K) -> u8 {
        let mut counts = self.0.lock().unwrap_or_else(|held| held.into_inner());
        let count = counts.entry(key).or_default();
        *count = count.saturating_add(1);
        *count
    }
}

/// A start attempt of a session on a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartAttempt<'a> {
    pub(super) device: DeviceIndex,
    pub(super) session: SessionIndex,
    pub(super) attempt: Attempt,
    pub(super) tag: &'a Tag,
}

impl Calls {
    /// Makes the calls for a need.
    ///
    /// # Panics
    /// The need requires no call.
    pub(crate) async fn run(mut self, need: Need, context: CallContext) -> AnsweredNeed {
        self.client = self.client.counting();
        let answer = match &need {
            &Need::Start {
                device,
                session,
                attempt,
                ref tag,
                ..
            } => {
                let start = StartAttempt {
                    device,
                    session,
                    attempt,
                    tag,
                };
                Ok(self.start(&context, start).await)
            }
            &Need::Search {
                device,
                session,
                attempt,
                ref tag,
                not_found,
            } => {
                let start = StartAttempt {
                    device,
                    session,
                    attempt,
                    tag,
                };
                Ok(self.search(&context, start, not_found).await)
            }
            Need::Watch { actions } => self.watch(&context, actions).await,
            &Need::Fetch {
                device,
                step,
                ref action,
                index,
                not_found,
                session: _,
            } => {
                let key = RecordKey {
                    device,
                    step,
                    action: action.clone(),
                    index,
                };
                self.fetch(&context, key, not_found).await
            }
            Need::Cancel { device, action, .. } => Ok(self.cancel(*device, action).await),
            Need::Devices { .. } => Ok(self.devices(&context).await),
            Need::Record { .. } | Need::Resolve { .. } => {
                panic!("internal error: a call for a need without calls: {need:?}")
            }
        };
        AnsweredNeed {
            need,
            answer,
            calls: self.client.calls_made(),
        }
    }

    async fn devices(&self, context: &CallContext) -> Answer {
        match devices::read(&self.client, context, self.compiled.os()).await {
            Ok(facts) => Answer {
                facts,
                follow_up: FollowUp::DevicesRead,
            },
            Err(error) => Answer::without_facts(FollowUp::of_failed_read(error)),
        }
    }

    /// Returns the secrets that must not appear in facts or records.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.compiled.plan().secrets
    }

    /// Masks secrets in a refusal, because it may quote what was sent.
    pub(super) fn mask_refusal(&self, mut refusal: Refusal) -> Refusal {
        refusal.message = self.secrets().mask(&refusal.message).into_owned();
        refusal
    }
}
