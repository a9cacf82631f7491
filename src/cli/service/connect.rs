//! Connects to the selected service: signs in and reads its clock.

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

use crate::cli::output::exit::{CommandError, Exit};
use crate::cli::service::select::Service;

/// A service after the sign-in.
pub(crate) struct Connected {
    /// The signed-in client.
    pub(crate) client: Client,
    /// The clock of the run.
    pub(crate) clock: Clock,
    /// The entry in the run folder.
    pub(crate) record: ServiceRecord,
    /// The built-in emulator, if it is the service.
    built_in: Option<BuiltInEmulator>,
}

/// A running built-in emulator.
struct BuiltInEmulator {
    end: oneshot::Sender<()>,
    served: JoinHandle<Result<(), svar_emulator::EmulatorError>>,
}

impl Connected {
    /// Ends the built-in emulator and its scripts.
    pub(crate) async fn close(self) {
        if let Some(built_in) = self.built_in {
            let _ = built_in.end.send(());
            let _ = built_in.served.await;
        }
    }
}

/// The address of a service and the credentials for it.
pub(crate) struct ServiceAddress {
    connection: Connection,
    kind: ServiceKind,
    built_in: Option<BuiltInEmulator>,
}

/// Returns the address of the service. The built-in emulator is started on a free loopback port.
///
/// # Errors
/// The built-in emulator can't be started.
pub(crate) async fn open(
    service: Service,
    scenario: Option<Scenario>,
) -> Result<ServiceAddress, CommandError> {
    Ok(match service {
        Service::Tenant(tenant) => ServiceAddress {
            connection: tenant.connection,
            kind: ServiceKind::Tenant,
            built_in: None,
        },
        Service::Emulator(root) => ServiceAddress {
            connection: emulator_connection(root, None),
            kind: ServiceKind::Emulator,
            built_in: None,
        },
        Service::BuiltIn { .. } => {
            let start_error = |error: std::io::Error| {
                CommandError::refused(format!("cannot start the built-in emulator: {error}"))
                    .help("check the limit of open files and the loopback interface")
            };
            // Other users of this computer can reach the port too and could run scripts as this
            // user.
            let scenario = scenario
                .unwrap_or_else(Scenario::demo)
                .with_fresh_secrets()
                .map_err(start_error)?;
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .map_err(start_error)?;
            let port = listener.local_addr().map_err(start_error)?.port();
            let root =
                crate::cli::service::select::parse_emulator_root(&format!("127.0.0.1:{port}"))?;
            let connection = emulator_connection(root, Some(&scenario));
            let (end, ended) = oneshot::channel::<()>();
            let until = async {
                // A dropped sender also ends the emulator.
                let _ = ended.await;
            };
            let served = tokio::spawn(svar_emulator::serve(listener, scenario, until));
            ServiceAddress {
                connection,
                kind: ServiceKind::BuiltInEmulator,
                built_in: Some(BuiltInEmulator { end, served }),
            }
        }
    })
}

/// Signs in and reads the clock of the service.
///
/// # Errors
/// The service can't be reached or refuses the sign-in (exit code 3).
pub(crate) async fn sign_in(address: ServiceAddress) -> Result<Connected, CommandError> {
    let ServiceAddress {
        connection,
        kind,
        built_in,
    } = address;
    let clock = match kind {
        ServiceKind::Tenant => Clock::system(),
        ServiceKind::Emulator | ServiceKind::BuiltInEmulator => emulator_clock(&connection.api)
            .await
            .map_err(|failure| emulator_unreachable(&connection.api, &failure))?,
    };
    let record = ServiceRecord {
        kind,
        api: connection.api.to_string(),
        authority: connection.authority.to_string(),
        scope: connection.scope.clone(),
        tenant_id: connection.tenant.clone(),
        client_id: connection.credentials.client_id().to_owned(),
    };
    let client = Client::new(connection, clock.clone())
        .map_err(|error| CommandError::tenant(error.to_string()))?;
    client
        .sign_in(&[Permission::LiveResponse, Permission::ReadMachines])
        .await
        .map_err(|error| sign_in_failed(&error))?;
    Ok(Connected {
        client,
        clock,
        record,
        built_in,
    })
}

fn emulator_connection(root: Root, scenario: Option<&Scenario>) -> Connection {
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

fn emulator_unreachable(root: &Root, failure: &CallError) -> CommandError {
    CommandError::new(
        Exit::TenantUnusable,
        format!("no emulator at {root}: {failure}"),
    )
    .help("start one with `svar emulator --listen 127.0.0.1:8080`, or use `--emulator URL` for another address")
}

/// Turns an error of a sign-in into that of a command.
pub(crate) fn sign_in_failed(error: &SignInError) -> CommandError {
    CommandError::tenant(error.to_string()).help(error.next_step())
}
