//! Fetches results, or finds that they are missing for good.

use svar_engine::{FactBody, Need};

use crate::driver::client::CallError;
use crate::driver::results::{CollectError, Wanted, collect};
use crate::driver::store::FolderError;

use super::super::memory::RequestContext;
use super::context::{Answer, Calls, Patience, SPOILED_MAX, Then, again};

impl Calls {
    pub(super) async fn fetch(
        &self,
        context: &RequestContext,
        need: &Need,
    ) -> Result<Answer, FolderError> {
        let Need::Fetch {
            device,
            action,
            index,
            step,
            conclusive,
            ..
        } = need
        else {
            return Ok((Vec::new(), Then::Nothing));
        };
        let known = context.actions.get(action);
        let sent = known.and_then(|known| index.get(&known.sent));
        let Some(sent) = sent.filter(|sent| sent.step == *step) else {
            panic!("internal error: result {index} of {action} is not of a command that was sent");
        };
        let key = (action.clone(), *index);
        let wanted = Wanted {
            device: *device,
            step: *step,
            verb: sent.verb,
            action: action.clone(),
            index: *index,
            source: sent.file.clone().unwrap_or_default(),
            as_it_came: self.patience.is_out(&key),
        };
        let got = collect(
            &self.client,
            &self.records,
            &self.compiled,
            self.caps,
            wanted,
        )
        .await;
        match got {
            Ok(collected) => {
                let body = FactBody::ResultFetched {
                    action: action.clone(),
                    index: *index,
                    result: collected.summary,
                    verdict: collected.verdict,
                };
                Ok((vec![(Some(*device), body)], Then::Nothing))
            }
            Err(CollectError::Call(CallError::Refused(refusal)))
                if !matches!(refusal.status, 401 | 403 | 429) =>
            {
                if *conclusive {
                    let why = CallError::Refused(self.quiet(refusal)).to_string();
                    self.missing(need, why)
                } else {
                    Ok((Vec::new(), Then::NotYet))
                }
            }
            Err(CollectError::Call(failure)) => Ok((Vec::new(), again(failure))),
            Err(CollectError::Spoiled(why)) => {
                if Patience::lasts(&self.patience.spoiled, key, SPOILED_MAX) {
                    let retry_after = None;
                    Ok((
                        Vec::new(),
                        Then::Again {
                            why,
                            retry_after,
                            reached: true,
                        },
                    ))
                } else {
                    self.missing(need, format!("{why}, {} times", SPOILED_MAX + 1))
                }
            }
            Err(CollectError::TooLarge(why)) => self.missing(need, why),
            Err(CollectError::Folder(error)) => Err(error),
        }
    }

    fn missing(&self, need: &Need, why: String) -> Result<Answer, FolderError> {
        let Need::Fetch {
            device,
            action,
            index,
            step,
            ..
        } = need
        else {
            return Ok((Vec::new(), Then::Nothing));
        };
        let path = self.records.record_path(*device, *step, action, *index);
        if let Some(mut record) = self.records.read(&path) {
            record.missing = Some(why.clone());
            self.records.write_without_sync(&path, &record)?;
        }
        let body = FactBody::ResultMissing {
            action: action.clone(),
            index: *index,
            why,
        };
        Ok((vec![(Some(*device), body)], Then::Nothing))
    }
}
