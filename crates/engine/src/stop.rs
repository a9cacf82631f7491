//! When a run stops: the stop rule, interrupts, the deadline.

use std::fmt;

use serde::Serialize;

use svar_plan::{CountOrPercent, OnStop, StopBase, StopWhen};
use svar_wire::Moment;

use crate::end::EndState;
use crate::fact::Interrupt;

/// Orders for the run as a whole. Every device obeys them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Orders {
    /// The most severe interrupt since the run was last resumed.
    pub(crate) interrupt: Option<Interrupt>,
    /// The run is to end: no further device is started.
    pub(crate) stopped: Option<Stopped>,
    /// The run's deadline has passed.
    pub(crate) deadline_passed: bool,
    /// `offline.until` has passed.
    pub(crate) offline_limit_passed: bool,
    /// The tenant can't be used any more.
    pub(crate) tenant_lost: bool,
}

/// A run that is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stopped {
    /// When that was decided first.
    pub at: Moment,
    /// What happens to started devices: the most severe of all orders.
    pub how: OnStop,
    /// Who stopped it first.
    pub by: StoppedBy,
}

/// Who stopped a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// The operator.
    Operator,
    /// The playbook's stop rule.
    Rule,
}

impl Orders {
    /// Stops the run. A second call can only make it more severe.
    pub(crate) fn stop(&mut self, at: Moment, how: OnStop, by: StoppedBy) {
        let stopped = self.stopped.get_or_insert(Stopped { at, how, by });
        stopped.how = stopped.how.max(how);
    }

    /// Returns whether no start of main work is sent.
    pub(crate) fn is_paused(&self) -> bool {
        self.interrupt.is_some() || self.tenant_lost
    }

    /// Returns whether no further device is started.
    pub(crate) fn begins_no_device(&self) -> bool {
        self.is_paused() || self.stopped.is_some() || self.deadline_passed
    }
}

/// Counts of the devices whose result is certain, as the stop rule counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StopCounts {
    pub(crate) failed: u32,
    pub(crate) finished: u32,
    pub(crate) targets: u32,
}

impl StopCounts {
    /// Counts a device. A device that was left out, or that the stop itself kept from starting,
    /// says nothing about the playbook.
    pub(crate) fn count(&mut self, state: EndState) {
        match state {
            EndState::Failed | EndState::ExpectFailed | EndState::TimedOut | EndState::Unknown => {
                self.failed += 1;
                self.finished += 1;
            }
            EndState::Ok | EndState::Busy | EndState::OfflineExpired | EndState::Cancelled => {
                self.finished += 1;
            }
            EndState::NotStarted | EndState::Skipped => {}
        }
    }

    fn base(&self, rule: &StopWhen) -> u32 {
        match rule.of {
            StopBase::Finished => self.finished,
            StopBase::Targets => self.targets,
        }
    }

    /// Returns whether the rule is met: at or above the threshold.
    pub(crate) fn is_met(&self, rule: &StopWhen) -> bool {
        match rule.failed {
            CountOrPercent::Count(threshold) => self.failed > 0 && self.failed >= threshold,
            CountOrPercent::Percent(threshold) => {
                self.failed > 0
                    && self.finished >= rule.after
                    && f64::from(self.failed) * 100.0 + 1e-9
                        >= threshold * f64::from(self.base(rule))
            }
        }
    }

    /// Returns how far the rule is from being met, with `left_out` devices that were left out.
    pub(crate) fn standing(&self, rule: &StopWhen, left_out: u32) -> StopRuleStatus {
        // With every further failure one more device has finished.
        let further = |more: u32| StopCounts {
            failed: self.failed.saturating_add(more),
            finished: self.finished.saturating_add(more),
            ..*self
        };
        let open = (self.targets).saturating_sub(self.finished + left_out);
        let (mut few, mut many) = (0, open.saturating_add(1));
        while few < many {
            let middle = few + (many - few) / 2;
            if further(middle).is_met(rule) {
                many = middle;
            } else {
                few = middle + 1;
            }
        }
        StopRuleStatus {
            rule: *rule,
            failed: self.failed,
            finished: self.finished,
            targets: self.targets,
            open,
            stops: self.is_met(rule),
            failures_left: (few <= open).then_some(few),
        }
    }
}

/// How far the stop rule is from being met; its `Display` is a sentence with the numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StopRuleStatus {
    /// The rule.
    pub rule: StopWhen,
    /// Devices that have failed, as the rule counts.
    pub failed: u32,
    /// Devices that have finished, as the rule counts: those that were left out or never started
    /// are not among them.
    pub finished: u32,
    /// All devices.
    pub targets: u32,
    /// Devices that may still fail.
    pub open: u32,
    /// The rule holds.
    pub stops: bool,
    /// Further failures in a row that would meet it, 0 if it is met; `None` if not even the failure of
    /// all others would.
    pub failures_left: Option<u32>,
}

impl fmt::Display for StopRuleStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StopRuleStatus {
            rule,
            failed,
            finished,
            targets,
            open,
            ..
        } = *self;
        let have = match failed {
            1 => "has",
            _ => "have",
        };
        match rule.of {
            StopBase::Targets if matches!(rule.failed, CountOrPercent::Percent(_)) => {
                write!(f, "{failed} of {targets} targets {have} failed")?;
            }
            _ if finished == 0 => f.write_str("no device has finished yet")?,
            _ => write!(f, "{failed} of {finished} finished {have} failed")?,
        }
        match rule.failed {
            CountOrPercent::Count(threshold) => write!(f, "; stops at {threshold}")?,
            CountOrPercent::Percent(threshold) => {
                let base = match rule.of {
                    StopBase::Finished => finished,
                    StopBase::Targets => targets,
                };
                if base > 0 {
                    let share = f64::from(failed) * 100.0 / f64::from(base);
                    write!(f, ", {share:.1}%")?;
                }
                write!(f, "; stops at {threshold}%")?;
                if rule.after > 1 {
                    write!(f, ", counted from {} on", rule.after)?;
                }
            }
        }
        f.write_str(": ")?;
        match self.failures_left {
            Some(0) => f.write_str("the run stops"),
            Some(1) => f.write_str("one more failure stops the run"),
            Some(more) => write!(f, "{more} more failures stop the run"),
            None if open == 0 => f.write_str("no device is left that could stop the run"),
            None => f.write_str("the stop rule can no longer be met"),
        }
    }
}
