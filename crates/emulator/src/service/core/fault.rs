//! Applies the scenario's faults to calls, by count or by probability under the seed.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use svar_wire::Moment;

use super::Service;
use crate::fault::{Call, Fault, FaultKind};
use crate::scenario::Scenario;
use crate::service::corrupt_gzip::corrupt;
use crate::service::index_set::to_index;
use crate::service::message::{Delivery, Response};
use crate::service::random::{Purpose, SeededRandom};
use crate::service::refusal::{Refusal, RetryAfter};

/// The scenario's faults.
#[derive(Debug)]
pub(crate) struct Faults {
    all: Vec<CountedFault>,
    random: SeededRandom,
}

/// A fault with the number of calls it has matched.
#[derive(Debug)]
struct CountedFault {
    fault: Fault,
    matched: u32,
}

/// The id and the full name of the device that a call is about.
#[derive(Debug)]
pub(crate) struct DeviceNames<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
}

/// A fault that is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TriggeredFault {
    kind: FaultKind,
    delay: Option<Duration>,
}

impl Faults {
    /// Creates the faults of a scenario.
    pub(crate) fn new(scenario: &Scenario, random: SeededRandom) -> Self {
        Faults {
            all: scenario
                .faults
                .iter()
                .map(|fault| CountedFault {
                    fault: fault.clone(),
                    matched: 0,
                })
                .collect(),
            random,
        }
    }

    /// Returns whether any fault depends on the device that a call is about.
    pub(crate) fn depend_on_devices(&self) -> bool {
        self.all
            .iter()
            .any(|counted| counted.fault.device.is_some())
    }

    /// Counts a call, and returns the first fault that matches it and is due.
    pub(crate) fn trigger(
        &mut self,
        call: Call,
        device: Option<&DeviceNames<'_>>,
    ) -> Option<TriggeredFault> {
        for (index, CountedFault { fault, matched }) in self.all.iter_mut().enumerate() {
            let fits = (fault.call == call || fault.call == Call::Any && fault.kind.fits(call))
                && fault.device.as_deref().is_none_or(|wanted| {
                    device.is_some_and(|device| {
                        device.id.eq_ignore_ascii_case(wanted)
                            || device.name.eq_ignore_ascii_case(wanted)
                    })
                });
            if !fits {
                continue;
            }
            *matched = matched.saturating_add(1);
            let number = *matched;
            let is_due = number > fault.after
                && match fault.probability {
                    Some(probability) => {
                        let key = [index as u64, u64::from(number)];
                        self.random.fraction(Purpose::Fault, &key) < probability
                    }
                    None => number - fault.after <= fault.times,
                };
            if is_due {
                return Some(TriggeredFault {
                    kind: fault.kind,
                    delay: fault.delay.map(|delay| delay.0),
                });
            }
        }
        None
    }
}

const GATEWAY_PAGE: &str = "<!DOCTYPE html><html><head><title>502 - Bad Gateway</title></head><body><h2>502 Bad Gateway</h2><hr>Gateway</body></html>";
const SIGN_IN_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>This network wants you to sign in.</form></body></html>";

impl TriggeredFault {
    /// Returns the fault's delay, or the default of its kind.
    fn delay(&self) -> Duration {
        self.delay.unwrap_or(Duration::from_secs(match self.kind {
            FaultKind::Throttled | FaultKind::ThrottledWithDate => 5,
            FaultKind::Slow => 1,
            FaultKind::DelayedVisibility => 120,
            _ => 0,
        }))
    }

    /// Returns the answer if the fault keeps the call from being executed, or `None` if it does not.
    pub(crate) fn response_instead_of_call(
        self,
        now: Moment,
        correlation: impl FnOnce() -> uuid::Uuid,
    ) -> Option<Response> {
        let too_many = |wait| Refusal {
            retry_after: wait,
            ..Refusal::too_many("Too many calls (injected fault).", None)
        };
        let refusal = match self.kind {
            FaultKind::Unauthorized => Refusal::new(401, "Unauthorized", "The token is not valid."),
            FaultKind::Forbidden => Refusal::new(403, "Forbidden", "Not allowed (injected fault)."),
            FaultKind::NotFound => Refusal::not_found("Not found (injected fault)."),
            FaultKind::Busy => Refusal::new(
                400,
                "ActiveRequestAlreadyExists",
                "Action is already in progress",
            ),
            FaultKind::Throttled => too_many(Some(RetryAfter::Seconds(rounded_up(self.delay())))),
            FaultKind::ThrottledWithDate => too_many(Some(RetryAfter::Date(now + self.delay()))),
            FaultKind::ThrottledWithoutRetryAfter => too_many(None),
            FaultKind::ServerError => Refusal::new(500, "InternalServerError", ""),
            FaultKind::QueryRejected => {
                Refusal::query("The query is not supported (injected fault).")
            }
            FaultKind::BadGateway => return Some(gateway()),
            FaultKind::Unavailable => return Some(Response::empty(503)),
            FaultKind::EmptyBody => return Some(Response::empty(200)),
            FaultKind::LoginPage => return Some(Response::text(200, "text/html", SIGN_IN_PAGE)),
            FaultKind::DropRequest => return Some(dropped()),
            _ => return None,
        };
        Some(refusal.answer(correlation()))
    }

    /// Applies the fault to the answer of a call that was executed.
    pub(crate) fn apply_to_response(
        self,
        mut response: Response,
        correlation: impl FnOnce() -> uuid::Uuid,
    ) -> Response {
        match self.kind {
            FaultKind::ServerErrorAfterSuccess => {
                Refusal::new(500, "InternalServerError", "").answer(correlation())
            }
            FaultKind::BadGatewayAfterSuccess => gateway(),
            FaultKind::UnavailableAfterSuccess => Response::empty(503),
            FaultKind::EmptyBodyAfterSuccess => Response::empty(response.status),
            FaultKind::DropResponse => dropped(),
            FaultKind::ErrorInBody => {
                let refusal = Refusal::new(200, "InternalServerError", "Temporary server error.");
                Response {
                    status: response.status,
                    ..refusal.answer(correlation())
                }
            }
            FaultKind::Truncated => {
                response.delivery = Delivery::Truncated;
                response
            }
            FaultKind::Slow => {
                response.delivery = Delivery::Slow(self.delay());
                response
            }
            FaultKind::Corrupted => {
                let mut body = response.body.to_vec();
                for byte in body.iter_mut().take(4) {
                    *byte ^= 0x5A;
                }
                response.body = Bytes::from(body);
                response
            }
            kind => {
                if let Some(body) = corrupt(kind, response.status, &response.body) {
                    response.body = body;
                }
                response
            }
        }
    }
}

impl Service {
    /// Applies the fault's effects on the service itself, after the call was executed.
    /// `actions_before` is the number of actions before the call. If there are more now, the call
    /// has created the last one.
    pub(crate) fn apply_side_effects(
        &mut self,
        triggered: TriggeredFault,
        actions_before: usize,
        response: &Response,
    ) {
        let until = self.now + triggered.delay();
        let has_created_action = self.actions.len() > actions_before;
        if triggered.kind == FaultKind::DelayedVisibility && has_created_action {
            let action = to_index(self.actions.len() - 1);
            self.actions.hide_until(action, until, self.now);
            return;
        }
        let created = has_created_action.then(|| to_index(self.actions.len() - 1));
        let action = created.map(|action| self.actions.get_mut(action));
        match (triggered.kind, action) {
            (FaultKind::Flapping, Some(action)) => action.is_flapping = true,
            (FaultKind::LibraryFileReplaced, Some(action)) => {
                let mut names: Vec<String> = action
                    .commands
                    .iter()
                    .filter_map(|record| {
                        let command = &record.command;
                        command.param("FileName").or(command.param("ScriptName"))
                    })
                    .map(str::to_owned)
                    .collect();
                names.sort();
                names.dedup();
                for name in names {
                    self.schedule_overwrite(triggered.delay(), name);
                }
            }
            (FaultKind::LibraryFileReplaced, None) if response.status == 200 => {
                // The answer to an upload names the file. Other answers name none.
                let entity: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
                if let Some(name) = entity["fileName"].as_str() {
                    self.schedule_overwrite(triggered.delay(), name.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// Returns the answer of a gateway.
fn gateway() -> Response {
    Response::text(502, "text/html", GATEWAY_PAGE)
}

/// Rounds a delay up to whole seconds.
fn rounded_up(delay: Duration) -> u64 {
    let has_fraction = !delay.as_millis().is_multiple_of(1000);
    delay.as_secs() + u64::from(has_fraction)
}

/// Returns the answer that closes the connection.
fn dropped() -> Response {
    Response {
        delivery: Delivery::Dropped,
        ..Response::empty(502)
    }
}
