//! Settings that hold for the whole run: evaluated once, defaults filled in.

use std::time::Duration;

use svar_language::playbook::Playbook;
use svar_language::playbook::model::{self, Step};

use super::setting::Settings;
use crate::hours::Hours;
use crate::model::{
    Amount, CleanupWhen, OfflineMode, OfflinePolicy, OnFail, OnStop, Policy, ResultsWanted,
    RetryPolicy, StopBase, StopWhen,
};

/// How long a device that is busy with somebody else's session is waited for (design, section 2).
const BUSY_WAIT: Duration = Duration::from_secs(15 * 60);
/// How long sleeping devices are waited for (design, section 2).
const OFFLINE_UNTIL: Duration = Duration::from_secs(24 * 3_600);
/// Slots that sleeping devices may hold (design, section 2).
const OFFLINE_SLOTS: u32 = 5;
/// The pause before a further try (model).
const RETRY_DELAY: Duration = Duration::from_secs(30);

impl Settings<'_> {
    pub(crate) fn policy(&mut self, playbook: &Playbook) -> Policy {
        let rollout = playbook.rollout.clone().unwrap_or_default();
        let offline = playbook.offline.clone().unwrap_or_default();
        let stop_when = match &rollout.stop_when {
            None => StopWhen {
                failed: Amount::Count(1),
                of: StopBase::Finished,
                after: 1,
            },
            Some(rule) => StopWhen {
                failed: self.settle(&rule.failed).map_or(Amount::Count(1), amount),
                of: match self.optional(rule.of.as_ref()).unwrap_or_default() {
                    model::StopBase::Finished => StopBase::Finished,
                    model::StopBase::Targets => StopBase::Targets,
                },
                after: self.optional(rule.after.as_ref()).unwrap_or(1),
            },
        };
        let risk = match self.optional(playbook.risk.as_ref()).unwrap_or_default() {
            model::Risk::Read => "read",
            model::Risk::Change => "change",
            model::Risk::Destructive => "destructive",
        };
        let waves = rollout.waves.iter().filter_map(|wave| self.settle(wave));
        Policy {
            risk: risk.to_owned(),
            waves: waves.map(amount).collect(),
            soak_ms: self.period(rollout.soak.as_ref()).map_or(0, millis),
            max_active: self.optional(rollout.max_active.as_ref()),
            stop_when,
            on_stop: match self.optional(rollout.on_stop.as_ref()).unwrap_or_default() {
                model::OnStop::Drain => OnStop::Drain,
                model::OnStop::CancelQueued => OnStop::CancelQueued,
                model::OnStop::Abort => OnStop::Abort,
            },
            offline: OfflinePolicy {
                mode: match self.optional(offline.mode.as_ref()).unwrap_or_default() {
                    model::OfflineMode::Hold => OfflineMode::Hold,
                    model::OfflineMode::Queue => OfflineMode::Queue,
                    model::OfflineMode::Skip => OfflineMode::Skip,
                },
                max_slots: self
                    .optional(offline.max_slots.as_ref())
                    .unwrap_or(OFFLINE_SLOTS),
                until_ms: millis(self.period(offline.until.as_ref()).unwrap_or(OFFLINE_UNTIL)),
            },
            deadline_ms: self.period(playbook.deadline.as_ref()).map(millis),
            window: self.hours(playbook),
            cleanup_when: match self
                .optional(playbook.cleanup_when.as_ref())
                .unwrap_or_default()
            {
                model::CleanupWhen::Always => CleanupWhen::Always,
                model::CleanupWhen::Failed => CleanupWhen::Failed,
            },
            busy_wait_ms: millis(BUSY_WAIT),
        }
    }

    fn hours(&mut self, playbook: &Playbook) -> Option<Hours> {
        let setting = playbook.window.as_ref()?;
        let window = self.settle(setting)?;
        Hours::of(window)
            .map_err(|why| {
                let problem = self.values.problem("setting-value", setting.node(), why);
                self.problems.push(problem.help(
                    "Write a zone such as `Europe/Stockholm` or `UTC`; if this one exists, install \
                     the time zone database (`tzdata`).",
                ));
            })
            .ok()
    }

    pub(crate) fn on_fail(&mut self, step: &Step) -> OnFail {
        match self.optional(step.on_fail.as_ref()).unwrap_or_default() {
            model::OnFail::Stop => OnFail::Stop,
            model::OnFail::Continue => OnFail::Continue,
        }
    }

    pub(crate) fn results(&mut self, step: &Step) -> ResultsWanted {
        match self.optional(step.results.as_ref()).unwrap_or_default() {
            model::ResultsWanted::All => ResultsWanted::All,
            model::ResultsWanted::Failed => ResultsWanted::Failed,
            model::ResultsWanted::None => ResultsWanted::None,
        }
    }

    pub(crate) fn retry(&mut self, step: &Step) -> Option<RetryPolicy> {
        let retry = step.retry.as_ref()?;
        let max = self.settle(&retry.max)?;
        (max > 0).then(|| RetryPolicy {
            max,
            delay_ms: millis(self.period(retry.delay.as_ref()).unwrap_or(RETRY_DELAY)),
        })
    }
}

fn amount(amount: model::Amount) -> Amount {
    match amount {
        model::Amount::Count(count) => Amount::Count(count),
        model::Amount::Percent(share) => Amount::Percent(share),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
