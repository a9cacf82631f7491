//! A desk with the fleet on it: the test plays driver and service by hand.

use std::sync::Arc;
use std::time::Duration;

use svar_engine::{
    Attempt, Availability, CancelWhy, CommandEnd, CommandIndex, CommandState, DeviceIndex,
    DeviceView, End, EndState, Fact, FactBody, Fleet, Need, NotFound, Refusal, RequestIndex,
    ResultSummary, SessionIndex,
};
use svar_plan::{Plan, Verdict};
use svar_wire::ActionId;
use svar_wire::Moment;
use svar_wire::{ActionStatus, CommandStatus};

use super::build::run_id;

pub(super) const START: Moment = Moment::from_millis(1_770_000_000_000);

pub(super) struct Desk {
    pub(super) fleet: Fleet,
    pub(super) plan: Arc<Plan>,
    pub(super) journal: Vec<Fact>,
    pub(super) now: Moment,
    /// Needs that were given and not taken up yet.
    pub(super) needs: Vec<Need>,
    /// Readiness is answered with "ready" at once.
    pub(super) all_ready: bool,
    /// How often the list of actions was read while time went by.
    pub(super) looks: u32,
    actions: u32,
}

/// A desk whose devices are all online.
pub(super) fn desk(plan: Arc<Plan>) -> Desk {
    desk_with(plan, |_| {})
}

pub(super) fn desk_with(plan: Arc<Plan>, prepare: impl FnOnce(&mut Desk)) -> Desk {
    let mut desk = Desk {
        fleet: Fleet::new(&run_id(), plan.clone(), START),
        plan,
        journal: vec![],
        now: START,
        needs: vec![],
        all_ready: true,
        looks: 0,
        actions: 0,
    };
    prepare(&mut desk);
    desk.poll();
    desk
}

/// Every command completed.
pub(super) fn completed(count: u16) -> Vec<CommandEnd> {
    commands(&vec![CommandStatus::Completed; usize::from(count)])
}

pub(super) fn commands(statuses: &[CommandStatus]) -> Vec<CommandEnd> {
    let ends = statuses.iter().zip(0..).map(|(status, index)| CommandEnd {
        index: RequestIndex(index),
        status: status.clone(),
        error: (*status == CommandStatus::Failed).then(|| "no such file".to_owned()),
        named: None,
    });
    ends.collect()
}

pub(super) fn script() -> ResultSummary {
    ResultSummary::Script {
        exit: Some(0),
        path: "results/x.json".into(),
        sha256_wire: "00".into(),
    }
}

pub(super) fn refusal(status: u16, code: &str) -> Refusal {
    Refusal {
        status,
        code: code.into(),
        message: "in words".into(),
        target: None,
        retry_after_ms: None,
    }
}

impl Desk {
    /// Takes what the engine needs now; records and readiness are dealt with at once.
    #[track_caller]
    pub(super) fn poll(&mut self) {
        loop {
            let mut again = false;
            for need in self.fleet.poll(self.now) {
                match need {
                    Need::Record { device, body } => {
                        again = true;
                        self.tell(device, body);
                    }
                    Need::Devices { devices } if self.all_ready => {
                        again = true;
                        for device in devices {
                            self.tell(Some(device), ready(true));
                        }
                        self.fleet.devices_read(self.now);
                    }
                    need => self.needs.push(need),
                }
            }
            if !again {
                return;
            }
        }
    }

    #[track_caller]
    pub(super) fn tell(&mut self, device: Option<DeviceIndex>, body: FactBody) {
        let fact = Fact {
            at: self.now,
            device,
            body,
        };
        if let Err(error) = self.fleet.handle(&fact) {
            panic!("{error}");
        }
        self.journal.push(fact);
    }

    /// Something happened to a device.
    #[track_caller]
    pub(super) fn happens(&mut self, device: u32, body: FactBody) {
        self.tell(Some(DeviceIndex(device)), body);
        self.poll();
    }

    #[track_caller]
    pub(super) fn happens_to_run(&mut self, body: FactBody) {
        self.tell(None, body);
        self.poll();
    }

    /// Time goes by; the engine is polled at each moment that it asked for.
    #[track_caller]
    pub(super) fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.fleet.wake_at().filter(|at| *at <= end) {
            assert!(at >= self.now, "the wake-up lies in the past");
            self.now = at;
            self.poll();
            self.nothing_new();
        }
        self.now = end;
        self.poll();
    }

    /// Time goes by until the engine wants something.
    #[track_caller]
    pub(super) fn pass_until_need(&mut self) {
        while self.needs.is_empty() {
            match self.fleet.wake_at() {
                Some(at) => self.now = at,
                None => panic!("nothing will ever be wanted"),
            }
            self.poll();
        }
    }

    /// The lists show nothing new.
    fn nothing_new(&mut self) {
        let reads = |need: &Need| {
            matches!(
                need,
                Need::Watch { .. }
                    | Need::Search {
                        not_found: NotFound::MayAppear,
                        ..
                    }
            )
        };
        while let Some(place) = self.needs.iter().position(reads) {
            let need = self.needs.remove(place);
            match need {
                Need::Watch { .. } => {
                    self.looks += 1;
                    self.fleet.watched(self.now);
                }
                need => self.fleet.read_failed(self.now, &need, None),
            }
            self.poll();
        }
    }

    /// Takes the first need that fits.
    #[track_caller]
    pub(super) fn take(&mut self, what: &str, fits: impl Fn(&Need) -> bool) -> Need {
        match self.needs.iter().position(fits) {
            Some(place) => self.needs.remove(place),
            None => panic!("no need for {what}; there are: {:#?}", self.needs),
        }
    }

    pub(super) fn starts(&self) -> Vec<u32> {
        let starts = self.needs.iter().filter_map(|need| match need {
            Need::Start { device, .. } => Some(device.0),
            _ => None,
        });
        starts.collect()
    }

    /// The engine wants the device started; it is announced, and not answered. Gives the session, the
    /// attempt, and the commands that are sent.
    #[track_caller]
    pub(super) fn announce(&mut self, device: u32) -> (u16, u16, Vec<u16>) {
        let need = self.take(
            "a start",
            |need| matches!(need, Need::Start { device: of, .. } if of.0 == device),
        );
        let Need::Start {
            session,
            attempt,
            tag,
            commands,
            ..
        } = need
        else {
            unreachable!()
        };
        self.happens(
            device,
            FactBody::StartAnnounced {
                session,
                attempt,
                tag,
                commands: commands.clone(),
            },
        );
        (
            session.0,
            attempt.0,
            commands.iter().map(|sent| sent.command.0).collect(),
        )
    }

    /// The engine wants the device started; the service takes it.
    #[track_caller]
    pub(super) fn start(&mut self, device: u32) -> ActionId {
        let (session, attempt, _) = self.announce(device);
        self.accept(device, session, attempt)
    }

    #[track_caller]
    pub(super) fn accept(&mut self, device: u32, session: u16, attempt: u16) -> ActionId {
        let action = self.new_action();
        self.happens(
            device,
            FactBody::StartAccepted {
                session: SessionIndex(session),
                attempt: Attempt(attempt),
                action: action.clone(),
                adopted: false,
            },
        );
        action
    }

    #[track_caller]
    pub(super) fn refuse(&mut self, device: u32, refusal: Refusal) {
        let (session, attempt, _) = self.announce(device);
        self.happens(
            device,
            FactBody::StartRefused {
                session: SessionIndex(session),
                attempt: Attempt(attempt),
                refusal,
            },
        );
    }

    pub(super) fn new_action(&mut self) -> ActionId {
        self.actions += 1;
        ActionId::parse(&format!("action-{}", self.actions)).unwrap()
    }

    #[track_caller]
    pub(super) fn began(&mut self, device: u32, action: &ActionId) {
        let action = action.clone();
        self.happens(device, FactBody::ActionBegan { action });
    }

    /// The list shows the action's command at that index as executing.
    #[track_caller]
    pub(super) fn executes(&mut self, device: u32, action: &ActionId, index: u16) {
        self.reached(device, action, index, CommandState::Executing);
    }

    #[track_caller]
    pub(super) fn reached(
        &mut self,
        device: u32,
        action: &ActionId,
        index: u16,
        state: CommandState,
    ) {
        let action = action.clone();
        self.happens(
            device,
            FactBody::CommandReached {
                action,
                index: RequestIndex(index),
                state,
            },
        );
    }

    #[track_caller]
    pub(super) fn ended(
        &mut self,
        device: u32,
        action: &ActionId,
        status: ActionStatus,
        commands: Vec<CommandEnd>,
    ) {
        self.happens(
            device,
            FactBody::ActionEnded {
                action: action.clone(),
                status,
                commands,
                expired: false,
            },
        );
    }

    /// Which result the engine wants next of the device: (action, index, step, meaning of a 404).
    #[track_caller]
    pub(super) fn fetch(&mut self, device: u32) -> (ActionId, u16, u16, NotFound) {
        let found = self.peek_fetch(device);
        self.take(
            "a result",
            |need| matches!(need, Need::Fetch { device: of, .. } if of.0 == device),
        );
        found
    }

    #[track_caller]
    pub(super) fn peek_fetch(&self, device: u32) -> (ActionId, u16, u16, NotFound) {
        let found = self.needs.iter().find_map(|need| match need {
            Need::Fetch {
                device: of,
                action,
                index,
                step,
                not_found,
                ..
            } if of.0 == device => Some((action.clone(), index.0, step.0, *not_found)),
            _ => None,
        });
        match found {
            Some(found) => found,
            None => panic!("no result is wanted; there are: {:#?}", self.needs),
        }
    }

    /// The next result is not as expected.
    #[track_caller]
    pub(super) fn disappoint(&mut self, device: u32, why: &str) {
        let (action, index, ..) = self.fetch(device);
        self.happens(
            device,
            FactBody::ResultFetched {
                action,
                index: RequestIndex(index),
                result: script(),
                verdict: Verdict::NotMet {
                    why: why.to_owned(),
                },
            },
        );
    }

    /// The devices that the list is asked about.
    #[track_caller]
    pub(super) fn devices(&mut self) -> Vec<DeviceIndex> {
        let need = self.take("devices", |need| matches!(need, Need::Devices { .. }));
        match need {
            Need::Devices { devices } => devices,
            _ => unreachable!(),
        }
    }

    /// A session that waited for results is worked out.
    #[track_caller]
    pub(super) fn resolve(&mut self, device: u32, session: u16, commands: &[u16]) {
        self.take("a resolve", |need| matches!(need, Need::Resolve { .. }));
        let commands = commands.iter().copied().map(CommandIndex).collect();
        self.happens(
            device,
            FactBody::SessionResolved {
                session: SessionIndex(session),
                commands,
            },
        );
    }

    /// The next session of the device fails.
    #[track_caller]
    pub(super) fn fail(&mut self, device: u32) {
        let action = self.start(device);
        let failed = commands(&[CommandStatus::Failed]);
        self.ended(device, &action, ActionStatus::Failed, failed);
        self.deliver(device);
    }

    /// All results that the engine wants come in and are as expected.
    #[track_caller]
    pub(super) fn deliver(&mut self, device: u32) -> Vec<u16> {
        let mut indexes = vec![];
        while self
            .needs
            .iter()
            .any(|need| matches!(need, Need::Fetch { device: of, .. } if of.0 == device))
        {
            let (action, index, ..) = self.fetch(device);
            indexes.push(index);
            self.happens(
                device,
                FactBody::ResultFetched {
                    action,
                    index: RequestIndex(index),
                    result: script(),
                    verdict: Verdict::Met,
                },
            );
        }
        indexes
    }

    /// The session's life from start to its last result, all well.
    #[track_caller]
    pub(super) fn play(&mut self, device: u32, count: u16) {
        let action = self.start(device);
        self.began(device, &action);
        self.ended(device, &action, ActionStatus::Succeeded, completed(count));
        self.deliver(device);
    }

    /// The engine wants the action cancelled; it is announced, and the service takes it.
    #[track_caller]
    pub(super) fn cancelled(&mut self, device: u32) -> (ActionId, CancelWhy) {
        self.cancel_answered(device, 200)
    }

    /// The same with another answer.
    #[track_caller]
    pub(super) fn cancel_answered(&mut self, device: u32, status: u16) -> (ActionId, CancelWhy) {
        let need = self.take(
            "a cancel",
            |need| matches!(need, Need::Cancel { device: of, .. } if of.0 == device),
        );
        let Need::Cancel { action, why, .. } = need else {
            unreachable!()
        };
        self.happens(
            device,
            FactBody::CancelAnnounced {
                action: action.clone(),
                why,
            },
        );
        self.happens(
            device,
            FactBody::CancelAnswered {
                action: action.clone(),
                status,
            },
        );
        (action, why)
    }

    #[track_caller]
    pub(super) fn device(&self, device: u32) -> DeviceView {
        self.fleet.device(DeviceIndex(device)).unwrap()
    }

    #[track_caller]
    pub(super) fn end(&self, device: u32) -> End {
        match self.device(device).end {
            Some(end) => end,
            None => panic!("device {device} has not ended: {:?}", self.device(device)),
        }
    }

    #[track_caller]
    pub(super) fn ends(&self, states: &[EndState]) {
        let ends: Vec<EndState> = self.fleet.devices().map(|device| device.standing).collect();
        assert_eq!(ends, states);
    }

    /// Power is lost; another process takes the run up from the journal.
    #[track_caller]
    pub(super) fn crash(&mut self) {
        self.needs.clear();
        self.fleet = Fleet::replay(&run_id(), self.plan.clone(), START, &self.journal).unwrap();
        self.poll();
    }
}

pub(super) fn ready(ready: bool) -> FactBody {
    FactBody::Readiness(if ready {
        Availability::Ready
    } else {
        Availability::Offline {
            why: "inactive".to_owned(),
        }
    })
}
