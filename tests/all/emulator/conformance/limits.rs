//! Limits and refusals (contract 1.1, 9).

use serde_json::json;
use svar::emulator::{Device, Fleet, KnobSettings, Scenario};

use super::{quiet, with};
use crate::emulator::world::{get_file, run_script};

fn many() -> Scenario {
    Scenario {
        fleets: vec![Fleet {
            count: 30,
            name: "pc-{n}.example.org".to_owned(),
            device: Device::named("", "Windows11"),
            ..Fleet::default()
        }],
        ..quiet()
    }
}

facts! {
    "1.1" ten_starts_a_minute: "The eleventh start in a minute is 429 with `Retry-After` to the window's end; others still work.", many(), |world| {
        let machines = world.get("/api/machines?$filter=startswith(computerDnsName,'pc')").await.json();
        let ids: Vec<&str> = machines["value"].as_array().unwrap().iter().map(|machine| machine["id"].as_str().unwrap()).collect();
        let mut accepted = 0;
        for id in &ids {
            let answer = world.start(id, json!([run_script("ok.ps1", "")])).await;
            match answer.status {
                201 => accepted += 1,
                429 => {
                    assert_eq!(answer.code(), "TooManyRequests");
                    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
                    assert!((1..=60).contains(&wait));
                    break;
                }
                other => panic!("{other}"),
            }
        }
        // The clock's minute may have turned in between.
        assert!((10..=20).contains(&accepted), "{accepted}");
        world.get("/api/machineactions").await.expect(200);
    }
    "1.1" a_hundred_reads_a_minute: "Reads have their own limits, a row each.", with(|knobs| knobs.reads_per_minute = Some(5)), |world| {
        let mut refused = None;
        for _ in 0..12 {
            let answer = world.get("/api/machineactions").await;
            if answer.status == 429 {
                refused = Some(answer);
                break;
            }
        }
        assert!(refused.unwrap().headers.contains_key("retry-after"));
        world.get("/api/libraryfiles").await.expect(200);
        world.get("/api/machineactions/00000000-0000-4000-8000-000000000000").await.expect(404);
    }
    "1.1" an_hour_has_its_own_limit: "The hour's limit is refused with a longer `Retry-After`.",
        with(|knobs| { knobs.reads_per_hour = Some(3); knobs.reads_per_minute = Some(1000); }), |world| {
        let mut last = None;
        for _ in 0..8 {
            last = Some(world.get("/api/machineactions").await);
        }
        last.unwrap().expect(429);
    }
    "9.1" refusals_name_a_correlation: "A refusal has a stable code, free text, and a GUID to quote.", quiet(), |world| {
        let answer = world.get("/api/machines/nothing").await.expect(404).json();
        let error = &answer["error"];
        assert_eq!(error["code"], "ResourceNotFound");
        assert!(error["message"].is_string());
        assert!(uuid::Uuid::parse_str(error["target"].as_str().unwrap()).is_ok());
    }
    "9.3" slots_may_say_when: "A knob gives the slot refusal a `Retry-After`, too.",
        Scenario { knobs: KnobSettings { slots: Some(0), retry_after_on_slots: Some(7), ..quiet().knobs }, ..quiet() }, |world| {
        let machine = world.machine("lin-01").await;
        let answer = world.start(&machine, json!([get_file("/etc/passwd")])).await.expect(429);
        assert_eq!(answer.headers["retry-after"], "7");
    }
}
