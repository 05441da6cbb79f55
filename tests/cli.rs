//! The command line, driven as users drive it: the real binary, real files, a real terminal.
//!
//! Words are in `tests/cli/cases`: one file a subject, each step with what it prints and how it ends, so that changing
//! a message changes a file. `KEYFOLD_BLESS=1` writes the files anew from what happens; read the difference before
//! keeping it.

#[path = "cli/case.rs"]
mod case;
#[path = "cli/damage.rs"]
mod damage;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/json.rs"]
mod json;
#[path = "cli/place.rs"]
mod place;
#[path = "cli/terminal.rs"]
mod terminal;

#[test]
fn every_case_prints_and_ends_as_its_file_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/cases");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let complaints: Vec<String> = files.iter().filter_map(|file| case::run(file).err()).collect();
    assert!(files.len() >= 20, "the case files are there");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
