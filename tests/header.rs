//! `include/keyfold.h` is what cbindgen makes of `src/ffi`, with version macros and initialisers added here.
//! `KEYFOLD_BLESS=1 cargo test --test header` (`make header`) writes it anew.

use std::fmt::Write as _;
use std::path::Path;

/// In the order in which the header shows them.
const SOURCES: &[&str] = &[
    "error/status.rs",
    "ffi/types.rs",
    "ffi/library.rs",
    "ffi/roots.rs",
    "ffi/stores.rs",
    "ffi/keys.rs",
    "ffi/life.rs",
    "ffi/import.rs",
    "ffi/grants.rs",
    "ffi/encrypt.rs",
    "ffi/decrypt.rs",
    "ffi/batch.rs",
    "ffi/rewrap.rs",
    "ffi/datakeys.rs",
    "ffi/mac.rs",
    "ffi/sealing.rs",
    "ffi/streams.rs",
    "ffi/readers.rs",
    "ffi/files.rs",
    "ffi/reports.rs",
    "ffi/approvals.rs",
    "ffi/trail.rs",
    "ffi/backup.rs",
];

#[test]
fn the_committed_header_is_the_generated_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("include/keyfold.h");
    let made = header(root);
    if std::env::var_os("KEYFOLD_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(made.lines()).find(|(a, b)| a != b);
    assert!(committed == made, "include/keyfold.h is stale ({differs:?}); run: make header");
}

/// Every file of `src/ffi` that exports something is among the sources.
#[test]
fn no_exported_function_is_missing_from_the_header() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = std::fs::read_to_string(root.join("include/keyfold.h")).unwrap();
    let mut exported = 0;
    for file in std::fs::read_dir(root.join("src/ffi")).unwrap() {
        let path = file.unwrap().path();
        // Test builds only.
        if path.ends_with("failpoint.rs") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        for line in text.lines().filter(|l| l.contains("extern \"C\" fn keyfold_")) {
            let name = line.split("fn ").nth(1).unwrap().split('(').next().unwrap();
            assert!(header.contains(&format!("{name}(")), "{name} is not in include/keyfold.h");
            exported += 1;
        }
    }
    let declared = header.lines().filter(|l| is_declaration(l)).count();
    assert_eq!(declared, exported, "the header declares as many functions as src/ffi exports");
    assert!(exported > 50);
}

/// The generator of the bindings reads these tags; a function without them cannot be wrapped.
#[test]
fn every_function_is_documented_with_its_tags() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = std::fs::read_to_string(root.join("include/keyfold.h")).unwrap();
    let lines: Vec<&str> = header.lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, l)| is_declaration(l)) {
        let start = lines[..at].iter().rposition(|l| *l == "/**").expect("a comment");
        let doc = lines[start..at].join("\n");
        for tag in ["@errors", "@threads", "@callback", "@since"] {
            assert!(doc.contains(tag), "{line} lacks {tag}");
        }
        let end = at + lines[at..].iter().position(|l| l.ends_with(");")).unwrap();
        let text = lines[at..=end].join(" ");
        let parameters = text.split_once('(').unwrap().1.trim_end_matches(");");
        for parameter in parameters.split(',').filter(|p| p.trim() != "void") {
            let name = parameter.rsplit([' ', '*']).next().unwrap();
            let tagged = doc.contains(&format!("@param {name} "));
            // Lengths are named by the tag of their buffer.
            assert!(tagged || doc.contains(&format!("({name})")), "{line} lacks @param {name}");
        }
    }
}

fn is_declaration(line: &str) -> bool {
    let names = line.contains(" keyfold_") || line.contains("*keyfold_");
    names && line.contains('(') && !line.starts_with([' ', '#']) && !line.starts_with("typedef")
}

fn header(root: &Path) -> String {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config).with_after_include(macros());
    for source in SOURCES {
        builder = builder.with_src(root.join("src").join(source));
    }
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    with_initialisers(&String::from_utf8(text).unwrap())
}

fn macros() -> String {
    let [major, minor, patch]: [&str; 3] =
        env!("CARGO_PKG_VERSION").split('.').collect::<Vec<_>>().try_into().unwrap();
    format!(
        r#"
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(UINTPTR_MAX) || UINTPTR_MAX < 0xFFFFFFFFFFFFFFFF
#error "keyfold needs a 64-bit target"
#endif

/** The version of the library that this header belongs to. */
#define KEYFOLD_VERSION "{major}.{minor}.{patch}"
#define KEYFOLD_VERSION_MAJOR {major}
#define KEYFOLD_VERSION_MINOR {minor}
#define KEYFOLD_VERSION_PATCH {patch}

/* Marks functions whose status must be looked at. */
#if defined(__GNUC__)
#define KEYFOLD_MUST_USE __attribute__((warn_unused_result))
#else
#define KEYFOLD_MUST_USE
#endif

/* Marks what will go; define KEYFOLD_NO_DEPRECATED_WARNINGS to silence it. */
#if defined(__GNUC__) && !defined(KEYFOLD_NO_DEPRECATED_WARNINGS)
#define KEYFOLD_DEPRECATED(why) __attribute__((deprecated(why)))
#else
#define KEYFOLD_DEPRECATED(why)
#endif

/** A keyfold_pair of two C strings. */
#define KEYFOLD_PAIR(name, value) \
    {{ (const uint8_t *)(name), strlen(name), (const uint8_t *)(value), strlen(value) }}
"#
    )
}

/// Puts behind every size-first struct a macro that initialises all its fields: the complete positional list is the
/// one form that is silent as C99 and as C++17.
fn with_initialisers(header: &str) -> String {
    let mut out = String::new();
    let mut fields: Vec<&str> = Vec::new();
    let mut inside = false;
    for line in header.lines() {
        writeln!(out, "{line}").unwrap();
        let code = line.trim();
        if line.starts_with("typedef struct") && line.ends_with('{') {
            inside = true;
            fields.clear();
        } else if inside && line.starts_with('}') {
            inside = false;
            let name = code.trim_start_matches('}').trim().trim_end_matches(';');
            if fields.first() == Some(&"uint32_t size;") {
                let values: Vec<&str> = fields.iter().skip(1).map(|field| initial(field)).collect();
                let macro_name = name.to_uppercase();
                writeln!(out, "\n/** All defaults. */").unwrap();
                writeln!(
                    out,
                    "#define {macro_name}_INIT {{ (uint32_t)sizeof({name}), {} }}",
                    values.join(", ")
                )
                .unwrap();
            }
        } else if inside && code.ends_with(';') {
            fields.push(code);
        }
    }
    out
}

fn initial(field: &str) -> &'static str {
    match field {
        f if f.contains('*') || f.contains("_callback ") => "NULL",
        f if f.contains('[') => "{ 0 }",
        _ => "0",
    }
}
