//! What is shipped for users: the playbooks, their scripts, and the pages about them.

mod pages;
mod reference;
#[cfg(target_os = "linux")]
mod shipped;
// The scripts for servers are written for the tools of a Linux system, and these tests run them.
#[cfg(target_os = "linux")]
mod scripts;
