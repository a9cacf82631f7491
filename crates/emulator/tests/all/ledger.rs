//! The ledger: what was really done, over HTTP and as a file.

use serde_json::{Value, json};
use svar_emulator::{EmulatorError, ServeOptions};

use super::virtual_time::{Play, body, fleet};
use super::world::{play_with, run_script};

/// A service at which every device of a fleet had a session.
fn played(count: u32) -> Play {
    let mut scenario = fleet(count);
    scenario.settings.slots = Some(count);
    scenario.settings.starts_per_minute = Some(count);
    let mut play = Play::new(scenario);
    for machine in play.machines() {
        assert_eq!(play.start(&machine, "ledger").status, 201);
    }
    play.pass(3600);
    play
}

fn ask(play: &mut Play, query: &str) -> Value {
    body(&play.call("GET", &format!("/emulator/ledger?{query}"), &Value::Null))
}

fn numbers(answer: &Value) -> Vec<u64> {
    let entries = answer["entries"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["seq"].as_u64().unwrap())
        .collect()
}

#[test]
fn entries_are_numbered_and_come_in_pages() {
    let mut play = played(10);
    let all = ask(&mut play, "");
    // A start, a script, an end for each.
    assert_eq!(numbers(&all), (1..=30).collect::<Vec<u64>>());
    assert_eq!(all["last"], 30);
    assert!(all.get("next").is_none());
    let mut after = 0;
    let mut seen = Vec::new();
    loop {
        let page = ask(&mut play, &format!("after={after}&top=7"));
        assert!(numbers(&page).len() <= 7);
        seen.extend(numbers(&page));
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen, numbers(&all));
    assert_eq!(numbers(&ask(&mut play, "after=30")), [0_u64; 0]);
    assert_eq!(numbers(&ask(&mut play, "after=99999999999")), [0_u64; 0]);
    assert_eq!(
        play.call("GET", "/emulator/ledger?top=x", &Value::Null)
            .status,
        400
    );
}

#[test]
fn entries_are_asked_for_by_what_they_are_about() {
    let mut play = played(5);
    let starts = ask(&mut play, "kind=session_started");
    assert_eq!(starts["entries"].as_array().unwrap().len(), 5);
    let first = starts["entries"][0].clone();
    let action = first["action"].as_str().unwrap();
    let of_action = ask(&mut play, &format!("action={}", action.to_uppercase()));
    let kinds: Vec<&str> = of_action["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["session_started", "script_run", "session_ended"]);
    let device = first["device"].as_str().unwrap();
    let of_machine = ask(
        &mut play,
        &format!("device={device}&kind=session_ended&top=1"),
    );
    assert_eq!(of_machine["entries"][0]["status"], "Succeeded");
    // Cut by `top`, though nothing else of that machine comes: then there is no next page.
    assert!(of_machine.get("next").is_none());
    assert_eq!(numbers(&ask(&mut play, "kind=library_deleted")), [0_u64; 0]);
}

/// An empty answer would read as "nothing was done".
#[test]
fn a_question_the_ledger_does_not_understand_is_refused_in_words() {
    let mut play = played(1);
    for (query, words) in [
        ("kind=session_begun", "session_started"),
        ("kind=", "session_started"),
        ("format=xml", "json, lines"),
        ("Kind=session_started", "kind"),
        ("since=3", "after"),
        ("top=-1", "number"),
        ("kind=cancelled&kind=file_put", "more than once"),
    ] {
        let refused = play.call("GET", &format!("/emulator/ledger?{query}"), &Value::Null);
        let text = String::from_utf8_lossy(&refused.body);
        assert_eq!(refused.status, 400, "{query}");
        assert!(text.contains(words), "{query}: {text}");
    }
    for query in ["kind=Session_Started", "format=json", "format=Lines", ""] {
        let path = format!("/emulator/ledger?{query}");
        assert_eq!(play.call("GET", &path, &Value::Null).status, 200, "{query}");
    }
}

#[test]
fn lines_are_the_same_entries() {
    let mut play = played(3);
    let all = ask(&mut play, "");
    let answer = play.call("GET", "/emulator/ledger?format=lines", &Value::Null);
    let lines: Vec<Value> = std::str::from_utf8(&answer.body)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(all["entries"], Value::Array(lines));
    assert_eq!(play.service.ledger_lines(0).len(), 9);
}

#[test]
fn the_file_has_what_was_answered_before_the_emulator_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    std::fs::write(&path, "{\"from\":\"before\"}\n").unwrap();
    let options = ServeOptions {
        ledger: Some(path.clone()),
    };
    let scenario = super::conformance::quiet();
    let ended = play_with(scenario, options, |world| async move {
        let machine = world.machine("lin-01").await;
        world
            .run(&machine, json!([run_script("show.sh", "")]))
            .await;
        let answered = world.get("/emulator/ledger?format=lines").await.expect(200);
        let written = std::fs::read_to_string(&path).unwrap();
        let written = written.strip_prefix("{\"from\":\"before\"}\n").unwrap();
        assert_eq!(written, String::from_utf8(answered.bytes).unwrap());
        assert_eq!(written.lines().count(), 3);
    });
    ended.unwrap();
}

/// A judge that forgets is none.
#[cfg(target_os = "linux")]
#[test]
fn an_emulator_that_cannot_write_its_ledger_answers_nothing_and_ends() {
    let options = ServeOptions {
        // A disk that is always full.
        ledger: Some("/dev/full".into()),
    };
    let scenario = super::conformance::quiet();
    let ended = play_with(scenario, options, |world| async move {
        let machine = world.machine("lin-01").await;
        let url = format!("{}/api/machines/{machine}/runliveresponse", world.base);
        let body = json!({"Commands": [run_script("show.sh", "")], "Comment": "x"});
        let request = world.http.post(url).bearer_auth(&world.token).json(&body);
        assert!(request.send().await.is_err());
    });
    assert!(
        matches!(ended, Err(EmulatorError::Ledger { .. })),
        "{ended:?}"
    );
}
