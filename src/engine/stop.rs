//! When a run stops: the stop rule, interrupts, the deadline.

use serde::Serialize;

use crate::moment::Moment;
use crate::plan::{Amount, OnStop, StopBase, StopWhen};

use super::fact::EndState;

/// What the run as a whole has been told. Every lane obeys it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Orders {
    /// Interrupts since the run was last taken up.
    pub(super) interrupts: u8,
    /// The stop rule has fallen, at that moment.
    pub(super) stopped: Option<(Moment, OnStop)>,
    /// The run's deadline has passed.
    pub(super) deadline: bool,
    /// `offline.until` has passed.
    pub(super) offline: bool,
    /// The tenant can't be used any more.
    pub(super) lost: bool,
}

impl Orders {
    /// No start of main work is sent.
    pub(super) fn halted(&self) -> bool {
        self.interrupts > 0 || self.lost
    }

    /// No machine is begun any more.
    pub(super) fn closed(&self) -> bool {
        self.halted() || self.stopped.is_some() || self.deadline
    }
}

/// How many machines have decided themselves, as the stop rule counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Score {
    pub(super) failed: u32,
    pub(super) finished: u32,
    pub(super) targets: u32,
}

impl Score {
    /// Counts a machine in. A machine that was left out, or that the stop itself kept from starting,
    /// says nothing about the playbook.
    pub(super) fn count(&mut self, state: EndState) {
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

    /// Whether the rule falls: at or above the threshold.
    pub(super) fn stops(&self, rule: &StopWhen) -> bool {
        match rule.failed {
            Amount::Count(threshold) => self.failed > 0 && self.failed >= threshold,
            Amount::Percent(threshold) => {
                self.failed > 0
                    && self.finished >= rule.after
                    && f64::from(self.failed) * 100.0 + 1e-9
                        >= threshold * f64::from(self.base(rule))
            }
        }
    }

    /// How the rule stands, in words with numbers.
    pub(super) fn would_stop(&self, rule: &StopWhen) -> String {
        let Score {
            failed, finished, ..
        } = *self;
        let verdict = if self.stops(rule) {
            "the run stops"
        } else {
            "the run goes on"
        };
        match rule.failed {
            Amount::Count(threshold) => format!(
                "{failed} failed of {finished} finished machines; the rule stops at {threshold} or \
                 more failed: {verdict}"
            ),
            Amount::Percent(threshold) => {
                let base = self.base(rule);
                let share = if base == 0 {
                    0.0
                } else {
                    f64::from(failed) * 100.0 / f64::from(base)
                };
                let of = match rule.of {
                    StopBase::Finished => "finished machines",
                    StopBase::Targets => "targets",
                };
                let sample = if finished < rule.after {
                    format!(
                        ", but only from {} finished machines on, and {finished} have",
                        rule.after
                    )
                } else {
                    String::new()
                };
                format!(
                    "{failed} failed of {base} {of} ({share:.1}%); the rule stops at {threshold}% \
                     or more{sample}: {verdict}"
                )
            }
        }
    }
}

/// How many machines an amount means of `total`; a share is rounded up.
pub(super) fn machines(amount: Amount, total: u32) -> u32 {
    match amount {
        Amount::Count(count) => count.min(total),
        Amount::Percent(share) => {
            let exact = f64::from(total) * share / 100.0;
            // A share of a hundred that the binary form puts a hair above the whole number stays it.
            let rounded = (exact - 1e-9).ceil().clamp(0.0, f64::from(total));
            rounded as u32
        }
    }
}
