//! Settings of the whole run, evaluated once, with defaults.

use std::time::Duration;

use svar_language::playbook::model::{Period, Step};
use svar_language::playbook::{Playbook, defaults};

use super::setting::Settings;
use crate::hours::Hours;
use crate::model::{OfflinePolicy, Policy, RetryPolicy, StopWhen};
use crate::rules;

/// Maximum wait for a device that is busy with another session. No key of a playbook sets it.
const BUSY_WAIT: Duration = Duration::from_secs(15 * 60);

impl Settings<'_> {
    /// Evaluates the policy of a playbook.
    pub(super) fn policy(&mut self, playbook: &Playbook) -> Policy {
        let rollout = playbook.rollout.clone().unwrap_or_default();
        let offline = playbook.offline.clone().unwrap_or_default();
        let stop_when = match &rollout.stop_when {
            None => StopWhen {
                failed: defaults::STOP_FAILED,
                of: Default::default(),
                after: defaults::STOP_AFTER,
            },
            Some(rule) => StopWhen {
                failed: self.evaluate(&rule.failed).unwrap_or(defaults::STOP_FAILED),
                of: self.evaluate_optional(rule.of.as_ref()).unwrap_or_default(),
                after: self
                    .evaluate_optional(rule.after.as_ref())
                    .unwrap_or(defaults::STOP_AFTER),
            },
        };
        let waves = rollout.waves.iter().filter_map(|wave| self.evaluate(wave));
        Policy {
            waves: waves.collect(),
            risk: self
                .evaluate_optional(playbook.risk.as_ref())
                .unwrap_or_default(),
            soak_ms: self
                .evaluate_optional(rollout.soak.as_ref())
                .map_or(0, |Period(soak)| millis(soak)),
            max_active: self.evaluate_optional(rollout.max_active.as_ref()),
            stop_when,
            on_stop: self
                .evaluate_optional(rollout.on_stop.as_ref())
                .unwrap_or_default(),
            offline: OfflinePolicy {
                mode: self
                    .evaluate_optional(offline.mode.as_ref())
                    .unwrap_or_default(),
                max_slots: self
                    .evaluate_optional(offline.max_slots.as_ref())
                    .unwrap_or(defaults::OFFLINE_SLOTS),
                until_ms: millis(
                    self.evaluate_optional(offline.until.as_ref())
                        .unwrap_or(defaults::OFFLINE_UNTIL)
                        .0,
                ),
            },
            deadline_ms: self
                .evaluate_optional(playbook.deadline.as_ref())
                .map(|Period(deadline)| millis(deadline)),
            window: self.hours(playbook),
            cleanup_when: self
                .evaluate_optional(playbook.cleanup_when.as_ref())
                .unwrap_or_default(),
            busy_wait_ms: millis(BUSY_WAIT),
        }
    }

    fn hours(&mut self, playbook: &Playbook) -> Option<Hours> {
        let setting = playbook.window.as_ref()?;
        let window = self.evaluate(setting)?;
        Hours::of(window)
            .map_err(|unknown| {
                let problem = self.evaluator.problem(
                    &rules::INVALID_SETTING,
                    setting.node(),
                    unknown.to_string(),
                );
                self.problems.push(problem.help(
                    "Write a zone such as `Europe/Stockholm` or `UTC`; if this one exists, install \
                     the time zone database (`tzdata`).",
                ));
            })
            .ok()
    }

    /// Evaluates the `retry` of a step. Returns `None` if there are no retries.
    pub(super) fn retry(&mut self, step: &Step) -> Option<RetryPolicy> {
        let retry = step.retry.as_ref()?;
        let max = self.evaluate(&retry.max)?;
        let Period(delay) = self
            .evaluate_optional(retry.delay.as_ref())
            .unwrap_or(defaults::RETRY_DELAY);
        (max > 0).then(|| RetryPolicy {
            max,
            delay_ms: millis(delay),
        })
    }
}

/// Converts a duration of a playbook to milliseconds. It has at most a hundred years, so it fits.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or_else(|_| panic!("internal error: a period of {duration:?} in a playbook"))
}
