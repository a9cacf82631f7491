//! What can go wrong on the way (contract 9.2, 11, 3.6).

use serde_json::json;
use svar::emulator::{Call, Fault, Mishap, Scenario};

use super::{quiet, text};
use crate::emulator::world::{World, run_script};

fn fault(call: Call, what: Mishap) -> Scenario {
    Scenario {
        faults: vec![Fault {
            call,
            what,
            after: 0,
            times: 1,
            chance: None,
            device: None,
        }],
        ..quiet()
    }
}

/// How many sessions were really started.
async fn started(world: &World) -> usize {
    let ledger = world.get("/emulator/ledger").await.json();
    ledger["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] == "session_started")
        .count()
}

/// A start whose connection may end without an answer.
async fn blind_start(world: &World) -> Option<u16> {
    let machine = world.machine("lin-01").await;
    let body = json!({"Commands": [run_script("show.sh", "")], "Comment": "blind"});
    let url = format!("{}/api/machines/{machine}/runliveresponse", world.base);
    let sent = world
        .http
        .post(url)
        .bearer_auth(&world.token)
        .json(&body)
        .send()
        .await;
    sent.ok().map(|response| response.status().as_u16())
}

facts! {
    "3.6" an_error_before_the_effect: "A 500 may mean that nothing was started.", fault(Call::Start, Mishap::ErrorBefore), |world| {
        assert_eq!(blind_start(&world).await, Some(500));
        assert_eq!(started(&world).await, 0);
    }
    "3.6" an_error_after_the_effect: "A 502 may hide a start that was made.", fault(Call::Start, Mishap::GatewayAfter), |world| {
        assert_eq!(blind_start(&world).await, Some(502));
        assert_eq!(started(&world).await, 1);
    }
    "3.6" a_connection_dropped_before: "A connection may end before anything was started.", fault(Call::Start, Mishap::DropBefore), |world| {
        assert_eq!(blind_start(&world).await, None);
        assert_eq!(started(&world).await, 0);
        assert_eq!(blind_start(&world).await, Some(201));
    }
    "3.6" a_connection_dropped_after: "A connection may end after the start was made.", fault(Call::Start, Mishap::DropAfter), |world| {
        assert_eq!(blind_start(&world).await, None);
        assert_eq!(started(&world).await, 1);
    }
    "9.2" gateway_pages: "A gateway answers HTML, or nothing at all.", Scenario {
        faults: vec![
            fault(Call::MachineList, Mishap::GatewayBefore).faults[0].clone(),
            fault(Call::ActionList, Mishap::UnavailableBefore).faults[0].clone(),
        ],
        ..quiet()
    }, |world| {
        let answer = world.get("/api/machines").await.expect(502);
        assert_eq!(answer.headers["content-type"], "text/html");
        assert!(world.get("/api/machineactions").await.expect(503).bytes.is_empty());
        world.get("/api/machines").await.expect(200);
    }
    "9.2" an_error_inside_a_success: "An `error` may stand inside a 200.", fault(Call::MachineList, Mishap::ErrorInside), |world| {
        let answer = world.get("/api/machines").await.expect(200).json();
        assert!(answer["error"]["message"].is_string());
    }
    "9.3" throttled_with_and_without_a_hint: "A 429 may come with `Retry-After` or without.", Scenario {
        faults: vec![
            fault(Call::MachineList, Mishap::Throttled).faults[0].clone(),
            Fault { after: 1, ..fault(Call::MachineList, Mishap::ThrottledSilently).faults[0].clone() },
        ],
        ..quiet()
    }, |world| {
        assert!(world.get("/api/machines").await.expect(429).headers.contains_key("retry-after"));
        world.get("/api/machines").await.expect(200);
        assert!(!world.get("/api/machines").await.expect(429).headers.contains_key("retry-after"));
    }
    "11" downloads_that_break: "A download may end in its middle, or be damaged; the next one is whole.", Scenario {
        faults: vec![
            fault(Call::Blob, Mishap::Truncated).faults[0].clone(),
            Fault { after: 0, ..fault(Call::Blob, Mishap::Garbled).faults[0].clone() },
        ],
        ..quiet()
    }, |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "x")])).await;
        let link = text(&world.link(text(&action, "id"), 0).await.json(), "value").to_owned();
        let broken = world.http.get(&link).send().await.unwrap();
        assert_eq!(broken.status(), 200);
        assert!(broken.bytes().await.is_err());
        let damaged = world.send(world.http.get(&link)).await.expect(200);
        assert!(serde_json::from_slice::<serde_json::Value>(&damaged.bytes).is_err());
        world.result(&action, 0).await.expect(200).json();
    }
}
