//! An emulator on a port of its own, and a plain HTTP client with no opinion about the service.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};
use svar_emulator::{
    CLIENT_ID, CLIENT_SECRET, EmulatorError, Scenario, ServeOptions, TENANT_ID, serve_with,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// An emulator that runs, with a token for it.
pub(crate) struct World {
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&self.bytes)))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status, status, "{text}");
        self
    }

    /// The seconds of the `Date` header since the epoch.
    #[track_caller]
    pub(crate) fn date_s(&self) -> i64 {
        date_s(&self.headers["date"])
    }

    /// The error code of a refusal.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// Plays a story against an emulator with that scenario, then ends it.
pub(crate) fn play<F: Future<Output = ()>>(scenario: Scenario, story: impl FnOnce(World) -> F) {
    play_with(scenario, ServeOptions::default(), story).unwrap();
}

/// The same with options; gives how the emulator ended.
pub(crate) fn play_with<F: Future<Output = ()>>(
    scenario: Scenario,
    options: ServeOptions,
    story: impl FnOnce(World) -> F,
) -> Result<(), EmulatorError> {
    // Whoever comes first installs it; the others find it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (end, ended) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve_with(listener, scenario, options, async move {
            let _ = ended.await;
        }));
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        let mut world = World {
            base,
            http,
            token: String::new(),
        };
        world.token = world.sign_in(CLIENT_ID, CLIENT_SECRET).await;
        story(world).await;
        drop(end);
        serving.await.unwrap()
    })
}

impl World {
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            bytes: response.bytes().await.unwrap().to_vec(),
        }
    }

    pub(crate) async fn sign_in(&self, id: &str, secret: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("scope", "https://api.securitycenter.microsoft.com/.default"),
        ];
        let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", self.base);
        let answer = self.send(self.http.post(url).form(&form)).await;
        answer.json()["access_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The same service, spoken to by another application.
    pub(crate) async fn signed_in_as(&self, id: &str, secret: &str) -> World {
        World {
            base: self.base.clone(),
            http: self.http.clone(),
            token: self.sign_in(id, secret).await,
        }
    }

    /// Sends bytes as they are, all of them before anything is read, and reads until the other end closes.
    pub(crate) async fn raw(&self, parts: &[&[u8]]) -> String {
        let address = self.base.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        for part in parts {
            stream.write_all(part).await.unwrap();
        }
        let mut answer = Vec::new();
        // As patient as the other client; only where nobody closes it comes to that.
        let reading = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(60), reading).await;
        read.expect("the connection stays open").unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.base);
        self.send(self.http.get(url).bearer_auth(&self.token)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let url = format!("{}{path}", self.base);
        self.send(self.http.post(url).bearer_auth(&self.token).json(&body))
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.base);
        self.send(self.http.delete(url).bearer_auth(&self.token))
            .await
    }

    /// The id of a device.
    pub(crate) async fn machine(&self, name: &str) -> String {
        let answer = self.get(&format!("/api/machines/{name}")).await.expect(200);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn upload(&self, name: &str, content: &str) -> Answer {
        let body = format!(
            "--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n--limit\r\nContent-Disposition: form-data; name=\"OverrideIfExists\"\r\n\r\nTrue\r\n--limit--\r\n"
        );
        let request = self
            .http
            .post(format!("{}/api/libraryfiles", self.base))
            .bearer_auth(&self.token)
            .header("content-type", "multipart/form-data; boundary=limit")
            .body(body);
        self.send(request).await
    }

    /// Starts a session; answers the action's id.
    pub(crate) async fn start(&self, machine: &str, commands: Value) -> Answer {
        let body = json!({"Commands": commands, "Comment": "conformance"});
        self.post(&format!("/api/machines/{machine}/runliveresponse"), body)
            .await
    }

    /// Runs a session to its end; answers the action.
    pub(crate) async fn run(&self, machine: &str, commands: Value) -> Value {
        let answer = self.start(machine, commands).await.expect(201);
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        self.end_of(&id).await
    }

    /// Waits, by asking, for an action's end.
    pub(crate) async fn end_of(&self, id: &str) -> Value {
        loop {
            let answer = self.get(&format!("/api/machineactions/{id}")).await;
            if answer.status == 200 {
                let action = answer.json();
                if !matches!(action["status"].as_str(), Some("Pending" | "InProgress")) {
                    return action;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The address of a command's result.
    pub(crate) async fn link(&self, id: &str, index: usize) -> Answer {
        self.get(&format!(
            "/api/machineactions/{id}/GetLiveResponseResultDownloadLink(index={index})"
        ))
        .await
    }

    /// What is behind a command's link.
    pub(crate) async fn result(&self, action: &Value, index: usize) -> Answer {
        let link = self
            .link(action["id"].as_str().unwrap(), index)
            .await
            .expect(200);
        let address = link.json()["value"].as_str().unwrap().to_owned();
        self.send(self.http.get(address)).await
    }
}

/// The seconds of a date as HTTP writes it.
#[track_caller]
pub(crate) fn date_s(value: &reqwest::header::HeaderValue) -> i64 {
    let text = value.to_str().unwrap();
    let parsed = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).unwrap();
    let time = parsed.to_datetime().unwrap();
    time.to_zoned(jiff::tz::TimeZone::UTC)
        .unwrap()
        .timestamp()
        .as_second()
}

/// A RunScript command.
pub(crate) fn run_script(name: &str, args: &str) -> Value {
    let mut params = vec![json!({"key": "ScriptName", "value": name})];
    if !args.is_empty() {
        params.push(json!({"key": "Args", "value": args}));
    }
    json!({"type": "RunScript", "params": params})
}

/// A GetFile command.
pub(crate) fn get_file(path: &str) -> Value {
    json!({"type": "GetFile", "params": [{"key": "Path", "value": path}]})
}

/// A PutFile command.
pub(crate) fn put_file(name: &str) -> Value {
    json!({"type": "PutFile", "params": [{"key": "FileName", "value": name}]})
}
