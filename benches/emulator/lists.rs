//! List calls in a tenant with ever more actions, and what the tenant weighs.

use std::collections::VecDeque;
use std::time::Duration;

use svar::emulator::{Bench, Request, Scenario, Service};
use svar::moment::Moment;

use crate::{measure, scene};

const DEVICES: u32 = 50_000;
const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
const ROUNDS: usize = 21;

/// A call's name, and for each size the time it took and the entries it looked at.
type Row = (String, Vec<(usize, measure::Spread, u64)>);

pub(crate) fn run() {
    let empty = resident();
    let mut tenant = Tenant::new(scene::fleet(DEVICES));
    let furnished = resident();
    let mut rows: Vec<Row> = Vec::new();
    for size in SIZES {
        tenant.grow_to(size);
        for (name, target) in tenant.calls() {
            let before = tenant.service.rows_examined();
            tenant.ask(&target);
            let examined = tenant.service.rows_examined() - before;
            let [spread] = measure::in_turns(ROUNDS, [&mut || tenant.ask(&target)]);
            match rows.iter_mut().find(|(known, _)| *known == name) {
                Some((_, row)) => row.push((size, spread, examined)),
                None => rows.push((name, vec![(size, spread, examined)])),
            }
        }
    }
    let full = resident();
    println!(
        "\nList calls by the number of actions in the tenant, {DEVICES} devices, {ROUNDS} rounds"
    );
    for (name, row) in rows {
        println!("  {name}");
        for (size, spread, examined) in row {
            measure::row(
                &format!("  {size} actions, {examined} rows examined"),
                &spread,
                None,
            );
        }
    }
    let of = |bytes: u64, count: u64| bytes / count;
    println!("\nResident memory, the ledger included");
    println!(
        "  {DEVICES} devices: {} MB, {} bytes a device",
        (furnished - empty) >> 20,
        of(furnished - empty, u64::from(DEVICES))
    );
    let last = SIZES[SIZES.len() - 1] as u64;
    println!(
        "  {last} actions with a result each: {} MB, {} bytes an action",
        (full - furnished) >> 20,
        of(full - furnished, last)
    );
}

/// A service in virtual time.
struct Tenant {
    service: Service,
    bench: Bench,
    now: Moment,
    token: String,
    machines: Vec<String>,
    created: usize,
    /// The last fifty actions.
    recent: VecDeque<String>,
    half: Moment,
}

impl Tenant {
    fn new(scenario: Scenario) -> Self {
        let now = Moment::parse("2026-02-03T09:00:00Z").unwrap();
        let mut tenant = Tenant {
            bench: Bench::new(scenario.clone()),
            service: Service::new(scenario, 1, now),
            now,
            token: String::new(),
            machines: Vec::new(),
            created: 0,
            recent: VecDeque::new(),
            half: now,
        };
        let (path, form) = scene::sign_in();
        let reply = tenant
            .service
            .handle(now, &Request::new("POST", &path).body(form));
        let token = scene::parsed(&reply.body)["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        tenant.token = format!("Bearer {token}");
        tenant
    }

    fn request(&self, method: &str, target: &str) -> Request {
        Request::new(method, target).header("authorization", &self.token)
    }

    fn ask(&mut self, target: &str) {
        let request = self.request("GET", target);
        let reply = self.service.handle(self.now, &request);
        assert_eq!(reply.status, 200, "{target}");
    }

    /// Starts sessions, a wave over all devices at a time, until there are so many.
    fn grow_to(&mut self, size: usize) {
        if self.machines.is_empty() {
            for skip in (0..DEVICES).step_by(10_000) {
                let request = self.request("GET", &format!("/api/machines?$skip={skip}"));
                let page = scene::parsed(&self.service.handle(self.now, &request).body);
                let ids = page["value"].as_array().unwrap().iter();
                self.machines
                    .extend(ids.map(|machine| machine["id"].as_str().unwrap().to_owned()));
            }
        }
        let body = scene::start_body("case 118, triage of all clients");
        while self.created < size {
            let machine = self.machines[self.created % self.machines.len()].clone();
            let target = format!("/api/machines/{machine}/runliveresponse");
            let request = self.request("POST", &target).body(body.clone());
            let reply = self.service.handle(self.now, &request);
            assert_eq!(reply.status, 201);
            let id = scene::parsed(&reply.body)["id"]
                .as_str()
                .unwrap()
                .to_owned();
            self.recent.push_back(id);
            if self.recent.len() > 50 {
                self.recent.pop_front();
            }
            self.created += 1;
            if self.created.is_multiple_of(100) {
                self.pass(Duration::from_secs(2));
            }
        }
        self.half = self.now;
        self.pass(Duration::from_secs(60));
        // The last of all is still on its way, as are the ones from the last minutes.
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.service.next_wake().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            for work in self.service.advance(self.now) {
                let outcome = self.bench.perform(&work);
                self.service.finished(self.now, work.number, outcome);
            }
        }
        self.now = end;
    }

    fn calls(&self) -> Vec<(String, String)> {
        let ids: Vec<String> = self.recent.iter().map(|id| format!("'{id}'")).collect();
        let list = "/api/machineactions?";
        let half = (self.created / 2).max(1);
        let call = |name: &str, query: String| (name.to_owned(), format!("{list}{query}"));
        let recent = self.half - Duration::from_secs(10);
        vec![
            call(
                "id in (50 ids)",
                format!("$filter=id+in+({})", ids.join(",")),
            ),
            call(
                "machineId eq",
                format!("$filter=machineId+eq+'{}'", self.machines[7]),
            ),
            call(
                "type eq 'LiveResponse' and creationDateTimeUtc ge T",
                format!("$filter=type+eq+'LiveResponse'+and+creationDateTimeUtc+ge+{recent}"),
            ),
            call(
                "status eq 'InProgress', $top=100",
                "$filter=status+eq+'InProgress'&$top=100".to_owned(),
            ),
            call(
                "status eq 'Succeeded', $top=100, $count",
                "$filter=status+eq+'Succeeded'&$top=100&$count=true".to_owned(),
            ),
            call(
                "$top=100, $skip=half of all",
                format!("$top=100&$skip={half}"),
            ),
            call(
                "$orderby=creationDateTimeUtc desc, $top=100",
                "$orderby=creationDateTimeUtc+desc&$top=100".to_owned(),
            ),
            call(
                "$orderby=creationDateTimeUtc asc, $top=100",
                "$orderby=creationDateTimeUtc&$top=100".to_owned(),
            ),
        ]
    }
}

/// Bytes of this process that are really in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    pages * 4096
}
