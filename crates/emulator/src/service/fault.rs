//! What goes wrong at calls, by count or by chance under the seed.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use svar_wire::Moment;

use super::super::fault::{Call, Fault, Mishap};
use super::super::scenario::Scenario;
use super::chance::{Chance, Purpose};
use super::core::Service;
use super::message::{Delivery, Response};
use super::refusal::{Refusal, RetryAfter};
use super::spoil::spoiled;

/// The scenario's faults, with how often each was asked.
#[derive(Debug)]
pub(crate) struct Faults {
    all: Vec<(Fault, u32)>,
    chance: Chance,
}

/// A fault that is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Struck {
    what: Mishap,
    delay: Option<Duration>,
}

impl Faults {
    pub(crate) fn of(scenario: &Scenario, chance: Chance) -> Self {
        Faults {
            all: scenario
                .faults
                .iter()
                .map(|fault| (fault.clone(), 0))
                .collect(),
            chance,
        }
    }

    /// Whether it matters to any fault which device a call is about.
    pub(crate) fn ask_for_devices(&self) -> bool {
        self.all.iter().any(|(fault, _)| fault.device.is_some())
    }

    /// What goes wrong with this call: the first fault that fits and is due. `device` is "id name".
    pub(crate) fn strike(&mut self, call: Call, device: Option<&str>) -> Option<Struck> {
        for (place, (fault, seen)) in self.all.iter_mut().enumerate() {
            let fits = (fault.call == call || fault.call == Call::Any && fault.what.fits(call))
                && fault.device.as_deref().is_none_or(|wanted| {
                    device.is_some_and(|known| {
                        known
                            .split(' ')
                            .any(|part| part.eq_ignore_ascii_case(wanted))
                    })
                });
            if !fits {
                continue;
            }
            *seen = seen.saturating_add(1);
            let number = *seen;
            let due = number > fault.after
                && match fault.chance {
                    Some(chance) => {
                        let key = [place as u64, u64::from(number)];
                        self.chance.place(Purpose::Fault, &key) < chance
                    }
                    None => number - fault.after <= fault.times,
                };
            if due {
                return Some(Struck {
                    what: fault.what,
                    delay: fault.delay.map(|delay| delay.0),
                });
            }
        }
        None
    }
}

const GATEWAY_PAGE: &str = "<!DOCTYPE html><html><head><title>502 - Bad Gateway</title></head><body><h2>502 Bad Gateway</h2><hr>Gateway</body></html>";
const SIGN_IN_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>This network wants you to sign in.</form></body></html>";

impl Struck {
    /// How long, where nothing is said.
    fn delay(&self) -> Duration {
        self.delay.unwrap_or(Duration::from_secs(match self.what {
            Mishap::Throttled | Mishap::ThrottledUntil => 5,
            Mishap::Slow => 1,
            Mishap::Late => 120,
            _ => 0,
        }))
    }

    /// The answer, if the call is not to be done at all.
    pub(crate) fn instead(
        self,
        now: Moment,
        correlation: impl FnOnce() -> uuid::Uuid,
    ) -> Option<Response> {
        let too_many = |wait| Refusal {
            retry_after: wait,
            ..Refusal::too_many("Too many calls, for the rehearsal's sake.", None)
        };
        let refusal = match self.what {
            Mishap::Unauthorized => Refusal::new(401, "Unauthorized", "The token is not valid."),
            Mishap::Forbidden => {
                Refusal::new(403, "Forbidden", "Not allowed, for the rehearsal's sake.")
            }
            Mishap::NotFound => Refusal::not_found("Not found, for the rehearsal's sake."),
            Mishap::Busy => Refusal::new(
                400,
                "ActiveRequestAlreadyExists",
                "Action is already in progress",
            ),
            Mishap::Throttled => {
                let seconds = self.delay().as_millis().div_ceil(1000);
                too_many(Some(RetryAfter::Seconds(
                    u64::try_from(seconds).unwrap_or(u64::MAX),
                )))
            }
            Mishap::ThrottledUntil => too_many(Some(RetryAfter::Date(now + self.delay()))),
            Mishap::ThrottledSilently => too_many(None),
            Mishap::ErrorBefore => Refusal::new(500, "InternalServerError", ""),
            Mishap::QueryRefused => {
                Refusal::query("The query is not supported, for the rehearsal's sake.")
            }
            Mishap::GatewayBefore => return Some(gateway()),
            Mishap::UnavailableBefore => return Some(Response::empty(503)),
            Mishap::EmptyBefore => return Some(Response::empty(200)),
            Mishap::PageBefore => return Some(Response::text(200, "text/html", SIGN_IN_PAGE)),
            Mishap::DropBefore => return Some(dropped()),
            _ => return None,
        };
        Some(refusal.answer(correlation()))
    }

    /// What becomes of the answer of a call that was done.
    pub(crate) fn after(
        self,
        mut response: Response,
        correlation: impl FnOnce() -> uuid::Uuid,
    ) -> Response {
        match self.what {
            Mishap::ErrorAfter => {
                Refusal::new(500, "InternalServerError", "").answer(correlation())
            }
            Mishap::GatewayAfter => gateway(),
            Mishap::UnavailableAfter => Response::empty(503),
            Mishap::EmptyAfter => Response::empty(response.status),
            Mishap::DropAfter => dropped(),
            Mishap::ErrorInside => {
                let refusal = Refusal::new(200, "InternalServerError", "Temporary server error.");
                Response {
                    status: response.status,
                    ..refusal.answer(correlation())
                }
            }
            Mishap::Truncated => {
                response.delivery = Delivery::Truncated;
                response
            }
            Mishap::Slow => {
                response.delivery = Delivery::Slow(self.delay());
                response
            }
            Mishap::Garbled => {
                let mut body = response.body.to_vec();
                for byte in body.iter_mut().take(4) {
                    *byte ^= 0x5A;
                }
                response.body = Bytes::from(body);
                response
            }
            what => {
                if let Some(body) = spoiled(what, response.status, &response.body) {
                    response.body = body;
                }
                response
            }
        }
    }
}

impl Service {
    /// What a mishap does to the service itself, once the call was done. `actions_before` tells
    /// whether the call made an action: it is the last one then.
    pub(super) fn suffer(&mut self, struck: Struck, actions_before: usize, response: &Response) {
        let until = self.now + struck.delay();
        let made = self.actions.all.len() > actions_before;
        if struck.what == Mishap::Late && made {
            let place = u32::try_from(self.actions.all.len() - 1).unwrap_or(u32::MAX);
            self.actions.make_late(place, until, self.now);
            return;
        }
        let action = self.actions.all.get_mut(actions_before..);
        let action = action.and_then(<[_]>::last_mut);
        match (struck.what, action) {
            (Mishap::Flapping, Some(action)) => action.is_flapping = true,
            (Mishap::Overwritten, Some(action)) => {
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
                    self.schedule_overwrite(struck.delay(), name);
                }
            }
            (Mishap::Overwritten, None) if response.status == 200 => {
                // An upload: the answer names the file.
                let entity: Value = serde_json::from_slice(&response.body).unwrap_or_default();
                if let Some(name) = entity["fileName"].as_str() {
                    self.schedule_overwrite(struck.delay(), name.to_owned());
                }
            }
            _ => {}
        }
    }
}

fn gateway() -> Response {
    Response::text(502, "text/html", GATEWAY_PAGE)
}

fn dropped() -> Response {
    Response {
        delivery: Delivery::Dropped,
        ..Response::empty(502)
    }
}
