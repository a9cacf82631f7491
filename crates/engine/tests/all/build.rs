//! Plans by hand, so that these tests need no playbook.

use std::sync::Arc;
use std::time::Duration;

use svar_plan::{
    CleanupWhen, CommandPlan, CountOrPercent, DevicePlan, Limits, LimitsProfile, OfflineMode,
    OfflinePolicy, OnFail, OnStop, Plan, Policy, ResultsWanted, RetryPolicy, Secrets, Session,
    SessionKind, StepIndex, StepLocation, StepPlan, StopBase, StopWhen, Target, Verb,
};
use svar_wire::{Command, LiveResponseRequest};
use svar_wire::{DeviceId, RunId};

pub(super) fn run_id() -> RunId {
    RunId::parse("run-1").unwrap()
}

pub(super) fn device_id(device: u32) -> DeviceId {
    DeviceId::parse(&format!("{device:040x}")).unwrap()
}

/// A step under construction.
#[derive(Clone)]
pub(super) struct Step(StepPlan);

fn step(verb: Verb) -> Step {
    Step(StepPlan {
        name: String::new(),
        title: String::new(),
        verb,
        kind: SessionKind::Main,
        place: StepLocation {
            file: "by-hand.yaml".into(),
            pointer: String::new(),
            line: 1,
            column: 1,
        },
        on_fail: OnFail::Stop,
        retry: None,
        timeout: None,
        results: ResultsWanted::All,
        judged: false,
    })
}

pub(super) fn put() -> Step {
    step(Verb::Put)
}

pub(super) fn run() -> Step {
    step(Verb::Run)
}

pub(super) fn get() -> Step {
    step(Verb::Get)
}

impl Step {
    pub(super) fn judged(mut self) -> Self {
        self.0.judged = true;
        self
    }

    pub(super) fn results(mut self, wanted: ResultsWanted) -> Self {
        self.0.results = wanted;
        self
    }

    pub(super) fn may_fail(mut self) -> Self {
        self.0.on_fail = OnFail::Continue;
        self
    }

    pub(super) fn retry(mut self, max: u16, delay: u64) -> Self {
        self.0.retry = Some(RetryPolicy {
            max,
            delay_ms: delay * 1_000,
        });
        self
    }

    pub(super) fn timeout(mut self, seconds: u64) -> Self {
        self.0.timeout = Some(Duration::from_secs(seconds));
        self
    }
}

/// A plan under construction: every device gets the same.
pub(super) struct Draft {
    devices: u32,
    steps: Vec<StepPlan>,
    sessions: Vec<Session>,
    pub(super) policy: Policy,
    pub(super) limits: Limits,
}

/// A plan for that many devices, with the defaults of the language.
pub(super) fn plan(devices: u32) -> Draft {
    Draft {
        devices,
        steps: Vec::new(),
        sessions: Vec::new(),
        policy: Policy {
            risk: Default::default(),
            waves: vec![CountOrPercent::Percent(100.0)],
            soak_ms: 0,
            max_active: None,
            stop_when: StopWhen {
                failed: CountOrPercent::Count(1),
                of: StopBase::Finished,
                after: 0,
            },
            on_stop: OnStop::Drain,
            offline: OfflinePolicy {
                mode: OfflineMode::Queue,
                max_slots: 5,
                until_ms: 24 * 3_600_000,
            },
            deadline_ms: None,
            window: None,
            cleanup_when: CleanupWhen::Always,
            busy_wait_ms: 15 * 60_000,
        },
        limits: Limits::of(LimitsProfile::Safe),
    }
}

impl Draft {
    pub(super) fn session(self, steps: &[Step]) -> Self {
        self.add(SessionKind::Main, steps, false)
    }

    /// A session that waits for the results of an earlier one.
    pub(super) fn waiting_session(self, steps: &[Step]) -> Self {
        self.add(SessionKind::Main, steps, true)
    }

    pub(super) fn cleanup(self, steps: &[Step]) -> Self {
        self.add(SessionKind::Cleanup, steps, false)
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// The stop rule out of the way.
    pub(super) fn never_stop(self) -> Self {
        self.with(|policy| policy.stop_when.failed = CountOrPercent::Count(u32::MAX))
    }

    pub(super) fn slots(mut self, slots: u32) -> Self {
        self.limits.slots = slots;
        self
    }

    fn add(mut self, kind: SessionKind, steps: &[Step], waits: bool) -> Self {
        let mut commands = Vec::new();
        let mut sent = Vec::new();
        for Step(step) in steps {
            let index = self.steps.len() as u16;
            let mut step = step.clone();
            step.name = format!("step-{}", index + 1);
            step.title = step.name.clone();
            step.kind = kind;
            commands.push(CommandPlan {
                step: StepIndex(index),
                verb: step.verb,
            });
            sent.push(match step.verb {
                Verb::Put => Command::put_file(&step.name),
                Verb::Run => Command::run_script(&step.name, None),
                Verb::Get => Command::get_file(&step.name),
            });
            self.steps.push(step);
        }
        self.sessions.push(Session {
            kind,
            commands,
            request: (!waits).then(|| {
                Arc::new(LiveResponseRequest {
                    commands: sent,
                    comment: String::new(),
                })
            }),
            waits_for: if waits { vec!["step-1".into()] } else { vec![] },
        });
        self
    }

    pub(super) fn done(self) -> Arc<Plan> {
        let sessions: Arc<[Session]> = self.sessions.into();
        let devices = (0..self.devices).map(|device| DevicePlan {
            target: Arc::new(Target {
                id: device_id(device),
                name: None,
                os: None,
                tags: vec![],
                group: None,
                reason: "by hand".into(),
            }),
            sessions: sessions.clone(),
        });
        Arc::new(Plan {
            digest: "sha256:by-hand".into(),
            name: "by hand".into(),
            file: "by-hand.yaml".into(),
            policy: self.policy,
            limits: self.limits,
            steps: self.steps,
            devices: devices.collect(),
            inputs: Vec::new(),
            library: Vec::new(),
            notes: Vec::new(),
            secrets: Secrets::default(),
        })
    }
}
