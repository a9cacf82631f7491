//! Turns the outcome of a call into facts and follow-up work.

use std::time::Duration;

use svar_engine::{DeviceIndex, Endpoint, FactBody, Need, SessionIndex};
use svar_wire::Moment;

use super::calls::{Answer, AnsweredNeed, FollowUp, NewFact, Reach};
use super::drive::Drive;
use super::interface::{DriveError, Observer};

/// Pause after a throttled call whose answer names no pause.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Maximum time for which a run waits only for the machine list while every read of it fails.
const LIST_FAILURES_TOLERATED_FOR: Duration = Duration::from_secs(30 * 60);

/// Pause after each refusal.
const REFUSAL_PAUSE: Duration = Duration::from_secs(60);

/// Maximum time for which refusals for lack of a permission are tolerated. A newly granted
/// permission takes effect after about a minute, so one refusal may pass (API notes 12, quirk 35).
const REFUSALS_TOLERATED_FOR: Duration = Duration::from_secs(60);

/// Maximum time for which rejections of fresh tokens are tolerated if the service has accepted a
/// token of this process before (our choice): long enough for an outage of the service, but not a
/// whole night.
const REJECTIONS_TOLERATED_FOR: Duration = Duration::from_secs(30 * 60);

impl Drive {
    pub(super) fn handle_answer(
        &mut self,
        answered: AnsweredNeed,
        observer: &mut dyn Observer,
    ) -> Result<(), DriveError> {
        let AnsweredNeed {
            need,
            answer,
            calls,
        } = answered;
        if matches!(need, Need::Fetch { .. }) {
            self.fetches -= 1;
        }
        let Answer { facts, follow_up } = answer?;
        let endpoint = need.endpoint();
        if let Some(endpoint) = endpoint
            && !matches!(
                follow_up,
                FollowUp::Refused { .. } | FollowUp::Rejected { .. }
            )
        {
            self.refused_since.remove(&endpoint);
        }
        for NewFact { device, body } in facts {
            let body = self.check_owner(body);
            self.record_fact(device, body)?;
        }
        let now = self.clock.now();
        // A list may come in pages, and each page is a call. Starts are counted by the engine
        // itself.
        if let Some(endpoint) = endpoint.filter(|endpoint| *endpoint != Endpoint::Starts) {
            let extra_calls = calls.saturating_sub(1);
            self.fleet.count_calls(now, endpoint, extra_calls);
            if self.budget.is_some() {
                self.extra_calls.extend((0..extra_calls).map(|_| endpoint));
            }
        }
        let is_list = matches!(need, Need::Devices { .. });
        match follow_up {
            FollowUp::None => {}
            FollowUp::Watched => {
                self.token_accepted = true;
                self.fleet.watched(now);
            }
            FollowUp::DevicesRead => {
                self.token_accepted = true;
                self.list_failing_since = None;
                self.fleet.devices_read(now);
            }
            FollowUp::NotYet => self.fleet.read_failed(now, &need, None),
            FollowUp::Retry {
                why,
                retry_after,
                reach,
            } => {
                observer.on_retry(now, &why);
                self.fleet.read_failed(now, &need, retry_after);
                if is_list && reach == Reach::Service {
                    self.list_failed(now, &why)?;
                }
            }
            FollowUp::Throttled { retry_after } => {
                if is_list {
                    self.list_failed(now, "the service throttles it")?;
                }
                if let Some(endpoint) = endpoint {
                    let until = now + retry_after.unwrap_or(DEFAULT_RETRY_AFTER);
                    self.record_fact(None, FactBody::RateLimited { endpoint, until })?;
                }
                self.fleet.read_failed(now, &need, retry_after);
            }
            FollowUp::Refused { why } => {
                self.refused(&need, why, REFUSALS_TOLERATED_FOR, observer)?
            }
            FollowUp::Rejected { why } if self.token_accepted => {
                self.refused(&need, why, REJECTIONS_TOLERATED_FOR, observer)?;
            }
            FollowUp::Rejected { why } => self.record_fact(None, FactBody::TenantLost { why })?,
            FollowUp::Lost { why } => self.record_fact(None, FactBody::TenantLost { why })?,
        }
        Ok(())
    }

    /// Handles a refusal by the tenant. Ends the run if the refusals have lasted for `tolerance`.
    fn refused(
        &mut self,
        need: &Need,
        why: String,
        tolerance: Duration,
        observer: &mut dyn Observer,
    ) -> Result<(), DriveError> {
        let Some(endpoint) = need.endpoint() else {
            return Ok(());
        };
        let now = self.clock.now();
        let since = *self.refused_since.entry(endpoint).or_insert(now);
        if now.since(since) >= tolerance {
            return self.record_fact(None, FactBody::TenantLost { why });
        }
        observer.on_retry(now, &why);
        self.fleet.read_failed(now, need, Some(REFUSAL_PAUSE));
        Ok(())
    }

    /// Handles a failed read of the machine list. A run that waits for nothing else ends after a
    /// while and can be resumed later: starting devices whose state is unknown would also reach
    /// devices that the playbook is not for.
    fn list_failed(&mut self, now: Moment, why: &str) -> Result<(), DriveError> {
        let since = *self.list_failing_since.get_or_insert(now);
        if now.since(since) >= LIST_FAILURES_TOLERATED_FOR && self.fleet.waits_for_device_list() {
            let why = format!("the machine list could not be read for 30 minutes: {why}");
            self.record_fact(None, FactBody::TenantLost { why })?;
        }
        Ok(())
    }

    /// Replaces the acceptance of a start by an unknown outcome if it names an action of another
    /// start (API notes 3.6). A search by tag then settles it.
    fn check_owner(&self, body: FactBody) -> FactBody {
        match body {
            FactBody::StartAccepted {
                session,
                attempt,
                action,
                ..
            } if self.memory.knows(&action) => FactBody::StartUnknown {
                session,
                attempt,
                why: format!("the service answered with an earlier action, {action}"),
            },
            other => other,
        }
    }

    pub(super) fn resolve(
        &mut self,
        device: DeviceIndex,
        session: SessionIndex,
    ) -> Result<(), DriveError> {
        let resolved = self.compiled.resolve(device, session, &*self.records);
        let body = match resolved {
            Ok(resolved) => FactBody::SessionResolved {
                session,
                commands: resolved.commands,
            },
            Err(unresolvable) => FactBody::SessionUnresolvable {
                session,
                step: unresolvable.step,
                why: (self.compiled.plan().secrets)
                    .mask(&unresolvable.problem.message)
                    .into_owned(),
            },
        };
        self.record_fact(Some(device), body)
    }
}
