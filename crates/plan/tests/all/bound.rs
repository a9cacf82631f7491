//! The least makespan, against cases worked out by hand.

use std::time::Duration;

use svar_plan::{BindingLimit, Limits, LimitsProfile, SessionTiming, least_makespan};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// That many devices that are awake, with one session each.
fn awake(devices: usize, length: u64, links: u32) -> Vec<SessionTiming> {
    let one = SessionTiming {
        earliest: Duration::ZERO,
        length: seconds(length),
        links,
    };
    vec![one; devices]
}

fn limits() -> Limits {
    Limits::of(LimitsProfile::Safe)
}

#[track_caller]
fn assert_bound(sessions: &[SessionTiming], expected_s: u64, binding: BindingLimit) {
    let bound = least_makespan(&limits(), sessions);
    assert_eq!(
        (bound.at_least, bound.binding),
        (seconds(expected_s), binding)
    );
}

#[test]
fn nothing_to_do_takes_no_time_and_one_session_its_own() {
    assert_bound(&[], 0, BindingLimit::Sessions);
    assert_bound(&awake(1, 30, 1), 30, BindingLimit::Sessions);
    assert_bound(&awake(10, 30, 1), 30, BindingLimit::Sessions);
}

#[test]
fn a_hundred_devices_of_half_a_minute_wait_for_ten_starts_a_minute() {
    // Ten bursts, the last one nine minutes after the first: 9 x 60 + 30.
    assert_bound(&awake(100, 30, 1), 570, BindingLimit::Starts);
    assert_bound(&awake(101, 30, 1), 630, BindingLimit::Starts);
    assert_bound(&awake(1_000, 30, 0), 99 * 60 + 30, BindingLimit::Starts);
    assert_bound(
        &awake(100_000, 120, 0),
        9_999 * 60 + 120,
        BindingLimit::Starts,
    );
}

#[test]
fn ten_minutes_each_wait_for_slots() {
    // 25 slots: 10 start at 0, 10 at 60, 5 at 120, and each slot is free again 600 s later. 100
    // devices are four rounds; the last five of a round start 120 s after its first.
    assert_bound(&awake(100, 600, 1), 4 * 600 + 120, BindingLimit::Slots);
    assert_bound(&awake(25, 600, 1), 120 + 600, BindingLimit::Starts);
    assert_bound(&awake(26, 600, 1), 600 + 600, BindingLimit::Slots);
    // 1,000 devices are forty rounds.
    assert_bound(&awake(1_000, 600, 1), 40 * 600 + 120, BindingLimit::Slots);
}

#[test]
fn many_results_wait_for_the_hour_of_the_links() {
    // 300 devices start within 29 minutes and have 3,000 results: 1,500 in the first hour, the
    // rest from the second on, at a hundred a minute: the last hundred in its 15th minute.
    assert_bound(&awake(300, 30, 10), 3_600 + 14 * 60, BindingLimit::Links);
    // One link more than the hour has.
    let mut sessions = awake(150, 30, 10);
    sessions.extend(awake(1, 30, 1));
    assert_bound(&sessions, 3_600, BindingLimit::Links);
}

#[test]
fn a_device_that_comes_back_late_is_waited_for() {
    // 90 are awake and done by 8 x 60 + 30; ten come back at 1,000 s, and their minute allows ten.
    let mut sessions = awake(90, 30, 1);
    for session in &mut awake(10, 30, 1) {
        session.earliest = seconds(1_000);
        sessions.push(*session);
    }
    assert_bound(&sessions, 1_030, BindingLimit::Sessions);
    // Twenty come back: the second ten wait for the next minute, which begins at 1,020 s.
    for session in &mut awake(10, 30, 1) {
        session.earliest = seconds(1_000);
        sessions.push(*session);
    }
    assert_bound(&sessions, 1_050, BindingLimit::Starts);
}

#[test]
fn sessions_of_one_device_come_one_after_the_other() {
    let sessions = SessionTiming::of_device(seconds(5), [(seconds(30), 0), (seconds(100), 0)]);
    assert_bound(&sessions, 135, BindingLimit::Sessions);
}

#[test]
fn sessions_of_unequal_length_fill_the_slots_with_their_sum() {
    // 50 of 60 s and 50 of 1,800 s: 93,000 s of work for 25 slots, of which 20 are in use in the
    // first minute and all from then on: 1,200 s are done after 60 s, 91,800 / 25 = 3,672 remain.
    let mut sessions = awake(50, 60, 0);
    sessions.extend(awake(50, 1_800, 0));
    assert_bound(&sessions, 60 + 3_672, BindingLimit::Slots);
}

/// The greedy schedule keeps every limit, so a bound above it would be none.
#[test]
fn no_schedule_that_keeps_the_limits_is_shorter() {
    for (devices, length) in [(7, 45), (40, 90), (137, 200), (300, 600)] {
        let limits = limits();
        let mut starts: Vec<u64> = Vec::new();
        for place in 0..devices {
            let mut at = starts.last().copied().unwrap_or(0);
            loop {
                let minute = starts.iter().filter(|start| **start / 60 == at / 60);
                let running = starts.iter().filter(|start| **start + length > at);
                if minute.count() < limits.starts_per_minute as usize
                    && running.count() < limits.slots as usize
                {
                    break;
                }
                at += 1;
            }
            assert_eq!(starts.len(), place);
            starts.push(at);
        }
        let reached = starts[devices - 1] + length;
        let bound = least_makespan(&limits, &awake(devices, length, 0));
        assert_eq!(bound.at_least, seconds(reached), "{devices} x {length} s");
    }
}
