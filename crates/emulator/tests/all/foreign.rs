//! What public clients send, replayed from the facts in API notes 10: their order of
//! calls, their spelling, and what each believes an answer means. Nothing of their code is here.

use std::io::Read as _;

use serde_json::{Value, json};
use svar_emulator::{
    CLIENT_ID, CLIENT_SECRET, Device, DeviceFile, DurationRange, LibraryItem, Scenario,
    ScriptOutcome, SettingOverrides, TENANT_ID, TimeSpan,
};

use super::world::{Answer, World, get_file, play, run_script};

const SAMPLE: &str = "C:\\Users\\eva\\sample.exe";

/// A tenant in quick time: a Linux and a Windows device, scripted PowerShell.
fn tenant() -> Scenario {
    Scenario {
        factor: 60.0,
        settings: SettingOverrides {
            token_ttl: Some(TimeSpan::seconds(1_000_000_000)),
            reads_per_minute: Some(1_000_000),
            reads_per_hour: Some(1_000_000),
            starts_per_minute: Some(1000),
            visibility_lag: Some(DurationRange::seconds(1, 3)),
            pickup_delay: Some(DurationRange::seconds(5, 20)),
            wrapup_delay: Some(DurationRange::seconds(1, 10)),
            ..SettingOverrides::default()
        },
        devices: vec![
            Device {
                files: vec![DeviceFile::text("/var/log/auth.log", "Failed password\n")],
                ..Device::named("lin-01.example.org", "Linux")
            },
            Device {
                files: vec![DeviceFile::text(SAMPLE, "MZ sample")],
                ..Device::named("ws-07.example.org", "Windows11")
            },
        ],
        library: vec![LibraryItem {
            name: "triage.ps1".to_owned(),
            ..LibraryItem::default()
        }],
        outcomes: vec![ScriptOutcome {
            script: "*.ps1".to_owned(),
            stdout: "{arg1}|{arg2}|{arg3}|{arg4}".to_owned(),
            ..ScriptOutcome::default()
        }],
        ..Scenario::default()
    }
}

/// Signs in the older way: `resource` instead of `scope`.
async fn sign_in_v1(world: &World, resource: &str) -> String {
    let form = [
        ("resource", resource),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
        ("grant_type", "client_credentials"),
    ];
    let url = format!("{}/{TENANT_ID}/oauth2/token", world.base);
    let answer = world.send(world.http.post(url).form(&form)).await;
    let reply = answer.expect(200).json();
    reply["access_token"].as_str().unwrap().to_owned()
}

/// An upload with these text parts before the file.
async fn upload(world: &World, part: &str, name: &str, texts: &[(&str, &str)]) -> Answer {
    let mut body = String::new();
    for (key, value) in texts {
        body +=
            &format!("--cut\r\nContent-Disposition: form-data; name=\"{key}\"\r\n\r\n{value}\r\n");
    }
    body += &format!(
        "--cut\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"{name}\"\r\nContent-Type: text/plain\r\n\r\necho uploaded\r\n--cut--\r\n"
    );
    let request = world
        .http
        .post(format!("{}/api/libraryfiles", world.base))
        .bearer_auth(&world.token)
        .header("content-type", "multipart/form-data; boundary=cut")
        .body(body);
    world.send(request).await
}

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    text
}

fn is_open(action: &Value) -> bool {
    matches!(action["status"].as_str(), Some("Pending" | "InProgress"))
}

#[test]
fn a_sandbox_connector_waits_for_a_free_device_then_runs_and_collects() {
    play(tenant(), |mut world| async move {
        world.token = sign_in_v1(&world, "https://api.securitycenter.microsoft.com").await;
        let texts = [
            ("HasParameters", "false"),
            ("OverrideIfExists", "true"),
            ("Description", "description"),
        ];
        upload(&world, "file", "Submit.ps1", &texts)
            .await
            .expect(200);
        let machine = world.machine("ws-07.example.org").await;
        let list = format!("/api/machineactions?$filter=machineId+eq+'{machine}'");
        // Somebody else has the device; the connector asks until no action of it is open.
        let foreign = world
            .start(&machine, json!([run_script("triage.ps1", "")]))
            .await;
        let foreign = foreign.expect(201).json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let mut was_busy = false;
        loop {
            let actions = world.get(&list).await.expect(200).json();
            let actions = actions["value"].as_array().unwrap().clone();
            let is_known = actions
                .iter()
                .any(|action| action["id"] == foreign.as_str());
            was_busy |= actions.iter().any(is_open);
            if is_known && !actions.iter().any(is_open) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(was_busy);
        // Four values in one text, with commas between them.
        let args = "Trojan:Win32/X,account,container,a.exevmrayb.exe";
        let action = world
            .run(&machine, json!([run_script("Submit.ps1", args)]))
            .await;
        assert_eq!(action["status"], "Succeeded");
        let result = world.result(&action, 0).await.expect(200).json();
        let output = result["script_output"].as_str().unwrap();
        assert!(
            output.contains("Trojan:Win32/X|account|container|a.exevmrayb.exe"),
            "{output}"
        );
        let action = world.run(&machine, json!([get_file(SAMPLE)])).await;
        let file = world.result(&action, 0).await.expect(200);
        assert_eq!(unpacked(&file.bytes), "MZ sample");
    });
}

#[test]
fn a_playbook_platform_looks_at_the_first_command_and_the_action() {
    play(tenant(), |world| async move {
        let machine = world.machine("ws-07.example.org").await;
        let answer = world
            .start(&machine, json!([run_script("triage.ps1", "-Depth 2")]))
            .await;
        let id = answer.expect(201).json()["id"].as_str().unwrap().to_owned();
        let action = loop {
            let answer = world.get(&format!("/api/machineactions/{id}")).await;
            if answer.status == 404 {
                continue;
            }
            let action = answer.expect(200).json();
            let is_done = action["commands"][0]["commandStatus"] == "Completed";
            if is_done && action["status"] != "InProgress" {
                break action;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        assert!(["Succeeded", "Completed"].contains(&action["status"].as_str().unwrap()));
        let result = world.result(&action, 0).await.expect(200).json();
        assert_eq!(result["script_name"], "triage.ps1");
        assert_eq!(result["exit_code"], 0);
    });
}

#[test]
fn a_careful_console_asks_again_for_a_link_that_is_late() {
    let mut scenario = tenant();
    scenario.settings.link_lag = Some(TimeSpan::seconds(20));
    play(scenario, |world| async move {
        // It finds its device by the beginning of the name, then compares.
        let path = "/API/Machines?$filter=startswith(computerDnsName,'lin-01')";
        let found = world.get(path).await.expect(200).json();
        let machine = found["value"][0]["id"].as_str().unwrap().to_owned();
        let action = world
            .run(&machine, json!([get_file("/var/log/auth.log")]))
            .await;
        let id = action["id"].as_str().unwrap();
        let mut refused = 0;
        let link = loop {
            let answer = world.link(id, 0).await;
            match answer.status {
                200 => break answer.json()["value"].as_str().unwrap().to_owned(),
                404 => refused += 1,
                other => panic!("{other}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        assert!(refused > 0);
        let file = world.send(world.http.get(link.replace("&amp;", "&"))).await;
        assert_eq!(&file.bytes[..2], [0x1f, 0x8b]);
        assert_eq!(unpacked(&file.bytes), "Failed password\n");
        upload(&world, "File", "collect-1.ps1", &[])
            .await
            .expect(200);
        world
            .delete("/api/libraryfiles/collect%2D1.ps1")
            .await
            .expect(204);
    });
}

#[test]
fn a_small_tool_takes_the_newest_action_for_its_own_and_cancels_what_waits() {
    let mut scenario = tenant();
    scenario.settings.visibility_lag = Some(DurationRange::seconds(60, 60));
    scenario.settings.pickup_delay = Some(DurationRange::seconds(600, 600));
    scenario.devices[0].pickup_delay = Some(DurationRange::default());
    play(scenario, |mut world| async move {
        // The region's host is its resource.
        world.token = sign_in_v1(&world, "https://api-eu.securitycenter.microsoft.com").await;
        let texts = [
            ("OverrideIfExists", "true"),
            ("Description", "Remote Execution Script"),
        ];
        upload(&world, "file", "tool-1f2e.sh", &texts)
            .await
            .expect(200);
        let machine = world.machine("lin-01.example.org").await;
        let first = world
            .run(&machine, json!([run_script("tool-1f2e.sh", "")]))
            .await;
        assert_eq!(first["status"], "Succeeded");
        let second = world
            .start(&machine, json!([get_file("/var/log/auth.log")]))
            .await;
        let second = second.expect(201).json();
        // The fresh one is not in the list yet, so the tool would wait for the wrong one.
        let list =
            format!("/api/machineactions?$filter=machineId eq '{machine}'").replace(' ', "%20");
        let actions = world.get(&list).await.expect(200).json();
        assert_eq!(actions["value"][0]["id"], first["id"]);
        assert_ne!(actions["value"][0]["id"], second["id"]);

        let other = world.machine("ws-07.example.org").await;
        let waiting = world
            .start(&other, json!([run_script("triage.ps1", "")]))
            .await;
        let waiting = waiting.expect(201).json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let list =
            format!("/api/machineactions?$filter=machineId eq '{other}' and status eq 'Pending'")
                .replace(' ', "%20");
        let pending = loop {
            let actions = world.get(&list).await.expect(200).json();
            if let Some(action) = actions["value"].as_array().unwrap().first() {
                break action["id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        assert_eq!(pending, waiting);
        let cancel = json!({"Comment": "cancelled"});
        let path = format!("/api/machineactions/{pending}/cancel");
        let answer = world.post(&path, cancel).await.expect(200);
        assert_eq!(answer.json()["status"], "Cancelled");
        world
            .start(&other, json!([run_script("triage.ps1", "")]))
            .await
            .expect(201);
    });
}

#[test]
fn a_detection_engine_probes_with_nonsense_and_polls_many_actions_at_once() {
    play(tenant(), |mut world| async move {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            (
                "scope",
                "https://securitycenter.onmicrosoft.com/windowsatpservice/.default",
            ),
        ];
        let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", world.base);
        let reply = world
            .send(world.http.post(url).form(&form))
            .await
            .expect(200);
        world.token = reply.json()["access_token"].as_str().unwrap().to_owned();
        // Its connection test: a device and a script that can't be.
        let answer = world
            .start("elastic-connector-test", json!([run_script("test", "x")]))
            .await;
        assert_eq!(answer.expect(404).code(), "ResourceNotFound");

        let mut ids = Vec::new();
        for name in ["lin-01.example.org", "ws-07.example.org"] {
            let machine = world.machine(name).await;
            let commands = json!([get_file(if name.starts_with("lin") {
                "/var/log/auth.log"
            } else {
                SAMPLE
            })]);
            let answer = world.start(&machine, commands).await.expect(201);
            ids.push(answer.json()["id"].as_str().unwrap().to_owned());
        }
        let quoted: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
        let query = format!(
            "$filter=id+in+({})&$count=true&$orderby=creationDateTimeUtc+desc&$top=1000",
            quoted.join(",")
        );
        loop {
            let list = world
                .get(&format!("/api/machineactions?{query}"))
                .await
                .expect(200)
                .json();
            let actions = list["value"].as_array().unwrap();
            assert_eq!(list["@odata.count"], actions.len());
            if actions.len() == 2 && !actions.iter().any(is_open) {
                // Newest first.
                assert_eq!(actions[0]["id"], ids[1].as_str());
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn an_automation_module_pages_through_its_actions_and_says_true_with_a_capital() {
    let mut scenario = tenant();
    scenario.settings.default_page_size = Some(2);
    play(scenario, |world| async move {
        let texts = [
            ("file-name", "run.ps1"),
            ("HasParameters", "True"),
            ("ParametersDescription", "none"),
            ("OverrideIfExists", "True"),
        ];
        upload(&world, "File", "run.ps1", &texts).await.expect(200);
        let again = upload(&world, "file", "run.ps1", &texts)
            .await
            .expect(200)
            .json();
        assert_eq!(again["hasParameters"], true);
        let machine = world.machine("ws-07.example.org").await;
        for _ in 0..5 {
            world
                .run(&machine, json!([run_script("run.ps1", "")]))
                .await;
        }
        let query = "$filter=CreationDateTimeUtc%20ge%202000-01-01T00:00:00Z%20and%20type%20eq%20'LiveResponse'&$orderby=CreationDateTimeUtc%20desc";
        let mut url = format!("{}/api/machineactions?{query}", world.base);
        let mut times = Vec::new();
        let mut pages = 0;
        loop {
            let request = world.http.get(&url).bearer_auth(&world.token);
            let page = world.send(request).await.expect(200).json();
            pages += 1;
            for action in page["value"].as_array().unwrap() {
                let time = action["creationDateTimeUtc"].as_str().unwrap();
                times.push(svar_wire::Moment::parse(time).unwrap());
            }
            match page["@odata.nextLink"].as_str() {
                Some(next) => url = next.to_owned(),
                None => break,
            }
        }
        assert_eq!((pages, times.len()), (3, 5));
        assert!(times.is_sorted_by(|newer, older| newer >= older));
        // It cancels whatever it meets, and takes 400 for "was over already".
        let list = world.get("/api/machineactions").await.json();
        let id = list["value"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/machineactions/{id}/cancel");
        world
            .post(&path, json!({"Comment": "stop"}))
            .await
            .expect(400);
    });
}
