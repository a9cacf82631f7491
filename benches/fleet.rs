//! Whole runs in virtual time: how far their makespan is from the least that any scheduler needs,
//! what the engine costs, and how long the computer takes.
//!
//! `cargo bench --bench fleet`; `-- quick` leaves the largest fleets out; `-- row 100000 30 10` plays
//! that one alone: devices, seconds of a session, percent offline at first.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod fleet_model;
#[path = "../tests/all/simulation"]
#[allow(dead_code)] // Its tests die; these runs don't.
mod simulation {
    pub(crate) mod computer;
    pub(crate) mod network;
}

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet_model::Model;
use simulation::computer::{Computer, Left};
use simulation::network::{Dice, Network, Weather};
use svar_emulator::{
    Device, DurationRange, LibraryItem, Scenario, ScriptOutcome, ServiceProfile, SettingOverrides,
    TimeSpan, TimeWindow,
};
use svar_language::playbook::{NoFiles, load};
use svar_language::source::SourceText;
use svar_plan::{
    CompiledPlan, GivenInputs, Inputs, Limits, LimitsProfile, RunNames, SessionTiming, Target,
    compile, least_makespan,
};
use svar_wire::DeviceId;
use svar_wire::Moment;

/// From a start to its first command, and from the last one to the end: the rest is the script's.
const AROUND_S: u64 = 3;

fn beginning() -> Moment {
    Moment::parse("2026-02-03T09:00:00Z").unwrap()
}

/// A fleet: so many devices, sessions of one length, a share of them offline at first.
#[derive(Clone, Copy)]
struct Shape {
    devices: u32,
    seconds: u64,
    offline_percent: u64,
    /// Those that are offline were seen shortly before, so that the machine list shows them as ready.
    seen_lately: bool,
}

impl Shape {
    /// When each device comes online: those that are offline do so within the first half of the time that the
    /// run needs at least.
    fn online_at(self) -> Vec<Duration> {
        let online = vec![Duration::ZERO; self.devices as usize];
        let half = self.bound(&online).as_millis() as u64 / 2;
        let mut dice = Dice(u64::from(self.devices) ^ self.seconds << 32);
        let online_at = online.into_iter().map(|online| {
            if dice.percent(self.offline_percent) {
                dice.millis(1_000, half.max(1_001))
            } else {
                online
            }
        });
        online_at.collect()
    }

    fn bound(self, online_at: &[Duration]) -> Duration {
        let sessions: Vec<SessionTiming> = online_at
            .iter()
            .map(|earliest| SessionTiming {
                earliest: *earliest,
                length: Duration::from_secs(self.seconds),
                links: 1,
            })
            .collect();
        least_makespan(&limits(), &sessions).at_least
    }
}

fn limits() -> Limits {
    Limits::of(LimitsProfile::Safe)
}

const PLAYBOOK: &str = "playbook: 1
name: Collect
os: windows
comment: collect
rollout: { stop_when: { failed: 5%, after: 20 } }
offline: { mode: hold, until: 30d }
steps:
  - run: work.ps1
";

fn compiled(devices: u32) -> Arc<CompiledPlan> {
    let loaded = load(&SourceText::new("playbook.yaml", PLAYBOOK), &NoFiles);
    assert!(!loaded.has_errors(), "{:#?}", loaded.problems);
    let inputs = Inputs::merge(&loaded, &GivenInputs::default()).unwrap();
    let targets = (0..devices).map(|device| Target {
        id: DeviceId::parse(&id(device)).unwrap(),
        name: None,
        os: Some("Windows11".to_owned()),
        tags: vec![],
        group: None,
        reason: "bench".to_owned(),
    });
    let names = RunNames::default();
    let compiled = compile(
        &loaded,
        &NoFiles,
        &inputs,
        targets.collect(),
        &names,
        &limits(),
    );
    Arc::new(compiled.unwrap())
}

fn id(device: u32) -> String {
    format!("{device:040x}")
}

fn scenario(shape: Shape, online_at: &[Duration]) -> Scenario {
    let fixed = |seconds| Some(DurationRange::seconds(seconds, seconds));
    let devices = (0..shape.devices).map(|device| {
        let online_at = online_at[device as usize];
        let mut device = Device {
            id: Some(id(device)),
            last_seen: TimeSpan::seconds(match shape.seen_lately {
                true => 3_600,
                false => 100 * 3_600,
            }),
            ..Device::named(&format!("ws-{device:06}.example.org"), "Windows11")
        };
        if !online_at.is_zero() {
            device.online.push(TimeWindow {
                from: TimeSpan(online_at),
                until: None,
            });
        }
        device
    });
    Scenario {
        profile: ServiceProfile::Safe,
        settings: SettingOverrides {
            pickup_delay: fixed(AROUND_S - 1),
            wrapup_delay: fixed(1),
            ..SettingOverrides::default()
        },
        devices: devices.collect(),
        library: vec![LibraryItem {
            name: "work.ps1".to_owned(),
            ..LibraryItem::default()
        }],
        outcomes: vec![ScriptOutcome {
            duration: TimeSpan::seconds(shape.seconds - AROUND_S),
            stdout: "done".to_owned(),
            ..ScriptOutcome::default()
        }],
        ..Scenario::default()
    }
}

/// What a run came to.
struct Played {
    makespan: Duration,
    bound: Duration,
    took: Duration,
    throttled: usize,
    calls: u64,
    records: u64,
    syncs: u64,
}

impl Played {
    fn over(&self) -> f64 {
        (self.makespan.as_secs_f64() / self.bound.as_secs_f64() - 1.0) * 100.0
    }
}

/// Plays it with the real driver and the emulator's core.
fn play(shape: Shape) -> Played {
    let online_at = shape.online_at();
    let compiled = compiled(shape.devices);
    let scenario = scenario(shape, &online_at);
    let memory = Path::new("/dev/shm");
    let root = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    let root = root.unwrap();
    let began = Instant::now();
    let network = Network::new(scenario, beginning(), Weather::FAIR, Dice(7));
    let mut computer = Computer::new(
        root.path(),
        compiled,
        PLAYBOOK,
        network.clone(),
        beginning(),
        Dice(8),
    );
    computer.turns_max = u64::MAX;
    assert_eq!(computer.drive(), Ok(Left::Finished));
    let took = began.elapsed();
    let tally = computer.fleet().tally();
    assert_eq!(tally.ended[0], shape.devices, "{tally:?}");
    Played {
        makespan: computer.clock.now().since(beginning()),
        bound: shape.bound(&online_at),
        took,
        throttled: network.throttled().len(),
        calls: network.calls(),
        records: computer.counters().records,
        syncs: computer.counters().syncs,
    }
}

/// Plays it with the engine alone against a model of the service.
fn play_model(shape: Shape) -> (Played, Model) {
    let online_at = shape.online_at();
    let compiled = compiled(shape.devices);
    let length = Duration::from_secs(shape.seconds);
    let mut model = Model::new(compiled.plan(), beginning(), online_at.clone(), length);
    let began = Instant::now();
    model.play();
    let took = began.elapsed();
    let played = Played {
        makespan: model.now.since(beginning()),
        bound: shape.bound(&online_at),
        took,
        throttled: 0,
        calls: 0,
        records: model.facts,
        syncs: 0,
    };
    (played, model)
}

fn makespans(quick: bool) {
    println!(
        "\nMakespan over the least possible, limits profile `safe`: full stack in virtual time"
    );
    println!(
        "  {:>8} {:>8} {:>8} {:>12} {:>12} {:>8} {:>6} {:>9} {:>9} {:>9}",
        "devices",
        "seconds",
        "offline",
        "bound s",
        "makespan s",
        "over",
        "429",
        "calls",
        "syncs",
        "took"
    );
    let sizes: &[u32] = if quick {
        &[100, 1_000]
    } else {
        &[100, 1_000, 10_000, 100_000]
    };
    for shape in shapes(sizes) {
        // While more than a thousand are offline, the list of all that were seen lately is read each five
        // minutes: with the largest fleet that is 90,000 entries each time, for months.
        if shape.devices < 100_000 || shape.offline_percent == 0 {
            row(shape, &play(shape));
        }
    }
    println!(
        "  the same, and those offline were seen an hour before, so that they are started first:"
    );
    for seconds in [30, 120, 600] {
        for offline_percent in [5, 10, 20] {
            let shape = Shape {
                devices: 1_000,
                seconds,
                offline_percent,
                seen_lately: true,
            };
            row(shape, &play(shape));
        }
    }
    println!("  the engine against a model of the service:");
    let sizes: &[u32] = if quick { &[10_000] } else { &[10_000, 100_000] };
    for shape in shapes(sizes) {
        row(shape, &play_model(shape).0);
    }
}

fn shapes(sizes: &[u32]) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for devices in sizes {
        for seconds in [30, 120, 600] {
            for offline_percent in [0, 5, 10, 20] {
                shapes.push(Shape {
                    devices: *devices,
                    seconds,
                    offline_percent,
                    seen_lately: false,
                });
            }
        }
    }
    shapes
}

fn row(shape: Shape, played: &Played) {
    println!(
        "  {:>8} {:>8} {:>7}% {:>12.1} {:>12.1} {:>7.2}% {:>6} {:>9} {:>9} {:>8.2}s",
        shape.devices,
        shape.seconds,
        shape.offline_percent,
        played.bound.as_secs_f64(),
        played.makespan.as_secs_f64(),
        played.over(),
        played.throttled,
        played.calls,
        played.syncs,
        played.took.as_secs_f64(),
    );
}

fn engine() {
    println!("\nThe engine alone, sessions of 30 s, none offline");
    println!(
        "  {:>8} {:>10} {:>20} {:>20}",
        "devices", "events", "ns an event", "bytes a device"
    );
    for devices in [100, 1_000, 10_000, 100_000] {
        let shape = Shape {
            devices,
            seconds: 30,
            offline_percent: 0,
            seen_lately: false,
        };
        let mut nanos = Vec::new();
        let mut last = None;
        for _ in 0..3 {
            let (_, model) = play_model(shape);
            nanos.push(model.inside.as_nanos() as f64 / model.events as f64);
            last = Some(model);
        }
        nanos.sort_by(f64::total_cmp);
        let model = last.unwrap();
        println!(
            "  {devices:>8} {:>10} {:>6.0} {:>6.0} {:>6.0} {:>20}",
            model.events,
            nanos[0],
            nanos[1],
            nanos[2],
            if devices < 10_000 {
                String::new()
            } else {
                memory_of(devices)
            },
        );
    }
}

/// Bytes that a device takes in the engine at most: what a process of its own holds more during
/// the run than with the plan alone.
fn memory_of(devices: u32) -> String {
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new(program);
    let output = command.args(["memory", &devices.to_string()]).output();
    String::from_utf8_lossy(&output.unwrap().stdout)
        .trim()
        .to_owned()
}

/// Bytes of this process that are in memory, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1_024)
}

fn memory(devices: u32) {
    let shape = Shape {
        devices,
        seconds: 30,
        offline_percent: 0,
        seen_lately: false,
    };
    let online_at = shape.online_at();
    let compiled = compiled(devices);
    let length = Duration::from_secs(shape.seconds);
    let before = resident();
    let mut model = Model::new(compiled.plan(), beginning(), online_at, length);
    let mut peak = resident();
    model.play_watched(|| peak = peak.max(resident()));
    match (before, peak) {
        (Some(before), Some(peak)) => println!("{}", (peak - before) / devices as usize),
        _ => println!("not known here"),
    }
}

fn day() {
    let shape = Shape {
        devices: 5_000,
        seconds: 120,
        offline_percent: 5,
        seen_lately: false,
    };
    println!("\n5,000 devices, 5% offline at first, sessions of 120 s, with the emulator's core");
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..3 {
        let played = play(shape);
        let hours = played.makespan.as_secs_f64() / 3_600.0;
        let ticks = played.makespan.as_secs_f64() / 8.0;
        println!(
            "  {hours:.2} virtual hours in {:.2} s; {} calls, {} records, {} syncs, {:.2} a tick of 8 s",
            played.took.as_secs_f64(),
            played.calls,
            played.records,
            played.syncs,
            played.syncs as f64 / ticks,
        );
        took.push(played.took);
    }
    took.sort();
    println!("  took {:.2?} {:.2?} {:.2?}", took[0], took[1], took[2]);
}

fn main() {
    let arguments = std::env::args().skip(1);
    let arguments: Vec<String> = arguments
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if let [word, devices] = arguments.as_slice()
        && word == "memory"
    {
        return memory(devices.parse().unwrap());
    }
    let quick = arguments.iter().any(|argument| argument == "quick");
    if let [word, devices, seconds, offline_percent] = arguments.as_slice()
        && word == "row"
    {
        let shape = Shape {
            devices: devices.parse().unwrap(),
            seconds: seconds.parse().unwrap(),
            offline_percent: offline_percent.parse().unwrap(),
            seen_lately: false,
        };
        return row(shape, &play(shape));
    }
    engine();
    day();
    makespans(quick);
}
