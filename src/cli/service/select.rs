//! Which service is spoken to: a tenant, an emulator elsewhere, or the built-in one.
//!
//! What is typed wins over what is configured, and two sources that contradict each other are
//! refused rather than ranked: on the wrong tenant a playbook runs just as well.

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
use crate::cli::output::exit::Failure;
use crate::cli::output::terminal::{Style, Terminal, say};
use crate::cli::service::settings::{Profile, Settings};

/// The service of a run.
#[derive(Debug)]
pub(crate) enum Service {
    /// A tenant.
    Tenant(Box<Tenant>),
    /// An emulator in a process of its own.
    Emulator(Root),
    /// The emulator inside this process.
    BuiltIn {
        /// Its scenario, if not the demo one.
        scenario: Option<PathBuf>,
    },
}

/// A tenant and how it is entered.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// Where it is and who asks.
    pub(crate) connection: Connection,
    /// The limits its profile names.
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
    /// The first line of every command that speaks with a service: which one, and whether there are
    /// real devices behind it.
    pub(crate) fn announce(&self, terminal: &Terminal) {
        let (style, behind) = match self {
            Service::Tenant(_) => (Style::Warn, "its devices are real"),
            _ => (Style::Note, "no real device is touched"),
        };
        let text = format!("using {self}: {behind}");
        say(&format!("{}\n", terminal.paint(style, &text)));
    }

    /// The limits its profile names.
    pub(crate) fn limits(&self) -> Option<LimitsProfile> {
        match self {
            Service::Tenant(tenant) => tenant.limits,
            _ => None,
        }
    }

    /// What the emulator inside this process plays, if it is that and not the demo fleet.
    ///
    /// # Errors
    /// The scenario can't be read: drawn.
    pub(crate) fn scenario(&self, terminal: &Terminal) -> Result<Option<Scenario>, Failure> {
        match self {
            Service::BuiltIn {
                scenario: Some(path),
            } => scenario::load(path, terminal).map(Some),
            _ => Ok(None),
        }
    }

    /// The service that arguments, settings and environment mean.
    ///
    /// # Errors
    /// A tenant is named by halves, or by two sources that contradict each other.
    pub(crate) fn choose(args: &ConnectionArgs, settings: &Settings) -> Result<Self, Failure> {
        if let Some(url) = &args.emulator {
            return emulator(url).map(Service::Emulator);
        }
        if args.rehearse || args.scenario.is_some() {
            return Ok(Service::BuiltIn {
                scenario: args.scenario.clone(),
            });
        }
        let name = args.profile.as_deref().or(settings.profile.as_deref());
        let named = name.map(|name| settings.profile(name)).transpose()?;
        let variables = Variables::read()?;
        if named.is_none() && variables.are_absent() {
            return Ok(Service::BuiltIn { scenario: None });
        }
        let profile = named.cloned().unwrap_or_default();
        tenant(name, &profile, variables).map(|tenant| Service::Tenant(Box::new(tenant)))
    }
}

impl Service {
    /// The tenant of a run that has begun, at the hosts it was pinned to. Only the secret is asked
    /// for anew.
    ///
    /// # Errors
    /// The secret is not there, or the environment names another tenant.
    pub(crate) fn again(record: &ServiceRecord) -> Result<Self, Failure> {
        let mut variables = Variables::read()?;
        variables.authority_host = None;
        variables.api_host = None;
        variables.scope = None;
        let pinned = Profile {
            tenant_id: Some(record.tenant.clone()),
            client_id: Some(record.client.clone()),
            authority_host: Some(record.authority.clone()),
            api_host: Some(record.api.clone()),
            scope: Some(record.scope.clone()),
            limits: None,
        };
        tenant(Some("of the run"), &pinned, variables)
            .map(|tenant| Service::Tenant(Box::new(tenant)))
    }
}

/// What the environment says, under the names that Azure's own tools use.
struct Variables {
    tenant_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    authority_host: Option<String>,
    api_host: Option<String>,
    scope: Option<String>,
}

impl Variables {
    fn read() -> Result<Self, Failure> {
        Ok(Variables {
            tenant_id: variable("AZURE_TENANT_ID")?,
            client_id: variable("AZURE_CLIENT_ID")?,
            client_secret: variable("AZURE_CLIENT_SECRET")?.map(SecretString::from),
            authority_host: variable("AZURE_AUTHORITY_HOST")?,
            api_host: variable("SVAR_API_HOST")?,
            scope: variable("SVAR_SCOPE")?,
        })
    }

    /// Whether no tenant is meant. The hosts alone name none.
    fn are_absent(&self) -> bool {
        self.tenant_id.is_none() && self.client_id.is_none() && self.client_secret.is_none()
    }
}

fn variable(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value.trim().to_owned())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::tenant(format!("{name} is not text"))
            .help("set it again; a stray byte got into it")),
    }
}

fn tenant(name: Option<&str>, profile: &Profile, variables: Variables) -> Result<Tenant, Failure> {
    let tenant_id = agreed(
        "AZURE_TENANT_ID",
        name,
        &profile.tenant_id,
        variables.tenant_id,
    )?;
    let client_id = agreed(
        "AZURE_CLIENT_ID",
        name,
        &profile.client_id,
        variables.client_id,
    )?;
    let missing = |variable: &str, key: &str| {
        let place = match name {
            Some(name) if !key.is_empty() => format!(", or `{key}` in the profile `{name}`"),
            _ => String::new(),
        };
        Failure::tenant(format!(
            "{variable} is not set, so the tenant can't be entered"
        ))
        .help(format!(
            "set {variable}{place}; or rehearse without a tenant: `svar run … --rehearse`"
        ))
    };
    let tenant_id = tenant_id.ok_or_else(|| missing("AZURE_TENANT_ID", "tenant_id"))?;
    let client_id = client_id.ok_or_else(|| missing("AZURE_CLIENT_ID", "client_id"))?;
    let client_secret = variables
        .client_secret
        .ok_or_else(|| missing("AZURE_CLIENT_SECRET", ""))?;
    for (what, id) in [("tenant", &tenant_id), ("client", &client_id)] {
        if !is_plain(id) {
            return Err(Failure::tenant(format!("the {what} id is not an id")).help(
                "copy it from the application's overview page: 36 letters, digits and dashes",
            ));
        }
    }
    let authority = variables.authority_host.or(profile.authority_host.clone());
    let scope = variables.scope.or(profile.scope.clone());
    let api = variables.api_host.or(profile.api_host.clone());
    Ok(Tenant {
        connection: Connection {
            api: root(api.as_deref().unwrap_or(DEFAULT_API))?,
            authority: root(authority.as_deref().unwrap_or(DEFAULT_AUTHORITY))?,
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

/// The value both sources agree on, or the only one there is.
fn agreed(
    variable: &str,
    name: Option<&str>,
    profile: &Option<String>,
    environment: Option<String>,
) -> Result<Option<String>, Failure> {
    match (profile, environment) {
        (Some(profile), Some(environment)) if !profile.eq_ignore_ascii_case(&environment) => {
            Err(Failure::tenant(format!(
                "{variable} and the profile `{}` name different ones",
                name.unwrap_or_default()
            ))
            .help(format!("unset {variable}, or choose another profile")))
        }
        (profile, environment) => Ok(profile.clone().or(environment)),
    }
}

/// Tenant and client ids stand in addresses: a GUID or a domain name, nothing that could leave its
/// place there.
fn is_plain(id: &str) -> bool {
    (1..=253).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        && !id.contains("..")
}

/// A root that a secret may be sent to; a bare name is taken as https.
fn root(text: &str) -> Result<Root, Failure> {
    let text = text.trim();
    let address = match text.contains("://") {
        true => text.to_owned(),
        false => format!("https://{text}"),
    };
    Root::parse(&address).map_err(|error| {
        Failure::tenant(error.to_string())
            .help("write it like https://api.eu.security.microsoft.com")
    })
}

/// The root of an emulator; a bare address is taken as http.
pub(crate) fn emulator(text: &str) -> Result<Root, Failure> {
    let text = text.trim();
    let address = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    Root::parse(&address).map_err(|error| {
        Failure::refused(error.to_string())
            .help("give what `svar emulator` prints, such as http://127.0.0.1:8080")
    })
}
