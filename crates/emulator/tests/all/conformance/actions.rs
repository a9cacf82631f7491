//! Machine actions: their shape, states, lists, and the cancel (API notes 4, 5, 7).

use serde_json::{Value, json};
use svar_emulator::{
    Device, DurationRange, Scenario, ScriptOutcome, SettingOverrides, TimeSpan, TimeWindow,
};

use super::{quiet, text, with};
use crate::world::{World, get_file, put_file, run_script};

fn asleep() -> Scenario {
    let mut scenario = quiet();
    scenario.devices[0].online = vec![TimeWindow {
        from: TimeSpan::seconds(100_000),
        until: None,
    }];
    scenario
}

/// A scripted PowerShell that takes so long.
fn slow(seconds: u64, factor: f64) -> Scenario {
    let mut scenario = quiet();
    scenario.factor = factor;
    scenario.outcomes.insert(
        0,
        ScriptOutcome {
            script: "ok.ps1".to_owned(),
            stdout: "slow".to_owned(),
            duration: TimeSpan::seconds(seconds),
            ..ScriptOutcome::default()
        },
    );
    scenario
}

/// Waits until the action's first command runs.
async fn running(world: &World, id: &str) {
    while world.get(&format!("/api/machineactions/{id}")).await.json()["status"] != "InProgress" {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// A service that takes its time after the last command.
fn wrapping_up(marks: bool) -> Scenario {
    Scenario {
        factor: 100.0,
        settings: SettingOverrides {
            wrapup_delay: Some(DurationRange::seconds(60, 60)),
            late_cancel_marks_cancelled: Some(marks),
            ..quiet().settings
        },
        ..quiet()
    }
}

/// Cancels an action between its last command and its end; the status it ends with.
async fn cancelled_too_late(world: &World) -> String {
    let machine = world.machine("win-01").await;
    let answer = world
        .start(&machine, json!([run_script("ok.ps1", "")]))
        .await
        .json();
    let path = format!("/api/machineactions/{}", text(&answer, "id"));
    while world.get(&path).await.json()["commands"][0]["commandStatus"] != "Completed" {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let cancel = world.post(&format!("{path}/cancel"), json!({})).await;
    assert_eq!(cancel.expect(200).json()["status"], "InProgress");
    let ended = world.end_of(text(&answer, "id")).await;
    assert_eq!(ended["commands"][0]["commandStatus"], "Completed");
    assert_eq!(world.result(&ended, 0).await.status, 200);
    text(&ended, "status").to_owned()
}

/// Three actions that ended, on two devices; their ids, oldest first.
async fn three(world: &World) -> [String; 3] {
    let (linux, windows) = (world.machine("lin-01").await, world.machine("win-01").await);
    let mut ids = Vec::new();
    for (machine, script) in [
        (&linux, "show.sh"),
        (&windows, "ok.ps1"),
        (&windows, "bad.ps1"),
    ] {
        let action = world.run(machine, json!([run_script(script, "")])).await;
        ids.push(text(&action, "id").to_owned());
    }
    ids.try_into().unwrap()
}

async fn ids(world: &World, query: &str) -> Vec<String> {
    let list = world
        .get(&format!("/api/machineactions?{query}"))
        .await
        .expect(200)
        .json();
    list["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| text(action, "id").to_owned())
        .collect()
}

const CONTEXT: &str = "https://api-eu3.securitycenter.example/api/$metadata";

#[track_caller]
fn is_time(time: &str) {
    assert!(
        svar_wire::Moment::parse(time).is_ok() && time.ends_with('Z'),
        "{time}"
    );
}

/// What one command of an action must look like: its request as it was sent, its status, its errors.
type Entry<'a> = (&'a str, &'a str, &'a [&'a str]);

/// The action as it must be written: by hand, from the published example. Only what nobody can know
/// beforehand (its id and times) is taken from the answer itself.
#[track_caller]
fn whole(action: &Value, machine: &str, comment: &str, status: &str, entries: &[Entry]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .enumerate()
        .map(|(index, (command, status, errors))| {
            let entry = &action["commands"][index];
            let time = |key: &str| {
                if *status == "Created" {
                    return "null".to_owned();
                }
                is_time(text(entry, key));
                format!("\"{}\"", text(entry, key))
            };
            format!(
                r#"{{"index":{index},"startTime":{},"endTime":{},"commandStatus":"{status}","errors":{},"command":{command}}}"#,
                time("startTime"),
                time("endTime"),
                json!(errors),
            )
        })
        .collect();
    let (created, updated) = (
        text(action, "creationDateTimeUtc"),
        text(action, "lastUpdateDateTimeUtc"),
    );
    is_time(created);
    is_time(updated);
    [
        format!(
            r#"{{"id":"{}","type":"LiveResponse","title":null,"requestor":"svar","requestorComment":"{comment}","#,
            text(action, "id")
        ),
        format!(
            r#""status":"{status}","machineId":"{machine}","computerDnsName":"lin-01.example.org","#
        ),
        format!(r#""creationDateTimeUtc":"{created}","lastUpdateDateTimeUtc":"{updated}","#),
        r#""cancellationRequestor":null,"cancellationComment":null,"cancellationDateTimeUtc":null,"#.to_owned(),
        r#""errorHResult":0,"scope":null,"externalId":null,"requestSource":"PublicApi","relatedFileInfo":null,"#.to_owned(),
        format!(
            r#""commands":[{}],"troubleshootInfo":null}}"#,
            entries.join(",")
        ),
    ]
    .concat()
}

const SHOW: &str = r#"{"type":"RunScript","params":[{"key":"ScriptName","value":"show.sh"}]}"#;

/// One action as an answer.
fn in_context(action: &str) -> String {
    let rest = action.strip_prefix('{').unwrap();
    format!("{{\"@odata.context\":\"{CONTEXT}#MachineActions/$entity\",{rest}")
}

facts! {
    "4.1" the_shape_of_an_action: "An action has the same fields in the same order, types and nulls in the answer to a start, to a read and in a list.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let put = r#"{"type":"PutFile","params":[{"key":"FileName","value":"tool.exe"}]}"#;
        let run = r#"{"type":"RunScript","params":[{"key":"ScriptName","value":"none.sh"},{"key":"Args","value":"-a \"b\""}]}"#;
        let get = r#"{"type":"GetFile","params":[{"key":"Path","value":"/etc/passwd"}]}"#;
        let (sent, comment) = ("case \"118\"\\\n\u{1}é", r#"case \"118\"\\\n\u0001é"#);
        let commands = json!([put_file("tool.exe"), run_script("none.sh", "-a \"b\""), get_file("/etc/passwd")]);
        let body = json!({"Commands": commands, "Comment": sent});
        let started = world.post(&format!("/api/machines/{machine}/runliveresponse"), body).await.expect(201);
        let (fresh, id) = (started.json(), text(&started.json(), "id").to_owned());
        assert!(uuid::Uuid::parse_str(&id).is_ok());
        let expected = whole(&fresh, &machine, comment, "Pending", &[(put, "Created", &[]), (run, "Created", &[]), (get, "Created", &[])]);
        assert_eq!(String::from_utf8_lossy(&started.bytes), in_context(&expected));
        let ended = world.end_of(&id).await;
        let reason = ended["commands"][1]["errors"][0].as_str().unwrap();
        let expected = whole(&ended, &machine, comment, "Failed", &[(put, "Completed", &[]), (run, "Failed", &[reason]), (get, "Created", &[])]);
        let read = world.get(&format!("/api/machineactions/{id}")).await.expect(200);
        assert_eq!(String::from_utf8_lossy(&read.bytes), in_context(&expected));
        let list = world.get(&format!("/api/machineactions?$count=true&$filter=id+eq+'{id}'")).await.expect(200);
        assert_eq!(
            String::from_utf8_lossy(&list.bytes),
            format!("{{\"@odata.context\":\"{CONTEXT}#MachineActions\",\"@odata.count\":1,\"value\":[{expected}]}}"),
        );
    }
    "4.1" the_shape_of_a_cancelled_action: "The three cancellation fields hold who cancelled, the comment and the time; no other field does.", asleep(), |world| {
        let machine = world.machine("lin-01").await;
        let started = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201).json();
        let id = text(&started, "id");
        let body = json!({"Comment": "stop \"it\""});
        let cancelled = world.post(&format!("/api/machineactions/{id}/cancel"), body).await.expect(200);
        let action = cancelled.json();
        let time = text(&action, "cancellationDateTimeUtc");
        is_time(time);
        let nothing = r#""cancellationRequestor":null,"cancellationComment":null,"cancellationDateTimeUtc":null"#;
        let who = format!(r#""cancellationRequestor":"svar","cancellationComment":"stop \"it\"","cancellationDateTimeUtc":"{time}""#);
        let expected = whole(&action, &machine, "conformance", "Cancelled", &[(SHOW, "Created", &[])]).replace(nothing, &who);
        assert_eq!(String::from_utf8_lossy(&cancelled.bytes), in_context(&expected));
    }
    "4.4" any_exit_code_completes: "A script that exits with 3 is `Completed`, and its action `Succeeded`.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("three.sh", "")])).await;
        assert_eq!(action["status"], "Succeeded");
        assert_eq!(action["commands"][0]["commandStatus"], "Completed");
        let result = world.result(&action, 0).await.json();
        assert_eq!(result, json!({"script_name": "three.sh", "exit_code": 3, "script_output": "out\n", "script_errors": "err\n"}));
    }
    "4.4" exit_codes_may_fail: "A setting makes a non-zero exit code fail the command; its output is still available.", with(|settings| settings.nonzero_exit_fails = Some(true)), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("three.sh", ""), get_file("/etc/passwd")])).await;
        assert_eq!(action["status"], "Failed");
        assert_eq!(action["commands"][1]["commandStatus"], "Created");
        assert_eq!(world.result(&action, 0).await.json()["exit_code"], 3);
    }
    "4.4" failed_may_turn_to_succeeded: "With a setting, a `Failed` action reads `Succeeded` the next time.", with(|settings| settings.status_flapping = Some(true)), |world| {
        let machine = world.machine("win-01").await;
        let action = world.run(&machine, json!([run_script("bad.ps1", "")])).await;
        assert_eq!(action["status"], "Failed");
        let again = world.get(&format!("/api/machineactions/{}", text(&action, "id"))).await.json();
        assert_eq!(again["status"], "Succeeded");
    }
    "4.5" unknown_actions: "An unknown id is 404 `ResourceNotFound`.", quiet(), |world| {
        for id in ["00000000-0000-4000-8000-000000000000", "nonsense"] {
            assert_eq!(world.get(&format!("/api/machineactions/{id}")).await.expect(404).code(), "ResourceNotFound");
        }
    }
    "4.5" fresh_actions_may_be_unknown: "For a short time a new action is 404 when read and missing from lists.",
        with(|settings| settings.visibility_lag = Some(DurationRange::seconds(100, 100))), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201).json();
        world.get(&format!("/api/machineactions/{}", text(&action, "id"))).await.expect(404);
        assert!(ids(&world, "").await.is_empty());
    }
    "5.1" times_with_an_offset: "A time in a filter can have an offset; its plus can be sent as `%2B`, or unencoded, which arrives as a blank.", quiet(), |world| {
        let [first, second, third] = three(&world).await;
        let created = world.get(&format!("/api/machineactions/{second}")).await.json();
        let at = svar_wire::Moment::parse(text(&created, "creationDateTimeUtc")).unwrap();
        for (shift_h, offset) in [(2, "+02:00"), (2, "%2B02:00"), (-3, "-03:00"), (0, "Z"), (0, "+00:00"), (14, "%2B14:00")] {
            let local = svar_wire::Moment::from_millis(at.millis() + shift_h * 3_600_000).to_string();
            let local = local.trim_end_matches('Z');
            for (operator, expected) in [("ge", vec![&third, &second]), ("lt", vec![&first])] {
                let page = world.get(&format!("/api/machineactions?$filter=creationDateTimeUtc+{operator}+{local}{offset}+and+type+eq+'LiveResponse'")).await.expect(200).json();
                let ids: Vec<&str> = page["value"].as_array().unwrap().iter().map(|action| text(action, "id")).collect();
                assert_eq!(ids, expected, "{operator} {local}{offset}");
            }
        }
        for wrong in ["2026-01-01T00:00:00", "2026-01-01T00:00:00++02:00", "2026-01-01T00:00:00+2:00", "2026-01-01T00:00:00+02:00+03:00", "2026-01-01T00:00:00+99:00", "02:00", "2026-01-01T00:00:00%2B%2B02:00"] {
            let answer = world.get(&format!("/api/machineactions?$filter=creationDateTimeUtc+ge+{wrong}")).await.expect(400);
            assert_eq!(answer.code(), "", "{wrong}");
        }
    }
    "5.1" filters_that_clients_send: "Filters support equality, times, `in`, property names in any case, and `+` for blanks.", quiet(), |world| {
        let [first, second, third] = three(&world).await;
        let machine = world.machine("lin-01").await;
        let created = world.get(&format!("/api/machineactions/{second}")).await.json();
        let since = text(&created, "creationDateTimeUtc").to_owned();
        for (filter, expected) in [
            (format!("id eq '{first}'"), vec![&first]),
            (format!("id eq {first}"), vec![&first]),
            (format!("machineId eq '{machine}'"), vec![&first]),
            (format!("MachineId eq '{}'", machine.to_uppercase()), vec![&first]),
            (format!("id in ('{first}','{third}','00000000-0000-4000-8000-000000000000')"), vec![&third, &first]),
            ("status eq 'Failed'".to_owned(), vec![&third]),
            ("status ne 'Failed'".to_owned(), vec![&second, &first]),
            ("not (status eq 'Failed')".to_owned(), vec![&second, &first]),
            ("status in ('Failed', 'Succeeded') and type eq 'LiveResponse'".to_owned(), vec![&third, &second, &first]),
            (format!("creationDateTimeUtc ge {since}"), vec![&third, &second]),
            (format!("CreationDateTimeUtc lt {since}"), vec![&first]),
            (format!("status eq 'Failed' or id eq '{first}'"), vec![&third, &first]),
            ("requestor eq 'o''brien'".to_owned(), vec![]),
            ("startswith(requestorComment,'conf') and endswith(computerDnsName,'.ORG') and contains(requestor,'va')".to_owned(), vec![&third, &second, &first]),
        ] {
            for blank in ["%20", "+"] {
                let query = format!("$filter={}", filter.replace(' ', blank));
                assert_eq!(ids(&world, &query).await.iter().collect::<Vec<_>>(), expected, "{filter}");
            }
        }
    }
    "5.1" order_count_and_paging: "Lists support `$orderby`, `$count`, `$top` and `$skip`; without an order the newest come first.", quiet(), |world| {
        let [first, second, third] = three(&world).await;
        assert_eq!(ids(&world, "").await, [third.as_str(), &second, &first]);
        assert_eq!(ids(&world, "$orderby=creationDateTimeUtc+asc").await, [first.as_str(), &second, &third]);
        assert_eq!(ids(&world, "$orderby=CreationDateTimeUtc desc&$top=2").await, [third.as_str(), &second]);
        assert_eq!(ids(&world, "$top=1&$skip=1").await, [second.as_str()]);
        let counted = world.get("/api/machineactions?$count=true&$top=1").await.json();
        assert_eq!(counted["@odata.count"], 3);
        assert_eq!(counted["value"].as_array().unwrap().len(), 1);
        assert!(counted.get("@odata.nextLink").is_none());
        assert!(world.get("/api/machineactions").await.json().get("@odata.count").is_none());
    }
    "5.1" next_links_are_absolute: "Every page but the last has an absolute `@odata.nextLink`; following it returns every entry.",
        with(|settings| settings.default_page_size = Some(2)), |world| {
        let [first, second, third] = three(&world).await;
        let page = world.get("/api/machineactions?$filter=type%20eq%20'LiveResponse'").await.json();
        let next = text(&page, "@odata.nextLink").to_owned();
        assert!(next.starts_with(&world.base), "{next}");
        let rest = world.get(next.strip_prefix(&world.base).unwrap()).await.json();
        let all: Vec<&str> = [&page, &rest].iter().flat_map(|page| page["value"].as_array().unwrap()).map(|action| text(action, "id")).collect();
        assert_eq!(all, [&third, &second, &first]);
        assert!(rest.get("@odata.nextLink").is_none());
    }
    "5.1" bad_queries_have_another_shape: "An invalid query is 400 with an empty code, details and no target.", quiet(), |world| {
        for query in ["$stop=3", "$filter=status%20eq", "$filter=nonsense%20eq%20'x'", "$filter=status%20eq%20Failed", "$filter=creationDateTimeUtc%20ge%20'2026-02-03T09:00:00Z'", "$top=10001", "$top=x", "$orderby=nonsense", "$filter=(((", "$filter=status%20eq%20'x", "$select=id"] {
            let answer = world.get(&format!("/api/machineactions?{query}")).await.expect(400).json();
            assert_eq!(answer["error"]["code"], "", "{query}");
            assert_eq!(answer["error"]["details"], json!([]));
            assert!(answer["error"].get("target").is_none());
        }
    }
    "7" waiting_actions_are_cancelled_at_once: "Cancelling a pending action returns the same entity as `Cancelled`, with who cancelled and why.", asleep(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201).json();
        let id = text(&action, "id").to_owned();
        let answer = world.post(&format!("/api/machineactions/{id}/cancel"), json!({"Comment": "wrong scope"})).await.expect(200).json();
        assert_eq!(answer["id"], action["id"]);
        assert_eq!(answer["status"], "Cancelled");
        assert_eq!(answer["cancellationComment"], "wrong scope");
        assert_eq!(answer["cancellationRequestor"], "svar");
        assert!(answer["cancellationDateTimeUtc"].is_string());
        world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201);
    }
    "7" cancelling_does_not_stop_the_script: "A running script is not stopped by a cancel; the action ends `Cancelled`, its command `Completed` with a result.", slow(30, 100.0), |world| {
        let machine = world.machine("win-01").await;
        let action = world.start(&machine, json!([run_script("ok.ps1", ""), run_script("ok.ps1", "")])).await.expect(201).json();
        let id = text(&action, "id").to_owned();
        running(&world, &id).await;
        let answer = world.post(&format!("/api/machineactions/{id}/cancel"), json!({"Comment": "stop"})).await.expect(200).json();
        assert_eq!(answer["status"], "InProgress");
        let ended = world.end_of(&id).await;
        assert_eq!(ended["status"], "Cancelled");
        assert_eq!(ended["commands"][0]["commandStatus"], "Completed");
        assert!(ended["commands"][0]["endTime"].is_string());
        assert_eq!(ended["commands"][1]["commandStatus"], "Created");
        assert_eq!(world.result(&ended, 0).await.json()["exit_code"], 0);
    }
    "7" final_actions_are_not_cancelled: "Cancelling a finished action is 400 `BadRequest`, an unknown one 404.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "")])).await;
        let path = format!("/api/machineactions/{}/cancel", text(&action, "id"));
        assert_eq!(world.post(&path, json!({"Comment": "late"})).await.expect(400).code(), "BadRequest");
        world.post("/api/machineactions/00000000-0000-4000-8000-000000000000/cancel", json!({})).await.expect(404);
    }
    "7" a_device_may_stay_busy: "With a setting, a device stays busy for a while after a cancel.",
        Scenario { settings: SettingOverrides { cancel_release_delay: Some(TimeSpan::seconds(600)), ..asleep().settings }, ..asleep() }, |world| {
        let machine = world.machine("lin-01").await;
        let action = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201).json();
        world.post(&format!("/api/machineactions/{}/cancel", text(&action, "id")), Value::Null).await.expect(400);
        world.post(&format!("/api/machineactions/{}/cancel", text(&action, "id")), json!({})).await.expect(200);
        let answer = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(400);
        assert_eq!(answer.code(), "ActiveRequestAlreadyExists");
    }
    "4.4" long_scripts_are_stopped: "A script over its time limit is ended, and its command fails with one error line.",
        Scenario {
            factor: 1000.0,
            devices: vec![Device::named("lin-01.example.org", "Linux")],
            library: vec![svar_emulator::LibraryItem { name: "long.sh".to_owned(), text: Some("echo before; sleep 1000 & sleep 1000".to_owned()), ..Default::default() }],
            ..with(|settings| settings.script_time_limit = Some(TimeSpan::seconds(1)))
        }, |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("long.sh", "")])).await;
        assert_eq!(action["status"], "Failed");
        assert_eq!(action["commands"][0]["errors"].as_array().unwrap().len(), 1);
        assert_eq!(world.result(&action, 0).await.json()["script_output"], "before\n");
    }
    "4.2" times_vary_in_their_digits: "Times are in UTC with up to seven fraction digits and no trailing zeros.", Scenario { factor: 1_000.0, ..quiet() }, |world| {
        let machine = world.machine("win-01").await;
        let mut lengths = std::collections::HashSet::new();
        for _ in 0..40 {
            let answer = world.start(&machine, json!([run_script("ok.ps1", "")])).await;
            if answer.status != 201 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                continue;
            }
            let action = world.end_of(text(&answer.json(), "id")).await;
            for key in ["creationDateTimeUtc", "lastUpdateDateTimeUtc"] {
                let digits = text(&action, key).strip_suffix('Z').unwrap().split_once('.').map_or("", |(_, digits)| digits);
                assert!(digits.len() <= 7 && !digits.ends_with('0'), "{digits}");
                lengths.insert(digits.len());
            }
        }
        assert!(lengths.len() >= 2, "{lengths:?}");
    }
    "4.3" running_commands_are_executing: "A running command is `Executing` with a start and no end time; later commands are `Created`.", slow(600, 1.0), |world| {
        let machine = world.machine("win-01").await;
        let action = world.start(&machine, json!([run_script("ok.ps1", ""), run_script("ok.ps1", "")])).await.expect(201).json();
        let id = text(&action, "id").to_owned();
        running(&world, &id).await;
        let action = world.get(&format!("/api/machineactions/{id}")).await.json();
        assert_eq!(action["commands"][0]["commandStatus"], "Executing");
        assert!(action["commands"][0]["startTime"].is_string() && action["commands"][0]["endTime"].is_null());
        assert_eq!(action["commands"][1]["commandStatus"], "Created");
    }
    "4.4" skipped_commands_may_fail: "A setting makes the commands after a failed one `Failed` too.", with(|settings| settings.skipped_commands_fail = Some(true)), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("nothing.sh", ""), get_file("/etc/passwd")])).await;
        assert_eq!(action["commands"][1]["commandStatus"], "Failed");
        assert!(action["commands"][1]["startTime"].is_null());
        world.link(text(&action, "id"), 1).await.expect(404);
    }
    "4.4" scripts_have_ten_minutes: "A script that takes longer than 10 minutes fails with one error line, and its action is `Failed`.", slow(601, 10_000.0), |world| {
        let machine = world.machine("win-01").await;
        let action = world.run(&machine, json!([run_script("ok.ps1", "")])).await;
        assert_eq!(action["status"], "Failed");
        assert_eq!(action["commands"][0]["errors"].as_array().unwrap().len(), 1);
        let at = |key: &str| svar_wire::Moment::parse(text(&action["commands"][0], key)).unwrap();
        assert_eq!(at("endTime").since(at("startTime")).as_secs(), 600);
    }
    "4.4" long_scripts_may_time_out: "A setting sets the status of an action whose script was stopped.",
        Scenario { settings: SettingOverrides { script_timeout_status: Some(svar_emulator::UnsuccessfulStatus::TimeOut), ..quiet().settings }, ..slow(601, 10_000.0) }, |world| {
        let machine = world.machine("win-01").await;
        let action = world.run(&machine, json!([run_script("ok.ps1", "")])).await;
        assert_eq!(action["status"], "TimeOut");
        assert_eq!(action["commands"][0]["commandStatus"], "Failed");
    }
    "4.6" most_time_is_waiting: "By default a device picks an action up after 5 to 120 s and finishes it 1 to 40 s after the last command.", Scenario {
        factor: 10_000.0,
        settings: SettingOverrides { pickup_delay: None, wrapup_delay: None, starts_per_minute: Some(1000), ..quiet().settings },
        devices: (1..=8).map(|number| Device::named(&format!("win-{number}.example.org"), "Windows11")).collect(),
        ..quiet()
    }, |world| {
        let mut waits = std::collections::HashSet::new();
        for number in 1..=8 {
            let machine = world.machine(&format!("win-{number}")).await;
            let action = world.run(&machine, json!([run_script("ok.ps1", "")])).await;
            let at = |value: &Value, key: &str| svar_wire::Moment::parse(text(value, key)).unwrap();
            let command = &action["commands"][0];
            let pickup = at(command, "startTime").since(at(&action, "creationDateTimeUtc")).as_millis();
            let wrapup = at(&action, "lastUpdateDateTimeUtc").since(at(command, "endTime")).as_millis();
            assert!((5_000..=120_000).contains(&pickup), "{pickup}");
            assert!((1_000..=40_000).contains(&wrapup), "{wrapup}");
            waits.insert(pickup);
        }
        assert!(waits.len() > 1, "the waits differ");
    }
    "5.1" several_orders: "`$orderby` accepts several properties; the first one takes precedence.", quiet(), |world| {
        let [first, second, third] = three(&world).await;
        assert_eq!(ids(&world, "$orderby=status asc,creationDateTimeUtc desc").await, [third.as_str(), &second, &first]);
        assert_eq!(ids(&world, "$orderby=status+desc,creationDateTimeUtc").await, [first.as_str(), &second, &third]);
        assert_eq!(ids(&world, "$orderby=computerDnsName desc,status").await, [third.as_str(), &second, &first]);
    }
    "5.1" next_links_keep_what_was_asked: "A next link keeps the filter, order, count and the rest of `$top`.", with(|settings| settings.default_page_size = Some(1)), |world| {
        let [first, second, third] = three(&world).await;
        let mut path = "/api/machineactions?$filter=contains(requestorComment,'conf')&$orderby=creationDateTimeUtc+asc&$count=true&$top=2".to_owned();
        let mut seen = Vec::new();
        loop {
            let page = world.get(&path).await.expect(200).json();
            assert_eq!(page["@odata.count"], 3);
            seen.extend(page["value"].as_array().unwrap().iter().map(|action| text(action, "id").to_owned()));
            match page.get("@odata.nextLink") {
                Some(next) => path = next.as_str().unwrap().strip_prefix(&world.base).unwrap().to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, [first, second], "not {third}");
    }
    "5.1" undocumented_filters_may_be_refused: "A setting rejects filters on undocumented properties.", with(|settings| settings.undocumented_filters = Some(false)), |world| {
        for (path, status) in [
            ("/api/machineactions?$filter=requestor eq 'x' or not (requestorComment eq 'x')", 400),
            ("/api/machineactions?$filter=requestor eq 'x' or not (status eq 'Failed')", 200),
            ("/api/machineactions?$orderby=lastUpdateDateTimeUtc desc", 200),
            ("/api/machines?$filter=rbacGroupName eq 'x'", 400),
            ("/api/machines?$filter=rbacGroupId eq 1", 200),
        ] {
            let answer = world.get(path).await.expect(status);
            assert!(status == 200 || answer.code().is_empty());
        }
    }
    "7" a_second_cancel_changes_nothing: "Repeating a cancel returns the same answer; the first requestor is kept.", slow(600, 1.0), |world| {
        let machine = world.machine("win-01").await;
        let action = world.start(&machine, json!([run_script("ok.ps1", "")])).await.expect(201).json();
        let id = text(&action, "id").to_owned();
        running(&world, &id).await;
        let path = format!("/api/machineactions/{id}/cancel");
        let first = world.post(&path, json!({"Comment": "one"})).await.expect(200).json();
        let second = world.post(&path, json!({"Comment": "two"})).await.expect(200).json();
        assert_eq!(first["cancellationDateTimeUtc"], second["cancellationDateTimeUtc"]);
        assert_eq!(second["cancellationComment"], "one");
    }
    "7" anybody_with_the_role_may_cancel: "Another application with one of the roles can cancel too, and is recorded.", Scenario {
        apps: vec![svar_emulator::App::default(), svar_emulator::App { id: "other".to_owned(), name: "other tool".to_owned(), roles: vec!["Machine.Isolate".to_owned()], ..Default::default() }],
        ..asleep()
    }, |world| {
        let machine = world.machine("lin-01").await;
        let action = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201).json();
        let other = world.signed_in_as("other", svar_emulator::CLIENT_SECRET).await;
        let path = format!("/api/machineactions/{}/cancel", text(&action, "id"));
        let answer = other.post(&path, json!({"Comment": "mine now"})).await.expect(200).json();
        assert_eq!(answer["cancellationRequestor"], "other tool");
        assert_eq!(answer["requestor"], "svar");
    }
    "7" a_late_cancel_still_marks: "A cancel after the last command ends the action as `Cancelled`, its command `Completed`.", wrapping_up(true), |world| {
        assert_eq!(cancelled_too_late(&world).await, "Cancelled");
    }
    "7" a_late_cancel_may_be_ignored: "A setting ends such an action as if it had not been cancelled.", wrapping_up(false), |world| {
        assert_eq!(cancelled_too_late(&world).await, "Succeeded");
    }
    "7" the_code_of_a_late_cancel: "A setting sets the error code for cancelling a finished action.", with(|settings| settings.cancel_after_end_code = Some("InvalidInput".to_owned())), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "")])).await;
        let path = format!("/api/machineactions/{}/cancel", text(&action, "id"));
        assert_eq!(world.post(&path, json!({})).await.expect(400).code(), "InvalidInput");
    }
}
