//! The pure core in virtual time: no socket, no process, the same rules.

use serde_json::{Value, json};
use svar_emulator::{
    CLIENT_ID, CLIENT_SECRET, Device, Fleet, InMemoryDevices, LibraryItem, Request, Response,
    Scenario, ScriptOutcome, Service, SettingOverrides, TENANT_ID, TimeSpan,
};
use svar_wire::Moment;

/// A service, its devices, and a time that only the story moves.
pub(crate) struct Play {
    pub(crate) service: Service,
    bench: InMemoryDevices,
    pub(crate) now: Moment,
    token: String,
}

impl Play {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let now = Moment::parse("2026-02-03T09:00:00Z").unwrap();
        let seed = scenario.seed;
        let mut play = Play {
            bench: InMemoryDevices::new(scenario.clone()),
            service: Service::new(scenario, seed, now),
            now,
            token: String::new(),
        };
        let form = format!(
            "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https%3A%2F%2Fapi.securitycenter.microsoft.com%2F.default"
        );
        let request = Request::new("POST", &format!("/{TENANT_ID}/oauth2/v2.0/token")).body(form);
        let reply = play.service.handle(now, &request);
        play.token = body(&reply)["access_token"].as_str().unwrap().to_owned();
        play
    }

    pub(crate) fn call(&mut self, method: &str, target: &str, content: &Value) -> Response {
        let mut request = Request::new(method, target);
        if !content.is_null() {
            request = request.body(content.to_string());
        }
        self.send(request)
    }

    /// Sends a request with the token.
    pub(crate) fn send(&mut self, request: Request) -> Response {
        let request = request.header("Authorization", &format!("Bearer {}", self.token));
        let response = self.service.handle(self.now, &request);
        self.work();
        response
    }

    /// What is done at once may lead to the next piece of work at the same moment.
    fn work(&mut self) {
        loop {
            let pieces = self.service.advance(self.now);
            if pieces.is_empty() {
                return;
            }
            for work in pieces {
                let outcome = self.bench.perform(&work);
                self.service.finished(self.now, work.number, outcome);
            }
        }
    }

    /// Jumps from wake-up to wake-up until that much time has passed.
    pub(crate) fn pass(&mut self, seconds: u64) {
        let end = self.now + std::time::Duration::from_secs(seconds);
        while let Some(next) = self.service.next_wake().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.work();
        }
        self.now = end;
        self.work();
    }

    pub(crate) fn start(&mut self, machine: &str, comment: &str) -> Response {
        let command =
            json!({"type": "RunScript", "params": [{"key": "ScriptName", "value": "ok.ps1"}]});
        let content = json!({"Commands": [command], "Comment": comment});
        self.call(
            "POST",
            &format!("/api/machines/{machine}/runliveresponse"),
            &content,
        )
    }

    pub(crate) fn machines(&mut self) -> Vec<String> {
        let list = self.call("GET", "/api/machines", &Value::Null);
        let list = body(&list);
        list["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|machine| machine["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[track_caller]
pub(crate) fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or(Value::Null)
}

/// A fleet of so many Windows devices whose scripts are scripted.
pub(crate) fn fleet(count: u32) -> Scenario {
    Scenario {
        settings: SettingOverrides {
            token_ttl: Some(TimeSpan::seconds(1_000_000_000)),
            reads_per_minute: Some(1_000_000),
            reads_per_hour: Some(1_000_000),
            ..SettingOverrides::default()
        },
        fleets: vec![Fleet {
            count,
            name: "pc-{n}.example.org".to_owned(),
            device: Device::named("", "Windows11"),
            ..Fleet::default()
        }],
        library: vec![LibraryItem {
            name: "ok.ps1".to_owned(),
            ..LibraryItem::default()
        }],
        outcomes: vec![ScriptOutcome {
            stdout: "ok".to_owned(),
            ..ScriptOutcome::default()
        }],
        ..Scenario::default()
    }
}

#[test]
fn an_action_goes_from_pending_to_succeeded_at_its_own_times() {
    let mut play = Play::new(fleet(1));
    let machine = play.machines().remove(0);
    let created = play.start(&machine, "story");
    assert_eq!(created.status, 201);
    let id = body(&created)["id"].as_str().unwrap().to_owned();
    play.pass(3 + 120 + 3 + 40);
    let action = body(&play.call("GET", &format!("/api/machineactions/{id}"), &Value::Null));
    assert_eq!(action["status"], "Succeeded");
    let time = |value: &Value| Moment::parse(value.as_str().unwrap()).unwrap();
    let began =
        time(&action["commands"][0]["startTime"]).since(time(&action["creationDateTimeUtc"]));
    let ended =
        time(&action["commands"][0]["endTime"]).since(time(&action["commands"][0]["startTime"]));
    let wrapped =
        time(&action["lastUpdateDateTimeUtc"]).since(time(&action["commands"][0]["endTime"]));
    assert!((5..=120).contains(&began.as_secs()), "{began:?}");
    assert_eq!(ended.as_millis(), 3000);
    assert!((1..=40).contains(&wrapped.as_secs()), "{wrapped:?}");
}

#[test]
fn a_fleet_plays_the_same_twice_under_one_seed_and_otherwise_under_another() {
    let ledger = |seed: u64| {
        let mut scenario = fleet(200);
        scenario.seed = seed;
        scenario.fleets[0].offline = 0.1;
        let mut play = Play::new(scenario);
        for machine in play.machines() {
            while play.start(&machine, "fleet").status != 201 {
                play.pass(5);
            }
        }
        play.pass(3 * 3600);
        play.service.ledger_lines(0)
    };
    let (first, again, other) = (ledger(1), ledger(1), ledger(2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let ended = first
        .iter()
        .filter(|line| line.contains("\"session_ended\""))
        .count();
    assert_eq!(ended, 200);
    assert!(first.iter().any(|line| line.contains("\"TimeOut\"")));
}
