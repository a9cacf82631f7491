//! Calls with an effect: starts and cancels, and the search that settles a lost start.

use svar_engine::{Attempt, CommandIndex, DeviceIndex, FactBody, Refusal, SessionIndex};
use svar_plan::{find_tag, tagged};
use svar_wire::{ActionId, Tag};
use svar_wire::{LiveResponseRequest, MachineAction};

use crate::driver::client::CallError;

use super::super::memory::RequestContext;
use super::context::{Answer, Calls, Then, again, signed_out};

impl Calls {
    pub(super) async fn start(
        &self,
        context: &RequestContext,
        device: DeviceIndex,
        (session, attempt): (SessionIndex, Attempt),
        tag: &Tag,
        only: Option<CommandIndex>,
    ) -> Answer {
        let one = |body| vec![(Some(device), body)];
        let never_sent = |code: &str, why: String| FactBody::StartRefused {
            session,
            attempt,
            refusal: Refusal {
                status: 0,
                code: code.to_owned(),
                message: why,
                target: None,
                retry_after_ms: None,
            },
        };
        let request = self.request(device, session, tag, only);
        let (Ok(request), Some((_, device))) = (&request, context.devices.first()) else {
            let why = request.err().unwrap_or_else(|| "no such device".into());
            return (one(never_sent("NotCompiled", why)), Then::Nothing);
        };
        let unknown = |why: String| FactBody::StartUnknown {
            session,
            attempt,
            why,
        };
        match self.client.start(device, request).await {
            Ok(action) => (
                one(match accepted(&action, tag) {
                    Ok(action) => FactBody::StartAccepted {
                        session,
                        attempt,
                        action,
                        adopted: false,
                    },
                    Err(why) => unknown(why),
                }),
                Then::Nothing,
            ),
            Err(CallError::Refused(refusal)) => {
                let refusal = self.quiet(refusal);
                let body = FactBody::StartRefused {
                    session,
                    attempt,
                    refusal,
                };
                (one(body), Then::Nothing)
            }
            Err(CallError::Unknown { why, .. }) => (one(unknown(why)), Then::Nothing),
            Err(CallError::Unreachable { why }) => {
                (one(never_sent("Unreachable", why)), Then::Nothing)
            }
            Err(CallError::SignedOut(error)) => (
                one(never_sent("SignedOut", error.to_string())),
                signed_out(&error).unwrap_or(Then::Nothing),
            ),
        }
    }

    /// The body of a start, tag included.
    fn request(
        &self,
        device: DeviceIndex,
        session: SessionIndex,
        tag: &Tag,
        only: Option<CommandIndex>,
    ) -> Result<LiveResponseRequest, String> {
        let resolved = self
            .compiled
            .resolve(device, session, &*self.records)
            .map_err(|unresolvable| unresolvable.problem.message)?;
        let request = resolved
            .request
            .ok_or("nothing of it is to be sent after all")?;
        let mut request = tagged(&request, tag);
        if let Some(only) = only {
            let position = resolved.commands.iter().position(|index| *index == only);
            let command = position.and_then(|position| request.commands.get(position).cloned());
            request.commands = vec![command.ok_or("it has no such command")?];
        }
        Ok(request)
    }

    pub(super) async fn search(
        &self,
        context: &RequestContext,
        device: DeviceIndex,
        (session, attempt): (SessionIndex, Attempt),
        tag: &Tag,
        conclusive: bool,
    ) -> Answer {
        let Some((_, id)) = context.devices.first() else {
            return (Vec::new(), Then::NotYet);
        };
        let found = self.client.find_start(id, tag).await;
        let body = match found {
            Ok(Some(action)) => match ActionId::parse(&action.id) {
                Ok(action) => FactBody::StartAccepted {
                    session,
                    attempt,
                    action,
                    adopted: true,
                },
                Err(_) => return (Vec::new(), Then::NotYet),
            },
            Ok(None) if conclusive => FactBody::StartAbsent { session, attempt },
            Ok(None) => return (Vec::new(), Then::NotYet),
            Err(failure) => return (Vec::new(), again(failure)),
        };
        (vec![(Some(device), body)], Then::Nothing)
    }

    pub(super) async fn cancel(&self, device: DeviceIndex, action: &ActionId) -> Answer {
        let answered = |status| FactBody::CancelAnswered {
            action: action.clone(),
            status,
        };
        let unknown = |why: String| FactBody::CancelUnknown {
            action: action.clone(),
            why,
        };
        // In the portal the comment is all that tells who did it.
        let header = self.records.folder().header();
        let comment = match header.operator.as_str() {
            "" => format!("cancelled by svar, run {}", header.run),
            operator => format!("cancelled by svar for {operator}, run {}", header.run),
        };
        let (body, then) = match self.client.cancel(action, &comment).await {
            Ok(_) => (answered(200), Then::Nothing),
            Err(CallError::Refused(refusal)) => (answered(refusal.status), Then::Nothing),
            Err(CallError::Unknown { why, .. } | CallError::Unreachable { why }) => {
                (unknown(why), Then::Nothing)
            }
            Err(CallError::SignedOut(error)) => (
                unknown(error.to_string()),
                signed_out(&error).unwrap_or(Then::Nothing),
            ),
        };
        (vec![(Some(device), body)], then)
    }
}

/// Whether the answer to a start is really the action of that start. Sibling calls of the service
/// were seen to answer with somebody's existing action (API notes 3.6).
fn accepted(action: &MachineAction, tag: &Tag) -> Result<ActionId, String> {
    let id = ActionId::parse(&action.id).map_err(|error| error.to_string())?;
    match action.requestor_comment.as_deref() {
        Some(comment) if find_tag(comment).as_ref() != Some(tag) => {
            Err(format!("the service answered with another action, {id}"))
        }
        _ => Ok(id),
    }
}
