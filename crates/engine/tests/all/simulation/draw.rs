//! A plan out of a seed.

use std::sync::Arc;

use svar_plan::{CleanupWhen, CountOrPercent, OfflineMode, OnStop, Plan, ResultsWanted, StopBase};

use super::super::build::{Draft, Step, get, plan, put, run};
use super::super::world::Dice;

fn draw_step(dice: &mut Dice, step: Step) -> Step {
    let step = match dice.percent(40) {
        true => step.judged(),
        false => step,
    };
    step.results(dice.pick(&[
        ResultsWanted::All,
        ResultsWanted::All,
        ResultsWanted::Failed,
        ResultsWanted::None,
    ]))
}

pub(super) fn draw_plan(dice: &mut Dice) -> Arc<Plan> {
    let mut draft = plan(dice.between(1, 8) as u32);
    for number in 0..dice.between(1, 3) {
        let mut steps: Vec<Step> = vec![];
        if dice.percent(40) {
            steps.push(put());
        }
        if dice.percent(70) {
            steps.push(draw_step(dice, run()));
        }
        if dice.percent(40) || steps.is_empty() {
            steps.push(draw_step(dice, get()));
        }
        let last = steps.pop().unwrap();
        steps.push(match dice.between(0, 9) {
            0 => last.may_fail(),
            1 => last.retry(dice.between(1, 2) as u16, dice.between(0, 60)),
            2 => last.timeout(dice.between(5, 300)),
            _ => last,
        });
        draft = if number > 0 && dice.percent(30) {
            draft.waiting_session(&steps)
        } else {
            draft.session(&steps)
        };
    }
    if dice.percent(50) {
        draft = draft.cleanup(&[draw_step(dice, run())]);
    }
    draw_policy(dice, draft).done()
}

fn draw_policy(dice: &mut Dice, mut draft: Draft) -> Draft {
    let policy = &mut draft.policy;
    if dice.percent(70) {
        policy.stop_when.failed = CountOrPercent::Count(dice.pick(&[2, 5, 100]));
    }
    if dice.percent(20) {
        policy.stop_when.failed = CountOrPercent::Percent(dice.between(10, 60) as f64);
        policy.stop_when.of = dice.pick(&[StopBase::Finished, StopBase::Targets]);
        policy.stop_when.after = dice.between(0, 4) as u32;
    }
    policy.on_stop = dice.pick(&[OnStop::Drain, OnStop::CancelQueued, OnStop::Abort]);
    if dice.percent(25) {
        policy.waves = vec![
            CountOrPercent::Count(1),
            CountOrPercent::Percent(50.0),
            CountOrPercent::Percent(100.0),
        ];
        policy.soak_ms = dice.pick(&[0, 60_000]);
    }
    if dice.percent(15) {
        policy.max_active = Some(dice.between(1, 3) as u32);
    }
    if dice.percent(15) {
        policy.deadline_ms = Some(dice.between(60, 3_600) * 1_000);
    }
    policy.cleanup_when = dice.pick(&[
        CleanupWhen::Always,
        CleanupWhen::Always,
        CleanupWhen::Failed,
    ]);
    policy.offline.mode = dice.pick(&[
        OfflineMode::Queue,
        OfflineMode::Queue,
        OfflineMode::Hold,
        OfflineMode::Skip,
    ]);
    policy.offline.max_slots = dice.between(1, 3) as u32;
    policy.offline.until_ms = dice.pick(&[1_800_000, 7_200_000, 86_400_000]);
    policy.busy_wait_ms = dice.pick(&[60_000, 900_000]);
    draft.limits.slots = dice.between(1, 6) as u32;
    draft.limits.starts_per_minute = dice.pick(&[2, 5, 10]);
    draft.limits.queue_seconds = dice.pick(&[600, 600, 3_600]);
    draft
}
