//! Limits and refusals (API notes 1.1, 9).

use serde_json::json;
use svar_emulator::{
    App, BackgroundLoad, CLIENT_SECRET, Device, Fleet, RateScope, RateWindow, Scenario,
    SettingOverrides, TimeSpan,
};

use super::{quiet, with};
use crate::world::{World, get_file, run_script};

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

fn two_applications(scope: RateScope) -> Scenario {
    let other = App {
        id: "other".to_owned(),
        ..App::default()
    };
    Scenario {
        apps: vec![App::default(), other],
        ..with(|settings| {
            settings.rate_scope = Some(scope);
            settings.reads_per_hour = Some(3);
        })
    }
}

/// Lists until the hour's limit says no.
async fn use_up(world: &World) {
    while world.get("/api/machineactions").await.status != 429 {}
}

facts! {
    "1.1" ten_starts_a_minute: "The eleventh start in a minute is 429 with `Retry-After` until the end of the minute; other calls still work.", many(), |world| {
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
    "1.1" a_hundred_reads_a_minute: "Each row of reads has its own limit.", with(|settings| settings.reads_per_minute = Some(5)), |world| {
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
    "1.1" an_hour_has_its_own_limit: "A 429 for the hourly limit has a longer `Retry-After`.",
        with(|settings| { settings.reads_per_hour = Some(3); settings.reads_per_minute = Some(1000); }), |world| {
        let mut last = None;
        for _ in 0..8 {
            last = Some(world.get("/api/machineactions").await);
        }
        last.unwrap().expect(429);
    }
    "9.1" refusals_name_a_correlation: "A refusal has a stable code, free text and a GUID.", quiet(), |world| {
        let answer = world.get("/api/machines/nothing").await.expect(404).json();
        let error = &answer["error"];
        assert_eq!(error["code"], "ResourceNotFound");
        assert!(error["message"].is_string());
        assert!(uuid::Uuid::parse_str(error["target"].as_str().unwrap()).is_ok());
    }
    "9.3" slots_may_say_when: "A setting adds `Retry-After` to the 429 for session slots.",
        Scenario { settings: SettingOverrides { slots: Some(0), retry_after_on_slot_limit: Some(7), ..quiet().settings }, ..quiet() }, |world| {
        let machine = world.machine("lin-01").await;
        let answer = world.start(&machine, json!([get_file("/etc/passwd")])).await.expect(429);
        assert_eq!(answer.headers["retry-after"], "7");
    }
    "1.1" hunts_have_fewer: "The limit is 45 hunting queries a minute; the other rows allow 100.", with(|settings| settings.hunting_queries_per_minute = Some(2)), |world| {
        let mut refused = 0;
        for _ in 0..6 {
            refused += u32::from(world.post("/api/advancedqueries/run", json!({"Query": "x"})).await.status == 429);
        }
        assert!(refused >= 2, "{refused}");
        assert_eq!(svar_emulator::Settings::of(svar_emulator::ServiceProfile::Current).hunting_queries_per_minute, 45);
    }
    "1.1" every_application_has_its_own: "Each application has its own limit.", two_applications(RateScope::Application), |world| {
        use_up(&world).await;
        world.signed_in_as("other", CLIENT_SECRET).await.get("/api/machineactions").await.expect(200);
    }
    "1.1" the_tenant_may_share: "With a setting, all applications of the tenant share a limit.", two_applications(RateScope::Tenant), |world| {
        use_up(&world).await;
        world.signed_in_as("other", CLIENT_SECRET).await.get("/api/machineactions").await.expect(429);
    }
    "1.1" windows_may_slide: "With a setting, windows slide: a call is free again as soon as the oldest one is a minute old.",
        Scenario { factor: 50.0, ..with(|settings| { settings.rate_window = Some(RateWindow::Sliding); settings.reads_per_minute = Some(3); }) }, |world| {
        let mut times = Vec::new();
        while times.len() < 9 {
            let answer = world.get("/api/machineactions").await;
            if answer.status == 200 {
                times.push(answer.date_s());
            } else {
                let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
                assert!((1..=60).contains(&wait));
                tokio::time::sleep(std::time::Duration::from_millis(wait * 1000 / 50)).await;
            }
        }
        // No four calls within a minute; dates are whole seconds.
        for four in times.windows(4) {
            assert!(four[3] - four[0] >= 59, "{times:?}");
        }
    }
    "1.1" refused_calls_cost_nothing: "A call that is rejected for its body does not count as a start.", with(|settings| settings.starts_per_minute = Some(1)), |world| {
        let machine = world.machine("lin-01").await;
        for _ in 0..5 {
            world.start(&machine, json!([])).await.expect(400);
        }
        world.start(&machine, json!([get_file("/etc/passwd")])).await.expect(201);
    }
    "9.3" slot_refusals_use_up_starts: "A start without a free slot counts as a start: the next one is rejected by the rate limit.",
        with(|settings| { settings.slots = Some(0); settings.starts_per_minute = Some(1); }), |world| {
        let machine = world.machine("lin-01").await;
        let mut hints = Vec::new();
        // The minute may turn between two of them.
        for _ in 0..4 {
            let answer = world.start(&machine, json!([get_file("/etc/passwd")])).await.expect(429);
            hints.push(answer.headers.contains_key("retry-after"));
        }
        assert!(!hints[0] && hints[1..].contains(&true), "{hints:?}");
    }
    "9.3" slot_refusals_may_be_free: "With a setting, starts without a free slot do not count.",
        with(|settings| { settings.slots = Some(0); settings.starts_per_minute = Some(1); settings.slot_refusals_count_as_starts = Some(false); }), |world| {
        let machine = world.machine("lin-01").await;
        for _ in 0..4 {
            let answer = world.start(&machine, json!([get_file("/etc/passwd")])).await.expect(429);
            assert!(!answer.headers.contains_key("retry-after"));
        }
    }
    "9.3" a_rate_may_not_say_when: "A setting omits `Retry-After` from rate limit refusals.",
        with(|settings| { settings.reads_per_minute = Some(0); settings.retry_after_on_rate_limit = Some(false); }), |world| {
        assert!(!world.get("/api/machineactions").await.expect(429).headers.contains_key("retry-after"));
    }
    "11" colleagues_hold_slots: "Background sessions take slots: a start is 429 without `Retry-After` although the client runs no session.",
        Scenario { background_load: vec![BackgroundLoad { sessions: 50, ..BackgroundLoad::default() }], ..quiet() }, |world| {
        let machine = world.machine("lin-01").await;
        let answer = world.start(&machine, json!([get_file("/etc/passwd")])).await.expect(429);
        assert!(!answer.headers.contains_key("retry-after"));
        assert_eq!(world.get("/api/machineactions").await.json()["value"], json!([]));
    }
    "11" colleagues_go_home: "Outside its hours background load uses nothing.",
        Scenario { background_load: vec![
            BackgroundLoad { sessions: 50, starts_per_minute: 10, until: Some(TimeSpan::seconds(0)), ..BackgroundLoad::default() },
            BackgroundLoad { sessions: 50, starts_per_minute: 10, from: TimeSpan::seconds(1_000_000), ..BackgroundLoad::default() },
        ], ..quiet() }, |world| {
        let machine = world.machine("lin-01").await;
        world.start(&machine, json!([get_file("/etc/passwd")])).await.expect(201);
    }
    "11" colleagues_use_up_starts: "Background starts count in every minute, background reads in every row of reads.",
        Scenario { background_load: vec![BackgroundLoad { starts_per_minute: 10, reads_per_minute: 99, ..BackgroundLoad::default() }], ..quiet() }, |world| {
        let machine = world.machine("lin-01").await;
        let answer = world.start(&machine, json!([get_file("/etc/passwd")])).await.expect(429);
        assert!(answer.headers.contains_key("retry-after"));
        let mut reads = 0;
        while world.get("/api/machineactions").await.status == 200 {
            reads += 1;
        }
        assert!((1..=2).contains(&reads), "{reads}: one of a hundred is left, of the next minute perhaps another");
        let answer = world.get("/api/machineactions").await.expect(429);
        assert!(answer.headers.contains_key("retry-after"));
    }
}
