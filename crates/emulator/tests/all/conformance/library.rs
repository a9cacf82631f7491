//! The library (API notes 8.6).

use serde_json::json;
use svar_emulator::Scenario;

use super::{quiet, text, with};
use crate::world::{Answer, World, run_script};

/// Posts parts of (name, file name, content).
async fn post(world: &World, parts: &[(&str, Option<&str>, &str)]) -> Answer {
    let mut body = String::new();
    for (name, file_name, content) in parts {
        let file_name = file_name
            .map(|name| format!("; filename=\"{name}\""))
            .unwrap_or_default();
        body += &format!(
            "--limit\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n{content}\r\n"
        );
    }
    body += "--limit--\r\n";
    let request = world
        .http
        .post(format!("{}/api/LibraryFiles", world.base))
        .bearer_auth(&world.token)
        .header("content-type", "multipart/form-data; boundary=limit")
        .body(body);
    world.send(request).await
}

fn empty() -> Scenario {
    Scenario {
        library: Vec::new(),
        ..quiet()
    }
}

facts! {
    "8.6" upload_list_delete: "An uploaded file is listed with its hash; DELETE is 204, a second DELETE 404.", empty(), |world| {
        let parts = [("File", Some("a.sh"), "echo a"), ("Description", None, "does a"), ("HasParameters", None, "true"), ("ParametersDescription", None, "none"), ("file-name", None, "ignored")];
        let entity = post(&world, &parts).await.expect(200).json();
        assert_eq!(entity["fileName"], "a.sh");
        assert_eq!(text(&entity, "sha256"), sha256("echo a"));
        assert_eq!(entity["description"], "does a");
        assert_eq!(entity["hasParameters"], true);
        let list = world.get("/api/libraryfiles").await.expect(200).json();
        assert_eq!(list["value"].as_array().unwrap().len(), 1);
        assert_eq!(list["value"][0]["createdBy"], "svar");
        world.delete("/api/libraryfiles/a%2Esh").await.expect(204);
        world.delete("/api/libraryfiles/a.sh").await.expect(404);
    }
    "8.6" part_names_in_any_case: "Part names are accepted in any case, and booleans as `True`.", empty(), |world| {
        post(&world, &[("file", Some("a.sh"), "1")]).await.expect(200);
        let again = [("FILE", Some("a.sh"), "2"), ("overrideIfExists", None, "True")];
        post(&world, &again).await.expect(200);
    }
    "8.6" nothing_is_overwritten_unasked: "Uploading an existing file is 400 with a message that says so; nothing is changed.", empty(), |world| {
        post(&world, &[("file", Some("a.sh"), "first")]).await.expect(200);
        for wish in [None, Some("false")] {
            let mut parts = vec![("file", Some("a.sh"), "second")];
            parts.extend(wish.map(|wish| ("OverrideIfExists", None, wish)));
            let answer = post(&world, &parts).await.expect(400);
            assert!(answer.json()["error"]["message"].as_str().unwrap().contains("already exists"));
        }
        let list = world.get("/api/libraryfiles").await.json();
        assert_eq!(text(&list["value"][0], "sha256"), sha256("first"));
    }
    "8.6" large_files_are_refused: "A file over the limit is 400 `InvalidInput`.", with(|settings| settings.library_file_max = Some(10)), |world| {
        post(&world, &[("file", Some("a.sh"), "0123456789")]).await.expect(200);
        assert_eq!(post(&world, &[("file", Some("b.sh"), "0123456789a")]).await.expect(400).code(), "InvalidInput");
    }
    "8.6" bad_uploads: "An upload without a file part or file name, with an invalid name, or not multipart is 400.", empty(), |world| {
        post(&world, &[("Description", None, "x")]).await.expect(400);
        post(&world, &[("file", None, "x")]).await.expect(400);
        for name in ["../x.sh", "a b.sh", "å.sh", "c:x.ps1"] {
            post(&world, &[("file", Some(name), "x")]).await.expect(400);
        }
        world.post("/api/libraryfiles", json!({"file": "x"})).await.expect(400);
    }
    "3.3" library_names: "A library name has letters, digits, `-`, `_` and `.`; a name longer than 255, of dots only, or with other characters is 400 `InvalidInput` (our choices); a missing one is `MissingRequiredParameter`.", empty(), |world| {
        let long = "a".repeat(255);
        for good in ["a.sh", ".hidden", "A-b_c.1", "a.sh.", "..a", long.as_str()] {
            post(&world, &[("file", Some(good), "x")]).await.expect(200);
        }
        let too_long = "a".repeat(256);
        for bad in [".", "..", "...", "a/b.sh", "/a.sh", "a%2Fb", "../a.sh", "a\\b.sh", "C:\\a.sh", "a.sh ", " a.sh", "a b.sh", "a\tb.sh", "ü.sh", too_long.as_str()] {
            let answer = post(&world, &[("file", Some(bad), "x")]).await.expect(400);
            assert_eq!(answer.code(), "InvalidInput", "{bad}");
        }
        // A NUL breaks the form's own header.
        post(&world, &[("file", Some("a\0b.sh"), "x")]).await.expect(400);
        assert_eq!(post(&world, &[("file", Some(""), "x")]).await.expect(400).code(), "MissingRequiredParameter");
        let list = world.get("/api/libraryfiles").await.json();
        assert_eq!(list["value"].as_array().unwrap().len(), 6);
    }
    "8.6" single_files_are_not_readable: "A single library file can't be read with GET.", quiet(), |world| {
        assert_eq!(world.get("/api/libraryfiles/tool.exe").await.status, 404);
    }
    "8.6" the_newest_content_runs: "A script runs with the library content at the time its command begins.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        world.upload("show.sh", "echo new").await.expect(200);
        let action = world.run(&machine, json!([run_script("show.sh", "")])).await;
        assert_eq!(world.result(&action, 0).await.json()["script_output"], "new\n");
    }
    "8.6" twenty_megabytes: "A file of 20 MB is accepted; one byte more is rejected.", empty(), |world| {
        let large = "x".repeat(20 * 1024 * 1024);
        post(&world, &[("file", Some("a.bin"), &large)]).await.expect(200);
        assert_eq!(post(&world, &[("file", Some("b.bin"), &format!("{large}x"))]).await.expect(400).code(), "InvalidInput");
    }
    "8.6" refusals_may_have_other_statuses: "Settings set the statuses of an upload that is too large or already exists.",
        with(|settings| { settings.library_file_max = Some(10); settings.library_too_large_status = Some(413); settings.library_exists_status = Some(409); }), |world| {
        post(&world, &[("file", Some("b.sh"), "0123456789a")]).await.expect(413);
        post(&world, &[("file", Some("show.sh"), "x")]).await.expect(409);
    }
    "8.6" library_times_have_seven_digits: "Times of library files have seven fraction digits; replacing a file keeps its creation time.", empty(), |world| {
        let first = post(&world, &[("file", Some("a.sh"), "1")]).await.expect(200).json();
        let second = post(&world, &[("file", Some("a.sh"), "2"), ("OverrideIfExists", None, "true")]).await.expect(200).json();
        for key in ["creationTime", "lastUpdatedTime"] {
            assert_eq!(text(&second, key).len(), "2026-02-03T09:10:11.1234567Z".len(), "{second}");
        }
        assert_eq!(first["creationTime"], second["creationTime"]);
        assert_ne!(first["sha256"], second["sha256"]);
    }
    "8.6" entities_have_their_fields: "A library file has the documented fields.", empty(), |world| {
        let entity = post(&world, &[("file", Some("a.sh"), "1")]).await.expect(200).json();
        assert!(text(&entity, "@odata.context").ends_with("#LibraryFiles/$entity"));
        for key in ["fileName", "sha256", "description", "creationTime", "lastUpdatedTime", "createdBy", "hasParameters"] {
            assert!(entity.get(key).is_some(), "{key}");
        }
        let list = world.get("/api/libraryfiles").await.json();
        assert!(text(&list, "@odata.context").ends_with("#LibraryFiles"));
    }
}

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
