//! What the client asks, and what it makes of the answers.

use std::time::Duration;

use serde_json::json as value;

use svar::driver::client::{CallError, DownloadError, Permission, Root, SignInError};
use svar_engine::RequestIndex;
use svar_wire::{ActionId, DeviceId, LibraryName, Tag};
use svar_wire::{Command, LiveResponseRequest};

use super::service::{Reply, SECRET, Seen, Service, answer, client, json, token, token_of};

const DEVICE: &str = "0f3c1d5e7a9b2c4d6e8f00112233445566778899";

fn device() -> DeviceId {
    DeviceId::parse(DEVICE).expect("an id")
}

fn action(id: &str) -> ActionId {
    ActionId::parse(id).expect("an id")
}

fn request() -> LiveResponseRequest {
    LiveResponseRequest {
        commands: vec![Command::get_file(r"C:\temp\a.txt")],
        comment: "case 7 [svar 0123456789abcdef0123]".into(),
    }
}

fn entry(id: &str, status: &str) -> serde_json::Value {
    value!({"id": id, "status": status})
}

fn filter_of(seen: &Seen) -> String {
    let query = seen.target.split_once("$filter=").expect("a filter").1;
    let mut bytes = Vec::new();
    let mut rest = query.split('&').next().unwrap_or_default().bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().expect("digit"), rest.next().expect("digit")];
            let digits = std::str::from_utf8(&digits).expect("digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("digits"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn one_token_serves_many_calls_until_shortly_before_its_end() {
    let service = Service::signed_in(|_, _| json(200, value!({"value": []}))).await;
    let client = service.client();
    let calls = (0..10).map(|_| client.library_files());
    for answered in futures_util::future::join_all(calls).await {
        answered.expect("an answer");
    }
    assert_eq!(service.tokens_fetched(), 1);

    service
        .clock
        .advance_to(service.clock.now() + Duration::from_secs(3_400));
    client.library_files().await.expect("an answer");
    assert_eq!(service.tokens_fetched(), 1, "it is still good for 200 s");

    service
        .clock
        .advance_to(service.clock.now() + Duration::from_secs(100));
    client.library_files().await.expect("an answer");
    assert_eq!(
        service.tokens_fetched(),
        2,
        "less than 120 s are left of it"
    );
}

#[tokio::test]
async fn the_token_is_asked_for_as_documented_and_its_life_may_be_text() {
    let service = Service::start(|seen, _| {
        if seen.is_for_token() {
            token_of(r#"{"roles":["Machine.Read.All"]}"#, value!("3599"))
        } else {
            json(200, value!({"value": []}))
        }
    })
    .await;
    let client = service.client();
    client.library_files().await.expect("an answer");
    client.library_files().await.expect("an answer");
    let asked = &service.all_seen()[0];
    assert_eq!(asked.target, "/contoso.example/oauth2/v2.0/token");
    assert_eq!(
        asked.text(),
        format!(
            "grant_type=client_credentials&client_id=the-application&client_secret={SECRET}\
             &scope=https%3A%2F%2Fapi.securitycenter.microsoft.com%2F.default"
        )
    );
    assert_eq!(service.tokens_fetched(), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_never_twice() {
    let heals = Service::signed_in(|_, before| match before {
        0 => answer(401, ""),
        _ => json(201, entry("a-1", "Pending")),
    })
    .await;
    let started = heals.client().start(&device(), &request()).await;
    assert_eq!(started.expect("an action").id, "a-1");
    assert_eq!((heals.seen().len(), heals.tokens_fetched()), (2, 2));

    let stays = Service::signed_in(|_, _| answer(401, "")).await;
    let failure = stays.client().start(&device(), &request()).await;
    assert!(matches!(
        failure,
        Err(CallError::SignedOut(SignInError::Rejected { .. }))
    ));
    assert_eq!((stays.seen().len(), stays.tokens_fetched()), (2, 2));
}

#[tokio::test]
async fn a_missing_permission_is_named_before_anything_is_sent() {
    let service =
        Service::start(|_, _| token_of(r#"{"roles":["Machine.Read.All"]}"#, value!(3600))).await;
    let error = service
        .client()
        .sign_in(&[Permission::ReadMachines, Permission::LiveResponse])
        .await
        .expect_err("a permission is missing");
    assert_eq!(
        error.to_string(),
        "the application lacks the permission Machine.LiveResponse"
    );
    assert!(error.next_step().contains("Machine.LiveResponse"));
}

#[tokio::test]
async fn a_wrong_secret_is_said_without_the_secret() {
    let service = Service::start(|_, _| {
        let words =
            format!("AADSTS7000215: Invalid client secret provided: {SECRET}.\r\nTrace ID: 1\r\n");
        json(
            401,
            value!({"error": "invalid_client", "error_description": words}),
        )
    })
    .await;
    let client = service.client();
    let error = client.sign_in(&[]).await.expect_err("a refusal");
    let words = format!("{error} {error:?} {} {client:?}", error.next_step());
    assert!(
        words.contains("AADSTS7000215: Invalid client secret provided: ***"),
        "{words}"
    );
    assert!(words.contains("check AZURE_CLIENT_SECRET"), "{words}");
    assert!(
        !words.contains(SECRET) && !words.contains("Trace ID"),
        "{words}"
    );
}

#[tokio::test]
async fn where_nobody_listens_nothing_had_an_effect() {
    let service = Service::signed_in(|_, _| json(200, value!({"value": []}))).await;
    let client = client(&service.address, &service.clock);
    client.library_files().await.expect("an answer");
    let address = service.address.clone();
    drop(service);
    // The old connection may still stand for a moment; a new client has none.
    let clock = svar::driver::Clock::system();
    let error = super::service::client(&address, &clock)
        .sign_in(&[])
        .await
        .expect_err("nobody listens");
    assert!(
        matches!(error, SignInError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.is_temporary());
}

#[tokio::test]
async fn every_end_of_a_start_is_told_apart() {
    let refusal = value!({"error": {
        "code": "ActiveRequestAlreadyExists", "message": "in progress", "target": "2b7d"}});
    type Answer = Box<dyn Fn() -> Reply + Send + Sync>;
    let rows: Vec<(&str, Answer)> = vec![
        ("applied", Box::new(|| json(201, entry("a-1", "Pending")))),
        ("applied", Box::new(|| json(200, entry("a-1", "Pending")))),
        ("refused", Box::new(move || json(400, refusal.clone()))),
        ("refused", Box::new(|| answer(404, "<html>"))),
        ("refused", Box::new(|| answer(429, ""))),
        ("unknown", Box::new(|| answer(500, ""))),
        (
            "unknown",
            Box::new(|| answer(502, "<html><title>Bad gateway</title>")),
        ),
        ("unknown", Box::new(|| answer(408, ""))),
        ("unknown", Box::new(|| answer(201, ""))),
        ("unknown", Box::new(|| answer(201, "not json"))),
        (
            "unknown",
            Box::new(|| json(201, value!({"error": {"code": "x", "message": "y"}}))),
        ),
        ("unknown", Box::new(|| Reply::Nothing)),
        (
            "unknown",
            Box::new(|| {
                Reply::Raw(b"HTTP/1.1 201 x\r\nContent-Length: 99\r\n\r\n{\"id\"".to_vec())
            }),
        ),
    ];
    for (number, (expected, reply)) in rows.into_iter().enumerate() {
        let service = Service::signed_in(move |_, _| reply()).await;
        let ended = service.client().start(&device(), &request()).await;
        let name = match &ended {
            Ok(_) => "applied",
            Err(CallError::Refused(_)) => "refused",
            Err(CallError::Unknown { .. }) => "unknown",
            Err(other) => panic!("row {number}: {other:?}"),
        };
        assert_eq!(name, expected, "row {number}: {ended:?}");
        assert_eq!(service.seen().len(), 1, "row {number} was sent once");
    }
}

#[tokio::test]
async fn a_start_is_sent_in_the_service_s_own_words() {
    let service = Service::signed_in(|_, _| json(201, entry("a-1", "Pending"))).await;
    let started = service.client().start(&device(), &request()).await;
    started.expect("an action");
    let seen = &service.seen()[0];
    assert_eq!(seen.method, "POST");
    assert_eq!(
        seen.target,
        format!("/api/machines/{DEVICE}/runliveresponse")
    );
    assert_eq!(seen.headers["content-type"], "application/json");
    assert!(seen.headers["authorization"].starts_with("Bearer e30."));
    assert_eq!(
        seen.text(),
        r#"{"Commands":[{"type":"GetFile","params":[{"key":"Path","value":"C:\\temp\\a.txt"}]}],"Comment":"case 7 [svar 0123456789abcdef0123]"}"#
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Service::signed_in(|_, _| json(200, value!({"value": []}))).await;
    let address = elsewhere.address.clone();
    let service = Service::signed_in(move |_, _| Reply::Answer {
        status: 307,
        headers: vec![("Location", format!("{address}/api/libraryfiles"))],
        body: Vec::new(),
    })
    .await;
    let failure = service.client().library_files().await;
    assert!(
        matches!(failure, Err(CallError::Unknown { .. })),
        "{failure:?}"
    );
    assert!(elsewhere.all_seen().is_empty());
}

#[tokio::test]
async fn retry_after_comes_as_seconds_or_as_a_date() {
    let service = Service::signed_in(|_, before| Reply::Answer {
        status: 429,
        headers: vec![(
            "Retry-After",
            ["17", "Tue, 03 Feb 2026 09:01:30 GMT"][before].to_owned(),
        )],
        body: Vec::new(),
    })
    .await;
    let client = service.client();
    let wait = |failure: CallError| failure.retry_after().expect("a time").as_secs();
    assert_eq!(
        wait(client.library_files().await.expect_err("a refusal")),
        17
    );
    let until = wait(client.library_files().await.expect_err("a refusal"));
    assert!((80..=90).contains(&until), "{until}");
}

#[tokio::test]
async fn own_actions_are_listed_by_id_and_by_a_chain_where_in_is_refused() {
    let service = Service::signed_in(|seen, _| {
        if filter_of(seen).contains(" in ") {
            json(
                400,
                value!({"error": {"code": "", "message": "no in", "details": []}}),
            )
        } else {
            json(
                200,
                value!({"value": [entry("a-2", "Failed"), entry("a-1", "Pending")]}),
            )
        }
    })
    .await;
    let client = service.client();
    let ids = [action("a-1"), action("a-2")];
    let since = service.clock.now();
    for _ in 0..2 {
        let listed = client.actions(&ids, since).await.expect("a list");
        assert_eq!(listed.len(), 2);
    }
    let filters: Vec<String> = service.seen().iter().map(filter_of).collect();
    assert_eq!(
        filters,
        [
            "id in ('a-1','a-2')",
            "id eq 'a-1' or id eq 'a-2'",
            "id eq 'a-1' or id eq 'a-2'"
        ],
        "what was refused is not tried again"
    );
}

#[tokio::test]
async fn a_very_large_fleet_is_listed_by_time_in_pages_and_the_rest_by_id() {
    let service = Service::signed_in(|seen, _| {
        // By the service's clock it was created hours before the time that was asked for.
        if filter_of(seen).contains("'a-7'") {
            return json(200, value!({"value": [entry("a-7", "Pending")]}));
        }
        if filter_of(seen).starts_with("id in") {
            return json(200, value!({"value": []}));
        }
        let second = seen.target.contains("$skip=1");
        let host = &seen.headers["host"];
        let mut page = value!({"value": [entry(if second { "a-1" } else { "a-0" }, "Pending")]});
        if !second {
            page["@odata.nextLink"] = value!(format!(
                "http://{host}/api/machineactions?$skip=1&$filter=x"
            ));
        }
        json(200, page)
    })
    .await;
    let ids: Vec<ActionId> = (0..200)
        .map(|number| action(&format!("a-{number}")))
        .collect();
    let listed = service
        .client()
        .actions(&ids, service.clock.now())
        .await
        .expect("a list");
    let mut ids: Vec<&str> = listed.iter().map(|action| action.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["a-0", "a-1", "a-7"], "both pages, and what they lack");
    assert_eq!(
        filter_of(&service.seen()[0]),
        "type eq 'LiveResponse' and creationDateTimeUtc ge 2026-02-03T08:50:00Z"
    );
}

#[tokio::test]
async fn a_next_page_on_another_host_gets_no_token_and_half_a_list_is_none() {
    let elsewhere = Service::signed_in(|_, _| json(200, value!({"value": []}))).await;
    let address = elsewhere.address.clone();
    let service = Service::signed_in(move |_, _| {
        json(
            200,
            value!({"value": [], "@odata.nextLink": format!("{address}/api/libraryfiles")}),
        )
    })
    .await;
    assert!(service.client().library_files().await.is_err());
    assert!(elsewhere.all_seen().is_empty());
}

#[tokio::test]
async fn a_lost_start_is_found_by_its_tag_alone() {
    let tag = Tag::parse("0123456789abcdef0123").expect("a tag");
    let comment = "case 7 [svar 0123456789abcdef0123]";
    let service = Service::signed_in(move |_, before| {
        let mut actions = vec![
            value!({"id": "stranger", "status": "Pending", "machineId": DEVICE,
                    "requestorComment": format!("{comment} and more")}),
            value!({"id": "elsewhere", "status": "Pending", "machineId": "ff", "requestorComment": comment}),
        ];
        if before > 0 {
            actions.push(value!({"id": "ours", "status": "Pending", "requestorComment": comment}));
        }
        json(200, value!({"value": actions}))
    })
    .await;
    let client = service.client();
    let device = device();
    let find = || client.find_start(&device, &tag);
    assert_eq!(find().await.expect("a list"), None);
    let found = find().await.expect("a list");
    assert_eq!(found.expect("it is there").id, "ours");
}

#[tokio::test]
async fn a_result_is_read_without_the_token_and_its_address_is_told_to_nobody() {
    let service = Service::signed_in(|seen, _| {
        let host = &seen.headers["host"];
        if seen.target.contains("GetLiveResponseResultDownloadLink") {
            let link = format!("http://{host}/blob?se=1&amp;sp=r&amp;amp;sig=PRECIOUS");
            json(200, value!({"value": link}))
        } else if seen.target == "/blob?se=1&sp=r&sig=PRECIOUS" {
            answer(200, "content")
        } else {
            answer(403, "<Error><Code>AuthenticationFailed</Code></Error>")
        }
    })
    .await;
    let client = service.client();
    let link = client
        .result_link(&action("a-1"), RequestIndex(2))
        .await
        .expect("a link");
    assert_eq!(format!("{link:?}"), "ResultLink");
    let mut file = tempfile::tempfile().expect("a file");
    let came = client.download(&link, &mut file, 100).await.expect("bytes");
    assert_eq!(came.size, 7);
    assert_eq!(
        came.sha256,
        "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    );
    let seen = service.seen();
    assert_eq!(
        seen[0].target,
        "/api/machineactions/a-1/GetLiveResponseResultDownloadLink(index=2)"
    );
    assert!(!seen[1].headers.contains_key("authorization"));
    let too_large = client.download(&link, &mut file, 6).await;
    assert!(matches!(too_large, Err(DownloadError::TooLarge(6))));
    let address = service.address.clone();
    let words = {
        let link = client
            .result_link(&action("a-1"), RequestIndex(2))
            .await
            .expect("a link");
        let gone = service;
        drop(gone);
        let other = client.download(&link, &mut file, 100).await;
        format!("{other:?}")
    };
    assert!(
        !words.contains("PRECIOUS") && !words.contains(&address),
        "{words}"
    );
}

#[tokio::test]
async fn an_upload_is_a_form_that_a_strict_reader_takes_apart_again() {
    let service = Service::signed_in(|_, before| match before {
        0 => answer(401, ""),
        _ => json(200, value!({"fileName": "a.ps1"})),
    })
    .await;
    let content = b"binary \r\n--svar\0 content".to_vec();
    let name = LibraryName::parse("a.ps1").expect("a name");
    let stored = service.client().upload_library_file(&name, &content).await;
    assert_eq!(stored.expect("stored").file_name, "a.ps1");
    for seen in service.seen() {
        let kind = &seen.headers["content-type"];
        let boundary = multer::parse_boundary(kind).expect("a boundary");
        let body = bytes::Bytes::from(seen.body.clone());
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(body)]);
        let mut form = multer::Multipart::new(stream, boundary);
        let flag = form.next_field().await.expect("a form").expect("a part");
        assert_eq!(flag.name(), Some("OverrideIfExists"));
        assert_eq!(flag.text().await.expect("text"), "false");
        let file = form.next_field().await.expect("a form").expect("a part");
        assert_eq!(
            (file.name(), file.file_name()),
            (Some("File"), Some("a.ps1"))
        );
        assert_eq!(file.bytes().await.expect("bytes"), content);
        assert!(form.next_field().await.expect("a form").is_none());
    }
    assert_eq!(service.seen().len(), 2, "whole again after the 401");
}

#[test]
fn a_tenant_is_reached_by_https_and_only_loopback_by_http() {
    for good in [
        "https://api.security.microsoft.com",
        "https://api.security.microsoft.com/",
        "http://127.0.0.1:8080",
        "http://localhost:1",
        "http://[::1]:1",
    ] {
        Root::parse(good).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for bad in [
        "http://api.security.microsoft.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
        "ftp://localhost",
        "api.security.microsoft.com",
        "https://api.security.microsoft.com?x=1",
        "",
    ] {
        assert!(Root::parse(bad).is_err(), "{bad}");
    }
    let error = Root::parse("https://user:hunter2@host.example").expect_err("it holds a password");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let _ = token();
}
