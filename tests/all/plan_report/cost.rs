//! The cost of a plan in words.

use svar::report::plan_text;
use svar_plan::GivenInputs;

use super::{compiled, target};

const READ: &str = "steps:\n  - get: /etc/hosts\n";

const TWICE: &str = "\
steps:
  - run: first.sh
    expect: { exit: 0 }
    gate: true
  - run: second.sh
";

/// The plan's text from its cost on.
#[track_caller]
fn cost(playbook: &str, devices: u32) -> String {
    let playbook =
        format!("playbook: 1\nname: Forecast\nos: linux\ntargets: {{ tag: web }}\n{playbook}");
    let fleet = (1..=devices).map(|number| target(number, &format!("srv-{number}"), "Linux"));
    let compiled = compiled(&playbook, &GivenInputs::default(), fleet.collect());
    let text = plan_text(compiled.plan());
    text[text.find("cost  ").expect("the cost")..].to_owned()
}

/// The same without line breaks.
#[track_caller]
fn words(playbook: &str, devices: u32) -> String {
    let cost = cost(playbook, devices);
    cost.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "{text}");
}

#[test]
fn the_cost_of_a_fleet_is_told_in_eighty_columns() {
    let playbook = "\
steps:
  - run: first.sh
  - id: log
    get: /var/log/first.log
  - run: second.sh
";
    insta::assert_snapshot!(cost(playbook, 3_000));
}

#[test]
fn the_limit_that_decides_the_time_is_named() {
    let one = format!("rollout: {{ max_active: 1 }}\n{TWICE}");
    assert_contains(
        &words(&one, 40),
        "about 3h36m (assuming 2m42s per session); limited by `max_active: 1`, at least 7m ",
    );
    let few = format!("rollout: {{ waves: [1, 100%], soak: 20m }}\n{READ}");
    assert_contains(&words(&few, 40), "; limited by the waves, at least 20m ");
    assert_contains(&words(READ, 1), "; not rate-limited ");
    let gets: String = (1..=10)
        .map(|number| format!("  - get: /var/log/{number}\n"))
        .collect();
    assert_contains(
        &words(&format!("steps:\n{gets}"), 1_000),
        "; limited to 1,500 result links per hour, at least 6h ",
    );
}

#[test]
fn the_cost_of_offline_devices_is_told_for_each_mode() {
    let told = |most: u32, mode: &str| {
        let policy =
            format!("rollout: {{ max_active: {most} }}\noffline: {{ mode: {mode} }}\n{READ}");
        let cost = cost(&policy, 40);
        cost[cost.find("offline").expect("a sentence")..].to_owned()
    };
    let all = ["queue", "hold", "skip"].map(|mode| {
        [8, 3].map(|most| format!("max_active: {most}, mode: {mode}\n{}", told(most, mode)))
    });
    insta::assert_snapshot!(all.as_flattened().join("\n"));
}

#[test]
fn the_number_of_windows_is_told() {
    let window = "window: 14:00-16:00\nrollout: { max_active: 1 }";
    for (devices, needed) in [
        (1, "windows needs 1 window of 2h; "),
        (
            40,
            "windows needs 1 to 2 windows of 2h, depending on when the run starts; ",
        ),
        (44, "windows needs 2 windows of 2h; "),
    ] {
        let told = words(&format!("{window}\n{READ}"), devices);
        let needed = format!("{needed}nothing is started in the last 5m of a window ");
        assert_contains(&told, &needed);
    }
}

#[test]
fn a_cheaper_edit_is_told_as_an_instruction() {
    assert_contains(
        &words(TWICE, 10),
        "cheaper remove `gate` from `step-1`: 1 session less per device, 10 in all",
    );
    let runs: String = (1..=10)
        .map(|number| format!("  - run: a{number}.sh\n"))
        .collect();
    assert_contains(
        &words(&format!("steps:\n{runs}"), 1_000),
        "cheaper set `results: failed` on `step-1` and 9 more, their exit codes are then not \
         checked: 10,000 result links less, saves ",
    );
}
