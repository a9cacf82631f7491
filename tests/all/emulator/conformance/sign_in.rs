//! Hosts, paths, tokens, permissions (contract 2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use svar::emulator::{
    ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, Profile, Scenario, Span, TENANT_ID,
};

use super::{quiet, text, with};
use crate::emulator::world::{Answer, World, run_script};

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

fn assertion(claims: &Value) -> String {
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "RS256", "typ": "JWT", "x5t": "AAAA"});
    format!("{}.{}.c2ln", encoded(&header), encoded(claims))
}

facts! {
    "2.1" paths_match_in_any_case: "The case of a path does not matter.", quiet(), |world| {
        for path in ["/API/MACHINES", "/api/Machines", "/api/machineActions", "/api/LibraryFiles"] {
            world.get(path).await.expect(200);
        }
    }
    "2.1" the_version_segment_may_be_there: "`/api/v1.0/…` answers like `/api/…`.", quiet(), |world| {
        world.get("/api/v1.0/machines").await.expect(200);
        world.get("/API/V1.0/machineactions").await.expect(200);
    }
    "2.1" the_context_names_another_host: "`@odata.context` names a host that is not the one called.", quiet(), |world| {
        let list = world.get("/api/machines").await.expect(200).json();
        let context = text(&list, "@odata.context");
        assert!(context.ends_with("/api/$metadata#Machines"), "{context}");
        assert!(!context.contains("127.0.0.1"), "{context}");
    }
    "2.2" v2_tokens_take_a_scope: "The v2 endpoint takes `scope` and says `expires_in` as a number.", with(|knobs| knobs.token_ttl = None), |world| {
        for scope in [SCOPE, "https://securitycenter.onmicrosoft.com/windowsatpservice/.default"] {
            let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("scope", scope)];
            let reply = token(&world, "oauth2/v2.0/token", &form).await.expect(200).json();
            assert_eq!(reply["token_type"], "Bearer");
            assert_eq!(reply["expires_in"], 3599);
        }
    }
    "2.2" v1_tokens_take_a_resource: "The v1 endpoint takes `resource`, regional ones too, and says `expires_in` as text.", with(|knobs| knobs.token_ttl = None), |world| {
        for resource in ["https://api.securitycenter.microsoft.com", "https://api-eu.securitycenter.microsoft.com"] {
            let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("resource", resource)];
            let reply = token(&world, "oauth2/token", &form).await.expect(200).json();
            assert_eq!(reply["expires_in"], "3599");
            let world = World { token: text(&reply, "access_token").to_owned(), base: world.base.clone(), http: world.http.clone() };
            world.get("/api/machines").await.expect(200);
        }
    }
    "2.2" a_wrong_secret_is_invalid_client: "A wrong secret gets 401 in Entra's own shape.", quiet(), |world| {
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
    "2.2" a_certificate_assertion_is_taken: "A client assertion of the right shape stands for the secret; an expired one does not.", quiet(), |world| {
        for (expiry, status) in [(i64::MAX / 2, 200), (1, 401)] {
            let claims = json!({"aud": "https://login.example/oauth2/v2.0/token", "iss": CLIENT_ID, "sub": CLIENT_ID, "jti": "1", "exp": expiry});
            let assertion = assertion(&claims);
            let form = [
                ("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("scope", SCOPE),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", &assertion),
            ];
            token(&world, "oauth2/v2.0/token", &form).await.expect(status);
        }
    }
    "2.2" an_expired_token_is_unauthorized: "A token lives its hour, then calls get 401 `Unauthorized`.",
        Scenario { factor: 100_000.0, ..with(|knobs| knobs.token_ttl = Some(Span::seconds(1))) }, |world| {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let answer = world.get("/api/machines").await.expect(401);
        assert_eq!(answer.code(), "Unauthorized");
    }
    "2.2" a_foreign_audience_is_forbidden: "A token for another audience gets 403.", quiet(), |world| {
        let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("scope", "https://graph.microsoft.com/.default")];
        let reply = token(&world, "oauth2/v2.0/token", &form).await.expect(200).json();
        let world = World { token: text(&reply, "access_token").to_owned(), ..world };
        world.get("/api/machines").await.expect(403);
    }
    "2.2" a_tampered_token_is_unauthorized: "A token that was changed, or none, gets 401.", quiet(), |world| {
        let tampered = world.token.replacen('.', ".e", 1);
        for token in ["", "x.y.z", &tampered] {
            let world = World { token: token.to_owned(), base: world.base.clone(), http: world.http.clone() };
            world.get("/api/machines").await.expect(401);
        }
        let url = format!("{}/api/machines", world.base);
        world.send(world.http.get(url)).await.expect(401);
    }
    "2.4" starting_needs_its_role: "Without Machine.LiveResponse a start gets 403 `Forbidden` that lists both sides' roles.", roles(&["Machine.ReadWrite.All"]), |world| {
        let machine = world.machine("lin-01").await;
        let answer = world.start(&machine, json!([run_script("show.sh", "")])).await.expect(403);
        assert_eq!(answer.code(), "Forbidden");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("API required roles: Machine.LiveResponse"), "{message}");
        assert!(message.contains("application roles: Machine.ReadWrite.All"), "{message}");
    }
    "2.4" starting_does_not_allow_reading: "Machine.LiveResponse alone can start, and can't read actions or links.", roles(&["Machine.LiveResponse"]), |world| {
        let known = "682bfdf3988cee25176aec9247f91a55fd4db775";
        let answer = world.start(known, json!([run_script("show.sh", "")])).await;
        assert_eq!(answer.status, 404, "the role was enough to be told that there is no such machine");
        world.get("/api/machineactions").await.expect(403);
        world.link("00000000-0000-4000-8000-000000000000", 0).await.expect(403);
    }
    "2.4" reading_needed_less_in_2021: "In 2021 Machine.Read.All was enough for actions; now it is not.",
        Scenario { profile: Profile::Y2021, ..roles(&["Machine.Read.All"]) }, |world| {
        world.get("/api/machineactions").await.expect(200);
        world.get("/api/machines").await.expect(200);
        world.get("/api/libraryfiles").await.expect(403);
    }
    "2.4" read_only_is_refused_now: "Machine.Read.All lists machines, and no longer reads actions.", roles(&["Machine.Read.All"]), |world| {
        world.get("/api/machines").await.expect(200);
        world.get("/api/machineactions").await.expect(403);
        world.get("/api/machines/lin-01").await.expect(403);
    }
    "2.1" paths_that_are_not_there: "An unknown path is 404 `NotFound`, a known one with another method 405 (our choice), both in the common shape.", quiet(), |world| {
        for path in ["/api/nothing", "/", "/api", "/api/machineactions/x/GetLiveResponseResultDownloadLink", "/api/machineactions/x/y/z"] {
            let answer = world.get(path).await.expect(404);
            assert_eq!(answer.code(), "NotFound", "{path}");
        }
        for (method, path) in [("PUT", "/api/machines"), ("DELETE", "/api/machineactions"), ("GET", "/api/advancedqueries/run"), ("DELETE", "/api/machines/x"), ("POST", "/api/libraryfiles/x")] {
            let url = format!("{}{path}", world.base);
            let request = world.http.request(method.parse().unwrap(), url).bearer_auth(&world.token);
            let answer = world.send(request).await.expect(405);
            assert!(answer.json()["error"]["target"].is_string(), "{method} {path}");
        }
    }
    "2.1" links_lead_where_the_call_went: "Links name the host that the caller named, and the path as he wrote it.", with(|knobs| knobs.page_default = Some(1)), |world| {
        let url = format!("{}/API/v1.0/Machines", world.base);
        let request = world.http.get(url).bearer_auth(&world.token).header("host", "api.example.org:8443");
        let page = world.send(request).await.expect(200).json();
        let next = text(&page, "@odata.nextLink");
        assert!(next.starts_with("http://api.example.org:8443/API/v1.0/Machines?"), "{next}");
    }
    "2.2" audiences_that_are_taken: "Older, regional and government hosts are audiences of the API; `api.security.microsoft.com` is not.", quiet(), |world| {
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
    "2.2" sign_ins_that_are_refused: "What is missing or unknown in a sign-in is refused in Entra's shape.", quiet(), |world| {
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
        let url = format!("{}/00000000-0000-4000-8000-000000000000/oauth2/v2.0/token", world.base);
        world.send(world.http.post(url).form(&good)).await.expect(400);
    }
    "2.2" a_refused_sign_in_may_be_400: "A knob makes the refusal of a wrong secret a 400.", with(|knobs| knobs.sign_in_refusal_status = Some(400)), |world| {
        let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", "wrong"), ("scope", SCOPE)];
        assert_eq!(token(&world, "oauth2/v2.0/token", &form).await.expect(400).json()["error"], "invalid_client");
    }
    "2.2" v1_may_say_a_number: "A knob lets the v1 endpoint say `expires_in` as a number.", with(|knobs| { knobs.v1_expires_in_as_text = Some(false); knobs.token_ttl = None; }), |world| {
        let form = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET), ("resource", "https://api.securitycenter.microsoft.com")];
        assert_eq!(token(&world, "oauth2/token", &form).await.expect(200).json()["expires_in"], 3599);
    }
    "2.2" assertions_that_are_refused: "An assertion of another form, for another client, without a certificate's name, or not yet valid, is refused.", quiet(), |world| {
        let claims = json!({"aud": "https://login.example/oauth2/v2.0/token", "iss": CLIENT_ID, "sub": CLIENT_ID, "exp": i64::MAX / 2});
        let changed = |key: &str, value: Value| {
            let mut claims = claims.clone();
            claims[key] = value;
            assertion(&claims)
        };
        let headed = |header: Value| {
            let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            format!("{}.{}.c2ln", encoded(&header), encoded(&claims))
        };
        for (wrong, status) in [
            (assertion(&claims), 200),
            (changed("iss", json!("other")), 401),
            (changed("sub", json!("other")), 401),
            (changed("aud", json!("https://login.example/")), 401),
            (changed("exp", Value::Null), 401),
            (changed("nbf", json!(i64::MAX / 2)), 401),
            (headed(json!({"alg": "HS256", "x5t": "AAAA"})), 401),
            (headed(json!({"alg": "RS256"})), 401),
            ("no.assertion".to_owned(), 401),
        ] {
            let form = [
                ("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("scope", SCOPE),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), ("client_assertion", &wrong),
            ];
            token(&world, "oauth2/v2.0/token", &form).await.expect(status);
        }
    }
    "2.2" fresh_roles_take_a_while: "Roles that were just granted are missing in tokens at first; the 403 heals with a later token, not by itself.",
        Scenario {
            apps: vec![App { roles_from: Span::seconds(1_000_000), ..App::default() }, App { roles_from: Span::seconds(0), ..app("later", &ALL_ROLES) }],
            ..quiet()
        }, |world| {
        let answer = world.get("/api/machines").await.expect(403);
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains("application roles: ."));
        world.signed_in_as("later", CLIENT_SECRET).await.get("/api/machines").await.expect(200);
    }
    "2.4" every_call_has_its_roles: "Each call takes the roles of its row, and no other.", an_app_for_each_role(), |world| {
        let id = "00000000-0000-4000-8000-000000000000";
        let machine = world.machine("lin-01").await;
        let rows: [(&str, String, &[&str]); 9] = [
            ("POST", format!("/api/machines/{machine}/runliveresponse"), &["Machine.LiveResponse"]),
            ("GET", "/api/machineactions".to_owned(), &["Machine.ReadWrite.All"]),
            ("GET", format!("/api/machineactions/{id}"), &["Machine.ReadWrite.All"]),
            ("POST", format!("/api/machineactions/{id}/cancel"), &["Machine.CollectForensics", "Machine.Isolate", "Machine.RestrictExecution", "Machine.Scan", "Machine.Offboard", "Machine.StopAndQuarantine", "Machine.LiveResponse"]),
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
