//! Hosts, paths, tokens, permissions (API notes 2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use svar_emulator::{
    ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, Scenario, ServiceProfile, TENANT_ID, TimeSpan,
};

use super::{quiet, text, with};
use crate::world::{Answer, World, run_script};

const SCOPE: &str = "https://api.securitycenter.microsoft.com/.default";

async fn token(world: &World, path: &str, form: &[(&str, &str)]) -> Answer {
    let url = format!("{}/{TENANT_ID}/{path}", world.base);
    world.send(world.http.post(url).form(form)).await
}

fn roles(names: &[&str]) -> Scenario {
    Scenario {
        apps: vec![App {
            roles: names.iter().map(|name| (*name).to_owned()).collect(),
            ..App::default()
        }],
        ..quiet()
    }
}

const EACH_ROLE: [&str; 12] = [
    "Machine.LiveResponse",
    "Machine.ReadWrite.All",
    "Machine.Read.All",
    "Library.Manage",
    "AdvancedQuery.Read.All",
    "Machine.CollectForensics",
    "Machine.Isolate",
    "Machine.RestrictExecution",
    "Machine.Scan",
    "Machine.Offboard",
    "Machine.StopAndQuarantine",
    "User.Read.All",
];

fn app(id: &str, roles: &[&str]) -> App {
    App {
        id: id.to_owned(),
        name: id.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..App::default()
    }
}

/// The usual application, and one for each role, called like it.
fn an_app_for_each_role() -> Scenario {
    let mut scenario = quiet();
    let apps = EACH_ROLE.iter().map(|role| app(role, &[role]));
    scenario.apps.extend(apps);
    scenario
}

/// An assertion of that header and those claims; its signature is not looked at.
fn jwt(header: &Value, claims: &Value) -> String {
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", encoded(header), encoded(claims))
}

fn thumbprint() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "x5t": URL_SAFE_NO_PAD.encode([7; 20])})
}

/// The claims of a good assertion, valid for `life_s` seconds of the service's clock.
async fn claims(world: &World, life_s: f64) -> Value {
    let clock = world.get("/emulator/clock").await.json();
    let now = svar_wire::Moment::parse(text(&clock, "now")).unwrap();
    let now_s = now.millis() / 1000;
    let audience = format!("https://login.example/{TENANT_ID}/oauth2/v2.0/token");
    json!({"aud": audience, "iss": CLIENT_ID, "sub": CLIENT_ID, "jti": "1", "nbf": now_s, "exp": now_s as f64 + life_s})
}

/// Signs in with an assertion.
async fn asserted(world: &World, assertion: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("scope", SCOPE),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", assertion),
    ];
    token(world, "oauth2/v2.0/token", &form).await
}

facts! {
    "2.1" paths_match_in_any_case: "Paths ignore case.", quiet(), |world| {
        for path in ["/API/MACHINES", "/api/Machines", "/api/machineActions", "/api/LibraryFiles"] {
            world.get(path).await.expect(200);
        }
    }
    "2.1" the_version_segment_may_be_there: "`/api/v1.0/…` is the same as `/api/…`.", quiet(), |world| {
        world.get("/api/v1.0/machines").await.expect(200);
        world.get("/API/V1.0/machineactions").await.expect(200);
    }
    "2.1" the_context_names_another_host: "`@odata.context` names a host other than the one called.", quiet(), |world| {
        let list = world.get("/api/machines").await.expect(200).json();
        let context = text(&list, "@odata.context");
        assert!(context.ends_with("/api/$metadata#Machines"), "{context}");
        assert!(!context.contains("127.0.0.1"), "{context}");
    }
    "2.2" v2_tokens_take_a_scope: "The v2 token endpoint takes `scope` and returns `expires_in` as a number.", with(|settings| settings.token_ttl = None), |world| {
        for scope in [SCOPE, "https://securitycenter.onmicrosoft.com/windowsatpservice/.default"] {
            let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("scope", scope)];
            let reply = token(&world, "oauth2/v2.0/token", &form).await.expect(200).json();
            assert_eq!(reply["token_type"], "Bearer");
            assert_eq!(reply["expires_in"], 3599);
        }
    }
    "2.2" v1_tokens_take_a_resource: "The v1 token endpoint takes `resource`, also a regional one, and returns `expires_in` as a string.", with(|settings| settings.token_ttl = None), |world| {
        for resource in ["https://api.securitycenter.microsoft.com", "https://api-eu.securitycenter.microsoft.com"] {
            let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("resource", resource)];
            let reply = token(&world, "oauth2/token", &form).await.expect(200).json();
            assert_eq!(reply["expires_in"], "3599");
            let world = World { token: text(&reply, "access_token").to_owned(), base: world.base.clone(), http: world.http.clone() };
            world.get("/api/machines").await.expect(200);
        }
    }
    "2.2" a_wrong_secret_is_invalid_client: "A wrong secret is 401 in Entra's form.", quiet(), |world| {
        let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", "wrong"), ("scope", SCOPE)];
        let reply = token(&world, "oauth2/v2.0/token", &form).await.expect(401).json();
        assert_eq!(reply["error"], "invalid_client");
        assert!(text(&reply, "error_description").starts_with("AADSTS"));
    }
    "2.2" roles_ride_in_the_token: "The token's `roles` claim lists the application's permissions.", quiet(), |world| {
        let claims = world.token.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["roles"], json!(ALL_ROLES));
    }
    "2.2" a_certificate_assertion_is_taken: "A valid client assertion replaces the secret for at most 10 minutes; its times can have fractions. It can be used again (our choice).", quiet(), |world| {
        let good = claims(&world, 600.0).await;
        let assertion = jwt(&thumbprint(), &good);
        asserted(&world, &assertion).await.expect(200);
        asserted(&world, &assertion).await.expect(200);
        let now_s = good["nbf"].as_i64().unwrap();
        for (from, until, status) in [
            (json!(now_s), json!(now_s as f64 + 599.5), 200), (json!(now_s as f64 - 0.25), json!(now_s + 300), 200), (Value::Null, json!(now_s + 600), 200),
            (json!(now_s + 200), json!(now_s + 800), 200), (json!(now_s), json!(now_s + 660), 401), (Value::Null, json!(now_s + 3600), 401),
            (json!(now_s - 1000), json!(now_s + 60), 401), (json!(now_s - 500), json!(now_s - 1), 401), (json!(now_s + 400), json!(now_s + 500), 401),
        ] {
            let mut claims = good.clone();
            claims["nbf"] = from.clone();
            claims["exp"] = until.clone();
            assert_eq!(asserted(&world, &jwt(&thumbprint(), &claims)).await.status, status, "{from} to {until}");
        }
    }
    "2.2" an_expired_token_is_unauthorized: "A token is valid for an hour; after that calls are 401 `Unauthorized`.",
        Scenario { factor: 100_000.0, ..with(|settings| settings.token_ttl = Some(TimeSpan::seconds(1))) }, |world| {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let answer = world.get("/api/machines").await.expect(401);
        assert_eq!(answer.code(), "Unauthorized");
    }
    "2.2" a_foreign_audience_is_forbidden: "A token for another audience is 403.", quiet(), |world| {
        let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("scope", "https://graph.microsoft.com/.default")];
        let reply = token(&world, "oauth2/v2.0/token", &form).await.expect(200).json();
        let world = World { token: text(&reply, "access_token").to_owned(), ..world };
        world.get("/api/machines").await.expect(403);
    }
    "2.2" a_tampered_token_is_unauthorized: "A changed or missing token is 401.", quiet(), |world| {
        let tampered = world.token.replacen('.', ".e", 1);
        for token in ["", "x.y.z", &tampered] {
            let world = World { token: token.to_owned(), base: world.base.clone(), http: world.http.clone() };
            world.get("/api/machines").await.expect(401);
        }
        let url = format!("{}/api/machines", world.base);
        world.send(world.http.get(url)).await.expect(401);
    }
    "2.4" starting_needs_its_role: "A start without `Machine.LiveResponse` is 403 `Forbidden` and lists the required and the actual roles.", roles(&["Machine.ReadWrite.All"]), |world| {
        let machine = world.machine("lin-01").await;
        let answer = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(403);
        assert_eq!(answer.code(), "Forbidden");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("API required roles: Machine.LiveResponse"), "{message}");
        assert!(message.contains("application roles: Machine.ReadWrite.All"), "{message}");
    }
    "2.4" starting_does_not_allow_reading: "`Machine.LiveResponse` alone can start sessions, but not read actions or result links.", roles(&["Machine.LiveResponse"]), |world| {
        let known = "682bfdf3988cee25176aec9247f91a55fd4db775";
        let answer = world.start(known, json!([run_script("show.sh", "")])).await;
        assert_eq!(answer.status, 404, "the role was enough to be told that there is no such machine");
        world.get("/api/machineactions").await.expect(403);
        world.link("00000000-0000-4000-8000-000000000000", 0).await.expect(403);
    }
    "2.4" reading_needed_less_in_2021: "In 2021 `Machine.Read.All` was enough to read actions; now it is not.",
        Scenario { profile: ServiceProfile::Y2021, ..roles(&["Machine.Read.All"]) }, |world| {
        world.get("/api/machineactions").await.expect(200);
        world.get("/api/machines").await.expect(200);
        world.get("/api/libraryfiles").await.expect(403);
    }
    "2.4" read_only_is_refused_now: "`Machine.Read.All` can list machines, but no longer read actions.", roles(&["Machine.Read.All"]), |world| {
        world.get("/api/machines").await.expect(200);
        world.get("/api/machineactions").await.expect(403);
        world.get("/api/machines/lin-01").await.expect(403);
    }
    "2.1" paths_that_are_not_there: "An unknown path is 404 `NotFound` in the common form (our choice).", quiet(), |world| {
        for path in ["/api/nothing", "/", "/api", "/api/machineactions/x/GetLiveResponseResultDownloadLink", "/api/machineactions/x/y/z"] {
            let answer = world.get(path).await.expect(404);
            assert_eq!(answer.code(), "NotFound", "{path}");
        }
    }
    "2.1" links_lead_where_the_call_went: "Links use the host and the path that the caller used.", with(|settings| settings.default_page_size = Some(1)), |world| {
        let url = format!("{}/API/v1.0/Machines", world.base);
        let request = world.http.get(url).bearer_auth(&world.token).header("host", "api.example.org:8443");
        let page = world.send(request).await.expect(200).json();
        let next = text(&page, "@odata.nextLink");
        assert!(next.starts_with("http://api.example.org:8443/API/v1.0/Machines?"), "{next}");
    }
    "2.2" audiences_that_are_taken: "Older, regional and government hosts are accepted as audience; `api.security.microsoft.com` is not.", quiet(), |world| {
        for (host, status) in [
            ("api.securitycenter.microsoft.com", 200), ("api.securitycenter.windows.com", 200), ("api-eu.securitycenter.microsoft.com", 200),
            ("api-gcc.securitycenter.microsoft.us", 200), ("api-gov.securitycenter.microsoft.us", 200),
            ("api.security.microsoft.com", 403), ("api.securitycenter.microsoft.com.example.org", 403),
        ] {
            let scope = format!("https://{host}/.default");
            let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("scope", &scope)];
            let reply = token(&world, "oauth2/v2.0/token", &form).await.expect(200).json();
            let world = World { token: text(&reply, "access_token").to_owned(), base: world.base.clone(), http: world.http.clone() };
            assert_eq!(world.get("/api/machines").await.status, status, "{host}");
        }
    }
    "2.2" sign_ins_that_are_refused: "A sign-in with missing or unknown values is rejected in Entra's form.", quiet(), |world| {
        let good = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("scope", SCOPE)];
        for (key, value, status, error) in [
            ("grant_type", "password", 400, "unsupported_grant_type"),
            ("grant_type", "", 400, "invalid_request"),
            ("client_id", "", 400, "invalid_request"),
            ("client_id", "11111111-2222-4333-8444-555555555555", 401, "invalid_client"),
            ("client_secret", "", 401, "invalid_client"),
            ("scope", "", 400, "invalid_request"),
            ("scope", "https://api.securitycenter.microsoft.com/Machine.Read", 400, "invalid_scope"),
        ] {
            let form: Vec<(&str, &str)> = good.iter().map(|(name, old)| (*name, if *name == key { value } else { *old })).collect();
            let reply = token(&world, "oauth2/v2.0/token", &form).await.expect(status).json();
            assert_eq!(reply["error"], error, "{key}={value}");
            assert!(text(&reply, "error_description").starts_with("AADSTS"));
        }
    }
    "2.2" a_refused_sign_in_may_be_400: "A setting makes a wrong secret 400.", with(|settings| settings.sign_in_refusal_status = Some(400)), |world| {
        let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", "wrong"), ("scope", SCOPE)];
        assert_eq!(token(&world, "oauth2/v2.0/token", &form).await.expect(400).json()["error"], "invalid_client");
    }
    "2.2" v1_may_say_a_number: "A setting makes the v1 endpoint return `expires_in` as a number.", with(|settings| { settings.v1_expires_in_as_text = Some(false); settings.token_ttl = None; }), |world| {
        let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("resource", "https://api.securitycenter.microsoft.com")];
        assert_eq!(token(&world, "oauth2/token", &form).await.expect(200).json()["expires_in"], 3599);
    }
    "2.2" assertions_that_are_refused: "An assertion in the wrong form, for another client or endpoint, without thumbprint or `jti`, or with invalid times is 401 `invalid_client`.", quiet(), |world| {
        let good = claims(&world, 300.0).await;
        let claimed = |key: &str, value: Value| {
            let mut claims = good.clone();
            claims[key] = value;
            jwt(&thumbprint(), &claims)
        };
        let headed = |key: &str, value: Value| {
            let mut header = thumbprint();
            header[key] = value;
            jwt(&header, &good)
        };
        let (sha256, unsigned) = (URL_SAFE_NO_PAD.encode([7; 32]), jwt(&thumbprint(), &good).replace(".c2ln", "."));
        let elsewhere = "https://login.example/00000000-0000-4000-8000-000000000000/oauth2/v2.0/token";
        for (assertion, status) in [
            (jwt(&thumbprint(), &good), 200),
            (jwt(&json!({"alg": "PS256", "x5t#S256": sha256}), &good), 200),
            (claimed("aud", json!(format!("https://login.example/{}/OAUTH2/token", TENANT_ID.to_uppercase()))), 200),
            (claimed("iss", json!("other")), 401),
            (claimed("sub", json!("other")), 401),
            (claimed("aud", json!("https://login.example/")), 401),
            (claimed("aud", json!(elsewhere)), 401),
            (claimed("aud", json!([good["aud"]])), 401),
            (claimed("aud", Value::Null), 401),
            (claimed("jti", Value::Null), 401),
            (claimed("exp", Value::Null), 401),
            (claimed("exp", json!(good["exp"].to_string())), 401),
            (claimed("nbf", json!("now")), 401),
            (headed("x5t", json!("a".repeat(27))), 200),
            (headed("x5t", json!(format!("{}=", "A".repeat(27)))), 200),
            (headed("alg", json!("none")), 401),
            (headed("alg", json!("HS256")), 401),
            (headed("alg", Value::Null), 401),
            (headed("x5t", Value::Null), 401),
            (headed("x5t", json!("AAAA")), 401),
            (headed("x5t", json!("07070707070707070707070707070707070707")), 401),
            (unsigned, 401),
            ("no.assertion".to_owned(), 401),
            ("a.b.c".to_owned(), 401),
        ] {
            let reply = asserted(&world, &assertion).await.expect(status).json();
            assert!(status == 200 || reply["error"] == "invalid_client", "{reply}");
        }
        let reply = asserted(&world, &claimed("exp", json!(good["nbf"]))).await.expect(401).json();
        assert!(!text(&reply, "error_description").contains("missing"), "{reply}");
    }
    "2.2" another_tenant_is_unknown: "A sign-in to another tenant is 401 `invalid_client` in Entra's form, or the status in a setting.", with(|settings| settings.sign_in_refusal_status = Some(401)), |world| {
        let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("scope", SCOPE)];
        for path in ["nope/oauth2/v2.0/token", "00000000-0000-4000-8000-000000000000/oauth2/token"] {
            let reply = world.send(world.http.post(format!("{}/{path}", world.base)).form(&form)).await.expect(401).json();
            assert_eq!(reply["error"], "invalid_client");
            assert!(text(&reply, "error_description").starts_with("AADSTS90002"));
        }
    }
    "2.2" fresh_roles_take_a_while: "Newly granted roles are missing from tokens at first; only a later token removes the 403.",
        Scenario {
            apps: vec![App { roles_from: TimeSpan::seconds(1_000_000), ..App::default() }, App { roles_from: TimeSpan::seconds(0), ..app("later", &ALL_ROLES) }],
            ..quiet()
        }, |world| {
        let answer = world.get("/api/machines").await.expect(403);
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains("application roles: ."));
        world.signed_in_as("later", CLIENT_SECRET).await.get("/api/machines").await.expect(200);
    }
    "2.4" every_call_has_its_roles: "Each call requires a role of its row; other roles are not enough.", an_app_for_each_role(), |world| {
        let id = "00000000-0000-4000-8000-000000000000";
        let machine = world.machine("lin-01").await;
        let rows: [(&str, String, &[&str]); 12] = [
            ("POST", format!("/api/machines/{machine}/runliveresponse"), &["Machine.LiveResponse"]),
            ("GET", "/api/machineactions".to_owned(), &["Machine.ReadWrite.All"]),
            ("GET", format!("/api/machineactions/{id}"), &["Machine.ReadWrite.All"]),
            ("POST", format!("/api/machineactions/{id}/cancel"), &["Machine.CollectForensics", "Machine.Isolate", "Machine.RestrictExecution", "Machine.Scan", "Machine.Offboard", "Machine.StopAndQuarantine", "Machine.LiveResponse"]),
            ("GET", format!("/api/machineactions/{id}/GetLiveResponseResultDownloadLink(index=0)"), &["Machine.ReadWrite.All"]),
            ("GET", format!("/api/machines/{machine}"), &["Machine.ReadWrite.All"]),
            ("POST", "/api/libraryfiles".to_owned(), &["Library.Manage"]),
            ("GET", "/api/libraryfiles".to_owned(), &["Library.Manage"]),
            ("DELETE", "/api/libraryfiles/nothing".to_owned(), &["Library.Manage"]),
            ("GET", "/api/machines".to_owned(), &["Machine.Read.All", "Machine.ReadWrite.All"]),
            ("GET", "/api/machines/findbytag?tag=x".to_owned(), &["Machine.Read.All", "Machine.ReadWrite.All"]),
            ("POST", "/api/advancedqueries/run".to_owned(), &["AdvancedQuery.Read.All"]),
        ];
        for role in EACH_ROLE {
            let app = world.signed_in_as(role, CLIENT_SECRET).await;
            for (method, path, wanted) in &rows {
                let url = format!("{}{path}", app.base);
                let request = app.http.request(method.parse().unwrap(), url).bearer_auth(&app.token);
                let status = app.send(request).await.status;
                assert_eq!(status != 403, wanted.contains(&role), "{role} at {method} {path}: {status}");
            }
        }
    }
}
