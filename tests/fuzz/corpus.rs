//! The committed inputs, one file each: `tests/fuzz/corpus/TARGET/NAME`.

use std::path::Path;

/// Name and bytes of each input of a target, in the order of their names.
pub fn of(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_string_lossy().into_owned();
            Some((name, std::fs::read(path).ok()?))
        })
        .collect();
    inputs.sort();
    inputs
}

/// Adds an input.
#[allow(dead_code)] // the search only reads
pub fn keep(target: &str, name: &str, input: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join(name), input))
        .expect("room on disk");
}
