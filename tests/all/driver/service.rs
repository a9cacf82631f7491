//! A service of a few lines, whose every answer a test writes itself, misbehaviour included.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use svar::driver::Clock;
use svar::driver::client::{Client, Connection, Credentials, DEFAULT_SCOPE, Root, Timeouts};
use svar_wire::Moment;

pub(crate) const SECRET: &str = "the-secret-of-the-application";
pub(crate) const NOW: &str = "2026-02-03T09:00:00Z";

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn is_for_token(&self) -> bool {
        self.target.ends_with("/oauth2/v2.0/token")
    }
}

/// What is sent back.
pub(crate) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Bytes as they are, then the end of the connection.
    Raw(Vec<u8>),
    /// The end of the connection, after the request was read.
    Nothing,
}

pub(crate) fn answer(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply::Answer {
        status,
        headers: Vec::new(),
        body: body.into(),
    }
}

pub(crate) fn json(status: u16, body: serde_json::Value) -> Reply {
    answer(status, body.to_string())
}

/// A token whose claims grant everything, good for an hour.
pub(crate) fn token() -> Reply {
    token_of(
        r#"{"roles":["Machine.LiveResponse","Machine.ReadWrite.All","Library.Manage"]}"#,
        serde_json::json!(3600),
    )
}

pub(crate) fn token_of(claims: &str, expires_in: serde_json::Value) -> Reply {
    use base64::Engine as _;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
    json(
        200,
        serde_json::json!({
            "token_type": "Bearer",
            "expires_in": expires_in,
            "access_token": format!("e30.{claims}.signature"),
        }),
    )
}

type Answers = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// A service on a loopback port, gone with the value.
pub(crate) struct Service {
    pub(crate) address: String,
    pub(crate) clock: Clock,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    /// Answers each request by the function, which is also told how many such requests (same method
    /// and path) came before.
    pub(crate) async fn start(
        answers: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("its address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answers: Arc<Answers> = Arc::new(answers);
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
                    tokio::spawn(converse(stream, seen, answers));
                }
            }
        });
        Service {
            address,
            clock: Clock::scaled(Moment::parse(NOW).expect("a moment"), 1.0),
            seen,
            task,
        }
    }

    /// The same, with tokens handed out to everyone.
    pub(crate) async fn signed_in(
        answers: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Service {
        Service::start(move |seen, before| {
            if seen.is_for_token() {
                token()
            } else {
                answers(seen, before)
            }
        })
        .await
    }

    pub(crate) fn client(&self) -> Client {
        client(&self.address, &self.clock)
    }

    /// What was asked for, tokens aside.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let seen = self.seen.lock().expect("no panic");
        seen.iter()
            .filter(|seen| !seen.is_for_token())
            .cloned()
            .collect()
    }

    pub(crate) fn tokens_fetched(&self) -> usize {
        let seen = self.seen.lock().expect("no panic");
        seen.iter().filter(|seen| seen.is_for_token()).count()
    }

    pub(crate) fn all_seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }
}

pub(crate) fn client(address: &str, clock: &Clock) -> Client {
    let connection = Connection {
        api: Root::parse(address).expect("a root"),
        authority: Root::parse(address).expect("a root"),
        scope: DEFAULT_SCOPE.to_owned(),
        tenant: "contoso.example".to_owned(),
        credentials: Credentials::ClientSecret {
            client_id: "the-application".to_owned(),
            secret: SECRET.to_owned().into(),
        },
        timeouts: Timeouts::default(),
    };
    Client::new(connection, clock.clone()).expect("a client")
}

async fn converse(mut stream: TcpStream, seen: Arc<Mutex<Vec<Seen>>>, answers: Arc<Answers>) {
    while let Some(request) = read(&mut stream).await {
        let before = {
            let mut seen = seen.lock().expect("no panic");
            let path = |target: &str| target.split('?').next().unwrap_or_default().to_owned();
            let same = |other: &&Seen| {
                other.method == request.method && path(&other.target) == path(&request.target)
            };
            let before = seen.iter().filter(same).count();
            seen.push(request.clone());
            before
        };
        let bytes = match answers(&request, before) {
            Reply::Nothing => return,
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Reply::Answer {
                status,
                headers,
                body,
            } => {
                let mut head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                head.push_str("\r\n");
                [head.into_bytes(), body].concat()
            }
        };
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Seen {
        method,
        target,
        headers,
        body: bytes[head_end..head_end + length].to_vec(),
    })
}
