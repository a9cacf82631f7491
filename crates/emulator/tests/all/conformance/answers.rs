//! What every answer carries: content types, headers, and the shapes of refusals (API notes 2, 9).

use serde_json::{Value, json};
use svar_emulator::{CLIENT_ID, CLIENT_SECRET, Device, DeviceFile, Scenario, TENANT_ID};

use super::{quiet, text, with};
use crate::world::{Answer, World, get_file, put_file, run_script};

const JSON: &str = "application/json; charset=utf-8";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

async fn call(world: &World, method: &str, path: &str, body: Option<&str>) -> Answer {
    let request = world
        .http
        .request(method.parse().unwrap(), format!("{}{path}", world.base))
        .bearer_auth(&world.token)
        .header("content-type", "application/json");
    world
        .send(match body {
            Some(body) => request.body(body.to_owned()),
            None => request,
        })
        .await
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// The common shape (API notes 9.1), and nothing beside it.
#[track_caller]
fn is_common(what: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{what}"
    );
    assert_eq!(answer.headers["content-type"], JSON);
    let body = answer.json();
    assert_eq!(keys(&body), ["error"]);
    assert_eq!(keys(&body["error"]), ["code", "message", "target"]);
    assert!(!text(&body["error"], "message").is_empty());
    assert!(uuid::Uuid::parse_str(text(&body["error"], "target")).is_ok());
}

facts! {
    "9.1" every_refusal_has_the_common_shape: "Every 4xx of the API is a JSON `error` with `code`, `message` and `target` only.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let (start, link) = (format!("/api/machines/{machine}/runliveresponse"), format!("/api/machineactions/{NOBODY}/GetLiveResponseResultDownloadLink(index=0)"));
        let cancel = format!("/api/machineactions/{NOBODY}/cancel");
        let one = r#"{"Commands":[{"type":"GetFile","params":[{"key":"Path","value":"/etc/passwd"}]}],"Comment":""}"#;
        for (method, path, body, status, code) in [
            ("GET", "/api/machines/nobody", None, 404, "ResourceNotFound"),
            ("GET", &format!("/api/machineactions/{NOBODY}"), None, 404, "ResourceNotFound"),
            ("GET", link.as_str(), None, 404, "ResourceNotFound"),
            ("POST", cancel.as_str(), Some("{}"), 404, "ResourceNotFound"),
            ("POST", cancel.as_str(), Some("["), 400, "InvalidRequestBody"),
            ("POST", "/api/machines/nobody/runliveresponse", Some(one), 404, "ResourceNotFound"),
            ("POST", start.as_str(), Some("null"), 400, "InvalidRequestBody"),
            ("POST", start.as_str(), Some("{}"), 400, "MissingRequiredParameter"),
            ("POST", start.as_str(), Some(one), 400, "MissingRequiredParameter"),
            ("GET", "/api/machines/findbytag", None, 400, "MissingRequiredParameter"),
            ("DELETE", "/api/libraryfiles/nothing", None, 404, "ResourceNotFound"),
            ("POST", "/api/libraryfiles", Some("{}"), 400, "BadRequest"),
            ("POST", "/api/advancedqueries/run", Some("{}"), 400, "MissingRequiredParameter"),
            ("POST", "/api/advancedqueries/run", Some(r#"{"Query":"unknown"}"#), 400, "BadRequest"),
            ("PUT", "/api/machines", None, 405, "BadRequest"),
            ("GET", "/api/nothing", None, 404, "NotFound"),
        ] {
            is_common(path, &call(&world, method, path, body).await, status, code);
        }
        let nobody = World { token: "x.y.z".to_owned(), base: world.base.clone(), http: world.http.clone() };
        is_common("no token", &nobody.get("/api/machines").await, 401, "Unauthorized");
    }
    "9.1" refused_roles_and_rates_have_it_too: "A 403 for a role and a 429 for the number of calls have the same form.",
        Scenario { apps: vec![svar_emulator::App { roles: vec!["Machine.Read.All".to_owned()], ..Default::default() }], ..with(|settings| settings.reads_per_hour = Some(0)) }, |world| {
        is_common("role", &world.get("/api/libraryfiles").await, 403, "Forbidden");
        is_common("rate", &world.get("/api/machines").await, 429, "TooManyRequests");
    }
    "9.2" the_parser_has_another_shape: "An invalid query gets a JSON error with an empty `code`, a `message` and empty `details` only.", quiet(), |world| {
        for list in ["machines", "machineactions"] {
            let answer = world.get(&format!("/api/{list}?$filter=nonsense")).await.expect(400);
            assert_eq!(answer.headers["content-type"], JSON);
            let body = answer.json();
            assert_eq!((keys(&body), keys(&body["error"])), (vec!["error"], vec!["code", "message", "details"]));
            assert_eq!((&body["error"]["code"], &body["error"]["details"]), (&json!(""), &json!([])));
        }
    }
    "9.1" a_401_names_its_scheme: "A 401 of the API has `WWW-Authenticate: Bearer`, as HTTP requires (our choice).", quiet(), |world| {
        let url = format!("{}/api/machines", world.base);
        for request in [world.http.get(&url), world.http.get(&url).bearer_auth("x"), world.http.get(&url).basic_auth("x", Some("y"))] {
            let answer = world.send(request).await.expect(401);
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        assert!(!world.get("/api/nothing").await.headers.contains_key("www-authenticate"));
    }
    "2.2" replies_of_the_sign_in: "A token reply is JSON with `token_type`, `expires_in`, `ext_expires_in` 0 and `access_token` only; a refusal has `error` and `error_description` only.", quiet(), |world| {
        let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", world.base);
        let form = |secret| [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", secret), ("scope", "https://api.securitycenter.microsoft.com/.default")];
        let answer = world.send(world.http.post(&url).form(&form(CLIENT_SECRET))).await.expect(200);
        assert_eq!(answer.headers["content-type"], JSON);
        let reply = answer.json();
        assert_eq!(keys(&reply), ["token_type", "expires_in", "ext_expires_in", "access_token"]);
        assert_eq!((&reply["ext_expires_in"], text(&reply, "access_token").split('.').count()), (&json!(0), 3));
        let answer = world.send(world.http.post(&url).form(&form("wrong"))).await.expect(401);
        assert_eq!(answer.headers["content-type"], JSON);
        assert_eq!(keys(&answer.json()), ["error", "error_description"]);
    }
    "2.5" answers_say_what_they_are: "Answers of the API are `application/json; charset=utf-8` without OData parameters (our choice), with the service's `Date`.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        let action = world.run(&machine, json!([run_script("show.sh", "")])).await;
        let id = text(&action, "id");
        for path in [
            "/api/machines".to_owned(), format!("/api/machines/{machine}"), "/api/machines/findbytag?tag=x".to_owned(), "/api/machineactions".to_owned(),
            format!("/api/machineactions/{id}"), format!("/api/machineactions/{id}/GetLiveResponseResultDownloadLink(index=0)"), "/api/libraryfiles".to_owned(),
        ] {
            let answer = world.get(&path).await.expect(200);
            assert_eq!(answer.headers["content-type"], JSON, "{path}");
            assert!(answer.date_s() > 0, "{path}");
        }
        let gone = world.delete("/api/libraryfiles/tool.exe").await.expect(204);
        assert_eq!((gone.bytes.as_slice(), gone.headers.get("content-type")), (&b""[..], None));
    }
    "1.1" rows_of_the_table: "Reading an action, listing actions, the result link and the cancel have separate rate limits; all calls on machines share one, and so do all on the library.", with(|settings| settings.reads_per_hour = Some(1)), |world| {
        let (one, link, cancel) = (format!("/api/machineactions/{NOBODY}"), format!("/api/machineactions/{NOBODY}/GetLiveResponseResultDownloadLink(index=0)"), format!("/api/machineactions/{NOBODY}/cancel"));
        let rows: [&[(&str, &str)]; 7] = [
            &[("GET", "/api/machineactions")],
            &[("GET", one.as_str())],
            &[("GET", link.as_str())],
            &[("POST", cancel.as_str())],
            &[("GET", "/api/machines"), ("GET", "/api/machines/nobody"), ("GET", "/api/machines/findbytag?tag=x")],
            &[("GET", "/api/libraryfiles"), ("POST", "/api/libraryfiles"), ("DELETE", "/api/libraryfiles/nothing")],
            &[("POST", "/api/advancedqueries/run")],
        ];
        let mut refused = Vec::new();
        for row in rows {
            for round in 0..2 {
                for (method, path) in row {
                    refused.push((round, call(&world, method, path, None).await.status == 429));
                }
            }
        }
        // The hour may turn, once: all rows are free again, and so one call more passes in each of those that are left.
        let passed = refused.iter().filter(|(_, is_refused)| !is_refused).count();
        assert!((7..=8).contains(&passed), "{refused:?}");
    }
    "3.7" files_that_are_not_all_there: "Collecting a sparse file, a reparse point or a cloud placeholder fails, each with its own reason.", {
        let mut scenario = quiet();
        let odd = |path: &str, kind| DeviceFile { kind, ..DeviceFile::text(path, "x") };
        scenario.devices[0].files.extend([
            odd("/data/sparse", svar_emulator::FileKind::Sparse), odd("/data/link", svar_emulator::FileKind::ReparsePoint), odd("/data/cloud", svar_emulator::FileKind::CloudOnly),
        ]);
        scenario
    }, |world| {
        let machine = world.machine("lin-01").await;
        let mut reasons = Vec::new();
        for path in ["/data/sparse", "/data/link", "/data/cloud"] {
            let action = world.run(&machine, json!([get_file(path)])).await;
            assert_eq!(action["commands"][0]["commandStatus"], "Failed", "{path}");
            reasons.push(action["commands"][0]["errors"][0].as_str().unwrap().to_owned());
            world.link(text(&action, "id"), 0).await.expect(404);
        }
        reasons.dedup();
        assert_eq!(reasons.len(), 3, "{reasons:?}");
    }
    "1" large_files_are_not_collected: "Collecting a file over the GetFile limit fails; a file of exactly the limit is collected.", {
        let mut scenario = with(|settings| settings.collected_file_max = Some(1000));
        scenario.devices[0].files.extend([DeviceFile::text("/data/fits", &"x".repeat(1000)), DeviceFile::text("/data/large", &"x".repeat(1001))]);
        scenario
    }, |world| {
        let machine = world.machine("lin-01").await;
        for (path, status) in [("/data/fits", "Succeeded"), ("/data/large", "Failed")] {
            assert_eq!(world.run(&machine, json!([get_file(path)])).await["status"], status, "{path}");
        }
    }
    "5.1" documented_filters: "Every documented filter property works where only those are allowed: six of actions, fourteen of machines.", with(|settings| settings.undocumented_filters = Some(false)), |world| {
        let equals = |name: &str| match name {
            "creationDateTimeUtc" | "lastSeen" => format!("{name} ge 2020-01-01T00:00:00Z"),
            "rbacGroupId" => format!("{name} eq 0"),
            _ => format!("{name} eq 'x'"),
        };
        for (list, names) in [
            ("machineactions", "id status machineId type requestor creationDateTimeUtc"),
            ("machines", "computerDnsName id version deviceValue aadDeviceId machineTags lastSeen exposureLevel onboardingStatus lastIpAddress healthStatus osPlatform riskScore rbacGroupId"),
        ] {
            for name in names.split(' ') {
                world.get(&format!("/api/{list}?$filter={}", equals(name))).await.expect(200);
            }
        }
        world.get("/api/machineactions?$filter=requestorComment eq 'x'").await.expect(400);
        world.get("/api/machines?$filter=rbacGroupName eq 'x'").await.expect(400);
    }
    "7" a_cancel_needs_no_words: "A cancel can have no body or no comment; a body that is not an object, or a comment that is not a string, is 400 `InvalidRequestBody`.", {
        let mut scenario = quiet();
        scenario.devices[0].online = vec![svar_emulator::TimeWindow { from: svar_emulator::TimeSpan::seconds(1_000_000), until: None }];
        scenario
    }, |world| {
        let machine = world.machine("lin-01").await;
        for (body, status) in [
            ("[]", 400), ("null", 400), ("{", 400), (r#"{"Comment":5}"#, 400),
            ("", 200), ("{}", 200), (r#"{"Comment":null}"#, 200), (r#"{"comment":"not seen"}"#, 200),
        ] {
            let id = match world.start(&machine, json!([put_file("tool.exe")])).await {
                answer if answer.status == 201 => text(&answer.json(), "id").to_owned(),
                // The one that was not cancelled.
                _ => text(&world.get("/api/machineactions?$filter=status eq 'Pending'").await.json()["value"][0], "id").to_owned(),
            };
            let answer = call(&world, "POST", &format!("/api/machineactions/{id}/cancel"), Some(body)).await.expect(status);
            match status {
                200 => assert_eq!((text(&answer.json(), "status"), &answer.json()["cancellationComment"]), ("Cancelled", &Value::Null), "{body}"),
                _ => assert_eq!(answer.code(), "InvalidRequestBody", "{body}"),
            }
        }
    }
    "8.3" machines_have_all_their_fields: "A machine has every documented field and the undocumented ones that clients see, always in the same order.",
        Scenario { devices: vec![Device { group: Some("Servers".to_owned()), group_id: 4, tags: vec!["web".to_owned()], ..Device::named("web-01.example.org", "Linux") }], ..quiet() }, |world| {
        let machine = world.get("/api/machines/web-01").await.json();
        assert_eq!(keys(&machine), [
            "@odata.context", "id", "computerDnsName", "firstSeen", "lastSeen", "osPlatform", "version", "osBuild", "osProcessor", "osArchitecture",
            "lastIpAddress", "lastExternalIpAddress", "agentVersion", "healthStatus", "onboardingStatus", "deviceValue", "rbacGroupId", "rbacGroupName",
            "riskScore", "exposureLevel", "isAadJoined", "aadDeviceId", "machineTags", "ipAddresses", "mergedIntoMachineId", "isPotentialDuplication",
            "isExcluded", "exclusionReason", "osVersion", "defenderAvStatus", "managedBy", "managedByStatus", "vmMetadata",
        ]);
        let list = world.get("/api/machines").await.json();
        let mut listed = list["value"][0].clone();
        assert_eq!(keys(&listed), keys(&machine)[1..]);
        listed["@odata.context"] = machine["@odata.context"].clone();
        assert_eq!(listed, machine);
        for (key, wanted) in [
            ("rbacGroupId", json!(4)), ("rbacGroupName", json!("Servers")), ("machineTags", json!(["web"])), ("isExcluded", json!(false)),
            ("computerDnsName", json!("web-01.example.org")), ("mergedIntoMachineId", Value::Null),
        ] {
            assert_eq!(machine[key], wanted, "{key}");
        }
        assert_eq!(keys(&machine["ipAddresses"][0]), ["ipAddress", "macAddress", "type", "operationalStatus"]);
    }
}
