//! Makes the calls that have an effect (starts and cancels), and the search that settles a start
//! whose answer was lost.

use svar_engine::{Attempt, DeviceIndex, FactBody, Refusal, SentCommand, SessionIndex};
use svar_plan::{find_tag, tagged};
use svar_wire::{ActionId, Tag};
use svar_wire::{Command, CommandType, LiveResponseRequest, MachineAction};

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
        let (request, device) = match (&context.request, context.devices.first()) {
            (Some(Ok(request)), Some((_, device))) => (tagged(request, tag), device),
            (Some(Err(why)), _) => {
                return (one(never_sent("NotCompiled", why.clone())), Then::Nothing);
            }
            (None, _) | (_, None) => panic!("internal error: a start without request or device"),
        };
        let unknown = |why: String| FactBody::StartUnknown {
            session,
            attempt,
            why,
        };
        match self.client.start(device, &request).await {
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

    /// Returns the request of a start without its correlation tag, and adds to its commands the
    /// files that they name.
    ///
    /// # Errors
    /// The session can't be compiled. The error is a message for people.
    pub(crate) fn prepare(
        &self,
        device: DeviceIndex,
        session: SessionIndex,
        commands: &mut [SentCommand],
    ) -> Result<LiveResponseRequest, String> {
        let resolved = self
            .compiled
            .resolve(device, session, &*self.records)
            .map_err(|unresolvable| unresolvable.problem.message)?;
        let whole = resolved
            .request
            .ok_or("nothing of it is to be sent after all")?;
        let mut request = LiveResponseRequest {
            commands: Vec::with_capacity(commands.len()),
            comment: whole.comment.clone(),
        };
        for sent in commands {
            let place = (resolved.commands.iter()).position(|index| *index == sent.command);
            let command = place.and_then(|place| whole.commands.get(place));
            let command = command.ok_or("it has no such command")?;
            let file = file_of(command).map(|file| self.records.secrets().mask(file).into_owned());
            sent.file = file;
            request.commands.push(command.clone());
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
        // The portal shows the operator only in the comment.
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

/// Checks that the answer to a start is the action of that start. Similar calls of the service were
/// seen to answer with an existing action of another request (API notes 3.6).
fn accepted(action: &MachineAction, tag: &Tag) -> Result<ActionId, String> {
    let id = ActionId::parse(&action.id).map_err(|error| error.to_string())?;
    match action.requestor_comment.as_deref() {
        Some(comment) if find_tag(comment).as_ref() != Some(tag) => {
            Err(format!("the service answered with another action, {id}"))
        }
        _ => Ok(id),
    }
}

/// Returns the library file, or the path on the device, that a command names.
pub(super) fn file_of(command: &Command) -> Option<&str> {
    command.param(match command.kind {
        CommandType::PutFile => "FileName",
        CommandType::RunScript => "ScriptName",
        CommandType::GetFile => "Path",
    })
}
