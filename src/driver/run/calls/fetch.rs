//! Results: fetched, or found to be missing for good.

use svar_engine::{DeviceIndex, FactBody, Need, SessionIndex, StepIndex};
use svar_plan::Verb;
use svar_wire::ActionId;

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
            session,
            action,
            index,
            step,
            conclusive,
        } = need
        else {
            return Ok((Vec::new(), Then::Nothing));
        };
        let Some((verb, source)) = self.source(context, *device, *session, action, *step) else {
            return self.missing(need, "internal error: it belongs to no step".to_owned());
        };
        let key = (action.clone(), *index);
        let wanted = Wanted {
            device: *device,
            step: *step,
            verb,
            action: action.clone(),
            index: *index,
            source,
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

    /// What kind of result it is, and the path of a file on the device.
    fn source(
        &self,
        context: &RequestContext,
        device: DeviceIndex,
        session: SessionIndex,
        action: &ActionId,
        step: StepIndex,
    ) -> Option<(Verb, String)> {
        let plan = self.compiled.plan();
        let planned = device.get(&plan.devices)?;
        let commands = &session.get(&planned.sessions)?.commands;
        let known = context.actions.get(action)?;
        let (position, index) = known
            .commands
            .iter()
            .enumerate()
            .find(|(_, index)| commands.get(index.place()).is_some_and(|c| c.step == step))?;
        let verb = index.get(commands)?.verb;
        let resolved = self
            .compiled
            .resolve(device, session, &*self.records)
            .ok()?;
        let request = resolved.request?;
        let path = request.commands.get(position)?.param("Path");
        Some((verb, path.unwrap_or_default().to_owned()))
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
            self.records.write_lightly(&path, &record)?;
        }
        let body = FactBody::ResultMissing {
            action: action.clone(),
            index: *index,
            why,
        };
        Ok((vec![(Some(*device), body)], Then::Nothing))
    }
}
