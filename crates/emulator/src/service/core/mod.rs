//! The state of the service, and the checks that every call passes.

pub(super) mod fault;
pub(super) mod library;
pub(super) mod link;
pub(super) mod reads;
pub(super) mod start;
pub(super) mod storage;
pub(super) mod timeline;

use std::cell::Cell;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use svar_wire::Moment;

use self::fault::{DeviceNames, Faults, TriggeredFault};
use self::library::Library;
use self::timeline::Timeline;
use super::super::device::{CommandOutcome, Work};
use super::super::scenario::Scenario;
use super::super::settings::Settings;
use super::actions::Actions;
use super::ledger::{Ledger, LedgerEntry};
use super::machines::Machines;
use super::message::{Request, Response};
use super::other_users::OtherUsers;
use super::random::{Purpose, SeededRandom, guid};
use super::rate_limiter::RateLimiter;
use super::refusal::Refusal;
use super::route::Route;
use super::timestamp::http_date;
use super::token::{Identity, Key, TokenCache, TokenIssuer};

/// The service as a state machine.
pub struct Service {
    scenario: Arc<Scenario>,
    settings: Settings,
    random: SeededRandom,
    key: Key,
    /// The time at which the service began, which is the zero of the scenario's times.
    started: Moment,
    /// The latest time that the service was given. It never goes back.
    now: Moment,
    machines: Machines,
    actions: Actions,
    library: Library,
    rate_limiter: RateLimiter,
    other_users: OtherUsers,
    faults: Faults,
    timeline: Timeline,
    ledger: Ledger,
    /// The applications' names, by index.
    requestors: Vec<Arc<str>>,
    token_cache: TokenCache,
    /// The number of entries that all list calls so far have read.
    examined: Cell<u64>,
    /// The number of calls so far, which is the key of correlation ids.
    calls: u64,
    /// The number of tokens issued so far, which is the key of token ids.
    tokens: u64,
    date: DateHeader,
}

/// The last value of the `Date` header.
#[derive(Debug, Default)]
struct DateHeader {
    /// The second since 1970; `None` before the first request.
    second: Option<i64>,
    text: String,
}

impl Service {
    /// Creates the service at the beginning of a scenario. `seed` is usually the scenario's own.
    pub fn new(scenario: impl Into<Arc<Scenario>>, seed: u64, now: Moment) -> Self {
        let scenario = scenario.into();
        let random = SeededRandom(seed);
        let settings = scenario.settings();
        let now = service_time(&settings, now);
        let key = Sha256::new()
            .chain_update(b"svar emulator key")
            .chain_update(seed.to_le_bytes())
            .finalize()
            .into();
        let other_users = OtherUsers::new(&scenario, settings.rate_window, now);
        let mut service = Service {
            settings,
            random,
            key,
            started: now,
            now,
            machines: Machines::new(&scenario, random),
            actions: Actions::default(),
            library: Library::new(&scenario, now),
            rate_limiter: RateLimiter::default(),
            other_users,
            faults: Faults::new(&scenario, random),
            timeline: Timeline::default(),
            ledger: Ledger::default(),
            requestors: scenario
                .apps
                .iter()
                .map(|app| app.name.as_str().into())
                .collect(),
            token_cache: TokenCache::default(),
            examined: Cell::new(0),
            calls: 0,
            tokens: 0,
            date: DateHeader::default(),
            scenario,
        };
        service.schedule_restarts();
        service
    }

    /// Replaces the key that signs tokens and links. The default key is derived from the seed; a
    /// service that others can reach needs a key that can't be computed.
    #[must_use]
    pub(crate) fn with_key(mut self, key: [u8; 32]) -> Self {
        self.key = key;
        self
    }

    /// Answers a request at `now`. The time never goes back: an earlier `now` counts as the latest
    /// one.
    pub fn handle(&mut self, now: Moment, request: &Request) -> Response {
        self.advance_to(service_time(&self.settings, now));
        self.calls += 1;
        let route = Route::of(&request.method, &request.path);
        let fault = route.call().and_then(|call| {
            let device = if self.faults.depend_on_devices() {
                self.machine_of(&route)
            } else {
                None
            };
            let names = device.map(|machine| {
                let machine = self.machines.get(machine);
                DeviceNames {
                    id: &machine.id,
                    name: &machine.name,
                }
            });
            self.faults.trigger(call, names.as_ref())
        });
        let instead = fault.and_then(|triggered| {
            triggered.response_instead_of_call(self.now, || self.correlation())
        });
        let mut response = match instead {
            Some(response) => response,
            None => self.execute(&route, request, fault),
        };
        if request.method.eq_ignore_ascii_case("HEAD") {
            response.remove_body();
        }
        response.headers.push(("date", self.date()));
        response
    }

    /// Executes a call, and applies the fault to the service and to the answer.
    fn execute(
        &mut self,
        route: &Route,
        request: &Request,
        fault: Option<TriggeredFault>,
    ) -> Response {
        let actions_before = self.actions.len();
        let response = self
            .answer(route, request)
            .unwrap_or_else(|refusal| refusal.answer(self.correlation()));
        let Some(triggered) = fault else {
            return response;
        };
        self.apply_side_effects(triggered, actions_before, &response);
        triggered.apply_to_response(response, || self.correlation())
    }

    /// Advances the time to `now` and returns the work that devices have to begin.
    pub fn advance(&mut self, now: Moment) -> Vec<Work> {
        self.advance_to(service_time(&self.settings, now));
        self.timeline.take_work()
    }

    /// Accepts the outcome of the work with that number. Unknown numbers are ignored.
    pub fn finished(&mut self, now: Moment, work: u64, outcome: CommandOutcome) {
        self.advance_to(service_time(&self.settings, now));
        self.command_finished(work, outcome);
    }

    /// Returns the time at which [`Service::advance`] has to be called, unless the service is
    /// called before.
    pub fn next_wake(&self) -> Option<Moment> {
        self.timeline.next_wake().map(|at| self.real_time(at))
    }

    /// Returns the real time at which the service's own clock shows `at`.
    fn real_time(&self, at: Moment) -> Moment {
        at + self.settings.clock_behind.0 - self.settings.clock_ahead.0
    }

    /// Returns the value of the `Date` header, which is formatted once a second.
    fn date(&mut self) -> String {
        let second = self.now.millis().div_euclid(1000);
        if self.date.second != Some(second) {
            self.date = DateHeader {
                second: Some(second),
                text: http_date(self.now),
            };
        }
        self.date.text.clone()
    }

    /// Returns everything that was actually done so far, oldest first.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.ledger.entries(&self.actions, &self.machines)
    }

    /// Returns an access token of the scenario's first application, as the token endpoint would issue it
    /// at `now`.
    ///
    /// # Panics
    /// The scenario has no application.
    pub fn issue_token(&mut self, now: Moment) -> String {
        self.advance_to(service_time(&self.settings, now));
        self.token_issuer().token_of(0)
    }

    /// Returns the ledger's entries from that index on, counted from 0, as lines of JSON.
    pub fn ledger_lines(&self, from: usize) -> Vec<String> {
        self.ledger.lines_from(from, &self.actions, &self.machines)
    }

    /// Returns the number of entries that all list calls so far have read: a measure of their work that
    /// does not depend on the computer.
    pub fn rows_examined(&self) -> u64 {
        self.examined.get()
    }

    /// Returns the scenario.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// Returns the issuer of the next token.
    fn token_issuer(&mut self) -> TokenIssuer<'_> {
        self.tokens += 1;
        TokenIssuer {
            scenario: &self.scenario,
            key: &self.key,
            now: self.now,
            started: self.started,
            settings: &self.settings,
            number: self.random.bits(Purpose::TokenId, &[self.tokens]),
        }
    }

    /// Answers a request without faults.
    fn answer(&mut self, route: &Route, request: &Request) -> Result<Response, Refusal> {
        match route {
            Route::Token { tenant, version } => {
                let issuer = self.token_issuer();
                return Ok(issuer.issue(request, tenant, *version));
            }
            Route::Blob { action, name } => return Ok(self.blob(request, action, name)),
            Route::Ledger => {
                let (actions, machines) = (&self.actions, &self.machines);
                return (self.ledger).answer(request, actions, machines, &self.examined);
            }
            Route::Clock => {
                return Ok(Response::json(
                    200,
                    &serde_json::json!({
                        "now": self.real_time(self.now).to_string(),
                        "factor": self.scenario.factor,
                    }),
                ));
            }
            Route::WrongMethod { allow } => {
                return Err(Refusal {
                    allow: Some(allow.clone()),
                    ..Refusal::new(405, "BadRequest", "The path does not support this method.")
                });
            }
            Route::Unknown => {
                return Err(Refusal::new(404, "NotFound", "There is no such path."));
            }
            _ => {}
        }
        let identity = self
            .token_cache
            .check(&self.scenario, &self.key, self.now, request)?;
        self.check_role(route, &identity)?;
        if let Route::Start { machine } = route {
            // The rate limit is checked last: a start that is refused for another reason does not
            // count.
            return self.start(&identity, machine, request);
        }
        if let Some(call) = route.call() {
            let others = self.other_users.calls(call, self.now);
            self.rate_limiter
                .count(self.now, identity.app, call, &self.settings, others)?;
        }
        match route {
            Route::MachineList => self.machine_list(request),
            Route::MachineGet { key } => self.machine_get(key),
            Route::FindByTag => self.find_by_tag(request),
            Route::ActionList => self.action_list(request),
            Route::ActionGet { id } => self.action_get(id),
            Route::Cancel { id } => self.cancel(&identity, id, request),
            Route::Link { id, index } => self.link(request, id, index),
            Route::LibraryList => Ok(self.library_list()),
            Route::LibraryUpload => self.library_upload(&identity, request),
            Route::LibraryDelete { name } => self.library_delete(name),
            Route::Hunt => self.hunt(request),
            _ => Err(Refusal::new(404, "NotFound", "There is no such path.")),
        }
    }

    /// Checks the permissions table (API notes 2.4): one of the listed roles is needed.
    fn check_role(&self, route: &Route, identity: &Identity) -> Result<(), Refusal> {
        const CANCEL: [&str; 7] = [
            "Machine.CollectForensics",
            "Machine.Isolate",
            "Machine.RestrictExecution",
            "Machine.Scan",
            "Machine.Offboard",
            "Machine.StopAndQuarantine",
            "Machine.LiveResponse",
        ];
        const READ: [&str; 2] = ["Machine.ReadWrite.All", "Machine.Read.All"];
        let strict_read = if self.settings.read_role_is_enough {
            &READ
        } else {
            &READ[..1]
        };
        let required: &[&str] = match route {
            Route::Start { .. } => &["Machine.LiveResponse"],
            Route::ActionList | Route::ActionGet { .. } | Route::Link { .. } => strict_read,
            Route::MachineGet { .. } => strict_read,
            Route::MachineList | Route::FindByTag => &READ,
            Route::Cancel { .. } => &CANCEL,
            Route::LibraryList | Route::LibraryUpload | Route::LibraryDelete { .. } => {
                &["Library.Manage"]
            }
            Route::Hunt => &["AdvancedQuery.Read.All"],
            _ => return Ok(()),
        };
        if identity
            .roles
            .iter()
            .any(|role| required.contains(&role.as_str()))
        {
            return Ok(());
        }
        Err(Refusal::new(
            403,
            "Forbidden",
            format!(
                "The application does not have any of the required application permissions. API required roles: {}, application roles: {}.",
                required.join(", "),
                identity.roles.join(", ")
            ),
        ))
    }

    /// Returns the index of the device that a call is about.
    fn machine_of(&self, route: &Route) -> Option<u32> {
        match route {
            Route::Start { machine } => self.find_start_machine(machine),
            Route::MachineGet { key } => self.machines.find_by_id_or_name(key),
            Route::ActionGet { id: action }
            | Route::Cancel { id: action }
            | Route::Link { id: action, .. }
            | Route::Blob { action, .. } => {
                let action = self.actions.find(action)?;
                Some(self.actions.get(action).machine)
            }
            _ => None,
        }
    }

    /// Returns the correlation id of this call, which a user would quote to support.
    fn correlation(&self) -> uuid::Uuid {
        guid(self.random.bits_128(Purpose::Correlation, &[self.calls]))
    }

    /// Returns the `@odata.context` of an answer. On purpose, its host is not the one that was
    /// called (API notes 2.1).
    fn context(&self, what: &str) -> String {
        format!(
            "https://{}/api/$metadata#{what}",
            self.settings.context_host
        )
    }

    /// Returns the address that the client used, for links that lead back to it.
    fn origin(request: &Request) -> String {
        let is_valid = |host: &&str| {
            !host.is_empty()
                && host.len() <= 255
                && host.bytes().all(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']')
                })
        };
        let host = request
            .header_value("host")
            .filter(is_valid)
            .unwrap_or("localhost");
        format!("http://{host}")
    }
}

/// Returns the time of the service's own clock at a given real time. Everything within the service
/// uses this clock.
fn service_time(settings: &Settings, now: Moment) -> Moment {
    now + settings.clock_ahead.0 - settings.clock_behind.0
}
