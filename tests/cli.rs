//! The command line, driven as users drive it: the real binary, real files, a real terminal.
//!
//! Words are in `tests/cli/cases`: one file a subject, each step with what it prints and how it ends, so that changing
//! a message changes a file. `KEYFOLD_BLESS=1` writes the files anew from what happens; read the difference before
//! keeping it. `KEYFOLD_CASE=keys` runs that one alone.

#[path = "cli/case.rs"]
mod case;
#[path = "cli/damage.rs"]
mod damage;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/full.rs"]
mod full;
#[path = "cli/interrupts.rs"]
mod interrupts;
#[path = "cli/json.rs"]
mod json;
#[path = "cli/large.rs"]
mod large;
#[path = "cli/life.rs"]
mod life;
#[path = "cli/place.rs"]
mod place;
#[path = "cli/ranges.rs"]
mod ranges;
#[path = "cli/rewraps.rs"]
mod rewraps;
#[path = "cli/terminal.rs"]
mod terminal;
#[path = "cli/trail.rs"]
mod trail;
#[path = "cli/trees.rs"]
mod trees;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn every_case_prints_and_ends_as_its_file_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/cases");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "the case files are there");
    if let Ok(one) = std::env::var("KEYFOLD_CASE") {
        files.retain(|file| file.file_stem().is_some_and(|stem| stem == one.as_str()));
    }
    // They mostly wait for the disk, so several at a time.
    let next = AtomicUsize::new(0);
    let complaints = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(complaint) = case::run(file) {
                        complaints.lock().unwrap().push(complaint);
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
