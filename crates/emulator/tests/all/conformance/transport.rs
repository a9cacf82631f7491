//! What is below the calls: sizes, methods, versions of HTTP (API notes 2.1, 8.6; mostly our choices).

use serde_json::{Value, json};
use svar_emulator::{CLIENT_ID, TENANT_ID};

use super::{quiet, with};
use crate::world::World;

const MEGABYTE: usize = 1024 * 1024;

/// Sends a request with a body of so many megabytes, every byte of it before the answer is read.
async fn heavy(world: &World, path: &str, kind: &str, token: &str, megabytes: usize) -> String {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        megabytes * MEGABYTE
    );
    let piece = vec![b'x'; MEGABYTE];
    let mut parts: Vec<&[u8]> = vec![head.as_bytes()];
    parts.extend(std::iter::repeat_n(piece.as_slice(), megabytes));
    world.raw(&parts).await
}

fn status_and_body(answer: &str) -> (u16, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

const FORM: &str = "multipart/form-data; boundary=limit";

facts! {
    "8.6" uploads_of_any_size_are_refused_alike: "An upload far over the limit, sent completely before the answer is read, gets the same 400 `InvalidInput`; then the connection closes.", quiet(), |world| {
        for megabytes in [22, 34, 64] {
            let answer = heavy(&world, "/api/libraryfiles", FORM, &world.token, megabytes).await;
            let (status, body) = status_and_body(&answer);
            assert_eq!((status, &body["error"]["code"]), (400, &json!("InvalidInput")), "{megabytes} MB");
            assert!(body["error"]["target"].is_string());
            assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
        }
        assert_eq!(status_and_body(&heavy(&world, "/api/libraryfiles", FORM, "nobody", 34).await).0, 401, "who it is comes first");
        world.get("/api/machines").await.expect(200);
    }
    "8.6" the_status_of_a_huge_upload: "The setting for uploads that are too large applies at every size; the limit itself can be raised.",
        with(|settings| { settings.library_too_large_status = Some(413); settings.library_file_max = Some(40 * MEGABYTE as u64); }), |world| {
        let (status, body) = status_and_body(&heavy(&world, "/api/libraryfiles", FORM, &world.token, 48).await);
        assert_eq!((status, &body["error"]["code"]), (413, &json!("InvalidInput")));
        world.upload("large.bin", &"x".repeat(36 * MEGABYTE)).await.expect(200);
    }
    "8.6" an_upload_that_asks_first: "A client that waits for `100 Continue` is rejected at once when the body is too large.", quiet(), |world| {
        let head = format!(
            "POST /api/libraryfiles HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: {FORM}\r\nExpect: 100-continue\r\nContent-Length: 900000000000\r\n\r\n",
            world.token
        );
        let answer = world.raw(&[head.as_bytes()]).await;
        assert_eq!(status_and_body(&answer).0, 400, "{answer}");
        assert!(answer.contains("InvalidInput"));
    }
    "3.4" huge_bodies: "A start, cancel or hunting request with a body of many megabytes is 400 `InvalidRequestBody`; an unknown path or device is reported first.", quiet(), |world| {
        let machine = world.machine("lin-01").await;
        for (path, code, wanted) in [
            (format!("/api/machines/{machine}/runliveresponse"), 400, "InvalidRequestBody"),
            ("/api/machines/nobody/runliveresponse".to_owned(), 404, "ResourceNotFound"),
            ("/api/machineactions/00000000-0000-4000-8000-000000000000/cancel".to_owned(), 400, "InvalidRequestBody"),
            ("/api/advancedqueries/run".to_owned(), 400, "InvalidRequestBody"),
            ("/api/nothing".to_owned(), 404, "NotFound"),
            ("/api/machines".to_owned(), 405, "BadRequest"),
        ] {
            let (status, body) = status_and_body(&heavy(&world, &path, "application/json", &world.token, 16).await);
            assert_eq!((status, &body["error"]["code"]), (code, &json!(wanted)), "{path}");
        }
    }
    "2.2" a_huge_sign_in: "A sign-in with a body of many megabytes is rejected in Entra's form.", quiet(), |world| {
        let path = format!("/{TENANT_ID}/oauth2/v2.0/token?client_id={CLIENT_ID}");
        let (status, body) = status_and_body(&heavy(&world, &path, "application/x-www-form-urlencoded", "", 16).await);
        assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
    }
    "2.1" wrong_methods_name_the_right_ones: "A method that a path does not support is 405 with `Allow` (our choice).", quiet(), |world| {
        let id = "00000000-0000-4000-8000-000000000000";
        let machine = world.machine("lin-01").await;
        let table = [
            ("/api/machines".to_owned(), "GET, HEAD"),
            ("/api/v1.0/Machines/".to_owned(), "GET, HEAD"),
            ("/api/machines/findbytag".to_owned(), "GET, HEAD"),
            (format!("/api/machines/{machine}"), "GET, HEAD"),
            (format!("/api/machines/{machine}/runliveresponse"), "POST"),
            ("/api/machineactions".to_owned(), "GET, HEAD"),
            (format!("/api/machineactions/{id}"), "GET, HEAD"),
            (format!("/api/machineactions/{id}/cancel"), "POST"),
            (format!("/api/machineactions/{id}/GetLiveResponseResultDownloadLink(index=0)"), "GET, HEAD"),
            ("/api/libraryfiles".to_owned(), "GET, HEAD, POST"),
            ("/api/advancedqueries/run".to_owned(), "POST"),
            (format!("/{TENANT_ID}/oauth2/v2.0/token"), "POST"),
            (format!("/{TENANT_ID}/oauth2/token"), "POST"),
            ("/emulator/ledger".to_owned(), "GET, HEAD"),
            ("/emulator/clock".to_owned(), "GET, HEAD"),
        ];
        for (path, allow) in &table {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                let request = world.http.request(method.parse().unwrap(), format!("{}{path}", world.base));
                let answer = world.send(request.bearer_auth(&world.token)).await;
                let is_allowed = allow.split(", ").any(|known| known == method);
                assert_eq!(answer.status == 405, !is_allowed, "{method} {path}: {}", answer.status);
                if !is_allowed {
                    assert_eq!(answer.headers["allow"], *allow, "{method} {path}");
                    assert!(method == "HEAD" || answer.json()["error"]["target"].is_string(), "{method} {path}");
                }
            }
        }
        let request = world.http.put(format!("{}/api/libraryfiles/x", world.base));
        assert_eq!(world.send(request).await.expect(405).headers["allow"], "DELETE", "one file can't be read");
    }
    "2.1" head_is_get_without_the_body: "HEAD has the headers of GET, including the length, and no body.", quiet(), |world| {
        for path in ["/api/machines", "/api/libraryfiles", "/api/machines/nobody"] {
            let got = world.get(path).await;
            let request = world.http.head(format!("{}{path}", world.base)).bearer_auth(&world.token);
            let headed = world.send(request).await.expect(got.status);
            assert_eq!(headed.bytes, b"");
            assert_eq!(headed.headers["content-length"], got.bytes.len().to_string().as_str());
            assert_eq!(headed.headers["content-type"], got.headers["content-type"]);
        }
    }
    "2.1" without_tls_there_is_no_second_version: "A client that begins with HTTP/2 gets 505: the service speaks HTTP/2 over TLS only, and the emulator has no TLS (our choice).", quiet(), |world| {
        let http = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
        let answer = world.send(http.get(format!("{}/api/machines", world.base))).await.expect(505);
        assert!(String::from_utf8_lossy(&answer.bytes).contains("HTTP/1.1"), "{answer:?}");
    }
}
