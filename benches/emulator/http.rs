//! Requests a second over loopback, beside a bare axum server with the same bodies.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::IntoResponse;
use tokio::net::TcpListener;

use crate::scene;

const CONNECTIONS: usize = 4;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(700);
const DEVICES: u32 = 200_000;

/// Of `rows` those with one of the words in their name, or all.
pub(crate) fn run(rows: &[String]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let listener = bind();
    let svar = listener.local_addr().unwrap();
    runtime.spawn(svar_emulator::serve(
        listener,
        scene::fleet(DEVICES),
        std::future::pending(),
    ));
    let mut line = Line::to(svar);
    let (path, form) = scene::sign_in();
    let reply = line.ask(&request("POST", &path, "", &form));
    let token = scene::parsed(&reply)["access_token"]
        .as_str()
        .unwrap()
        .to_owned();

    // Every device once: half of them make the list, the other half are left for the starts.
    let devices = device_ids(&mut line, &token);
    let mut devices = devices.into_iter();
    let start = |device: &str| {
        let path = format!("/api/machines/{device}/runliveresponse");
        request(
            "POST",
            &path,
            &token,
            &scene::start_body("case 118", "-Depth 2"),
        )
    };
    let ids: Vec<String> = (devices.by_ref().take(20_000))
        .map(|device| {
            let reply = line.ask(&start(&device));
            scene::parsed(&reply)["id"].as_str().unwrap().to_owned()
        })
        .collect();

    let get = |path: &str| request("GET", path, &token, "");
    let quoted: Vec<String> = ids[..50].iter().map(|id| format!("'{id}'")).collect();
    let calls = [
        (
            "get one action",
            get(&format!("/api/machineactions/{}", ids[77])),
        ),
        (
            "list, id in (50 ids)",
            get(&format!(
                "/api/machineactions?$filter=id+in+({})",
                quoted.join(",")
            )),
        ),
        (
            "list, status eq 'Pending', $top=100",
            get("/api/machineactions?$filter=status+eq+'Pending'&$top=100"),
        ),
        ("get one device", get("/api/machines/pc-000077.example.org")),
    ];

    // Other actions each time, so that nothing of an answer can be remembered: lists that go through more
    // actions than the emulator keeps written.
    let others: Vec<Vec<u8>> = ids
        .chunks(50)
        .map(|ids| {
            let quoted: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
            let filter = quoted.join(",");
            get(&format!("/api/machineactions?$filter=id+in+({filter})"))
        })
        .collect();

    // The floor knows every answer beforehand, by path and query. A tree finds it: hashing a long query
    // would make the floor lower than it is.
    let mut bodies: BTreeMap<String, Bytes> = (calls.iter().map(|(_, request)| request))
        .chain(&others)
        .map(|request| (target(request), Bytes::from(line.ask(request))))
        .collect();
    let first = devices.next().unwrap();
    let started = start(&first);
    bodies.insert("start".to_owned(), line.ask(&started).into());
    let listener = bind();
    let floor = listener.local_addr().unwrap();
    runtime.spawn(bare(listener, bodies));

    println!(
        "\nRequests a second over loopback, {CONNECTIONS} connections, {ROUNDS} rounds of {ROUND:?} in turns"
    );
    println!(
        "  {:<38} {:>26} {:>26} {:>7}",
        "", "bare axum (min med max)", "emulator (min med max)", "ratio"
    );
    let is_wanted = |name: &str| rows.is_empty() || rows.iter().any(|word| name.contains(word));
    for (name, request) in calls.iter().filter(|(name, _)| is_wanted(name)) {
        // The same request again and again, as those who wait for an end send it.
        let again: Vec<Vec<u8>> = vec![request.clone()];
        compare(name, |round| {
            let at = if round.is_floor { floor } else { svar };
            rate(at, Supply::Endless, vec![again.clone(); CONNECTIONS])
        });
    }
    let name = "list, id in (50 others each time)";
    if is_wanted(name) {
        compare(name, |round| {
            let at = if round.is_floor { floor } else { svar };
            let quarters = others.chunks(others.len() / CONNECTIONS);
            rate(at, Supply::Endless, quarters.map(<[_]>::to_vec).collect())
        });
    }
    // Each start needs a device that is not busy, so each connection gets a heap of its own.
    let name = "start a session";
    if !is_wanted(name) {
        return;
    }
    compare(name, |round| {
        if round.is_floor {
            let again = vec![started.clone()];
            return rate(floor, Supply::Endless, vec![again; CONNECTIONS]);
        }
        let heaps = (0..CONNECTIONS)
            .map(|_| {
                devices
                    .by_ref()
                    .take(5_000)
                    .map(|device| start(&device))
                    .collect()
            })
            .collect();
        rate(svar, Supply::Once, heaps)
    });
}

struct Round {
    is_floor: bool,
}

fn compare(name: &str, mut measure: impl FnMut(Round) -> f64) {
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        rates[0].push(measure(Round { is_floor: true }));
        rates[1].push(measure(Round { is_floor: false }));
    }
    for rates in &mut rates {
        rates.sort_by(f64::total_cmp);
    }
    let shown = |rates: &[f64]| {
        format!(
            "{:>8.0} {:>8.0} {:>8.0}",
            rates[0],
            rates[rates.len() / 2],
            rates[rates.len() - 1]
        )
    };
    let ratio = rates[1][ROUNDS / 2] / rates[0][ROUNDS / 2];
    println!(
        "  {name:<38} {} {} {ratio:>7.2}",
        shown(&rates[0]),
        shown(&rates[1])
    );
}

/// How often a heap's requests may be sent.
#[derive(Clone, Copy)]
enum Supply {
    /// Over and over until the round is over.
    Endless,
    /// Until they are used up.
    Once,
}

/// Sends each heap of requests over a connection of its own, for a round.
fn rate(at: SocketAddr, supply: Supply, heaps: Vec<Vec<Vec<u8>>>) -> f64 {
    let began = Instant::now();
    let asking: Vec<_> = heaps
        .into_iter()
        .map(|heap| {
            thread::spawn(move || {
                let mut line = Line::to(at);
                let mut done = 0_u32;
                let mut place = 0;
                while began.elapsed() < ROUND {
                    let Some(request) = heap.get(place) else {
                        break;
                    };
                    line.send(request);
                    done += 1;
                    place += 1;
                    if matches!(supply, Supply::Endless) && place == heap.len() {
                        place = 0;
                    }
                }
                (done, began.elapsed())
            })
        })
        .collect();
    asking
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .map(|(done, took)| f64::from(done) / took.as_secs_f64())
        .sum()
}

async fn bare(listener: TcpListener, bodies: BTreeMap<String, Bytes>) {
    let app = axum::Router::new()
        .fallback(answer)
        .with_state(Arc::new(bodies));
    axum::serve(listener, app).await.unwrap();
}

async fn answer(
    State(bodies): State<Arc<BTreeMap<String, Bytes>>>,
    uri: Uri,
    _body: Bytes,
) -> impl IntoResponse {
    let key = uri.path_and_query().map_or("", |target| target.as_str());
    let body = bodies.get(key).unwrap_or_else(|| &bodies["start"]).clone();
    (
        [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
        body,
    )
}

fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let kind = match body.starts_with('{') {
        true => "application/json",
        false => "application/x-www-form-urlencoded",
    };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\naccept: */*\r\nuser-agent: bench\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn target(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    text.split(' ').nth(1).unwrap().to_owned()
}

fn device_ids(line: &mut Line, token: &str) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < DEVICES as usize {
        let path = format!("/api/machines?$skip={}", ids.len());
        let page = scene::parsed(&line.ask(&request("GET", &path, token, "")));
        ids.extend(
            page["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|device| device["id"].as_str().unwrap().to_owned()),
        );
    }
    ids
}

/// A kept-alive connection.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Line {
            stream,
            buffer: vec![0; 16 * 1024 * 1024],
        }
    }

    /// Sends a request and reads its answer; where the body stands in the buffer.
    fn send(&mut self, request: &[u8]) -> std::ops::Range<usize> {
        self.stream.write_all(request).unwrap();
        let mut have = 0;
        let end = loop {
            have += self.read(have);
            let head = &self.buffer[..have];
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = std::str::from_utf8(&self.buffer[..end]).unwrap();
        assert!(head.starts_with("HTTP/1.1 20"), "{head}");
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap()
            .parse()
            .unwrap();
        while have < end + length {
            have += self.read(have);
        }
        end..end + length
    }

    fn read(&mut self, from: usize) -> usize {
        let read = self.stream.read(&mut self.buffer[from..]).unwrap();
        assert!(read > 0, "the server has hung up");
        read
    }

    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        let body = self.send(request);
        self.buffer[body].to_vec()
    }
}
