//! The fleet that is played when nobody brings one: the shipped scripts, executed.

use std::io::Read as _;

use serde_json::json;
use svar_emulator::Scenario;

use super::world::{get_file, play, run_script};

#[test]
fn the_demo_has_no_problems() {
    assert_eq!(Scenario::demo().problems(), []);
}

#[test]
fn triage_really_runs_on_a_demo_server_and_finds_the_intruder() {
    play(Scenario::demo(), |world| async move {
        let script = include_str!("../../../../playbooks/scripts/triage-linux.sh");
        world.upload("triage-linux.sh", script).await.expect(200);
        let machine = world.machine("web-01").await;
        let archive = get_file("/var/lib/svar-triage/triage.tar.gz");
        let action = world
            .run(
                &machine,
                json!([run_script("triage-linux.sh", "--log-lines 50"), archive]),
            )
            .await;
        let result = world.result(&action, 0).await.expect(200).json();
        let output = result["script_output"].as_str().unwrap();
        assert!(output.contains("TRIAGE-COMPLETE"), "{result:#}");
        assert_eq!(action["status"], "Succeeded", "{action:#}");
        let file = world.result(&action, 1).await.expect(200);
        let mut archive = Vec::new();
        let mut inner = flate2::read::GzDecoder::new(flate2::read::GzDecoder::new(&file.bytes[..]));
        inner.read_to_end(&mut archive).unwrap();
        let archive = String::from_utf8_lossy(&archive);
        assert!(
            archive.contains("198.51.100.23"),
            "the intruder's address is in no collected fact"
        );
    });
}
