//! Every type and constant of the C ABI. cbindgen reads this file; nothing here is a Rust type in disguise.
#![allow(non_camel_case_types)]

/// The version of this ABI; compare it with keyfold_abi_version() after loading the library. It changes only when
/// something is taken away or changes its meaning; additions are told by each item's "since".
pub const KEYFOLD_ABI_VERSION: u32 = 1;

/// Bytes that hold the longest detail of keyfold_last_error with its NUL.
pub const KEYFOLD_ERROR_SIZE: u32 = 512;

/// Bytes of a key id.
#[allow(dead_code)] // for callers; a test in options.rs holds it against the code
pub const KEYFOLD_KEY_ID_SIZE: u32 = 16;

/// Bytes of a material id.
#[allow(dead_code)] // for callers; a test in options.rs holds it against the code
pub const KEYFOLD_MATERIAL_ID_SIZE: u32 = 8;

/// The greatest size of a packed encryption context, so that a buffer of it always fits.
#[allow(dead_code)] // for callers; a test in options.rs holds it against the code
pub const KEYFOLD_CONTEXT_MAX_SIZE: u32 = 8192;

/// The greatest size of a message authentication code, so that a buffer of it always fits.
#[allow(dead_code)] // for callers; a test in mac.rs holds it against the code
pub const KEYFOLD_MAC_MAX_SIZE: u32 = 70;

/// Accepts a key file, or a folder of it, that other users can read.
pub const KEYFOLD_KEY_FILE_ALLOW_READABLE: u32 = 1;

/// Accepts a key file that lies in the folder of the key store it opens, or below it.
pub const KEYFOLD_KEY_FILE_ALLOW_BESIDE_STORE: u32 = 2;

/// Opens a store without the right to write; works on a read-only file system. Not for keyfold_store_init.
pub const KEYFOLD_OPEN_READ_ONLY: u32 = 1;

/// Accepts a store on a network file system, where file locks may not work.
pub const KEYFOLD_OPEN_ALLOW_NETWORK_FILE_SYSTEM: u32 = 2;

/// Refuses to open when the system will not lock secret memory, instead of going on without.
pub const KEYFOLD_OPEN_REQUIRE_LOCKED_MEMORY: u32 = 4;

/// Looks for other processes' changes at every call, whatever refresh_millis says.
pub const KEYFOLD_OPEN_REFRESH_EVERY_CALL: u32 = 8;

/// Does not wait for other processes' transactions, whatever busy_timeout_millis says.
pub const KEYFOLD_OPEN_NO_WAIT: u32 = 16;

/// Marks a new store for development, for ever. For keyfold_store_init only.
pub const KEYFOLD_OPEN_DEVELOPMENT: u32 = 32;

/// Keeps no anchor: that the whole store is an older one is then not seen by a new process.
pub const KEYFOLD_OPEN_NO_ANCHOR: u32 = 64;

/// Records no uses of keys in the trail; changes of the store are recorded all the same.
pub const KEYFOLD_OPEN_NO_TRAIL: u32 = 128;

/// For recovery: opens versions past their recipient period, and compromised keys. Every such use is an event.
pub const KEYFOLD_OPEN_RECOVERY: u32 = 256;

/// The new store's root slot bears the principal that the options name. For keyfold_store_init only.
pub const KEYFOLD_OPEN_BIND_PRINCIPAL: u32 = 512;

/// The new store's root slot holds the admin seed: only admin roots change the store. For keyfold_store_init only.
pub const KEYFOLD_OPEN_ADMIN_ROOT: u32 = 1024;

/// Makes a key without material, for one that is to be imported. Not for keyfold_key_import_material.
pub const KEYFOLD_KEY_EXTERNAL: u32 = 1;

/// A root slot that also holds the admin seed. The first such slot makes the store one that only admin roots change.
pub const KEYFOLD_SLOT_ADMIN: u32 = 1;

/// Accepts context values that only the envelope itself gives, instead of asking the caller for every pair. An
/// envelope moved to another row then vouches for itself: read the authenticated context and judge it.
pub const KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT: u32 = 1;

/// As KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT, for the envelope that is re-encrypted.
pub const KEYFOLD_REENCRYPT_ACCEPT_STORED_CONTEXT: u32 = 1;

/// Drops wrappings under keys out of reach; without it they make keyfold_reencrypt fail with KEY_NOT_FOUND.
pub const KEYFOLD_REENCRYPT_DROP_UNREACHABLE: u32 = 2;

/// What a callback of keyfold_work, of a stream or of a reader answers when all is well; anything else stops the call. It
/// is not 0, so that a callback that a language ends early (an exception in Python, say) never looks like success.
#[allow(dead_code)] // for callers; a test in work.rs holds it against the code
pub const KEYFOLD_CALLBACK_OK: i32 = 1;

/// From so many bytes on, a call works on several threads where keyfold_work names no number.
#[allow(dead_code)] // for callers; a test in work.rs holds it against the code
pub const KEYFOLD_LARGE: u32 = 4_194_304;

/// What handles of a store do in a forked child.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// The child finds the secrets wiped; its calls answer FORKED, and it opens the store itself.
    Wipe = 0,
    /// The child goes on using the handles, keys included.
    Inherit = 1,
}

/// What of the encryption context is written into the envelope, readable by anyone.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreContext {
    /// Nothing.
    None = 0,
    /// All names, no value.
    Names = 1,
    /// All names and all values.
    All = 2,
    /// All names, and the values of the names chosen by the call's stored block.
    Chosen = 3,
}

/// A root of trust: what protects a store's secret. Made by keyfold_root_open_*, ended by keyfold_root_close. Any
/// number of threads may use one at once. It may be closed as soon as the call that took it has returned.
pub struct keyfold_root {
    _opaque: (),
}

/// An open key store. Made by keyfold_store_open and its kin, ended by keyfold_store_close. Any number of threads
/// may use one at once. Keys opened from it stay usable after it is closed.
pub struct keyfold_store {
    _opaque: (),
}

/// A key of a store, ready for use. Made by keyfold_key_open, ended by keyfold_key_close. Any number of threads may
/// use one at once. It follows rotation and disabling by itself.
pub struct keyfold_key {
    _opaque: (),
}

/// An envelope that is made or opened a piece at a time. Made by keyfold_stream_encrypt, _seal, _decrypt and
/// _decrypt_any, ended by keyfold_stream_close. One thread at a time may use one, from one thread after another; a second
/// at once gets BUSY. The key may be closed as soon as the call that took it has returned.
pub struct keyfold_stream {
    _opaque: (),
}

/// The message of an envelope that is read at any place. Made by keyfold_reader_open and its kin, ended by
/// keyfold_reader_close. Any number of threads may use one at once. The key may be closed as soon as the call that took
/// it has returned.
pub struct keyfold_reader {
    _opaque: (),
}

/// Told how far a call is, about once a MiB: bytes done, and those of the whole, 0 where they are not known. Answers
/// KEYFOLD_CALLBACK_OK to go on; anything else stops the call with CANCELLED.
///
/// It is called from the thread that made the call. It may call into the library, but not with the buffers, the stream or
/// the files of the call it is called from, and must not throw or jump out.
pub type keyfold_progress_callback =
    Option<unsafe extern "C" fn(user_data: *mut std::ffi::c_void, done: u64, total: u64) -> i32>;

/// Gives a stream its input: writes at most into_cap bytes at into and puts how many into *out_len. 0 bytes, and nothing
/// else, say that the end has come. Answers KEYFOLD_CALLBACK_OK; anything else, an *out_len that was not set, or one over
/// into_cap ends the stream with CALLBACK_FAILED.
///
/// It is called by keyfold_stream_read, from its thread, and must not use the same stream, throw or jump out. into may hold bytes
/// of before; they mean nothing.
pub type keyfold_source_callback = Option<
    unsafe extern "C" fn(
        user_data: *mut std::ffi::c_void,
        into: *mut u8,
        into_cap: usize,
        out_len: *mut usize,
    ) -> i32,
>;

/// Gives a reader bytes of its envelope: writes at most into_cap bytes from offset on at into and puts how many into
/// *out_len; fewer than asked may come, none only at the end. Answers KEYFOLD_CALLBACK_OK; anything else, an *out_len that was not
/// set, or one over into_cap fails the call with CALLBACK_FAILED.
///
/// It is called by calls on the reader, from their threads, so from several at once where several use the reader. It must
/// not use the same reader, throw or jump out.
pub type keyfold_pread_callback = Option<
    unsafe extern "C" fn(
        user_data: *mut std::ffi::c_void,
        offset: u64,
        into: *mut u8,
        into_cap: usize,
        out_len: *mut usize,
    ) -> i32,
>;

/// Gives back what a source or pread callback needed; called exactly once, after the callback's last call.
pub type keyfold_source_release = Option<unsafe extern "C" fn(user_data: *mut std::ffi::c_void)>;

/// A host's own sink of the trail: given one event at a time, in order, as one line of JSON without a line end, which
/// stays there for the length of the call alone. It gets events alone, never checkpoints. 0: taken; anything else: it
/// failed, which is told in the trail, and gets the same event again at a later flush; one that it failed at three
/// times is dropped and counted, and the next one follows.
///
/// It is called from the thread whose call writes the trail down (any call on a store or key of it, closing them
/// included), outside every lock and transaction. It must not call back into the same store or its keys, must not
/// throw or jump out, and should be quick.
pub type keyfold_trail_callback =
    Option<unsafe extern "C" fn(user_data: *mut std::ffi::c_void, event: *const u8, event_len: usize) -> i32>;

/// Gives back what a callback needed; called exactly once, after the callback's last call.
pub type keyfold_trail_release = Option<unsafe extern "C" fn(user_data: *mut std::ffi::c_void)>;

/// Bytes that the library made and the caller owns; given back with keyfold_buffer_free, which wipes them. Text
/// (JSON) in it is UTF-8 without a NUL at its end.
#[repr(C)]
pub struct keyfold_buffer {
    /// The bytes, or NULL.
    pub data: *mut u8,
    /// How many.
    pub len: usize,
}

/// One pair of an encryption context, for keyfold_context_pack. KEYFOLD_PAIR makes one of two C strings.
#[repr(C)]
pub struct keyfold_pair {
    /// The name: 1 to 256 bytes of UTF-8 without control characters.
    pub name: *const u8,
    /// Bytes of the name.
    pub name_len: usize,
    /// The value: 0 to 8,192 bytes of UTF-8; NULL with 0 is an empty value.
    pub value: *const u8,
    /// Bytes of the value.
    pub value_len: usize,
}

/// How a call that may take long goes about it. It, its flag and what its callback needs must stay until the call
/// returns.
#[repr(C)]
pub struct keyfold_work {
    /// sizeof(keyfold_work).
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// Threads that seal or open, the calling one among them: 1 is the calling thread only; 0 lets the library choose (the
    /// calling thread only below KEYFOLD_LARGE bytes, then one for each processor, 8 at most). 1,024 at most. All have
    /// ended when the call returns, and none takes a signal; where the system gives none the others do its work.
    pub threads: u32,
    /// Zero.
    pub reserved: u32,
    /// Anything but 0 at it stops the call within one chunk, with CANCELLED; NULL: nothing does. Any thread, or a signal's
    /// handler, may set it, as one atomic store.
    pub cancel: *const u32,
    /// Told how far the call is; NULL: nothing.
    pub progress: keyfold_progress_callback,
    /// Given to the progress callback.
    pub user_data: *mut std::ffi::c_void,
}

/// Options of keyfold_root_open_key_file.
#[repr(C)]
pub struct keyfold_key_file_options {
    /// sizeof(keyfold_key_file_options).
    pub size: u32,
    /// Any of KEYFOLD_KEY_FILE_*.
    pub flags: u32,
}

/// Options of keyfold_store_open and keyfold_store_init.
#[repr(C)]
pub struct keyfold_store_options {
    /// sizeof(keyfold_store_options).
    pub size: u32,
    /// Any of KEYFOLD_OPEN_*.
    pub flags: u32,
    /// One of KEYFOLD_FORK_*.
    pub fork: u32,
    /// Milliseconds for which another process's change may go unseen; 0 means 250.
    pub refresh_millis: u32,
    /// Milliseconds to wait for another process's transaction; 0 means 5,000.
    pub busy_timeout_millis: u32,
    /// Milliseconds after which uses under ready keys become an event in the trail; 0 means 60,000.
    pub trail_interval_millis: u32,
    /// Who opens the store: 1 to 128 characters, NUL-ended UTF-8; NULL means "default". Where the root's slot bears a
    /// principal, that one and no other (ACCESS_DENIED).
    pub principal: *const std::ffi::c_char,
    /// sourceIPAddress in the trail; NULL means the host's name.
    pub source: *const std::ffi::c_char,
    /// userAgent in the trail, before the library's version and the process id; NULL means only these.
    pub user_agent: *const std::ffi::c_char,
    /// The file outside the store that remembers its highest epoch; NULL means one in the state folder of the user or
    /// the host, where there is one. Not with KEYFOLD_OPEN_NO_ANCHOR.
    pub anchor: *const std::ffi::c_char,
}

/// Options of keyfold_key_create and keyfold_key_import_material.
#[repr(C)]
pub struct keyfold_key_options {
    /// sizeof(keyfold_key_options).
    pub size: u32,
    /// KEYFOLD_KEY_EXTERNAL or 0.
    pub flags: u32,
    /// Free text about the key, NUL-ended UTF-8, up to 8,192 bytes, or NULL. It is not secret.
    pub description: *const std::ffi::c_char,
    /// What its material is, and so what the key is for: "SYMMETRIC_DEFAULT" (NULL means this), "HMAC_256", "HMAC_384",
    /// "HMAC_512", "HPKE_X25519" or "HPKE_X_WING".
    pub spec: *const std::ffi::c_char,
    /// Tags, as a JSON object of text to text, or NULL. They are not secret.
    pub tags: *const std::ffi::c_char,
    /// The key's policy, as JSON: KeyPolicy in docs/ABI.md; NULL means all defaults.
    pub policy: *const std::ffi::c_char,
}

/// Options of keyfold_store_add_root_as.
#[repr(C)]
pub struct keyfold_slot_options {
    /// sizeof(keyfold_slot_options).
    pub size: u32,
    /// KEYFOLD_SLOT_ADMIN or 0.
    pub flags: u32,
    /// Whoever opens the store through this slot is this principal and can be no other: 1 to 128 characters,
    /// NUL-ended UTF-8; NULL means that the caller says who it is.
    pub principal: *const std::ffi::c_char,
}

/// What a key handle is narrowed to, beside its context: all of it holds together, and with what it was narrowed to
/// before.
#[repr(C)]
pub struct keyfold_narrowing {
    /// sizeof(keyfold_narrowing).
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// Names of the operations that stay allowed, with commas between them and nothing else, such as
    /// "Encrypt,GenerateDataKey"; NULL means all.
    pub operations: *const std::ffi::c_char,
    /// So many uses at most, refused ones not counted; 0 means any number.
    pub uses: u64,
    /// Milliseconds from now until it ends; 0 means never.
    pub millis: u64,
}

/// Options of encryption and of making data keys.
#[repr(C)]
pub struct keyfold_encrypt_options {
    /// sizeof(keyfold_encrypt_options).
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// One of KEYFOLD_STORE_CONTEXT_*; CHOSEN only where the call takes a stored block.
    pub store_context: u32,
    /// Room for so many later wrappings (104 bytes each), 0 to 8; one lets a file be rewrapped in place. Not for
    /// data keys.
    pub free_cells: u32,
    /// Threads, cancellation and progress; NULL means all defaults. Looked at by keyfold_encrypt, keyfold_encrypt_to,
    /// keyfold_seal and keyfold_encrypt_file. Calls in place stay on the calling thread and are not stopped; streams are given
    /// it with each of their calls.
    pub work: *const keyfold_work,
}

/// Options of decryption.
#[repr(C)]
pub struct keyfold_decrypt_options {
    /// sizeof(keyfold_decrypt_options).
    pub size: u32,
    /// Any of KEYFOLD_DECRYPT_*.
    pub flags: u32,
    /// Threads, cancellation and progress; NULL means all defaults. Looked at by keyfold_decrypt, _with_keys, _any and
    /// keyfold_decrypt_file. Calls in place stay on the calling thread and are not stopped; streams and readers are given it
    /// with each of their calls.
    pub work: *const keyfold_work,
}

/// Options of keyfold_reencrypt.
#[repr(C)]
pub struct keyfold_reencrypt_options {
    /// sizeof(keyfold_reencrypt_options).
    pub size: u32,
    /// Any of KEYFOLD_REENCRYPT_*.
    pub flags: u32,
    /// One of KEYFOLD_STORE_CONTEXT_*, for the new envelope.
    pub store_context: u32,
    /// As in keyfold_encrypt_options, for the new envelope.
    pub free_cells: u32,
}

/// Which key a decryption used.
#[repr(C)]
pub struct keyfold_opened {
    /// sizeof(keyfold_opened), set by the caller before the call.
    pub size: u32,
    /// The key's version, from 1.
    pub version: u32,
    /// The key's id.
    pub key_id: [u8; 16],
}

/// One version of a key.
#[repr(C)]
pub struct keyfold_key_version {
    /// sizeof(keyfold_key_version), set by the caller before the call.
    pub size: u32,
    /// The version, from 1.
    pub version: u32,
    /// The key's id.
    pub key_id: [u8; 16],
    /// Names the version's bytes without telling them.
    pub material_id: [u8; 8],
}

/// What a rewrap did.
#[repr(C)]
pub struct keyfold_rewrapped {
    /// sizeof(keyfold_rewrapped), set by the caller before the call.
    pub size: u32,
    /// Wrappings made new, under the current version of their key.
    pub cells_rewrapped: u32,
    /// Wrappings that were current already.
    pub cells_current: u32,
    /// Wrappings left as they were: of keys out of reach, of unknown kinds, or that did not authenticate.
    pub cells_skipped: u32,
    /// Old wrappings that were only removed, since an interrupted rewrap had made the new one already.
    pub cells_freed: u32,
}

/// How the secret memory of this process is really protected. All but bytes should be 0.
#[repr(C)]
pub struct keyfold_protection {
    /// sizeof(keyfold_protection), set by the caller before the call.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Bytes of secret memory.
    pub bytes: u64,
    /// Of these, bytes that the system refused to lock; they can reach swap.
    pub unlocked_bytes: u64,
    /// Of these, bytes that the system would not keep out of core dumps.
    pub dumpable_bytes: u64,
    /// Of these, bytes that the system would not wipe in forked children though they should be.
    pub not_wiped_bytes: u64,
}
