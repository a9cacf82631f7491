//! The network between a run and the emulator's service, in virtual time: letters take their time,
//! and some are lost on the way there or back.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use svar::driver::client::{
    self, BodyError, ResponseBody, ResponseFuture, Transport, TransportError,
};
use svar_emulator::{Delivery, InMemoryDevices, Request, Response, Scenario, Service};
use svar_wire::Moment;

/// Where the service seems to be. A loopback address, so that plain http is allowed.
pub(crate) const ROOT: &str = "http://127.0.0.1:9";

/// After so long the client's own limit ends a call (`Timeouts::default`).
const CALL_LIMIT: Duration = Duration::from_secs(100);

/// Numbers that follow from a seed alone (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both in.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    pub(crate) fn permille(&mut self, share: u64) -> bool {
        self.next() % 1_000 < share
    }

    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.permille(share * 10)
    }

    pub(crate) fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[(self.next() % among.len() as u64) as usize].clone()
    }

    pub(crate) fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }
}

/// How letters fare. Shares are of a thousand.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// Milliseconds one way.
    pub(crate) latency: (u64, u64),
    /// No connection stands.
    pub(crate) unreachable: u64,
    /// It crawls: the client has given it up when, or before, it arrives.
    pub(crate) crawling: u64,
}

impl Weather {
    /// A quiet day.
    pub(crate) const FAIR: Weather = Weather {
        latency: (20, 120),
        unreachable: 0,
        crawling: 0,
    };
}

/// What a call comes to.
type Answer = Result<client::Response, TransportError>;

type Slot = Arc<Mutex<(Option<Answer>, Option<Waker>)>>;

enum Flight {
    /// On the way there. Whoever sent it waits for the answer, unless it crawls.
    There(client::Request, Option<Slot>),
    /// On the way back.
    Back(Answer, Slot),
    /// Somebody else's call, who takes any answer.
    BackgroundLoad(Request),
}

struct State {
    now: Moment,
    service: Service,
    bench: InMemoryDevices,
    flights: BTreeMap<(Moment, u64), Flight>,
    sequence: u64,
    dice: Dice,
    weather: Weather,
    /// Every answer 429 that no fault made: when, and to what.
    throttled: Vec<(Moment, String)>,
    calls: u64,
    /// How many of them read the list of actions.
    looks: u64,
    story: Option<Vec<String>>,
}

/// See the file's text. Clones are the same network.
#[derive(Clone)]
pub(crate) struct Network(Arc<Mutex<State>>);

impl Transport for Network {
    fn send(&self, letter: client::Request, _timeout: Option<Duration>) -> ResponseFuture {
        let slot = Slot::default();
        let mut state = self.state();
        let Weather {
            latency: (low, high),
            unreachable,
            crawling,
        } = state.weather.clone();
        let latency = state.dice.millis(low, high);
        if unreachable > 0 && state.dice.permille(unreachable) {
            let lost = Err(TransportError::NotSent("no connection".into()));
            state.send(latency, Flight::Back(lost, Arc::clone(&slot)));
        } else if crawling > 0 && state.dice.permille(crawling) {
            let late = state.dice.millis(0, CALL_LIMIT.as_millis() as u64 - 1);
            state.send(late, Flight::There(letter, None));
            let lost = Err(TransportError::MaybeSent("no answer in time".into()));
            state.send(CALL_LIMIT, Flight::Back(lost, Arc::clone(&slot)));
        } else {
            state.send(latency, Flight::There(letter, Some(Arc::clone(&slot))));
        }
        Box::pin(Waiting(slot))
    }
}

struct Waiting(Slot);

impl Future for Waiting {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.0.lock().unwrap();
        match slot.0.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                slot.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Network {
    pub(crate) fn new(scenario: Scenario, now: Moment, weather: Weather, dice: Dice) -> Network {
        let scenario = Arc::new(scenario);
        let seed = scenario.seed;
        Network(Arc::new(Mutex::new(State {
            now,
            bench: InMemoryDevices::new(Arc::clone(&scenario)),
            service: Service::new(scenario, seed, now),
            flights: BTreeMap::new(),
            sequence: 0,
            dice,
            weather,
            throttled: Vec::new(),
            calls: 0,
            looks: 0,
            story: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on every call is told.
    pub(crate) fn tell(&self) {
        self.state().story = Some(Vec::new());
    }

    /// What was told since the last time.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut state = self.state();
        state.story.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// When the next letter arrives somewhere.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.state().flights.first_key_value().map(|(key, _)| key.0)
    }

    /// Lets everything arrive that does until `until`, each at its own moment.
    pub(crate) fn pass(&self, until: Moment) {
        while let Some(waker) = self.arrive(until) {
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        let mut state = self.state();
        state.now = state.now.max(until);
    }

    /// One arrival; `None` if there is none any more.
    fn arrive(&self, until: Moment) -> Option<Option<Waker>> {
        let mut state = self.state();
        let entry = state.flights.first_entry()?;
        if entry.key().0 > until {
            return None;
        }
        let ((at, _), flight) = entry.remove_entry();
        state.now = state.now.max(at);
        match flight {
            Flight::There(letter, slot) => {
                let answer = state.answer(letter);
                if let Some(slot) = slot {
                    let (low, high) = state.weather.latency;
                    let latency = state.dice.millis(low, high);
                    state.send(latency, Flight::Back(answer, slot));
                }
                Some(None)
            }
            Flight::Back(answer, slot) => {
                let mut slot = slot.lock().unwrap();
                slot.0 = Some(answer);
                Some(slot.1.take())
            }
            Flight::BackgroundLoad(request) => {
                let response = state.handle(&request);
                state.say(|| format!("  another client: {} {}", request.path, response.status));
                Some(None)
            }
        }
    }

    /// Schedules a request of another client of the tenant, so long after now.
    pub(crate) fn other_client(&self, after: Duration, request: Request) {
        self.state().send(after, Flight::BackgroundLoad(request));
    }

    /// Asks the service past the network, now.
    pub(crate) fn ask(&self, request: &Request) -> Response {
        self.state().handle(request)
    }

    /// Lets devices finish what they are doing after the run is over.
    pub(crate) fn settle(&self, until: Moment) {
        self.pass(until);
        self.state().work(until);
    }

    /// What was really applied.
    pub(crate) fn ledger(&self) -> Vec<serde_json::Value> {
        let lines = self.state().service.ledger_lines(0);
        let parsed = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        parsed.collect()
    }

    /// Answers 429 that no fault made.
    pub(crate) fn throttled(&self) -> Vec<(Moment, String)> {
        self.state().throttled.clone()
    }

    /// How often the list of actions was read.
    pub(crate) fn looks(&self) -> u64 {
        self.state().looks
    }

    /// How many calls reached the service.
    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }
}

impl State {
    fn send(&mut self, after: Duration, flight: Flight) {
        self.sequence += 1;
        self.flights
            .insert((self.now + after, self.sequence), flight);
    }

    fn say(&mut self, words: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{} {}", self.now, words()));
        }
    }

    /// Plays devices until `until`, each thing at its own moment.
    fn work(&mut self, until: Moment) {
        while let Some(at) = self.service.next_wake().filter(|at| *at <= until) {
            self.perform(at);
        }
        self.perform(until);
    }

    fn perform(&mut self, at: Moment) {
        for work in self.service.advance(at) {
            let outcome = self.bench.perform(&work);
            self.service.finished(at, work.number, outcome);
        }
    }

    fn handle(&mut self, request: &Request) -> Response {
        let now = self.now;
        self.work(now);
        self.calls += 1;
        self.service.handle(now, request)
    }

    fn answer(&mut self, letter: client::Request) -> Answer {
        let (head, body) = letter.into_parts();
        let (method, uri) = (head.method.as_str(), &head.uri);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let host = uri.authority().map_or("", |host| host.as_str());
        let mut request = Request::new(method, target).body(body).header("host", host);
        for (name, value) in &head.headers {
            request = request.header(name.as_str(), value.to_str().expect("text"));
        }
        self.looks += u64::from(target.starts_with("/api/machineactions?"));
        let response = self.handle(&request);
        self.say(|| {
            let text = String::from_utf8_lossy(&response.body);
            let words: String = text.chars().take(160).collect();
            let travels = match response.delivery {
                Delivery::Whole => String::new(),
                other => format!(" {other:?}"),
            };
            let status = response.status;
            format!("  {method} {target} -> {status}{travels} {words}")
        });
        // What a fault makes says so.
        let by_fault = String::from_utf8_lossy(&response.body).contains("(injected fault)");
        if response.status == 429 && !by_fault {
            let words = String::from_utf8_lossy(&response.body);
            let words = format!("{method} {target}: {words}");
            self.throttled.push((self.now, words));
        }
        let answer = |body: ResponseBody| {
            let mut answer = client::Response::new(body);
            *answer.status_mut() = response.status.try_into().expect("a status");
            if let Some(wait) = response.header("retry-after") {
                let wait = wait.parse().expect("a header");
                answer.headers_mut().insert("retry-after", wait);
            }
            Ok(answer)
        };
        match response.delivery {
            Delivery::Dropped => Err(TransportError::MaybeSent("the connection ended".into())),
            Delivery::Truncated => {
                let half: Bytes = response.body.slice(..response.body.len() / 2);
                let error = BodyError("the connection ended".into());
                answer(ResponseBody::cut_off(half, error))
            }
            Delivery::Whole | Delivery::Slow(_) => answer(response.body.clone().into()),
        }
    }
}
