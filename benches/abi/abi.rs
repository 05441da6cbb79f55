//! The calls measured, as a C program sees them. Declared here, as the header declares them, and called through pointers
//! the optimiser cannot see behind: linked into one program it would otherwise build them into the loop.

use std::ffi::{CStr, CString, c_char, c_void};
use std::hint::black_box;
use std::path::Path;
use std::ptr::{null, null_mut};

// The library is linked for its C functions alone.
use keyfold as _;

type Crypt = unsafe extern "C" fn(
    *const c_void,
    *const u8,
    usize,
    *const u8,
    usize,
    *const c_void,
    *mut u8,
    usize,
    *mut usize,
) -> i32;

#[repr(C)]
struct Buffer {
    data: *mut u8,
    len: usize,
}

#[repr(C)]
struct Pair {
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
}

unsafe extern "C" {
    fn keyfold_root_create_key_file(path: *const c_char) -> i32;
    fn keyfold_root_open_key_file(path: *const c_char, options: *const c_void, out: *mut *mut c_void) -> i32;
    fn keyfold_root_close(root: *mut c_void) -> i32;
    fn keyfold_store_init(
        location: *const c_char,
        root: *const c_void,
        options: *const c_void,
        out: *mut *mut c_void,
    ) -> i32;
    fn keyfold_store_open(
        location: *const c_char,
        root: *const c_void,
        options: *const c_void,
        out: *mut *mut c_void,
    ) -> i32;
    fn keyfold_store_close(store: *mut c_void) -> i32;
    fn keyfold_key_create(
        store: *const c_void,
        alias: *const c_char,
        options: *const c_void,
        out: *mut Buffer,
    ) -> i32;
    fn keyfold_key_open(store: *const c_void, name: *const c_char, out: *mut *mut c_void) -> i32;
    fn keyfold_key_close(key: *mut c_void) -> i32;
    fn keyfold_buffer_free(buffer: *mut Buffer);
    fn keyfold_context_pack(
        pairs: *const Pair,
        count: usize,
        out: *mut u8,
        cap: usize,
        len: *mut usize,
    ) -> i32;
    fn keyfold_encrypt(
        key: *const c_void,
        plaintext: *const u8,
        plaintext_len: usize,
        context: *const u8,
        context_len: usize,
        options: *const c_void,
        out: *mut u8,
        out_cap: usize,
        out_len: *mut usize,
    ) -> i32;
    fn keyfold_decrypt(
        key: *const c_void,
        envelope: *const u8,
        envelope_len: usize,
        context: *const u8,
        context_len: usize,
        options: *const c_void,
        out: *mut u8,
        out_cap: usize,
        out_len: *mut usize,
    ) -> i32;
    fn keyfold_generate_random(out: *mut u8, len: usize) -> i32;
    fn keyfold_engine() -> *const c_char;
    fn keyfold_last_error(out: *mut c_char, cap: usize, len: *mut usize) -> i32;
}

/// Ends the measurement with the library's own words.
fn must(status: i32, doing: &str) {
    if status != 0 {
        let (mut detail, mut len) = ([0 as c_char; 512], 0);
        // SAFETY: the buffer and its size belong together; the library ends it with a NUL.
        let detail = unsafe {
            keyfold_last_error(detail.as_mut_ptr(), detail.len(), &mut len);
            CStr::from_ptr(detail.as_ptr()).to_string_lossy().into_owned()
        };
        eprintln!("bench: {doing}: status {status}: {detail}");
        std::process::exit(1);
    }
}

fn text(path: &Path) -> CString {
    CString::new(path.to_str().expect("paths here are UTF-8")).expect("and hold no NUL")
}

/// An open key of an open store, and the context every call gives.
#[derive(Clone)]
pub struct Key {
    store: *mut c_void,
    key: *mut c_void,
    context: Vec<u8>,
    encrypt: Crypt,
    decrypt: Crypt,
}

// SAFETY: the header lets any number of threads use a key handle at once.
unsafe impl Send for Key {}

impl Key {
    /// Makes a store and a root in two folders of `folder`, with one key.
    pub fn make(folder: &Path) {
        for part in ["root", "store"] {
            use std::os::unix::fs::DirBuilderExt;
            std::fs::DirBuilder::new().mode(0o700).create(folder.join(part)).expect("a new folder");
        }
        let (mut root, mut store) = (null_mut(), null_mut());
        let mut json = Buffer { data: null_mut(), len: 0 };
        let (root_path, store_path) = (text(&folder.join("root/key")), text(&folder.join("store/keys.db")));
        // SAFETY: every pointer is to a local of the right type, every text NUL-ended.
        unsafe {
            must(keyfold_root_create_key_file(root_path.as_ptr()), "make a root");
            must(keyfold_root_open_key_file(root_path.as_ptr(), null(), &mut root), "open the root");
            must(keyfold_store_init(store_path.as_ptr(), root, null(), &mut store), "make a store");
            must(keyfold_key_create(store, c"cards".as_ptr(), null(), &mut json), "make a key");
            keyfold_buffer_free(&mut json);
            keyfold_store_close(store);
            keyfold_root_close(root);
        }
    }

    /// Opens what `make` made.
    pub fn open(folder: &Path) -> Key {
        let (mut root, mut store, mut key) = (null_mut(), null_mut(), null_mut());
        let (root_path, store_path) = (text(&folder.join("root/key")), text(&folder.join("store/keys.db")));
        // SAFETY: as in `make`.
        unsafe {
            must(keyfold_root_open_key_file(root_path.as_ptr(), null(), &mut root), "open the root");
            must(keyfold_store_open(store_path.as_ptr(), root, null(), &mut store), "open the store");
            must(keyfold_key_open(store, c"cards".as_ptr(), &mut key), "open the key");
            keyfold_root_close(root);
        }
        let context = pack(&[("tenant", "acme-payments-ltd"), ("table", "cards")]);
        Key { store, key, context, encrypt: black_box(keyfold_encrypt), decrypt: black_box(keyfold_decrypt) }
    }

    pub fn close(self) {
        // SAFETY: handles are checked by the library.
        unsafe {
            keyfold_key_close(self.key);
            keyfold_store_close(self.store);
        }
    }

    pub fn context_len(&self) -> usize {
        self.context.len()
    }

    pub fn encrypt(&self, plaintext: &[u8], out: &mut [u8]) -> usize {
        call(self.encrypt, self.key, plaintext, &self.context, out)
    }

    pub fn decrypt(&self, envelope: &[u8], out: &mut [u8]) -> usize {
        call(self.decrypt, self.key, envelope, &self.context, out)
    }
}

#[inline(always)]
fn call(function: Crypt, key: *const c_void, input: &[u8], context: &[u8], out: &mut [u8]) -> usize {
    let mut len = 0;
    // SAFETY: every pointer comes with the length of the slice it is of.
    let status = unsafe {
        function(
            key,
            input.as_ptr(),
            input.len(),
            context.as_ptr(),
            context.len(),
            null(),
            out.as_mut_ptr(),
            out.len(),
            &mut len,
        )
    };
    if status != 0 {
        must(status, "encrypt or decrypt");
    }
    len
}

fn pack(pairs: &[(&str, &str)]) -> Vec<u8> {
    let pairs: Vec<Pair> = pairs
        .iter()
        .map(|(name, value)| Pair {
            name: name.as_ptr(),
            name_len: name.len(),
            value: value.as_ptr(),
            value_len: value.len(),
        })
        .collect();
    let (mut out, mut len) = (vec![0; 8192], 0);
    // SAFETY: the pairs and the buffer outlive the call.
    must(
        unsafe { keyfold_context_pack(pairs.as_ptr(), pairs.len(), out.as_mut_ptr(), out.len(), &mut len) },
        "pack a context",
    );
    out.truncate(len);
    out
}

pub fn random(out: &mut [u8]) {
    // SAFETY: the slice's own pointer and length.
    must(
        unsafe {
            black_box(keyfold_generate_random as unsafe extern "C" fn(_, _) -> _)(out.as_mut_ptr(), out.len())
        },
        "random",
    );
}

pub fn engine() -> String {
    // SAFETY: static text.
    unsafe { CStr::from_ptr(keyfold_engine()) }.to_string_lossy().into_owned()
}
