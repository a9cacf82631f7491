//! Devices that live: they go and come back, restart, fall silent, and hold files of every sort.

use std::time::Duration;

use serde_json::{Value, json};
use svar_emulator::{
    Device, DeviceFile, DurationRange, FileKind, Fleet, LibraryItem, Scenario, ScriptOutcome,
    SettingOverrides, StuckIn, TimeSpan, TimeWindow,
};

use super::virtual_time::{Play, body};
use super::world::{get_file, play, put_file, run_script};

/// One device, no chance in its delays; scripts take a minute and leave a file.
fn one(device: Device) -> Scenario {
    let item = |name: &str, text: Option<&str>| LibraryItem {
        name: name.to_owned(),
        text: text.map(str::to_owned),
        ..LibraryItem::default()
    };
    Scenario {
        settings: SettingOverrides {
            token_ttl: Some(TimeSpan::seconds(1_000_000_000)),
            starts_per_minute: Some(1000),
            reads_per_minute: Some(100_000),
            reads_per_hour: Some(100_000),
            visibility_lag: Some(DurationRange::default()),
            pickup_delay: Some(DurationRange::seconds(10, 10)),
            wrapup_delay: Some(DurationRange::seconds(5, 5)),
            collected_file_max: Some(1_000_000),
            ..SettingOverrides::default()
        },
        devices: vec![device],
        library: vec![
            item("ok.ps1", None),
            item("tool.exe", Some("MZ")),
            item("slow.sh", Some("sleep 600")),
        ],
        outcomes: vec![ScriptOutcome {
            script: "*.ps1".to_owned(),
            duration: TimeSpan::seconds(60),
            ..ScriptOutcome::default()
        }],
        ..Scenario::default()
    }
}

fn windows() -> Device {
    Device::named("ws-01.example.org", "Windows11")
}

const WORKING: &str =
    "C:\\ProgramData\\Microsoft\\Windows Defender Advanced Threat Protection\\Downloads";

/// A session in virtual time.
struct Session {
    play: Play,
    id: String,
}

impl Session {
    fn start(scenario: Scenario, commands: Value) -> Self {
        Session::after(Play::new(scenario), commands)
    }

    fn after(mut play: Play, commands: Value) -> Self {
        let machine = play.machines().remove(0);
        let content = json!({"Commands": commands, "Comment": "devices"});
        let target = format!("/api/machines/{machine}/runliveresponse");
        let answer = play.call("POST", &target, &content);
        assert_eq!(answer.status, 201);
        let id = body(&answer)["id"].as_str().unwrap().to_owned();
        Session { play, id }
    }

    fn pass(mut self, seconds: u64) -> Self {
        self.play.pass(seconds);
        self
    }

    fn action(&mut self) -> Value {
        let target = format!("/api/machineactions/{}", self.id);
        body(&self.play.call("GET", &target, &Value::Null))
    }

    #[track_caller]
    fn is(&mut self, status: &str, commands: &[&str]) {
        let action = self.action();
        assert_eq!(action["status"], status, "{action:#}");
        let states: Vec<&str> = action["commands"]
            .as_array()
            .unwrap()
            .iter()
            .map(|command| command["commandStatus"].as_str().unwrap())
            .collect();
        assert_eq!(states, commands, "{action:#}");
    }
}

fn online(windows: &[(u64, Option<u64>)]) -> Vec<TimeWindow> {
    windows
        .iter()
        .map(|(from, until)| TimeWindow {
            from: TimeSpan::seconds(*from),
            until: until.map(TimeSpan::seconds),
        })
        .collect()
}

#[test]
fn a_device_that_goes_in_the_middle_tells_its_result_when_it_is_back() {
    let device = Device {
        online: online(&[(0, Some(30)), (900, None)]),
        ..windows()
    };
    let commands = json!([run_script("ok.ps1", ""), run_script("ok.ps1", "")]);
    let mut session = Session::start(one(device), commands).pass(600);
    // Its script has long ended, but nobody knows.
    session.is("InProgress", &["Executing", "Created"]);
    let mut session = session.pass(305);
    session.is("InProgress", &["Completed", "Executing"]);
    let mut session = session.pass(60);
    session.is("Succeeded", &["Completed", "Completed"]);
}

#[test]
fn a_device_that_never_comes_back_fails_its_command_in_the_end() {
    let device = Device {
        online: online(&[(0, Some(30))]),
        ..windows()
    };
    let mut session = Session::start(one(device), json!([run_script("ok.ps1", "")])).pass(7200);
    session.is("InProgress", &["Executing"]);
    let mut session = session.pass(120);
    session.is("Failed", &["Failed"]);
}

#[test]
fn a_device_that_goes_before_it_fetched_the_session_fetches_it_later() {
    let device = Device {
        online: online(&[(0, Some(5)), (100, None)]),
        ..windows()
    };
    let mut session = Session::start(one(device), json!([run_script("ok.ps1", "")])).pass(99);
    session.is("Pending", &["Created"]);
    let mut session = session.pass(1);
    session.is("InProgress", &["Executing"]);
}

#[test]
fn silent_devices_wait_or_run_for_as_long_as_the_service_lets_them() {
    let silent = |silence| {
        one(Device {
            stuck_in: Some(silence),
            ..windows()
        })
    };
    let commands = || json!([run_script("ok.ps1", "")]);
    let mut session = Session::start(silent(StuckIn::Pending), commands()).pass(7199);
    session.is("Pending", &["Created"]);
    session.pass(1).is("TimeOut", &["Created"]);

    let mut session = Session::start(silent(StuckIn::InProgress), commands()).pass(609);
    session.is("InProgress", &["Executing"]);
    session.pass(10).is("Failed", &["Failed"]);
}

#[test]
fn a_restart_takes_put_files_away_and_fails_what_runs() {
    let device = Device {
        restarts: vec![TimeSpan::seconds(40)],
        ..windows()
    };
    let put = json!([
        put_file("tool.exe"),
        run_script("ok.ps1", ""),
        get_file(&format!("{WORKING}\\tool.exe"))
    ]);
    let mut session = Session::start(one(device.clone()), put).pass(60);
    session.is("Failed", &["Completed", "Failed", "Created"]);
    assert_eq!(
        session.action()["commands"][1]["errors"][0],
        "The device restarted while the command ran."
    );
    let get = json!([get_file(&format!("{WORKING}\\tool.exe"))]);
    Session::after(session.play, get)
        .pass(60)
        .is("Failed", &["Failed"]);

    // A session that only waits is not harmed by it.
    let late = Device {
        pickup_delay: Some(DurationRange::seconds(100, 100)),
        ..device
    };
    let mut session = Session::start(one(late), json!([run_script("ok.ps1", "")])).pass(60);
    session.is("Pending", &["Created"]);
    session.pass(120).is("Succeeded", &["Completed"]);
}

#[test]
fn a_restart_stops_a_real_script_and_empties_a_real_folder() {
    let mut scenario = one(Device {
        // Ten minutes on the emulated clock are a second here.
        restarts: vec![TimeSpan::seconds(600)],
        ..Device::named("lin-01.example.org", "Linux")
    });
    scenario.factor = 600.0;
    play(scenario, |world| async move {
        let machine = world.machine("lin-01").await;
        let path = "/tmp/live-response/tool.exe";
        let commands = json!([
            put_file("tool.exe"),
            run_script("slow.sh", ""),
            get_file(path)
        ]);
        let action = world.run(&machine, commands).await;
        assert_eq!(action["status"], "Failed");
        assert_eq!(
            action["commands"][1]["errors"][0],
            "The device restarted while the command ran."
        );
        let action = world.run(&machine, json!([get_file(path)])).await;
        assert_eq!(action["status"], "Failed", "{action:#}");
        let action = world
            .run(&machine, json!([put_file("tool.exe"), get_file(path)]))
            .await;
        assert_eq!(action["status"], "Succeeded", "{action:#}");
    });
}

/// Each sort of file, whether it can be collected, and a word of the reason.
fn files() -> Vec<(DeviceFile, Option<&'static str>)> {
    let file = |name: &str| DeviceFile::text(&format!("/srv/{name}"), "content");
    let of = |name: &str, kind| DeviceFile { kind, ..file(name) };
    let sized = |name: &str, size| DeviceFile {
        text: None,
        size: Some(size),
        ..file(name)
    };
    vec![
        (file("plain"), None),
        (sized("at-the-limit", 1_000_000), None),
        (sized("above-it", 1_000_001), Some("too large")),
        // Three gigabytes that nobody makes.
        (sized("huge", 3 << 30), Some("too large")),
        (sized("empty", 0), Some("empty")),
        (
            DeviceFile {
                locked: true,
                ..file("locked")
            },
            Some("in use"),
        ),
        (of("sparse", FileKind::Sparse), Some("sparse")),
        (of("reparse", FileKind::ReparsePoint), Some("link")),
        (
            of("cloud", FileKind::CloudOnly),
            Some("not fully on the device"),
        ),
    ]
}

fn with_files() -> Scenario {
    one(Device {
        files: files().into_iter().map(|(file, _)| file).collect(),
        ..Device::named("lin-01.example.org", "Linux")
    })
}

#[track_caller]
fn assert_collected(path: &str, action: &Value, reason: Option<&str>) {
    match reason {
        None => assert_eq!(action["status"], "Succeeded", "{path}: {action:#}"),
        Some(reason) => {
            assert_eq!(action["status"], "Failed", "{path}: {action:#}");
            let line = action["commands"][0]["errors"][0].as_str().unwrap();
            assert!(line.contains(reason), "{path}: {line}");
        }
    }
}

#[test]
fn only_plain_files_with_something_in_them_are_collected_in_memory() {
    let mut play = Play::new(with_files());
    for (file, reason) in files() {
        let session = Session::after(play, json!([get_file(&file.path)]));
        let mut session = session.pass(30);
        assert_collected(&file.path, &session.action(), reason);
        play = session.play;
    }
    let mut missing = Session::after(play, json!([get_file("/srv/missing")])).pass(30);
    assert_collected("missing", &missing.action(), Some("not found"));
}

#[test]
fn only_plain_files_with_something_in_them_are_collected_from_disk() {
    let mut scenario = with_files();
    scenario.factor = 10_000.0;
    scenario.library.push(LibraryItem {
        name: "holes.sh".to_owned(),
        text: Some("truncate -s 100K \"${SVAR_DEVICE_ROOT:-}/srv/holes\"".to_owned()),
        ..LibraryItem::default()
    });
    play(scenario, |world| async move {
        let machine = world.machine("lin-01").await;
        for (file, reason) in files() {
            let action = world.run(&machine, json!([get_file(&file.path)])).await;
            assert_collected(&file.path, &action, reason);
        }
        let commands = json!([run_script("holes.sh", "")]);
        world.run(&machine, commands).await;
        let action = world.run(&machine, json!([get_file("/srv/holes")])).await;
        if cfg!(target_os = "linux") {
            assert_collected("holes", &action, Some("sparse"));
        }
    });
}

#[test]
fn a_fleet_has_its_names_systems_and_sleepers_by_pattern() {
    let mut scenario = one(windows());
    scenario.devices.clear();
    scenario.fleets = vec![Fleet {
        count: 400,
        name: "pc-{n}.example.org".to_owned(),
        os: [("Windows11".to_owned(), 3), ("Linux".to_owned(), 1)].into(),
        offline: 0.25,
        back_online: Some(DurationRange::seconds(600, 1200)),
        device: Device {
            tags: vec!["clients".to_owned()],
            ..Device::default()
        },
    }];
    let mut play = Play::new(scenario);
    let mut count = |filter: &str| {
        let target = format!("/api/machines?$filter={filter}");
        let list = body(&play.call("GET", &target, &Value::Null));
        list["value"].as_array().unwrap().len()
    };
    assert_eq!(count("startswith(computerDnsName,'pc-0')"), 99);
    assert_eq!(count("machineTags+eq+'clients'"), 400);
    let linux = count("osPlatform+eq+'Linux'");
    assert!((70..130).contains(&linux), "{linux}");
    assert_eq!(count("osPlatform+eq+'Windows11'"), 400 - linux);
    // Who sleeps was seen hours ago, who is awake within the hour.
    let asleep = count("lastSeen+lt+2026-02-03T06:00:00Z");
    assert!((70..130).contains(&asleep), "{asleep}");

    let machines = play.machines();
    for machine in &machines {
        play.start(machine, "fleet");
        play.pass(1);
    }
    let mut pending = || {
        let target = "/api/machineactions?$filter=status+eq+'Pending'";
        let list = body(&play.call("GET", target, &Value::Null));
        let length = list["value"].as_array().unwrap().len();
        play.pass(Duration::from_secs(1300).as_secs());
        length
    };
    assert!(pending() > 0);
    assert_eq!(pending(), 0, "all are back by then");
}

#[test]
fn outcomes_are_chosen_by_script_arguments_and_system() {
    let says = |script: &str, args: &str, os: &str, stdout: &str| ScriptOutcome {
        script: script.to_owned(),
        args: args.to_owned(),
        os: os.to_owned(),
        stdout: stdout.to_owned(),
        ..ScriptOutcome::default()
    };
    let mut scenario = one(Device {
        outcomes: vec![says("ok.ps1", "*-Own*", "*", "the device's own")],
        ..Device::named("lin-01.example.org", "Linux")
    });
    scenario.outcomes = vec![
        says("OK.*", "-Days 7*", "*", "days: {arg2} of {name}"),
        says("ok.ps1", "*", "Windows*", "another system"),
        says("ok.ps1", "", "*", "no arguments"),
        says("*", "*", "*", "anything: {args}"),
    ];
    let mut play = Play::new(scenario);
    for (args, expected) in [
        ("-Days 7 -Own", "the device's own"),
        ("-days 7", "days: 7 of lin-01.example.org"),
        ("", "no arguments"),
        ("-x 'a b'", "anything: -x 'a b'"),
    ] {
        let mut session = Session::after(play, json!([run_script("ok.ps1", args)])).pass(30);
        session.is("Succeeded", &["Completed"]);
        let target = format!(
            "/api/machineactions/{}/GetLiveResponseResultDownloadLink(index=0)",
            session.id
        );
        let link = body(&session.play.call("GET", &target, &Value::Null));
        let link = link["value"].as_str().unwrap().to_owned();
        let path = link.strip_prefix("http://localhost").unwrap();
        let request = svar_emulator::Request::new("GET", path);
        let result = body(&session.play.service.handle(session.play.now, &request));
        assert_eq!(result["script_output"], expected);
        play = session.play;
    }
}
