//! From the choice of a service to a client that is signed in, and the clock the run goes by.

use std::net::Ipv4Addr;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::driver::client::{
    CallError, Client, Connection, Credentials, DEFAULT_SCOPE, Permission, Root, SignInError,
    Timeouts, emulator_clock,
};
use crate::driver::{Clock, ServiceKind, ServiceRecord};
use svar_emulator::Scenario;

use crate::cli::output::exit::{Exit, Failure};
use crate::cli::service::select::Service;

/// A service that has let us in.
pub(crate) struct Connected {
    /// Who speaks with it.
    pub(crate) client: Client,
    /// Its time.
    pub(crate) clock: Clock,
    /// What the run folder says of it.
    pub(crate) record: ServiceRecord,
    /// The emulator inside this process, if that is what it is.
    inside: Option<Inside>,
}

/// The emulator inside this process.
struct Inside {
    end: oneshot::Sender<()>,
    served: JoinHandle<Result<(), svar_emulator::EmulatorError>>,
}

impl Connected {
    /// Ends the emulator inside this process, its scripts included.
    pub(crate) async fn close(self) {
        if let Some(inside) = self.inside {
            let _ = inside.end.send(());
            let _ = inside.served.await;
        }
    }
}

/// Where a service is, before anybody is asked.
pub(crate) struct Place {
    connection: Connection,
    kind: ServiceKind,
    inside: Option<Inside>,
}

/// Finds the service; the emulator inside this process is started on a free loopback port.
///
/// # Errors
/// It can't be started.
pub(crate) async fn place(service: Service, scenario: Option<Scenario>) -> Result<Place, Failure> {
    Ok(match service {
        Service::Tenant(tenant) => Place {
            connection: tenant.connection,
            kind: ServiceKind::Tenant,
            inside: None,
        },
        Service::Emulator(root) => Place {
            connection: to_emulator(root, None),
            kind: ServiceKind::Emulator,
            inside: None,
        },
        Service::BuiltIn { .. } => {
            let broken = |error: std::io::Error| {
                Failure::refused(format!("the built-in emulator can't start: {error}"))
                    .help("look at the limits of open files and the loopback interface")
            };
            // Other users of this computer reach the port, too, and could run scripts as this one.
            let scenario = scenario
                .unwrap_or_else(Scenario::demo)
                .with_fresh_secrets()
                .map_err(broken)?;
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .map_err(broken)?;
            let port = listener.local_addr().map_err(broken)?.port();
            let root = crate::cli::service::select::emulator(&format!("127.0.0.1:{port}"))?;
            let connection = to_emulator(root, Some(&scenario));
            let (end, ended) = oneshot::channel::<()>();
            let until = async {
                // The sender gone means the same.
                let _ = ended.await;
            };
            let served = tokio::spawn(svar_emulator::serve(listener, scenario, until));
            Place {
                connection,
                kind: ServiceKind::BuiltInEmulator,
                inside: Some(Inside { end, served }),
            }
        }
    })
}

/// Signs in, and takes the service's time.
///
/// # Errors
/// The service can't be reached or does not let us in: exit code 3, with the next step.
pub(crate) async fn enter(place: Place) -> Result<Connected, Failure> {
    let Place {
        connection,
        kind,
        inside,
    } = place;
    let clock = match kind {
        ServiceKind::Tenant => Clock::system(),
        ServiceKind::Emulator | ServiceKind::BuiltInEmulator => emulator_clock(&connection.api)
            .await
            .map_err(|failure| no_emulator(&connection.api, &failure))?,
    };
    let record = ServiceRecord {
        kind,
        api: connection.api.to_string(),
        authority: connection.authority.to_string(),
        scope: connection.scope.clone(),
        tenant: connection.tenant.clone(),
        client: connection.credentials.client_id().to_owned(),
    };
    let client = Client::new(connection, clock.clone())
        .map_err(|error| Failure::tenant(error.to_string()))?;
    client
        .sign_in(&[Permission::LiveResponse, Permission::ReadMachines])
        .await
        .map_err(|error| not_let_in(&error))?;
    Ok(Connected {
        client,
        clock,
        record,
        inside,
    })
}

fn to_emulator(root: Root, scenario: Option<&Scenario>) -> Connection {
    let app = scenario.and_then(|scenario| scenario.apps.first());
    let own = |text: &str| text.to_owned();
    Connection {
        authority: root.clone(),
        api: root,
        scope: own(DEFAULT_SCOPE),
        tenant: scenario.map_or(own(svar_emulator::TENANT_ID), |scenario| {
            scenario.tenant.clone()
        }),
        credentials: Credentials::ClientSecret {
            client_id: app.map_or(own(svar_emulator::CLIENT_ID), |app| app.id.clone()),
            secret: SecretString::from(
                app.map_or(own(svar_emulator::CLIENT_SECRET), |app| app.secret.clone()),
            ),
        },
        timeouts: Timeouts::default(),
    }
}

fn no_emulator(root: &Root, failure: &CallError) -> Failure {
    Failure::new(
        Exit::TenantUnusable,
        format!("no emulator answers at {root}: {failure}"),
    )
    .help("start one with `svar emulator --listen 127.0.0.1:8080`; `--emulator URL` names one that listens elsewhere")
}

/// A sign-in that failed, in words.
pub(crate) fn not_let_in(error: &SignInError) -> Failure {
    Failure::tenant(error.to_string()).help(error.next_step())
}
