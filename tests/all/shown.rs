//! What is shown of a run while it goes on: what holds it up, and how long it will take.

#[path = "../../crates/engine/tests/all/build.rs"]
#[allow(dead_code)]
mod build;
#[path = "../../crates/engine/tests/all/desk.rs"]
#[allow(dead_code)]
mod desk;

use std::sync::Arc;
use std::time::Duration;

use svar::report::{OutputStyle, Progress, ProgressStyle};
use svar_engine::{FactBody, Standstill};
use svar_plan::{CountOrPercent, Hours, OfflineMode, OnStop};
use svar_wire::ActionStatus;

use build::{Draft, plan, run};
use desk::{Desk, START, completed, desk, desk_with, ready};

const NARROW: OutputStyle = OutputStyle {
    color: false,
    unicode: true,
    width: 80,
};

/// Wide enough for the longest totals, whatever the time zone makes of their days and hours.
const WIDE: OutputStyle = OutputStyle {
    width: 120,
    ..NARROW
};

/// Somebody who looks at the run from its start.
fn onlooker(desk: &Desk, output: OutputStyle) -> Progress {
    let mut progress = Progress::new(ProgressStyle::Quiet, Arc::clone(&desk.plan), output);
    progress.update(START, &desk.fleet);
    progress
}

/// Some devices that are online, and others that the machine list does not show.
fn some_offline(draft: Draft, online: u32) -> Desk {
    let mut desk = desk_with(draft.done(), |desk| desk.all_ready = false);
    for device in desk.devices() {
        desk.tell(Some(device), ready(device.0 < online));
    }
    desk.fleet.devices_read(desk.now);
    desk.poll();
    desk
}

fn hold(devices: u32) -> Draft {
    plan(devices)
        .session(&[run()])
        .with(|policy| policy.offline.mode = OfflineMode::Hold)
}

/// The words without times and days, which depend on where they are read.
fn words(text: &str) -> String {
    let text: Vec<&str> = (text.split(' '))
        .filter(|word| !word.contains(':') && !DAYS.contains(word))
        .collect();
    text.join(" ")
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

#[test]
fn the_time_that_is_left_is_told_by_the_run_s_own_clock() {
    let mut desk = desk(plan(8).session(&[run()]).slots(2).done());
    let progress = onlooker(&desk, NARROW);
    for device in 0..4 {
        desk.pass(150);
        desk.play(device, 1);
    }
    assert_eq!(
        progress.total(desk.now, &desk.fleet),
        "4 of 8 devices done, 2 active, 2 waiting, about 10m left"
    );
}

#[test]
fn what_ended_before_the_run_was_taken_up_again_says_nothing_about_the_pace() {
    let mut desk = desk(plan(8).session(&[run()]).slots(2).done());
    for device in 0..4 {
        desk.play(device, 1);
    }
    let mut progress = Progress::new(ProgressStyle::Quiet, Arc::clone(&desk.plan), NARROW);
    progress.update(desk.now, &desk.fleet);
    desk.pass(600);
    assert_eq!(
        progress.total(desk.now, &desk.fleet),
        "4 of 8 devices done, 2 active, 2 waiting"
    );
}

#[test]
fn while_only_offline_devices_are_waited_for_no_time_is_predicted() {
    let mut desk = some_offline(hold(4), 2);
    let progress = onlooker(&desk, NARROW);
    desk.pass(60);
    desk.play(0, 1);
    assert_eq!(desk.fleet.standstill(), None);
    desk.play(1, 1);
    let until = START + Duration::from_secs(24 * 3_600);
    assert_eq!(desk.fleet.standstill(), Some(Standstill::Offline { until }));
    let tally = desk.fleet.tally();
    assert_eq!((tally.offline, tally.active, tally.waiting), (2, 0, 0));
    assert_eq!(
        words(&progress.total(desk.now, &desk.fleet)),
        "2 of 4 devices done, 2 offline, waiting until"
    );
}

#[test]
fn a_device_that_is_offline_with_a_queued_session_is_shown_offline_and_not_active() {
    let mut desk = desk(plan(2).session(&[run()]).done());
    desk.all_ready = false;
    let progress = onlooker(&desk, NARROW);
    desk.start(0);
    desk.start(1);
    let rows = progress.rows(desk.now, &desk.fleet);
    assert!(rows[0].contains("  waiting for the device, then step-1  "));
    assert_eq!(desk.fleet.tally().active, 2);
    desk.pass(320);
    let rows = progress.rows(desk.now, &desk.fleet);
    assert!(
        rows[0].contains("  offline, step-1 queued until "),
        "{rows:?}"
    );
    let tally = desk.fleet.tally();
    assert_eq!((tally.offline, tally.active, tally.waiting), (2, 0, 0));
}

#[test]
fn a_soak_is_named_with_its_end_and_the_wave_that_follows() {
    let draft = plan(4).session(&[run()]).with(|policy| {
        policy.waves = vec![CountOrPercent::Count(2), CountOrPercent::Percent(100.0)];
        policy.soak_ms = 600_000;
    });
    let mut desk = desk(draft.done());
    let progress = onlooker(&desk, WIDE);
    desk.play(0, 1);
    assert_eq!(desk.fleet.standstill(), None);
    desk.play(1, 1);
    let until = desk.now + Duration::from_secs(600);
    desk.pass(60);
    let soak = Standstill::Soak { wave: 1, until };
    assert_eq!(desk.fleet.standstill(), Some(soak));
    let total = words(&progress.total(desk.now, &desk.fleet));
    assert_eq!(
        total,
        "2 of 4 devices done, 2 waiting; soak until then wave 2"
    );
    let rows = progress.rows(desk.now, &desk.fleet);
    assert!(rows[0].contains("  soak: wave 2 from "), "{rows:?}");
    // After the last wave no other one comes.
    desk.pass(540);
    desk.play(2, 1);
    desk.play(3, 1);
    assert_eq!(desk.fleet.standstill(), None);
}

#[test]
fn outside_the_hours_their_opening_is_named_and_after_a_cancel_what_waits_for_it() {
    let draft = plan(3).session(&[run()]).cleanup(&[run()]).slots(1);
    // They end 16 minutes after the start.
    let draft = draft.with(|policy| policy.window = hours("22:00-03:56 Europe/Stockholm"));
    let mut desk = desk(draft.done());
    let progress = onlooker(&desk, WIDE);
    let action = desk.start(0);
    desk.began(0, &action);
    desk.pass(3_600);
    let until = desk.fleet.opens_at().unwrap();
    assert_eq!(
        desk.fleet.standstill(),
        Some(Standstill::Hours {
            until,
            only_cleanup: false
        })
    );
    assert_eq!(
        words(&progress.total(desk.now, &desk.fleet)),
        "0 of 3 devices done, 1 active, 2 waiting; waiting for the window at"
    );
    desk.ended(0, &action, ActionStatus::Succeeded, completed(1));
    desk.deliver(0);
    desk.happens_to_run(FactBody::Stopped {
        how: OnStop::Drain,
        by: "ida".to_owned(),
    });
    assert_eq!(
        desk.fleet.standstill(),
        Some(Standstill::Hours {
            until,
            only_cleanup: true
        })
    );
    assert_eq!(
        words(&progress.total(desk.now, &desk.fleet)),
        "2 of 3 devices done, 2 not ok, 1 active; cleanup waits for the window at"
    );
}

#[test]
fn outside_the_hours_nothing_waits_for_them_while_what_is_left_runs() {
    let draft = plan(1).session(&[run()]);
    let draft = draft.with(|policy| policy.window = hours("22:00-03:56 Europe/Stockholm"));
    let mut desk = desk(draft.done());
    let action = desk.start(0);
    desk.began(0, &action);
    desk.pass(3_600);
    assert!(desk.fleet.opens_at().is_some());
    assert_eq!(desk.fleet.standstill(), None);
}

#[test]
fn a_run_that_is_to_end_foretells_nothing() {
    let mut desk = desk(plan(6).session(&[run()]).slots(2).done());
    let progress = onlooker(&desk, NARROW);
    desk.pass(60);
    desk.play(0, 1);
    desk.play(1, 1);
    desk.start(2);
    let stopped = FactBody::Stopped {
        how: OnStop::Drain,
        by: String::new(),
    };
    desk.happens_to_run(stopped);
    assert_eq!(desk.fleet.standstill(), Some(Standstill::Ending));
    assert_eq!(
        progress.total(desk.now, &desk.fleet),
        "5 of 6 devices done, 3 not ok, 1 active"
    );
}

#[test]
fn rows_and_total_keep_to_the_width_whatever_they_say() {
    let sheets = [40, 60, 80, 120].map(|width| OutputStyle { width, ..NARROW });
    for output in sheets.into_iter().chain(sheets.map(|output| OutputStyle {
        unicode: false,
        ..output
    })) {
        let mut desk = some_offline(hold(200).never_stop(), 150);
        let progress = onlooker(&desk, output);
        for device in 0..120 {
            desk.pass(7);
            match device % 2 {
                0 => desk.fail(device),
                _ => desk.play(device, 1),
            }
        }
        desk.start(120);
        desk.pass(59 * 60 + 59);
        let mut lines = progress.rows(desk.now, &desk.fleet);
        assert!(!lines.is_empty());
        // A bar stands before it, and what is typed behind it.
        let bar = if output.width < 100 { 13 } else { 23 };
        lines.push(" ".repeat(bar + 6) + &progress.total(desk.now, &desk.fleet));
        for line in lines {
            assert!(line.chars().count() <= output.width, "{line}");
            assert!(line.is_ascii() || output.unicode, "{line}");
        }
    }
}

fn hours(text: &str) -> Option<Hours> {
    Some(Hours::of(text.parse().unwrap()).unwrap())
}
