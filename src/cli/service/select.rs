//! Selects the service of a run: a tenant, an emulator in another process, or the built-in
//! emulator.
//!
//! The command line overrides the settings. The profile and the environment must not name different
//! tenants. Neither is preferred, because the playbook could then run on the wrong tenant.

use std::env;
use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::driver::ServiceRecord;
use crate::driver::client::{
    Connection, Credentials, DEFAULT_API, DEFAULT_AUTHORITY, DEFAULT_SCOPE, Root, Timeouts,
};
use svar_emulator::Scenario;
use svar_plan::LimitsProfile;

use crate::cli::args::ConnectionArgs;
use crate::cli::input::scenario;
use crate::cli::output::exit::CommandError;
use crate::cli::output::terminal::{Terminal, TextStyle, eprint};
use crate::cli::settings::{Settings, TenantProfile};

/// The service of a run.
#[derive(Debug)]
pub(crate) enum Service {
    /// A tenant.
    Tenant(Box<Tenant>),
    /// An emulator in another process.
    Emulator(Root),
    /// The emulator in this process.
    BuiltIn {
        /// The file of its scenario; `None` for the demo scenario.
        scenario: Option<PathBuf>,
    },
}

/// A tenant and the connection to it.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// The addresses and credentials.
    pub(crate) connection: Connection,
    /// The limits from its profile.
    pub(crate) limits: Option<LimitsProfile>,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Service::Tenant(tenant) => {
                let Connection { api, tenant, .. } = &tenant.connection;
                write!(f, "tenant {tenant} at {api}")
            }
            Service::Emulator(root) => write!(f, "the emulator at {root}"),
            Service::BuiltIn { scenario: None } => f.write_str("the built-in emulator"),
            Service::BuiltIn {
                scenario: Some(path),
            } => write!(f, "the built-in emulator with {}", path.display()),
        }
    }
}

impl Service {
    /// Prints which service is used, and whether its devices are real. This is the first line of
    /// every command that connects to a service.
    pub(crate) fn announce(&self, terminal: &Terminal) {
        let (style, effect) = match self {
            Service::Tenant(_) => (TextStyle::Warn, "devices are real"),
            _ => (TextStyle::Note, "no real device is touched"),
        };
        let text = format!("using {self}: {effect}");
        eprint(&format!("{}\n", terminal.paint(style, &text)));
    }

    /// Returns the limits from the tenant's profile.
    pub(crate) fn limits(&self) -> Option<LimitsProfile> {
        match self {
            Service::Tenant(tenant) => tenant.limits,
            _ => None,
        }
    }

    /// Loads the scenario of the built-in emulator; `None` for the demo fleet and other services.
    ///
    /// # Errors
    /// The scenario is invalid; the problems have been printed.
    pub(crate) fn scenario(&self, terminal: &Terminal) -> Result<Option<Scenario>, CommandError> {
        match self {
            Service::BuiltIn {
                scenario: Some(path),
            } => scenario::load(path, terminal).map(Some),
            _ => Ok(None),
        }
    }

    /// Selects the service by arguments, settings and environment.
    ///
    /// # Errors
    /// The settings of a tenant are incomplete or contradict each other.
    pub(crate) fn choose(args: &ConnectionArgs, settings: &Settings) -> Result<Self, CommandError> {
        if let Some(url) = &args.emulator {
            return parse_emulator_root(url).map(Service::Emulator);
        }
        if args.rehearse || args.scenario.is_some() {
            return Ok(Service::BuiltIn {
                scenario: args.scenario.clone(),
            });
        }
        let name = args.profile.as_deref().or(settings.profile.as_deref());
        let named = name.map(|name| settings.profile(name)).transpose()?;
        let variables = Variables::read()?;
        if named.is_none() && variables.name_no_tenant() {
            return Ok(Service::BuiltIn { scenario: None });
        }
        let profile = named.cloned().unwrap_or_default();
        let name = name.map_or(ProfileName::None, ProfileName::Named);
        tenant(name, &profile, variables).map(|tenant| Service::Tenant(Box::new(tenant)))
    }
}

impl Service {
    /// Returns the tenant of an existing run, at the hosts it was started with. Only the secret is
    /// read from the environment.
    ///
    /// # Errors
    /// The secret is not set, or the environment names another tenant.
    pub(crate) fn of_run(record: &ServiceRecord) -> Result<Self, CommandError> {
        let mut variables = Variables::read()?;
        variables.authority_host = None;
        variables.api_host = None;
        variables.scope = None;
        let pinned = TenantProfile {
            tenant_id: Some(record.tenant_id.clone()),
            client_id: Some(record.client_id.clone()),
            authority_host: Some(record.authority.clone()),
            api_host: Some(record.api.clone()),
            scope: Some(record.scope.clone()),
            limits: None,
        };
        tenant(ProfileName::Run, &pinned, variables).map(|tenant| Service::Tenant(Box::new(tenant)))
    }
}

/// The environment variables that name a tenant. Most have the names that Azure's tools use.
struct Variables {
    tenant_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    authority_host: Option<String>,
    api_host: Option<String>,
    scope: Option<String>,
}

impl Variables {
    fn read() -> Result<Self, CommandError> {
        Ok(Variables {
            tenant_id: variable("AZURE_TENANT_ID")?,
            client_id: variable(CLIENT_ID)?,
            client_secret: variable("AZURE_CLIENT_SECRET")?.map(SecretString::from),
            authority_host: variable("AZURE_AUTHORITY_HOST")?,
            api_host: variable("SVAR_API_HOST")?,
            scope: variable("SVAR_SCOPE")?,
        })
    }

    /// Returns whether the variables name no tenant. The hosts alone don't name one.
    fn name_no_tenant(&self) -> bool {
        self.tenant_id.is_none() && self.client_id.is_none() && self.client_secret.is_none()
    }
}

const CLIENT_ID: &str = "AZURE_CLIENT_ID";

fn variable(name: &str) -> Result<Option<String>, CommandError> {
    match env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value.trim().to_owned())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(CommandError::tenant(format!(
            "the value of {name} is not valid UTF-8"
        ))
        .help("set it again")),
    }
}

/// The source of a profile, for messages.
#[derive(Debug, Clone, Copy)]
enum ProfileName<'a> {
    /// No profile, only the environment.
    None,
    /// A profile in svar.toml.
    Named(&'a str),
    /// The tenant that an existing run was started with.
    Run,
}

fn tenant(
    name: ProfileName<'_>,
    profile: &TenantProfile,
    variables: Variables,
) -> Result<Tenant, CommandError> {
    let tenant_id = reconcile(
        "AZURE_TENANT_ID",
        name,
        &profile.tenant_id,
        variables.tenant_id,
    )?;
    let client_id = reconcile(CLIENT_ID, name, &profile.client_id, variables.client_id)?;
    let missing = |variable: &str, key: &str| {
        let place = match name {
            ProfileName::Named(name) if !key.is_empty() => {
                format!(", or `{key}` in profile `{name}`")
            }
            _ => String::new(),
        };
        CommandError::tenant(format!("{variable} is not set; cannot sign in")).help(format!(
            "set {variable}{place}; to rehearse without a tenant, use `svar run … --rehearse`"
        ))
    };
    let tenant_id = tenant_id.ok_or_else(|| missing("AZURE_TENANT_ID", "tenant_id"))?;
    let client_id = client_id.ok_or_else(|| missing(CLIENT_ID, "client_id"))?;
    let client_secret = variables
        .client_secret
        .ok_or_else(|| missing("AZURE_CLIENT_SECRET", ""))?;
    for (what, id) in [("tenant", &tenant_id), ("client", &client_id)] {
        if !is_valid_id(id) {
            return Err(CommandError::tenant(format!("invalid {what} id")).help(
                "copy it from the application's overview page; it has 36 letters, digits and dashes",
            ));
        }
    }
    let authority = variables.authority_host.or(profile.authority_host.clone());
    let scope = variables.scope.or(profile.scope.clone());
    let api = variables.api_host.or(profile.api_host.clone());
    Ok(Tenant {
        connection: Connection {
            api: parse_service_root(api.as_deref().unwrap_or(DEFAULT_API))?,
            authority: parse_service_root(authority.as_deref().unwrap_or(DEFAULT_AUTHORITY))?,
            scope: scope.unwrap_or_else(|| DEFAULT_SCOPE.to_owned()),
            tenant: tenant_id,
            credentials: Credentials::ClientSecret {
                client_id,
                secret: client_secret,
            },
            timeouts: Timeouts::default(),
        },
        limits: profile.limits,
    })
}

/// Returns the value from the profile or the environment. Both may be set if they are equal.
fn reconcile(
    variable: &str,
    name: ProfileName<'_>,
    profile: &Option<String>,
    environment: Option<String>,
) -> Result<Option<String>, CommandError> {
    match (profile, environment) {
        (Some(profile), Some(environment)) if !profile.eq_ignore_ascii_case(&environment) => {
            let what = if variable == CLIENT_ID {
                "applications"
            } else {
                "tenants"
            };
            Err(match name {
                ProfileName::Named(name) => CommandError::tenant(format!(
                    "{variable} and profile `{name}` name different {what}"
                ))
                .help(format!("unset {variable}, or use another profile")),
                ProfileName::Run | ProfileName::None => {
                    CommandError::tenant(format!("{variable} and the run name different {what}"))
                        .help(format!("unset {variable}"))
                }
            })
        }
        (profile, environment) => Ok(profile.clone().or(environment)),
    }
}

/// Returns whether a tenant or client id is a GUID or a domain name. Ids become parts of addresses,
/// so nothing else is allowed.
fn is_valid_id(id: &str) -> bool {
    (1..=253).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        && !id.contains("..")
}

/// Parses the address of a service. The default scheme is https.
fn parse_service_root(text: &str) -> Result<Root, CommandError> {
    let address = with_scheme("https", text);
    Root::parse(&address).map_err(|error| {
        CommandError::tenant(error.to_string())
            .help("for example https://eu.api.security.microsoft.com")
    })
}

/// Parses the address of an emulator. The default scheme is http.
pub(crate) fn parse_emulator_root(text: &str) -> Result<Root, CommandError> {
    let address = with_scheme("http", text);
    Root::parse(&address).map_err(|error| {
        CommandError::refused(error.to_string())
            .help("use the address that `svar emulator` prints, for example http://127.0.0.1:8080")
    })
}

fn with_scheme(scheme: &str, address: &str) -> String {
    let address = address.trim();
    if address.contains("://") {
        address.to_owned()
    } else {
        format!("{scheme}://{address}")
    }
}
