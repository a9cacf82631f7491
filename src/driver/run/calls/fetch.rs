//! Fetches results, or finds that they are missing for good.

use svar_engine::{FactBody, NotFound};

use crate::driver::client::CallError;
use crate::driver::results::{CollectError, CollectRequest, Collector, UnexpectedForm};
use crate::driver::store::{FolderError, RecordKey};

use super::super::memory::CallContext;
use super::answer::{Answer, FollowUp, Reach};
use super::dispatch::Calls;

/// Maximum number of times a corrupt result is downloaded again.
const REPEATED_DOWNLOADS_MAX: u8 = 5;

impl Calls {
    pub(super) async fn fetch(
        &self,
        context: &CallContext,
        key: RecordKey,
        not_found: NotFound,
    ) -> Result<Answer, FolderError> {
        let action = context.actions.get(&key.action);
        let sent = action.and_then(|action| key.index.get(&action.sent));
        let Some(sent) = sent.filter(|sent| sent.step == key.step) else {
            panic!(
                "internal error: result {} of {} is not of a command that was sent",
                key.index, key.action
            );
        };
        let downloads = &self.repeat_counts.corrupt_results;
        let request = CollectRequest {
            key: key.clone(),
            verb: sent.verb,
            source: sent.file.clone().unwrap_or_default(),
            unexpected_form: if downloads.count(&key) < REPEATED_DOWNLOADS_MAX {
                UnexpectedForm::Reject
            } else {
                UnexpectedForm::StoreUnchanged
            },
        };
        match self.collector().collect(&self.client, request).await {
            Ok(collected) => {
                let body = FactBody::ResultFetched {
                    action: key.action,
                    index: key.index,
                    result: collected.summary,
                    verdict: collected.verdict,
                };
                Ok(Answer::fact(key.device, body))
            }
            Err(CollectError::Call(CallError::Refused(refusal)))
                if !matches!(refusal.status, 401 | 403 | 429) =>
            {
                if not_found == NotFound::Final {
                    let error = CallError::Refused(self.mask_refusal(refusal));
                    self.missing(key, error.to_string())
                } else {
                    Ok(Answer::without_facts(FollowUp::NotYet))
                }
            }
            Err(CollectError::Call(error)) => {
                Ok(Answer::without_facts(FollowUp::of_failed_read(error)))
            }
            Err(CollectError::Corrupt(why)) => {
                if downloads.increment(key.clone()) <= REPEATED_DOWNLOADS_MAX {
                    Ok(Answer::without_facts(FollowUp::Retry {
                        why,
                        retry_after: None,
                        reach: Reach::Service,
                    }))
                } else {
                    let times = REPEATED_DOWNLOADS_MAX + 1;
                    self.missing(key, format!("{why}, {times} times"))
                }
            }
            Err(CollectError::TooLarge(why)) => self.missing(key, why),
            Err(CollectError::Folder(error)) => Err(error),
        }
    }

    /// Writes to a command's record that it has no result, and returns that fact.
    fn missing(&self, key: RecordKey, why: String) -> Result<Answer, FolderError> {
        if let Some(mut record) = self.records.read(&key) {
            record.missing = Some(why.clone());
            self.records.write_without_sync(&key, &record)?;
        }
        let body = FactBody::ResultMissing {
            action: key.action,
            index: key.index,
            why,
        };
        Ok(Answer::fact(key.device, body))
    }

    fn collector(&self) -> Collector {
        Collector {
            records: self.records.clone(),
            compiled: self.compiled.clone(),
            limits: self.limits,
        }
    }
}
