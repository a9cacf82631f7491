//! What a plan costs in calls, and the least time that the limits allow for it.

use std::time::Duration;

use super::session::{Plan, ResultsWanted, Session, SessionKind, Verb};

/// Calls of a run in which everything goes well, every machine is awake and nobody else uses the
/// tenant's quota. Conditions that only results can decide count as met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Sessions to start.
    pub starts: u64,
    /// Results to fetch.
    pub links: u64,
    /// No run is faster than this.
    pub at_least: Duration,
    /// Which limit says so.
    pub binding: String,
}

impl Forecast {
    /// Counts a plan's calls. Cleanup counts where it always runs.
    pub fn of(plan: &Plan) -> Forecast {
        let counts = |session: &&Session| {
            session.kind == SessionKind::Main
                || plan.policy.cleanup_when == super::CleanupWhen::Always
        };
        let mut starts = 0;
        let mut links = 0;
        for machine in &plan.machines {
            for session in machine.sessions.iter().filter(counts) {
                starts += 1;
                links += session
                    .commands
                    .iter()
                    .filter(|command| {
                        let step = &plan.steps[usize::from(command.step)];
                        command.verb != Verb::Put
                            && (step.judged || step.results == ResultsWanted::All)
                    })
                    .count() as u64;
            }
        }
        let limits = &plan.limits;
        let minutes = |calls: u64, per_minute: u32| {
            // The first minute's calls need no waiting.
            calls.saturating_sub(1) / u64::from(per_minute.max(1)) * 60
        };
        let hours = |calls: u64, per_hour: u32| {
            calls.saturating_sub(1) / u64::from(per_hour.max(1)) * 3_600
        };
        let bounds = [
            (
                minutes(starts, limits.starts_per_minute),
                format!("{} starts a minute", limits.starts_per_minute),
            ),
            (
                minutes(links, limits.links.per_minute),
                format!("{} result links a minute", limits.links.per_minute),
            ),
            (
                hours(links, limits.links.per_hour),
                format!("{} result links an hour", limits.links.per_hour),
            ),
        ];
        let (seconds, binding) = bounds
            .into_iter()
            .rev()
            .max_by_key(|(seconds, _)| *seconds)
            .unwrap_or_default();
        Forecast {
            starts,
            links,
            at_least: Duration::from_secs(seconds),
            binding,
        }
    }
}
