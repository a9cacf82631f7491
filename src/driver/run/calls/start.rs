//! Makes the calls that have an effect (starts and cancels), and the search that settles a start
//! whose answer was lost.

use svar_engine::{DeviceIndex, FactBody, NotFound, Refusal, SentCommand, SessionIndex};
use svar_plan::{find_tag, tagged};
use svar_wire::{ActionId, NameError, Tag};
use svar_wire::{Command, CommandType, LiveResponseRequest, MachineAction};

use crate::driver::client::CallError;

use super::super::memory::{CallContext, PrepareError};
use super::answer::{Answer, FollowUp};
use super::dispatch::{Calls, StartAttempt};

/// The reason why a machine action is not the one that was requested.
#[derive(Debug, thiserror::Error)]
enum UnexpectedAction {
    #[error(transparent)]
    InvalidId(#[from] NameError),
    #[error("the service answered with another action, {0}")]
    OtherAction(ActionId),
}

impl Calls {
    pub(super) async fn start(&self, context: &CallContext, start: StartAttempt<'_>) -> Answer {
        let StartAttempt {
            device,
            session,
            attempt,
            tag,
        } = start;
        let not_sent = |code: &str, why: String| {
            let body = FactBody::StartRefused {
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
            Answer::fact(device, body)
        };
        let (request, id) = match (&context.request, context.devices.first()) {
            (Some(Ok(request)), Some((_, id))) => (tagged(request, tag), id),
            (Some(Err(error)), _) => return not_sent("NotCompiled", error.to_string()),
            (None, _) | (_, None) => panic!("internal error: a start without request or device"),
        };
        let unknown = |why: String| {
            let body = FactBody::StartUnknown {
                session,
                attempt,
                why,
            };
            Answer::fact(device, body)
        };
        match self.client.start(id, &request).await {
            Ok(action) => match check_action(&action, tag) {
                Ok(action) => {
                    let body = FactBody::StartAccepted {
                        session,
                        attempt,
                        action,
                        adopted: false,
                    };
                    Answer::fact(device, body)
                }
                Err(error) => unknown(error.to_string()),
            },
            Err(CallError::Refused(refusal)) => {
                let body = FactBody::StartRefused {
                    session,
                    attempt,
                    refusal: self.mask_refusal(refusal),
                };
                Answer::fact(device, body)
            }
            Err(CallError::Unknown { why, .. }) => unknown(why),
            Err(CallError::Unreachable { why }) => not_sent("Unreachable", why),
            Err(CallError::SignedOut(error)) => not_sent("SignedOut", error.to_string())
                .and(FollowUp::of_failed_sign_in(&error).unwrap_or(FollowUp::None)),
        }
    }

    /// Returns the request of a start without its correlation tag, and adds to its commands the
    /// files that they name.
    ///
    /// # Errors
    /// The session can't be compiled, or a command of it is not to be sent any more.
    pub(crate) fn prepare(
        &self,
        device: DeviceIndex,
        session: SessionIndex,
        commands: &mut [SentCommand],
    ) -> Result<LiveResponseRequest, PrepareError> {
        let resolved = self
            .compiled
            .resolve(device, session, &*self.records)
            .map_err(|unresolvable| {
                let message = self.secrets().mask(&unresolvable.problem.message);
                PrepareError::Unresolvable(message.into_owned())
            })?;
        let session_request = resolved.request.ok_or(PrepareError::NothingToSend)?;
        let mut request = LiveResponseRequest {
            commands: Vec::with_capacity(commands.len()),
            comment: session_request.comment.clone(),
        };
        for sent in commands {
            let place = (resolved.commands.iter()).position(|index| *index == sent.command);
            let command = place.and_then(|place| session_request.commands.get(place));
            let command = command.ok_or(PrepareError::CommandSkipped)?;
            let file = file_of(command).map(|file| self.secrets().mask(file).into_owned());
            sent.file = file;
            request.commands.push(command.clone());
        }
        Ok(request)
    }

    pub(super) async fn search(
        &self,
        context: &CallContext,
        start: StartAttempt<'_>,
        not_found: NotFound,
    ) -> Answer {
        let StartAttempt {
            device,
            session,
            attempt,
            tag,
        } = start;
        let Some((_, id)) = context.devices.first() else {
            panic!("internal error: a search without a device");
        };
        let found = match self.client.find_start(id, tag).await {
            Ok(found) => found.map(|action| ActionId::parse(&action.id)),
            Err(error) => return Answer::without_facts(FollowUp::of_failed_read(error)),
        };
        let body = match found {
            Some(Ok(action)) => FactBody::StartAccepted {
                session,
                attempt,
                action,
                adopted: true,
            },
            None if not_found == NotFound::Final => FactBody::StartNotFound { session, attempt },
            None | Some(Err(_)) => return Answer::without_facts(FollowUp::NotYet),
        };
        Answer::fact(device, body)
    }

    pub(super) async fn cancel(&self, device: DeviceIndex, action: &ActionId) -> Answer {
        let answered = |status| {
            let body = FactBody::CancelAnswered {
                action: action.clone(),
                status,
            };
            Answer::fact(device, body)
        };
        let unknown = |why: String| {
            let body = FactBody::CancelUnknown {
                action: action.clone(),
                why,
            };
            Answer::fact(device, body)
        };
        match self.client.cancel(action, &self.cancel_comment).await {
            Ok(_) => answered(200),
            Err(CallError::Refused(refusal)) => answered(refusal.status),
            Err(CallError::Unknown { why, .. } | CallError::Unreachable { why }) => unknown(why),
            Err(CallError::SignedOut(error)) => unknown(error.to_string())
                .and(FollowUp::of_failed_sign_in(&error).unwrap_or(FollowUp::None)),
        }
    }
}

/// Returns the id of the action that answers a start, if it is the action of that start. Similar
/// calls of the service were seen to answer with an existing action of another request (API notes
/// 3.6).
fn check_action(action: &MachineAction, tag: &Tag) -> Result<ActionId, UnexpectedAction> {
    let id = ActionId::parse(&action.id)?;
    match action.requestor_comment.as_deref() {
        Some(comment) if find_tag(comment).as_ref() != Some(tag) => {
            Err(UnexpectedAction::OtherAction(id))
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
