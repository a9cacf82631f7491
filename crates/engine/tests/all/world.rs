//! A small model of the service, made from the API notes and not from the engine: its own rate
//! limit, slots, exclusivity of devices, queue, visibility, cancel. It remembers what was really
//! applied, and complains about what a client must never do.

use std::collections::VecDeque;
use std::time::Duration;

use svar_engine::{
    Availability, CommandEnd, CommandIndex, Readiness, Refusal, RequestIndex, SessionIndex,
};
use svar_plan::Verb;
use svar_wire::Moment;
use svar_wire::{ActionId, Tag};
use svar_wire::{ActionStatus, CommandStatus};

/// Chance with a seed (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    pub(super) fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// True so many times in a hundred.
    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.next() % from.len() as u64) as usize]
    }
}

/// One device.
pub(super) struct Device {
    /// Offline until then.
    pub(super) offline_until: Moment,
    /// It was seen shortly before the run, so that the list shows it as ready though it is offline.
    pub(super) seen_before: bool,
    /// Somebody else's session on it until then.
    pub(super) portal_until: Moment,
    /// Its group has no automation level.
    pub(super) disallowed: bool,
}

/// What a command does, decided when it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deed {
    Works,
    WorksAndDisappoints,
    Fails,
}

/// A machine action as the service keeps it.
pub(super) struct Action {
    pub(super) id: ActionId,
    pub(super) device: u32,
    pub(super) tag: Tag,
    /// (session, command) that it was sent for; the world only keeps it for the judge.
    pub(super) session: SessionIndex,
    pub(super) commands: Vec<(CommandIndex, Verb, Deed)>,
    created: Moment,
    visible: Moment,
    picked_up: Option<Moment>,
    pickup: Duration,
    work: Duration,
    pub(super) status: ActionStatus,
    pub(super) done: Vec<CommandStatus>,
    cancel_at: Option<Moment>,
    ended: Option<Moment>,
    link_lag: Duration,
}

impl Action {
    /// It ran on the device.
    pub(super) fn ran(&self) -> bool {
        self.picked_up.is_some()
    }

    /// The command that it is at, once it runs: each takes the same time.
    pub(super) fn executing(&self, now: Moment) -> RequestIndex {
        let Some(picked_up) = self.picked_up else {
            return RequestIndex::FIRST;
        };
        let all = self.commands.len();
        let spent = now.since(picked_up).as_millis() as usize;
        let finished = spent * all / self.work.as_millis().max(1) as usize;
        RequestIndex::at(finished.min(all - 1))
    }

    pub(super) fn is_open(&self) -> bool {
        !self.status.is_final()
    }

    pub(super) fn ends(&self) -> Vec<CommandEnd> {
        let ends = self.done.iter().zip(0..).map(|(status, index)| CommandEnd {
            index: RequestIndex(index),
            status: status.clone(),
            error: None,
            named: None,
        });
        ends.collect()
    }
}

/// What came of a call to start.
pub(super) enum Started {
    Taken(ActionId),
    Refused(Refusal),
}

/// What came of asking for a result.
pub(super) enum Link {
    Result(Deed),
    NotFound,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) devices: Vec<Device>,
    pub(super) actions: Vec<Action>,
    pub(super) starts_per_minute: usize,
    pub(super) slots: usize,
    /// Another client holds so many of them until then.
    pub(super) foreign_slots: (usize, Moment),
    pub(super) queue: Duration,
    pub(super) lag_max_ms: u64,
    starts: VecDeque<Moment>,
    watches: VecDeque<Moment>,
    reads: VecDeque<Moment>,
    /// What a client must never do, and this one did.
    pub(super) complaints: Vec<String>,
}

impl World {
    pub(super) fn new(dice: Dice) -> Self {
        World {
            dice,
            devices: vec![],
            actions: vec![],
            starts_per_minute: 10,
            slots: 25,
            foreign_slots: (0, Moment::EPOCH),
            queue: Duration::from_secs(7_200),
            lag_max_ms: 3_000,
            starts: VecDeque::new(),
            watches: VecDeque::new(),
            reads: VecDeque::new(),
            complaints: vec![],
        }
    }

    fn complain(&mut self, words: String) {
        self.complaints.push(words);
    }

    /// Brings every open action to where it stands at `now`.
    pub(super) fn catch_up(&mut self, now: Moment) {
        for action in &mut self.actions {
            if action.status.is_final() {
                continue;
            }
            let device = &self.devices[action.device as usize];
            let expires = action.created + self.queue;
            if action.picked_up.is_none() {
                let pickup = action.created.max(device.offline_until) + action.pickup;
                let cancelled = action.cancel_at.filter(|at| *at < pickup);
                if let Some(at) = cancelled.filter(|at| *at <= now) {
                    action.status = ActionStatus::Cancelled;
                    action.ended = Some(at);
                    continue;
                }
                if expires < pickup && expires <= now {
                    action.status = ActionStatus::TimeOut;
                    action.ended = Some(expires);
                    continue;
                }
                if pickup > now {
                    continue;
                }
                action.picked_up = Some(pickup);
                action.status = ActionStatus::InProgress;
            }
            let picked_up = action.picked_up.unwrap();
            let over = picked_up + action.work;
            // A cancel while it runs stops it before its last command, or comes too late.
            if let Some(at) = action.cancel_at.filter(|at| *at < over)
                && at <= now
            {
                action.status = ActionStatus::Cancelled;
                action.ended = Some(at);
                let finished = action.executing(at).place();
                for place in 0..action.commands.len() {
                    action.done[place] = match place.cmp(&finished) {
                        std::cmp::Ordering::Less => CommandStatus::Completed,
                        std::cmp::Ordering::Equal => CommandStatus::Executing,
                        std::cmp::Ordering::Greater => CommandStatus::Created,
                    };
                }
                continue;
            }
            if over > now {
                continue;
            }
            action.ended = Some(over);
            action.status = ActionStatus::Succeeded;
            for (place, (_, _, deed)) in action.commands.iter().enumerate() {
                if *deed == Deed::Fails {
                    action.done[place] = CommandStatus::Failed;
                    action.status = ActionStatus::Failed;
                    break;
                }
                action.done[place] = CommandStatus::Completed;
            }
            // The cancel was taken, and everything had been done (API notes 7).
            if action.cancel_at.is_some() && action.status == ActionStatus::Succeeded {
                action.status = ActionStatus::Cancelled;
            }
        }
    }

    pub(super) fn start(
        &mut self,
        now: Moment,
        device: u32,
        tag: &Tag,
        session: SessionIndex,
        commands: Vec<(CommandIndex, Verb, Deed)>,
    ) -> Started {
        self.catch_up(now);
        let refused = |status, code: &str, retry_after: Option<Duration>| {
            Started::Refused(Refusal {
                status,
                code: code.into(),
                message: "no".into(),
                target: None,
                retry_after_ms: retry_after.map(|pause| pause.as_millis() as u64),
            })
        };
        if self.actions.iter().any(|action| action.tag == *tag) {
            self.complain(format!("device {device}: the tag {tag} was sent twice"));
        }
        let minute = Duration::from_secs(60);
        self.starts.retain(|at| *at + minute > now);
        if self.starts.len() >= self.starts_per_minute {
            self.complain(format!("a start over the rate at {now}"));
            return refused(429, "TooManyRequests", Some(minute));
        }
        self.starts.push_back(now);
        let state = &self.devices[device as usize];
        let portal = state.portal_until > now;
        if state.disallowed {
            return refused(403, "DisallowedOperation", None);
        }
        let own = self
            .actions
            .iter()
            .filter(|action| action.is_open())
            .count();
        let foreign = if self.foreign_slots.1 > now {
            self.foreign_slots.0
        } else {
            0
        };
        if own + foreign >= self.slots {
            if foreign == 0 {
                self.complain(format!("a start without a free slot at {now}"));
            }
            return refused(429, "TooManyRequests", None);
        }
        let taken = self
            .actions
            .iter()
            .any(|action| action.device == device && action.is_open());
        if taken {
            self.complain(format!(
                "device {device}: a start beside an own open action"
            ));
        }
        if taken || portal {
            return refused(400, "ActiveRequestAlreadyExists", None);
        }
        let id = ActionId::parse(&format!("a-{}", self.actions.len())).unwrap();
        let pickup = self.dice.millis(2_000, 120_000);
        let work = self.dice.millis(2_000, 180_000);
        let lag = self.dice.millis(0, self.lag_max_ms);
        let link_lag = self.dice.millis(0, 15_000);
        self.actions.push(Action {
            id: id.clone(),
            device,
            tag: tag.clone(),
            session,
            done: vec![CommandStatus::Created; commands.len()],
            commands,
            created: now,
            visible: now + lag,
            picked_up: None,
            pickup,
            work,
            status: ActionStatus::Pending,
            cancel_at: None,
            ended: None,
            link_lag,
        });
        Started::Taken(id)
    }

    fn read(&mut self, now: Moment) {
        let minute = Duration::from_secs(60);
        self.reads.retain(|at| *at + minute > now);
        self.reads.push_back(now);
        if self.reads.len() > 100 {
            self.complain(format!("over a hundred reads in the minute before {now}"));
        }
    }

    /// The bulk list: the visible ones among these.
    pub(super) fn list(&mut self, now: Moment, ids: &[ActionId]) -> Vec<usize> {
        self.catch_up(now);
        self.read(now);
        let minute = Duration::from_secs(60);
        self.watches.retain(|at| *at + minute > now);
        self.watches.push_back(now);
        if self.watches.len() > 8 {
            self.complain(format!(
                "more than 8 status calls in the minute before {now}"
            ));
        }
        let shown = self
            .actions
            .iter()
            .enumerate()
            .filter(|(_, action)| action.visible <= now && ids.contains(&action.id));
        shown.map(|(place, _)| place).collect()
    }

    pub(super) fn search(&mut self, now: Moment, device: u32, tag: &Tag) -> Option<ActionId> {
        self.catch_up(now);
        self.read(now);
        let found = self
            .actions
            .iter()
            .find(|action| action.device == device && action.visible <= now && action.tag == *tag);
        found.map(|action| action.id.clone())
    }

    pub(super) fn link(&mut self, now: Moment, id: &ActionId, index: RequestIndex) -> Link {
        self.catch_up(now);
        let found = self.actions.iter().find(|action| action.id == *id);
        let Some(action) = found else {
            self.complain(format!("a result of {id}, which does not exist"));
            return Link::NotFound;
        };
        let Some((_, verb, deed)) = index.get(&action.commands).copied() else {
            self.complain(format!(
                "a result {index} of {id}, which has no such command"
            ));
            return Link::NotFound;
        };
        let status = &action.done[index.place()];
        let late = action.ended.is_none_or(|at| at + action.link_lag > now);
        let has_result = match (verb, status) {
            (Verb::Put, _) => None,
            (_, CommandStatus::Completed) => Some(deed),
            (Verb::Run, CommandStatus::Failed) => Some(deed),
            _ => None,
        };
        match has_result {
            None => {
                self.complain(format!("a result {index} of {id}, which can't have one"));
                Link::NotFound
            }
            Some(_) if late => Link::NotFound,
            Some(deed) => Link::Result(deed),
        }
    }

    pub(super) fn cancel(&mut self, now: Moment, id: &ActionId) -> u16 {
        self.catch_up(now);
        let effect = self.dice.millis(0, 20_000);
        match self.actions.iter_mut().find(|action| action.id == *id) {
            None => {
                self.complain(format!("a cancel of {id}, which does not exist"));
                404
            }
            Some(action) if action.status.is_final() => 400,
            Some(action) => {
                action.cancel_at.get_or_insert(now + effect);
                200
            }
        }
    }

    /// Returns what the machine list says, which may be late; `None` if that is nothing new.
    pub(super) fn lists(
        &mut self,
        now: Moment,
        device: u32,
        known: &Readiness,
    ) -> Option<Availability> {
        let device = &self.devices[device as usize];
        let back = device.offline_until;
        if let Readiness::Unresponsive { since } = known {
            return (back > *since && back <= now).then_some(Availability::Ready);
        }
        let wrong = self.dice.percent(5);
        Some(if (device.seen_before || back <= now) != wrong {
            Availability::Ready
        } else {
            Availability::Offline {
                why: "inactive".to_owned(),
            }
        })
    }
}
