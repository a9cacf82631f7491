//! An emulator for tests, started with one call and stopped when it is dropped.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use svar_wire::Moment;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::scenario::{CLIENT_SECRET, Scenario};
use super::super::service::LedgerEntry;
use super::error::EmulatorError;
use super::server::{ServeOptions, Server, ServerState};

/// A running emulator on a free port of the loopback address. It stops when it is dropped.
pub struct Emulator {
    address: SocketAddr,
    credentials: Credentials,
    state: Arc<ServerState>,
    /// Ends the server when it is dropped.
    shutdown: oneshot::Sender<()>,
    server: JoinHandle<Result<(), EmulatorError>>,
}

/// The values a client needs to sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The tenant's id.
    pub tenant_id: String,
    /// The application's client id.
    pub client_id: String,
    /// The application's client secret.
    pub client_secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("tenant_id", &self.tenant_id)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Emulator {
    /// Starts an emulator of the scenario.
    ///
    /// Everyone who knows an application's secret can run scripts, so an application with the
    /// default secret gets a random one; [`Emulator::credentials`] returns it.
    ///
    /// # Errors
    /// The scenario has no application, no port is free, or the devices' folder can't be created.
    pub async fn start(scenario: Scenario) -> Result<Self, EmulatorError> {
        let scenario = with_own_secrets(scenario)?;
        let app = scenario.apps.first().ok_or(EmulatorError::NoApplication)?;
        let credentials = Credentials {
            tenant_id: scenario.tenant.clone(),
            client_id: app.id.clone(),
            client_secret: app.secret.clone(),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(EmulatorError::Bind)?;
        let address = listener.local_addr().map_err(EmulatorError::Bind)?;
        let server = Server::new(scenario, ServeOptions::default())?;
        let state = server.state();
        let (shutdown, shutdown_requested) = oneshot::channel::<()>();
        let server_task = tokio::spawn(server.run(listener, async {
            // The emulator is stopped by dropping the sender.
            let _ = shutdown_requested.await;
        }));
        Ok(Emulator {
            address,
            credentials,
            state,
            shutdown,
            server: server_task,
        })
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address as a URL without a path, such as `http://127.0.0.1:40123`. Clients
    /// use it both as the API's host and as the sign-in host.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the credentials of the scenario's first application.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Returns a fresh access token of the scenario's first application, as the token endpoint would
    /// issue it now. It expires after `settings.token_ttl` of emulated time.
    pub fn token(&self) -> String {
        let now = self.state.now();
        self.state.with_service(|service| service.issue_token(now))
    }

    /// Returns everything that was actually done so far, oldest first.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.state.with_service(|service| service.ledger())
    }

    /// Returns the emulated time.
    pub fn now(&self) -> Moment {
        self.state.now()
    }

    /// Lets that much emulated time pass at once. Every event that is due in it happens, and
    /// scripts that devices begin to run are waited for.
    pub async fn advance(&self, duration: Duration) {
        self.state.advance(duration).await;
    }

    /// Makes `factor` emulated seconds pass in each real second from now on. A scenario begins with
    /// its own `factor`. The factor is limited to 0.001 to 1,000,000; a value that is not a
    /// positive number counts as 1.
    pub fn set_clock_factor(&self, factor: f64) {
        self.state.set_clock_factor(factor);
    }

    /// Stops the emulator and waits until its connections are closed and its devices' files are removed.
    ///
    /// # Errors
    /// The error with which the emulator had ended before.
    pub async fn stop(self) -> Result<(), EmulatorError> {
        let Emulator {
            shutdown, server, ..
        } = self;
        drop(shutdown);
        server.await.map_err(|_| EmulatorError::Panicked)?
    }
}

/// Replaces the default secrets. They are public, and an emulator that runs scripts must not be
/// open to everyone.
fn with_own_secrets(mut scenario: Scenario) -> Result<Scenario, EmulatorError> {
    for app in &mut scenario.apps {
        if app.secret == CLIENT_SECRET {
            app.renew_secret()
                .map_err(|error| EmulatorError::Random(error.to_string()))?;
        }
    }
    Ok(scenario)
}
