//! A small theatre for the binary: files in a folder of its own, arguments, environment, and the
//! whole of what came out.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use regex::Regex;

/// One call of the binary that is being prepared.
pub(crate) struct Svar {
    folder: tempfile::TempDir,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Option<Vec<u8>>,
}

/// What it left.
pub(crate) struct Ended {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Svar {
    /// A call with these arguments, separated by blanks.
    pub(crate) fn new(args: &str) -> Self {
        Svar {
            folder: tempfile::tempdir().expect("a temporary folder"),
            args: args.split_whitespace().map(str::to_owned).collect(),
            env: Vec::new(),
            stdin: None,
        }
    }

    /// One more argument, taken as it is.
    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// A file in the folder that the call is made in.
    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, content).expect("a file");
        self
    }

    /// A variable of its environment, which is empty otherwise.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What it reads from standard input.
    pub(crate) fn stdin(mut self, text: impl AsRef<[u8]>) -> Self {
        self.stdin = Some(text.as_ref().to_vec());
        self
    }

    /// Another call in the same folder.
    pub(crate) fn again(self, args: &str) -> Svar {
        Svar {
            folder: self.folder,
            ..Svar::new(args)
        }
    }

    /// The folder that the call is made in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process, ready to be started by those who want to look at it while it runs.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svar"));
        command
            .args(&self.args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("USER", "alva")
            .envs(self.env.iter().cloned());
        command
    }

    /// Begins the call, with pipes at its outputs and nothing to read.
    #[track_caller]
    pub(crate) fn spawn(&self) -> Child {
        self.command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }

    /// Makes the call and waits for its end.
    #[track_caller]
    pub(crate) fn run(self) -> Ended {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A call that reads nothing may be gone already.
        let _ = stdin.write_all(&self.stdin.unwrap_or_default());
        drop(stdin);
        let output = child.wait_with_output().expect("the binary ends");
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: replaced(&output.stdout),
            stderr: replaced(&output.stderr),
            folder: self.folder,
        }
    }
}

impl Ended {
    /// Another call in the same folder.
    pub(crate) fn again(self, args: &str) -> Svar {
        Svar {
            folder: self.folder,
            ..Svar::new(args)
        }
    }

    /// Its exit code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert!(
            self.code == expected,
            "exit code {} instead of {expected}\n{}",
            self.code,
            self.text()
        );
        self
    }

    /// The whole of its standard output.
    #[track_caller]
    pub(crate) fn stdout(self, expected: &str) -> Self {
        same("standard output", &self.stdout, expected);
        self
    }

    /// The whole of its standard error.
    #[track_caller]
    pub(crate) fn stderr(self, expected: &str) -> Self {
        same("standard error", &self.stderr, expected);
        self
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.text()))
    }

    /// All of it, for a message or a snapshot.
    pub(crate) fn text(&self) -> String {
        format!(
            "exit code {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// The text without what differs from call to call: ports, run ids, times.
fn replaced(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).expect("svar writes UTF-8");
    let rules = [
        (r"127\.0\.0\.1:\d+", "127.0.0.1:@PORT@"),
        (r"\b\d{8}-\d{6}-[0-9a-f]{6}\b", "@RUN@"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "@TIME@"),
    ];
    rules.iter().fold(text, |text, (pattern, word)| {
        let pattern = Regex::new(pattern).expect("a pattern");
        pattern.replace_all(&text, *word).into_owned()
    })
}

/// A point in time as reports print it.
pub(crate) const DATE_TIME: &str = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC";

/// Fails unless a part of the text fits the pattern. In the pattern `^` and `$` are the ends of lines.
#[track_caller]
pub(crate) fn fits(text: &str, pattern: &str) {
    let pattern = Regex::new(&format!("(?m){pattern}")).expect("a pattern");
    assert!(pattern.is_match(text), "nothing fits {pattern} in\n{text}");
}

#[track_caller]
fn same(what: &str, actual: &str, expected: &str) {
    assert!(
        actual == expected,
        "{what} differs\n--- expected\n{expected}\n--- actual\n{actual}\n---"
    );
}

/// `svar emulator` in a process of its own; it ends with the test.
pub(crate) struct Emulator {
    child: Child,
    /// Its address.
    pub(crate) url: String,
    folder: tempfile::TempDir,
}

impl Emulator {
    /// Starts one, and waits until it says where it listens.
    #[track_caller]
    pub(crate) fn start(scenario: &str) -> Self {
        Emulator::start_with(scenario, "")
    }

    /// The same with more arguments.
    #[track_caller]
    pub(crate) fn start_with(scenario: &str, args: &str) -> Self {
        Emulator::start_as(Svar::new(args).file("fleet.yaml", scenario))
    }

    /// The same, with the files and the environment of a call.
    #[track_caller]
    pub(crate) fn start_as(mut svar: Svar) -> Self {
        let words = ["emulator", "--scenario", "fleet.yaml"];
        svar.args.splice(0..0, words.map(str::to_owned));
        let mut child = svar
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the emulator starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("a line");
        let said: serde_json::Value = serde_json::from_str(&line).expect("one line of JSON");
        let url = said["listening"].as_str().expect("an address").to_owned();
        Emulator {
            child,
            url,
            folder: svar.folder,
        }
    }

    /// The sessions that were really started, in order.
    pub(crate) fn started_sessions(&self) -> Vec<serde_json::Value> {
        started_sessions(&self.url)
    }

    /// The sessions that ended in a state, in order.
    pub(crate) fn ended_sessions(&self, status: &str) -> Vec<serde_json::Value> {
        let entries = ledger(&self.url).into_iter();
        let ended = |entry: &serde_json::Value| {
            entry["kind"] == "session_ended" && entry["status"] == status
        };
        entries.filter(ended).collect()
    }

    /// What a file beside its scenario holds.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).expect("a file")
    }

    /// Asks it to end, as a service manager would, and gives its exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        interrupt(&self.child, "TERM");
        self.child.wait().expect("an end").code()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Fails when it has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What an emulator's ledger says of sessions: each that was really started, in order.
pub(crate) fn started_sessions(emulator: &str) -> Vec<serde_json::Value> {
    let entries = ledger(emulator).into_iter();
    entries
        .filter(|entry| entry["kind"] == "session_started")
        .collect()
}

/// What an emulator really did, in order.
fn ledger(emulator: &str) -> Vec<serde_json::Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let ledger: serde_json::Value = runtime.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build();
        let answer = http
            .expect("a client")
            .get(format!("{emulator}/emulator/ledger"));
        answer
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    });
    ledger["entries"].as_array().expect("entries").clone()
}

/// Sends a signal to a process that the test has started.
pub(crate) fn interrupt(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args([format!("-{signal}"), child.id().to_string()])
        .status()
        .expect("kill");
    assert!(status.success());
}
