//! The handle that other projects' tests use: [`Emulator`] and its blocking twin.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use svar_emulator::{
    CLIENT_SECRET, Device, Emulator, EmulatorError, LedgerEvent, LibraryItem, Scenario, blocking,
};

fn scenario() -> Scenario {
    Scenario {
        devices: vec![Device::named("web-01.example.org", "Linux")],
        library: vec![LibraryItem {
            name: "hello.sh".to_owned(),
            text: Some("echo hello".to_owned()),
            ..LibraryItem::default()
        }],
        ..Scenario::default()
    }
}

/// Sends a request without any HTTP client and returns the whole answer.
fn call(address: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: emulator\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_session_runs_to_its_end_while_the_clock_is_advanced() {
    let emulator = blocking::Emulator::start(scenario()).unwrap();
    let (address, token) = (emulator.address(), emulator.token());
    let list = call(address, "GET", "/api/machines", &token, "");
    let (_, rest) = list.split_once("\"id\":\"").unwrap();
    let id = &rest[..40];
    let body = r#"{"Commands":[{"type":"RunScript","params":[{"key":"ScriptName","value":"hello.sh"}]}],"Comment":"test"}"#;
    let start = format!("/api/machines/{id}/runliveresponse");
    let started = call(address, "POST", &start, &token, body);
    assert!(started.starts_with("HTTP/1.1 201"), "{started}");

    let before = emulator.now();
    emulator.advance(Duration::from_secs(3600));
    assert!(emulator.now().since(before) >= Duration::from_secs(3600));

    let ledger = emulator.ledger();
    let kinds: Vec<LedgerEvent> = ledger.iter().map(|entry| entry.kind).collect();
    assert_eq!(
        kinds,
        [
            LedgerEvent::SessionStarted,
            LedgerEvent::ScriptRun,
            LedgerEvent::SessionEnded
        ]
    );
    assert_eq!(ledger[0].device.as_deref(), Some(id));
    assert_eq!(ledger[0].comment.as_deref(), Some("test"));
    assert_eq!(ledger[0].commands[0].param("ScriptName"), Some("hello.sh"));
    assert_eq!(ledger[1].exit, Some(0));
    assert_eq!(ledger[2].status.as_deref(), Some("Succeeded"));
}

#[test]
fn credentials_sign_in_and_the_default_secret_does_not() {
    let emulator = blocking::Emulator::start(scenario()).unwrap();
    let credentials = emulator.credentials();
    assert_ne!(credentials.client_secret, CLIENT_SECRET);
    let sign_in = |secret: &str| {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={secret}\
             &scope=https%3A%2F%2Fapi.securitycenter.microsoft.com%2F.default",
            credentials.client_id
        );
        let path = format!("/{}/oauth2/v2.0/token", credentials.tenant_id);
        call(emulator.address(), "POST", &path, "", &form)
    };
    assert!(sign_in(&credentials.client_secret).starts_with("HTTP/1.1 200"));
    assert!(sign_in(CLIENT_SECRET).starts_with("HTTP/1.1 401"));
}

#[test]
fn the_clock_can_be_made_faster() {
    let emulator = blocking::Emulator::start(scenario()).unwrap();
    emulator.set_clock_factor(100_000.0);
    let before = emulator.now();
    while emulator.now().since(before) < Duration::from_secs(60) {
        std::thread::yield_now();
    }
}

#[test]
fn nobody_listens_after_it_was_dropped_or_stopped() {
    let emulator = blocking::Emulator::start(scenario()).unwrap();
    let address = emulator.address();
    assert!(TcpStream::connect(address).is_ok());
    drop(emulator);
    assert!(TcpStream::connect(address).is_err());

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = runtime.block_on(async {
        let emulator = Emulator::start(scenario()).await.unwrap();
        let address = emulator.address();
        emulator.stop().await.unwrap();
        address
    });
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_scenario_without_applications_is_refused() {
    let nobody = Scenario {
        apps: Vec::new(),
        ..scenario()
    };
    let refused = blocking::Emulator::start(nobody);
    assert!(matches!(refused, Err(EmulatorError::NoApplication)));
}
