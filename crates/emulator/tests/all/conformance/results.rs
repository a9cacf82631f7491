//! Links, and what is behind them (API notes 6, 3.7).

use std::io::Read as _;

use serde_json::json;
use svar_emulator::{DeviceFile, Scenario, TimeSpan};

use super::{quiet, text, with};
use crate::world::{get_file, put_file, run_script};

fn unpacked(bytes: &[u8]) -> (String, Vec<u8>) {
    let mut reader = flate2::read::GzDecoder::new(bytes);
    let mut content = Vec::new();
    reader.read_to_end(&mut content).unwrap();
    let name = reader
        .header()
        .and_then(|header| header.filename())
        .unwrap_or_default();
    (String::from_utf8_lossy(name).into_owned(), content)
}

facts! {
    "6.1" the_link_is_signed: "A result link works without a token, includes its expiry, and is rejected with XML when changed.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "x")])).await;
        let reply = world.link(text(&action, "id"), 0).await.expect(200).json();
        assert!(text(&reply, "@odata.context").ends_with("#Edm.String"));
        let link = text(&reply, "value").to_owned();
        for part in ["/CustomPlaybookCommandOutput/", "?se=", "&sp=r", "&sr=b", "&sig="] {
            assert!(link.contains(part), "{link}");
        }
        world.send(world.http.get(&link)).await.expect(200);
        for wrong in [link.replace("&sig=", "&sig=A"), link.replace("sp=r", "sp=rw"), link.replace("se=2", "se=3"), link.split('?').next().unwrap().to_owned()] {
            let answer = world.send(world.http.get(wrong)).await.expect(403);
            assert!(String::from_utf8_lossy(&answer.bytes).contains("<Code>AuthenticationFailed</Code>"));
        }
    }
    "6.1" a_token_does_not_help: "Storage rejects a request with a bearer token.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "x")])).await;
        let link = text(&world.link(text(&action, "id"), 0).await.json(), "value").to_owned();
        world.send(world.http.get(&link).bearer_auth(&world.token)).await.expect(403);
    }
    "6.1" links_expire_and_can_be_asked_again: "A result link is 403 after 30 minutes; a new one works.",
        Scenario { factor: 100_000.0, ..with(|settings| settings.link_ttl = Some(TimeSpan::seconds(1))) }, |world| {
        let machine = world.machine("win-01").await;
        let action = world.run(&machine, json!([run_script("ok.ps1", "x")])).await;
        let link = text(&world.link(text(&action, "id"), 0).await.json(), "value").to_owned();
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        world.send(world.http.get(&link)).await.expect(403);
        world.link(text(&action, "id"), 0).await.expect(200);
    }
    "6.1" links_may_be_escaped: "With a setting, `&` in a result link is `&amp;`.", with(|settings| settings.link_html_escape = Some(true)), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "x")])).await;
        let link = text(&world.link(text(&action, "id"), 0).await.json(), "value").to_owned();
        assert!(link.contains("&amp;sig="));
        world.send(world.http.get(link.replace("&amp;", "&"))).await.expect(200);
    }
    "6.2" where_there_is_no_result: "PutFile, commands that did not run, and indexes out of range have no result link.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([put_file("tool.exe"), run_script("show.sh", "x"), get_file("/nothing"), get_file("/etc/passwd")])).await;
        assert_eq!(action["status"], "Failed");
        for (index, status) in [(0, 404), (1, 200), (2, 404), (3, 404), (4, 404)] {
            let answer = world.link(text(&action, "id"), index).await.expect(status);
            assert!(status == 200 || answer.code() == "ResourceNotFound");
        }
    }
    "6.2" indexes_are_numbers: "A command index that does not exist, negative or huge, is 404 `ResourceNotFound`; one that is not written as in `commands[].index` (`+0`, `00`, `x`, empty) is 400 `InvalidInput` (our choice).", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "x")])).await;
        for (index, status, code) in [
            ("0", 200, ""), ("1", 404, "ResourceNotFound"), ("-1", 404, "ResourceNotFound"), ("2147483648", 404, "ResourceNotFound"),
            ("99999999999999999999999999", 404, "ResourceNotFound"), ("-99999999999999999999999999", 404, "ResourceNotFound"),
            ("+0", 400, "InvalidInput"), ("00", 400, "InvalidInput"), ("-0", 400, "InvalidInput"), ("01", 400, "InvalidInput"), ("0.0", 400, "InvalidInput"),
            ("x", 400, "InvalidInput"), ("", 400, "InvalidInput"), ("-", 400, "InvalidInput"), ("'0'", 400, "InvalidInput"), ("%D9%A0", 400, "InvalidInput"),
        ] {
            let path = format!("/api/machineactions/{}/GetLiveResponseResultDownloadLink(index={index})", text(&action, "id"));
            let answer = world.get(&path).await;
            assert_eq!(answer.status, status, "{index}");
            assert!(status == 200 || answer.code() == code, "{index}");
        }
    }
    "6.2" links_may_lag: "With a setting, the result link of a finished action is 404 for a while.", with(|settings| settings.link_lag = Some(TimeSpan::seconds(600))), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "x")])).await;
        world.link(text(&action, "id"), 0).await.expect(404);
    }
    "6.3" script_results_are_json: "A script result is a JSON document with four keys.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "x")])).await;
        let answer = world.result(&action, 0).await.expect(200);
        assert_eq!(answer.headers["content-type"], "application/octet-stream");
        assert_eq!(answer.json(), json!({"script_name": "show.sh", "exit_code": 0, "script_output": "x|", "script_errors": ""}));
    }
    "6.3" windows_output_is_a_transcript: "On Windows the output begins with a transcript line and ends with NUL characters.", quiet(), |world| {
        let machine = world.machine("win-01").await;
        let action = world.run(&machine, json!([run_script("ok.ps1", "-Depth 2")])).await;
        let result = world.result(&action, 0).await.json();
        let output = text(&result, "script_output");
        let (first, rest) = output.split_once("\r\n").unwrap();
        assert!(first.contains("\\Temp\\PSScriptOutputs\\"), "{first}");
        assert_eq!(rest, "args: -Depth 2\0\0");
    }
    "6.3" files_come_as_gzip: "A collected file is gzip with its name in the header; Windows paths ignore case.", quiet(), |world| {
        let (linux, windows) = (world.machine("lin-01").await, world.machine("win-01").await);
        let action = world.run(&linux, json!([get_file("/etc/passwd")])).await;
        let (name, content) = unpacked(&world.result(&action, 0).await.bytes);
        assert_eq!((name.as_str(), content), ("passwd", b"root:x:0:0::/root:/bin/bash\n".to_vec()));
        let action = world.run(&windows, json!([get_file("c:\\users\\PUBLIC\\Notes.TXT")])).await;
        let (name, content) = unpacked(&world.result(&action, 0).await.bytes);
        assert_eq!((name.as_str(), content), ("Notes.TXT", b"hello".to_vec()));
    }
    "3.7" empty_files_cannot_be_fetched: "Collecting an empty, missing or locked file, or a folder, fails the command.", {
        let mut scenario = quiet();
        scenario.devices[0].files.push(DeviceFile { locked: true, ..DeviceFile::text("/var/lib/open.db", "data") });
        scenario
    }, |world| {
        let machine = world.machine("lin-01").await;
        for path in ["/var/empty.txt", "/nothing", "/var/lib/open.db", "/etc", "relative.txt", "/../../etc/passwd", "/etc/../etc/passwd"] {
            let action = world.run(&machine, json!([get_file(path)])).await;
            assert_eq!(action["status"], "Failed", "{path}");
            assert_eq!(action["commands"][0]["errors"].as_array().unwrap().len(), 1, "{path}");
        }
    }
    "6.1" links_live_thirty_minutes: "The expiry in a result link is 30 minutes from now, in UTC.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "x")])).await;
        let clock = world.get("/emulator/clock").await.json();
        let now = svar_wire::Moment::parse(text(&clock, "now")).unwrap();
        let link = text(&world.link(text(&action, "id"), 0).await.json(), "value").to_owned();
        let expiry = link.split("se=").nth(1).unwrap().split('&').next().unwrap().replace("%3A", ":");
        let left = svar_wire::Moment::parse(&expiry).unwrap().since(now).as_secs();
        assert!((1800..1830).contains(&left), "{expiry}: {left}");
    }
    "6.1" results_are_kept_for_a_time: "After 30 days, or the time in a setting, the result link and the file are gone.",
        Scenario { factor: 100_000.0, ..with(|settings| { settings.results_ttl = Some(TimeSpan::seconds(3600)); settings.link_ttl = Some(TimeSpan::seconds(1_000_000)); }) }, |world| {
        let machine = world.machine("win-01").await;
        let action = world.run(&machine, json!([run_script("ok.ps1", "")])).await;
        let first = world.link(text(&action, "id"), 0).await;
        // An hour may be over before the first question: then there was nothing to see.
        while world.link(text(&action, "id"), 0).await.status == 200 {}
        if first.status == 200 {
            let answer = world.send(world.http.get(text(&first.json(), "value"))).await.expect(404);
            assert!(String::from_utf8_lossy(&answer.bytes).contains("<Code>BlobNotFound</Code>"));
        }
    }
    "6.2" no_result_may_be_400: "A setting sets the status for a missing result.", with(|settings| settings.no_result_status = Some(400)), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([put_file("tool.exe")])).await;
        assert_eq!(world.link(text(&action, "id"), 0).await.expect(400).code(), "BadRequest");
    }
    "6.2" results_come_command_by_command: "A finished command has its result link while later commands still run.",
        Scenario { outcomes: vec![svar_emulator::ScriptOutcome { args: "long".to_owned(), duration: TimeSpan::seconds(500), ..Default::default() }, svar_emulator::ScriptOutcome { duration: TimeSpan::seconds(0), ..Default::default() }], ..quiet() }, |world| {
        let machine = world.machine("win-01").await;
        let action = world.start(&machine, json!([run_script("ok.ps1", ""), run_script("ok.ps1", "long")])).await.expect(201).json();
        let id = text(&action, "id").to_owned();
        while world.get(&format!("/api/machineactions/{id}")).await.json()["commands"][1]["commandStatus"] != "Executing" {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        world.link(&id, 0).await.expect(200);
        assert_eq!(world.link(&id, 1).await.expect(404).code(), "ResourceNotFound");
    }
    "6.3" the_content_type_may_differ: "A setting sets the content type of results.", with(|settings| settings.result_content_type = Some("application/gzip".to_owned())), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([get_file("/etc/passwd")])).await;
        assert_eq!(world.result(&action, 0).await.expect(200).headers["content-type"], "application/gzip");
    }
}
