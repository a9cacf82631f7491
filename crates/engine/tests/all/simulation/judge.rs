//! What must hold when a run is over.

use std::collections::BTreeMap;

use svar_engine::{CommandIndex, DeviceIndex, EndState, RequestIndex, SessionIndex, Tally};
use svar_plan::{CleanupWhen, OnFail, ResultsWanted, SessionKind, Verb};

use super::super::world::Deed;
use super::Play;

impl Play {
    /// What must hold when the run is over.
    pub(super) fn judge(&mut self, tally: Tally) -> Result<(), String> {
        self.world.catch_up(self.now);
        if tally.finished() != self.plan.devices.len() as u32 {
            return Err(format!("the end states do not add up: {tally:?}"));
        }
        let mut counted = [0; 10];
        for view in self.fleet.devices() {
            counted[view.standing.index()] += 1;
        }
        if counted != tally.ended {
            return Err(format!(
                "the sums are {tally:?}, the devices say {counted:?}"
            ));
        }
        if let Some(action) = self.world.actions.iter().find(|action| action.is_open()) {
            return Err(format!("{} is left open and nobody says so", action.id));
        }
        for view in self.fleet.devices().collect::<Vec<_>>() {
            let end = view.end.ok_or("a device without an end")?;
            self.judge_device(view.device, end.state, end.cleanup_owed)
                .map_err(|why| format!("device {} ({}): {why}", view.device, end.state))?;
        }
        Ok(())
    }

    fn judge_device(&self, device: DeviceIndex, state: EndState, owed: bool) -> Result<(), String> {
        let sessions = &self.plan.devices[device.place()].sessions;
        let ran: Vec<_> = self
            .world
            .actions
            .iter()
            .filter(|action| action.device == device.0 && action.ran())
            .collect();
        // In order, and none twice: a command runs again only where its step says retry.
        let mut last = SessionIndex::FIRST;
        let mut times: BTreeMap<(SessionIndex, CommandIndex), u16> = BTreeMap::new();
        let mut leaves_traces = false;
        let mut cleaned = false;
        for action in &ran {
            if action.session < last {
                return Err("sessions out of order".into());
            }
            last = action.session;
            let cleanup = action.session.of(sessions).kind == SessionKind::Cleanup;
            if cleanup {
                cleaned = action
                    .done
                    .iter()
                    .zip(&action.commands)
                    .all(|(status, (_, _, deed))| {
                        *status == svar_wire::CommandStatus::Completed && *deed == Deed::Works
                    });
            }
            for (index, verb, _) in &action.commands {
                leaves_traces |= *verb != Verb::Get && !cleanup;
                *times.entry((action.session, *index)).or_default() += 1;
            }
        }
        for ((session, index), count) in &times {
            let command = index.of(&session.of(sessions).commands);
            let retry = command.step.of(&self.plan.steps).retry;
            if *count > 1 + retry.map_or(0, |retry| retry.max) {
                return Err(format!(
                    "session {session} command {index} ran {count} times"
                ));
            }
        }
        if state == EndState::Ok {
            self.judge_ok(device, &times)?;
        }
        if state == EndState::NotStarted && !ran.is_empty() {
            return Err("something ran on it".into());
        }
        let has_cleanup = sessions
            .last()
            .is_some_and(|last| last.kind == SessionKind::Cleanup);
        let due = self.plan.policy.cleanup_when == CleanupWhen::Always || state != EndState::Ok;
        let debt = has_cleanup && due && leaves_traces && !cleaned;
        if debt && !owed {
            return Err("its cleanup was not done, and it is not said".into());
        }
        if owed && cleaned {
            return Err("its cleanup was done, and is called owed".into());
        }
        Ok(())
    }

    /// A device that ended well has done everything, and everything wanted was fetched.
    fn judge_ok(
        &self,
        device: DeviceIndex,
        times: &BTreeMap<(SessionIndex, CommandIndex), u16>,
    ) -> Result<(), String> {
        let sessions = &self.plan.devices[device.place()].sessions;
        for (session, planned) in SessionIndex::enumerate(sessions) {
            if planned.kind == SessionKind::Cleanup {
                continue;
            }
            let expected = if planned.request.is_none() {
                self.resolve(device, session)
            } else {
                CommandIndex::all(planned.commands.len()).collect()
            };
            for index in expected {
                if !times.contains_key(&(session, index)) {
                    return Err(format!("session {session} command {index} never ran"));
                }
            }
        }
        for action in &self.world.actions {
            if action.device != device.0 || !action.ran() {
                continue;
            }
            let commands = &action.session.of(sessions).commands;
            for (place, (index, verb, deed)) in RequestIndex::enumerate(&action.commands) {
                let step = index.of(commands).step.of(&self.plan.steps);
                let works = *deed == Deed::Works && *verb != Verb::Put;
                let wanted = works && (step.judged || step.results == ResultsWanted::All);
                let may_fail = step.on_fail == OnFail::Continue || step.retry.is_some();
                if !works && *deed == Deed::Fails && !may_fail {
                    return Err("a command failed, and it is called ok".into());
                }
                let ended = action.done[place.place()] == svar_wire::CommandStatus::Completed;
                if wanted && ended && !self.delivered.contains(&(action.id.clone(), place)) {
                    return Err(format!("result {place} of {} was never fetched", action.id));
                }
            }
        }
        Ok(())
    }
}
