//! What goes wrong at calls, by count or by chance under the seed.

use bytes::Bytes;

use super::super::scenario::{Call, Fault, Mishap, Scenario};
use super::chance::{Chance, Purpose};
use super::message::{Delivery, Response};
use super::refusal::Refusal;

/// The scenario's faults, with how often each was asked.
#[derive(Debug)]
pub(crate) struct Faults {
    all: Vec<(Fault, u32)>,
    chance: Chance,
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

    /// What goes wrong with this call: the first fault that fits and is due. `device` is "id name".
    pub(crate) fn strike(&mut self, call: Call, device: Option<&str>) -> Option<Mishap> {
        for (place, (fault, seen)) in self.all.iter_mut().enumerate() {
            let fits = (fault.call == call || fault.call == Call::Any)
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
                return Some(fault.what);
            }
        }
        None
    }
}

const GATEWAY_PAGE: &str = "<!DOCTYPE html><html><head><title>502 - Bad Gateway</title></head><body><h2>502 Bad Gateway</h2><hr>Gateway</body></html>";

impl Mishap {
    /// The answer, if the call is not to be done at all.
    pub(crate) fn instead(self, correlation: impl FnOnce() -> uuid::Uuid) -> Option<Response> {
        let refusal = match self {
            Mishap::Unauthorized => Refusal::new(401, "Unauthorized", "The token is not valid."),
            Mishap::Forbidden => {
                Refusal::new(403, "Forbidden", "Not allowed, for the rehearsal's sake.")
            }
            Mishap::NotFound => Refusal::not_found("Not found, for the rehearsal's sake."),
            Mishap::Throttled => {
                Refusal::too_many("Too many calls, for the rehearsal's sake.", Some(5))
            }
            Mishap::ThrottledSilently => {
                Refusal::too_many("Too many calls, for the rehearsal's sake.", None)
            }
            Mishap::ErrorBefore => Refusal::new(500, "InternalServerError", ""),
            Mishap::QueryRefused => {
                Refusal::query("The query is not supported, for the rehearsal's sake.")
            }
            Mishap::GatewayBefore => return Some(gateway()),
            Mishap::UnavailableBefore => return Some(Response::empty(503)),
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
        match self {
            Mishap::ErrorAfter => {
                Refusal::new(500, "InternalServerError", "").answer(correlation())
            }
            Mishap::GatewayAfter => gateway(),
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
                response.delivery = Delivery::Slow;
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
            _ => response,
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
