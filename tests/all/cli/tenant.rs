//! A tenant, played by an emulator that the client is not told about: sign-in, permissions, library,
//! consent. Nothing here is sent to a device, so nothing has to be waited for.

use super::builder::{Emulator, Svar, fits};

const TENANT: &str = svar_emulator::TENANT_ID;
const CLIENT: &str = svar_emulator::CLIENT_ID;
const SECRET: &str = svar_emulator::CLIENT_SECRET;

const FLEET: &str = "\
devices:
  - { name: web-01.example.org, os: Linux, tags: [web] }
  - { name: web-02.example.org, os: Linux, tags: [web] }
";

const PLAYBOOK: &str = "\
playbook: 1
name: Ask
os: linux
risk: read
targets: { tag: web }
library:
  ask: { path: ask.sh }
steps:
  - run: ask
";

fn svar(args: &str, emulator: &Emulator) -> Svar {
    Svar::new(args)
        .file("ask.yaml", PLAYBOOK)
        .file("ask.sh", "#!/bin/bash\necho hi\n")
        .env("AZURE_TENANT_ID", TENANT)
        .env("AZURE_CLIENT_ID", CLIENT)
        .env("AZURE_CLIENT_SECRET", SECRET)
        .env("AZURE_AUTHORITY_HOST", &emulator.url)
        .env("SVAR_API_HOST", &emulator.url)
}

/// Which service it is stands before everything else.
fn first_line() -> String {
    format!("using tenant {TENANT} at http://127.0.0.1:@PORT@: devices are real\n")
}

#[test]
fn a_whole_run_with_a_tenants_variables_reaches_its_devices_once() {
    let emulator = Emulator::start(&format!(
        "settings: {{ pickup_delay: {{ min: 0, max: 0 }}, wrapup_delay: {{ min: 0, max: 0 }}, visibility_lag: {{ min: 0, max: 0 }} }}\n{FLEET}"
    ));
    let ended = svar("run ask.yaml --sync-library", &emulator)
        .run()
        .code(0)
        .stdout("");
    assert!(
        ended.stderr.starts_with(&format!(
            "{}uploaded to the library: ask.sh\n",
            first_line()
        )),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("\n2 devices: 2 ok\n"),
        "{}",
        ended.stderr
    );
    let started = emulator.started_sessions();
    assert_eq!(started.len(), 2, "{started:?}");
    assert_ne!(started[0]["device"], started[1]["device"], "{started:?}");
}

#[test]
fn a_wrong_secret_is_refused_and_not_shown() {
    let emulator = Emulator::start(FLEET);
    let ended = svar("run ask.yaml", &emulator)
        .env("AZURE_CLIENT_SECRET", "hunter2-hunter2")
        .run()
        .code(3)
        .stdout("");
    assert!(
        ended.stderr.starts_with(&format!(
            "{}error: sign-in at 127.0.0.1:@PORT@ was refused: ",
            first_line()
        )),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("\n  help: check AZURE_CLIENT_SECRET"),
        "{}",
        ended.stderr
    );
    assert!(!ended.text().contains("hunter2"), "{}", ended.text());
    assert!(!ended.folder.path().join("svar-runs").exists());
}

#[test]
fn a_secret_is_not_in_the_log_either() {
    let emulator = Emulator::start(FLEET);
    let ended = svar("run ask.yaml --log trace", &emulator)
        .env("AZURE_CLIENT_SECRET", "hunter2-hunter2")
        .run()
        .code(3);
    assert!(!ended.text().contains("hunter2"), "{}", ended.text());
    let ended = svar(
        "plan ask.yaml --log hyper=trace,reqwest=trace,svar=trace",
        &emulator,
    )
    .run()
    .code(0);
    assert!(!ended.text().contains(SECRET), "{}", ended.text());
    assert!(!ended.text().contains("Bearer ey"), "{}", ended.text());
}

#[test]
fn a_missing_permission_is_named() {
    let scenario = format!("apps:\n  - {{ roles: [Machine.Read.All] }}\n{FLEET}");
    let emulator = Emulator::start(&scenario);
    let ended = svar("run ask.yaml", &emulator).run().code(3).stdout("");
    assert!(
        ended.stderr.starts_with(&format!(
            "{}error: the application lacks the permission Machine.LiveResponse\n",
            first_line()
        )),
        "{}",
        ended.stderr
    );
    assert!(
        ended
            .stderr
            .contains("  help: ask an administrator to grant "),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_host_that_can_not_be_reached_is_said() {
    let emulator = Emulator::start(FLEET);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let ended = svar("run ask.yaml", &emulator)
        .env("AZURE_AUTHORITY_HOST", &nobody)
        .run()
        .code(3);
    assert!(
        ended.stderr.starts_with(&format!(
            "{}error: cannot reach the token endpoint 127.0.0.1:@PORT@: ",
            first_line()
        )),
        "{}",
        ended.stderr
    );
    let ended = svar("run ask.yaml", &emulator)
        .env("SVAR_API_HOST", &nobody)
        .run()
        .code(3);
    fits(
        &ended.stderr,
        "^error: cannot resolve tag web: cannot reach the service: ",
    );
}

#[test]
fn files_that_the_library_lacks_are_not_uploaded_unasked() {
    let emulator = Emulator::start(FLEET);
    svar("run ask.yaml", &emulator).run().code(3).stdout("").stderr(&format!(
        "{}error: the tenant's library does not have `ask.sh`\n  help: run again with --sync-library to upload \
         them, or upload them in the portal\n",
        first_line()
    ));
}

#[test]
fn a_destructive_playbook_wants_consent() {
    let emulator = Emulator::start(FLEET);
    let destructive = PLAYBOOK.replace("risk: read", "risk: destructive");
    svar("run ask.yaml", &emulator)
        .file("ask.yaml", &destructive)
        .run()
        .code(2)
        .stdout("")
        .stderr(&format!(
            "{}error: the playbook is destructive and would run on 2 devices of tenant {TENANT}\n  \
             help: check it with `svar plan`, then run it again with `--yes`\n",
            first_line()
        ));
    // With consent it gets as far as the library.
    let ended = svar("run ask.yaml --yes", &emulator)
        .file("ask.yaml", &destructive)
        .run()
        .code(3);
    assert!(
        ended
            .stderr
            .contains("error: the tenant's library does not have"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_plan_is_the_same_for_a_tenant() {
    let emulator = Emulator::start(FLEET);
    let ended = svar("plan ask.yaml", &emulator)
        .run()
        .code(0)
        .stderr(&first_line());
    assert!(
        ended.stdout.contains("web-01.example.org"),
        "{}",
        ended.stdout
    );
}
