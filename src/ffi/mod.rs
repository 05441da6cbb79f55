//! The C ABI: argument checks, handles, panics, errors; no logic of its own.
//!
//! Every exported function is checks, one call into the room that does the work, and the result; `guard` turns
//! errors and panics into statuses. What C gives arrives as integers and raw pointers and becomes Rust values in
//! `args`, `options` and `out`, nowhere else. `include/keyfold.h` is made from these files by `tests/header.rs`; the
//! doc comments are written for its readers, in the fixed form that the generator of the bindings reads.
#![allow(unsafe_code)]
// Safety is the header's contract, told once in its first comment. Parameter lists follow STYLE.md's fixed order.
#![allow(clippy::missing_safety_doc, clippy::too_many_arguments, rustdoc::broken_intra_doc_links)]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("keyfold's C ABI needs a 64-bit target");

mod approvals;
mod args;
mod backup;
mod batch;
mod datakeys;
mod decrypt;
mod encrypt;
mod exclusive;
#[cfg(feature = "failpoints")]
mod failpoint;
mod files;
mod grants;
mod guard;
mod handle;
mod import;
mod keys;
mod library;
mod life;
mod mac;
mod options;
mod out;
mod readers;
mod reports;
mod rewrap;
mod roots;
mod sealing;
mod slots;
mod source;
mod statuses;
mod stores;
mod streams;
mod trail;
mod types;
mod work;
