//! svar runs incident-response playbooks on devices through the Microsoft Defender for Endpoint
//! live response API.
//!
//! The data passes through these stages, and each stage has its own type:
//!
//! ```text
//! SourceText -> Document -> Playbook -> Plan -> Fleet <-> driver -> Records -> Evidence -> report
//!   (text)     (values +   (typed,    (sessions (decides)  (does)  (journal)  (results per
//!              positions)  checked)  per device)                                device)
//! ```
//!
//! Three principles:
//!
//! 1. **Every value keeps its position.** A command knows the line of YAML that it comes from, so a
//!    failure at run time is shown in the playbook just like a typing error.
//! 2. **Decisions are separate from actions.** The engine and the core of the emulator never wait,
//!    send, or read a clock. Their input is the time and the events, and their output is what to do
//!    next.
//! 3. **Write first, then send.** A call that changes a device is sent only after the record that
//!    announces it is on disk.
//!
//! The stages before the driver have their own crates in `crates/`:
//!
//! | crate | contents |
//! | --- | --- |
//! | [`svar_wire`] | requests and responses of the API, checked ids, points in time |
//! | [`svar_language`] | the playbook language: YAML with positions, expressions, schema, checks |
//! | [`svar_plan`] | compiles a playbook and devices into the requests to send |
//! | [`svar_engine`] | decides what a run does next; without I/O |
//! | [`svar_emulator`] | emulates the service; independent of the other crates except `svar_wire` |
//!
//! The modules of this crate use only modules on lower floors of this table. A test checks that.
//!
//! | floor | module | contents |
//! | --- | --- | --- |
//! | 1 | [`driver`], [`report`] | carries out a run; reports its results |
//! | 2 | [`cli`] | the command line |

pub mod cli;
pub mod driver;
pub mod report;
