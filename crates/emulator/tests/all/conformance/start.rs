//! `runliveresponse` (API notes 3).

use serde_json::{Value, json};
use svar_emulator::{
    Device, Fleet, Scenario, ServiceProfile, SettingOverrides, TimeSpan, TimeWindow,
    ViolationPolicy,
};

use super::{quiet, text, with};
use crate::world::{World, get_file, put_file, run_script};

fn device(turn: impl FnOnce(&mut Device)) -> Scenario {
    let mut scenario = quiet();
    turn(&mut scenario.devices[0]);
    scenario
}

fn asleep() -> Scenario {
    device(|device| {
        device.online = vec![TimeWindow {
            from: TimeSpan::seconds(100_000),
            until: None,
        }]
    })
}

/// Sixty devices that never come, and no other limit in the way of the slots.
fn sleepers(profile: ServiceProfile) -> Scenario {
    Scenario {
        profile,
        devices: Vec::new(),
        fleets: vec![Fleet {
            count: 60,
            name: "pc-{n}.example.org".to_owned(),
            offline: 1.0,
            device: Device::named("", "Windows11"),
            ..Fleet::default()
        }],
        ..with(|settings| settings.starts_per_minute = Some(1000))
    }
}

/// How many of all devices' starts are accepted.
async fn accepted(world: &World) -> usize {
    let machines = world.get("/api/machines").await.expect(200).json();
    let mut taken = 0;
    for machine in machines["value"].as_array().unwrap() {
        let answer = world
            .start(text(machine, "id"), json!([run_script("ok.ps1", "")]))
            .await;
        taken += usize::from(answer.status < 300);
    }
    taken
}

fn hurried(scenario: Scenario) -> Scenario {
    Scenario {
        factor: 1_000_000.0,
        ..scenario
    }
}

/// From the start of an action to its end as `TimeOut`.
async fn hours_in_the_queue(world: &World) -> u64 {
    let machine = world.machine("pc-01").await;
    let answer = world
        .start(&machine, json!([run_script("ok.ps1", "")]))
        .await
        .json();
    let action = world.end_of(text(&answer, "id")).await;
    assert_eq!(action["status"], "TimeOut");
    let at = |key: &str| svar_wire::Moment::parse(text(&action, key)).unwrap();
    let waited = at("lastUpdateDateTimeUtc").since(at("creationDateTimeUtc"));
    waited.as_secs() / 3600
}

const REFUSALS: [(&str, u16); 6] = [
    ("OsPlatformNotSupported", 400),
    ("ClientVersionNotSupported", 400),
    ("DisabledFeature", 403),
    ("DisallowedOperation", 403),
    ("Forbidden", 403),
    ("BadRequest", 400),
];

/// A device for each refusal, called like it.
fn refusing() -> Scenario {
    let device = |(code, _): (&str, u16)| Device {
        refusal_code: Some(code.to_owned()),
        ..Device::named(&format!("{code}.example.org"), "Windows11")
    };
    Scenario {
        devices: REFUSALS.map(device).to_vec(),
        ..quiet()
    }
}

facts! {
    "3.1" body_keys_mind_their_case: "Keys in the wrong case count as missing.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let path = format!("/api/machines/{machine}/runliveresponse");
        let commands = json!([run_script("show.sh", "")]);
        for (body, code) in [
            (json!({"commands": commands, "Comment": "x"}), "MissingRequiredParameter"),
            (json!({"Commands": commands, "comment": "x"}), "MissingRequiredParameter"),
            (json!({"Commands": [{"Type": "RunScript", "params": []}], "Comment": "x"}), "MissingRequiredParameter"),
            (json!({"Commands": [{"type": "runscript", "params": []}], "Comment": "x"}), "InvalidRequestBody"),
            (json!({"Commands": [{"type": "RunScript", "params": [{"key": "scriptName", "value": "x"}]}], "Comment": "x"}), "InvalidRequestBody"),
        ] {
            let answer = world.post(&path, body.clone()).await.expect(400);
            assert_eq!(answer.code(), code, "{body}");
        }
    }
    "3.1" params_are_an_array: "`params` as an object is rejected.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let answer = world.start(&machine, json!([{"type": "RunScript", "params": {"ScriptName": "show.sh"}}])).await.expect(400);
        assert_eq!(answer.code(), "InvalidRequestBody");
    }
    "3.1" parameters_are_given_once: "A parameter given twice is `InvalidRequestBody` (our choice).", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        for (kind, keys) in [("RunScript", vec!["ScriptName", "ScriptName"]), ("RunScript", vec!["ScriptName", "Args", "Args"]), ("PutFile", vec!["FileName", "FileName"]), ("GetFile", vec!["Path", "Path"])] {
            let params: Vec<Value> = keys.iter().map(|key| json!({"key": key, "value": "x"})).collect();
            let answer = world.start(&machine, json!([{"type": kind, "params": params}])).await.expect(400);
            assert_eq!(answer.code(), "InvalidRequestBody", "{keys:?}");
        }
        world.start(&machine, json!([run_script("show.sh", "1"), run_script("show.sh", "2")])).await.expect(201);
    }
    "3.1" names_start_nothing: "A computer name in place of the id is 404.", quiet(), |world| {
        world.start("lin-01.example.org", json!([run_script("show.sh", "")])).await.expect(404);
    }
    "3.2" a_start_is_created: "A start is 201 with the action: `Pending`, commands `Created`, times null, no errors.", asleep(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.start(&machine, json!([put_file("tool.exe"), run_script("show.sh", "a")])).await.expect(201).json();
        assert_eq!(action["status"], "Pending");
        assert_eq!(action["requestorComment"], "conformance");
        assert_eq!(action["requestSource"], "PublicApi");
        for (index, command) in action["commands"].as_array().unwrap().iter().enumerate() {
            assert_eq!(command["index"], index);
            assert_eq!(command["commandStatus"], "Created");
            assert!(command["startTime"].is_null() && command["endTime"].is_null());
            assert_eq!(command["errors"], json!([]));
        }
        assert_eq!(action["commands"][1]["command"], run_script("show.sh", "a"));
    }
    "3.2" it_was_200_in_2021: "In 2021 a start was 200.", Scenario { profile: ServiceProfile::Y2021, ..quiet() }, |world| {
        let machine = world.machine("lin-01").await;
        world.start(&machine, json!([run_script("show.sh", "")])).await.expect(200);
    }
    "3.2" the_device_is_checked_first: "An unknown device is `ResourceNotFound`, whatever the script.", quiet(), |world| {
        let answer = world.start(&"0".repeat(40), json!([run_script("nothing.sh", "")])).await.expect(404);
        assert_eq!(answer.code(), "ResourceNotFound");
    }
    "3.3" order_is_enforced: "Commands come in the order PutFile, RunScript, GetFile; each can repeat.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        for wrong in [
            json!([run_script("show.sh", ""), put_file("tool.exe")]),
            json!([get_file("/etc/passwd"), run_script("show.sh", "")]),
        ] {
            assert_eq!(world.start(&machine, wrong).await.expect(400).code(), "InvalidInput");
        }
        let right = json!([put_file("tool.exe"), put_file("show.sh"), run_script("show.sh", ""), run_script("show.sh", ""), get_file("/etc/passwd"), get_file("/etc/passwd")]);
        assert_eq!(world.run(&machine, right).await["status"], "Succeeded");
    }
    "3.3" order_may_fail_on_the_device: "A setting accepts another order and fails the first command out of order.", with(|settings| settings.order_violation = Some(ViolationPolicy::Fail)), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", ""), run_script("show.sh", ""), put_file("tool.exe"), get_file("/etc/passwd")])).await;
        assert_eq!(action["status"], "Failed");
        let shown: Vec<_> = action["commands"].as_array().unwrap().iter().map(|command| text(command, "commandStatus")).collect();
        assert_eq!(shown, ["Completed", "Completed", "Failed", "Created"]);
    }
    "3.3" unknown_scripts_may_work: "A setting leaves unknown script names to the scenario's outcomes.", with(|settings| settings.unknown_script = Some(ViolationPolicy::Allow)), |world| {
        let machine = world.machine("win-01").await;
        let action = world.run(&machine, json!([run_script("nobody-knows.ps1", "x")])).await;
        assert_eq!(action["status"], "Succeeded");
        assert!(world.result(&action, 0).await.json()["script_output"].as_str().unwrap().contains("args: x"));
    }
    "3.3" there_was_no_order_in_2021: "In 2021 the order of commands did not matter.", Scenario { profile: ServiceProfile::Y2021, ..quiet() }, |world| {
        let machine = world.machine("lin-01").await;
        world.start(&machine, json!([run_script("show.sh", ""), put_file("tool.exe")])).await.expect(200);
    }
    "3.3" something_must_be_asked: "A start without commands or comment is `MissingRequiredParameter`.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        assert_eq!(world.start(&machine, json!([])).await.expect(400).code(), "MissingRequiredParameter");
        let path = format!("/api/machines/{machine}/runliveresponse");
        let answer = world.post(&path, json!({"Commands": [run_script("show.sh", "")]})).await.expect(400);
        assert_eq!(answer.code(), "MissingRequiredParameter");
    }
    "3.3" the_comment_may_be_optional: "A setting allows starts without a comment.", with(|settings| settings.comment_required = Some(false)), |world| {
        let machine = world.machine("lin-01").await;
        let path = format!("/api/machines/{machine}/runliveresponse");
        world.post(&path, json!({"Commands": [run_script("show.sh", "")]})).await.expect(201);
    }
    "3.3" forbidden_characters_fail_the_script: "Each of `;` `&` `|` `!` `$` in arguments fails the command on the device.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        for character in [';', '&', '|', '!', '$'] {
            let action = world.run(&machine, json!([run_script("show.sh", &format!("a{character}b"))])).await;
            assert_eq!(action["status"], "Failed");
            assert_eq!(action["commands"][0]["errors"].as_array().unwrap().len(), 1);
        }
    }
    "3.3" forbidden_characters_may_be_refused: "A setting rejects such arguments at the call.", with(|settings| settings.forbidden_args = Some(ViolationPolicy::Reject)), |world| {
        let machine = world.machine("lin-01").await;
        assert_eq!(world.start(&machine, json!([run_script("show.sh", "a|b")])).await.expect(400).code(), "InvalidInput");
    }
    "3.3" arguments_are_words: "A script gets its arguments as words; quotes are understood, nothing is expanded.",
        with(|settings| settings.forbidden_args = Some(ViolationPolicy::Allow)), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", r#"one 'two words' "say \"hi\"" $HOME * a,b é"#)])).await;
        let result = world.result(&action, 0).await.json();
        assert_eq!(result["script_output"], r#"one|two words|say "hi"|$HOME|*|a,b|é|"#);
    }
    "3.3" an_unknown_script_fails_its_command: "An unknown library name is accepted, then the command fails; later commands stay `Created`.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("nothing.sh", ""), get_file("/etc/passwd")])).await;
        assert_eq!(action["status"], "Failed");
        assert_eq!(action["commands"][0]["commandStatus"], "Failed");
        assert_eq!(action["commands"][0]["errors"].as_array().unwrap().len(), 1);
        assert_eq!(action["commands"][1]["commandStatus"], "Created");
        assert!(action["commands"][1]["startTime"].is_null());
    }
    "3.3" an_unknown_script_may_be_refused: "A setting rejects unknown library names at the call.", with(|settings| settings.unknown_script = Some(ViolationPolicy::Reject)), |world| {
        let machine = world.machine("lin-01").await;
        world.start(&machine, json!([run_script("nothing.sh", "")])).await.expect(400);
    }
    "3.4" one_at_a_time: "A second start on a busy device is 400 `ActiveRequestAlreadyExists`.", asleep(), |world| {
        let machine = world.machine("lin-01").await;
        world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201);
        let answer = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(400);
        assert_eq!(answer.code(), "ActiveRequestAlreadyExists");
    }
    "3.4" groups_without_remediation: "A start on a device whose group has no remediation level is 403 `DisallowedOperation`.", device(|device| device.remediation = false), |world| {
        let machine = world.machine("lin-01").await;
        assert_eq!(world.start(&machine, json!([run_script("show.sh", "")])).await.expect(403).code(), "DisallowedOperation");
    }
    "3.4" devices_that_cannot: "A start on an unsupported device is 400 `OsPlatformNotSupported`.", device(|device| device.refusal_code = Some("OsPlatformNotSupported".to_owned())), |world| {
        let machine = world.machine("lin-01").await;
        assert_eq!(world.start(&machine, json!([run_script("show.sh", "")])).await.expect(400).code(), "OsPlatformNotSupported");
    }
    "3.4" malformed_bodies: "A body that is not a JSON object is `InvalidRequestBody`.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        for body in ["", "{", "[]", "null", "{\"Commands\": 3}"] {
            let url = format!("{}/api/machines/{machine}/runliveresponse", world.base);
            let answer = world.send(world.http.post(url).bearer_auth(&world.token).body(body)).await.expect(400);
            assert_eq!(answer.code(), "InvalidRequestBody", "{body}");
        }
    }
    "3.5" waiting_actions_hold_slots: "A pending action counts against the tenant's session limit; a start over it is 429 without `Retry-After`.",
        Scenario { settings: SettingOverrides { slots: Some(1), ..asleep().settings }, ..asleep() }, |world| {
        let (sleeper, other) = (world.machine("lin-01").await, world.machine("win-01").await);
        world.start(&sleeper, json!([run_script("show.sh", "")])).await.expect(201);
        let answer = world.start(&other, json!([run_script("ok.ps1", "")])).await.expect(429);
        assert_eq!(answer.code(), "TooManyRequests");
        assert!(!answer.headers.contains_key("retry-after"));
    }
    "3.5" offline_devices_time_out: "An action whose device does not come in time ends as `TimeOut`.", Scenario { factor: 100_000.0, ..asleep() }, |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "")])).await;
        assert_eq!(action["status"], "TimeOut");
        assert_eq!(action["commands"][0]["commandStatus"], "Created");
    }
    "3.5" portal_sessions_are_invisible: "A portal session of a person is in no list, and makes the device busy.",
        device(|device| device.portal_sessions = vec![TimeWindow { from: TimeSpan::default(), until: None }]), |world| {
        let machine = world.machine("lin-01").await;
        assert_eq!(world.start(&machine, json!([run_script("show.sh", "")])).await.expect(400).code(), "ActiveRequestAlreadyExists");
        assert_eq!(world.get("/api/machineactions").await.json()["value"], json!([]));
    }
    "3.6" a_quick_second_start_may_get_the_first: "With a setting, a second start returns the first one's action.",
        Scenario { settings: SettingOverrides { duplicate_window: Some(TimeSpan::seconds(600)), ..asleep().settings }, ..asleep() }, |world| {
        let machine = world.machine("lin-01").await;
        let first = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201).json();
        let second = world.start(&machine, json!([run_script("three.sh", "")])).await.expect(201).json();
        assert_eq!(text(&first, "id"), text(&second, "id"));
        assert_eq!(first["commands"], second["commands"]);
    }
    "3.7" put_files_land_in_the_working_folder: "A file put on the device is in the working folder of scripts, and executable.", Scenario {
        library: vec![svar_emulator::LibraryItem { name: "list.sh".to_owned(), text: Some("cat tool.exe; [ -x tool.exe ] && echo ' can run'".to_owned()), ..Default::default() }, quiet().library[0].clone()],
        ..quiet()
    }, |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([put_file("tool.exe"), run_script("list.sh", "")])).await;
        assert_eq!(world.result(&action, 1).await.json()["script_output"], "MZ tool can run\n");
    }
    "3.7" scripts_fit_their_system: "A shell script on Windows, or PowerShell on Linux, fails its command.", quiet(), |world| {
        let machine = world.machine("win-01").await;
        assert_eq!(world.run(&machine, json!([run_script("show.sh", "")])).await["status"], "Failed");
    }
    "3.7" a_second_put_may_fail: "A setting fails a put of a name that already exists; by default the file is overwritten.", with(|settings| settings.repeated_put = Some(svar_emulator::RepeatedPut::Fail)), |world| {
        let machine = world.machine("lin-01").await;
        assert_eq!(world.run(&machine, json!([put_file("tool.exe")])).await["status"], "Succeeded");
        assert_eq!(world.run(&machine, json!([put_file("tool.exe")])).await["status"], "Failed");
    }
    "1" fifty_sessions_at_a_time: "The tenant can have 50 sessions at a time.", sleepers(ServiceProfile::Current), |world| {
        assert_eq!(accepted(&world).await, 50);
    }
    "1" it_was_twenty_five_in_2021: "In 2021 the tenant could have 25 sessions at a time.", sleepers(ServiceProfile::Y2021), |world| {
        assert_eq!(accepted(&world).await, 25);
    }
    "1" two_hours_in_the_queue: "An action waits 2 hours for its device.", hurried(sleepers(ServiceProfile::Current)), |world| {
        assert_eq!(hours_in_the_queue(&world).await, 2);
    }
    "1" it_was_three_days_in_2021: "In 2021 an action waited 3 days for its device.", hurried(sleepers(ServiceProfile::Y2021)), |world| {
        assert_eq!(hours_in_the_queue(&world).await, 72);
    }
    "3.1" names_may_start: "A setting accepts a computer name in place of the id.", with(|settings| settings.start_by_name = Some(true)), |world| {
        world.start("lin-01.example.org", json!([run_script("show.sh", "")])).await.expect(201);
    }
    "3.3" lengths_have_ends: "A comment has at most 2,048 characters, arguments 30,000; the number of commands is unlimited unless a setting limits it.", with(|settings| settings.commands_max = Some(3)), |world| {
        let machine = world.machine("lin-01").await;
        let path = format!("/api/machines/{machine}/runliveresponse");
        for (comment, args, count, status) in [(2049, 0, 1, 400), (2048, 30_001, 1, 400), (2048, 30_000, 4, 400), (2048, 30_000, 3, 201)] {
            let commands: Vec<_> = (0..count).map(|_| run_script("show.sh", &"é".repeat(args))).collect();
            let body = json!({"Commands": commands, "Comment": "é".repeat(comment)});
            let answer = world.post(&path, body).await.expect(status);
            assert!(status == 201 || answer.code() == "InvalidInput");
        }
    }
    "3.4" every_refusal_by_its_code: "A device can refuse permanently: old client, unsupported system, disabled feature.", refusing(), |world| {
        for (code, status) in REFUSALS {
            let machine = world.machine(&format!("{code}.example.org")).await;
            let answer = world.start(&machine, json!([run_script("ok.ps1", "")])).await.expect(status);
            assert_eq!(answer.code(), code);
        }
    }
    "3.4" servers_may_be_off: "With live response disabled for servers, a start on a server is 403 `DisabledFeature`.",
        Scenario { devices: vec![Device::named("srv-01.example.org", "WindowsServer2022"), Device::named("win-01.example.org", "Windows11")], ..with(|settings| settings.live_response_for_servers = Some(false)) }, |world| {
        let server = world.machine("srv-01").await;
        assert_eq!(world.start(&server, json!([run_script("ok.ps1", "")])).await.expect(403).code(), "DisabledFeature");
        let client = world.machine("win-01").await;
        world.start(&client, json!([run_script("ok.ps1", "")])).await.expect(201);
    }
    "3.4" all_of_live_response_may_be_off: "With live response disabled for the tenant, a start is 403 `DisabledFeature`; reading still works.", with(|settings| settings.live_response = Some(false)), |world| {
        let machine = world.machine("lin-01").await;
        assert_eq!(world.start(&machine, json!([run_script("show.sh", "")])).await.expect(403).code(), "DisabledFeature");
        world.get("/api/machineactions").await.expect(200);
    }
    "3.5" waiting_may_be_free: "With a setting, pending actions take no slot.",
        Scenario { settings: SettingOverrides { slots: Some(1), pending_counts_as_session: Some(false), ..asleep().settings }, ..asleep() }, |world| {
        let (sleeper, other) = (world.machine("lin-01").await, world.machine("win-01").await);
        world.start(&sleeper, json!([run_script("show.sh", "")])).await.expect(201);
        world.start(&other, json!([run_script("ok.ps1", "")])).await.expect(201);
    }
    "3.5" expiry_may_end_otherwise: "A setting sets the status of an action that timed out in the queue.",
        Scenario { factor: 100_000.0, settings: SettingOverrides { queue_expiry_status: Some(svar_emulator::UnsuccessfulStatus::Failed), ..asleep().settings }, ..asleep() }, |world| {
        let machine = world.machine("lin-01").await;
        assert_eq!(world.run(&machine, json!([run_script("show.sh", "")])).await["status"], "Failed");
    }
    "3.7" scripts_may_need_a_signature: "With unsigned scripts disabled, unsigned PowerShell fails and signed PowerShell runs; `.sh` is not checked.", Scenario {
        library: vec![
            svar_emulator::LibraryItem { name: "bare.ps1".to_owned(), text: Some("hello".to_owned()), ..Default::default() },
            svar_emulator::LibraryItem { name: "signed.ps1".to_owned(), text: Some("hello\n# SIG # Begin signature block\n# MII\n".to_owned()), ..Default::default() },
            quiet().library[1].clone(),
        ],
        ..with(|settings| settings.unsigned_scripts = Some(false))
    }, |world| {
        let (windows, linux) = (world.machine("win-01").await, world.machine("lin-01").await);
        let bare = world.run(&windows, json!([run_script("bare.ps1", "")])).await;
        assert_eq!(bare["status"], "Failed");
        assert!(bare["commands"][0]["errors"][0].as_str().unwrap().contains("not signed"));
        assert_eq!(world.run(&windows, json!([run_script("signed.ps1", "")])).await["status"], "Succeeded");
        assert_eq!(world.run(&linux, json!([run_script("show.sh", "")])).await["status"], "Succeeded");
    }
    "1" large_files_fit_windows_only: "Linux and macOS accept files up to 10 MB by PutFile, Windows larger ones.", Scenario {
        library: vec![svar_emulator::LibraryItem { name: "large.bin".to_owned(), text: Some("x".repeat(10 * 1024 * 1024 + 1)), ..Default::default() }],
        ..quiet()
    }, |world| {
        let (windows, linux) = (world.machine("win-01").await, world.machine("lin-01").await);
        assert_eq!(world.run(&windows, json!([put_file("large.bin")])).await["status"], "Succeeded");
        assert_eq!(world.run(&linux, json!([put_file("large.bin")])).await["status"], "Failed");
    }
}
