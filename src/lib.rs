//! svar runs incident-response playbooks on devices through the Microsoft Defender for Endpoint
//! live response API.
//!
//! One line of data runs through the crate, and each stage is a type of its own:
//!
//! ```text
//! SourceText -> Document -> Playbook -> Plan -> Fleet <-> driver -> Records -> Evidence -> report
//!   (text)     (values +   (typed,     (one     (decides)  (does)   (journal)  (what was
//!               places)     checked)   Session                                  shown true)
//!                                      per start)
//! ```
//!
//! Three ideas carry the whole:
//!
//! 1. **A place goes along with everything.** A command knows the line of YAML it came from, so a
//!    refusal at run time is drawn with the same carets as a typing error.
//! 2. **Deciding is apart from doing.** The engine and the emulator's heart never wait, send, or
//!    read a clock; they are told the time and what happened, and answer what to do next.
//! 3. **Write first, send second.** A call that changes a device is sent only after the journal
//!    has confirmed the record announcing it.
//!
//! The stages before the driver are crates of their own, in `crates/`:
//!
//! | crate | what it knows |
//! | --- | --- |
//! | [`svar_wire`] | the words spoken with the API, checked ids, points in time |
//! | [`svar_language`] | the playbook language: YAML with positions, expressions, schema, checks |
//! | [`svar_plan`] | from a playbook and a device to the requests that will be sent |
//! | [`svar_engine`] | what happens next in a run; pure |
//! | [`svar_emulator`] | plays the service; uses `svar_wire` and nothing else of ours |
//!
//! The modules of this crate use modules on lower floors only; a test holds the `use crate::` lines
//! against this table.
//!
//! | floor | module | what it does |
//! | --- | --- | --- |
//! | 1 | [`driver`], [`report`] | carries a run out; tells what it did |
//! | 2 | [`cli`] | the command line |

pub mod cli;
pub mod driver;
pub mod report;
