//! The tenant under load: a fleet of Windows devices with scripted outcomes, limits out of the way.

use serde_json::{Value, json};
use svar_emulator::{
    CLIENT_ID, CLIENT_SECRET, Device, DurationRange, Fleet, LibraryItem, Scenario, ScriptOutcome,
    SettingOverrides, TENANT_ID, TimeSpan,
};

/// So many devices, and no limit on calls.
pub(crate) fn fleet(count: u32) -> Scenario {
    Scenario {
        settings: SettingOverrides {
            slots: Some(u32::MAX),
            starts_per_minute: Some(u32::MAX),
            reads_per_minute: Some(u32::MAX),
            reads_per_hour: Some(u32::MAX),
            token_ttl: Some(TimeSpan::seconds(1_000_000_000)),
            visibility_lag: Some(DurationRange::default()),
            ..SettingOverrides::default()
        },
        fleets: vec![Fleet {
            count,
            name: "pc-{n}.example.org".to_owned(),
            device: Device {
                tags: vec!["clients".to_owned()],
                ..Device::named("", "Windows11")
            },
            ..Fleet::default()
        }],
        library: vec![LibraryItem {
            name: "triage.ps1".to_owned(),
            ..LibraryItem::default()
        }],
        outcomes: vec![ScriptOutcome {
            stdout: "TRIAGE-COMPLETE bytes=18231\n".to_owned(),
            ..ScriptOutcome::default()
        }],
        ..Scenario::default()
    }
}

/// The body of a start.
pub(crate) fn start_body(comment: &str, args: &str) -> String {
    let command = json!({"type": "RunScript", "params": [
        {"key": "ScriptName", "value": "triage.ps1"},
        {"key": "Args", "value": args},
    ]});
    json!({"Commands": [command], "Comment": comment}).to_string()
}

/// Path and body of a sign-in.
pub(crate) fn sign_in() -> (String, String) {
    (
        format!("/{TENANT_ID}/oauth2/v2.0/token"),
        format!(
            "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https%3A%2F%2Fapi.securitycenter.microsoft.com%2F.default"
        ),
    )
}

pub(crate) fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}
