//! What a script may use of the computer it really runs on, and what becomes of one that wants more.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use svar_emulator::{
    CommandOutcome, Device, DeviceFile, DeviceTask, Isolation, OnDiskDevices, Scenario,
    SettingOverrides, Work,
};

/// A device on which scripts are executed.
struct Machine {
    devices: Arc<OnDiskDevices>,
    device: Arc<Device>,
    time_limit: Duration,
    works: u64,
    runtime: tokio::runtime::Runtime,
}

impl Machine {
    fn with(isolation: Isolation, turn: impl FnOnce(&mut SettingOverrides)) -> Self {
        let mut scenario = Scenario::default();
        scenario.settings.isolation = Some(isolation);
        turn(&mut scenario.settings);
        let device = Device {
            files: vec![DeviceFile::text("/etc/passwd", "the device's own\n")],
            ..Device::named("lin-01.example.org", "Linux")
        };
        Machine {
            devices: Arc::new(OnDiskDevices::new(scenario).unwrap()),
            device: Arc::new(device),
            time_limit: Duration::from_secs(60),
            works: 0,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    fn perform(&mut self, task: DeviceTask) -> CommandOutcome {
        self.works += 1;
        let work = Work {
            number: self.works,
            machine: 1,
            name: "lin-01.example.org".into(),
            device: Arc::clone(&self.device),
            task,
        };
        let devices = Arc::clone(&self.devices);
        self.runtime.block_on(devices.perform(work, |limit| limit))
    }

    fn run_named(&mut self, name: &str, script: &str) -> CommandOutcome {
        self.perform(DeviceTask::Run {
            script: name.to_owned(),
            args: String::new(),
            content: Some(script.to_owned().into()),
            time_limit: self.time_limit,
        })
    }

    fn run(&mut self, script: &str) -> CommandOutcome {
        self.run_named("script.sh", script)
    }

    /// Runs a script that has to come to its end, and gives what it printed.
    #[track_caller]
    fn output(&mut self, script: &str) -> String {
        let outcome = self.run(script);
        assert_eq!(outcome.errors, [""; 0], "{}", printed(&outcome));
        printed(&outcome)
    }

    /// The content of a file of the device.
    #[track_caller]
    fn file(&mut self, path: &str) -> String {
        let outcome = self.perform(DeviceTask::Get {
            path: path.to_owned(),
        });
        assert_eq!(outcome.errors, [""; 0]);
        let packed = outcome.result.unwrap();
        std::io::read_to_string(flate2::read::GzDecoder::new(packed.as_ref())).unwrap()
    }

    fn put(&mut self, name: &str, content: &str) -> CommandOutcome {
        self.perform(DeviceTask::Put {
            name: name.to_owned(),
            content: Some(content.to_owned().into()),
            may_overwrite: true,
        })
    }
}

fn printed(outcome: &CommandOutcome) -> String {
    told(outcome, "script_output")
}

fn complained(outcome: &CommandOutcome) -> String {
    told(outcome, "script_errors")
}

fn told(outcome: &CommandOutcome, key: &str) -> String {
    let document: Value = serde_json::from_slice(outcome.result.as_ref().unwrap()).unwrap();
    document[key].as_str().unwrap().to_owned()
}

/// What scripts can be kept in on this computer.
fn ways() -> Vec<Isolation> {
    let mut ways = vec![Isolation::Plain];
    if has_namespaces() {
        ways.push(Isolation::Namespace);
    }
    ways
}

fn has_namespaces() -> bool {
    let can = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--pid", "--fork"])
        .arg("true")
        .status();
    let can = can.is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped in part: this computer forbids namespaces");
    }
    can
}

fn has(program: &str) -> bool {
    let has = Command::new(program).arg("--version").output().is_ok();
    if !has {
        eprintln!("skipped: this computer has no {program}");
    }
    has
}

/// Whether a process with that command line runs on this computer.
fn is_there(line: &[u8]) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let own = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        own.starts_with(line)
    })
}

/// Plays a test of this file once more as a user without rights, where the superuser plays it.
fn also_as_another_user(test: &str) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let leave = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), leave).unwrap();
    let as_another = |program: &Path| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65532", "--regid=65532", "--clear-groups", "--"])
            .arg(program)
            .env("TMPDIR", folder.path())
            .current_dir("/");
        command
    };
    let this = std::env::current_exe().unwrap();
    if !as_another(&this)
        .arg("--list")
        .output()
        .is_ok_and(|list| list.status.success())
    {
        eprintln!("skipped in part: another user can't run {}", this.display());
        return;
    }
    let name = format!("limits::{test}");
    let played = as_another(&this).args(["--exact", &name]).output().unwrap();
    let text = String::from_utf8_lossy(&played.stdout);
    assert!(text.contains("1 passed"), "as another user: {text}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_kernel_lets_a_script_have_one_process_more_than_allowed_and_then_it_is_ended() {
    also_as_another_user(
        "the_kernel_lets_a_script_have_one_process_more_than_allowed_and_then_it_is_ended",
    );
    if !has_namespaces() {
        return;
    }
    let mut machine = Machine::with(Isolation::Namespace, |settings| {
        settings.processes_max = Some(50)
    });
    let outcome = machine
        .run("n=1; while sleep 97530.5 & do n=$((n+1)); echo $n >>/tmp/count; done 2>/dev/null");
    assert_eq!(
        outcome.errors,
        ["The script was stopped: it had more than 50 processes."]
    );
    // It may be ended before it has written of the last one.
    let counted = machine.file("/tmp/count");
    let most: u32 = counted.lines().last().unwrap().parse().unwrap();
    assert!((50..=51).contains(&most), "{most}");
    assert!(!is_there(b"sleep\x0097530.5"));
}

#[test]
fn a_fork_bomb_that_leaves_its_session_is_held_and_ended() {
    if !has_namespaces() {
        return;
    }
    // Every process counts itself by a file; each of them leaves its session and its parent.
    let bomb = "mkdir -p /tmp/count; bomb() { : >/tmp/count/$BASHPID; ( setsid bash -c 'trap \"\" TERM HUP INT; bomb' & ); ( setsid bash -c bomb & ); }; export -f bomb; bomb 2>/dev/null; sleep 97537.5";
    let mut machine = Machine::with(Isolation::Namespace, |settings| {
        settings.processes_max = Some(40)
    });
    let outcome = machine.run(bomb);
    assert_eq!(
        outcome.errors,
        ["The script was stopped: it had more than 40 processes."]
    );
    assert!(!is_there(b"sleep\x0097537.5"));
    assert_eq!(machine.output("echo well"), "well\n");
}

#[test]
fn too_many_processes_end_the_script() {
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.processes_max = Some(50));
        let outcome = machine.run("for round in $(seq 200); do sleep 97531.5 & done; wait");
        assert_eq!(
            outcome.errors,
            ["The script was stopped: it had more than 50 processes."],
            "{way:?}"
        );
        assert!(!is_there(b"sleep\x0097531.5"));
        // As many as are allowed, beside the script itself.
        let sparing = "for round in $(seq 45); do sleep 0.3 & done; wait; echo well";
        assert_eq!(machine.output(sparing), "well\n", "{way:?}");
    }
}

#[test]
fn threads_count_as_processes() {
    if !has("python3") {
        return;
    }
    let script = "import threading, time\nfor n in range(100):\n    threading.Thread(target=time.sleep, args=(60,)).start()\n";
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.processes_max = Some(50));
        let outcome = machine.run_named("script.py", script);
        assert_eq!(
            outcome.errors,
            ["The script was stopped: it had more than 50 processes."],
            "{way:?}"
        );
    }
}

#[test]
fn orphans_outside_the_group_are_counted() {
    let script = "for round in $(seq 60); do ( setsid sleep 97538.5 & ); done; sleep 97538.5";
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.processes_max = Some(50));
        let outcome = machine.run(script);
        assert_eq!(
            outcome.errors,
            ["The script was stopped: it had more than 50 processes."],
            "{way:?}"
        );
        assert!(!is_there(b"sleep\x0097538.5"));
    }
}

#[test]
fn a_script_that_takes_more_memory_than_allowed_is_ended() {
    also_as_another_user("a_script_that_takes_more_memory_than_allowed_is_ended");
    // `tail` keeps all of it until it can print, and nobody reads.
    let taking = |megabytes: u32| {
        format!("head -c {megabytes}000000 /dev/zero | tail -c {megabytes}000000 | sleep 97534.5")
    };
    let both = format!("{} & {}", taking(40), taking(40));
    for way in ways() {
        for script in [taking(150), both.clone()] {
            let mut machine = Machine::with(way, |settings| settings.memory_max = Some(64 << 20));
            let outcome = machine.run(&script);
            assert_eq!(
                outcome.errors,
                ["The script was stopped: it used more than 64 MB of memory."],
                "{way:?}: {script}"
            );
            assert!(!is_there(b"sleep\x0097534.5"));
        }
    }
}

#[test]
fn a_script_within_its_memory_is_left_alone() {
    let script = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); for n in $(seq 12); do ( sleep 0.5; : ) & done; wait; echo ${#x}";
    for way in ways() {
        // What twelve processes share is one memory.
        let mut machine = Machine::with(way, |settings| settings.memory_max = Some(150 << 20));
        assert_eq!(machine.output(script), "20000000\n", "{way:?}");
    }
}

#[test]
fn files_that_are_only_in_memory_are_memory() {
    if !has("python3") {
        return;
    }
    let script = "import os, time\nfile = os.memfd_create('x')\nfor n in range(150):\n    os.write(file, bytes(1000000))\ntime.sleep(60)\n";
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.memory_max = Some(64 << 20));
        let outcome = machine.run_named("script.py", script);
        assert_eq!(
            outcome.errors,
            ["The script was stopped: it used more than 64 MB of memory."],
            "{way:?}"
        );
    }
}

#[test]
fn one_process_can_reserve_no_more_than_a_multiple_of_the_memory() {
    for way in ways() {
        let mut machine = Machine::with(way, |settings| {
            settings.memory_max = Some(64 << 20);
            settings.disk_max = Some(2_000_000);
        });
        // Address space and the longest file in kilobytes, open files.
        let output = machine.output("ulimit -v; ulimit -f; ulimit -n; ulimit -c");
        let space = 2 * (64 << 10) + (1 << 20);
        assert_eq!(output, format!("{space}\n1954\n256\n0\n"), "{way:?}");
    }
}

/// A limit that leaves room for the folders of the device itself.
const DISK: u64 = 1_000_000;
const OUTGROWN: &str =
    "The script was stopped: the device's files exceeded 976 KB; the newest were removed.";

#[test]
fn a_full_folder_ends_the_script() {
    let script =
        "for round in $(seq 40); do head -c 100000 /dev/zero >\"file-$round\"; done; sleep 97532.5";
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.disk_max = Some(DISK));
        assert_eq!(machine.run(script).errors, [OUTGROWN], "{way:?}");
        assert!(!is_there(b"sleep\x0097532.5"));
    }
}

#[test]
fn a_script_that_ends_before_it_is_measured_has_still_written_too_much() {
    also_as_another_user("a_script_that_ends_before_it_is_measured_has_still_written_too_much");
    let root = "${SVAR_DEVICE_ROOT:-}";
    let script = format!(
        "echo early >{root}/tmp/early; for n in 1 2 3; do head -c 800000 /dev/zero >{root}/tmp/$n; done; echo end"
    );
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.disk_max = Some(DISK));
        assert_eq!(machine.run(&script).errors, [OUTGROWN], "{way:?}");
        // The device goes on with what was there before and with what there was room for.
        let ask =
            format!("cat {root}/etc/passwd {root}/tmp/early; ls {root}/tmp | grep -c '^[1-3]$'");
        assert_eq!(
            machine.output(&ask),
            "the device's own\nearly\n1\n",
            "{way:?}"
        );
        assert_eq!(machine.put("more.txt", "more").errors, [""; 0]);
    }
}

#[test]
fn a_small_script_is_not_blamed_for_what_was_there_before() {
    let root = "${SVAR_DEVICE_ROOT:-}";
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.disk_max = Some(DISK));
        assert_eq!(
            machine.put("large.bin", &"x".repeat(1_500_000)).errors,
            [""; 0]
        );
        let small = format!("echo small >{root}/tmp/small; cat {root}/tmp/small");
        assert_eq!(machine.output(&small), "small\n", "{way:?}");
        let large = format!("head -c 600000 /dev/zero >{root}/tmp/large");
        assert_eq!(
            machine.run(&large).errors,
            [
                "The script was stopped: the device's disk of 976 KB was already full, and it wrote more than 256 KB; that was removed."
            ],
            "{way:?}"
        );
        let ask = format!(
            "cat {root}/tmp/small; ls {root}/tmp/live-response; ls {root}/tmp/large 2>/dev/null"
        );
        assert_eq!(machine.output(&ask), "small\nlarge.bin\n", "{way:?}");
    }
}

#[test]
fn many_empty_files_and_folders_fill_a_disk() {
    let root = "${SVAR_DEVICE_ROOT:-}";
    for make in [": >", "mkdir "] {
        let script = format!("cd {root}/tmp; for n in $(seq 1000); do {make}$n; done 2>/dev/null");
        for way in ways() {
            let mut machine = Machine::with(way, |settings| settings.disk_max = Some(DISK));
            assert_eq!(machine.run(&script).errors, [OUTGROWN], "{way:?} {make}");
            let left = machine.output(&format!("ls {root}/tmp | wc -l"));
            assert!(left.trim().parse::<u32>().unwrap() < 250, "{left}");
        }
    }
}

#[test]
fn a_file_without_a_name_takes_room() {
    let script = "exec 5>file; rm file; head -c 3000000 /dev/zero >&5; sleep 97535.5";
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.disk_max = Some(DISK));
        assert_eq!(machine.run(script).errors, [OUTGROWN], "{way:?}");
    }
}

#[test]
fn no_file_gets_longer_than_the_disk_even_if_it_takes_no_room() {
    let script =
        "truncate -s 5G file 2>/dev/null || echo refused; truncate -s 900K file && echo made";
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.disk_max = Some(DISK));
        assert_eq!(machine.output(script), "refused\nmade\n", "{way:?}");
    }
}

#[test]
fn a_file_of_several_names_is_one_file() {
    let script = "head -c 400000 /dev/zero >file; for n in 1 2 3 4 5; do ln file $n; done";
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.disk_max = Some(DISK));
        assert_eq!(machine.output(script), "", "{way:?}");
    }
}

#[test]
fn folders_nested_too_deep_end_the_script_and_go() {
    also_as_another_user("folders_nested_too_deep_end_the_script_and_go");
    let name = "n".repeat(100);
    let nest = |depth: u32| {
        format!(
            "for n in $(seq {depth}); do mkdir {name}; cd {name}; done; head -c 300000 /dev/zero >deep"
        )
    };
    for way in ways() {
        let mut machine = Machine::with(way, |_| ());
        // Longer than any path may be.
        assert_eq!(
            machine.run(&nest(300)).errors,
            ["The script was stopped: it nested the device's folders more than 64 deep."],
            "{way:?}"
        );
        assert_eq!(machine.output("rm -r n*; echo well"), "well\n");
        assert_eq!(machine.output(&nest(30)), "", "{way:?}");
    }
}

/// The device's folder has `/tmp/live-response` at depth 1, so the 62nd folder in it is at depth 63 and
/// the 63rd at depth 64, which is too deep.
#[test]
fn folders_may_be_nested_up_to_the_depth_limit_and_no_deeper() {
    let nest =
        |count: u32| format!("for n in $(seq {count}); do mkdir n; cd n; done; echo text >file");
    let count_folders = "find n -type d | wc -l";
    for way in ways() {
        let mut machine = Machine::with(way, |_| ());
        assert_eq!(machine.output(&nest(62)), "", "{way:?}");
        assert_eq!(machine.output(count_folders), "62\n", "{way:?}");
        let mut machine = Machine::with(way, |_| ());
        assert_eq!(
            machine.run(&nest(63)).errors,
            ["The script was stopped: it nested the device's folders more than 64 deep."],
            "{way:?}"
        );
        // Only the folder that is too deep is removed.
        assert_eq!(machine.output(count_folders), "62\n", "{way:?}");
    }
}

#[test]
fn what_a_script_locked_is_counted_and_the_device_goes_on() {
    also_as_another_user("what_a_script_locked_is_counted_and_the_device_goes_on");
    let root = "${SVAR_DEVICE_ROOT:-}";
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.disk_max = Some(DISK));
        let full = format!(
            "mkdir {root}/tmp/d; for n in 1 2 3; do head -c 500000 /dev/zero >{root}/tmp/d/$n; done; chmod 000 {root}/tmp/d"
        );
        assert_eq!(machine.run(&full).errors, [OUTGROWN], "{way:?}");
        let lock = format!(
            "echo kept >{root}/tmp/kept; chmod 000 {root}/tmp/kept {root}/tmp/live-response* {root}/tmp {root}/etc {root}/"
        );
        machine.output(&lock);
        assert_eq!(machine.put("tool.txt", "tool").errors, [""; 0], "{way:?}");
        assert_eq!(machine.file("/tmp/kept"), "kept\n", "{way:?}");
        assert_eq!(machine.output("cat tool.txt"), "tool", "{way:?}");
        // The folder that all devices are in is removed in the end, this with it.
        machine.output("mkdir -p locked/in; : >locked/in/file; chmod 000 locked/in locked");
    }
}

#[test]
fn a_strict_script_is_not_the_hosts_superuser_and_owns_its_device() {
    also_as_another_user("a_strict_script_is_not_the_hosts_superuser_and_owns_its_device");
    if !has_namespaces() {
        return;
    }
    let mut machine = Machine::with(Isolation::Namespace, |_| ());
    assert_eq!(machine.put("tool.txt", "tool").errors, [""; 0]);
    let output = machine.output(
        "id -u; read inside outside count </proc/self/uid_map; [ \"$outside\" != 0 ] && echo another; stat -c %u /etc/passwd tool.txt / /tmp; echo more >>/etc/passwd && cat /etc/passwd",
    );
    assert_eq!(output, "0\nanother\n0\n0\n0\n0\nthe device's own\nmore\n");
    assert_eq!(machine.file("/etc/passwd"), "the device's own\nmore\n");
}

#[test]
fn a_strict_script_gets_no_further_namespace_and_no_memory_by_number() {
    let settings = || {
        let read = |name| std::fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default();
        [read("user/max_user_namespaces"), read("kernel/shmall")]
    };
    let before = settings();
    if !has_namespaces() {
        return;
    }
    let mut machine = Machine::with(Isolation::Namespace, |_| ());
    let script = "unshare --user true 2>/dev/null && echo 'a namespace'; ipcmk -M 100000 2>/dev/null; echo end";
    assert_eq!(machine.output(script), "end\n");
    assert_eq!(settings(), before, "the host's own");
}

#[test]
fn at_the_time_limit_everything_ends_whatever_it_does() {
    // One that is stopped, ones that listen to no signal, one in another session.
    let script = "trap '' TERM INT HUP; sleep 97536.5 & kill -STOP $!; ( trap '' TERM; setsid sleep 97536.5 & ); echo begun; sleep 97536.5";
    for way in ways() {
        let mut machine = Machine::with(way, |_| ());
        // On a computer with much else to do, a script may not even have begun when its time is over.
        machine.time_limit = Duration::from_millis(500);
        let mut outcome = machine.run(script);
        while printed(&outcome) != "begun\n" && machine.time_limit < Duration::from_secs(60) {
            machine.time_limit *= 4;
            outcome = machine.run(script);
        }
        assert_eq!(
            outcome.errors,
            ["The script was stopped: it exceeded its time limit."],
            "{way:?}"
        );
        assert_eq!(printed(&outcome), "begun\n");
        assert_eq!(outcome.exit, Some(137), "{way:?}");
        assert_eq!(complained(&outcome), "", "{way:?}");
        assert!(!is_there(b"sleep\x0097536.5"), "{way:?}");
    }
}

#[test]
fn output_is_kept_up_to_a_limit_and_drained_beyond() {
    for way in ways() {
        let mut machine = Machine::with(way, |settings| settings.output_max = Some(1000));
        let output = machine.output("head -c 30000000 /dev/zero | tr '\\0' x; echo done >&2");
        assert_eq!(output, "x".repeat(1000), "{way:?}");
    }
}
