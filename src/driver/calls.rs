//! What each need means in calls, and what each answer means in facts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::engine::{CommandEnd, FactBody, LaneId, Need, Refusal, SessionIndex};
use crate::moment::Moment;
use crate::name::{ActionId, Tag};
use crate::plan::{Runbook, find_tag, tagged};
use crate::wire::{ActionStatus, CommandEntry, CommandStatus, LiveResponseRequest, MachineAction};

use super::client::{Client, Failure, Found, SignInError};
use super::collect::{Caps, CollectError, Wanted, collect};
use super::folder::FolderError;
use super::memory::{Errand, Known, step_of};
use super::readiness;
use super::record::Shelf;

/// How often a result that came spoiled is asked for again.
const SPOILED_MAX: u8 = 5;

/// How many further looks an action gets that failed although none of its commands did: such
/// states were seen to turn into success a little later (contract 4.4).
const DOUBTS_MAX: u8 = 2;

/// What the service says about a command that failed, at most, in letters.
const ERROR_LETTERS_MAX: usize = 1_000;

/// Makes the calls. Cheap to clone: each call is a task of its own.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    pub(crate) client: Client,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) runbook: Arc<Runbook>,
    pub(crate) caps: Caps,
    pub(crate) patience: Arc<Patience>,
}

/// How often something doubtful was looked at already. Lost with the process, and no harm: a
/// resumed run is patient anew.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    spoiled: Mutex<HashMap<(ActionId, u16), u8>>,
    doubted: Mutex<HashMap<ActionId, u8>>,
}

impl Patience {
    /// Counts one more, and says whether that is still within the limit.
    fn lasts<K: std::hash::Hash + Eq>(map: &Mutex<HashMap<K, u8>>, key: K, most: u8) -> bool {
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
    pub(crate) facts: Vec<(Option<LaneId>, FactBody)>,
    /// What the engine is to be told besides.
    pub(crate) then: Then,
    /// Our own disk refused.
    pub(crate) disk: Option<FolderError>,
}

/// What follows for a need that asks something.
#[derive(Debug)]
pub(crate) enum Then {
    /// The facts say it all.
    Nothing,
    /// A `Watch` was answered.
    Watched,
    /// A `Machines` was answered.
    MachinesRead,
    /// It is to be asked for again.
    Again { retry_after: Option<Duration> },
    /// The tenant refused it for its rate.
    Throttled { retry_after: Option<Duration> },
    /// The tenant refused it for want of a permission, which may be on its way.
    Forbidden { why: String },
    /// The tenant can't be used any more.
    Lost { why: String },
}

type Answer = (Vec<(Option<LaneId>, FactBody)>, Then);

impl Calls {
    /// Does what is needed.
    pub(crate) async fn run(self, need: Need, errand: Errand) -> Done {
        let answer = match &need {
            Need::Start {
                lane,
                session,
                attempt,
                tag,
                only,
            } => Ok(self
                .start(&errand, *lane, (*session, *attempt), tag, *only)
                .await),
            Need::Search {
                lane,
                session,
                attempt,
                tag,
                since,
                conclusive,
            } => Ok(self
                .search(
                    &errand,
                    *lane,
                    (*session, *attempt),
                    tag,
                    *since,
                    *conclusive,
                )
                .await),
            Need::Watch { actions } => self.watch(&errand, actions).await,
            Need::Fetch { .. } => self.fetch(&errand, &need).await,
            Need::Cancel { lane, action, .. } => Ok(self.cancel(*lane, action).await),
            Need::Machines { .. } => Ok(self.machines(&errand).await),
            // Answered by the loop itself.
            Need::Record { .. } | Need::Resolve { .. } => Ok((Vec::new(), Then::Nothing)),
        };
        match answer {
            Ok((facts, then)) => Done {
                need,
                facts,
                then,
                disk: None,
            },
            Err(error) => Done {
                need,
                facts: Vec::new(),
                then: Then::Nothing,
                disk: Some(error),
            },
        }
    }

    async fn start(
        &self,
        errand: &Errand,
        lane: LaneId,
        (session, attempt): (SessionIndex, u16),
        tag: &Tag,
        only: Option<u16>,
    ) -> Answer {
        let one = |body| vec![(Some(lane), body)];
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
        let request = self.request(lane, session, tag, only);
        let (Ok(request), Some((_, machine))) = (&request, errand.machines.first()) else {
            let why = request.err().unwrap_or_else(|| "no such machine".into());
            return (one(never_sent("NotCompiled", why)), Then::Nothing);
        };
        let unknown = |why: String| FactBody::StartUnknown {
            session,
            attempt,
            why,
        };
        match self.client.start(machine, request).await {
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
            Err(Failure::Refused(refusal)) => {
                let refusal = self.quiet(refusal);
                let body = FactBody::StartRefused {
                    session,
                    attempt,
                    refusal,
                };
                (one(body), Then::Nothing)
            }
            Err(Failure::Unknown { why, .. }) => (one(unknown(why)), Then::Nothing),
            Err(Failure::Unreachable { why }) => {
                (one(never_sent("Unreachable", why)), Then::Nothing)
            }
            Err(Failure::SignedOut(error)) => (
                one(never_sent("SignedOut", error.to_string())),
                signed_out(&error).unwrap_or(Then::Nothing),
            ),
        }
    }

    /// The body of a start, tag included.
    fn request(
        &self,
        lane: LaneId,
        session: SessionIndex,
        tag: &Tag,
        only: Option<u16>,
    ) -> Result<LiveResponseRequest, String> {
        let resolved = self
            .runbook
            .resolve(lane.0 as usize, session, &*self.shelf)
            .map_err(|problem| problem.message)?;
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

    async fn search(
        &self,
        errand: &Errand,
        lane: LaneId,
        (session, attempt): (SessionIndex, u16),
        tag: &Tag,
        since: Moment,
        conclusive: bool,
    ) -> Answer {
        let Some((_, machine)) = errand.machines.first() else {
            return (Vec::new(), Then::Again { retry_after: None });
        };
        let found = self.client.find_start(machine, tag, since).await;
        let body = match found {
            Ok(Found::Action(action)) => match ActionId::parse(&action.id) {
                Ok(action) => FactBody::StartAccepted {
                    session,
                    attempt,
                    action,
                    adopted: true,
                },
                Err(_) => return (Vec::new(), Then::Again { retry_after: None }),
            },
            Ok(Found::Nothing) if conclusive => FactBody::StartAbsent { session, attempt },
            Ok(Found::Nothing) => return (Vec::new(), Then::Again { retry_after: None }),
            Err(failure) => return (Vec::new(), again(failure)),
        };
        (vec![(Some(lane), body)], Then::Nothing)
    }

    async fn watch(
        &self,
        errand: &Errand,
        actions: &[(LaneId, ActionId)],
    ) -> Result<Answer, FolderError> {
        let ids: Vec<ActionId> = actions.iter().map(|(_, id)| id.clone()).collect();
        let oldest = errand.actions.values().map(|known| known.since).min();
        let since = oldest.unwrap_or(Moment::EPOCH);
        let listed = match self.client.actions(&ids, since).await {
            Ok(listed) => listed,
            Err(failure) => return Ok((Vec::new(), again(failure))),
        };
        let mut facts = Vec::new();
        for action in listed {
            let Ok(id) = ActionId::parse(&action.id) else {
                continue;
            };
            let Some(known) = errand.actions.get(&id) else {
                continue;
            };
            if action.status.is_final() {
                if let Some(ended) = self.ended(&id, known, action).await? {
                    facts.push((Some(known.lane), ended));
                }
            } else if action.status == ActionStatus::InProgress && !known.began {
                facts.push((Some(known.lane), FactBody::ActionBegan { action: id }));
            }
        }
        Ok((facts, Then::Watched))
    }

    /// The fact that an action has ended, after the records of its commands were written; `None`
    /// while its end is in doubt.
    async fn ended(
        &self,
        id: &ActionId,
        known: &Known,
        action: MachineAction,
    ) -> Result<Option<FactBody>, FolderError> {
        let status = action.status;
        let mut entries = action.commands.unwrap_or_default();
        if entries.is_empty() {
            // The field may be left out of a list (contract 4.2).
            if let Ok(whole) = self.client.action(id).await {
                entries = whole.commands.unwrap_or_default();
            }
        }
        let a_command_failed = entries
            .iter()
            .any(|entry| entry.command_status == CommandStatus::Failed);
        if status == ActionStatus::Failed
            && !a_command_failed
            && Patience::lasts(&self.patience.doubted, id.clone(), DOUBTS_MAX)
        {
            return Ok(None);
        }
        entries.sort_by_key(|entry| entry.index);
        let sent = entries.len();
        let mut commands = Vec::new();
        for entry in &entries {
            let Ok(index) = u16::try_from(entry.index) else {
                continue;
            };
            let error = self.error_of(entry);
            self.write_end(id, known, sent, entry, error.as_deref())?;
            commands.push(CommandEnd {
                index,
                status: entry.command_status.clone(),
                error,
            });
        }
        Ok(Some(FactBody::ActionEnded {
            action: id.clone(),
            status,
            commands,
        }))
    }

    fn error_of(&self, entry: &CommandEntry) -> Option<String> {
        let joined = entry.errors.join("; ");
        let cleaned: String = joined
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(ERROR_LETTERS_MAX)
            .collect();
        let cleaned = cleaned.trim();
        (!cleaned.is_empty()).then(|| self.shelf.secrets().mask(cleaned).into_owned())
    }

    /// The record of a command as the service leaves it; its result comes on top later.
    fn write_end(
        &self,
        id: &ActionId,
        known: &Known,
        sent: usize,
        entry: &CommandEntry,
        error: Option<&str>,
    ) -> Result<(), FolderError> {
        let Ok(index) = u16::try_from(entry.index) else {
            return Ok(());
        };
        let Some((step, verb)) = step_of(self.runbook.plan(), known, sent, index) else {
            return Ok(());
        };
        let path = self.shelf.record_path(known.lane, step, id, index);
        let Some(mut record) = self.shelf.blank(known.lane, step, verb, id, index) else {
            return Ok(());
        };
        let time = |text: &Option<String>| Moment::parse(text.as_deref()?).ok();
        record.status = entry.command_status.as_str().to_owned();
        record.started = time(&entry.start_time);
        record.ended = time(&entry.end_time);
        record.error = error.map(str::to_owned);
        self.shelf.write_lightly(&path, &record)
    }

    async fn fetch(&self, errand: &Errand, need: &Need) -> Result<Answer, FolderError> {
        let Need::Fetch {
            lane,
            session,
            action,
            index,
            step,
            conclusive,
        } = need
        else {
            return Ok((Vec::new(), Then::Nothing));
        };
        let Some((verb, source)) = self.source(errand, *lane, *session, action, *step) else {
            return self.missing(need, "internal error: it belongs to no step".to_owned());
        };
        let wanted = Wanted {
            lane: *lane,
            step: *step,
            verb,
            action: action.clone(),
            index: *index,
            source,
        };
        let got = collect(&self.client, &self.shelf, &self.runbook, self.caps, wanted).await;
        let again_soon = || Ok((Vec::new(), Then::Again { retry_after: None }));
        match got {
            Ok(collected) => {
                let body = FactBody::ResultFetched {
                    action: action.clone(),
                    index: *index,
                    result: collected.summary,
                    verdict: collected.verdict,
                };
                Ok((vec![(Some(*lane), body)], Then::Nothing))
            }
            Err(CollectError::Call(Failure::Refused(refusal)))
                if !matches!(refusal.status, 401 | 403 | 429) =>
            {
                if *conclusive {
                    let why = Failure::Refused(self.quiet(refusal)).to_string();
                    self.missing(need, why)
                } else {
                    again_soon()
                }
            }
            Err(CollectError::Call(failure)) => Ok((Vec::new(), again(failure))),
            Err(CollectError::Spoiled(why)) => {
                let key = (action.clone(), *index);
                if Patience::lasts(&self.patience.spoiled, key, SPOILED_MAX) {
                    again_soon()
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
        errand: &Errand,
        lane: LaneId,
        session: SessionIndex,
        action: &ActionId,
        step: u16,
    ) -> Option<(crate::plan::Verb, String)> {
        let plan = self.runbook.plan();
        let machine = plan.machines.get(lane.0 as usize)?;
        let commands = &machine.sessions.get(usize::from(session))?.commands;
        let known = errand.actions.get(action)?;
        let (position, index) = known.commands.iter().enumerate().find(|(_, index)| {
            commands
                .get(usize::from(**index))
                .is_some_and(|c| c.step == step)
        })?;
        let verb = commands.get(usize::from(*index))?.verb;
        let resolved = self
            .runbook
            .resolve(lane.0 as usize, session, &*self.shelf)
            .ok()?;
        let request = resolved.request?;
        let path = request.commands.get(position)?.param("Path");
        Some((verb, path.unwrap_or_default().to_owned()))
    }

    fn missing(&self, need: &Need, why: String) -> Result<Answer, FolderError> {
        let Need::Fetch {
            lane,
            action,
            index,
            step,
            ..
        } = need
        else {
            return Ok((Vec::new(), Then::Nothing));
        };
        let path = self.shelf.record_path(*lane, *step, action, *index);
        if let Some(mut record) = self.shelf.read(&path) {
            record.missing = Some(why.clone());
            self.shelf.write_lightly(&path, &record)?;
        }
        let body = FactBody::ResultMissing {
            action: action.clone(),
            index: *index,
            why,
        };
        Ok((vec![(Some(*lane), body)], Then::Nothing))
    }

    async fn cancel(&self, lane: LaneId, action: &ActionId) -> Answer {
        let answered = |status| FactBody::CancelAnswered {
            action: action.clone(),
            status,
        };
        let unknown = |why: String| FactBody::CancelUnknown {
            action: action.clone(),
            why,
        };
        let (body, then) = match self.client.cancel(action, "svar: cancelled").await {
            Ok(_) => (answered(200), Then::Nothing),
            Err(Failure::Refused(refusal)) => (answered(refusal.status), Then::Nothing),
            Err(Failure::Unknown { why, .. } | Failure::Unreachable { why }) => {
                (unknown(why), Then::Nothing)
            }
            Err(Failure::SignedOut(error)) => (
                unknown(error.to_string()),
                signed_out(&error).unwrap_or(Then::Nothing),
            ),
        };
        (vec![(Some(lane), body)], then)
    }

    async fn machines(&self, errand: &Errand) -> Answer {
        match readiness::read(&self.client, errand).await {
            Ok(facts) => (facts, Then::MachinesRead),
            Err(failure) => (Vec::new(), again(failure)),
        }
    }

    /// A refusal may quote what was sent.
    fn quiet(&self, mut refusal: Refusal) -> Refusal {
        refusal.message = self.shelf.secrets().mask(&refusal.message).into_owned();
        refusal
    }
}

/// Whether the answer to a start is really the action of that start. Sibling calls of the service
/// were seen to answer with somebody's existing action (contract 3.6).
fn accepted(action: &MachineAction, tag: &Tag) -> Result<ActionId, String> {
    let id = ActionId::parse(&action.id).map_err(|error| error.to_string())?;
    match action.requestor_comment.as_deref() {
        Some(comment) if find_tag(comment).as_ref() != Some(tag) => {
            Err(format!("the service answered with another action, {id}"))
        }
        _ => Ok(id),
    }
}

/// What a read that failed means.
fn again(failure: Failure) -> Then {
    match failure {
        Failure::Refused(ref refusal) => {
            let retry_after = failure.retry_after();
            match refusal.status {
                429 => Then::Throttled { retry_after },
                403 => Then::Forbidden {
                    why: format!("{failure}; {}", failure.next_step()),
                },
                _ => Then::Again { retry_after },
            }
        }
        Failure::Unknown { retry_after, .. } => Then::Again { retry_after },
        Failure::Unreachable { .. } => Then::Again { retry_after: None },
        Failure::SignedOut(error) => {
            signed_out(&error).unwrap_or(Then::Again { retry_after: None })
        }
    }
}

/// Waiting does not heal a wrong secret.
fn signed_out(error: &SignInError) -> Option<Then> {
    (!error.is_passing()).then(|| Then::Lost {
        why: format!("{error}; {}", error.next_step()),
    })
}
