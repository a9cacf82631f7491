//! Scripts stay in their device, and leave nothing behind.

use std::path::Path;

use serde_json::json;
use svar_emulator::{
    Device, DeviceFile, DurationRange, Isolation, LibraryItem, Scenario, SettingOverrides, TimeSpan,
};

use super::world::{World, get_file, play, put_file, run_script};

fn scenario(script: &str) -> Scenario {
    let item = |name: &str, text: &str| LibraryItem {
        name: name.to_owned(),
        text: Some(text.to_owned()),
        ..LibraryItem::default()
    };
    Scenario {
        settings: SettingOverrides {
            starts_per_minute: Some(1000),
            token_ttl: Some(TimeSpan::seconds(1_000_000_000)),
            visibility_lag: Some(DurationRange::default()),
            pickup_delay: Some(DurationRange::default()),
            wrapup_delay: Some(DurationRange::default()),
            ..SettingOverrides::default()
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
    scenario.settings.isolation = Some(Isolation::Plain);
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
            "C:\\a.txt::$DATA",
            "C:\\NUL",
            "C:\\x\\con.txt",
            "C:\\com1",
            "C:\\lpt².log",
            "\\\\.\\pipe\\x",
            "\\??\\C:\\a.txt",
            "//server/share/a.txt",
            "C:\\a.txt.",
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

/// The same scenario where scripts must have namespaces of their own; none where that can't be.
fn strict(script: &str) -> Option<Scenario> {
    let can = std::process::Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "--pid",
            "--fork",
            "true",
        ])
        .status();
    if !can.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this computer forbids namespaces");
        return None;
    }
    let mut scenario = scenario(script);
    scenario.settings.isolation = Some(Isolation::Namespace);
    Some(scenario)
}

#[test]
fn a_planted_link_does_not_lead_the_next_script_to_the_host() {
    let host = tempfile::tempdir().unwrap();
    let there = host.path().to_str().unwrap().to_owned();
    let script = "for name in etc dev tmp .host; do mkdir -p /moved; mv /$name /moved/ 2>/dev/null; ln -sn \"$1\" /$name; done; ls -d /moved/*; echo tried";
    let Some(scenario) = strict(script) else {
        return;
    };
    play(scenario, |world| async move {
        let first = output(&world, &there).await;
        assert!(
            first.contains("/moved/etc"),
            "the attack must be one: {first}"
        );
        assert!(output(&world, &there).await.ends_with("tried\n"));
    });
    let left: Vec<_> = std::fs::read_dir(host.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn nothing_of_the_host_is_in_sight() {
    // Opening for appending writes nothing, so this is harmless where it succeeds.
    let script = r#"
ls -A /root /home /var 2>/dev/null | grep -v -e : -e '^$' -e tmp
ls / | grep -v -E '^(bin|dev|etc|home|lib|lib32|lib64|libx32|nix|proc|root|sbin|tmp|usr|var)$'
cat /proc/[0-9]*/environ | tr '\0' '\n' | grep -E 'CARGO|RUST|AZURE'
cat /etc/shadow ~/.ssh/* 2>/dev/null
for file in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sysrq-trigger; do
  ( : >>"$file" ) 2>/dev/null && echo "$file can be written"
done
( : >/usr/planted ) 2>/dev/null && echo '/usr can be written'
ln /usr/bin/env /tmp/env 2>/dev/null && echo 'a hard link to the host'
mknod /tmp/disk b 8 0 2>/dev/null && echo 'a device file'
mount -t tmpfs none /tmp 2>/dev/null && echo 'a mount'
( exec 5<>"/dev/tcp/127.0.0.1/$1" ) 2>/dev/null && echo 'the network'
kill -0 "$2" 2>/dev/null && echo 'a process of the host'
echo end
"#;
    let Some(scenario) = strict(script) else {
        return;
    };
    play(scenario, |world| async move {
        let port = world.base.rsplit_once(':').unwrap().1.to_owned();
        let args = format!("{port} {}", std::process::id());
        assert_eq!(output(&world, &args).await, "end\n");
    });
}

#[cfg(unix)]
#[test]
fn descriptors_that_came_along_are_closed() {
    use std::os::fd::AsRawFd as _;
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "a secret").unwrap();
    // As a shell's `exec 7<file` leaves it to everything it starts.
    rustix::io::fcntl_setfd(secret.as_file(), rustix::io::FdFlags::empty()).unwrap();
    let number = secret.as_file().as_raw_fd();
    let script = "( cat <&$1 ) 2>/dev/null; ( : >&$1 ) 2>/dev/null && echo open; echo end";
    for scenario in [scenario(script), plain(script)] {
        play(scenario, |world| async move {
            assert_eq!(output(&world, &number.to_string()).await, "end\n");
        });
    }
}

#[test]
fn a_script_that_left_its_group_ends_too() {
    if !Path::new("/proc/self/cmdline").exists() {
        return;
    }
    let script = "setsid sleep 97533.5 >/dev/null 2>&1 & ( setsid bash -c 'sleep 97533.5 & wait' & ) >/dev/null 2>&1; sleep 0.2; echo started";
    for scenario in [scenario(script), plain(script)] {
        play(scenario, |world| async move {
            assert_eq!(output(&world, "").await, "started\n");
            assert!(!is_there(b"sleep\x0097533.5"));
        });
    }
}

/// Whether a process with that command line runs on this computer.
fn is_there(line: &[u8]) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let own = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        own.starts_with(line)
    })
}

#[test]
fn a_script_that_is_killed_ends_with_its_signal_and_says_nothing_more() {
    let script = "echo before; kill -9 $$; echo after";
    for scenario in [scenario(script), plain(script)] {
        play(scenario, |world| async move {
            let machine = world.machine("lin-01").await;
            let action = world
                .run(&machine, json!([run_script("script.sh", "")]))
                .await;
            let result = world.result(&action, 0).await.expect(200).json();
            assert_eq!(result["exit_code"], 137, "{result}");
            assert_eq!(result["script_output"], "before\n");
            assert_eq!(result["script_errors"], "", "{result}");
        });
    }
}

#[test]
fn a_script_asks_the_computer_for_its_name_and_hears_the_devices() {
    let script = "hostname; uname -n; cat /proc/sys/kernel/hostname";
    let Some(scenario) = strict(script) else {
        return;
    };
    play(scenario, |world| async move {
        assert_eq!(output(&world, "").await, "lin-01.example.org\n".repeat(3));
    });
}

#[test]
fn a_folder_that_scripts_begin_in_is_there_again_whatever_one_has_put_in_its_place() {
    let spoil = "root=${SVAR_DEVICE_ROOT:-}; cd /; case $1 in
        link) rm -rf \"$root/tmp/live-response\"; ln -s /etc \"$root/tmp/live-response\" ;;
        file) rm -rf \"$root/tmp/live-response\"; echo >\"$root/tmp/live-response\" ;;
        above) rm -rf \"$root/tmp\"; ln -s /etc \"$root/tmp\" ;;
        gone) rm -rf \"$root/tmp\" ;;
        none) cd \"$OLDPWD\"; pwd; ls ;;
    esac";
    for scenario in [scenario(spoil), plain(spoil)] {
        play(scenario, |world| async move {
            for how in ["link", "file", "above", "gone"] {
                output(&world, how).await;
                assert_eq!(
                    output(&world, "none").await,
                    "/tmp/live-response\n",
                    "{how}"
                );
            }
        });
    }
}
