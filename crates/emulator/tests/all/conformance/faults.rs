//! What can go wrong on the way (API notes 9.2, 11, 3.6).

use serde_json::json;
use svar_emulator::{Call, Device, Fault, FaultKind, Scenario, SettingOverrides, TimeSpan};

use super::{quiet, text};
use crate::world::{World, date_s, get_file, run_script};

fn fault(call: Call, what: FaultKind) -> Scenario {
    Scenario {
        faults: vec![Fault::once(call, what)],
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

/// Faults that strike one after the other.
fn faults(all: &[(Call, FaultKind)]) -> Scenario {
    Scenario {
        faults: all
            .iter()
            .map(|(call, what)| Fault::once(*call, *what))
            .collect(),
        ..quiet()
    }
}

fn clock(settings: SettingOverrides) -> Scenario {
    Scenario {
        settings,
        ..quiet()
    }
}

/// How far the service's times are ahead of the emulator's clock, all of them alike.
async fn hours_ahead(world: &World) -> i64 {
    let machine = world.machine("lin-01").await;
    let action = world
        .run(&machine, json!([run_script("show.sh", "")]))
        .await;
    let time = |text: &str| svar_wire::Moment::parse(text).unwrap().millis() / 1000;
    let answer = world.get("/emulator/clock").await;
    let now = time(text(&answer.json(), "now"));
    let hours = |seconds: i64| (seconds + 1800).div_euclid(3600);
    // The emulator's own clock is the true one.
    let computer = jiff::Timestamp::now().as_second();
    assert_eq!(hours(now - computer), 0);
    let by_date = hours(answer.date_s() - now);
    assert_eq!(
        hours(time(text(&action, "creationDateTimeUtc")) - now),
        by_date
    );
    let link = world.link(text(&action, "id"), 0).await.expect(200).json();
    world
        .send(world.http.get(text(&link, "value")))
        .await
        .expect(200);
    by_date
}

/// The bytes behind the link of a collected file.
async fn collected(world: &World) -> Vec<u8> {
    let machine = world.machine("lin-01").await;
    let action = world.run(&machine, json!([get_file("/etc/passwd")])).await;
    world.result(&action, 0).await.expect(200).bytes
}

/// What a gzip reader makes of bytes, up to a few of them.
fn unpacked(bytes: &[u8]) -> std::io::Result<usize> {
    let mut reader = flate2::read::GzDecoder::new(bytes);
    std::io::copy(&mut reader, &mut std::io::sink()).map(|count| count as usize)
}

facts! {
    "3.6" an_error_before_the_effect: "A 500 can mean that nothing was started.", fault(Call::Start, FaultKind::ServerError), |world| {
        assert_eq!(blind_start(&world).await, Some(500));
        assert_eq!(started(&world).await, 0);
    }
    "3.6" an_error_after_the_effect: "A 502 can hide a start that succeeded.", fault(Call::Start, FaultKind::BadGatewayAfterSuccess), |world| {
        assert_eq!(blind_start(&world).await, Some(502));
        assert_eq!(started(&world).await, 1);
    }
    "3.6" a_connection_dropped_before: "A connection can end before anything was started.", fault(Call::Start, FaultKind::DropRequest), |world| {
        assert_eq!(blind_start(&world).await, None);
        assert_eq!(started(&world).await, 0);
        assert_eq!(blind_start(&world).await, Some(201));
    }
    "3.6" a_connection_dropped_after: "A connection can end after the start succeeded.", fault(Call::Start, FaultKind::DropResponse), |world| {
        assert_eq!(blind_start(&world).await, None);
        assert_eq!(started(&world).await, 1);
    }
    "9.2" gateway_pages: "A gateway answers with HTML or with an empty body.", Scenario {
        faults: vec![
            fault(Call::MachineList, FaultKind::BadGateway).faults[0].clone(),
            fault(Call::ActionList, FaultKind::Unavailable).faults[0].clone(),
        ],
        ..quiet()
    }, |world| {
        let answer = world.get("/api/machines").await.expect(502);
        assert_eq!(answer.headers["content-type"], "text/html");
        assert!(world.get("/api/machineactions").await.expect(503).bytes.is_empty());
        world.get("/api/machines").await.expect(200);
    }
    "9.2" an_error_inside_a_success: "A 200 can contain an `error`.", fault(Call::MachineList, FaultKind::ErrorInBody), |world| {
        let answer = world.get("/api/machines").await.expect(200).json();
        assert!(answer["error"]["message"].is_string());
    }
    "9.3" throttled_with_and_without_a_hint: "A 429 can have `Retry-After` or not.", Scenario {
        faults: vec![
            fault(Call::MachineList, FaultKind::Throttled).faults[0].clone(),
            Fault { after: 1, ..fault(Call::MachineList, FaultKind::ThrottledWithoutRetryAfter).faults[0].clone() },
        ],
        ..quiet()
    }, |world| {
        assert!(world.get("/api/machines").await.expect(429).headers.contains_key("retry-after"));
        world.get("/api/machines").await.expect(200);
        assert!(!world.get("/api/machines").await.expect(429).headers.contains_key("retry-after"));
    }
    "11" downloads_that_break: "A download can be cut off or corrupted; the next one is complete.", Scenario {
        faults: vec![
            fault(Call::ResultDownload, FaultKind::Truncated).faults[0].clone(),
            Fault { after: 0, ..fault(Call::ResultDownload, FaultKind::Corrupted).faults[0].clone() },
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
    "11" faults_by_count: "A fault triggers after a number of good calls, and a number of times.",
        Scenario { faults: vec![Fault { after: 2, times: 3, ..Fault::once(Call::MachineList, FaultKind::ServerError) }], ..quiet() }, |world| {
        let mut seen = Vec::new();
        for _ in 0..7 {
            seen.push(world.get("/api/machines").await.status);
        }
        assert_eq!(seen, [200, 200, 500, 500, 500, 200, 200]);
    }
    "11" faults_by_chance: "A fault by probability triggers at the same calls with the same seed.",
        Scenario { faults: vec![Fault { probability: Some(0.5), ..Fault::once(Call::MachineList, FaultKind::ServerError) }], ..quiet() }, |world| {
        let mut seen = String::new();
        for _ in 0..24 {
            seen.push(if world.get("/api/machines").await.status == 500 { 'x' } else { '.' });
        }
        assert_eq!(seen, "....x.xxxxxx.xxx..x.xx.x");
    }
    "11" faults_of_one_device: "A fault can apply to one device, by name or id.", Scenario {
        devices: vec![Device::named("a.example.org", "Linux"), Device::named("b.example.org", "Linux")],
        faults: vec![Fault { device: Some("B.example.org".to_owned()), ..Fault::once(Call::MachineGet, FaultKind::Forbidden) }],
        ..quiet()
    }, |world| {
        world.get("/api/machines/a").await.expect(200);
        world.get("/api/machines/b").await.expect(403);
        world.get("/api/machines/b").await.expect(200);
    }
    "11" every_refusal_on_order: "A fault can produce every refusal and every odd answer without doing anything.", faults(&[
        (Call::Start, FaultKind::Unauthorized), (Call::Start, FaultKind::Forbidden), (Call::Start, FaultKind::NotFound), (Call::Start, FaultKind::Busy),
        (Call::Start, FaultKind::Throttled), (Call::Start, FaultKind::ThrottledWithoutRetryAfter), (Call::Start, FaultKind::ServerError), (Call::Start, FaultKind::BadGateway),
        (Call::Start, FaultKind::Unavailable), (Call::Start, FaultKind::QueryRejected), (Call::Start, FaultKind::EmptyBody), (Call::Start, FaultKind::LoginPage),
    ]), |world| {
        let machine = world.machine("lin-01").await;
        for (status, code) in [
            (401, "Unauthorized"), (403, "Forbidden"), (404, "ResourceNotFound"), (400, "ActiveRequestAlreadyExists"), (429, "TooManyRequests"), (429, "TooManyRequests"),
            (500, "InternalServerError"), (502, "<html>"), (503, ""), (400, "no code"), (200, ""), (200, "<html>"),
        ] {
            let answer = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(status);
            match code {
                "" => assert!(answer.bytes.is_empty()),
                "<html>" => assert_eq!(answer.headers["content-type"], "text/html"),
                "no code" => assert_eq!(answer.code(), ""),
                code => assert_eq!(answer.code(), code),
            }
        }
        assert_eq!(started(&world).await, 0);
        world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201);
    }
    "11" every_loss_after_the_effect: "A fault can lose an answer in every way after the call was done.", Scenario {
        devices: (0..6).map(|number| Device::named(&format!("pc-{number}.example.org"), "Windows11")).collect(),
        ..faults(&[(Call::Start, FaultKind::ServerErrorAfterSuccess), (Call::Start, FaultKind::BadGatewayAfterSuccess), (Call::Start, FaultKind::UnavailableAfterSuccess), (Call::Start, FaultKind::EmptyBodyAfterSuccess), (Call::Start, FaultKind::ErrorInBody), (Call::Start, FaultKind::Corrupted)])
    }, |world| {
        for (number, status) in [500, 502, 503, 201, 201, 201].into_iter().enumerate() {
            let machine = world.machine(&format!("pc-{number}")).await;
            let answer = world.start(&machine, json!([run_script("ok.ps1", "")])).await.expect(status);
            let is_action = serde_json::from_slice::<serde_json::Value>(&answer.bytes).is_ok_and(|value| value["id"].is_string());
            assert!(!is_action, "{status}");
            assert_eq!(started(&world).await, number + 1);
        }
    }
    "9.3" retry_after_may_be_a_date: "`Retry-After` can be a date, and can be long.", Scenario {
        faults: vec![
            Fault { delay: Some(TimeSpan::seconds(90)), ..Fault::once(Call::MachineList, FaultKind::Throttled) },
            Fault { delay: Some(TimeSpan::seconds(90)), ..Fault::once(Call::MachineList, FaultKind::ThrottledWithDate) },
        ],
        ..quiet()
    }, |world| {
        assert_eq!(world.get("/api/machines").await.expect(429).headers["retry-after"], "90");
        let answer = world.get("/api/machines").await.expect(429);
        let wait = date_s(&answer.headers["retry-after"]) - answer.date_s();
        assert!((89..=91).contains(&wait), "{wait}");
    }
    "11" slow_answers: "An answer can arrive slowly, and complete.",
        Scenario { faults: vec![Fault { delay: Some(TimeSpan::millis(5)), ..Fault::once(Call::MachineList, FaultKind::Slow) }], ..quiet() }, |world| {
        let slow = world.get("/api/machines").await.expect(200);
        assert_eq!(slow.headers["content-length"], slow.bytes.len().to_string().as_str());
        assert_eq!(slow.json()["value"], world.get("/api/machines").await.json()["value"]);
    }
    "6.3" gzip_that_ends_early: "The gzip of a collected file can be truncated although the download is complete.", fault(Call::ResultDownload, FaultKind::GzipTruncated), |world| {
        assert!(unpacked(&collected(&world).await).is_err());
        assert!(unpacked(&collected(&world).await).is_ok());
    }
    "6.3" gzip_with_a_wrong_checksum: "The gzip of a collected file can have a wrong checksum.", fault(Call::ResultDownload, FaultKind::GzipBadChecksum), |world| {
        let bytes = collected(&world).await;
        assert!(unpacked(&bytes).unwrap_err().to_string().contains("checksum"));
    }
    "6.3" gzip_with_an_evil_name: "The file name in a gzip header can be hostile.", fault(Call::ResultDownload, FaultKind::GzipUnsafeName), |world| {
        let bytes = collected(&world).await;
        let mut reader = flate2::read::GzDecoder::new(bytes.as_slice());
        let mut content = String::new();
        std::io::Read::read_to_string(&mut reader, &mut content).unwrap();
        assert!(content.starts_with("root:"));
        let name = reader.header().unwrap().filename().unwrap();
        assert!(name.starts_with(b"..") && name.contains(&0x1B) && name.contains(&b'/') && name.contains(&b'\\'), "{name:?}");
    }
    "6.3" files_without_gzip: "A collected file can arrive without gzip.", fault(Call::ResultDownload, FaultKind::NotGzipped), |world| {
        assert!(collected(&world).await.starts_with(b"root:"));
    }
    "6.3" gzip_that_never_ends: "A small download can unpack to 1 GiB.", fault(Call::ResultDownload, FaultKind::GzipBomb), |world| {
        let bytes = collected(&world).await;
        assert!(bytes.len() < 2 * 1024 * 1024, "{}", bytes.len());
        assert_eq!(unpacked(&bytes).unwrap(), 1024 * 1024 * 1024);
    }
    "4.5" one_action_may_be_late: "A fault hides a started action from reads for a time; the action runs normally.",
        Scenario { faults: vec![Fault { delay: Some(TimeSpan::seconds(86_400)), ..Fault::once(Call::Start, FaultKind::DelayedVisibility) }], ..quiet() }, |world| {
        let machine = world.machine("lin-01").await;
        let action = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(201).json();
        world.get(&format!("/api/machineactions/{}", text(&action, "id"))).await.expect(404);
        assert_eq!(world.get("/api/machineactions").await.json()["value"], json!([]));
        while world.get("/emulator/ledger?kind=session_ended").await.json()["entries"] == json!([]) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        world.run(&machine, json!([run_script("show.sh", "")])).await;
    }
    "4.4" one_action_may_flap: "A fault shows a successful action as `Failed` once, then as `Succeeded`.", fault(Call::Start, FaultKind::Flapping), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "")])).await;
        assert_eq!(action["status"], "Failed");
        assert_eq!(action["commands"][0]["commandStatus"], "Completed");
        let again = world.get(&format!("/api/machineactions/{}", text(&action, "id"))).await.json();
        assert_eq!(again["status"], "Succeeded");
        assert_eq!(world.run(&machine, json!([run_script("show.sh", "")])).await["status"], "Succeeded");
        let ledger = world.get("/emulator/ledger?kind=session_ended").await.json();
        assert!(ledger["entries"].as_array().unwrap().iter().all(|entry| entry["status"] == "Succeeded"));
    }
    "8.6" a_colleague_may_overwrite_an_upload: "A library file can be replaced right after its upload.", fault(Call::LibraryUpload, FaultKind::LibraryFileReplaced), |world| {
        let entity = world.upload("mine.sh", "echo mine").await.expect(200).json();
        let list = world.get("/api/libraryfiles").await.json();
        let listed = list["value"].as_array().unwrap().iter().find(|file| file["fileName"] == "mine.sh").unwrap();
        assert_ne!(listed["sha256"], entity["sha256"]);
        assert_eq!(listed["createdBy"], "another user");
    }
    "8.6" a_colleague_may_overwrite_before_the_run: "A script can be replaced between the start and its command.", Scenario {
        library: vec![svar_emulator::LibraryItem { name: "lines.sh".to_owned(), text: Some("wc -l < \"$0\"".to_owned()), ..Default::default() }],
        ..fault(Call::Start, FaultKind::LibraryFileReplaced)
    }, |world| {
        let machine = world.machine("lin-01").await;
        let mut lines = Vec::new();
        for _ in 0..2 {
            world.upload("lines.sh", "wc -l < \"$0\"").await.expect(200);
            let action = world.run(&machine, json!([run_script("lines.sh", "")])).await;
            lines.push(world.result(&action, 0).await.json()["script_output"].as_str().unwrap().trim().to_owned());
        }
        assert_eq!(lines, ["2", "0"]);
        assert_eq!(world.get("/emulator/ledger?kind=library_overwritten").await.json()["entries"].as_array().unwrap().len(), 1);
    }
    "11" a_clock_that_is_ahead: "The service's clock can be ahead: in its `Date` header, its times and its tokens.", clock(SettingOverrides { clock_ahead: Some(TimeSpan::seconds(7200)), ..quiet().settings }), |world| {
        assert_eq!(hours_ahead(&world).await, 2);
    }
    "11" a_clock_that_is_behind: "The service's clock can be behind.", clock(SettingOverrides { clock_behind: Some(TimeSpan::seconds(7200)), ..quiet().settings }), |world| {
        assert_eq!(hours_ahead(&world).await, -2);
    }
}
