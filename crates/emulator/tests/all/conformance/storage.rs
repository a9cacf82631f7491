//! The storage behind links (API notes 6.1, 6.3): signatures, conditions, ranges.

use reqwest::Method;
use serde_json::json;

use super::{quiet, text};
use crate::world::{Answer, World, run_script};

/// A result's link and its bytes.
async fn blob(world: &World) -> (String, Answer) {
    let machine = world.machine("lin-01").await;
    let action = world
        .run(&machine, json!([run_script("show.sh", "x")]))
        .await;
    let reply = world.link(text(&action, "id"), 0).await.expect(200).json();
    let link = text(&reply, "value").to_owned();
    let whole = world.send(world.http.get(&link)).await.expect(200);
    (link, whole)
}

async fn asked(world: &World, link: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers
        .iter()
        .fold(world.http.get(link), |request, (name, value)| {
            request.header(*name, *value)
        });
    world.send(request).await
}

/// The code in an answer, where there is XML, and in the header.
#[track_caller]
fn code(answer: &Answer) -> String {
    let code = answer.headers["x-ms-error-code"]
        .to_str()
        .unwrap()
        .to_owned();
    let body = String::from_utf8_lossy(&answer.bytes);
    if answer.status != 304 {
        assert!(body.contains(&format!("<Code>{code}</Code>")), "{body}");
        assert_eq!(answer.headers["content-type"], "application/xml");
    }
    assert!(
        answer.headers.contains_key("x-ms-request-id")
            && answer.headers.contains_key("x-ms-version")
    );
    code
}

facts! {
    "6.1" links_work_in_one_form_only: "A result link whose path, signature or signed parameters are changed, repeated or missing is 403 `AuthenticationFailed`; other parameters are ignored.", quiet(), |world| {
        let (link, whole) = blob(&world).await;
        let (front, query) = link.split_once('?').unwrap();
        let pairs: Vec<&str> = query.split('&').collect();
        let mut wrong = vec![
            link.replace("sv=2018-03-28", "sv=2019-12-12"),
            link.replace("/investigation-actions-data/", "/INVESTIGATION-ACTIONS-DATA/"),
            link.replace("/CustomPlaybookCommandOutput/", "/customplaybookcommandoutput/"),
            link.replace("/investigation-actions-data/", "//investigation-actions-data/"),
            format!("{}?{query}", front.to_ascii_uppercase().replace("HTTP://", "http://")),
            format!("{front}/?{query}"),
            format!("{front}?{}", query.to_ascii_uppercase()),
            link.replace("&sig=", "&sig=%41"),
            link.replace("sr=b", "sr=c"),
        ];
        for pair in &pairs {
            let name = pair.split('=').next().unwrap();
            wrong.push(format!("{link}&{pair}"));
            wrong.push(format!("{link}&{name}=x"));
            wrong.push(format!("{front}?{name}=x&{query}"));
            wrong.push(link.replace(pair, ""));
            wrong.push(link.replace(pair, &format!("{name}=")));
        }
        for name in ["st", "si", "sip", "spr", "rscd", "rsct"] {
            wrong.push(format!("{link}&{name}=2020-01-01"));
        }
        for wrong in wrong {
            assert_eq!(code(&world.send(world.http.get(&wrong)).await.expect(403)), "AuthenticationFailed", "{wrong}");
        }
        let reversed: Vec<&str> = pairs.iter().rev().copied().collect();
        for same in [format!("{link}&extra=1"), format!("{front}?{}", reversed.join("&"))] {
            assert_eq!(world.send(world.http.get(&same)).await.expect(200).bytes, whole.bytes, "{same}");
        }
    }
    "6.1" links_are_for_reading: "Writing with a result link is 403 `AuthorizationPermissionMismatch`; other methods are 405; both in the storage's form.", quiet(), |world| {
        let (link, _) = blob(&world).await;
        for method in [Method::PUT, Method::DELETE] {
            let answer = world.send(world.http.request(method, &link)).await.expect(403);
            assert_eq!(code(&answer), "AuthorizationPermissionMismatch");
        }
        for method in [Method::POST, Method::PATCH, Method::OPTIONS] {
            let answer = world.send(world.http.request(method, &link)).await.expect(405);
            assert_eq!((code(&answer).as_str(), &answer.headers["allow"]), ("UnsupportedHttpVerb", &"GET, HEAD".parse().unwrap()));
        }
        let elsewhere = format!("{}/investigation-actions-data/x", world.base);
        assert_eq!(code(&world.send(world.http.get(elsewhere)).await.expect(403)), "AuthenticationFailed");
    }
    "6.3" blobs_can_be_asked_about: "HEAD on a result link has every header of GET, including the real length, and no body.", quiet(), |world| {
        let (link, whole) = blob(&world).await;
        let headed = world.send(world.http.head(&link)).await.expect(200);
        assert_eq!(headed.bytes, b"");
        for name in ["content-type", "etag", "last-modified", "accept-ranges", "x-ms-blob-type", "x-ms-version"] {
            assert_eq!(headed.headers[name], whole.headers[name], "{name}");
        }
        assert_eq!(headed.headers["content-length"], whole.bytes.len().to_string().as_str());
        let part = world.send(world.http.head(&link).header("range", "bytes=2-4")).await.expect(206);
        assert_eq!(part.headers["content-length"], "3");
    }
    "6.3" conditions_on_blobs: "A failed `If-Match` or `If-Unmodified-Since` is 412 `ConditionNotMet`; if neither `If-None-Match` nor `If-Modified-Since` holds it is 304; an invalid date is 400.", quiet(), |world| {
        let (link, whole) = blob(&world).await;
        let etag = whole.headers["etag"].to_str().unwrap();
        let bare = etag.trim_matches('"');
        let modified = whole.headers["last-modified"].to_str().unwrap();
        let (old, new) = ("Tue, 03 Feb 2015 09:10:11 GMT", "Fri, 03 Feb 2090 09:10:11 GMT");
        let several = format!("\"0xBAD\", {etag}");
        let cases: &[(&[(&str, &str)], u16)] = &[
            (&[("if-match", etag)], 200),
            (&[("if-match", bare)], 200),
            (&[("if-match", "*")], 200),
            (&[("if-match", &several)], 200),
            (&[("if-match", "\"0xBAD\"")], 412),
            (&[("if-none-match", etag)], 304),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", &several)], 304),
            (&[("if-none-match", "\"0xBAD\"")], 200),
            (&[("if-modified-since", modified)], 304),
            (&[("if-modified-since", old)], 200),
            (&[("if-modified-since", new)], 304),
            (&[("if-unmodified-since", modified)], 200),
            (&[("if-unmodified-since", old)], 412),
            (&[("if-unmodified-since", new)], 200),
            (&[("if-none-match", etag), ("if-modified-since", old)], 200),
            (&[("if-none-match", etag), ("if-modified-since", new)], 304),
            (&[("if-match", etag), ("if-none-match", etag)], 304),
            (&[("if-match", "\"0xBAD\""), ("if-none-match", etag)], 412),
            (&[("if-modified-since", "yesterday")], 400),
            (&[("if-unmodified-since", "2026-02-03")], 400),
        ];
        for (headers, status) in cases {
            let answer = asked(&world, &link, headers).await;
            assert_eq!(answer.status, *status, "{headers:?}");
            match status {
                200 => assert_eq!(answer.bytes, whole.bytes),
                400 => assert_eq!(code(&answer), "InvalidHeaderValue"),
                _ => assert_eq!(code(&answer), "ConditionNotMet"),
            }
            if *status == 304 {
                assert_eq!((answer.bytes.as_slice(), &answer.headers["etag"]), (&b""[..], &whole.headers["etag"]));
            }
        }
    }
    "6.3" parts_of_blobs: "`bytes=5-` and `bytes=5-9` are 206, `x-ms-range` takes precedence over `Range`; past the end is 416 `InvalidRange` with the size; other forms are ignored (our choice: HTTP allows it).", quiet(), |world| {
        let (link, whole) = blob(&world).await;
        let size = whole.bytes.len();
        let (last, end, huge) = (format!("bytes={}-", size - 1), format!("bytes={size}-"), "bytes=3-99999999999999999999999");
        let parts: [(&str, std::ops::Range<usize>); 6] = [
            ("bytes=0-0", 0..1), ("bytes=0-3", 0..4), ("bytes=5-", 5..size), (&last, size - 1..size), (huge, 3..size), ("bytes=2-100000", 2..size),
        ];
        for (range, bytes) in parts {
            let answer = asked(&world, &link, &[("range", range)]).await.expect(206);
            assert_eq!(answer.bytes, whole.bytes[bytes.clone()], "{range}");
            let content = format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1);
            assert_eq!(answer.headers["content-range"], content.as_str());
        }
        for range in [end.as_str(), "bytes=100000-100001", "bytes=99999999999999999999999-"] {
            let answer = asked(&world, &link, &[("range", range)]).await.expect(416);
            assert_eq!((code(&answer).as_str(), &answer.headers["content-range"]), ("InvalidRange", &format!("bytes */{size}").parse().unwrap()));
        }
        for range in ["bytes=-4", "bytes=5-2", "bytes=0-1,3-4", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-b", "bytes=100000-b", "items=0-1", "bytes=+1-2", "BYTES=0-1"] {
            let answer = asked(&world, &link, &[("range", range)]).await.expect(200);
            assert_eq!(answer.bytes, whole.bytes, "{range}");
        }
        let both = asked(&world, &link, &[("range", "bytes=0-0"), ("x-ms-range", "bytes=1-2")]).await.expect(206);
        assert_eq!(both.bytes, whole.bytes[1..3]);
    }
    "6.3" a_part_of_the_same_blob: "`If-Range` with the blob's tag or date returns the part, with any other value the whole.", quiet(), |world| {
        let (link, whole) = blob(&world).await;
        let (etag, modified) = (whole.headers["etag"].to_str().unwrap(), whole.headers["last-modified"].to_str().unwrap());
        for (wanted, status) in [(etag, 206), (modified, 206), ("\"0xBAD\"", 200), ("Tue, 03 Feb 2015 09:10:11 GMT", 200)] {
            let answer = asked(&world, &link, &[("range", "bytes=0-1"), ("if-range", wanted)]).await;
            assert_eq!(answer.status, status, "{wanted}");
        }
    }
}
