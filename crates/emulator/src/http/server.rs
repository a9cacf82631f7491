//! Serves the emulator over HTTP.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode, Version};
use futures_util::StreamExt as _;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

use svar_wire::Moment;

use super::super::device::{CommandOutcome, OnDiskDevices, Work};
use super::super::scenario::Scenario;
use super::super::service::{Delivery, Request, Response, Service};
use super::body::{BodyLimits, ReadBody};
use super::clock::Clock;
use super::connection::{ConnectionCutter, CuttableListener};
use super::error::EmulatorError;
use super::ledger_file::LedgerFile;

/// Options of a served emulator besides the scenario.
#[derive(Debug, Clone, Default)]
pub struct ServeOptions {
    /// The file to which every ledger entry is appended, as a line of JSON. The line is written
    /// before the answer that follows from it is sent, so that it outlives the process. The
    /// emulator ends if a line can't be written.
    pub ledger: Option<PathBuf>,
}

/// Serves a scenario until `shutdown` ends.
///
/// The caller has bound the listener. It should be bound to the loopback address unless other
/// computers need access, since everyone who knows an application's secret can run scripts.
///
/// # Errors
/// The devices' folders can't be created, or the listener fails.
pub async fn serve(
    listener: TcpListener,
    scenario: Scenario,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), EmulatorError> {
    serve_with(listener, scenario, ServeOptions::default(), shutdown).await
}

/// Serves a scenario like [`serve`], with [`ServeOptions`].
///
/// # Errors
/// The same as for [`serve`], or the ledger file can't be opened or written.
pub async fn serve_with(
    listener: TcpListener,
    scenario: Scenario,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), EmulatorError> {
    Server::new(scenario, options)?
        .run(listener, shutdown)
        .await
}

/// An emulator that is ready to be served.
pub(super) struct Server {
    state: Arc<ServerState>,
    devices: Arc<OnDiskDevices>,
    work: mpsc::UnboundedReceiver<Work>,
}

impl Server {
    /// Creates an emulator, with everything that can fail before the first connection.
    ///
    /// # Errors
    /// The same as for [`serve_with`].
    pub(super) fn new(scenario: Scenario, options: ServeOptions) -> Result<Self, EmulatorError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| EmulatorError::Random(error.to_string()))?;
        let scenario = Arc::new(scenario);
        let clock = Clock::start(scenario.factor);
        let devices =
            OnDiskDevices::new(Arc::clone(&scenario)).map_err(EmulatorError::DeviceFolders)?;
        let ledger = options.ledger.map(LedgerFile::open).transpose()?;
        let seed = scenario.seed;
        let body_limits = BodyLimits::new(scenario.settings().library_file_max);
        let (sender, work) = mpsc::unbounded_channel();
        let state = Arc::new(ServerState {
            locked: Mutex::new(LockedState {
                service: Service::new(scenario, seed, clock.now()).with_key(key),
                ledger,
                ledger_error: None,
                running: 0,
            }),
            clock,
            body_limits,
            rescheduled: Notify::new(),
            ledger_failed: Notify::new(),
            idle: Notify::new(),
            work: sender,
        });
        Ok(Server {
            state,
            devices: Arc::new(devices),
            work,
        })
    }

    /// Returns the state that is shared with the served emulator.
    pub(super) fn state(&self) -> Arc<ServerState> {
        Arc::clone(&self.state)
    }

    /// Serves connections until `shutdown` ends.
    pub(super) async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), EmulatorError> {
        let Server {
            state,
            devices,
            work,
        } = self;
        let (shutdown_begun, shutdown_begins) = oneshot::channel::<()>();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&state))
            .into_make_service_with_connect_info::<ConnectionCutter>();
        let serving = axum::serve(CuttableListener(listener), router)
            .with_graceful_shutdown(async move {
                shutdown.await;
                // The receiver is waiting, or has been dropped.
                let _ = shutdown_begun.send(());
            })
            .into_future();
        let overdue = async {
            if shutdown_begins.await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(SHUTDOWN_GRACE).await;
        };
        // Dropping the two loops ends every script with its process group.
        let ended = tokio::select! {
            biased;
            () = state.ledger_failed.notified() => Ok(()),
            served = serving => served.map_err(EmulatorError::Listener),
            () = overdue => Ok(()),
            () = run_timer(Arc::clone(&state)) => Ok(()),
            () = run_devices(Arc::clone(&state), devices, work) => Ok(()),
        };
        let mut locked = state.lock();
        match (locked.ledger_error.take(), &locked.ledger) {
            (Some(error), _) => Err(error),
            (None, Some(ledger)) => ended.and_then(|()| ledger.sync()),
            (None, None) => ended,
        }
    }
}

/// Time that answers may still take after a shutdown was requested.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
/// The shortest real time limit of a script, however fast the emulated clock is, unless its emulated
/// limit is shorter: real programs need some time.
const SCRIPT_TIME_MIN: Duration = Duration::from_secs(5);

/// The state that is changed under a lock.
struct LockedState {
    service: Service,
    ledger: Option<LedgerFile>,
    /// The error with which writing the ledger failed. After it, no request is answered.
    ledger_error: Option<EmulatorError>,
    /// Pieces of work that devices have been given and have not finished.
    running: usize,
}

/// The state that the loops and the handlers of one emulator share.
pub(super) struct ServerState {
    locked: Mutex<LockedState>,
    clock: Clock,
    body_limits: BodyLimits,
    /// Notified when the service's next wake-up may have changed.
    rescheduled: Notify,
    /// Notified when the ledger can't be written.
    ledger_failed: Notify,
    /// Notified when no device has work any more.
    idle: Notify,
    work: mpsc::UnboundedSender<Work>,
}

impl ServerState {
    fn lock(&self) -> MutexGuard<'_, LockedState> {
        // The state is plain data, and a request that panicked has ended. Continuing is better than
        // failing every later request.
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the service at the current time, starts the work that follows from it, and writes the
    /// ledger. Returns `None` if the ledger can't be written: an answer must not report what the
    /// ledger does not contain.
    fn call_service<T>(&self, operation: impl FnOnce(&mut Service, Moment) -> T) -> Option<T> {
        let mut locked = self.lock();
        let now = self.clock.now();
        let expected = locked.service.next_wake();
        let result = operation(&mut locked.service, now);
        let work = locked.service.advance(now);
        locked.running += work.len();
        let LockedState {
            service,
            ledger,
            ledger_error,
            ..
        } = &mut *locked;
        if let Some(file) = ledger
            && let Err(error) = file.append(service)
        {
            *ledger_error = Some(error);
            self.ledger_failed.notify_one();
        }
        let has_failed = ledger_error.is_some();
        let is_rescheduled = service.next_wake() != expected;
        drop(locked);
        for piece in work {
            // The receiver is dropped only when the emulator ends.
            let _ = self.work.send(piece);
        }
        // A read changes nothing, and waking the timer for each read would cost as much as the
        // answer.
        if is_rescheduled {
            self.rescheduled.notify_one();
        }
        (!has_failed).then_some(result)
    }
}

impl ServerState {
    /// Returns the emulated time.
    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Changes the speed at which emulated time passes.
    pub(super) fn set_clock_factor(&self, factor: f64) {
        self.clock.set_factor(factor);
        self.rescheduled.notify_one();
    }

    /// Calls the service outside of a request.
    pub(super) fn with_service<T>(&self, operation: impl FnOnce(&mut Service) -> T) -> T {
        operation(&mut self.lock().service)
    }

    /// Lets that much emulated time pass at once. Each event that is due happens at its own time,
    /// and work that devices begin meanwhile is waited for.
    pub(super) async fn advance(&self, duration: Duration) {
        let target = self.clock.now() + duration;
        loop {
            self.devices_idle().await;
            let next = self.lock().service.next_wake();
            let next = next.filter(|moment| *moment <= target);
            self.clock.skip_to(next.unwrap_or(target));
            self.call_service(|_, _| ());
            if next.is_none() {
                return self.devices_idle().await;
            }
        }
    }

    /// Waits until no device has work.
    async fn devices_idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.lock().running == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Records that a piece of work has ended, after its outcome was given to the service.
    fn work_ended(&self) {
        let mut locked = self.lock();
        locked.running -= 1;
        if locked.running == 0 {
            self.idle.notify_waiters();
        }
    }
}

/// Advances the service at each time it has asked for.
async fn run_timer(state: Arc<ServerState>) {
    loop {
        let next = state.lock().service.next_wake();
        let wait = next.map(|moment| state.clock.real_time_until(moment));
        tokio::select! {
            biased;
            () = state.rescheduled.notified() => {}
            () = tokio::time::sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some() => {
                state.call_service(|_, _| ());
            }
        }
    }
}

/// Gives work to the devices and their outcomes to the service.
async fn run_devices(
    state: Arc<ServerState>,
    devices: Arc<OnDiskDevices>,
    mut work: mpsc::UnboundedReceiver<Work>,
) {
    let mut at_work: JoinSet<(u64, CommandOutcome)> = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(done) = at_work.join_next(), if !at_work.is_empty() => {
                if let Ok((number, outcome)) = done {
                    state.call_service(|service, now| service.finished(now, number, outcome));
                }
                state.work_ended();
            }
            piece = work.recv() => {
                let Some(piece) = piece else { return };
                let (devices, state) = (Arc::clone(&devices), Arc::clone(&state));
                at_work.spawn(async move {
                    let number = piece.number;
                    let shortest = |limit: Duration| limit.min(SCRIPT_TIME_MIN);
                    let real_time = move |limit| state.clock.to_real(limit).max(shortest(limit));
                    (number, devices.perform(piece, real_time).await)
                });
            }
        }
    }
}

/// Answers a request.
async fn answer(
    State(state): State<Arc<ServerState>>,
    ConnectInfo(cutter): ConnectInfo<ConnectionCutter>,
    request: axum::extract::Request,
) -> axum::response::Response {
    let (head, body) = request.into_parts();
    if head.version >= Version::HTTP_2 {
        return http_version_not_supported();
    }
    let body = state.body_limits.read(&head.headers, body).await;
    let is_oversized = matches!(body, ReadBody::TooLarge);
    let body = match body {
        ReadBody::Complete(body) => body,
        ReadBody::TooLarge => Bytes::new(),
        ReadBody::Invalid => return empty_response(StatusCode::BAD_REQUEST),
    };
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect(),
        body,
        is_oversized,
    };
    let Some(response) = state.call_service(|service, now| service.handle(now, &request)) else {
        cutter.cut();
        return empty_response(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = to_http_response(response, &cutter, &state.clock);
    if is_oversized {
        // The rest of the body may still be arriving, so no further request can begin on this
        // connection.
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Returns the answer to a request with HTTP/2, which is not supported: the service uses it over TLS
/// only, and a fault that cuts the connection of one call would also cut the other calls on it.
fn http_version_not_supported() -> axum::response::Response {
    let message = "The emulator supports HTTP/1.1 only: it has no TLS, and the service uses HTTP/2 over TLS only.\n";
    let mut response = axum::response::Response::new(Body::from(message));
    *response.status_mut() = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// Returns an answer without a body.
fn empty_response(status: StatusCode) -> axum::response::Response {
    let mut response = axum::response::Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Converts an answer of the service to one of the HTTP server.
fn to_http_response(
    response: Response,
    cutter: &ConnectionCutter,
    clock: &Clock,
) -> axum::response::Response {
    let length = response.body.len();
    let body = match response.delivery {
        Delivery::Whole => Body::from(response.body),
        Delivery::Dropped => {
            cutter.cut();
            Body::empty()
        }
        Delivery::Truncated => {
            let half = response.body.slice(..length / 2);
            let rest = futures_util::stream::once(async {
                // This lets the first half be sent before the connection breaks.
                tokio::task::yield_now().await;
                Err(io::Error::from(io::ErrorKind::ConnectionAborted))
            });
            Body::from_stream(futures_util::stream::iter([Ok(half)]).chain(rest))
        }
        Delivery::Slow(pause) => {
            let pause = clock.to_real(pause);
            let size = (length / 10).max(1);
            let parts: Vec<Bytes> = (0..length)
                .step_by(size)
                .map(|from| response.body.slice(from..length.min(from + size)))
                .collect();
            Body::from_stream(
                futures_util::stream::iter(parts).then(move |part| async move {
                    tokio::time::sleep(pause).await;
                    Ok::<Bytes, io::Error>(part)
                }),
            )
        }
    };
    let mut out = empty_response(
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    );
    *out.body_mut() = body;
    for (name, value) in response.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            out.headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    if matches!(response.delivery, Delivery::Truncated | Delivery::Slow(_)) {
        out.headers_mut()
            .insert("content-length", HeaderValue::from(length));
    }
    out
}
