//! What a plan is said to cost, against numbers counted by hand.

use std::time::Duration;

use svar_language::playbook::NoFiles;
use svar_plan::{
    Forecast, GivenInputs, Inputs, Limits, LimitsProfile, OfflineDelay, PlaybookEdit, Saving,
    TimeLimit, compile,
};

use super::{compiled, loaded, names, target};

fn fleet(count: u32) -> Vec<svar_plan::Target> {
    let name = |number| format!("srv-{number}");
    (1..=count)
        .map(|number| target(number, &name(number), "Linux"))
        .collect()
}

fn minutes(minutes: u64, seconds: u64) -> Duration {
    Duration::from_secs(minutes * 60 + seconds)
}

#[track_caller]
fn forecast(playbook: &str, devices: u32) -> Forecast {
    let playbook =
        format!("playbook: 1\nname: Forecast\nos: linux\ntargets: {{ tag: web }}\n{playbook}");
    Forecast::of(compiled(&playbook, fleet(devices)).plan())
}

#[track_caller]
fn saving(playbook: &str, devices: u32) -> Saving {
    forecast(playbook, devices).saving.expect("an edit")
}

const READ: &str = "steps:\n  - get: /etc/hosts\n";

#[test]
fn one_device_takes_as_long_as_its_session() {
    let forecast = forecast(READ, 1);
    assert_eq!(forecast.calls.starts, 1);
    assert_eq!(forecast.calls.result_links, 1);
    assert_eq!(forecast.calls.device_lists, 1);
    // One list each eight seconds of 2 min 42 s.
    assert_eq!(forecast.calls.status_requests, 21);
    assert_eq!(forecast.at_least, Duration::ZERO);
    assert_eq!(forecast.expected, minutes(2, 42));
    assert_eq!(forecast.limited_by, None);
    assert_eq!(forecast.saving, None, "there is nothing to save");
}

#[test]
fn many_devices_are_bound_by_slots_or_by_starts_as_the_profile_has_it() {
    let safe = forecast(READ, 3_000);
    // 299 whole minutes behind the first ten starts.
    assert_eq!(safe.at_least, minutes(299, 0));
    // 120 times 25 sessions of 162 s each: 25 slots are less than 10 starts a minute.
    assert_eq!(safe.expected, Duration::from_secs(120 * 162));
    assert_eq!(safe.limited_by, Some(TimeLimit::Sessions(25)));
    assert_eq!(safe.calls.device_lists, 60, "200 at a time, 50 in a call");

    let playbook = format!("playbook: 1\nname: x\nos: linux\ntargets: {{ tag: web }}\n{READ}");
    let loaded = loaded(&playbook);
    let inputs = Inputs::merge(&loaded, &GivenInputs::default()).unwrap();
    let limits = Limits::of(LimitsProfile::Current);
    let current = compile(&loaded, &NoFiles, &inputs, fleet(3_000), &names(), &limits).unwrap();
    let current = Forecast::of(current.plan());
    assert_eq!(current.expected, minutes(299, 162));
    assert_eq!(current.limited_by, Some(TimeLimit::StartsPerMinute(10)));
}

#[test]
fn many_results_are_bound_by_their_hour() {
    let gets: String = (1..=10)
        .map(|number| format!("  - get: /var/log/{number}\n"))
        .collect();
    let forecast = forecast(&format!("steps:\n{gets}"), 1_000);
    assert_eq!(forecast.calls.result_links, 10_000);
    // Six whole hours behind the first 1,500.
    assert_eq!(forecast.at_least, minutes(6 * 60, 0));
    assert_eq!(
        forecast.limited_by,
        Some(TimeLimit::ResultLinksPerHour(1_500))
    );
}

#[test]
fn waves_are_waited_for() {
    let waves = format!("rollout: {{ waves: [1, 10%, 100%], soak: 10m }}\n{READ}");
    let one = forecast(READ, 1_000);
    let three = forecast(&waves, 1_000);
    // Two waves to their ends, and two pauses.
    assert_eq!(three.expected - one.expected, minutes(20, 2 * 162));
    // No run is faster than its pauses: they count where nothing else takes as long.
    assert_eq!(
        (one.at_least, three.at_least),
        (minutes(99, 0), minutes(99, 0))
    );
    let few = format!("rollout: {{ waves: [1, 100%], soak: 20m }}\n{READ}");
    assert_eq!(forecast(&few, 40).at_least, minutes(20, 0));
    assert_eq!(forecast(&few, 40).limited_by, Some(TimeLimit::Waves));
}

#[test]
fn offline_devices_cost_the_others_nothing_but_those_that_were_seen_lately() {
    let queue = forecast(READ, 3_000).offline;
    assert_eq!(queue.devices, 300);
    // In slots that nobody else wants; five at a time, each for the two hours of the service's queue,
    // for a day.
    assert_eq!((queue.queued, queue.extra_starts), (5, 60));
    assert_eq!(queue.ends_after, Some(minutes(24 * 60, 0)));
    // Seen lately, five of them keep their slots: 2,700 sessions take 135 rounds of 20 and not 108 of
    // 25. The other 295 hold one of the 20 for five minutes each.
    let longer = Duration::from_secs((135 - 108) * 162 + 295 * 300 / 20);
    assert_eq!(queue.recently_seen.delay, OfflineDelay::Time(longer));
    assert_eq!(queue.recently_seen.extra_starts, 295);
    let hold = forecast(
        &format!("offline: {{ mode: hold, until: 8h }}\n{READ}"),
        3_000,
    )
    .offline;
    assert_eq!((hold.queued, hold.extra_starts), (0, 0));
    assert_eq!(hold.ends_after, Some(minutes(480, 0)));
    // Were all of them seen lately: five minutes of a slot each, 12 times 25 of them, and a start more.
    let hour = OfflineDelay::Time(minutes(60, 0));
    assert_eq!(hold.recently_seen.delay, hour);
    assert_eq!(hold.recently_seen.extra_starts, 300);
    let skip = forecast(&format!("offline: {{ mode: skip }}\n{READ}"), 3_000).offline;
    assert_eq!((skip.queued, skip.device_lists_per_hour), (0, 0));
    assert_eq!(skip.recently_seen.delay, hour);
    assert_eq!(skip.recently_seen.extra_starts, 0);
    assert_eq!(skip.ends_after, None);
}

#[test]
fn offline_devices_are_looked_for_more_often_when_only_they_are_left() {
    let looks = |policy: &str, devices: u32| {
        let offline = forecast(&format!("{policy}\n{READ}"), devices).offline;
        (
            offline.device_lists_per_hour,
            offline.device_lists_per_hour_alone,
            offline.status_requests_per_hour_alone,
        )
    };
    // Every five minutes, then every minute; nothing is open that a list of actions could tell of.
    assert_eq!(looks("offline: { mode: hold }", 3_000), (12, 60, 0));
    // What waits in the service's queue is looked at every 32 seconds.
    assert_eq!(looks("offline: { mode: queue }", 3_000), (12, 60, 112));
    // Four, and all of them wait in the queue.
    assert_eq!(looks("offline: { mode: queue }", 40), (0, 0, 112));
    assert_eq!(looks("offline: { mode: skip }", 3_000), (0, 0, 0));
}

#[test]
fn the_order_that_costs_a_session_is_named_with_the_move_that_saves_it() {
    let playbook = "\
steps:
  - run: first.sh
    expect: { exit: 0 }
  - id: log
    get: /var/log/first.log
  - id: second
    run: second.sh
    expect: { exit: 0 }
";
    let saving = saving(playbook, 2_000);
    let edit = PlaybookEdit::MoveAfter {
        steps: vec!["log".to_owned()],
        after: "second".to_owned(),
    };
    assert_eq!(saving.edit, edit);
    assert_eq!((saving.starts, saving.sessions_per_device), (2_000, 1));
    // 4,000 sessions became 2,000: 160 times 25 became 80.
    assert_eq!(saving.time, Duration::from_secs(80 * 162));
}

#[test]
fn a_put_that_comes_late_is_moved_to_the_front() {
    let playbook = "\
steps:
  - id: look
    run: look.sh
    expect: { exit: 0 }
  - id: tool
    put: tool.bin
  - run: use.sh
    expect: { exit: 0 }
";
    let edit = PlaybookEdit::MoveBefore {
        steps: vec!["tool".to_owned()],
        before: "look".to_owned(),
    };
    assert_eq!(saving(playbook, 10).edit, edit);
}

#[test]
fn a_move_that_a_step_s_data_forbids_is_not_proposed() {
    let playbook = "\
steps:
  - id: log
    get: /var/log/first.log
  - run: second.sh
    when: steps.log.file.size > 0
    expect: { exit: 0 }
";
    assert_eq!(forecast(playbook, 10).saving, None);
}

#[test]
fn a_gate_is_named_and_so_are_results_that_nothing_reads() {
    let gate = "\
steps:
  - id: look
    run: look.sh
    expect: { exit: 0 }
    gate: true
  - run: act.sh
    expect: { exit: 0 }
";
    let edit = PlaybookEdit::RemoveSessionEnd {
        step: "look".to_owned(),
        keys: vec!["gate"],
    };
    assert_eq!(saving(gate, 10).edit, edit);
    let runs: String = (1..=10)
        .map(|number| format!("  - run: a{number}.sh\n"))
        .collect();
    let results = saving(&format!("steps:\n{runs}"), 1_000);
    let steps = (1..=10).map(|number| format!("step-{number}")).collect();
    assert_eq!(results.edit, PlaybookEdit::FetchFailedOnly { steps });
    assert_eq!(results.result_links, 10_000);
}

const TWICE: &str = "\
steps:
  - run: first.sh
    expect: { exit: 0 }
    gate: true
  - run: second.sh
";

#[test]
fn fewer_devices_at_a_time_than_the_tenant_allows_decide_the_time() {
    let one = format!("rollout: {{ max_active: 1 }}\n{TWICE}");
    let forecast_one = forecast(&one, 40);
    // 40 times 2 sessions, one after the other.
    assert_eq!(forecast_one.expected, Duration::from_secs(80 * 162));
    assert_eq!(forecast_one.limited_by, Some(TimeLimit::MaxActive(1)));
    assert_eq!(forecast_one.at_least, minutes(7, 0));
    // A device keeps its place for both of its sessions: 14 rounds of 3 devices, not 27 of sessions.
    let three = forecast(&format!("rollout: {{ max_active: 3 }}\n{TWICE}"), 40);
    assert_eq!(three.expected, Duration::from_secs(14 * 2 * 162));
}

#[test]
fn as_many_devices_at_a_time_as_the_tenant_allows_change_nothing() {
    let plain = forecast(TWICE, 40);
    // 80 sessions, 25 at a time.
    assert_eq!(plain.expected, Duration::from_secs(4 * 162));
    for most in [25, 26, 1_000] {
        let same = forecast(&format!("rollout: {{ max_active: {most} }}\n{TWICE}"), 40);
        assert_eq!(same, plain);
    }
}

#[test]
fn seen_lately_they_take_places_of_max_active() {
    let with = |most: u32, mode: &str| {
        let policy =
            format!("rollout: {{ max_active: {most} }}\noffline: {{ mode: {mode} }}\n{READ}");
        forecast(&policy, 40)
    };
    // Four of 40. Of eight places they leave four: 36 others take 9 rounds and not 5.
    let queue = with(8, "queue");
    assert_eq!(queue.expected, Duration::from_secs(5 * 162));
    assert_eq!((queue.offline.queued, queue.offline.extra_starts), (4, 48));
    let longer = OfflineDelay::Time(Duration::from_secs(4 * 162));
    assert_eq!(queue.offline.recently_seen.delay, longer);
    // Of three they leave none.
    for mode in ["queue", "hold"] {
        let delay = with(3, mode).offline.recently_seen.delay;
        assert_eq!(delay, OfflineDelay::UntilOnline);
    }
    // Left out after five minutes, they leave all: four times 300 s of three places.
    let longer = OfflineDelay::Time(Duration::from_secs(400));
    assert_eq!(with(3, "skip").offline.recently_seen.delay, longer);
}

/// Windows at least and at most.
#[track_caller]
fn windows(head: &str, steps: &str, devices: u32) -> (u64, u64) {
    let windows = forecast(&format!("{head}\n{steps}"), devices).windows;
    let windows = windows.expect("a window");
    (windows.min, windows.max)
}

#[test]
fn work_is_spread_over_the_openings_of_the_window() {
    assert_eq!(forecast(READ, 40).windows, None, "no window");
    let two_hours = "window: 14:00-16:00\nrollout: { max_active: 1 }";
    // The last starts come before 15:55: at 162 s each there are 43 in 115 minutes.
    assert_eq!(windows(two_hours, READ, 1), (1, 1));
    assert_eq!(windows(two_hours, READ, 2), (1, 2));
    assert_eq!(windows(two_hours, READ, 43), (1, 2));
    // At the end of an opening one is started, and the other 43 in the next one.
    assert_eq!(windows(two_hours, READ, 44), (2, 2));
    assert_eq!(windows(two_hours, READ, 45), (2, 3));
    assert_eq!(windows(two_hours, READ, 430), (10, 11));
}

#[test]
fn the_end_of_an_opening_in_which_nothing_starts_is_a_tenth_of_a_short_one() {
    let short = format!("window: Mon-Fri 23:55-00:25 UTC\n{READ}");
    let half_hour = forecast(&short, 1).windows.unwrap();
    assert_eq!(half_hour.length, minutes(30, 0));
    assert_eq!(half_hour.closing, minutes(3, 0));
    let long = forecast(&format!("window: 22:00-06:00\n{READ}"), 1);
    let long = long.windows.unwrap();
    assert_eq!(
        (long.length, long.closing),
        (minutes(480, 0), minutes(5, 0))
    );
    // 27 minutes hold ten starts of one device at a time.
    let head = "window: 14:00-14:30\nrollout: { max_active: 1 }";
    assert_eq!(windows(head, READ, 10), (1, 2));
    assert_eq!(windows(head, READ, 11), (2, 2));
}

#[test]
fn starts_a_minute_and_waves_are_spread_over_openings_too() {
    // 1,000 starts at 10 a minute are 100 minutes of starts, but 25 slots make it 40 rounds of 162 s:
    // 43 fit into two hours, 23 into an hour and five minutes.
    assert_eq!(windows("window: 14:00-16:00", READ, 1_000), (1, 2));
    assert_eq!(windows("window: 14:00-15:00", READ, 1_000), (2, 3));
    // Ten a minute bind: 15 minutes of starts are nine and six, or at the end of an opening one, nine
    // and five.
    assert_eq!(windows("window: 14:00-14:10", READ, 150), (2, 3));
    // The second wave would come after the end of the hour.
    let waves = "window: 14:00-15:00\nrollout: { waves: [1, 100%], soak: 1h }";
    assert_eq!(windows(waves, READ, 10), (2, 2));
    let soon = "window: 14:00-15:00\nrollout: { waves: [1, 100%], soak: 10m }";
    assert_eq!(windows(soon, READ, 10), (1, 2));
}
