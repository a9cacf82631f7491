//! Machine actions: their shape, states, lists, and the cancel (contract 4, 5, 7).

use serde_json::{Value, json};
use svar::emulator::{Between, Device, KnobSettings, Outcome, Scenario, Span, Window};

use super::{quiet, text, with};
use crate::emulator::world::{World, get_file, run_script};

fn asleep() -> Scenario {
    let mut scenario = quiet();
    scenario.devices[0].online = vec![Window {
        from: Span::seconds(100_000),
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
        Outcome {
            script: "ok.ps1".to_owned(),
            stdout: "slow".to_owned(),
            duration: Span::seconds(seconds),
            ..Outcome::default()
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

facts! {
    "4.1" the_shape_of_an_action: "An action has the published fields, in the published order.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "")])).await;
        let keys: Vec<&String> = action.as_object().unwrap().keys().collect();
        assert_eq!(keys, [
            "@odata.context", "id", "type", "title", "requestor", "requestorComment", "status", "machineId",
            "computerDnsName", "creationDateTimeUtc", "lastUpdateDateTimeUtc", "cancellationRequestor",
            "cancellationComment", "cancellationDateTimeUtc", "errorHResult", "scope", "externalId",
            "requestSource", "relatedFileInfo", "commands", "troubleshootInfo",
        ]);
        let keys: Vec<&String> = action["commands"][0].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["index", "startTime", "endTime", "commandStatus", "errors", "command"]);
        assert_eq!(action["type"], "LiveResponse");
        assert_eq!(action["errorHResult"], 0);
    }
    "4.4" any_exit_code_completes: "A script that ends with 3 is Completed, its action Succeeded.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("three.sh", "")])).await;
        assert_eq!(action["status"], "Succeeded");
        assert_eq!(action["commands"][0]["commandStatus"], "Completed");
        let result = world.result(&action, 0).await.json();
        assert_eq!(result, json!({"script_name": "three.sh", "exit_code": 3, "script_output": "out\n", "script_errors": "err\n"}));
    }
    "4.4" exit_codes_may_fail: "A knob lets a non-zero exit code fail the command; its output is there all the same.", with(|knobs| knobs.nonzero_exit_fails = Some(true)), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("three.sh", ""), get_file("/etc/passwd")])).await;
        assert_eq!(action["status"], "Failed");
        assert_eq!(action["commands"][1]["commandStatus"], "Created");
        assert_eq!(world.result(&action, 0).await.json()["exit_code"], 3);
    }
    "4.4" failed_may_turn_to_succeeded: "Under a knob a Failed action reads Succeeded the next time.", with(|knobs| knobs.status_flap = Some(true)), |world| {
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
    "4.5" fresh_actions_may_be_unknown: "A fresh action answers 404 for a while, in lists it is missing.",
        with(|knobs| knobs.visibility_lag = Some(Between::seconds(100, 100))), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201).json();
        world.get(&format!("/api/machineactions/{}", text(&action, "id"))).await.expect(404);
        assert!(ids(&world, "").await.is_empty());
    }
    "5.1" filters_that_clients_send: "Equality, times, `in`, both cases of names, `+` for blanks.", quiet(), |world| {
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
    "5.1" order_count_and_paging: "`$orderby`, `$count`, `$top`, `$skip`; newest first without an order.", quiet(), |world| {
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
    "5.1" next_links_are_absolute: "A page that is not the last has an absolute `@odata.nextLink`; following it loses nothing.",
        with(|knobs| knobs.page_default = Some(2)), |world| {
        let [first, second, third] = three(&world).await;
        let page = world.get("/api/machineactions?$filter=type%20eq%20'LiveResponse'").await.json();
        let next = text(&page, "@odata.nextLink").to_owned();
        assert!(next.starts_with(&world.base), "{next}");
        let rest = world.get(next.strip_prefix(&world.base).unwrap()).await.json();
        let all: Vec<&str> = [&page, &rest].iter().flat_map(|page| page["value"].as_array().unwrap()).map(|action| text(action, "id")).collect();
        assert_eq!(all, [&third, &second, &first]);
        assert!(rest.get("@odata.nextLink").is_none());
    }
    "5.1" bad_queries_have_another_shape: "What the query parser refuses is 400 with an empty code, details, and no target.", quiet(), |world| {
        for query in ["$stop=3", "$filter=status%20eq", "$filter=nonsense%20eq%20'x'", "$filter=status%20eq%20Failed", "$filter=creationDateTimeUtc%20ge%20'2026-02-03T09:00:00Z'", "$top=10001", "$top=x", "$orderby=nonsense", "$filter=(((", "$filter=status%20eq%20'x", "$select=id"] {
            let answer = world.get(&format!("/api/machineactions?{query}")).await.expect(400).json();
            assert_eq!(answer["error"]["code"], "", "{query}");
            assert_eq!(answer["error"]["details"], json!([]));
            assert!(answer["error"].get("target").is_none());
        }
    }
    "7" waiting_actions_are_cancelled_at_once: "A cancel of a waiting action answers the same entity, Cancelled, with who and why.", asleep(), |world| {
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
    "7" cancelling_does_not_stop_the_script: "A running script goes on; the action ends Cancelled, its command Completed with a result.", slow(30, 100.0), |world| {
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
    "7" final_actions_are_not_cancelled: "A cancel of a final action is 400 `BadRequest`, of an unknown one 404.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "")])).await;
        let path = format!("/api/machineactions/{}/cancel", text(&action, "id"));
        assert_eq!(world.post(&path, json!({"Comment": "late"})).await.expect(400).code(), "BadRequest");
        world.post("/api/machineactions/00000000-0000-4000-8000-000000000000/cancel", json!({})).await.expect(404);
    }
    "7" a_device_may_stay_busy: "Under a knob a device stays busy after a cancel.",
        Scenario { knobs: KnobSettings { cancel_release_delay: Some(Span::seconds(600)), ..asleep().knobs }, ..asleep() }, |world| {
        let machine = world.machine("lin-01").await;
        let action = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201).json();
        world.post(&format!("/api/machineactions/{}/cancel", text(&action, "id")), Value::Null).await.expect(400);
        world.post(&format!("/api/machineactions/{}/cancel", text(&action, "id")), json!({})).await.expect(200);
        let answer = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(400);
        assert_eq!(answer.code(), "ActiveRequestAlreadyExists");
    }
    "4.4" long_scripts_are_stopped: "A script over its time limit fails its command with one error line, and is gone.",
        Scenario {
            factor: 1000.0,
            devices: vec![Device::named("lin-01.example.org", "Linux")],
            library: vec![svar::emulator::LibraryItem { name: "long.sh".to_owned(), text: Some("echo before; sleep 1000 & sleep 1000".to_owned()), ..Default::default() }],
            ..with(|knobs| knobs.script_time_limit = Some(Span::seconds(1)))
        }, |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("long.sh", "")])).await;
        assert_eq!(action["status"], "Failed");
        assert_eq!(action["commands"][0]["errors"].as_array().unwrap().len(), 1);
        assert_eq!(world.result(&action, 0).await.json()["script_output"], "before\n");
    }
}
