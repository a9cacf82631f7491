//! Settings that hold for the whole run: evaluated once, defaults filled in.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use svar_language::diagnostic::Problem;
use svar_language::playbook::model::{self, Period, Step};
use svar_language::playbook::{Playbook, Templated};
use svar_language::yaml::NodeId;

use super::hours::Hours;
use super::scope::Values;
use super::session::{
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

/// Evaluates settings and keeps what is wrong with them.
pub(super) struct Settings<'v> {
    pub(super) values: &'v Values,
    pub(super) problems: Vec<Problem>,
}

impl Settings<'_> {
    /// The value of a setting; `None` where it is wrong, which is then among the problems.
    pub(super) fn settle<T: Clone + DeserializeOwned>(
        &mut self,
        setting: &Templated<T>,
    ) -> Option<T> {
        let text = match setting {
            Templated::Value(value) => return Some(value.value.clone()),
            Templated::Template(text) => text,
        };
        match self.evaluate(text.node, &text.value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn evaluate<T: DeserializeOwned>(&self, node: NodeId, text: &str) -> Result<T, Problem> {
        let field = self.values.text_field(node, text)?;
        let Some(value) = field.known() else {
            return Err(self.values.problem(
                "template-value",
                node,
                "this must be the same for the whole run, and the value depends on the target",
            ));
        };
        read(value).map_err(|why| {
            self.values
                .problem("setting-value", node, why)
                .label(format!("gives `{}`", shorten(&value.to_string())))
        })
    }

    /// As [`Settings::settle`], for a setting that may be left out.
    pub(super) fn optional<T: Clone + DeserializeOwned>(
        &mut self,
        setting: Option<&Templated<T>>,
    ) -> Option<T> {
        setting.and_then(|setting| self.settle(setting))
    }

    pub(super) fn policy(&mut self, playbook: &Playbook) -> Policy {
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

    pub(super) fn on_fail(&mut self, step: &Step) -> OnFail {
        match self.optional(step.on_fail.as_ref()).unwrap_or_default() {
            model::OnFail::Stop => OnFail::Stop,
            model::OnFail::Continue => OnFail::Continue,
        }
    }

    pub(super) fn results(&mut self, step: &Step) -> ResultsWanted {
        match self.optional(step.results.as_ref()).unwrap_or_default() {
            model::ResultsWanted::All => ResultsWanted::All,
            model::ResultsWanted::Failed => ResultsWanted::Failed,
            model::ResultsWanted::None => ResultsWanted::None,
        }
    }

    pub(super) fn retry(&mut self, step: &Step) -> Option<RetryPolicy> {
        let retry = step.retry.as_ref()?;
        let max = self.settle(&retry.max)?;
        (max > 0).then(|| RetryPolicy {
            max,
            delay_ms: millis(self.period(retry.delay.as_ref()).unwrap_or(RETRY_DELAY)),
        })
    }

    pub(super) fn period(&mut self, setting: Option<&Templated<Period>>) -> Option<Duration> {
        self.optional(setting).map(|Period(duration)| duration)
    }
}

/// Reads a value as a setting's type. A text may stand for a number, as `5` does in a larger text.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).or_else(|error| {
        let retyped = match value {
            Value::String(text) => serde_json::from_str(text.trim()).ok(),
            Value::Number(number) => Some(Value::String(number.to_string())),
            _ => None,
        };
        retyped
            .and_then(|value: Value| serde_json::from_value(value).ok())
            .ok_or_else(|| error.to_string())
    })
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

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
