//! The engine alone, against a service that does what it is asked: starts are taken at once, every
//! session has the same length, every result is there.
#![allow(unreachable_pub, dead_code)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use svar_engine::{
    Availability, CommandEnd, DeviceIndex, Fact, FactBody, Fleet, Need, Readiness, RequestIndex,
    ResultSummary,
};
use svar_plan::{Plan, Verdict};
use svar_wire::Moment;
use svar_wire::{ActionId, RunId};
use svar_wire::{ActionStatus, CommandStatus};

/// One way, as in fair weather.
const LATENCY: Duration = Duration::from_millis(70);

enum Event {
    Fact(DeviceIndex, FactBody),
    Watched(Vec<(DeviceIndex, ActionId)>),
    DevicesRead(Vec<DeviceIndex>),
}

/// See the file's text.
pub struct Model {
    fleet: Fleet,
    pub now: Moment,
    started: Moment,
    online_at: Vec<Duration>,
    length: Duration,
    events_due: BTreeMap<(Moment, u64), Event>,
    sequence: u64,
    /// When the open action of a device ends, and whether it was seen to have begun.
    open: BTreeMap<DeviceIndex, (Moment, bool)>,
    /// Facts handed in.
    pub facts: u64,
    /// Facts and polls.
    pub events: u64,
    /// Time spent in the engine.
    pub inside: Duration,
}

impl Model {
    pub fn new(
        plan: &Arc<Plan>,
        started: Moment,
        online_at: Vec<Duration>,
        length: Duration,
    ) -> Self {
        let run = RunId::parse("run-1").unwrap();
        Model {
            fleet: Fleet::new(&run, Arc::clone(plan), started),
            now: started,
            started,
            online_at,
            length,
            events_due: BTreeMap::new(),
            sequence: 0,
            open: BTreeMap::new(),
            facts: 0,
            events: 0,
            inside: Duration::ZERO,
        }
    }

    fn later(&mut self, event: Event) {
        self.sequence += 1;
        let at = self.now + LATENCY * 2;
        self.events_due.insert((at, self.sequence), event);
    }

    fn hand_in(&mut self, device: Option<DeviceIndex>, body: FactBody) {
        let fact = Fact {
            at: self.now,
            device,
            body,
        };
        let began = Instant::now();
        self.fleet.handle(&fact).unwrap();
        self.inside += began.elapsed();
        self.facts += 1;
        self.events += 1;
    }

    pub fn play(&mut self) {
        self.play_watched(|| {});
    }

    /// The same; somebody looks on every now and then.
    pub fn play_watched(&mut self, mut look: impl FnMut()) {
        let mut turns = 0_u64;
        loop {
            turns += 1;
            if turns.is_multiple_of(5_000) {
                look();
            }
            loop {
                let began = Instant::now();
                let needs = self.fleet.poll(self.now);
                self.inside += began.elapsed();
                self.events += 1;
                if needs.is_empty() {
                    break;
                }
                for need in needs {
                    self.meet(need);
                }
            }
            if self.fleet.is_done() {
                return;
            }
            let due = self.events_due.first_key_value().map(|(key, _)| key.0);
            let next = [due, self.fleet.wake_at()].into_iter().flatten().min();
            self.now = self.now.max(next.unwrap());
            while let Some(entry) = self.events_due.first_entry()
                && entry.key().0 <= self.now
            {
                let event = entry.remove();
                self.happen(event);
            }
        }
    }

    fn meet(&mut self, need: Need) {
        match need {
            Need::Record { device, body } => self.hand_in(device, body),
            Need::Start {
                device,
                session,
                attempt,
                tag,
                commands,
            } => {
                let body = FactBody::StartAnnounced {
                    session,
                    attempt,
                    tag,
                    commands,
                };
                self.hand_in(Some(device), body);
                let ends = self.now + LATENCY + self.length;
                self.open.insert(device, (ends, false));
                let action = ActionId::parse(&format!("a-{}", device.0)).unwrap();
                self.later(Event::Fact(
                    device,
                    FactBody::StartAccepted {
                        session,
                        attempt,
                        action,
                        adopted: false,
                    },
                ));
            }
            Need::Watch { actions } => self.later(Event::Watched(actions)),
            Need::Devices { devices } => self.later(Event::DevicesRead(devices)),
            Need::Fetch {
                device,
                action,
                index,
                ..
            } => self.later(Event::Fact(
                device,
                FactBody::ResultFetched {
                    action,
                    index,
                    result: ResultSummary::Script {
                        exit: Some(0),
                        path: String::new(),
                        sha256_wire: String::new(),
                    },
                    verdict: Verdict::Met,
                },
            )),
            Need::Search { .. } | Need::Resolve { .. } | Need::Cancel { .. } => unreachable!(),
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Fact(device, body) => self.hand_in(Some(device), body),
            Event::Watched(actions) => {
                // The list tells how things stood half a way ago.
                let seen = Moment::from_millis(self.now.millis() - LATENCY.as_millis() as i64);
                for (device, action) in actions {
                    let Some((ends, began)) = self.open.get_mut(&device) else {
                        continue;
                    };
                    if *ends <= seen {
                        self.open.remove(&device);
                        let commands = vec![CommandEnd {
                            index: RequestIndex(0),
                            status: CommandStatus::Completed,
                            error: None,
                            named: None,
                        }];
                        let status = ActionStatus::Succeeded;
                        let body = FactBody::ActionEnded {
                            action,
                            status,
                            commands,
                            expired: false,
                        };
                        self.hand_in(Some(device), body);
                    } else if !*began {
                        *began = true;
                        self.hand_in(Some(device), FactBody::ActionBegan { action });
                    }
                }
                let began = Instant::now();
                self.fleet.watched(self.now);
                self.inside += began.elapsed();
            }
            Event::DevicesRead(devices) => {
                for device in devices {
                    let is_ready = self.started + self.online_at[device.place()] <= self.now;
                    let known = self.fleet.readiness(device).expect("a device of the run");
                    if *known == Readiness::Unknown || known.is_offline() == is_ready {
                        let body = FactBody::Readiness(if is_ready {
                            Availability::Ready
                        } else {
                            Availability::Offline {
                                why: "inactive".to_owned(),
                            }
                        });
                        self.hand_in(Some(device), body);
                    }
                }
                let began = Instant::now();
                self.fleet.devices_read(self.now);
                self.inside += began.elapsed();
            }
        }
    }
}
