//! Whatever comes over the wire, the emulator goes on.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::conformance::quiet;
use super::properties::cases;
use super::world::play;

/// Bytes that are no HTTP, nearly HTTP, or HTTP with odd parts.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => prop::sample::select(vec![
            "GET ", "POST ", "\u{0}", " HTTP/1.1\r\n", "/api/machines", "/api/libraryfiles", "Host: x\r\n", "\r\n", "\r\n\r\n",
            "Content-Length: 99999999999\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n", "0\r\n",
            "Authorization: Bearer ", "Expect: 100-continue\r\n", "Connection: upgrade\r\n", "%00%ff%zz", "?$filter=", "../../..", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

#[test]
fn no_bytes_on_the_wire_end_the_emulator() {
    play(quiet(), |world| async move {
        let address = world.base.strip_prefix("http://").unwrap().to_owned();
        let mut runner = TestRunner::deterministic();
        for _ in 0..cases(150) {
            let bytes = noise().new_tree(&mut runner).unwrap().current();
            let mut stream = TcpStream::connect(&address).await.unwrap();
            // It may have hung up in the middle, which is as well.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            // The preface of HTTP/2 is answered in its own frames.
            let is_plain = answer.is_empty() || answer.starts_with(b"HTTP/1.");
            assert!(
                is_plain || bytes.starts_with(b"PRI"),
                "{:?} got {:?}",
                String::from_utf8_lossy(&bytes),
                String::from_utf8_lossy(&answer)
            );
        }
        world.get("/api/machines").await.expect(200);
    });
}
