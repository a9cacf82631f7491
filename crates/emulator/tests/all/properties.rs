//! What holds for every request and every order of them.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::Value;
use svar_emulator::{Request, Scenario, SettingOverrides};

use super::virtual_time::{Play, body, fleet};

/// How many cases a property gets. `SVAR_CASES=100` plays a hundred times as many: an hour of that is
/// the fuzzing of this room.
pub(super) fn cases(usual: u32) -> u32 {
    let factor = std::env::var("SVAR_CASES").ok();
    let factor = factor.and_then(|text| text.parse::<u32>().ok());
    usual.saturating_mul(factor.unwrap_or(1))
}

/// Path segments, filters and bodies near the real ones, and far from them.
fn near(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(words).prop_map(str::to_owned),
        1 => ".*",
        1 => "(%[0-9a-fA-F]{0,2}|[.]{1,2}|[a-z'()]){0,12}",
    ]
}

const SEGMENTS: &[&str] = &[
    "api",
    "v1.0",
    "machines",
    "machineactions",
    "libraryfiles",
    "findbytag",
    "runliveresponse",
    "cancel",
    "advancedqueries",
    "run",
    "emulator",
    "ledger",
    "clock",
    "oauth2",
    "v2.0",
    "token",
    "investigation-actions-data",
    "CustomPlaybookCommandOutput",
    "GetLiveResponseResultDownloadLink(index=0)",
    "getliveresponseresultdownloadlink(index=18446744073709551616)",
    "pc-1",
    "..",
    "",
];
const WORDS: &[&str] = &[
    "id",
    "status",
    "creationDateTimeUtc",
    "machineTags",
    "lastSeen",
    "rbacGroupId",
    "eq",
    "ne",
    "gt",
    "in",
    "and",
    "or",
    "not",
    "(",
    ")",
    ",",
    "'x'",
    "'o''b'",
    "null",
    "2026-02-03T09:00:00Z",
    "-7",
    "1e400",
    "startswith(",
    "contains(",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(100)))]

    #[test]
    fn no_request_breaks_the_service(
        method in near(&["GET", "POST", "DELETE", "HEAD", "PUT"]),
        segments in prop::collection::vec(near(SEGMENTS), 0..6),
        query in near(&["$top=1", "$skip=99999999999999999999", "$filter=id%20eq%20'x'", "tag=x", "$orderby=id,id%20desc", "se=1&sp=r&sig=AAAA"]),
        headers in prop::collection::vec((near(&["content-type", "range", "host", "authorization"]), near(&["multipart/form-data; boundary=x", "bytes=5-1", "bytes=-", "a b"])), 0..4),
        content in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), near(&["{\"Commands\":[{}],\"Comment\":\"x\"}", "{\"Query\":1}", "--x\r\n\r\n--x--"]).prop_map(String::into_bytes)],
    ) {
        let mut play = Play::new(fleet(1));
        let mut request = Request::new(&method, &format!("/{}", segments.join("/")));
        request.query = query;
        request.headers = headers;
        request.body = content.into();
        let response = play.service.handle(play.now, &request);
        prop_assert!((200..500).contains(&response.status), "{}", response.status);
        // With a token it gets further, unless the headers have another one in front.
        let answer = play.send(request.clone());
        prop_assert!((200..500).contains(&answer.status), "{}", answer.status);
        let mut read = request;
        read.method = "GET".to_owned();
        read.headers.clear();
        let answer = play.send(read);
        prop_assert!((200..500).contains(&answer.status), "{}", answer.status);
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
            let value: Value = serde_json::from_slice(&answer.body).unwrap();
            prop_assert_eq!(answer.status >= 400, value.get("error").is_some());
        }
        prop_assert_eq!(play.call("GET", "/emulator/clock", &Value::Null).status, 200);
    }

    #[test]
    fn every_filter_is_understood_or_refused(words in prop::collection::vec(near(WORDS), 0..12)) {
        let mut play = Play::new(fleet(2));
        let filter: String = words.join(" ").bytes().map(|byte| format!("%{byte:02x}")).collect();
        for list in ["machines", "machineactions"] {
            let answer = play.call("GET", &format!("/api/{list}?$filter={filter}"), &Value::Null);
            prop_assert!(matches!(answer.status, 200 | 400));
            if answer.status == 400 {
                prop_assert_eq!(&body(&answer)["error"]["code"], "");
            }
        }
    }

    #[test]
    fn a_filter_and_its_negation_share_the_list(
        property in prop::sample::select(&["status", "machineId", "id", "requestor"][..]),
        operator in prop::sample::select(&["eq", "ne", "gt", "le"][..]),
        value in prop::sample::select(&["Pending", "Succeeded", "svar", "7", ""][..]),
    ) {
        let mut play = Play::new(fleet(4));
        for machine in play.machines() {
            play.start(&machine, "x");
            play.pass(60);
        }
        let mut count = |filter: String| {
            let target = format!("/api/machineactions?$filter={}", filter.replace(' ', "+"));
            body(&play.call("GET", &target, &Value::Null))["value"].as_array().unwrap().len()
        };
        let condition = format!("{property} {operator} '{value}'");
        let both = count(condition.clone()) + count(format!("not ({condition})"));
        prop_assert_eq!(both, 4);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Start(usize),
    Cancel(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..5_usize).prop_map(Step::Start),
        1 => (0..20_usize).prop_map(Step::Cancel),
        3 => (0..90_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..60)
}

fn small() -> Scenario {
    let mut scenario = fleet(5);
    scenario.settings = SettingOverrides {
        slots: Some(3),
        starts_per_minute: Some(4),
        visibility_lag: Some(Default::default()),
        ..scenario.settings
    };
    scenario
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(60)))]

    /// A model of a few lines: who is busy, how many starts this minute, how many sessions are open.
    #[test]
    fn starts_are_answered_as_the_model_says(steps in steps()) {
        let mut play = Play::new(small());
        let machines = play.machines();
        let mut minute = (0, 0);
        let mut ids: Vec<String> = Vec::new();
        let mut finals: HashMap<String, Value> = HashMap::new();
        for step in steps {
            let list = body(&play.call("GET", "/api/machineactions", &Value::Null));
            let actions = list["value"].as_array().unwrap();
            let open: Vec<&Value> = actions.iter().filter(|action| matches!(action["status"].as_str(), Some("Pending" | "InProgress"))).collect();
            prop_assert!(open.len() <= 3);
            for action in actions {
                let id = action["id"].as_str().unwrap().to_owned();
                match finals.get(&id) {
                    Some(known) => prop_assert_eq!(known, action, "a final action has changed"),
                    None if !open.contains(&action) => { finals.insert(id, action.clone()); }
                    None => {}
                }
            }
            match step {
                Step::Start(place) => {
                    let this_minute = play.now.millis() / 60_000;
                    if minute.0 != this_minute {
                        minute = (this_minute, 0);
                    }
                    let is_busy = open.iter().any(|action| action["machineId"] == machines[place].as_str());
                    let answer = play.start(&machines[place], "model");
                    let expected = if is_busy {
                        400
                    } else if minute.1 >= 4 {
                        prop_assert!(answer.header("retry-after").is_some());
                        429
                    } else if open.len() >= 3 {
                        minute.1 += 1;
                        prop_assert!(answer.header("retry-after").is_none());
                        429
                    } else {
                        minute.1 += 1;
                        201
                    };
                    prop_assert_eq!(answer.status, expected);
                    if answer.status == 201 {
                        ids.push(body(&answer)["id"].as_str().unwrap().to_owned());
                    }
                }
                Step::Cancel(place) => {
                    if let Some(id) = ids.get(place) {
                        let was_open = open.iter().any(|action| action["id"] == id.as_str());
                        let answer = play.call("POST", &format!("/api/machineactions/{id}/cancel"), &serde_json::json!({"Comment": "x"}));
                        prop_assert_eq!(answer.status, if was_open { 200 } else { 400 });
                    }
                }
                Step::Pass(seconds) => play.pass(seconds),
            }
        }
        play.pass(3 * 3600);
        let ledger = play.service.ledger_lines(0);
        let count = |kind: &str| ledger.iter().filter(|line| line.contains(kind)).count();
        prop_assert_eq!(count("\"session_started\""), ids.len());
        prop_assert_eq!(count("\"session_ended\""), ids.len());
    }
}
