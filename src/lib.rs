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
//! The rooms, from the ground floor up; a room uses rooms on lower floors only, and a test holds
//! the `use crate::` lines against this table.
//!
//! | floor | room | what it knows |
//! | --- | --- | --- |
//! | 0 | [`name`], [`moment`] | checked names and ids; points in time |
//! | 1 | [`source`], [`wire`] | text and where things are in it; the words spoken with the API |
//! | 2 | [`diagnostic`] | what we tell the author, and how it is drawn |
//! | 3 | [`yaml`], [`expression`] | YAML with exact places; what stands inside `${{ }}` |
//! | 4 | [`playbook`] | the language: model, schema, checks |
//! | 5 | [`plan`] | from a playbook and a target to the requests that will be sent |
//! | 6 | [`engine`] | what happens next in a run; pure |
//! | 7 | [`driver`], [`report`], [`emulator`] | does it; tells it; plays the service |
//! | 8 | [`cli`] | the command line |

pub mod cli;
pub mod diagnostic;
pub mod driver;
pub mod emulator;
pub mod engine;
pub mod expression;
pub mod moment;
pub mod name;
pub mod plan;
pub mod playbook;
pub mod report;
pub mod source;
pub mod wire;
pub mod yaml;
