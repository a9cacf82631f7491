//! Scripts stay in their device, and leave nothing behind.

use std::path::Path;

use serde_json::json;
use svar::emulator::{
    Between, Device, DeviceFile, Isolation, KnobSettings, LibraryItem, Scenario, Span,
};

use super::world::{World, get_file, play, put_file, run_script};

fn scenario(script: &str) -> Scenario {
    let item = |name: &str, text: &str| LibraryItem {
        name: name.to_owned(),
        text: Some(text.to_owned()),
        ..LibraryItem::default()
    };
    Scenario {
        knobs: KnobSettings {
            starts_per_minute: Some(1000),
            token_ttl: Some(Span::seconds(1_000_000_000)),
            visibility_lag: Some(Between::default()),
            pickup_delay: Some(Between::default()),
            wrapup_delay: Some(Between::default()),
            ..KnobSettings::default()
        },
        devices: vec![Device {
            files: vec![
                DeviceFile::text("/etc/passwd", "the device's own\n"),
                DeviceFile::text("/tmp/given.txt", "given\n"),
            ],
            ..Device::named("lin-01.example.org", "Linux")
        }],
        library: vec![
            item("script.sh", script),
            item("tool.exe", "tool"),
            item("cat.sh", "cat \"${SVAR_DEVICE_ROOT:-}/etc/passwd\""),
        ],
        ..Scenario::default()
    }
}

fn plain(script: &str) -> Scenario {
    let mut scenario = scenario(script);
    scenario.knobs.isolation = Some(Isolation::Plain);
    scenario
}

async fn output(world: &World, args: &str) -> String {
    let machine = world.machine("lin-01").await;
    let action = world
        .run(&machine, json!([run_script("script.sh", args)]))
        .await;
    let result = world.result(&action, 0).await.expect(200).json();
    result["script_output"].as_str().unwrap().to_owned()
}

#[test]
fn nothing_of_the_hosts_environment_is_seen() {
    for scenario in [scenario("env"), plain("env")] {
        play(scenario, |world| async move {
            let output = output(&world, "").await;
            let known = [
                "PATH",
                "HOME",
                "USER",
                "LOGNAME",
                "HOSTNAME",
                "LANG",
                "TMPDIR",
                "SVAR_DEVICE_ROOT",
                "PWD",
                "OLDPWD",
                "SHLVL",
                "_",
            ];
            for line in output.lines() {
                let name = line.split('=').next().unwrap();
                assert!(known.contains(&name), "{line}");
            }
        });
    }
}

#[test]
fn the_devices_files_are_the_ones_a_natural_script_sees() {
    let script = "cat \"${SVAR_DEVICE_ROOT:-}/etc/passwd\"; echo made > \"${SVAR_DEVICE_ROOT:-}/tmp/made.txt\"";
    for scenario in [scenario(script), plain(script)] {
        play(scenario, |world| async move {
            assert_eq!(output(&world, "").await, "the device's own\n");
            let machine = world.machine("lin-01").await;
            let action = world
                .run(&machine, json!([get_file("/tmp/made.txt")]))
                .await;
            assert_eq!(action["status"], "Succeeded");
        });
    }
}

#[test]
fn plain_scripts_get_mapped_paths_and_never_show_the_folder() {
    play(
        plain("echo \"$1 ${2#--from=}\"; cat \"$1\"; pwd"),
        |world| async move {
            let output = output(&world, "/tmp/given.txt --from=/tmp/given.txt").await;
            assert_eq!(
                output,
                "/tmp/given.txt /tmp/given.txt\ngiven\n/tmp/live-response\n"
            );
        },
    );
}

#[test]
fn links_lead_nowhere() {
    let script = "root=${SVAR_DEVICE_ROOT:-}; ln -s /etc/passwd \"$root/tmp/file\"; ln -s /etc \"$root/tmp/folder\"; mkfifo \"$root/tmp/pipe\"; ln -s \"$root/etc/passwd\" tool.exe";
    for scenario in [scenario(script), plain(script)] {
        play(scenario, |world| async move {
            output(&world, "").await;
            let machine = world.machine("lin-01").await;
            for path in [
                "/tmp/file",
                "/tmp/folder/passwd",
                "/tmp/pipe",
                "/tmp/folder",
            ] {
                let action = world.run(&machine, json!([get_file(path)])).await;
                assert_eq!(action["status"], "Failed", "{path}");
            }
            // A put over a planted link replaces the link, not what it points at.
            let action = world
                .run(
                    &machine,
                    json!([put_file("tool.exe"), run_script("cat.sh", "")]),
                )
                .await;
            let result = world.result(&action, 1).await.json();
            assert_eq!(result["script_output"], "the device's own\n");
        });
    }
}

#[test]
fn windows_paths_lead_nowhere_else() {
    let mut scenario = scenario("");
    scenario.devices[0].os = "Windows11".to_owned();
    scenario.devices[0].files = vec![DeviceFile::text("C:\\a.txt", "a")];
    play(scenario, |world| async move {
        let machine = world.machine("lin-01").await;
        let good = world.run(&machine, json!([get_file("c:/A.TXT")])).await;
        assert_eq!(good["status"], "Succeeded");
        for path in [
            "a.txt",
            "\\a.txt",
            "C:a.txt",
            "C:\\..\\c\\a.txt",
            "C:\\x\\..\\a.txt",
            "\\\\server\\share\\a.txt",
            "\\\\?\\C:\\a.txt",
            "C:\\a.txt:stream",
            "C:\\.. \\a.txt",
            "C:\\",
            "/etc/passwd",
            "C:\\a.txt\u{0}",
        ] {
            let action = world.run(&machine, json!([get_file(path)])).await;
            assert_eq!(action["status"], "Failed", "{path:?}");
        }
    });
}

#[test]
fn what_a_script_started_ends_with_it() {
    if !Path::new("/proc/self/cmdline").exists() {
        return;
    }
    // A length nobody else sleeps.
    let script = "sleep 98123.5 & nohup sleep 98123.5 >/dev/null 2>&1 & echo started";
    for scenario in [scenario(script), plain(script)] {
        play(scenario, |world| async move {
            assert_eq!(output(&world, "").await, "started\n");
            let still_there = std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                line.starts_with(b"sleep\x0098123.5")
            });
            assert!(!still_there);
        });
    }
}

#[test]
fn output_is_kept_up_to_a_limit_and_drained_beyond() {
    let mut scenario = scenario("head -c 3000000 /dev/zero | tr '\\0' x; echo done >&2");
    scenario.knobs.output_max = Some(1000);
    play(scenario, |world| async move {
        assert_eq!(output(&world, "").await.len(), 1000);
    });
}
