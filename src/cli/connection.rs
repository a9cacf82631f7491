//! Which service is spoken to: a tenant, an emulator elsewhere, or the built-in one.
//!
//! What is typed wins over what is configured, and two sources that contradict each other are
//! refused rather than ranked: on the wrong tenant a playbook runs just as well.

use std::env;
use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::plan::LimitsProfile;

use super::args::ConnectionArgs;
use super::exit::Failure;
use super::settings::{Profile, Settings};

/// Where svar signs in unless told otherwise (contract 2.2).
const AUTHORITY_HOST: &str = "https://login.microsoftonline.com";
/// Where the API answers unless told otherwise (contract 2.1).
const API_HOST: &str = "https://api.security.microsoft.com";

/// The service of a run.
#[derive(Debug)]
pub(super) enum Service {
    /// A tenant.
    Tenant(Box<Tenant>),
    /// An emulator in a process of its own.
    Emulator {
        /// Its address.
        url: String,
    },
    /// The emulator inside this process.
    BuiltIn {
        /// Its scenario, if not the demo one.
        scenario: Option<PathBuf>,
    },
}

/// A tenant and how it is entered.
#[derive(Debug)]
pub(super) struct Tenant {
    /// The directory.
    pub(super) tenant_id: String,
    /// The application.
    pub(super) client_id: String,
    /// Its secret.
    pub(super) client_secret: SecretString,
    /// Where it signs in.
    pub(super) authority_host: String,
    /// Where the API answers.
    pub(super) api_host: String,
    /// The limits its profile names.
    pub(super) limits: Option<LimitsProfile>,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Service::Tenant(tenant) => {
                write!(f, "tenant {} at {}", tenant.tenant_id, tenant.api_host)
            }
            Service::Emulator { url } => write!(f, "the emulator at {url}"),
            Service::BuiltIn { scenario: None } => f.write_str("the built-in emulator"),
            Service::BuiltIn {
                scenario: Some(path),
            } => write!(f, "the built-in emulator with {}", path.display()),
        }
    }
}

impl Service {
    /// The service that arguments, settings and environment mean.
    ///
    /// # Errors
    /// A tenant is named by halves, or by two sources that contradict each other.
    pub(super) fn choose(args: &ConnectionArgs, settings: &Settings) -> Result<Self, Failure> {
        if let Some(url) = &args.emulator {
            return Ok(Service::Emulator {
                url: emulator_url(url)?,
            });
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

/// What the environment says, under the names that Azure's own tools use.
struct Variables {
    tenant_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    authority_host: Option<String>,
    api_host: Option<String>,
}

impl Variables {
    fn read() -> Result<Self, Failure> {
        Ok(Variables {
            tenant_id: variable("AZURE_TENANT_ID")?,
            client_id: variable("AZURE_CLIENT_ID")?,
            client_secret: variable("AZURE_CLIENT_SECRET")?.map(SecretString::from),
            authority_host: variable("AZURE_AUTHORITY_HOST")?,
            api_host: variable("SVAR_API_HOST")?,
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
    let tenant_id = agreed("AZURE_TENANT_ID", name, &profile.tenant_id, variables.tenant_id)?;
    let client_id = agreed("AZURE_CLIENT_ID", name, &profile.client_id, variables.client_id)?;
    let missing = |variable: &str, key: &str| {
        let place = match name {
            Some(name) if !key.is_empty() => format!(", or `{key}` in the profile `{name}`"),
            _ => String::new(),
        };
        Failure::tenant(format!("{variable} is not set, so the tenant can't be entered")).help(
            format!(
                "set {variable}{place}; or rehearse without a tenant: `svar run … --rehearse`"
            ),
        )
    };
    let tenant_id = tenant_id.ok_or_else(|| missing("AZURE_TENANT_ID", "tenant_id"))?;
    let client_id = client_id.ok_or_else(|| missing("AZURE_CLIENT_ID", "client_id"))?;
    let client_secret = variables
        .client_secret
        .ok_or_else(|| missing("AZURE_CLIENT_SECRET", ""))?;
    for (what, id) in [("tenant", &tenant_id), ("client", &client_id)] {
        if !is_plain(id) {
            return Err(Failure::tenant(format!("the {what} id is not an id"))
                .help("copy it from the application's overview page: 36 letters, digits and dashes"));
        }
    }
    let authority = variables.authority_host.or(profile.authority_host.clone());
    let api = variables.api_host.or(profile.api_host.clone());
    Ok(Tenant {
        tenant_id,
        client_id,
        client_secret,
        authority_host: host(authority.as_deref().unwrap_or(AUTHORITY_HOST))?,
        api_host: host(api.as_deref().unwrap_or(API_HOST))?,
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

/// A host as the start of addresses: without a slash at its end, and encrypted unless it is this
/// very computer.
fn host(text: &str) -> Result<String, Failure> {
    let text = text.trim().trim_end_matches('/');
    let text = match text.contains("://") {
        true => text.to_owned(),
        false => format!("https://{text}"),
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(no_host(&text));
    };
    let plain = !rest.is_empty() && !rest.contains(['@', '?', '#', ' ', '\\']);
    match scheme {
        "https" if plain => Ok(text),
        "http" if plain && is_loopback(rest) => Ok(text),
        "http" if plain => Err(Failure::tenant(format!(
            "{text} is not encrypted, and the client secret would go there"
        ))
        .help("use https; only an address of this computer may be spoken to without")),
        _ => Err(no_host(&text)),
    }
}

fn no_host(text: &str) -> Failure {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    Failure::tenant(format!("`{shown}` is not a host"))
        .help("write it like https://api.eu.security.microsoft.com")
}

/// The address of an emulator; a name without a scheme is taken as http.
fn emulator_url(text: &str) -> Result<String, Failure> {
    let text = text.trim().trim_end_matches('/');
    let url = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(['@', '?', '#', ' ', '/', '\\']) => Ok(url),
        _ => Err(Failure::refused(format!(
            "`{}` is not the address of an emulator",
            text.chars().filter(|c| !c.is_control()).take(80).collect::<String>()
        ))
        .help("give what `svar emulator` prints, such as http://127.0.0.1:8080")),
    }
}

fn is_loopback(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
