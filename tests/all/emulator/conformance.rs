//! Facts of the contract, each shown over HTTP.

use std::io::Read as _;

use serde_json::json;
use svar::emulator::Scenario;

use super::world::{get_file, play, run_script};

fn demo() -> Scenario {
    Scenario {
        factor: 1000.0,
        ..Scenario::demo()
    }
}

#[test]
fn a_script_runs_and_its_file_comes_back() {
    play(demo(), |world| async move {
        let machine = world.machine("web-01").await;
        let script = "#!/bin/bash\necho \"hello $1 from $(hostname)\"; grep -c '' /etc/passwd\nid -u; pwd; ls / | tr '\\n' ' '\ntar czf /tmp/x.tar.gz /etc/passwd 2>/dev/null; echo done >&2; cat /etc/shadow; exit 3\n";
        world.upload("hello.sh", script).await.expect(200);
        let action = world
            .run(
                &machine,
                json!([
                    run_script("hello.sh", "'big world'"),
                    get_file("/tmp/x.tar.gz")
                ]),
            )
            .await;
        println!("{action:#}");
        let result = world.result(&action, 0).await.expect(200).json();
        println!("{result:#}");
        assert_eq!(action["status"], "Succeeded");
        assert_eq!(result["exit_code"], 3);
        let file = world.result(&action, 1).await.expect(200);
        let mut content = Vec::new();
        flate2::read::GzDecoder::new(&file.bytes[..])
            .read_to_end(&mut content)
            .unwrap();
        assert_eq!(content[..2], [0x1f, 0x8b]);
        println!("{}", world.get("/emulator/ledger").await.json());
    });
}
