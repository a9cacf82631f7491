//! A case made out of a seed: a playbook, its devices, what goes wrong, and when the process dies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use svar::driver::RequestKind;
use svar_emulator::{
    App, Call, Device, DeviceFile, DurationRange, Fault, FaultKind, LibraryItem, RateScope,
    RateWindow, Scenario, ScriptOutcome, SettingOverrides, StuckIn, TimeSpan, TimeWindow,
    UnsuccessfulStatus,
};
use svar_engine::DeviceIndex;
use svar_language::playbook::{NoFiles, load};
use svar_language::source::SourceText;
use svar_plan::{
    CompiledPlan, GivenInputs, Inputs, Limits, LimitsProfile, RunNames, Target, compile,
};
use svar_wire::DeviceId;
use svar_wire::Moment;

use super::computer::Death;
use super::network::{Dice, Weather};

/// The whole minute at which all cases begin.
pub(super) fn beginning() -> Moment {
    Moment::parse("2026-02-03T09:00:00Z").unwrap()
}

/// What a step does on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Works,
    /// A script's exit code is 1.
    Exits,
    /// The command fails.
    Fails,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Put,
    Run,
    Get,
}

/// A step as it was drawn.
#[derive(Debug, Clone)]
pub(super) struct DrawnStep {
    pub(super) kind: Kind,
    pub(super) cleanup: bool,
    pub(super) may_fail: bool,
    pub(super) retries: u32,
    pub(super) timeout: Option<u64>,
    /// Its condition is never met.
    pub(super) never: bool,
    /// Its result is fetched whatever happens.
    pub(super) wanted: bool,
}

/// A device as it was drawn.
#[derive(Debug, Clone)]
pub(super) struct DrawnDevice {
    pub(super) id: String,
    pub(super) fates: Vec<Fate>,
    /// Something about it may end its run early: it is offline, it is held, it refuses.
    pub(super) difficult: bool,
}

/// See the file's text.
pub(super) struct Case {
    pub(super) playbook: String,
    pub(super) steps: Vec<DrawnStep>,
    pub(super) devices: Vec<DrawnDevice>,
    pub(super) cleanup_always: bool,
    pub(super) scenario: Scenario,
    pub(super) compiled: Arc<CompiledPlan>,
    pub(super) weather: Weather,
    pub(super) deaths: BTreeMap<u64, Death>,
    pub(super) interrupts: Vec<Moment>,
    /// What is asked from another terminal, and when.
    pub(super) requests: Vec<(Moment, RequestKind)>,
    /// Devices whose owed cleanup is given up by the operator.
    pub(super) waivers: BTreeSet<DeviceIndex>,
    /// Sessions that another client of the tenant starts, on devices of its own.
    pub(super) other_client: Vec<(Duration, String)>,
    /// A device on which everything works must end well: no stop rule, no deadline, and nothing goes
    /// wrong that is final.
    pub(super) benign: bool,
    pub(super) dice: Dice,
}

/// The id of the second application, which the other client uses.
pub(super) const OTHER_CLIENT: &str = "7c1b0a9d-1111-4222-8333-444455556666";

/// Where a device's files of the n-th step are.
pub(super) fn path_of(step: usize) -> String {
    format!(r"C:\ir\s{step}.txt")
}

fn id_of(device: usize) -> String {
    format!("{:040x}", 0xabc0 + device)
}

impl Case {
    pub(super) fn draw(seed: u64) -> Case {
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5eed);
        let steps = draw_steps(&mut dice);
        let cleanup_always = !dice.percent(25);
        let mut benign = true;
        let mut limits = Limits::of(LimitsProfile::Safe);
        limits.slots = dice.between(1, 6) as u32;
        limits.starts_per_minute = dice.pick(&[2, 5, 10]);
        limits.queue_seconds = dice.pick(&[600, 600, 600, 3_600]);
        let playbook = playbook(&mut dice, &steps, cleanup_always, &mut benign);
        let count = dice.pick(&[1, 1, 2, 2, 3, 3, 4, 6]);
        let mut scenario = Scenario {
            seed,
            settings: settings(&mut dice, &limits),
            ..Scenario::default()
        };
        scenario.library.push(item("work.ps1"));
        scenario
            .library
            .extend((0..steps.len()).map(|step| item(&format!("t{step}.exe"))));
        scenario.outcomes.push(ScriptOutcome {
            duration: TimeSpan::seconds(dice.between(1, 40)),
            stdout: "{args} done".to_owned(),
            ..ScriptOutcome::default()
        });
        let mut devices = Vec::new();
        for place in 0..count {
            let (device, drawn) = device(&mut dice, place, &steps);
            scenario.devices.push(device);
            devices.push(drawn);
        }
        let other_client = other_client(&mut dice, &mut scenario, limits.slots);
        let mut weather = Weather {
            latency: dice.pick(&[(20, 300), (20, 1_500)]),
            ..Weather::FAIR
        };
        if dice.percent(55) {
            faults(&mut dice, &mut scenario, &mut benign);
            weather.unreachable = dice.pick(&[0, 0, 10, 60]);
            weather.crawling = dice.pick(&[0, 0, 10, 40]);
        }
        let mut deaths = BTreeMap::new();
        if dice.percent(60) {
            for _ in 0..dice.between(1, 3) {
                let death = dice.pick(&[Death::Before, Death::After, Death::AfterCall]);
                deaths.insert(dice.between(0, 60), death);
            }
        }
        let mut interrupts = Vec::new();
        if dice.percent(20) {
            let at = beginning() + dice.millis(1_000, 600_000);
            interrupts.push(at);
            if dice.percent(50) {
                interrupts.push(at + dice.millis(10, 60_000));
                benign = false;
            }
        }
        let mut requests = Vec::new();
        if dice.percent(15) {
            let at = beginning() + dice.millis(1_000, 900_000);
            let ask = dice.pick(&[
                RequestKind::Pause,
                RequestKind::Cancel,
                RequestKind::Cancel,
                RequestKind::Abort,
            ]);
            benign &= ask == RequestKind::Pause;
            requests.push((at, ask));
            if dice.percent(25) {
                requests.push((at + dice.millis(10, 300_000), RequestKind::Abort));
                benign = false;
            }
        }
        let waivers = (0..count as u32).map(DeviceIndex);
        let waivers = match dice.percent(20) {
            true => waivers.filter(|_| dice.percent(50)).collect(),
            false => BTreeSet::new(),
        };
        let compiled = Arc::new(compiled(&playbook, &devices, &limits));
        Case {
            playbook,
            steps,
            devices,
            cleanup_always,
            scenario,
            compiled,
            weather,
            deaths,
            interrupts,
            requests,
            waivers,
            other_client,
            benign,
            dice,
        }
    }

    /// Who a device is in the order of the plan.
    pub(super) fn device(&self, device: usize) -> &DrawnDevice {
        let id = self.compiled.plan().devices[device].target.id.as_str();
        self.devices.iter().find(|device| device.id == id).unwrap()
    }
}

fn item(name: &str) -> LibraryItem {
    LibraryItem {
        name: name.to_owned(),
        ..LibraryItem::default()
    }
}

fn compiled(playbook: &str, devices: &[DrawnDevice], limits: &Limits) -> CompiledPlan {
    let loaded = load(&SourceText::new("playbook.yaml", playbook), &NoFiles);
    assert!(!loaded.has_errors(), "{playbook}\n{:#?}", loaded.problems);
    let inputs = Inputs::merge(&loaded, &GivenInputs::default()).unwrap();
    let names = RunNames {
        id: "run-1".to_owned(),
        ..RunNames::default()
    };
    let targets = devices.iter().map(|device| Target {
        id: DeviceId::parse(&device.id).unwrap(),
        name: Some("ws".to_owned()),
        os: Some("Windows11".to_owned()),
        tags: vec![],
        group: None,
        reason: "drawn".to_owned(),
    });
    compile(
        &loaded,
        &NoFiles,
        &inputs,
        targets.collect(),
        &names,
        limits,
    )
    .unwrap_or_else(|problems| panic!("{playbook}\n{problems:#?}"))
}

fn draw_steps(dice: &mut Dice) -> Vec<DrawnStep> {
    let mut steps = Vec::new();
    let main = dice.between(1, 4);
    for number in 0..main {
        let kind = dice.pick(&[Kind::Put, Kind::Run, Kind::Run, Kind::Run, Kind::Get]);
        let mut step = DrawnStep {
            kind,
            cleanup: false,
            may_fail: false,
            retries: 0,
            timeout: None,
            never: false,
            wanted: true,
        };
        match dice.between(0, 11) {
            0 => step.may_fail = true,
            1 => step.retries = dice.between(1, 2) as u32,
            2 => step.timeout = Some(dice.between(20, 120)),
            3 if number > 0 => step.never = true,
            _ => {}
        }
        steps.push(step);
    }
    if dice.percent(50) {
        steps.push(DrawnStep {
            kind: Kind::Run,
            cleanup: true,
            may_fail: false,
            retries: 0,
            timeout: None,
            never: false,
            wanted: true,
        });
    }
    steps
}

fn playbook(
    dice: &mut Dice,
    steps: &[DrawnStep],
    cleanup_always: bool,
    benign: &mut bool,
) -> String {
    let mut text = String::from("playbook: 1\nname: Drawn\nos: windows\ncomment: drawn\n");
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    line("rollout:".into());
    match dice.between(0, 4) {
        0 => {
            line(format!("  stop_when: {{ failed: {} }}", dice.between(1, 3)));
            *benign = false;
        }
        1 => {
            let (share, of) = (dice.between(10, 60), dice.pick(&["finished", "targets"]));
            let after = dice.between(1, 4);
            line(format!(
                "  stop_when: {{ failed: {share}%, of: {of}, after: {after} }}"
            ));
            *benign = false;
        }
        _ => line("  stop_when: { failed: 1000 }".into()),
    }
    let on_stop = dice.pick(&["drain", "cancel_queued", "abort"]);
    line(format!("  on_stop: {on_stop}"));
    if dice.percent(25) {
        line("  waves: [1, 50%, 100%]".into());
        line(format!("  soak: {}s", dice.pick(&[1, 60])));
    }
    if dice.percent(15) {
        line(format!("  max_active: {}", dice.between(1, 3)));
    }
    if dice.percent(12) {
        line(format!("deadline: {}s", dice.between(60, 1_800)));
        *benign = false;
    }
    // It is nine o'clock.
    if dice.percent(12) {
        let hours = [
            "08:00-09:03",
            "09:05-09:20",
            "Mon-Fri 07:00-10:00",
            "22:00-09:01 Europe/Stockholm",
        ];
        line(format!("window: {}", dice.pick(&hours)));
    }
    let mode = dice.pick(&["queue", "queue", "hold", "skip"]);
    let until = dice.pick(&["30m", "30m", "65m"]);
    let slots = dice.between(1, 3);
    match mode {
        "queue" => line(format!(
            "offline: {{ mode: queue, until: {until}, max_slots: {slots} }}"
        )),
        _ => line(format!("offline: {{ mode: {mode}, until: {until} }}")),
    }
    let has_cleanup = steps.iter().any(|step| step.cleanup);
    if has_cleanup && !cleanup_always {
        line("cleanup_when: failed".into());
    }
    line("steps:".into());
    let runs = |step: &DrawnStep| step.kind == Kind::Run && !step.never;
    let first_run = steps.iter().position(runs);
    for (place, step) in steps.iter().enumerate() {
        if step.cleanup {
            line("cleanup:".into());
        }
        line(format!("  - id: s{place}"));
        match step.kind {
            Kind::Put => line(format!("    put: t{place}.exe")),
            Kind::Run => {
                line("    run: work.ps1".into());
                line(format!("    args: s{place}"));
            }
            Kind::Get => line(format!("    get: {}", path_of(place))),
        }
        if step.may_fail {
            line("    on_fail: continue".into());
        }
        if step.retries > 0 {
            let delay = dice.pick(&[0, 5, 60]);
            line(format!(
                "    retry: {{ max: {}, delay: {delay}s }}",
                step.retries
            ));
        }
        if let Some(timeout) = step.timeout {
            line(format!("    timeout: {timeout}s"));
        }
        let reads = first_run.filter(|first| *first < place && !step.cleanup);
        if step.never {
            match reads {
                Some(first) => line(format!("    when: steps.s{first}.exit == 77")),
                None => line("    when: target.name == 'nobody'".into()),
            }
        } else if let Some(first) = reads
            && dice.percent(25)
        {
            line(format!("    when: steps.s{first}.exit == 0 or true"));
        } else if !step.cleanup && dice.percent(20) {
            line("    gate: true".into());
        }
    }
    text
}

fn settings(dice: &mut Dice, limits: &Limits) -> SettingOverrides {
    SettingOverrides {
        slots: Some(limits.slots),
        starts_per_minute: Some(limits.starts_per_minute),
        queue_ttl: Some(TimeSpan::seconds(u64::from(limits.queue_seconds))),
        start_status: Some(dice.pick(&[200, 201])),
        visibility_lag: Some(DurationRange::seconds(0, dice.pick(&[0, 3, 100]))),
        pickup_delay: Some(DurationRange::seconds(2, dice.pick(&[20, 90]))),
        wrapup_delay: Some(DurationRange::seconds(1, 15)),
        cancel_release_delay: Some(TimeSpan::seconds(dice.pick(&[0, 0, 60]))),
        late_cancel_marks_cancelled: Some(dice.percent(50)),
        duplicate_window: Some(TimeSpan::seconds(dice.pick(&[0, 0, 30, 400]))),
        retry_after_on_slot_limit: Some(dice.pick(&[0, 0, 20])),
        link_ttl: Some(TimeSpan::seconds(dice.pick(&[2, 1_800]))),
        link_html_escape: Some(dice.percent(20)),
        link_lag: Some(TimeSpan::seconds(dice.pick(&[0, 0, 20]))),
        default_page_size: Some(dice.pick(&[2, 10_000, 10_000])),
        status_flapping: Some(dice.percent(20)),
        clock_behind: Some(TimeSpan::seconds(dice.pick(&[0, 0, 0, 0, 60, 660, 7_200]))),
        rate_window: Some(dice.pick(&[RateWindow::Fixed, RateWindow::Sliding])),
        rate_scope: Some(dice.pick(&[RateScope::Application, RateScope::Tenant])),
        retry_after_on_rate_limit: Some(dice.percent(80)),
        slot_refusals_count_as_starts: Some(dice.percent(50)),
        queue_expiry_status: Some(dice.pick(&[
            UnsuccessfulStatus::TimeOut,
            UnsuccessfulStatus::TimeOut,
            UnsuccessfulStatus::Cancelled,
            UnsuccessfulStatus::Failed,
        ])),
        script_time_limit: Some(TimeSpan::seconds(dice.pick(&[200, 600]))),
        script_timeout_status: Some(
            dice.pick(&[UnsuccessfulStatus::Failed, UnsuccessfulStatus::TimeOut]),
        ),
        skipped_commands_fail: Some(dice.percent(30)),
        undocumented_filters: Some(dice.percent(70)),
        token_ttl: Some(TimeSpan::seconds(dice.pick(&[130, 3_599, 3_599, 3_599]))),
        ..SettingOverrides::default()
    }
}

fn device(dice: &mut Dice, place: usize, steps: &[DrawnStep]) -> (Device, DrawnDevice) {
    let id = id_of(place);
    let mut device = Device {
        id: Some(id.clone()),
        ..Device::named(&format!("ws-{place}.example.org"), "Windows11")
    };
    let mut difficult = false;
    if dice.percent(18) {
        device.online.push(TimeWindow {
            from: TimeSpan::seconds(dice.between(10, 900)),
            until: dice
                .percent(20)
                .then(|| TimeSpan::seconds(dice.between(1_000, 2_000))),
        });
        device.last_seen = TimeSpan::seconds(3_600 * dice.pick(&[8, 100]));
        difficult = true;
    }
    difficult |= nap(dice, &mut device);
    if dice.percent(10) {
        let from = dice.pick(&[0, 0, 100]);
        device.portal_sessions.push(TimeWindow {
            from: TimeSpan::seconds(from),
            until: Some(TimeSpan::seconds(from + dice.between(10, 600))),
        });
        difficult = true;
    }
    if dice.percent(4) {
        device.remediation = false;
        difficult = true;
    }
    if dice.percent(4) {
        device.health = "Inactive".to_owned();
        difficult = true;
    }
    if dice.percent(5) {
        let restarts = (0..dice.between(1, 3)).map(|_| TimeSpan::seconds(dice.between(5, 900)));
        device.restarts = restarts.collect();
        difficult = true;
    }
    if dice.percent(5) {
        device.stuck_in = Some(dice.pick(&[StuckIn::Pending, StuckIn::InProgress]));
        difficult = true;
    }
    if dice.percent(3) {
        let code = dice.pick(&[
            "OsPlatformNotSupported",
            "DisallowedOperation",
            "BadRequest",
        ]);
        device.refusal_code = Some(code.to_owned());
        difficult = true;
    }
    let mut fates = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let fate = match (dice.between(0, 24), step.kind) {
            (0, Kind::Run) => Fate::Exits,
            (1, Kind::Run | Kind::Get) => Fate::Fails,
            _ => Fate::Works,
        };
        match (step.kind, fate) {
            (Kind::Get, Fate::Works) => {
                device
                    .files
                    .push(DeviceFile::text(&path_of(number), "found it\n"));
            }
            (Kind::Run, Fate::Exits | Fate::Fails) => device.outcomes.push(ScriptOutcome {
                args: format!("s{number}"),
                exit: 1,
                error: (fate == Fate::Fails).then(|| "it failed".to_owned()),
                duration: TimeSpan::seconds(dice.between(1, 30)),
                ..ScriptOutcome::default()
            }),
            _ => {}
        }
        // Longer than its step may take.
        if step.timeout.is_some() && fate == Fate::Works && dice.percent(40) {
            device.outcomes.push(ScriptOutcome {
                args: format!("s{number}"),
                duration: TimeSpan::seconds(150),
                ..ScriptOutcome::default()
            });
            difficult = true;
        }
        // Its session is cut where it takes too long to be cut in time or not.
        difficult |= step.timeout.is_some();
        fates.push(fate);
    }
    let drawn = DrawnDevice {
        id,
        fates,
        difficult,
    };
    (device, drawn)
}

/// Some devices were seen a moment ago and are off, or go off while the run is at them, and come back.
fn nap(dice: &mut Dice, device: &mut Device) -> bool {
    if !device.online.is_empty() || !dice.percent(12) {
        return false;
    }
    let off = dice.pick(&[0, 0, 30, 200, 700]);
    let back = off + dice.between(300, 5_400);
    if off > 0 {
        device.online.push(TimeWindow {
            from: TimeSpan::seconds(0),
            until: Some(TimeSpan::seconds(off)),
        });
    }
    device.online.push(TimeWindow {
        from: TimeSpan::seconds(back),
        until: None,
    });
    device.last_seen = TimeSpan::seconds(dice.between(60, 3_600));
    true
}

fn other_client(dice: &mut Dice, scenario: &mut Scenario, slots: u32) -> Vec<(Duration, String)> {
    let mut starts = Vec::new();
    if !dice.percent(15) {
        return starts;
    }
    scenario.apps.push(App {
        id: OTHER_CLIENT.to_owned(),
        name: "other_client".to_owned(),
        ..App::default()
    });
    for number in 0..dice.between(1, u64::from(slots)) as usize {
        let place = 100 + number;
        scenario.devices.push(Device {
            id: Some(id_of(place)),
            outcomes: vec![ScriptOutcome {
                duration: TimeSpan::seconds(dice.between(60, 600)),
                ..ScriptOutcome::default()
            }],
            ..Device::named(&format!("other-{number}.example.org"), "Windows11")
        });
        starts.push((dice.millis(0, 400_000), id_of(place)));
    }
    starts
}

/// Every mishap that the emulator knows, as its schema lists them: a new one is drawn without a word
/// here.
static FAULTS: LazyLock<Vec<FaultKind>> = LazyLock::new(|| {
    let schema = schemars::schema_for!(FaultKind).to_value();
    let names = schema["oneOf"].as_array().unwrap().iter();
    let names = names.map(|one| serde_json::from_value(one["const"].clone()));
    names.collect::<Result<_, _>>().unwrap()
});

/// What may go wrong at which call. With a final one among them, a device may fail for it.
fn faults(dice: &mut Dice, scenario: &mut Scenario, benign: &mut bool) {
    const FINAL: [FaultKind; 3] = [
        FaultKind::Forbidden,
        FaultKind::NotFound,
        FaultKind::QueryRejected,
    ];
    const CALLS: [Call; 10] = [
        Call::Any,
        Call::Token,
        Call::Start,
        Call::Start,
        Call::Start,
        Call::ActionList,
        Call::MachineList,
        Call::ResultLink,
        Call::ResultDownload,
        Call::Cancel,
    ];
    let passing: Vec<FaultKind> = (FAULTS.iter().copied())
        .filter(|mishap| !FINAL.contains(mishap))
        .collect();
    for _ in 0..dice.between(1, 4) {
        let kind = match dice.percent(12) {
            true => dice.pick(&FINAL),
            false => dice.pick(&passing),
        };
        let calls = CALLS.iter().filter(|call| kind.fits(**call));
        let call = dice.pick(&calls.copied().collect::<Vec<Call>>());
        // A refused sign-in, a result that never comes whole, and a device that is busy each time it
        // is asked for are final too.
        *benign &= kind != FaultKind::Busy;
        *benign &= !FINAL.contains(&kind) && call != Call::Token;
        *benign &= !matches!(call, Call::Any | Call::ResultLink | Call::ResultDownload);
        let counted = dice.percent(30);
        scenario.faults.push(Fault {
            delay: None,
            call,
            kind,
            after: if counted {
                dice.between(0, 5) as u32
            } else {
                0
            },
            times: dice.between(1, 3) as u32,
            probability: (!counted).then(|| dice.between(2, 15) as f64 / 100.0),
            device: None,
        });
    }
}
