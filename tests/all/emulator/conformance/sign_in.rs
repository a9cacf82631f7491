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
}
