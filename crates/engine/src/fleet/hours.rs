//! The hours of the policy's `window`: when starts are allowed, and when waiting sessions are recalled.

use svar_wire::Moment;

use super::Fleet;

impl Fleet {
    /// Updates the current or next opening of the policy's hours. When one ends, every open session is
    /// looked at.
    pub(super) fn update_hours(&mut self, now: Moment) {
        if let Some(hours) = &self.plan.policy.window
            && self.opening.is_none_or(|opening| opening.to <= now)
        {
            self.opening = Some(hours.current_or_next(now));
            self.queues.dirty.extend(self.open.iter().copied());
        }
        // An interrupted run does not wait for the next opening to clean up.
        if self.orders.interrupt.is_some() && self.hours_allow_at(now) > now {
            let starts = self.queues.starts.iter().map(|turn| turn.device);
            self.queues.dirty.extend(starts);
        }
    }

    /// Returns whether the time of the last poll lies outside the hours.
    pub(super) fn is_outside_hours(&self) -> bool {
        self.opening.is_some_and(|opening| self.now < opening.from)
    }

    /// Returns when the present hours end, if a session waits for its device that is recalled then.
    pub(super) fn hours_end_at(&self, now: Moment) -> Option<Moment> {
        let opening = self.opening?;
        let waits = self.open.iter().any(|id| {
            let state = &self.devices[id.place()].state;
            state.waits_for_device().is_some()
        });
        (opening.from <= now && waits).then_some(opening.to)
    }

    /// Returns the first moment from `at` on at which the hours allow a start. The last starts come a
    /// little before the end, so that a device that is online takes its session within the hours: else
    /// it would be recalled in the very moment in which it begins.
    pub(super) fn hours_allow_at(&self, at: Moment) -> Moment {
        let Some(hours) = &self.plan.policy.window else {
            return at;
        };
        let opening = match self.opening {
            Some(opening) if at < opening.to => opening,
            _ => hours.current_or_next(at),
        };
        if at < opening.last_start() {
            opening.from.max(at)
        } else {
            hours.current_or_next(opening.to).from.max(at)
        }
    }
}
