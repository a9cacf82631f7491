//! Every misbehaviour of the service at every call of a run, once: the run gets over it, or names
//! the refusal, and no session is started twice.

use svar::driver::Ending;
use svar_emulator::{Call, Fault, FaultKind, Scenario};
use svar_engine::EndState;
use svar_plan::GivenInputs;

use super::world::{World, linux, play};

const PLAYBOOK: &str = r"playbook: 1
name: Faults
risk: read
os: linux
library:
  work: { path: work.sh }
targets: { tag: triage }
steps:
  - id: work
    run: work
  - get: /var/tmp/made.txt
";

const SCRIPT: &str = r#"mkdir -p "$SVAR_DEVICE_ROOT/var/tmp"
echo made >> "$SVAR_DEVICE_ROOT/var/tmp/made.txt"
"#;

const FAULTS: [FaultKind; 29] = [
    FaultKind::Unauthorized,
    FaultKind::Forbidden,
    FaultKind::NotFound,
    FaultKind::Throttled,
    FaultKind::ThrottledWithoutRetryAfter,
    FaultKind::ServerError,
    FaultKind::ServerErrorAfterSuccess,
    FaultKind::BadGateway,
    FaultKind::BadGatewayAfterSuccess,
    FaultKind::Unavailable,
    FaultKind::QueryRejected,
    FaultKind::ErrorInBody,
    FaultKind::DropRequest,
    FaultKind::DropResponse,
    FaultKind::Truncated,
    FaultKind::Corrupted,
    FaultKind::Slow,
    FaultKind::Busy,
    FaultKind::ThrottledWithDate,
    FaultKind::UnavailableAfterSuccess,
    FaultKind::EmptyBody,
    FaultKind::EmptyBodyAfterSuccess,
    FaultKind::LoginPage,
    FaultKind::GzipTruncated,
    FaultKind::GzipBadChecksum,
    FaultKind::GzipUnsafeName,
    FaultKind::DelayedVisibility,
    FaultKind::Flapping,
    FaultKind::LibraryFileReplaced,
];

async fn weather(call: Call, what: FaultKind) {
    let row = format!("{what:?} at {call:?}");
    let scenario = Scenario {
        faults: vec![Fault {
            // The result of the script comes first, and is no gzip.
            times: 1 + u32::from(matches!(
                what,
                FaultKind::GzipTruncated | FaultKind::GzipBadChecksum | FaultKind::GzipUnsafeName
            )),
            ..Fault::once(call, what)
        }],
        ..linux(&["web-01.example.org"])
    };
    let world = World::of(scenario).await;
    world.script("work.sh", SCRIPT);
    let driven = play(world.ready(PLAYBOOK, &GivenInputs::default()).await).await;
    let journal = world.read("journal.jsonl");
    assert_eq!(driven.ending, Ending::Finished, "{row}\n{journal}");
    let refused =
        call == Call::Start && matches!(what, FaultKind::NotFound | FaultKind::QueryRejected);
    let expected = if refused {
        EndState::Failed
    } else {
        EndState::Ok
    };
    let tally = driven.fleet.tally();
    assert_eq!(tally.of(expected), 1, "{row}: {tally:?}\n{journal}");
    let started = world.ledger("session_started").await.len();
    assert_eq!(started, usize::from(!refused), "{row}\n{journal}");
}

async fn weather_all(call: Call) {
    for what in FAULTS.into_iter().filter(|what| what.fits(call)) {
        weather(call, what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_start() {
    weather_all(Call::Start).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: run by .ci/test"]
async fn at_the_list_of_actions() {
    weather_all(Call::ActionList).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: run by .ci/test"]
async fn at_the_address_of_a_result() {
    weather_all(Call::ResultLink).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: run by .ci/test"]
async fn at_the_result_itself() {
    weather_all(Call::ResultDownload).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: run by .ci/test"]
async fn at_the_look_for_readiness() {
    weather_all(Call::MachineGet).await;
}
