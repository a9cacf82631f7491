//! What a plan is said to cost, against numbers counted by hand.

use std::time::Duration;

use svar::plan::{Forecast, Gain, Given, Inputs, Limits, LimitsProfile, compile, explain};
use svar::playbook::NoFiles;

use super::{compiled, loaded, names, target};

fn fleet(count: u32) -> Vec<svar::plan::Target> {
    let name = |number| format!("srv-{number}");
    (1..=count)
        .map(|number| target(number, &name(number), "Linux"))
        .collect()
}

fn minutes(minutes: u64, seconds: u64) -> Duration {
    Duration::from_secs(minutes * 60 + seconds)
}

#[track_caller]
fn forecast(playbook: &str, machines: u32) -> Forecast {
    let playbook =
        format!("playbook: 1\nname: Forecast\nos: linux\ntargets: {{ tag: web }}\n{playbook}");
    Forecast::of(compiled(&playbook, fleet(machines)).plan())
}

#[track_caller]
fn gain(playbook: &str, machines: u32) -> Gain {
    forecast(playbook, machines).edit.expect("an edit")
}

const READ: &str = "steps:\n  - get: /etc/hosts\n";

#[test]
fn one_machine_takes_as_long_as_its_session() {
    let forecast = forecast(READ, 1);
    assert_eq!(forecast.calls.starts, 1);
    assert_eq!(forecast.calls.links, 1);
    assert_eq!(forecast.calls.machines, 1);
    // One list each eight seconds of 2 min 42 s.
    assert_eq!(forecast.calls.actions, 21);
    assert_eq!(forecast.at_least, Duration::ZERO);
    assert_eq!(forecast.expected, minutes(2, 42));
    assert_eq!(forecast.binding, None);
    assert_eq!(forecast.edit, None, "there is nothing to save");
}

#[test]
fn many_machines_are_bound_by_slots_or_by_starts_as_the_profile_has_it() {
    let safe = forecast(READ, 3_000);
    // 299 whole minutes behind the first ten starts.
    assert_eq!(safe.at_least, minutes(299, 0));
    // 120 times 25 sessions of 162 s each: 25 slots are less than 10 starts a minute.
    assert_eq!(safe.expected, Duration::from_secs(120 * 162));
    assert_eq!(safe.binding.as_deref(), Some("25 sessions at a time"));
    assert_eq!(safe.calls.machines, 60, "200 at a time, 50 in a call");

    let playbook = format!("playbook: 1\nname: x\nos: linux\ntargets: {{ tag: web }}\n{READ}");
    let loaded = loaded(&playbook);
    let inputs = Inputs::merge(&loaded, &Given::default()).unwrap();
    let limits = Limits::of(LimitsProfile::Current);
    let current = compile(&loaded, &NoFiles, &inputs, fleet(3_000), &names(), &limits).unwrap();
    let current = Forecast::of(current.plan());
    assert_eq!(current.expected, minutes(299, 162));
    assert_eq!(current.binding.as_deref(), Some("10 starts a minute"));
}

#[test]
fn many_results_are_bound_by_their_hour() {
    let gets: String = (1..=10)
        .map(|number| format!("  - get: /var/log/{number}\n"))
        .collect();
    let forecast = forecast(&format!("steps:\n{gets}"), 1_000);
    assert_eq!(forecast.calls.links, 10_000);
    // Six whole hours behind the first 1,500.
    assert_eq!(forecast.at_least, minutes(6 * 60, 0));
    assert_eq!(
        forecast.binding.as_deref(),
        Some("1,500 result links an hour")
    );
}

#[test]
fn waves_are_waited_for() {
    let waves = format!("rollout: {{ waves: [1, 10%, 100%], soak: 10m }}\n{READ}");
    let one = forecast(READ, 1_000);
    let three = forecast(&waves, 1_000);
    // Two waves to their ends, and two pauses.
    assert_eq!(three.expected - one.expected, minutes(20, 2 * 162));
}

#[test]
fn sleeping_machines_cost_slots_and_starts_or_only_time() {
    let queue = forecast(READ, 3_000).asleep;
    assert_eq!(queue.machines, 300);
    assert_eq!(queue.slots, 5);
    // Five at a time, each for the two hours of the service's queue, for a day.
    assert_eq!(queue.starts, 60);
    // 150 times 20 sessions.
    assert_eq!(queue.expected, Duration::from_secs(150 * 162));
    let hold = forecast(
        &format!("offline: {{ mode: hold, until: 8h }}\n{READ}"),
        3_000,
    )
    .asleep;
    assert_eq!((hold.slots, hold.starts, hold.machines_an_hour), (0, 0, 12));
    assert_eq!(hold.until, minutes(480, 0));
    // Were all of them seen lately: five minutes of a slot each, 12 times 25 of them, and a start more.
    assert_eq!(hold.seen_lately, minutes(60, 0));
    assert_eq!(hold.seen_lately_starts, 300);
    let skip = forecast(&format!("offline: {{ mode: skip }}\n{READ}"), 3_000).asleep;
    assert_eq!((skip.slots, skip.machines_an_hour), (0, 0));
    assert_eq!(skip.until, Duration::ZERO);
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
    let gain = gain(playbook, 2_000);
    assert_eq!(gain.what, "move `log` behind `second`");
    assert_eq!((gain.starts, gain.sessions_less), (2_000, 1));
    // 4,000 sessions became 2,000: 160 times 25 became 80.
    assert_eq!(gain.time, Duration::from_secs(80 * 162));
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
    assert_eq!(gain(playbook, 10).what, "move `tool` before `look`");
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
    assert_eq!(forecast(playbook, 10).edit, None);
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
    assert_eq!(gain(gate, 10).what, "leave out `gate` of `look`");
    let runs: String = (1..=10)
        .map(|number| format!("  - run: a{number}.sh\n"))
        .collect();
    let results = gain(&format!("steps:\n{runs}"), 1_000);
    assert_eq!(
        results.what,
        "write `results: failed` at `step-1` and 9 more, whose exit codes are not looked at then"
    );
    assert_eq!(results.links, 10_000);
}

#[test]
fn the_cost_is_told_in_eighty_columns() {
    let playbook = "\
playbook: 1
name: Forecast
os: linux
targets: { tag: web }
steps:
  - run: first.sh
  - id: log
    get: /var/log/first.log
  - run: second.sh
";
    let told = explain(compiled(playbook, fleet(3_000)).plan());
    let cost = &told[told.find("cost  ").expect("the cost")..];
    assert_eq!(
        cost,
        "\
cost      6,000 starts, 9,000 result links, about 4,860 status lists, 60 machine
          lists
time      about 10h48m with sessions of 2m42s, as one was measured; 25 sessions
          at a time bind, at least 9h59m
asleep    if 300 machines sleep: 5 of 25 slots taken by waiting, up to 60 starts
          more, the others take 2h42m longer; one that was seen in the last 26
          hours costs a start and 5 minutes of a slot, 1h longer for all of
          them; one that never wakes ends the run after 1d
cheaper   move `log` behind `step-3`: 1 session less a machine, 3,000 in all,
          5h24m less
"
    );
}
