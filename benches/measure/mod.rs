//! What the benches share: rounds that take turns, and three numbers instead of one.
//!
//! Candidates are measured in turns within the same rounds, so that a slow second of the computer
//! meets all of them alike, and a ratio says more than either time.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs
)]

use std::time::{Duration, Instant};

/// The fastest, the middle and the slowest of some rounds.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub min: Duration,
    pub median: Duration,
    pub max: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Spread {
            min: times[0],
            median: times[times.len() / 2],
            max: times[times.len() - 1],
        }
    }

    /// How many times the other one's middle fits into this one's.
    pub fn ratio_to(&self, floor: &Spread) -> f64 {
        self.median.as_secs_f64() / floor.median.as_secs_f64()
    }
}

/// Measures all candidates in turns. The first, unmeasured, round warms caches up.
pub fn in_turns<const N: usize>(
    rounds: usize,
    mut candidates: [&mut dyn FnMut(); N],
) -> [Spread; N] {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::with_capacity(rounds));
    for round in 0..=rounds {
        for (candidate, times) in candidates.iter_mut().zip(&mut times) {
            let start = Instant::now();
            candidate();
            let took = start.elapsed();
            if round > 0 {
                times.push(took);
            }
        }
    }
    times.map(Spread::of)
}

/// The table's heading.
pub fn heading(title: &str) {
    println!("\n{title}");
    println!(
        "  {:<44} {:>10} {:>10} {:>10} {:>8}",
        "", "min", "median", "max", "ratio"
    );
}

/// One row; the ratio is left out for a floor.
pub fn row(name: &str, spread: &Spread, floor: Option<&Spread>) {
    println!(
        "  {name:<44} {:>10} {:>10} {:>10} {:>8}",
        shown(spread.min),
        shown(spread.median),
        shown(spread.max),
        floor.map_or(String::new(), |floor| format!(
            "{:.2}",
            spread.ratio_to(floor)
        )),
    );
}

fn shown(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1_000.0 {
        format!("{micros:.1} us")
    } else if micros < 1_000_000.0 {
        format!("{:.2} ms", micros / 1e3)
    } else {
        format!("{:.2} s", micros / 1e6)
    }
}

/// A playbook of 60 lines as people write them, each with a text of its own so that nothing can be
/// remembered from one to the next.
pub fn playbook(number: usize) -> String {
    let mut text = format!(
        "playbook: 1\n\
         name: Collect facts, number {number}\n\
         description: Collects facts of case {number} from the devices of one team.\n\
         risk: read\n\
         os: windows\n\
         comment: Case {number} on ${{{{ target.name }}}}\n\
         inputs:\n\
         \x20 days: {{ type: int, default: 7, min: 1, max: 30 }}\n\
         \x20 folder: {{ type: path, default: 'C:\\ProgramData\\case-{number}' }}\n\
         vars:\n\
         \x20 archive: ${{{{ inputs.folder }}}}\\facts.zip\n\
         targets: {{ tag: team-{number}, expect: {{ max: 2000 }} }}\n\
         rollout:\n\
         \x20 waves: [1, 5%, 100%]\n\
         \x20 stop_when: {{ failed: 5%, of: finished, after: 20 }}\n\
         offline: {{ mode: hold, until: 8h }}\n\
         steps:\n"
    );
    for step in 0..7 {
        text.push_str(&format!(
            "\x20 - id: collect_{step}\n\
             \x20   name: Collect part {step} of case {number}\n\
             \x20   run: collect-{step}.ps1\n\
             \x20   args: {{ Days: \"${{{{ inputs.days }}}}\", Part: {step} }}\n\
             \x20   expect: {{ exit: 0, stdout: {{ contains: COLLECTED-{step} }} }}\n"
        ));
    }
    text.push_str(
        "\x20 - get: ${{ vars.archive }}\n\
         \x20   expect:\n\
         \x20     size: \"> 0\"\n\
         cleanup:\n\
         \x20 - run: collect-0.ps1\n\
         \x20   args: { Remove: true }\n\
         cleanup_when: always\n",
    );
    text.push_str("# The end.\n");
    text
}
