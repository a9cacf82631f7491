//! A service whose answers do not fit what was sent.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use svar_emulator::DeviceFile;
use svar_engine::{EndState, StepIndex};
use svar_plan::GivenInputs;

use super::service::{Reply, Seen, Service, answer};
use super::world::{World, linux, play};

const PLAYBOOK: &str = r"playbook: 1
name: Three files
risk: read
os: linux
targets: { tag: triage }
steps:
  - { id: first, get: /etc/first }
  - { id: second, get: /etc/second }
  - { id: third, get: /etc/third }
";

/// Passes every request on to the emulator, and has its answers about actions changed.
async fn in_front_of(emulator: &str, change: fn(&mut Vec<Value>)) -> Service {
    let emulator = emulator.trim_start_matches("http://").to_owned();
    // The emulator may need this very thread to answer.
    let answers =
        move |seen: &Seen, _| tokio::task::block_in_place(|| pass_on(&emulator, seen, change));
    Service::start(answers).await
}

fn pass_on(emulator: &str, seen: &Seen, change: fn(&mut Vec<Value>)) -> Reply {
    let mut stream = TcpStream::connect(emulator).expect("an emulator");
    let mut head = format!("{} {} HTTP/1.1\r\n", seen.method, seen.target);
    for (name, value) in &seen.headers {
        if name != "connection" {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str("connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(&seen.body).expect("sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let is_list = seen.method == "GET"
        && (seen.target).starts_with("/api/machineactions")
        && !seen.target.contains("DownloadLink");
    if !is_list {
        return Reply::Raw(bytes);
    }
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let mut body: Value = serde_json::from_str(body).expect("JSON");
    let actions: Vec<&mut Value> = match body.get("value").is_some() {
        true => body["value"]
            .as_array_mut()
            .expect("a list")
            .iter_mut()
            .collect(),
        false => vec![&mut body],
    };
    for action in actions {
        let is_open = matches!(action["status"].as_str(), Some("Pending" | "InProgress"));
        if let Some(commands) = action["commands"].as_array_mut().filter(|_| !is_open) {
            change(commands);
        }
    }
    answer(status.expect("a status"), body.to_string())
}

fn files(names: &[&str]) -> Vec<DeviceFile> {
    let files = names.iter().map(|name| DeviceFile {
        path: format!("/etc/{name}"),
        text: Some((*name).to_owned()),
        ..DeviceFile::default()
    });
    files.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failure_is_told_at_its_own_step_when_the_service_leaves_out_what_never_ran() {
    let mut scenario = linux(&["web-01.example.org"]);
    scenario.devices[0].files = files(&["second", "third"]);
    let mut world = World::of(scenario).await;
    let service = in_front_of(world.base(), |commands| {
        commands.retain(|command| command["commandStatus"] != "Created");
    });
    let service = service.await;
    world.reach_by(&service.address);
    let driven = play(world.ready(PLAYBOOK, &GivenInputs::default()).await).await;

    let end = driven.fleet.devices().next().and_then(|device| device.end);
    let end = end.expect("it ended");
    assert_eq!(
        (end.state, end.step),
        (EndState::Failed, Some(StepIndex(0)))
    );
    assert_eq!(world.records("web-01-"), ["first.json"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_result_is_unknown_when_the_service_leaves_out_a_command_that_ran() {
    let mut scenario = linux(&["web-01.example.org"]);
    scenario.devices[0].files = files(&["first", "second", "third"]);
    let mut world = World::of(scenario).await;
    let service = in_front_of(world.base(), |commands| {
        commands.retain(|command| command["index"] != 1);
    });
    let service = service.await;
    world.reach_by(&service.address);
    let driven = play(world.ready(PLAYBOOK, &GivenInputs::default()).await).await;

    let end = driven.fleet.devices().next().and_then(|device| device.end);
    let end = end.expect("it ended");
    assert_eq!(
        (end.state, end.step),
        (EndState::Unknown, Some(StepIndex(1)))
    );
    assert_eq!(
        end.why.as_deref(),
        Some("the service's answer does not match what was sent: it leaves out command 1")
    );
    assert_eq!(world.records("web-01-"), ["first.json", "third.json"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_result_is_taken_for_another_steps_when_the_service_names_other_commands() {
    let mut scenario = linux(&["web-01.example.org"]);
    scenario.devices[0].files = files(&["first", "second", "third"]);
    let mut world = World::of(scenario).await;
    // As if the numbers began at the second command.
    let service = in_front_of(world.base(), |commands| {
        commands.rotate_left(1);
        for (index, command) in commands.iter_mut().enumerate() {
            command["index"] = index.into();
        }
    });
    let service = service.await;
    world.reach_by(&service.address);
    let driven = play(world.ready(PLAYBOOK, &GivenInputs::default()).await).await;

    let end = driven.fleet.devices().next().and_then(|device| device.end);
    let end = end.expect("it ended");
    assert_eq!(
        (end.state, end.step),
        (EndState::Unknown, Some(StepIndex(0)))
    );
    assert_eq!(
        end.why.as_deref(),
        Some(
            "the service's answer does not match what was sent: \
             its command 0 is GetFile /etc/second"
        )
    );
    assert!(world.records("web-01-").is_empty());
}
