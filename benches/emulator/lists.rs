//! List calls in a tenant with ever more actions, and what the tenant weighs.

use std::collections::VecDeque;
use std::time::Duration;

use svar_emulator::{InMemoryDevices, Request, Scenario, Service};
use svar_wire::Moment;

use crate::{measure, scene};

const DEVICES: u32 = 50_000;
const SIZES: [usize; 3] = [1_000, 50_000, 1_000_000];
const ROUNDS: usize = 21;
/// So many actions are weighed with commands of their own.
const OWN: usize = 100_000;

/// Fleets whose lists are compared.
const FLEETS: [u32; 3] = [1_000, 10_000, 50_000];
/// A call's name, and for each size the time it took and the entries it looked at.
type Endpoint = (String, Vec<(usize, measure::Spread, u64)>);

pub(crate) fn run() {
    let empty = resident();
    let mut tenant = Tenant::new(scene::fleet(DEVICES));
    let furnished = resident();
    let mut rows: Vec<Endpoint> = Vec::new();
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
        "  {last} actions with a result each, all of one command: {} MB, {} bytes an action",
        (full - furnished) >> 20,
        of(full - furnished, last)
    );
    let mut tenant = tenant;
    tenant.has_own_commands = true;
    tenant.grow_to(SIZES[SIZES.len() - 1] + OWN);
    println!(
        "  {OWN} more, each with arguments of its own: {} bytes an action",
        of(resident() - full, OWN as u64)
    );
    fleets();
}

/// Calls that read devices, by the number of devices.
fn fleets() {
    println!("\nLists of devices by the size of the fleet, {ROUNDS} rounds");
    let mut tenants = FLEETS.map(|count| Tenant::new(scene::fleet(count)));
    let calls = [
        (
            "computerDnsName eq",
            "$filter=computerDnsName+eq+'pc-NUMBER.example.org'",
        ),
        (
            "startswith(computerDnsName), one found",
            "$filter=startswith(computerDnsName,'pc-NUMBER')",
        ),
        (
            "machineTags eq and healthStatus eq, $top=100",
            "$filter=machineTags+eq+'clients'+and+healthStatus+eq+'Active'&$top=100",
        ),
        (
            "osPlatform eq, $top=100, $skip=half of all",
            "$filter=osPlatform+eq+'Windows11'&$top=100&$skip=HALF",
        ),
        (
            "lastSeen ge, all found, $top=100",
            "$filter=lastSeen+ge+2020-01-01T00:00:00Z&$top=100",
        ),
        (
            "lastSeen ge, none found: a scan",
            "$filter=lastSeen+ge+2030-01-01T00:00:00Z",
        ),
        (
            "$orderby=computerDnsName desc, $top=100: a scan",
            "$orderby=computerDnsName+desc&$top=100",
        ),
    ];
    for (name, query) in calls {
        println!("  {name}");
        for (count, tenant) in FLEETS.into_iter().zip(&mut tenants) {
            let width = count.to_string().len();
            let number = format!("{:0width$}", count / 3);
            let query = query.replace("NUMBER", &number);
            let query = query.replace("HALF", &(count / 2).to_string());
            let target = format!("/api/machines?{query}");
            let before = tenant.service.rows_examined();
            tenant.ask(&target);
            let examined = tenant.service.rows_examined() - before;
            let [spread] = measure::in_turns(ROUNDS, [&mut || tenant.ask(&target)]);
            let name = format!("  {count} devices, {examined} rows examined");
            measure::row(&name, &spread, None);
        }
    }
}

/// A service in virtual time.
struct Tenant {
    service: Service,
    bench: InMemoryDevices,
    now: Moment,
    token: String,
    devices: Vec<String>,
    created: usize,
    /// The last fifty actions.
    recent: VecDeque<String>,
    half: Moment,
    has_own_commands: bool,
}

impl Tenant {
    fn new(scenario: Scenario) -> Self {
        let now = Moment::parse("2026-02-03T09:00:00Z").unwrap();
        let mut tenant = Tenant {
            bench: InMemoryDevices::new(scenario.clone()),
            service: Service::new(scenario, 1, now),
            now,
            token: String::new(),
            devices: Vec::new(),
            created: 0,
            recent: VecDeque::new(),
            half: now,
            has_own_commands: false,
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
        if self.devices.is_empty() {
            for skip in (0..DEVICES).step_by(10_000) {
                let request = self.request("GET", &format!("/api/machines?$skip={skip}"));
                let page = scene::parsed(&self.service.handle(self.now, &request).body);
                let ids = page["value"].as_array().unwrap().iter();
                self.devices
                    .extend(ids.map(|device| device["id"].as_str().unwrap().to_owned()));
            }
        }
        let comment = "case 118, triage of all clients";
        let body = scene::start_body(comment, "-Depth 2");
        while self.created < size {
            let device = self.devices[self.created % self.devices.len()].clone();
            let target = format!("/api/machines/{device}/runliveresponse");
            let body = match self.has_own_commands {
                true => scene::start_body(comment, &format!("-Depth 2 -Number {}", self.created)),
                false => body.clone(),
            };
            let request = self.request("POST", &target).body(body);
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
        let ledger =
            |name: &str, query: String| (name.to_owned(), format!("/emulator/ledger?{query}"));
        let recent = self.half - Duration::from_secs(10);
        vec![
            call(
                "id in (50 ids)",
                format!("$filter=id+in+({})", ids.join(",")),
            ),
            call(
                "machineId eq",
                format!("$filter=machineId+eq+'{}'", self.devices[7]),
            ),
            call(
                "machineId eq and status ne 'Pending', $orderby=creationDateTimeUtc desc, $top=1",
                format!(
                    "$filter=machineId+eq+'{}'+and+status+ne+'Pending'&$orderby=creationDateTimeUtc+desc&$top=1",
                    self.devices[7]
                ),
            ),
            call(
                "startswith(computerDnsName) for one device",
                "$filter=startswith(computerDnsName,'pc-00008.')".to_owned(),
            ),
            call(
                "requestor eq, $top=100, $skip=half of all, $count",
                format!("$filter=requestor+eq+'svar'&$top=100&$skip={half}&$count=true"),
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
            call(
                "contains(requestorComment), all found, $top=100",
                "$filter=contains(requestorComment,'triage')&$top=100".to_owned(),
            ),
            call(
                "contains(requestorComment), none found: a scan",
                "$filter=contains(requestorComment,'nowhere')".to_owned(),
            ),
            call(
                "lastUpdateDateTimeUtc ge, the newest, $top=100",
                format!("$filter=lastUpdateDateTimeUtc+ge+{recent}&$top=100"),
            ),
            call(
                "$orderby=lastUpdateDateTimeUtc desc, $top=100: a scan",
                "$orderby=lastUpdateDateTimeUtc+desc&$top=100".to_owned(),
            ),
            ledger(
                "the ledger, kind=session_started, top=100",
                "kind=session_started&top=100".to_owned(),
            ),
            ledger(
                "the ledger of one device",
                format!("device={}", self.devices[7]),
            ),
            ledger(
                "the ledger of one kind that there is none of",
                "kind=cancelled".to_owned(),
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
