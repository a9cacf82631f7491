//! Which service a run speaks to, and what is said when it can't.

use super::builder::{Emulator, Svar};

const PLAYBOOK: &str = "playbook: 1\nname: Fetch\nos: linux\nrisk: read\ntargets: { tag: web }\n\
                        steps:\n  - get: /etc/hostname\n";

fn svar(args: &str) -> Svar {
    Svar::new(args).file("fetch.yaml", PLAYBOOK)
}

#[test]
fn half_a_tenant_is_refused_with_the_missing_half() {
    svar("run fetch.yaml")
        .env("AZURE_TENANT_ID", "11111111-2222-3333-4444-555555555555")
        .env("AZURE_CLIENT_ID", "66666666-7777-8888-9999-000000000000")
        .run()
        .code(3)
        .stdout("")
        .stderr(
            "error: AZURE_CLIENT_SECRET is not set; cannot sign in\n  help: set \
             AZURE_CLIENT_SECRET; to rehearse without a tenant, use `svar run … --rehearse`\n",
        );
    svar("run fetch.yaml")
        .env("AZURE_CLIENT_SECRET", "very-secret")
        .run()
        .code(3)
        .stderr(
            "error: AZURE_TENANT_ID is not set; cannot sign in\n  help: set \
             AZURE_TENANT_ID; to rehearse without a tenant, use `svar run … --rehearse`\n",
        );
}

#[test]
fn a_profile_gives_what_the_environment_lacks() {
    svar("run fetch.yaml --profile lab")
        .file(
            "svar.toml",
            "[profiles.lab]\ntenant_id = \"contoso.example\"\nclient_id = \"app\"\n",
        )
        .run()
        .code(3)
        .stderr(
            "error: AZURE_CLIENT_SECRET is not set; cannot sign in\n  help: set \
             AZURE_CLIENT_SECRET; to rehearse without a tenant, use `svar run … --rehearse`\n",
        );
}

#[test]
fn a_profile_and_an_environment_that_disagree_are_refused() {
    svar("run fetch.yaml --profile lab")
        .file(
            "svar.toml",
            "[profiles.lab]\ntenant_id = \"contoso.example\"\nclient_id = \"app\"\n",
        )
        .env("AZURE_TENANT_ID", "fabrikam.example")
        .run()
        .code(3)
        .stderr(
            "error: AZURE_TENANT_ID and profile `lab` name different tenants\n  help: unset \
             AZURE_TENANT_ID, or use another profile\n",
        );
}

#[test]
fn an_id_that_would_leave_its_place_in_an_address_is_refused() {
    for tenant in [
        "..",
        "contoso..example",
        "a/b",
        "a?b",
        "a b",
        &"a".repeat(254),
    ] {
        svar("run fetch.yaml")
            .env("AZURE_TENANT_ID", tenant)
            .env("AZURE_CLIENT_ID", "app")
            .env("AZURE_CLIENT_SECRET", "very-secret")
            .run()
            .code(3)
            .stdout("")
            .stderr(
                "error: invalid tenant id\n  help: copy it from the application's overview page; it \
                 has 36 letters, digits and dashes\n",
            );
    }
}

#[test]
fn a_misspelt_profile_gets_the_nearest_one() {
    svar("run fetch.yaml --profile labb")
        .file(
            "svar.toml",
            "[profiles.lab]\ntenant_id = \"t\"\nclient_id = \"c\"\n",
        )
        .run()
        .code(2)
        .stderr("error: no profile `labb` in svar.toml\n  help: did you mean `lab`?\n");
}

#[test]
fn a_secret_in_svar_toml_is_refused_and_never_shown() {
    let ended = svar("run fetch.yaml")
        .file(
            "svar.toml",
            "[profiles.lab]\ntenant_id = \"t\"\nclient_secret = \"hunter2-hunter2\"\n",
        )
        .run()
        .code(2);
    assert!(!ended.text().contains("hunter2"), "{}", ended.text());
    assert!(
        ended
            .stderr
            .contains("svar.toml:3: `client_secret` looks like a secret"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_svar_toml_does_not_know_is_refused_at_its_line() {
    let ended = svar("run fetch.yaml")
        .file("svar.toml", "rnus = \"x\"\n")
        .run()
        .code(2);
    assert!(
        ended.stderr.contains("svar.toml:1: unknown field `rnus`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_unencrypted_host_gets_no_secret() {
    let ended = svar("run fetch.yaml")
        .env("AZURE_TENANT_ID", "contoso.example")
        .env("AZURE_CLIENT_ID", "app")
        .env("AZURE_CLIENT_SECRET", "hunter2-hunter2")
        .env("SVAR_API_HOST", "http://api.example.org")
        .run()
        .code(3);
    assert!(ended.stderr.contains("use https"), "{}", ended.stderr);
    assert!(!ended.text().contains("hunter2"), "{}", ended.text());
}

#[test]
fn an_emulator_that_is_not_there_is_said() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let ended = svar("run fetch.yaml --emulator")
        .arg(format!("http://127.0.0.1:{port}"))
        .run()
        .code(3);
    assert!(
        ended
            .stderr
            .contains("error: no emulator at http://127.0.0.1:@PORT@: "),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("help: start one with `svar emulator"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_playbook_without_targets_asks_for_some() {
    Svar::new("run bare.yaml")
        .file(
            "bare.yaml",
            "playbook: 1\nname: Bare\nos: linux\nsteps:\n  - get: /etc/hostname\n",
        )
        .run()
        .code(2)
        .stdout("")
        .stderr(
            "using the built-in emulator: no real device is touched\nerror: no targets: the playbook \
             has none and `--target` is not set\n  help: add `targets:` to the playbook, or use \
             `--target`\n",
        );
}

#[test]
fn targets_that_are_none_are_refused() {
    let refused = |target: &str| {
        let ended = svar("run fetch.yaml --target").arg(target).run().code(2);
        let words = ended.stderr.lines().nth(1).unwrap_or_default().to_owned();
        assert!(words.starts_with("error: "), "{}", ended.text());
        words
    };
    assert_eq!(
        refused("id:123"),
        "error: invalid value for `--target`: `123` is not a device id: expected 40 hexadecimal digits"
    );
    assert_eq!(refused("tag:"), "error: empty value for `--target`");
    assert_eq!(
        refused("no-such-host"),
        "error: no device is named `no-such-host`"
    );
    assert_eq!(
        refused("file:none.txt"),
        "error: cannot read the targets file: none.txt: the file does not exist"
    );
    assert_eq!(
        refused(&"0".repeat(40)),
        format!(
            "error: the tenant has no device with the id {}",
            "0".repeat(40)
        )
    );
}

#[test]
fn an_emulator_refuses_to_be_open_to_others() {
    Svar::new("emulator --listen 0.0.0.0:0")
        .run()
        .code(2)
        .stdout("")
        .stderr(
            "error: other computers can reach 0.0.0.0:0, and the emulator runs scripts\n  \
         help: listen on 127.0.0.1, or add `--listen-anywhere` if you want that\n",
        );
}

#[test]
fn a_scenario_with_a_slip_is_drawn() {
    let ended = svar("run fetch.yaml --scenario fleet.yaml")
        .file("fleet.yaml", "name: x\ndevises: []\n")
        .run()
        .code(2);
    assert!(
        ended
            .stderr
            .contains("error[unknown-key]: a scenario has no key `devises`"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("fleet.yaml:2:1"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("did you mean `devices`?"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_scenario_that_is_played_is_checked_as_well() {
    let fleet = "devices:\n  - { name: a.example.org }\n  - { name: a.example.org }\n";
    let checked = svar("check fleet.yaml")
        .file("fleet.yaml", fleet)
        .run()
        .code(2);
    let played = svar("emulator --scenario fleet.yaml")
        .file("fleet.yaml", fleet)
        .run()
        .code(2)
        .stdout("");
    assert_eq!(
        checked
            .stderr
            .strip_suffix("1 scenario: 1 error\n")
            .unwrap(),
        played.stderr
    );
}

#[test]
fn the_ledger_of_an_emulator_is_a_file_where_asked_for() {
    let fleet = "factor: 1000\ndevices:\n  - name: web-01.example.org\n    tags: [web]\n    files: [{ path: /etc/hostname, text: web-01 }]\n";
    let emulator = Emulator::start_with(fleet, "--ledger ledger.jsonl");
    svar("run fetch.yaml --quiet --emulator")
        .arg(&emulator.url)
        .run()
        .code(0);
    // The emulator still runs: the lines were written as things happened.
    let lines = emulator.read("ledger.jsonl");
    let kinds: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|entry| entry["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["session_started", "file_read", "session_ended"]);
    assert_eq!(emulator.end(), Some(0));
}

#[test]
fn a_ledger_that_cannot_be_opened_is_said_at_once() {
    svar("emulator --ledger no/such/folder/ledger.jsonl")
        .run()
        .code(2)
        .stdout("")
        .stderr(
            "error: cannot write the ledger `no/such/folder/ledger.jsonl`: No such file or \
             directory (os error 2)\n  help: use a folder that exists and is writable\n",
        );
}
