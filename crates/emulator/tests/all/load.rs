//! List calls find what they answer by index: the entries they look at are counted, since a time says
//! more about the computer than about the list.

use proptest::prelude::*;
use serde_json::{Value, json};
use svar_emulator::{DurationRange, LibraryItem, Scenario, ScriptOutcome};
use svar_wire::{Collection, MachineAction};

use super::virtual_time::{Play, body, fleet};

fn unlimited(count: u32) -> Scenario {
    let mut scenario = fleet(count);
    scenario.settings.slots = Some(u32::MAX);
    scenario.settings.starts_per_minute = Some(u32::MAX);
    scenario.settings.visibility_lag = Some(DurationRange::default());
    scenario
}

/// A tenant in which each of 100 devices had so many sessions one after the other.
fn tenant(sessions: usize) -> (Play, Vec<String>) {
    let mut play = Play::new(unlimited(100));
    let machines = play.machines();
    for _ in 0..sessions {
        for machine in &machines {
            assert_eq!(play.start(machine, "load").status, 201);
        }
        play.pass(3600);
    }
    for machine in &machines[..7] {
        play.start(machine, "load");
    }
    (play, machines)
}

#[test]
fn lists_look_at_no_more_entries_in_a_larger_tenant() {
    let examined = |sessions: usize| {
        let (mut play, machines) = tenant(sessions);
        let newest = body(&play.call("GET", "/api/machineactions?$top=20", &Value::Null));
        let ids: Vec<String> = newest["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| format!("'{}'", action["id"].as_str().unwrap()))
            .collect();
        let since = play.now - std::time::Duration::from_secs(60);
        let ids = ids.join(",");
        let skip = 50 * sessions;
        let lists = [
            format!("machineactions?$filter=id+in+({ids})"),
            format!(
                "machineactions?$filter=id+eq+{}",
                ids.replace(',', "+or+id+eq+")
            ),
            format!(
                "machineactions?$filter=machineId+eq+'{}'&$top=2",
                machines[3]
            ),
            format!(
                "machineactions?$filter=machineId+eq+'{}'+and+status+eq+'Pending'",
                machines[3]
            ),
            format!(
                "machineactions?$filter=type+eq+'LiveResponse'+and+creationDateTimeUtc+ge+{since}"
            ),
            "machineactions?$filter=status+eq+'Pending'".to_owned(),
            "machineactions?$filter=status+in+('Pending','InProgress')&$count=true".to_owned(),
            "machineactions?$filter=status+ne+'Pending'&$top=5&$count=true".to_owned(),
            format!("machineactions?$top=5&$skip={skip}"),
            format!("machineactions?$filter=status+eq+'Succeeded'&$top=5&$skip={skip}&$count=true"),
            "machineactions?$orderby=creationDateTimeUtc+desc&$top=5".to_owned(),
            "machineactions?$orderby=CreationDateTimeUtc&$top=5".to_owned(),
            format!(
                "machineactions?$filter=machineId+eq+'{}'+and+status+ne+'Pending'&$orderby=creationDateTimeUtc+desc&$top=1",
                machines[50]
            ),
            "machineactions?$filter=startswith(computerDnsName,'PC-007.')&$top=2".to_owned(),
            format!("machineactions?$filter=requestor+eq+'svar'&$top=5&$skip={skip}&$count=true"),
            format!(
                "machineactions?$filter=creationDateTimeUtc+ge+{since}+and+creationDateTimeUtc+lt+2030-01-01T00:00:00Z+and+status+eq+'Pending'"
            ),
        ];
        lists.map(|list| {
            let before = play.service.rows_examined();
            let answer = play.call("GET", &format!("/api/{list}"), &Value::Null);
            assert_eq!(answer.status, 200);
            let shown = body(&answer)["value"].as_array().unwrap().len();
            assert!(shown > 0, "{list}");
            (play.service.rows_examined() - before, shown)
        })
    };
    let (few, many) = (examined(10), examined(30));
    assert_eq!(few, many);
    for (examined, shown) in many {
        assert!(examined <= shown as u64 + 7, "{examined} for {shown}");
    }
}

#[test]
fn ledger_entries_are_found_without_looking_at_the_others() {
    let examined = |sessions: usize| {
        let (mut play, machines) = tenant(sessions);
        let first = play.call(
            "GET",
            "/emulator/ledger?kind=session_started&top=1",
            &Value::Null,
        );
        let action = body(&first)["entries"][0]["action"].clone();
        let half = 150 * sessions;
        let queries = [
            ("kind=session_started&top=5".to_owned(), 6),
            (format!("kind=session_ended&top=5&after={half}"), 6),
            (format!("after={half}&top=5"), 6),
            ("kind=cancelled".to_owned(), 0),
            // Three to a session; all of the one device, for an action too.
            (
                format!("action={}", action.as_str().unwrap()),
                3 * sessions as u64 + 1,
            ),
            (
                format!("device={}&after={half}", machines[50]),
                3 * sessions as u64 / 2,
            ),
        ];
        for (query, wanted) in queries {
            let before = play.service.rows_examined();
            let answer = play.call("GET", &format!("/emulator/ledger?{query}"), &Value::Null);
            assert_eq!(answer.status, 200);
            assert_eq!(play.service.rows_examined() - before, wanted, "{query}");
        }
    };
    examined(10);
    examined(30);
}

#[test]
fn the_actions_of_a_whole_fleet_are_not_put_in_order_for_one_page() {
    let mut play = Play::new(unlimited(1200));
    for machine in play.machines() {
        assert_eq!(play.start(&machine, "load").status, 201);
    }
    let before = play.service.rows_examined();
    let target = "/api/machineactions?$filter=startswith(computerDnsName,'pc-')&$top=5";
    let list = body(&play.call("GET", target, &Value::Null));
    assert_eq!(list["value"].as_array().unwrap().len(), 5);
    assert_eq!(play.service.rows_examined() - before, 6);
}

#[test]
fn the_beginning_of_a_name_finds_the_actions_of_those_devices_and_no_others() {
    let mut play = Play::new(unlimited(12));
    for machine in play.machines() {
        assert_eq!(play.start(&machine, "load").status, 201);
    }
    let mut names = |query: &str| -> Vec<String> {
        let target = format!("/api/machineactions?{query}");
        let list = body(&play.call("GET", &target, &Value::Null));
        let actions = list["value"].as_array().unwrap().iter();
        let name = |action: &Value| action["computerDnsName"].as_str().unwrap().to_owned();
        actions.map(name).collect()
    };
    let all = names("");
    assert_eq!(all.len(), 12);
    for (beginning, found) in [
        ("", 12),
        ("pc-", 12),
        ("pc-0", 9),
        ("PC-1", 3),
        ("pc-12", 1),
        ("pc-2", 0),
        ("c-1", 0),
    ] {
        let begins = |name: &&String| name.starts_with(&beginning.to_lowercase());
        let expected: Vec<String> = all.iter().filter(begins).cloned().collect();
        assert_eq!(expected.len(), found, "{beginning}");
        let filter = format!("$filter=startswith(computerDnsName,'{beginning}')");
        assert_eq!(names(&filter), expected, "{beginning}");
    }
}

#[test]
fn devices_are_found_without_looking_at_the_fleet() {
    for count in [100, 3000] {
        let mut scenario = fleet(count);
        scenario.devices = vec![svar_emulator::Device {
            tags: vec!["Crown".to_owned(), "crown".to_owned()],
            health: "ImpairedCommunication".to_owned(),
            ..svar_emulator::Device::named("vault-01.example.org", "WindowsServer2022")
        }];
        let mut play = Play::new(scenario);
        for filter in [
            "computerDnsName+eq+'VAULT-01.example.org'",
            "startswith(computerDnsName,'vault-')",
            "machineTags+eq+'crown'",
            "healthStatus+eq+'impairedcommunication'+and+osPlatform+eq+'WindowsServer2022'",
            "osPlatform+in+('WindowsServer2022','Linux')",
        ] {
            let before = play.service.rows_examined();
            let target = format!("/api/machines?$filter={filter}");
            let list = body(&play.call("GET", &target, &Value::Null));
            assert_eq!(list["value"].as_array().unwrap().len(), 1, "{filter}");
            assert_eq!(play.service.rows_examined() - before, 1, "{filter}");
        }
    }
}

/// The emulator writes actions by its own hand; a client's type for them has to know every field.
#[test]
fn an_action_is_written_as_clients_read_it() {
    let mut play = Play::new(unlimited(1));
    let machine = play.machines().remove(0);
    let created = body(&play.start(&machine, "a \"quoted\" comment \u{1f680}"));
    let id = created["id"].as_str().unwrap().to_owned();
    play.pass(1);
    let cancel = json!({"Comment": "stop"});
    let cancelled = body(&play.call("POST", &format!("/api/machineactions/{id}/cancel"), &cancel));
    for action in [created, cancelled] {
        let read: MachineAction = serde_json::from_value(action.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), action);
    }
}

/// Conditions with an index, in all the ways they are written.
fn condition() -> impl Strategy<Value = String> {
    let status =
        prop::sample::select(&["Pending", "inprogress", "Succeeded", "Failed", "none"][..]);
    let second = 0..400_i64;
    prop_oneof![
        (prop::sample::select(&["eq", "ne"][..]), status.clone())
            .prop_map(|(operator, status)| format!("status {operator} '{status}'")),
        (status.clone(), status).prop_map(|(one, other)| format!("status in ('{one}','{other}')")),
        (
            prop::sample::select(&["eq", "ne", "ge", "gt", "le", "lt"][..]),
            second
        )
            .prop_map(|(operator, second)| {
                let time = svar_wire::Moment::parse("2026-02-03T09:00:00Z").unwrap()
                    + std::time::Duration::from_secs(second.unsigned_abs());
                format!("creationDateTimeUtc {operator} {time}")
            }),
        (0..9_usize).prop_map(|place| format!("machineId eq '@{place}'")),
        (0..9_usize, 0..9_usize)
            .prop_map(|(one, other)| format!("(machineId eq '@{one}' or machineId eq '@{other}')")),
        (0..9_usize).prop_map(|number| format!("computerDnsName eq 'PC-{number}.example.org'")),
        (0..9_usize).prop_map(|number| format!("startswith(computerDnsName,'Pc-{number}')")),
        (0..30_usize, 0..30_usize).prop_map(|(one, other)| format!("id in ('#{one}','#{other}')")),
        Just("type eq 'liveresponse'".to_owned()),
        Just("type eq 'Isolate'".to_owned()),
        Just("requestor eq 'SVAR'".to_owned()),
        Just("requestor in ('svar','nobody')".to_owned()),
        Just("contains(requestorComment,'1')".to_owned()),
    ]
}

/// The emulator writes actions without a serializer; what it writes must be what one would.
#[test]
fn actions_are_written_byte_for_byte_as_their_type_says() {
    let mut scenario = unlimited(3);
    scenario.outcomes.insert(
        0,
        ScriptOutcome {
            script: "broken.ps1".to_owned(),
            error: Some("line 1: \"C:\\x\"\nline 2".to_owned()),
            ..ScriptOutcome::default()
        },
    );
    scenario.library.push(LibraryItem {
        name: "broken.ps1".to_owned(),
        ..LibraryItem::default()
    });
    let mut play = Play::new(scenario);
    let machines = play.machines();
    let odd = "a \"quoted\" \\ path,\ttab,\r\nlines, \u{1}\u{7f}, ümläut, 事件 🚨 </script>";
    let run = |script: &str| {
        json!({"type": "RunScript", "params": [
            {"key": "ScriptName", "value": script},
            {"key": "Args", "value": odd.replace(['\r', '\n', '\t', '\u{1}'], " ")},
        ]})
    };
    let get = json!({"type": "GetFile", "params": [{"key": "Path", "value": r"C:\Temp\a b.zip"}]});
    let mut ids = Vec::new();
    for (machine, commands) in [
        (0, json!([run("ok.ps1"), get])),
        (1, json!([run("broken.ps1")])),
        (2, json!([run("ok.ps1")])),
    ] {
        let content = json!({"Commands": commands, "Comment": odd});
        let path = format!("/api/machines/{}/runliveresponse", machines[machine]);
        let created = play.call("POST", &path, &content);
        assert_eq!(created.status, 201, "{}", body(&created));
        ids.push(body(&created)["id"].as_str().unwrap().to_owned());
    }
    let mut seen = std::collections::BTreeSet::new();
    for moment in 0..40 {
        let list = play.call("GET", "/api/machineactions", &Value::Null);
        let read: Collection<MachineAction> = serde_json::from_slice(&list.body).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&list.body),
            serde_json::to_string(&read).unwrap()
        );
        for action in read.value {
            assert_eq!(action.requestor_comment.as_deref(), Some(odd));
            let commands = action.commands.unwrap();
            let errors = commands.iter().map(|command| command.errors.len());
            seen.insert((action.status.as_str().to_owned(), errors.sum::<usize>()));
        }
        if moment == 0 {
            let path = format!("/api/machineactions/{}/cancel", ids[2]);
            let cancelled = play.call("POST", &path, &json!({"Comment": odd}));
            let read: MachineAction = serde_json::from_slice(&cancelled.body).unwrap();
            assert_eq!(read.cancellation_comment.as_deref(), Some(odd));
            assert_eq!(
                String::from_utf8_lossy(&cancelled.body),
                serde_json::to_string(&read).unwrap()
            );
        }
        play.pass(10);
    }
    for (status, errors) in [
        ("Pending", 0),
        ("InProgress", 0),
        ("Cancelled", 0),
        ("Failed", 1),
    ] {
        assert!(seen.contains(&(status.to_owned(), errors)), "{seen:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    /// Under a double negation no index helps, so the same list comes from looking at every entry.
    #[test]
    fn an_index_gives_the_same_list_as_looking_at_everything(
        conditions in prop::collection::vec(condition(), 1..4),
        order in prop::sample::select(&["", "&$orderby=creationDateTimeUtc desc", "&$orderby=creationDateTimeUtc asc", "&$orderby=status desc,id"][..]),
        window in prop::sample::select(&["", "&$top=3", "&$skip=2", "&$top=4&$skip=3", "&$top=0", "&$skip=99"][..]),
        default_page_size in 1..12_usize,
        lag in 0..200_u64,
    ) {
        let mut scenario = unlimited(6);
        scenario.settings.default_page_size = Some(default_page_size);
        scenario.settings.visibility_lag = Some(DurationRange::seconds(0, lag));
        let mut play = Play::new(scenario);
        let mut machines = Vec::new();
        while machines.len() < 6 {
            let page = body(&play.call("GET", &format!("/api/machines?$skip={}", machines.len()), &Value::Null));
            machines.extend(page["value"].as_array().unwrap().iter().map(|machine| machine["id"].as_str().unwrap().to_owned()));
        }
        let mut ids = Vec::new();
        for round in 0..24_usize {
            let answer = play.start(&machines[round * 5 % 6], &format!("round {round}"));
            if answer.status == 201 {
                ids.push(body(&answer)["id"].as_str().unwrap().to_owned());
            }
            play.pass(17);
        }
        let mut filter = conditions.join(" and ");
        for place in (0..30).rev() {
            filter = filter
                .replace(&format!("'@{place}'"), &format!("'{}'", machines.get(place).map_or("unknown", String::as_str)))
                .replace(&format!("'#{place}'"), &format!("'{}'", ids.get(place).map_or("unknown", String::as_str)));
        }
        let mut list = |filter: &str, count: &str| {
            let query = format!("$filter={filter}{order}{window}{count}").replace(' ', "%20");
            let mut list = body(&play.call("GET", &format!("/api/machineactions?{query}"), &Value::Null));
            let next = list.as_object_mut().unwrap().remove("@odata.nextLink");
            (list, next.is_some())
        };
        let doubted = format!("not (not ({filter}))");
        prop_assert_eq!(list(&filter, ""), list(&doubted, ""), "{}", filter);
        prop_assert_eq!(list(&filter, "&$count=true"), list(&doubted, "&$count=true"), "{}", filter);
    }
}
