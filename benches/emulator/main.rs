//! How much load the emulator carries.
//!
//! `cargo bench --bench emulator`
//!
//! - `http`: requests a second over loopback, beside a bare axum server that answers the same requests
//!   with the same bodies. The client of both is as thin as one can be, so that its own work does not
//!   level the two. `cargo bench --bench emulator -- http others` plays only the rows with that word.
//! - `lists`: calls for lists at 1,000, 50,000 and 1,000,000 actions and up to 50,000 devices; the times
//!   stay the same except where a name says that it is a scan. And what devices and actions weigh, by
//!   the process's resident pages.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod http;
mod lists;
#[path = "../measure/mod.rs"]
mod measure;
mod scene;

fn main() {
    // `cargo bench` hands on a flag of its own.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|word| word == part);
    // Other words name rows of the requests over HTTP.
    let is_part = |word: &String| ["http", "lists"].contains(&word.as_str());
    let rows: Vec<String> = wanted
        .iter()
        .filter(|word| !is_part(word))
        .cloned()
        .collect();
    // Memory first: what a process has given back is not seen to grow again.
    if is_wanted("lists") {
        lists::run();
    }
    if is_wanted("http") {
        http::run(&rows);
    }
}
