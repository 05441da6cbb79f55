/*
 * keyfold.h: envelope encryption with named, versioned keys.
 *
 * Written by cbindgen from src/ffi; do not edit. docs/ABI.md has the JSON shapes, the table of errors and the
 * promise of compatibility; keyfold.hpp is the same for C++17.
 *
 * A ROOT protects a STORE, a store keeps KEYS, and a key encrypts messages into ENVELOPES, each under a data key of
 * its own that only this key unwraps:
 *
 *     keyfold_root *root;
 *     keyfold_store *store;
 *     keyfold_key *cards;
 *     keyfold_root_open_key_file("/run/secrets/root", NULL, &root);
 *     keyfold_store_open("/var/lib/app/keys.db", root, NULL, &store);
 *     keyfold_key_open(store, "cards", &cards);
 *
 *     keyfold_pair who[] = { KEYFOLD_PAIR("table", "cards"), KEYFOLD_PAIR("column", "pan") };
 *     uint8_t context[64];
 *     size_t context_len, n;
 *     keyfold_context_pack(who, 2, context, sizeof context, &context_len);
 *     keyfold_encrypt(cards, pan, pan_len, context, context_len, NULL, out, sizeof out, &n);
 *
 * ERRORS. Every call that can fail returns a keyfold_status; 0 is success and nothing else is. The hundreds tell
 * what to do: 1xx mend the call, 2xx look at the key, 3xx the data, 4xx the root, 5xx the store, 9xx the library
 * or machine. keyfold_last_error gives this thread's detail. AUTH is one answer for a wrong key, a wrong context and
 * changed data; keyfold_explain tells more to whoever holds the store. No call throws, and
 * none aborts but where secret memory was run over or no memory is left at all (docs/EMBEDDING.md).
 * Besides those listed at it, every call may answer SELF_TEST or INTERNAL; every call on a store or a key may answer
 * FORKED, OUT_OF_MEMORY, and what looking at the store comes to: STORE_NOT_FOUND, STORE_BUSY, STORE_IO,
 * STORE_INTEGRITY, STORE_ROLLED_BACK, STORE_POISONED, SCHEMA_CHANGED, STORE_TOO_NEW, KEY_NOT_FOUND; every call that
 * changes a store, or makes keys or envelopes, RANDOM; every use of a key what its grants, state and dates come to:
 * ACCESS_DENIED, INVALID_KEY_STATE, KEY_DESTROYED, CRYPTOPERIOD_ENDED, KEY_STOPPED, INVALID_KEY_USAGE, and
 * TRAIL_UNAVAILABLE where the key permits no use without an event; every call that changes a store ACCESS_DENIED and
 * APPROVAL_REQUIRED, and, where less is possible after it than before, ANCHOR_UNAVAILABLE.
 *
 * THREADS. A pointer to const is shared: any number of threads may use the object at once. Closing an object that
 * other threads use is safe: calls under way finish, later ones get INVALID_HANDLE. The library keeps no threads of
 * its own (a call on much data may start some, which have ended when it returns: keyfold_work), handles no signal, and
 * registers nothing at exit. A host's sink of the trail (keyfold_trail_add_callback) is called from whichever thread's call
 * writes the trail down; other callbacks only from the thread whose call they belong to. A keyfold_stream is for one thread at a
 * time: a second one gets BUSY.
 *
 * HANDLES (keyfold_root, keyfold_store, keyfold_key, keyfold_stream, keyfold_reader) are numbers in the guise of pointers, and are checked: NULL, a
 * closed one, one of another kind, or of another copy of the library is INVALID_HANDLE, never undefined. They may
 * be closed in any order.
 *
 * MEMORY. The caller owns what it passes; nothing is kept after a call. Results go into the caller's buffers:
 * *out_len is set to the size needed whether or not it fits, and where it does not, the call answers
 * BUFFER_TOO_SMALL and has done nothing. So a NULL buffer with 0 asks for the size. OK always means done. Results of
 * no known size come in a keyfold_buffer, freed with keyfold_buffer_free. NULL with length 0 is empty; NULL with a
 * length is NULL_ARGUMENT. An output must not overlap an input or another output (BUFFERS_OVERLAP), and input must
 * not change during a call. When a call fails, its output buffers are zero from end to end (all out_cap bytes), not
 * only as far as it had come; but one that is refused for its arguments (1xx) leaves them alone, BUFFER_TOO_SMALL
 * among these, and may only have zeroed them. What the in-place calls do is said at them.
 *
 * OPTIONS and results begin with their own size: initialise them with their _INIT macro, then set fields. NULL
 * options mean all defaults, zero is the default of every field. An older program works with a newer library; a
 * newer program with an older library works, or gets UNSUPPORTED_OPTION if it asks for what is not there.
 *
 * FORK. See docs/EMBEDDING.md: by default a forked child's handles answer FORKED, and it opens the store itself;
 * with KEYFOLD_FORK_INHERIT it goes on.
 *
 * Tags in the comments below: [in], [out], [inout]; shared: a handle that is only used; exclusive: one that a second
 * call at once gets BUSY for; handle: a handle that the
 * call makes; closes: one that it ends; text: NUL-ended UTF-8; bytes(n) and array(n): so many bytes or elements, n
 * being a parameter; nullable; nullable-if-0: NULL when n is 0; buffer: a keyfold_buffer to free; result: a
 * size-first struct; static: text that lives as long as the library.
 */


#ifndef KEYFOLD_H
#define KEYFOLD_H


#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(UINTPTR_MAX) || UINTPTR_MAX < 0xFFFFFFFFFFFFFFFF
#error "keyfold needs a 64-bit target"
#endif

/** The version of the library that this header belongs to. */
#define KEYFOLD_VERSION "0.1.0"
#define KEYFOLD_VERSION_MAJOR 0
#define KEYFOLD_VERSION_MINOR 1
#define KEYFOLD_VERSION_PATCH 0

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
    { (const uint8_t *)(name), strlen(name), (const uint8_t *)(value), strlen(value) }


/**
 * The version of this ABI; compare it with keyfold_abi_version() after loading the library. It changes only when
 * something is taken away or changes its meaning; additions are told by each item's "since".
 */
#define KEYFOLD_ABI_VERSION 1

/**
 * Bytes that hold the longest detail of keyfold_last_error with its NUL.
 */
#define KEYFOLD_ERROR_SIZE 512

/**
 * Bytes of a key id.
 */
#define KEYFOLD_KEY_ID_SIZE 16

/**
 * Bytes of a material id.
 */
#define KEYFOLD_MATERIAL_ID_SIZE 8

/**
 * The greatest size of a packed encryption context, so that a buffer of it always fits.
 */
#define KEYFOLD_CONTEXT_MAX_SIZE 8192

/**
 * The greatest size of a message authentication code, so that a buffer of it always fits.
 */
#define KEYFOLD_MAC_MAX_SIZE 70

/**
 * Accepts a key file, or a folder of it, that other users can read.
 */
#define KEYFOLD_KEY_FILE_ALLOW_READABLE 1

/**
 * Accepts a key file that lies in the folder of the key store it opens, or below it.
 */
#define KEYFOLD_KEY_FILE_ALLOW_BESIDE_STORE 2

/**
 * Opens a store without the right to write; works on a read-only file system. Not for keyfold_store_init.
 */
#define KEYFOLD_OPEN_READ_ONLY 1

/**
 * Accepts a store on a network file system, where file locks may not work.
 */
#define KEYFOLD_OPEN_ALLOW_NETWORK_FILE_SYSTEM 2

/**
 * Refuses to open when the system will not lock secret memory, instead of going on without.
 */
#define KEYFOLD_OPEN_REQUIRE_LOCKED_MEMORY 4

/**
 * Looks for other processes' changes at every call, whatever refresh_millis says.
 */
#define KEYFOLD_OPEN_REFRESH_EVERY_CALL 8

/**
 * Does not wait for other processes' transactions, whatever busy_timeout_millis says.
 */
#define KEYFOLD_OPEN_NO_WAIT 16

/**
 * Marks a new store for development, for ever. For keyfold_store_init only.
 */
#define KEYFOLD_OPEN_DEVELOPMENT 32

/**
 * Keeps no anchor: that the whole store is an older one is then not seen by a new process.
 */
#define KEYFOLD_OPEN_NO_ANCHOR 64

/**
 * Records no uses of keys in the trail; changes of the store are recorded all the same.
 */
#define KEYFOLD_OPEN_NO_TRAIL 128

/**
 * For recovery: opens versions past their recipient period, and compromised keys. Every such use is an event.
 */
#define KEYFOLD_OPEN_RECOVERY 256

/**
 * The new store's root slot bears the principal that the options name. For keyfold_store_init only.
 */
#define KEYFOLD_OPEN_BIND_PRINCIPAL 512

/**
 * The new store's root slot holds the admin seed: only admin roots change the store. For keyfold_store_init only.
 */
#define KEYFOLD_OPEN_ADMIN_ROOT 1024

/**
 * Makes a key without material, for one that is to be imported. Not for keyfold_key_import_material.
 */
#define KEYFOLD_KEY_EXTERNAL 1

/**
 * A root slot that also holds the admin seed. The first such slot makes the store one that only admin roots change.
 */
#define KEYFOLD_SLOT_ADMIN 1

/**
 * Accepts context values that only the envelope itself gives, instead of asking the caller for every pair. An
 * envelope moved to another row then vouches for itself: read the authenticated context and judge it.
 */
#define KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT 1

/**
 * As KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT, for the envelope that is re-encrypted.
 */
#define KEYFOLD_REENCRYPT_ACCEPT_STORED_CONTEXT 1

/**
 * Drops wrappings under keys out of reach; without it they make keyfold_reencrypt fail with KEY_NOT_FOUND.
 */
#define KEYFOLD_REENCRYPT_DROP_UNREACHABLE 2

/**
 * What a callback of keyfold_work, of a stream or of a reader answers when all is well; anything else stops the call. It
 * is not 0, so that a callback that a language ends early (an exception in Python, say) never looks like success.
 */
#define KEYFOLD_CALLBACK_OK 1

/**
 * From so many bytes on, a call works on several threads where keyfold_work names no number.
 */
#define KEYFOLD_LARGE 4194304

/**
 * What a call came to. 0 is success; every other value is an error whose hundreds name its category: 1xx the
 * caller's mistake, 2xx a key's state or policy, 3xx the data, 4xx roots, 5xx the store and input/output, 9xx
 * internal. Numbers never change their meaning.
 */
enum keyfold_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The call did what it says.
     */
    KEYFOLD_STATUS_OK = 0,
    /**
     * A required pointer is NULL.
     */
    KEYFOLD_STATUS_NULL_ARGUMENT = 100,
    /**
     * The handle is NULL, closed, of another kind, or from another copy of the library.
     */
    KEYFOLD_STATUS_INVALID_HANDLE = 101,
    /**
     * An argument has a value that the call does not take.
     */
    KEYFOLD_STATUS_INVALID_ARGUMENT = 102,
    /**
     * The output buffer is too small; the size needed has been reported and nothing was done.
     */
    KEYFOLD_STATUS_BUFFER_TOO_SMALL = 103,
    /**
     * Text is not valid UTF-8.
     */
    KEYFOLD_STATUS_INVALID_UTF8 = 104,
    /**
     * Input and output buffers overlap.
     */
    KEYFOLD_STATUS_BUFFERS_OVERLAP = 105,
    /**
     * An option was set that this version of the library does not know.
     */
    KEYFOLD_STATUS_UNSUPPORTED_OPTION = 106,
    /**
     * Another thread is using an object that serves one at a time. Trying again may help.
     */
    KEYFOLD_STATUS_BUSY = 107,
    /**
     * The call was made in a forked child that may not make it.
     */
    KEYFOLD_STATUS_FORKED = 108,
    /**
     * The encryption context is not in the canonical encoding, or breaks one of its limits.
     */
    KEYFOLD_STATUS_INVALID_CONTEXT = 109,
    /**
     * A size is over the documented limit.
     */
    KEYFOLD_STATUS_TOO_LARGE = 110,
    /**
     * The caller stopped the call, by its flag or its callback.
     */
    KEYFOLD_STATUS_CANCELLED = 111,
    /**
     * The stream has ended, well or not: no more can be pushed or pulled.
     */
    KEYFOLD_STATUS_STREAM_ENDED = 112,
    /**
     * The stream was closed before its end: what it gave is worth nothing (encrypting) or a front only (decrypting).
     */
    KEYFOLD_STATUS_STREAM_UNFINISHED = 113,
    /**
     * A callback of the caller's reported a failure.
     */
    KEYFOLD_STATUS_CALLBACK_FAILED = 114,
    /**
     * The key, alias or version is not in the store, or no cell of the envelope names one that is.
     */
    KEYFOLD_STATUS_KEY_NOT_FOUND = 200,
    /**
     * The key is disabled.
     */
    KEYFOLD_STATUS_KEY_DISABLED = 201,
    /**
     * A key or alias of this name, or a key of this id, exists already.
     */
    KEYFOLD_STATUS_ALREADY_EXISTS = 202,
    /**
     * The envelope is under a key other than the one named.
     */
    KEYFOLD_STATUS_KEY_NOT_ALLOWED = 203,
    /**
     * The name is not a well-formed key id or alias.
     */
    KEYFOLD_STATUS_INVALID_NAME = 204,
    /**
     * Key material or an exported key is not acceptable.
     */
    KEYFOLD_STATUS_INVALID_KEY_MATERIAL = 205,
    /**
     * A name in the stored encryption context was not given by the caller.
     */
    KEYFOLD_STATUS_CONTEXT_REQUIRED = 206,
    /**
     * A limit on a key or store has been reached.
     */
    KEYFOLD_STATUS_LIMIT_EXCEEDED = 207,
    /**
     * The key's state does not permit the operation.
     */
    KEYFOLD_STATUS_INVALID_KEY_STATE = 208,
    /**
     * The principal may not do this with the key.
     */
    KEYFOLD_STATUS_ACCESS_DENIED = 209,
    /**
     * The key, or the version that the data is under, was destroyed.
     */
    KEYFOLD_STATUS_KEY_DESTROYED = 210,
    /**
     * The version's recipient period is over; it opens nothing unless that is overridden for recovery.
     */
    KEYFOLD_STATUS_CRYPTOPERIOD_ENDED = 211,
    /**
     * The key's usage or spec does not fit the operation.
     */
    KEYFOLD_STATUS_INVALID_KEY_USAGE = 212,
    /**
     * The material is not the one that this key had.
     */
    KEYFOLD_STATUS_INCORRECT_KEY_MATERIAL = 213,
    /**
     * The import token is not one of this key, or is damaged.
     */
    KEYFOLD_STATUS_INVALID_IMPORT_TOKEN = 214,
    /**
     * The import token is over.
     */
    KEYFOLD_STATUS_EXPIRED_IMPORT_TOKEN = 215,
    /**
     * The message authentication code is not that of the message under this key.
     */
    KEYFOLD_STATUS_INVALID_MAC = 216,
    /**
     * The operation is not one that this key or store can do.
     */
    KEYFOLD_STATUS_UNSUPPORTED_OPERATION = 217,
    /**
     * The key has no such grant.
     */
    KEYFOLD_STATUS_GRANT_NOT_FOUND = 218,
    /**
     * The operation needs the approval of another principal.
     */
    KEYFOLD_STATUS_APPROVAL_REQUIRED = 219,
    /**
     * The key was stopped after a burst of failed decrypts.
     */
    KEYFOLD_STATUS_KEY_STOPPED = 220,
    /**
     * The data is not a Keyfold envelope, data key blob or exported key.
     */
    KEYFOLD_STATUS_NOT_AN_ENVELOPE = 300,
    /**
     * The data is in a later format or suite than this library knows.
     */
    KEYFOLD_STATUS_UNSUPPORTED_FORMAT = 301,
    /**
     * The head of the data is damaged: sizes, cells or stored context do not fit together.
     */
    KEYFOLD_STATUS_MALFORMED = 302,
    /**
     * The data could not be authenticated: wrong key, wrong context, or changed data.
     */
    KEYFOLD_STATUS_AUTH = 303,
    /**
     * The root is not where it was said to be.
     */
    KEYFOLD_STATUS_ROOT_NOT_FOUND = 400,
    /**
     * The root does not open this store: wrong passphrase or wrong key file.
     */
    KEYFOLD_STATUS_ROOT_MISMATCH = 401,
    /**
     * The root's secret is not kept safely: others can read it, or it lies beside the store.
     */
    KEYFOLD_STATUS_ROOT_UNSAFE = 402,
    /**
     * The root's file or parameters are not valid.
     */
    KEYFOLD_STATUS_ROOT_INVALID = 403,
    /**
     * The last root of a store cannot be removed.
     */
    KEYFOLD_STATUS_LAST_ROOT = 404,
    /**
     * The root could not be reached. Trying again may help.
     */
    KEYFOLD_STATUS_ROOT_UNAVAILABLE = 405,
    /**
     * There is no key store at this place.
     */
    KEYFOLD_STATUS_STORE_NOT_FOUND = 500,
    /**
     * There is a file at this place already.
     */
    KEYFOLD_STATUS_STORE_EXISTS = 501,
    /**
     * The file is not a key store.
     */
    KEYFOLD_STATUS_NOT_A_STORE = 502,
    /**
     * The store, or a key in it, was written by a later version of the library.
     */
    KEYFOLD_STATUS_STORE_TOO_NEW = 503,
    /**
     * Something in the store was changed by someone without its root, or is missing.
     */
    KEYFOLD_STATUS_STORE_INTEGRITY = 504,
    /**
     * The store is older than a state this process has already seen.
     */
    KEYFOLD_STATUS_STORE_ROLLED_BACK = 505,
    /**
     * The store's tables are not the ones the library made.
     */
    KEYFOLD_STATUS_SCHEMA_CHANGED = 506,
    /**
     * Another process holds the store for longer than the call may wait. Trying again may help.
     */
    KEYFOLD_STATUS_STORE_BUSY = 507,
    /**
     * Reading or writing the store failed.
     */
    KEYFOLD_STATUS_STORE_IO = 508,
    /**
     * The store was opened read-only, or the file system is.
     */
    KEYFOLD_STATUS_STORE_READ_ONLY = 509,
    /**
     * The disk is full.
     */
    KEYFOLD_STATUS_STORE_FULL = 510,
    /**
     * The store is not the one whose fingerprint was given.
     */
    KEYFOLD_STATUS_FINGERPRINT_MISMATCH = 511,
    /**
     * An earlier write failed in a way that leaves the file's state unknown; close the store and open it again.
     */
    KEYFOLD_STATUS_STORE_POISONED = 512,
    /**
     * The store cannot be used from here: a network file system, or another copy of SQLite holds it in this process.
     */
    KEYFOLD_STATUS_STORE_UNSAFE = 513,
    /**
     * Reading or writing a file failed.
     */
    KEYFOLD_STATUS_IO = 514,
    /**
     * A file that should be made exists already.
     */
    KEYFOLD_STATUS_FILE_EXISTS = 515,
    /**
     * The store's present state and one seen before exclude each other.
     */
    KEYFOLD_STATUS_STORE_FORKED = 516,
    /**
     * The anchor cannot be read or written, so what must wait for it was not done.
     */
    KEYFOLD_STATUS_ANCHOR_UNAVAILABLE = 517,
    /**
     * The trail cannot take the event, and the key permits no use without one. Trying again may help.
     */
    KEYFOLD_STATUS_TRAIL_UNAVAILABLE = 518,
    /**
     * The trail was changed, or is not whole.
     */
    KEYFOLD_STATUS_TRAIL_INVALID = 519,
    /**
     * The file is not a backup, is damaged, or is not of a store that the root opens.
     */
    KEYFOLD_STATUS_BACKUP_INVALID = 520,
    /**
     * The library met a defect of its own.
     */
    KEYFOLD_STATUS_INTERNAL = 900,
    /**
     * The start-up self-test failed; no call works.
     */
    KEYFOLD_STATUS_SELF_TEST = 901,
    /**
     * The system gives no random bytes. Trying again may help.
     */
    KEYFOLD_STATUS_RANDOM = 902,
    /**
     * There is not enough memory, or not enough of it may be locked.
     */
    KEYFOLD_STATUS_OUT_OF_MEMORY = 903,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum keyfold_status keyfold_status;
#else
typedef int32_t keyfold_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What handles of a store do in a forked child.
 */
enum keyfold_fork
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The child finds the secrets wiped; its calls answer FORKED, and it opens the store itself.
     */
    KEYFOLD_FORK_WIPE = 0,
    /**
     * The child goes on using the handles, keys included.
     */
    KEYFOLD_FORK_INHERIT = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum keyfold_fork keyfold_fork;
#else
typedef uint32_t keyfold_fork;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What of the encryption context is written into the envelope, readable by anyone.
 */
enum keyfold_store_context
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Nothing.
     */
    KEYFOLD_STORE_CONTEXT_NONE = 0,
    /**
     * All names, no value.
     */
    KEYFOLD_STORE_CONTEXT_NAMES = 1,
    /**
     * All names and all values.
     */
    KEYFOLD_STORE_CONTEXT_ALL = 2,
    /**
     * All names, and the values of the names chosen by the call's stored block.
     */
    KEYFOLD_STORE_CONTEXT_CHOSEN = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum keyfold_store_context keyfold_store_context;
#else
typedef uint32_t keyfold_store_context;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A key of a store, ready for use. Made by keyfold_key_open, ended by keyfold_key_close. Any number of threads may
 * use one at once. It follows rotation and disabling by itself.
 */
typedef struct keyfold_key keyfold_key;

/**
 * The message of an envelope that is read at any place. Made by keyfold_reader_open and its kin, ended by
 * keyfold_reader_close. Any number of threads may use one at once. The key may be closed as soon as the call that took
 * it has returned.
 */
typedef struct keyfold_reader keyfold_reader;

/**
 * A root of trust: what protects a store's secret. Made by keyfold_root_open_*, ended by keyfold_root_close. Any
 * number of threads may use one at once. It may be closed as soon as the call that took it has returned.
 */
typedef struct keyfold_root keyfold_root;

/**
 * An open key store. Made by keyfold_store_open and its kin, ended by keyfold_store_close. Any number of threads
 * may use one at once. Keys opened from it stay usable after it is closed.
 */
typedef struct keyfold_store keyfold_store;

/**
 * An envelope that is made or opened a piece at a time. Made by keyfold_stream_encrypt, _seal, _decrypt and
 * _decrypt_any, ended by keyfold_stream_close. One thread at a time may use one, from one thread after another; a second
 * at once gets BUSY. The key may be closed as soon as the call that took it has returned.
 */
typedef struct keyfold_stream keyfold_stream;

/**
 * How the secret memory of this process is really protected. All but bytes should be 0.
 */
typedef struct keyfold_protection {
    /**
     * sizeof(keyfold_protection), set by the caller before the call.
     */
    uint32_t size;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * Bytes of secret memory.
     */
    uint64_t bytes;
    /**
     * Of these, bytes that the system refused to lock; they can reach swap.
     */
    uint64_t unlocked_bytes;
    /**
     * Of these, bytes that the system would not keep out of core dumps.
     */
    uint64_t dumpable_bytes;
    /**
     * Of these, bytes that the system would not wipe in forked children though they should be.
     */
    uint64_t not_wiped_bytes;
} keyfold_protection;

/** All defaults. */
#define KEYFOLD_PROTECTION_INIT { (uint32_t)sizeof(keyfold_protection), 0, 0, 0, 0, 0 }

/**
 * Bytes that the library made and the caller owns; given back with keyfold_buffer_free, which wipes them. Text
 * (JSON) in it is UTF-8 without a NUL at its end.
 */
typedef struct keyfold_buffer {
    /**
     * The bytes, or NULL.
     */
    uint8_t *data;
    /**
     * How many.
     */
    size_t len;
} keyfold_buffer;

/**
 * One pair of an encryption context, for keyfold_context_pack. KEYFOLD_PAIR makes one of two C strings.
 */
typedef struct keyfold_pair {
    /**
     * The name: 1 to 256 bytes of UTF-8 without control characters.
     */
    const uint8_t *name;
    /**
     * Bytes of the name.
     */
    size_t name_len;
    /**
     * The value: 0 to 8,192 bytes of UTF-8; NULL with 0 is an empty value.
     */
    const uint8_t *value;
    /**
     * Bytes of the value.
     */
    size_t value_len;
} keyfold_pair;

/**
 * Options of keyfold_root_open_key_file.
 */
typedef struct keyfold_key_file_options {
    /**
     * sizeof(keyfold_key_file_options).
     */
    uint32_t size;
    /**
     * Any of KEYFOLD_KEY_FILE_*.
     */
    uint32_t flags;
} keyfold_key_file_options;

/** All defaults. */
#define KEYFOLD_KEY_FILE_OPTIONS_INIT { (uint32_t)sizeof(keyfold_key_file_options), 0 }

/**
 * Options of keyfold_store_open and keyfold_store_init.
 */
typedef struct keyfold_store_options {
    /**
     * sizeof(keyfold_store_options).
     */
    uint32_t size;
    /**
     * Any of KEYFOLD_OPEN_*.
     */
    uint32_t flags;
    /**
     * One of KEYFOLD_FORK_*.
     */
    uint32_t fork;
    /**
     * Milliseconds for which another process's change may go unseen; 0 means 250.
     */
    uint32_t refresh_millis;
    /**
     * Milliseconds to wait for another process's transaction; 0 means 5,000.
     */
    uint32_t busy_timeout_millis;
    /**
     * Milliseconds after which uses under ready keys become an event in the trail; 0 means 60,000.
     */
    uint32_t trail_interval_millis;
    /**
     * Who opens the store: 1 to 128 characters, NUL-ended UTF-8; NULL means "default". Where the root's slot bears a
     * principal, that one and no other (ACCESS_DENIED).
     */
    const char *principal;
    /**
     * sourceIPAddress in the trail; NULL means the host's name.
     */
    const char *source;
    /**
     * userAgent in the trail, before the library's version and the process id; NULL means only these.
     */
    const char *user_agent;
    /**
     * The file outside the store that remembers its highest epoch; NULL means one in the state folder of the user or
     * the host, where there is one. Not with KEYFOLD_OPEN_NO_ANCHOR.
     */
    const char *anchor;
} keyfold_store_options;

/** All defaults. */
#define KEYFOLD_STORE_OPTIONS_INIT { (uint32_t)sizeof(keyfold_store_options), 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL }

/**
 * Options of keyfold_store_add_root_as.
 */
typedef struct keyfold_slot_options {
    /**
     * sizeof(keyfold_slot_options).
     */
    uint32_t size;
    /**
     * KEYFOLD_SLOT_ADMIN or 0.
     */
    uint32_t flags;
    /**
     * Whoever opens the store through this slot is this principal and can be no other: 1 to 128 characters,
     * NUL-ended UTF-8; NULL means that the caller says who it is.
     */
    const char *principal;
} keyfold_slot_options;

/** All defaults. */
#define KEYFOLD_SLOT_OPTIONS_INIT { (uint32_t)sizeof(keyfold_slot_options), 0, NULL }

/**
 * Options of keyfold_key_create and keyfold_key_import_material.
 */
typedef struct keyfold_key_options {
    /**
     * sizeof(keyfold_key_options).
     */
    uint32_t size;
    /**
     * KEYFOLD_KEY_EXTERNAL or 0.
     */
    uint32_t flags;
    /**
     * Free text about the key, NUL-ended UTF-8, up to 8,192 bytes, or NULL. It is not secret.
     */
    const char *description;
    /**
     * What its material is, and so what the key is for: "SYMMETRIC_DEFAULT" (NULL means this), "HMAC_256", "HMAC_384",
     * "HMAC_512", "HPKE_X25519" or "HPKE_X_WING".
     */
    const char *spec;
    /**
     * Tags, as a JSON object of text to text, or NULL. They are not secret.
     */
    const char *tags;
    /**
     * The key's policy, as JSON: KeyPolicy in docs/ABI.md; NULL means all defaults.
     */
    const char *policy;
} keyfold_key_options;

/** All defaults. */
#define KEYFOLD_KEY_OPTIONS_INIT { (uint32_t)sizeof(keyfold_key_options), 0, NULL, NULL, NULL, NULL }

/**
 * One version of a key.
 */
typedef struct keyfold_key_version {
    /**
     * sizeof(keyfold_key_version), set by the caller before the call.
     */
    uint32_t size;
    /**
     * The version, from 1.
     */
    uint32_t version;
    /**
     * The key's id.
     */
    uint8_t key_id[16];
    /**
     * Names the version's bytes without telling them.
     */
    uint8_t material_id[8];
} keyfold_key_version;

/** All defaults. */
#define KEYFOLD_KEY_VERSION_INIT { (uint32_t)sizeof(keyfold_key_version), 0, { 0 }, { 0 } }

/**
 * What a key handle is narrowed to, beside its context: all of it holds together, and with what it was narrowed to
 * before.
 */
typedef struct keyfold_narrowing {
    /**
     * sizeof(keyfold_narrowing).
     */
    uint32_t size;
    /**
     * Zero.
     */
    uint32_t flags;
    /**
     * Names of the operations that stay allowed, with commas between them and nothing else, such as
     * "Encrypt,GenerateDataKey"; NULL means all.
     */
    const char *operations;
    /**
     * So many uses at most, refused ones not counted; 0 means any number.
     */
    uint64_t uses;
    /**
     * Milliseconds from now until it ends; 0 means never.
     */
    uint64_t millis;
} keyfold_narrowing;

/** All defaults. */
#define KEYFOLD_NARROWING_INIT { (uint32_t)sizeof(keyfold_narrowing), 0, NULL, 0, 0 }

/**
 * Told how far a call is, about once a MiB: bytes done, and those of the whole, 0 where they are not known. Answers
 * KEYFOLD_CALLBACK_OK to go on; anything else stops the call with CANCELLED.
 *
 * It is called from the thread that made the call. It may call into the library, but not with the buffers, the stream or
 * the files of the call it is called from, and must not throw or jump out.
 */
typedef int32_t (*keyfold_progress_callback)(void *user_data, uint64_t done, uint64_t total);

/**
 * How a call that may take long goes about it. It, its flag and what its callback needs must stay until the call
 * returns.
 */
typedef struct keyfold_work {
    /**
     * sizeof(keyfold_work).
     */
    uint32_t size;
    /**
     * Zero.
     */
    uint32_t flags;
    /**
     * Threads that seal or open, the calling one among them: 1 is the calling thread only; 0 lets the library choose (the
     * calling thread only below KEYFOLD_LARGE bytes, then one for each processor, 8 at most). 1,024 at most. All have
     * ended when the call returns, and none takes a signal; where the system gives none the others do its work.
     */
    uint32_t threads;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * Anything but 0 at it stops the call within one chunk, with CANCELLED; NULL: nothing does. Any thread, or a signal's
     * handler, may set it, as one atomic store.
     */
    const uint32_t *cancel;
    /**
     * Told how far the call is; NULL: nothing.
     */
    keyfold_progress_callback progress;
    /**
     * Given to the progress callback.
     */
    void *user_data;
} keyfold_work;

/** All defaults. */
#define KEYFOLD_WORK_INIT { (uint32_t)sizeof(keyfold_work), 0, 0, 0, NULL, NULL, NULL }

/**
 * Options of encryption and of making data keys.
 */
typedef struct keyfold_encrypt_options {
    /**
     * sizeof(keyfold_encrypt_options).
     */
    uint32_t size;
    /**
     * Zero.
     */
    uint32_t flags;
    /**
     * One of KEYFOLD_STORE_CONTEXT_*; CHOSEN only where the call takes a stored block.
     */
    uint32_t store_context;
    /**
     * Room for so many later wrappings (104 bytes each), 0 to 8; one lets a file be rewrapped in place. Not for
     * data keys.
     */
    uint32_t free_cells;
    /**
     * Threads, cancellation and progress; NULL means all defaults. Looked at by keyfold_encrypt, keyfold_encrypt_to,
     * keyfold_seal and keyfold_encrypt_file. Calls in place stay on the calling thread and are not stopped; streams are given
     * it with each of their calls.
     */
    const struct keyfold_work *work;
} keyfold_encrypt_options;

/** All defaults. */
#define KEYFOLD_ENCRYPT_OPTIONS_INIT { (uint32_t)sizeof(keyfold_encrypt_options), 0, 0, 0, NULL }

/**
 * Options of decryption.
 */
typedef struct keyfold_decrypt_options {
    /**
     * sizeof(keyfold_decrypt_options).
     */
    uint32_t size;
    /**
     * Any of KEYFOLD_DECRYPT_*.
     */
    uint32_t flags;
    /**
     * Threads, cancellation and progress; NULL means all defaults. Looked at by keyfold_decrypt, _with_keys, _any and
     * keyfold_decrypt_file. Calls in place stay on the calling thread and are not stopped; streams and readers are given it
     * with each of their calls.
     */
    const struct keyfold_work *work;
} keyfold_decrypt_options;

/** All defaults. */
#define KEYFOLD_DECRYPT_OPTIONS_INIT { (uint32_t)sizeof(keyfold_decrypt_options), 0, NULL }

/**
 * Which key a decryption used.
 */
typedef struct keyfold_opened {
    /**
     * sizeof(keyfold_opened), set by the caller before the call.
     */
    uint32_t size;
    /**
     * The key's version, from 1.
     */
    uint32_t version;
    /**
     * The key's id.
     */
    uint8_t key_id[16];
} keyfold_opened;

/** All defaults. */
#define KEYFOLD_OPENED_INIT { (uint32_t)sizeof(keyfold_opened), 0, { 0 } }

/**
 * What a rewrap did.
 */
typedef struct keyfold_rewrapped {
    /**
     * sizeof(keyfold_rewrapped), set by the caller before the call.
     */
    uint32_t size;
    /**
     * Wrappings made new, under the current version of their key.
     */
    uint32_t cells_rewrapped;
    /**
     * Wrappings that were current already.
     */
    uint32_t cells_current;
    /**
     * Wrappings left as they were: of keys out of reach, of unknown kinds, or that did not authenticate.
     */
    uint32_t cells_skipped;
    /**
     * Old wrappings that were only removed, since an interrupted rewrap had made the new one already.
     */
    uint32_t cells_freed;
} keyfold_rewrapped;

/** All defaults. */
#define KEYFOLD_REWRAPPED_INIT { (uint32_t)sizeof(keyfold_rewrapped), 0, 0, 0, 0 }

/**
 * Options of keyfold_reencrypt.
 */
typedef struct keyfold_reencrypt_options {
    /**
     * sizeof(keyfold_reencrypt_options).
     */
    uint32_t size;
    /**
     * Any of KEYFOLD_REENCRYPT_*.
     */
    uint32_t flags;
    /**
     * One of KEYFOLD_STORE_CONTEXT_*, for the new envelope.
     */
    uint32_t store_context;
    /**
     * As in keyfold_encrypt_options, for the new envelope.
     */
    uint32_t free_cells;
} keyfold_reencrypt_options;

/** All defaults. */
#define KEYFOLD_REENCRYPT_OPTIONS_INIT { (uint32_t)sizeof(keyfold_reencrypt_options), 0, 0, 0 }

/**
 * Gives a stream its input: writes at most into_cap bytes at into and puts how many into *out_len. 0 bytes, and nothing
 * else, say that the end has come. Answers KEYFOLD_CALLBACK_OK; anything else, an *out_len that was not set, or one over
 * into_cap ends the stream with CALLBACK_FAILED.
 *
 * It is called by keyfold_stream_read, from its thread, and must not use the same stream, throw or jump out. into may hold bytes
 * of before; they mean nothing.
 */
typedef int32_t (*keyfold_source_callback)(void *user_data, uint8_t *into, size_t into_cap, size_t *out_len);

/**
 * Gives back what a source or pread callback needed; called exactly once, after the callback's last call.
 */
typedef void (*keyfold_source_release)(void *user_data);

/**
 * Gives a reader bytes of its envelope: writes at most into_cap bytes from offset on at into and puts how many into
 * *out_len; fewer than asked may come, none only at the end. Answers KEYFOLD_CALLBACK_OK; anything else, an *out_len that was not
 * set, or one over into_cap fails the call with CALLBACK_FAILED.
 *
 * It is called by calls on the reader, from their threads, so from several at once where several use the reader. It must
 * not use the same reader, throw or jump out.
 */
typedef int32_t (*keyfold_pread_callback)(void *user_data,
                                          uint64_t offset,
                                          uint8_t *into,
                                          size_t into_cap,
                                          size_t *out_len);

/**
 * A host's own sink of the trail: given one event at a time, in order, as one line of JSON without a line end, which
 * stays there for the length of the call alone. It gets events alone, never checkpoints. 0: taken; anything else: it
 * failed, which is told in the trail, and gets the same event again at a later flush; one that it failed at three
 * times is dropped and counted, and the next one follows.
 *
 * It is called from the thread whose call writes the trail down (any call on a store or key of it, closing them
 * included), outside every lock and transaction. It must not call back into the same store or its keys, must not
 * throw or jump out, and should be quick.
 */
typedef int32_t (*keyfold_trail_callback)(void *user_data, const uint8_t *event, size_t event_len);

/**
 * Gives back what a callback needed; called exactly once, after the callback's last call.
 */
typedef void (*keyfold_trail_release)(void *user_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Tells the version of the ABI that the library was built with. Programs compare it with KEYFOLD_ABI_VERSION when
 * they load the library.
 *
 * @returns the version
 * @errors   none
 * @threads  any   @callback never   @since 0.1
 */
uint32_t keyfold_abi_version(void);

/**
 * Tells the version of the library, such as "0.1.0".
 *
 * @returns [static] the version
 * @errors   none
 * @threads  any   @callback never   @since 0.1
 */
const char *keyfold_version(void);

/**
 * Names the engine that does AES-256-GCM in this build: "aws-lc" or "aes-gcm". Both give the same bytes.
 *
 * @returns [static] the engine
 * @errors   none
 * @threads  any   @callback never   @since 0.1
 */
const char *keyfold_engine(void);

/**
 * Names a status, such as "KEY_DISABLED"; for logs and for programs. Names never change.
 *
 * @param status   [in]   any number
 * @returns [static] the name, or "UNKNOWN" for a number that is none
 * @errors   none
 * @threads  any   @callback never   @since 0.1
 */
const char *keyfold_status_name(int32_t status);

/**
 * Tells in a sentence what a status means and what to do about it. Sentences may change.
 *
 * @param status   [in]   any number
 * @returns [static] the sentence
 * @errors   none
 * @threads  any   @callback never   @since 0.1
 */
const char *keyfold_status_text(int32_t status);

/**
 * Tells whether the same call may succeed later without anything being mended.
 *
 * @param status   [in]   any number
 * @returns 1 if so, else 0
 * @errors   none
 * @threads  any   @callback never   @since 0.1
 */
uint32_t keyfold_status_retryable(int32_t status);

/**
 * Copies the detail of the last failure in this thread: a sentence that names what was given and says what to do.
 * Every call that returns a status forgets the detail first, so it is never stale; a close that succeeds leaves it
 * alone, so that one may clean up before reporting. It carries no secret.
 *
 * @param out       [out, text(out_cap), nullable-if-0]   NUL-ended; cut at a character when it does not fit.
 *                  KEYFOLD_ERROR_SIZE bytes always suffice
 * @param out_len   [out, nullable]   bytes of the whole sentence without its NUL; 0 when nothing failed
 * @errors   NULL_ARGUMENT
 * @threads  any   @callback never   @since 0.1
 */
keyfold_status keyfold_last_error(char *out,
                                  size_t out_cap,
                                  size_t *out_len);

/**
 * Counts the handles (roots, stores, keys) that are open in this copy of the library; 0 at the end of a program
 * that closes all it opens.
 *
 * @returns the number of open handles
 * @errors   none
 * @threads  any   @callback never   @since 0.1
 */
size_t keyfold_open_handles(void);

/**
 * Runs the self-test unless it has run, and tells how it came out: known answers on both engines, one against the
 * other; then those of HMAC, HPKE, Ed25519 and RSA-OAEP. Every call asks for what it uses by itself, those four at
 * their first use; this one is for programs that want to know at their start.
 *
 * @errors   SELF_TEST
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_self_test(void);

/**
 * Reports how the secret memory of this process is really protected.
 *
 * @param out   [out, result]
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE keyfold_status keyfold_protection_status(struct keyfold_protection *out);

/**
 * Makes every generator of this process take fresh entropy from the kernel before its next output. Call it when a
 * machine or container has been restored from a snapshot or cloned while running.
 *
 * @errors   SELF_TEST
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reseed(void);

/**
 * Fills a buffer with random bytes that are fit for keys.
 *
 * @param out   [out, bytes(out_len), nullable-if-0]   zeroed if the call fails
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, RANDOM
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE keyfold_status keyfold_generate_random(uint8_t *out, size_t out_len);

/**
 * Wipes and frees bytes that the library made, and sets the buffer to NULL and 0. NULL, and a buffer that is
 * already so, are left alone.
 *
 * @param buffer   [inout, nullable]
 * @errors   none
 * @threads  one   @callback never   @since 0.1
 */
void keyfold_buffer_free(struct keyfold_buffer *buffer);

/**
 * Writes the canonical encoding of an encryption context: pairs sorted by name, with their lengths. The block can
 * be kept and used for any number of calls.
 *
 * @param pairs     [in, array(pairs_len), nullable-if-0]   in any order; 0 to 64
 * @param out       [out, bytes(out_cap), nullable-if-0]    KEYFOLD_CONTEXT_MAX_SIZE bytes always suffice
 * @param out_len   [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, BUFFER_TOO_SMALL, INVALID_UTF8, INVALID_CONTEXT, BUFFERS_OVERLAP
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_context_pack(const struct keyfold_pair *pairs,
                                    size_t pairs_len,
                                    uint8_t *out,
                                    size_t out_cap,
                                    size_t *out_len);

/**
 * Checks that a block is the canonical encoding of an encryption context.
 *
 * @param context   [in, bytes(context_len), nullable-if-0]   NULL with 0 is the empty context
 * @errors   NULL_ARGUMENT, INVALID_CONTEXT
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE keyfold_status keyfold_context_check(const uint8_t *context, size_t context_len);

/**
 * Checks that a context gives a value for each of the names that the program never goes without, such as the column
 * and the tenant. Call it before decrypting: an envelope that was encrypted without a name opens without it.
 *
 * @param context   [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
 * @param names     [in, bytes(names_len), nullable-if-0]     a packed context, of which only the names count
 * @errors   NULL_ARGUMENT, INVALID_CONTEXT, CONTEXT_REQUIRED
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_context_require(const uint8_t *context,
                                       size_t context_len,
                                       const uint8_t *names,
                                       size_t names_len);

/**
 * Makes a new key file: 32 random bytes in a small text format, readable by its owner alone, synced to disk. Keep
 * it, and a copy of it, apart from the store; without it the store cannot be opened.
 *
 * @param path   [in, text]   of a file that does not exist
 * @errors   NULL_ARGUMENT, INVALID_UTF8, FILE_EXISTS, ROOT_UNSAFE, IO, RANDOM
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_root_create_key_file(const char *path);

/**
 * Names a key file as a root. The file is read, and its protection checked, by the calls that take the root.
 *
 * @param path       [in, text]
 * @param options    [in, nullable]
 * @param out_root   [out, handle]   closed with keyfold_root_close
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_root_open_key_file(const char *path,
                                          const struct keyfold_key_file_options *options,
                                          struct keyfold_root **out_root);

/**
 * Takes a passphrase as a root, into locked memory. The caller wipes its own copy.
 *
 * @param passphrase   [in, bytes(passphrase_len)]   1 to 1,024 bytes, taken as they are
 * @param out_root     [out, handle]   closed with keyfold_root_close
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, OUT_OF_MEMORY
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_root_open_passphrase(const uint8_t *passphrase,
                                            size_t passphrase_len,
                                            struct keyfold_root **out_root);

/**
 * Closes a root and wipes what it held. Stores opened with it stay open.
 *
 * @param root   [in, closes, nullable]   NULL is OK; a second close is INVALID_HANDLE
 * @errors   INVALID_HANDLE
 * @threads  any   @callback never   @since 0.1
 */
keyfold_status keyfold_root_close(struct keyfold_root *root);

/**
 * Makes a new key store, protected by a root, and opens it.
 *
 * @param location    [in, text]   a path, or a URL: "sqlite:PATH"
 * @param root        [in, shared]
 * @param options     [in, nullable]
 * @param out_store   [out, handle]   closed with keyfold_store_close
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, STORE_EXISTS,
 *           STORE_UNSAFE, STORE_IO, STORE_FULL, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_init(const char *location,
                                  const struct keyfold_root *root,
                                  const struct keyfold_store_options *options,
                                  struct keyfold_store **out_store);

/**
 * Opens a key store that exists.
 *
 * @param location    [in, text]   a path, or a URL: "sqlite:PATH", "sqlite:PATH?fingerprint=HEX"
 * @param root        [in, shared]
 * @param options     [in, nullable]
 * @param out_store   [out, handle]   closed with keyfold_store_close
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, STORE_NOT_FOUND,
 *           NOT_A_STORE, STORE_TOO_NEW, STORE_INTEGRITY, SCHEMA_CHANGED, STORE_BUSY, STORE_IO, STORE_UNSAFE,
 *           FINGERPRINT_MISMATCH, ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_open(const char *location,
                                  const struct keyfold_root *root,
                                  const struct keyfold_store_options *options,
                                  struct keyfold_store **out_store);

/**
 * Makes a store in memory with the same calls, for tests. It is gone when it and all keys opened from it are closed.
 *
 * @param out_store   [out, handle]   closed with keyfold_store_close
 * @errors   NULL_ARGUMENT, OUT_OF_MEMORY, RANDOM
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_open_in_memory(struct keyfold_store **out_store);

/**
 * Closes a store. Keys opened from it go on working.
 *
 * @param store   [in, closes, nullable]   NULL is OK; a second close is INVALID_HANDLE
 * @errors   INVALID_HANDLE
 * @threads  any   @callback sink   @since 0.1
 */
keyfold_status keyfold_store_close(struct keyfold_store *store);

/**
 * Tells identity and state of a store, as JSON: StoreInfo in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param out_json   [out, buffer]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, FORKED, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_info(const struct keyfold_store *store,
                                  struct keyfold_buffer *out_json);

/**
 * Reads everything in a store and verifies it.
 *
 * @param store      [in, shared]
 * @param out_keys   [out, nullable]   number of keys verified
 * @errors   INVALID_HANDLE, FORKED, STORE_INTEGRITY, STORE_ROLLED_BACK, SCHEMA_CHANGED, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE keyfold_status keyfold_store_verify(const struct keyfold_store *store, uint64_t *out_keys);

/**
 * Lists the roots that can open a store, as JSON: an array of RootSlot in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param out_json   [out, buffer]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, FORKED, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_list_roots(const struct keyfold_store *store,
                                        struct keyfold_buffer *out_json);

/**
 * Adds a root that can open a store, beside those there are.
 *
 * @param store      [in, shared]
 * @param root       [in, shared]
 * @param out_json   [out, buffer, nullable]   the new RootSlot
 * @errors   INVALID_HANDLE, FORKED, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, ALREADY_EXISTS, STORE_READ_ONLY,
 *           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_add_root(const struct keyfold_store *store,
                                      const struct keyfold_root *root,
                                      struct keyfold_buffer *out_json);

/**
 * Adds a root whose slot bears a principal, or the admin seed.
 *
 * @param store      [in, shared]
 * @param root       [in, shared]
 * @param options    [in, nullable]
 * @param out_json   [out, buffer, nullable]   the new RootSlot
 * @errors   INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED, ACCESS_DENIED,
 *           APPROVAL_REQUIRED, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, ALREADY_EXISTS, LIMIT_EXCEEDED,
 *           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.2
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_add_root_as(const struct keyfold_store *store,
                                         const struct keyfold_root *root,
                                         const struct keyfold_slot_options *options,
                                         struct keyfold_buffer *out_json);

/**
 * Removes a root from a store; never the last.
 *
 * @param store     [in, shared]
 * @param slot_id   [in, text]   a slot_id of keyfold_store_list_roots
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, FORKED, ROOT_NOT_FOUND, LAST_ROOT, STORE_READ_ONLY,
 *           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_remove_root(const struct keyfold_store *store,
                                         const char *slot_id);

/**
 * Puts a new root in the place of another, in one transaction.
 *
 * @param store      [in, shared]
 * @param slot_id    [in, text, nullable]   the slot to replace; NULL means the one that opened this handle
 * @param root       [in, shared]           the new root
 * @param out_json   [out, buffer, nullable]   the new RootSlot
 * @errors   INVALID_HANDLE, INVALID_UTF8, FORKED, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, STORE_READ_ONLY,
 *           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_change_root(const struct keyfold_store *store,
                                         const char *slot_id,
                                         const struct keyfold_root *root,
                                         struct keyfold_buffer *out_json);

/**
 * Makes a key with its first version; or, with KEYFOLD_KEY_EXTERNAL, without one, to be imported.
 *
 * @param store      [in, shared]
 * @param alias      [in, text, nullable]   a name for it
 * @param options    [in, nullable]
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, INVALID_NAME, ALREADY_EXISTS,
 *           TOO_LARGE, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_create(const struct keyfold_store *store,
                                  const char *alias,
                                  const struct keyfold_key_options *options,
                                  struct keyfold_buffer *out_json);

/**
 * Makes a key whose first version is 32 bytes of the caller's own.
 *
 * @param store      [in, shared]
 * @param alias      [in, text, nullable]   a name for it
 * @param material   [in, bytes(material_len)]   exactly 32 random bytes; the caller wipes its own copy
 * @param options    [in, nullable]
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, INVALID_NAME,
 *           INVALID_KEY_MATERIAL, ALREADY_EXISTS, TOO_LARGE, FORKED, STORE_READ_ONLY, STORE_BUSY,
 *           STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_import_material(const struct keyfold_store *store,
                                           const char *alias,
                                           const uint8_t *material,
                                           size_t material_len,
                                           const struct keyfold_key_options *options,
                                           struct keyfold_buffer *out_json);

/**
 * Describes a key, as JSON: KeyMetadata in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param out_json   [out, buffer]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_INTEGRITY,
 *           STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_describe(const struct keyfold_store *store,
                                    const char *name,
                                    struct keyfold_buffer *out_json);

/**
 * Lists keys in a fixed order, a page at a time, as JSON: KeyPage in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param after      [in, text, nullable]   the "next" of the page before; NULL begins
 * @param limit      [in]   keys at most, up to 1,000; 0 means 100
 * @param out_json   [out, buffer]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, FORKED, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_list(const struct keyfold_store *store,
                                const char *after,
                                uint32_t limit,
                                struct keyfold_buffer *out_json);

/**
 * Lets a key be used again.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_READ_ONLY,
 *           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_enable(const struct keyfold_store *store,
                                  const char *name,
                                  struct keyfold_buffer *out_json);

/**
 * Stops every use of a key, through handles that are open as well, until it is enabled.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_READ_ONLY,
 *           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_disable(const struct keyfold_store *store,
                                   const char *name,
                                   struct keyfold_buffer *out_json);

/**
 * Adds a version to a key. New envelopes use it at once; older versions go on opening what they sealed.
 *
 * @param store         [in, shared]
 * @param name          [in, text]   a key id, "alias/NAME" or NAME
 * @param out_version   [out, result, nullable]   the new version
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND,
 *           KEY_DISABLED, LIMIT_EXCEEDED, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
 *           STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_rotate(const struct keyfold_store *store,
                                  const char *name,
                                  struct keyfold_key_version *out_version);

/**
 * Exports a whole key (all versions, names, state), wrapped under another key, for keyfold_key_import elsewhere.
 *
 * @param store   [in, shared]
 * @param name    [in, text]   a key id, "alias/NAME" or NAME
 * @param under   [in, text]   the wrapping key, which the other store must hold too
 * @param out     [out, buffer]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND,
 *           KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_export(const struct keyfold_store *store,
                                  const char *name,
                                  const char *under,
                                  struct keyfold_buffer *out);

/**
 * Takes a key that keyfold_key_export made; the wrapping key must be in this store. Its id, version numbers and
 * material ids stay the same.
 *
 * @param store      [in, shared]
 * @param exported   [in, bytes(exported_len)]
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND,
 *           KEY_DISABLED, ALREADY_EXISTS, INVALID_KEY_MATERIAL, FORKED, STORE_READ_ONLY, STORE_BUSY,
 *           STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_import(const struct keyfold_store *store,
                                  const uint8_t *exported,
                                  size_t exported_len,
                                  struct keyfold_buffer *out_json);

/**
 * Gives a key another name.
 *
 * @param store      [in, shared]
 * @param alias      [in, text]   the new name: 1 to 256 of A-Z a-z 0-9 / _ -, not beginning keyfold/
 * @param name       [in, text]   the key: its id, "alias/NAME" or NAME
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ALREADY_EXISTS,
 *           LIMIT_EXCEEDED, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_alias_create(const struct keyfold_store *store,
                                    const char *alias,
                                    const char *name,
                                    struct keyfold_buffer *out_json);

/**
 * Moves a name from its key to another, in one transaction. Key handles that are open keep the key they have.
 *
 * @param store      [in, shared]
 * @param alias      [in, text]   a name that exists
 * @param name       [in, text]   the key that gets it: its id, "alias/NAME" or NAME
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, LIMIT_EXCEEDED, FORKED,
 *           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_alias_move(const struct keyfold_store *store,
                                  const char *alias,
                                  const char *name,
                                  struct keyfold_buffer *out_json);

/**
 * Removes a name; its key stays.
 *
 * @param store   [in, shared]
 * @param alias   [in, text]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_READ_ONLY,
 *           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_alias_delete(const struct keyfold_store *store,
                                    const char *alias);

/**
 * Lists names in a fixed order, a page at a time, as JSON: AliasPage in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param after      [in, text, nullable]   the "next" of the page before; NULL begins
 * @param limit      [in]   names at most, up to 1,000; 0 means 100
 * @param out_json   [out, buffer]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, FORKED, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_alias_list(const struct keyfold_store *store,
                                  const char *after,
                                  uint32_t limit,
                                  struct keyfold_buffer *out_json);

/**
 * Opens a key for use: resolved once, verified, its current version ready. It stays this key when its names move,
 * and follows rotation, disabling and enabling by itself.
 *
 * @param store     [in, shared]
 * @param name      [in, text]   a key id, "alias/NAME" or NAME
 * @param out_key   [out, handle]   closed with keyfold_key_close
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_INTEGRITY,
 *           STORE_IO, OUT_OF_MEMORY
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_open(const struct keyfold_store *store,
                                const char *name,
                                struct keyfold_key **out_key);

/**
 * Closes a key handle. Calls under way in other threads go on to their end; the key itself stays in its store.
 *
 * @param key   [in, closes, nullable]   NULL is OK; a second close is INVALID_HANDLE
 * @errors   INVALID_HANDLE
 * @threads  any   @callback sink   @since 0.1
 */
keyfold_status keyfold_key_close(struct keyfold_key *key);

/**
 * Tells the id of a key.
 *
 * @param key      [in, shared]
 * @param out_id   [out, bytes(16)]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE keyfold_status keyfold_key_id(const struct keyfold_key *key, uint8_t *out_id);

/**
 * Replaces a key's description.
 *
 * @param store         [in, shared]
 * @param name          [in, text]   a key id, "alias/NAME" or NAME
 * @param description   [in, text]   up to 8,192 bytes; not secret
 * @param out_json      [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           TOO_LARGE, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY,
 *           STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_update_description(const struct keyfold_store *store,
                                              const char *name,
                                              const char *description,
                                              struct keyfold_buffer *out_json);

/**
 * Adds tags to a key, or replaces their values.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param tags       [in, text]   a JSON object of text to text: names of 1 to 128 characters, values of up to
 *                   256; not secret
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, LIMIT_EXCEEDED, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY,
 *           STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_tag(const struct keyfold_store *store,
                               const char *name,
                               const char *tags,
                               struct keyfold_buffer *out_json);

/**
 * Removes tags from a key; names that it has not are no error.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param names      [in, text]   a JSON array of text
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY,
 *           STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_untag(const struct keyfold_store *store,
                                 const char *name,
                                 const char *names,
                                 struct keyfold_buffer *out_json);

/**
 * Replaces a key's whole policy: when it rotates, how long its versions serve, what its trail records, what stops
 * it.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param policy     [in, text]   JSON: KeyPolicy in docs/ABI.md; what is left out is at its default
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, INVALID_KEY_STATE, KEY_DESTROYED, UNSUPPORTED_OPERATION, ANCHOR_UNAVAILABLE,
 *           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_set_policy(const struct keyfold_store *store,
                                      const char *name,
                                      const char *policy,
                                      struct keyfold_buffer *out_json);

/**
 * Puts a key into PendingDeletion: it is not used any more, and keyfold_store_destroy_due destroys it after the
 * waiting period, unless that is cancelled. See keyfold_key_last_usage first.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param days       [in]   7 to 30; 0 means 30
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, INVALID_KEY_STATE, KEY_DESTROYED, APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE,
 *           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_schedule_deletion(const struct keyfold_store *store,
                                             const char *name,
                                             uint32_t days,
                                             struct keyfold_buffer *out_json);

/**
 * Takes a key out of PendingDeletion; it is Disabled then (or again Compromised, or PendingImport).
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
 *           STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_cancel_deletion(const struct keyfold_store *store,
                                           const char *name,
                                           struct keyfold_buffer *out_json);

/**
 * Destroys every key whose waiting period is over: its material is overwritten in file, log and free pages, and a
 * tombstone stays. For cron; nothing else does it.
 *
 * @param store      [in, shared]
 * @param out_json   [out, buffer, nullable]   an array of Destroyed in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE,
 *           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_destroy_due(const struct keyfold_store *store,
                                         struct keyfold_buffer *out_json);

/**
 * Marks a key as compromised: it seals nothing more, and opens only in a store opened with KEYFOLD_OPEN_RECOVERY.
 * There is no way back; make a new key, and re-encrypt under it what the old one protects (a rewrap keeps the key).
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param reason     [in, text]   for people; not secret
 * @param out_json   [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, TOO_LARGE, INVALID_KEY_STATE, KEY_DESTROYED, ANCHOR_UNAVAILABLE,
 *           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_mark_compromised(const struct keyfold_store *store,
                                            const char *name,
                                            const char *reason,
                                            struct keyfold_buffer *out_json);

/**
 * Rotates every key that is due, many in one transaction; for cron. A key that is used rotates by itself.
 *
 * @param store      [in, shared]
 * @param out_json   [out, buffer, nullable]   an array of KeyMetadata in docs/ABI.md: the keys rotated
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_READ_ONLY, STORE_BUSY,
 *           STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_rotate_due(const struct keyfold_store *store,
                                        struct keyfold_buffer *out_json);

/**
 * Tells whether and when a key rotates, as JSON: RotationStatus in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param out_json   [out, buffer]   RotationStatus
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_rotation_status(const struct keyfold_store *store,
                                           const char *name,
                                           struct keyfold_buffer *out_json);

/**
 * Lists a key's versions, the newest first: when, why and by whom each was made; as JSON: RotationPage in
 * docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param after      [in, text, nullable]   the "next" of the page before; NULL begins
 * @param limit      [in]   entries at most, up to 1,000; 0 means 100
 * @param out_json   [out, buffer]   RotationPage
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_list_rotations(const struct keyfold_store *store,
                                          const char *name,
                                          const char *after,
                                          uint32_t limit,
                                          struct keyfold_buffer *out_json);

/**
 * Tells what each version of a key has done, over all processes, as JSON: an array of VersionCounts in
 * docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param out_json   [out, buffer]   an array of VersionCounts
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_usage(const struct keyfold_store *store,
                                 const char *name,
                                 struct keyfold_buffer *out_json);

/**
 * Tells when a key was used last, as JSON: KeyLastUsage in docs/ABI.md. Not enough alone to delete a key: disable
 * it first, and watch for refusals.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param out_json   [out, buffer]   KeyLastUsage
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_last_usage(const struct keyfold_store *store,
                                      const char *name,
                                      struct keyfold_buffer *out_json);

/**
 * Makes a wrapping key and a token for importing material into a key that was made with KEYFOLD_KEY_EXTERNAL, as
 * JSON: ImportParameters in docs/ABI.md.
 *
 * @param store       [in, shared]
 * @param name        [in, text]   a key id, "alias/NAME" or NAME
 * @param algorithm   [in, text]   "RSAES_OAEP_SHA_256/RSA_3072", "RSAES_OAEP_SHA_256/RSA_4096", "HPKE_X25519" or
 *                    "HPKE_X_WING"
 * @param out_json    [out, buffer]   ImportParameters
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, INVALID_KEY_STATE, UNSUPPORTED_OPERATION, KEY_DESTROYED, STORE_READ_ONLY,
 *           STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_parameters_for_import(const struct keyfold_store *store,
                                                 const char *name,
                                                 const char *algorithm,
                                                 struct keyfold_buffer *out_json);

/**
 * Takes wrapped material: a key's first, which makes it Enabled; new material, which the key's next rotation makes
 * current; or the same material again after it expired or was deleted.
 *
 * @param store        [in, shared]
 * @param name         [in, text]   a key id, "alias/NAME" or NAME
 * @param token        [in, bytes(token_len)]   the import_token, its bytes
 * @param wrapped      [in, bytes(wrapped_len)]   the material, under the public key of the parameters
 * @param import_type  [in, text, nullable]   "NEW_KEY_MATERIAL" or "EXISTING_KEY_MATERIAL"; NULL: the first while the
 *                     key never had any, and then the second
 * @param valid_days   [in]   it expires after so many days, 1 to 365; 0: it does not
 * @param out_json     [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, INVALID_IMPORT_TOKEN, EXPIRED_IMPORT_TOKEN, INVALID_KEY_MATERIAL,
 *           INCORRECT_KEY_MATERIAL, ALREADY_EXISTS, INVALID_KEY_STATE, UNSUPPORTED_OPERATION,
 *           APPROVAL_REQUIRED, KEY_DESTROYED, AUTH, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
 *           STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_import_wrapped_material(const struct keyfold_store *store,
                                                   const char *name,
                                                   const uint8_t *token,
                                                   size_t token_len,
                                                   const uint8_t *wrapped,
                                                   size_t wrapped_len,
                                                   const char *import_type,
                                                   uint32_t valid_days,
                                                   struct keyfold_buffer *out_json);

/**
 * Deletes a key's imported material at once, that of one version or all. Unless it was only pending rotation the key
 * is PendingImport then, and the same material can be imported again.
 *
 * @param store         [in, shared]
 * @param name          [in, text]   a key id, "alias/NAME" or NAME
 * @param material_id   [in, text, nullable]   16 hexadecimal digits, as KeyMetadata has it; NULL: all that it has
 * @param out_json      [out, buffer, nullable]   KeyMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, INVALID_KEY_STATE, UNSUPPORTED_OPERATION, APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE,
 *           KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_delete_imported_material(const struct keyfold_store *store,
                                                    const char *name,
                                                    const char *material_id,
                                                    struct keyfold_buffer *out_json);

/**
 * Lets a principal do something with a key.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param grant      [in, text]   JSON: CreateGrant in docs/ABI.md
 * @param out_json   [out, buffer, nullable]   GrantMetadata in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, LIMIT_EXCEEDED, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY,
 *           STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_grant_create(const struct keyfold_store *store,
                                    const char *name,
                                    const char *grant,
                                    struct keyfold_buffer *out_json);

/**
 * Lists a key's grants, a page at a time, as JSON: GrantPage in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param after      [in, text, nullable]   the "next" of the page before; NULL begins
 * @param limit      [in]   entries at most, up to 1,000; 0 means 100
 * @param out_json   [out, buffer]   GrantPage
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_grant_list(const struct keyfold_store *store,
                                  const char *name,
                                  const char *after,
                                  uint32_t limit,
                                  struct keyfold_buffer *out_json);

/**
 * Lists the grants of all keys that a principal may retire, a page at a time, as JSON: GrantPage in docs/ABI.md.
 *
 * @param store       [in, shared]
 * @param principal   [in, text]
 * @param after       [in, text, nullable]   the "next" of the page before; NULL begins
 * @param limit       [in]   entries at most, up to 1,000; 0 means 100
 * @param out_json    [out, buffer]   GrantPage
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
 *           STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_grant_list_retirable(const struct keyfold_store *store,
                                            const char *principal,
                                            const char *after,
                                            uint32_t limit,
                                            struct keyfold_buffer *out_json);

/**
 * Ends a grant: called by its grantee (where the grant has RetireGrant), its retiring principal, or the key's
 * owner.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param grant_id   [in, text]   a grant_id of keyfold_grant_list
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, GRANT_NOT_FOUND, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
 *           STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_grant_retire(const struct keyfold_store *store,
                                    const char *name,
                                    const char *grant_id);

/**
 * Ends a grant: called by the key's owner. Handles that are ready feel it at their next call, in other processes
 * within the refresh interval.
 *
 * @param store      [in, shared]
 * @param name       [in, text]   a key id, "alias/NAME" or NAME
 * @param grant_id   [in, text]   a grant_id of keyfold_grant_list
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, GRANT_NOT_FOUND, ANCHOR_UNAVAILABLE, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY,
 *           STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_grant_revoke(const struct keyfold_store *store,
                                    const char *name,
                                    const char *grant_id);

/**
 * Makes another handle on the same key with fewer rights, for plugins and threads; this one stays as it is. The
 * new one can be narrowed further, and never widened.
 *
 * @param key              [in, shared]
 * @param context_equals   [in, bytes(context_equals_len), nullable-if-0]   the context must be exactly this
 *                         packed one; NULL: any
 * @param context_subset   [in, bytes(context_subset_len), nullable-if-0]   the context must have these pairs;
 *                         NULL: any
 * @param narrowing        [in, nullable]   what else it is narrowed to
 * @param out_key          [out, handle]   closed with keyfold_key_close
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8,
 *           INVALID_CONTEXT, OUT_OF_MEMORY
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_narrow(const struct keyfold_key *key,
                                  const uint8_t *context_equals,
                                  size_t context_equals_len,
                                  const uint8_t *context_subset,
                                  size_t context_subset_len,
                                  const struct keyfold_narrowing *narrowing,
                                  struct keyfold_key **out_key);

/**
 * Tells the exact size of the envelope that keyfold_encrypt makes of a message of this length under one key.
 *
 * @param plaintext_len   [in]
 * @param context         [in, bytes(context_len), nullable-if-0]   as it will be given to keyfold_encrypt
 * @param options         [in, nullable]                            likewise
 * @param out_size        [out]
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, TOO_LARGE
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_encrypted_size(size_t plaintext_len,
                                      const uint8_t *context,
                                      size_t context_len,
                                      const struct keyfold_encrypt_options *options,
                                      size_t *out_size);

/**
 * Encrypts a message under a key, with a data key of its own.
 *
 * @param key         [in, shared]
 * @param plaintext   [in, bytes(plaintext_len), nullable-if-0]
 * @param context     [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
 * @param options     [in, nullable]
 * @param out         [out, bytes(out_cap), nullable-if-0]      the envelope; zeroed if the call fails
 * @param out_len     [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, CANCELLED, LIMIT_EXCEEDED, KEY_DISABLED, FORKED,
 *           STORE_POISONED, RANDOM
 * @threads  any   @callback sink, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_encrypt(const struct keyfold_key *key,
                               const uint8_t *plaintext,
                               size_t plaintext_len,
                               const uint8_t *context,
                               size_t context_len,
                               const struct keyfold_encrypt_options *options,
                               uint8_t *out,
                               size_t out_cap,
                               size_t *out_len);

/**
 * Encrypts a message under one or more keys, any of which opens it, and chooses what of the context to store.
 *
 * @param keys        [in, array(keys_len), shared]   1 to 32, less the free cells
 * @param plaintext   [in, bytes(plaintext_len), nullable-if-0]
 * @param context     [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
 * @param chosen      [in, bytes(chosen_len), nullable-if-0]    with KEYFOLD_STORE_CONTEXT_CHOSEN: a packed context
 *                    whose names are those whose values are stored (its own values mean nothing); else empty
 * @param options     [in, nullable]
 * @param out         [out, bytes(out_cap), nullable-if-0]      the envelope; zeroed if the call fails
 * @param out_len     [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, CANCELLED, LIMIT_EXCEEDED, KEY_DISABLED, FORKED,
 *           STORE_POISONED, RANDOM
 * @threads  any   @callback sink, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_encrypt_to(const struct keyfold_key *const *keys,
                                  size_t keys_len,
                                  const uint8_t *plaintext,
                                  size_t plaintext_len,
                                  const uint8_t *context,
                                  size_t context_len,
                                  const uint8_t *chosen,
                                  size_t chosen_len,
                                  const struct keyfold_encrypt_options *options,
                                  uint8_t *out,
                                  size_t out_cap,
                                  size_t *out_len);

/**
 * Tells how many bytes must be free before a message for keyfold_encrypt_in_place: the size of the head.
 *
 * @param context    [in, bytes(context_len), nullable-if-0]   as it will be given to keyfold_encrypt_in_place
 * @param options    [in, nullable]                            likewise
 * @param out_size   [out]
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_headroom(const uint8_t *context,
                                size_t context_len,
                                const struct keyfold_encrypt_options *options,
                                size_t *out_size);

/**
 * Encrypts a message in its own buffer. The message lies at an offset of at least keyfold_headroom; the envelope
 * begins at the buffer's first byte.
 *
 * @param key          [in, shared]
 * @param buffer       [inout, bytes(buffer_cap)]   if the call fails the message is as it was, and what lies before
 *                     it may be zero; with INTERNAL all of it is zero
 * @param offset       [in]   where the message begins
 * @param length       [in]   bytes of the message
 * @param context      [in, bytes(context_len), nullable-if-0]   apart from the buffer
 * @param options      [in, nullable]
 * @param out_len      [out]   bytes of the envelope, or the capacity needed
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, LIMIT_EXCEEDED, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_encrypt_in_place(const struct keyfold_key *key,
                                        uint8_t *buffer,
                                        size_t buffer_cap,
                                        size_t offset,
                                        size_t length,
                                        const uint8_t *context,
                                        size_t context_len,
                                        const struct keyfold_encrypt_options *options,
                                        size_t *out_len);

/**
 * Tells the exact size of the message in an envelope, from its head and length. Nothing is authenticated by this.
 *
 * @param envelope   [in, bytes(envelope_len), nullable-if-0]   the whole envelope
 * @param out_size   [out]
 * @errors   NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_decrypted_size(const uint8_t *envelope,
                                      size_t envelope_len,
                                      size_t *out_size);

/**
 * Decrypts an envelope under the key named, and no other.
 *
 * @param key        [in, shared]
 * @param envelope   [in, bytes(envelope_len), nullable-if-0]
 * @param context    [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options    [in, nullable]
 * @param out        [out, bytes(out_cap), nullable-if-0]      the message; zeroed if the call fails
 * @param out_len    [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
 *           KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
 * @threads  any   @callback sink, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_decrypt(const struct keyfold_key *key,
                               const uint8_t *envelope,
                               size_t envelope_len,
                               const uint8_t *context,
                               size_t context_len,
                               const struct keyfold_decrypt_options *options,
                               uint8_t *out,
                               size_t out_cap,
                               size_t *out_len);

/**
 * Decrypts an envelope under any of the keys named.
 *
 * @param keys       [in, array(keys_len), shared]   1 to 32
 * @param envelope   [in, bytes(envelope_len), nullable-if-0]
 * @param context    [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options    [in, nullable]
 * @param out        [out, bytes(out_cap), nullable-if-0]      the message; zeroed if the call fails
 * @param out_len    [out]   bytes written, or needed
 * @param opened     [out, result, nullable]   which key it was
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
 *           KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
 * @threads  any   @callback sink, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_decrypt_with_keys(const struct keyfold_key *const *keys,
                                         size_t keys_len,
                                         const uint8_t *envelope,
                                         size_t envelope_len,
                                         const uint8_t *context,
                                         size_t context_len,
                                         const struct keyfold_decrypt_options *options,
                                         uint8_t *out,
                                         size_t out_cap,
                                         size_t *out_len,
                                         struct keyfold_opened *opened);

/**
 * Decrypts an envelope under whichever key of a store opens it. Prefer keyfold_decrypt: here an envelope of any
 * key is accepted, so look at "opened" wherever it matters which it was.
 *
 * @param store      [in, shared]
 * @param envelope   [in, bytes(envelope_len), nullable-if-0]
 * @param context    [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options    [in, nullable]
 * @param out        [out, bytes(out_cap), nullable-if-0]      the message; zeroed if the call fails
 * @param out_len    [out]   bytes written, or needed
 * @param opened     [out, result, nullable]   which key it was
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
 *           KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO, STORE_POISONED
 * @threads  any   @callback sink, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_decrypt_any(const struct keyfold_store *store,
                                   const uint8_t *envelope,
                                   size_t envelope_len,
                                   const uint8_t *context,
                                   size_t context_len,
                                   const struct keyfold_decrypt_options *options,
                                   uint8_t *out,
                                   size_t out_cap,
                                   size_t *out_len,
                                   struct keyfold_opened *opened);

/**
 * Decrypts an envelope in its own buffer, under the key named; the message then begins at the first byte.
 *
 * @param key       [in, shared]
 * @param buffer    [inout, bytes(buffer_len)]   the envelope. If the call fails it is as it was, but for AUTH met in
 *                  the message itself, and INTERNAL: then it is zeroed, since some of it had been written over
 * @param context   [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted;
 *                  apart from the buffer
 * @param options   [in, nullable]
 * @param out_len   [out]   bytes of the message
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFERS_OVERLAP,
 *           INVALID_CONTEXT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED,
 *           KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_decrypt_in_place(const struct keyfold_key *key,
                                        uint8_t *buffer,
                                        size_t buffer_len,
                                        const uint8_t *context,
                                        size_t context_len,
                                        const struct keyfold_decrypt_options *options,
                                        size_t *out_len);

/**
 * Returns the whole authenticated context of an envelope that keyfold_decrypt would open, packed, without its
 * message. With KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT it tells what was accepted.
 *
 * @param key           [in, shared]
 * @param envelope      [in, bytes(envelope_len), nullable-if-0]
 * @param context       [in, bytes(context_len), nullable-if-0]
 * @param options       [in, nullable]
 * @param out_context   [out, buffer]   a packed context
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
 *           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED,
 *           FORKED, STORE_POISONED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_authenticated_context(const struct keyfold_key *key,
                                             const uint8_t *envelope,
                                             size_t envelope_len,
                                             const uint8_t *context,
                                             size_t context_len,
                                             const struct keyfold_decrypt_options *options,
                                             struct keyfold_buffer *out_context);

/**
 * As keyfold_authenticated_context, for an envelope that keyfold_decrypt_any would open.
 *
 * @param store         [in, shared]
 * @param envelope      [in, bytes(envelope_len), nullable-if-0]
 * @param context       [in, bytes(context_len), nullable-if-0]
 * @param options       [in, nullable]
 * @param out_context   [out, buffer]   a packed context
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
 *           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
 *           STORE_INTEGRITY, STORE_IO, STORE_POISONED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_authenticated_context_any(const struct keyfold_store *store,
                                                 const uint8_t *envelope,
                                                 size_t envelope_len,
                                                 const uint8_t *context,
                                                 size_t context_len,
                                                 const struct keyfold_decrypt_options *options,
                                                 struct keyfold_buffer *out_context);

/**
 * Encrypts many messages under one key, each into an envelope of its own. Messages lie one after another in one
 * block, message i from offsets[i] to offsets[i + 1]; so do the envelopes, in out_offsets. Contexts are one for
 * all, or one each, laid out likewise. It is all or nothing.
 *
 * @param key               [in, shared]
 * @param plaintexts        [in, bytes(plaintexts_len), nullable-if-0]
 * @param offsets           [in, array(count + 1)]             never falling, the last at most plaintexts_len
 * @param count             [in]   number of messages
 * @param contexts          [in, bytes(contexts_len), nullable-if-0]   packed contexts
 * @param context_offsets   [in, array(count + 1), nullable]   NULL: contexts is one context, for every message
 * @param options           [in, nullable]
 * @param out               [out, bytes(out_cap), nullable-if-0]       zeroed if the call fails
 * @param out_len           [out]   bytes written, or needed
 * @param out_offsets       [out, array(count + 1)]   where each envelope begins, and the end of the last
 * @param out_failed        [out, nullable]   the message at which the call failed; count where it was not one
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_encrypt_batch(const struct keyfold_key *key,
                                     const uint8_t *plaintexts,
                                     size_t plaintexts_len,
                                     const uint64_t *offsets,
                                     size_t count,
                                     const uint8_t *contexts,
                                     size_t contexts_len,
                                     const uint64_t *context_offsets,
                                     const struct keyfold_encrypt_options *options,
                                     uint8_t *out,
                                     size_t out_cap,
                                     size_t *out_len,
                                     uint64_t *out_offsets,
                                     size_t *out_failed);

/**
 * Decrypts many envelopes under the key named. Layout as in keyfold_encrypt_batch, the other way round. It is all
 * or nothing.
 *
 * @param key               [in, shared]
 * @param envelopes         [in, bytes(envelopes_len), nullable-if-0]
 * @param offsets           [in, array(count + 1)]             never falling, the last at most envelopes_len
 * @param count             [in]   number of envelopes
 * @param contexts          [in, bytes(contexts_len), nullable-if-0]   packed contexts
 * @param context_offsets   [in, array(count + 1), nullable]   NULL: contexts is one context, for every envelope
 * @param options           [in, nullable]
 * @param out               [out, bytes(out_cap), nullable-if-0]       zeroed if the call fails
 * @param out_len           [out]   bytes written, or needed
 * @param out_offsets       [out, array(count + 1)]   where each message begins, and the end of the last
 * @param out_failed        [out, nullable]   the envelope at which the call failed; count where it was not one
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
 *           KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_decrypt_batch(const struct keyfold_key *key,
                                     const uint8_t *envelopes,
                                     size_t envelopes_len,
                                     const uint64_t *offsets,
                                     size_t count,
                                     const uint8_t *contexts,
                                     size_t contexts_len,
                                     const uint64_t *context_offsets,
                                     const struct keyfold_decrypt_options *options,
                                     uint8_t *out,
                                     size_t out_cap,
                                     size_t *out_len,
                                     uint64_t *out_offsets,
                                     size_t *out_failed);

/**
 * Brings the wrappings of a key in an envelope, a data key blob, or the head of one, to the key's current version.
 * Size, message and context stay; no plaintext appears.
 *
 * @param key         [in, shared]
 * @param data        [inout, bytes(data_len)]   unchanged if the call fails
 * @param context     [in, bytes(context_len), nullable]   NULL: it is not checked, for walks over data whose
 *                    contexts are elsewhere; else it is checked first
 * @param rewrapped   [out, result, nullable]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUFFERS_OVERLAP, INVALID_CONTEXT, NOT_AN_ENVELOPE,
 *           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
 *           STORE_POISONED, RANDOM
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_rewrap(const struct keyfold_key *key,
                              uint8_t *data,
                              size_t data_len,
                              const uint8_t *context,
                              size_t context_len,
                              struct keyfold_rewrapped *rewrapped);

/**
 * As keyfold_rewrap, for the wrappings of every key of a store.
 *
 * @param store       [in, shared]
 * @param data        [inout, bytes(data_len)]   unchanged if the call fails
 * @param context     [in, bytes(context_len), nullable]   NULL: it is not checked
 * @param rewrapped   [out, result, nullable]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUFFERS_OVERLAP, INVALID_CONTEXT, NOT_AN_ENVELOPE,
 *           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO,
 *           STORE_POISONED, RANDOM
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_rewrap_any(const struct keyfold_store *store,
                                  uint8_t *data,
                                  size_t data_len,
                                  const uint8_t *context,
                                  size_t context_len,
                                  struct keyfold_rewrapped *rewrapped);

/**
 * Rewraps a file that holds an envelope or data key blob, under a lock and so that it opens after a crash at any
 * moment. A file without a free cell is written anew and renamed over the old one.
 *
 * @param key         [in, shared]
 * @param path        [in, text]
 * @param context     [in, bytes(context_len), nullable]   NULL: it is not checked
 * @param rewrapped   [out, result, nullable]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_CONTEXT, NOT_AN_ENVELOPE,
 *           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
 *           STORE_POISONED, RANDOM, IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_rewrap_file(const struct keyfold_key *key,
                                   const char *path,
                                   const uint8_t *context,
                                   size_t context_len,
                                   struct keyfold_rewrapped *rewrapped);

/**
 * As keyfold_rewrap_file, for the wrappings of every key of a store.
 *
 * @param store       [in, shared]
 * @param path        [in, text]
 * @param context     [in, bytes(context_len), nullable]   NULL: it is not checked
 * @param rewrapped   [out, result, nullable]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_CONTEXT, NOT_AN_ENVELOPE,
 *           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO,
 *           STORE_POISONED, RANDOM, IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_rewrap_file_any(const struct keyfold_store *store,
                                       const char *path,
                                       const uint8_t *context,
                                       size_t context_len,
                                       struct keyfold_rewrapped *rewrapped);

/**
 * Puts an envelope under other keys, or another context, without producing its message.
 *
 * @param from_keys     [in, array(from_keys_len), shared]   any of which may open it; 1 to 32
 * @param envelope      [in, bytes(envelope_len), nullable-if-0]
 * @param context       [in, bytes(context_len), nullable-if-0]   the context it has
 * @param to_keys       [in, array(to_keys_len), shared]     1 to 32, less the free cells
 * @param new_context   [in, bytes(new_context_len), nullable-if-0]   the context it gets
 * @param chosen        [in, bytes(chosen_len), nullable-if-0]   as for keyfold_encrypt_to
 * @param options       [in, nullable]
 * @param out           [out, buffer]   the new envelope
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
 *           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED,
 *           FORKED, STORE_POISONED, RANDOM, OUT_OF_MEMORY
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reencrypt(const struct keyfold_key *const *from_keys,
                                 size_t from_keys_len,
                                 const uint8_t *envelope,
                                 size_t envelope_len,
                                 const uint8_t *context,
                                 size_t context_len,
                                 const struct keyfold_key *const *to_keys,
                                 size_t to_keys_len,
                                 const uint8_t *new_context,
                                 size_t new_context_len,
                                 const uint8_t *chosen,
                                 size_t chosen_len,
                                 const struct keyfold_reencrypt_options *options,
                                 struct keyfold_buffer *out);

/**
 * As keyfold_reencrypt, for an envelope under any key of a store.
 *
 * @param store         [in, shared]
 * @param envelope      [in, bytes(envelope_len), nullable-if-0]
 * @param context       [in, bytes(context_len), nullable-if-0]   the context it has
 * @param to_keys       [in, array(to_keys_len), shared]     1 to 32, less the free cells
 * @param new_context   [in, bytes(new_context_len), nullable-if-0]   the context it gets
 * @param chosen        [in, bytes(chosen_len), nullable-if-0]   as for keyfold_encrypt_to
 * @param options       [in, nullable]
 * @param out           [out, buffer]   the new envelope
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
 *           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
 *           STORE_INTEGRITY, STORE_IO, STORE_POISONED, RANDOM, OUT_OF_MEMORY
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reencrypt_any(const struct keyfold_store *store,
                                     const uint8_t *envelope,
                                     size_t envelope_len,
                                     const uint8_t *context,
                                     size_t context_len,
                                     const struct keyfold_key *const *to_keys,
                                     size_t to_keys_len,
                                     const uint8_t *new_context,
                                     size_t new_context_len,
                                     const uint8_t *chosen,
                                     size_t chosen_len,
                                     const struct keyfold_reencrypt_options *options,
                                     struct keyfold_buffer *out);

/**
 * Tells the exact size of the blob of a data key under one key.
 *
 * @param key_size   [in]   bytes of the data key, 16 to 1,024
 * @param context    [in, bytes(context_len), nullable-if-0]   as it will be given to keyfold_generate_data_key
 * @param options    [in, nullable]                            likewise
 * @param out_size   [out]
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_data_key_blob_size(size_t key_size,
                                          const uint8_t *context,
                                          size_t context_len,
                                          const struct keyfold_encrypt_options *options,
                                          size_t *out_size);

/**
 * Makes a random data key, and the blob from which keyfold_decrypt_data_key gives it back. Keep the blob, wipe the
 * data key after use.
 *
 * @param key         [in, shared]
 * @param context     [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
 * @param options     [in, nullable]
 * @param plaintext   [out, bytes(plaintext_len)]   the data key: as many bytes as wanted, 16 to 1,024; zeroed if
 *                    the call fails
 * @param blob        [out, bytes(blob_cap), nullable-if-0]     zeroed if the call fails
 * @param blob_len    [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_generate_data_key(const struct keyfold_key *key,
                                         const uint8_t *context,
                                         size_t context_len,
                                         const struct keyfold_encrypt_options *options,
                                         uint8_t *plaintext,
                                         size_t plaintext_len,
                                         uint8_t *blob,
                                         size_t blob_cap,
                                         size_t *blob_len);

/**
 * Makes a random data key and returns only its blob, for others to open: whoever prepares rows or files need not
 * see their keys.
 *
 * @param key        [in, shared]
 * @param key_size   [in]   bytes of the data key, 16 to 1,024
 * @param context    [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
 * @param options    [in, nullable]
 * @param blob       [out, bytes(blob_cap), nullable-if-0]     zeroed if the call fails
 * @param blob_len   [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_generate_data_key_without_plaintext(const struct keyfold_key *key,
                                                           size_t key_size,
                                                           const uint8_t *context,
                                                           size_t context_len,
                                                           const struct keyfold_encrypt_options *options,
                                                           uint8_t *blob,
                                                           size_t blob_cap,
                                                           size_t *blob_len);

/**
 * Tells the size of the data key in a blob, from its head. Nothing is authenticated by this.
 *
 * @param blob       [in, bytes(blob_len), nullable-if-0]
 * @param out_size   [out]
 * @errors   NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE keyfold_status keyfold_data_key_size(const uint8_t *blob, size_t blob_len, size_t *out_size);

/**
 * Opens the blob of a data key under the key named, and no other.
 *
 * @param key       [in, shared]
 * @param blob      [in, bytes(blob_len), nullable-if-0]
 * @param context   [in, bytes(context_len), nullable-if-0]   every pair that was given when it was made
 * @param options   [in, nullable]
 * @param out       [out, bytes(out_cap), nullable-if-0]      the data key; zeroed if the call fails
 * @param out_len   [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
 *           KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_decrypt_data_key(const struct keyfold_key *key,
                                        const uint8_t *blob,
                                        size_t blob_len,
                                        const uint8_t *context,
                                        size_t context_len,
                                        const struct keyfold_decrypt_options *options,
                                        uint8_t *out,
                                        size_t out_cap,
                                        size_t *out_len);

/**
 * Opens the blob of a data key under whichever key of a store opens it.
 *
 * @param store     [in, shared]
 * @param blob      [in, bytes(blob_len), nullable-if-0]
 * @param context   [in, bytes(context_len), nullable-if-0]   every pair that was given when it was made
 * @param options   [in, nullable]
 * @param out       [out, bytes(out_cap), nullable-if-0]      the data key; zeroed if the call fails
 * @param out_len   [out]   bytes written, or needed
 * @param opened    [out, result, nullable]   which key it was
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP, INVALID_CONTEXT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
 *           KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO, STORE_POISONED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_decrypt_data_key_any(const struct keyfold_store *store,
                                            const uint8_t *blob,
                                            size_t blob_len,
                                            const uint8_t *context,
                                            size_t context_len,
                                            const struct keyfold_decrypt_options *options,
                                            uint8_t *out,
                                            size_t out_cap,
                                            size_t *out_len,
                                            struct keyfold_opened *opened);

/**
 * Makes the message authentication code of a message under the current version of an HMAC key. It begins with a
 * name of the version (6 bytes); then follow 32, 48 or 64 bytes.
 *
 * @param key       [in, shared]
 * @param message   [in, bytes(message_len), nullable-if-0]
 * @param out       [out, bytes(out_cap), nullable-if-0]   at most KEYFOLD_MAC_MAX_SIZE; zeroed if the call fails
 * @param out_len   [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, TOO_LARGE, INVALID_KEY_USAGE, ACCESS_DENIED, KEY_DISABLED,
 *           INVALID_KEY_STATE, KEY_DESTROYED, FORKED, STORE_POISONED, TRAIL_UNAVAILABLE, BUFFER_TOO_SMALL,
 *           BUFFERS_OVERLAP
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_generate_mac(const struct keyfold_key *key,
                                    const uint8_t *message,
                                    size_t message_len,
                                    uint8_t *out,
                                    size_t out_cap,
                                    size_t *out_len);

/**
 * Verifies the message authentication code of a message, under the version it names, in constant time.
 *
 * @param key       [in, shared]
 * @param message   [in, bytes(message_len), nullable-if-0]
 * @param mac       [in, bytes(mac_len), nullable-if-0]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, TOO_LARGE, INVALID_KEY_USAGE, ACCESS_DENIED, KEY_DISABLED,
 *           INVALID_KEY_STATE, KEY_DESTROYED, FORKED, STORE_POISONED, TRAIL_UNAVAILABLE, INVALID_MAC
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_verify_mac(const struct keyfold_key *key,
                                  const uint8_t *message,
                                  size_t message_len,
                                  const uint8_t *mac,
                                  size_t mac_len);

/**
 * Gives out the public half of the current version of a sealing key, for keyfold_seal elsewhere. It is not secret,
 * and not authenticated by itself: bring it over a channel you trust.
 *
 * @param key   [in, shared]
 * @param out   [out, buffer]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_KEY_USAGE, ACCESS_DENIED, KEY_DISABLED,
 *           INVALID_KEY_STATE, KEY_DESTROYED, FORKED, STORE_POISONED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_public(const struct keyfold_key *key,
                                  struct keyfold_buffer *out);

/**
 * Tells the exact size of the envelope that keyfold_seal makes.
 *
 * @param plaintext_len   [in]
 * @param public_keys     [in, bytes(public_keys_len)]   from keyfold_key_public, one after another
 * @param key_offsets     [in, array(count + 1)]   where each begins, and the end of the last
 * @param count           [in]   number of public keys, 1 to 32
 * @param context         [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no
 *                        context
 * @param options         [in, nullable]   without free cells
 * @param out_size        [out]
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, INVALID_KEY_MATERIAL,
 *           TOO_LARGE
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_sealed_size(size_t plaintext_len,
                                   const uint8_t *public_keys,
                                   size_t public_keys_len,
                                   const uint64_t *key_offsets,
                                   size_t count,
                                   const uint8_t *context,
                                   size_t context_len,
                                   const struct keyfold_encrypt_options *options,
                                   size_t *out_size);

/**
 * Encrypts a message to the public halves of sealing keys, without a store. Any of the keys opens it, with
 * keyfold_decrypt and its kin; nobody who has only these public halves can, the caller included.
 *
 * @param public_keys   [in, bytes(public_keys_len)]   from keyfold_key_public, one after another
 * @param key_offsets   [in, array(count + 1)]   where each begins, and the end of the last
 * @param count         [in]   number of public keys, 1 to 32
 * @param plaintext     [in, bytes(plaintext_len), nullable-if-0]
 * @param context       [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no
 *                      context
 * @param options       [in, nullable]   without free cells
 * @param out           [out, bytes(out_cap), nullable-if-0]   the envelope; zeroed if the call fails
 * @param out_len       [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, INVALID_KEY_MATERIAL,
 *           TOO_LARGE, BUFFER_TOO_SMALL, BUFFERS_OVERLAP, CANCELLED, RANDOM
 * @threads  any   @callback progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_seal(const uint8_t *public_keys,
                            size_t public_keys_len,
                            const uint64_t *key_offsets,
                            size_t count,
                            const uint8_t *plaintext,
                            size_t plaintext_len,
                            const uint8_t *context,
                            size_t context_len,
                            const struct keyfold_encrypt_options *options,
                            uint8_t *out,
                            size_t out_cap,
                            size_t *out_len);

/**
 * Begins an envelope under one or more keys, any of which opens it. What keyfold_encrypt_to says of keys, context and
 * options holds here; the keys are used now, and a stream goes on when they are disabled meanwhile.
 *
 * Without a source the message is pushed: keyfold_stream_update as often as wanted, then keyfold_stream_finish. With
 * one the envelope is pulled: keyfold_stream_read until it gives 0 bytes. The same bytes come out however the message
 * is cut into pieces (but that each envelope has its own random parts), and a stream takes the memory of a chunk
 * and the head, with a source a MiB more. What came out is an envelope only when the end has been reached.
 *
 * @param keys        [in, array(keys_len), shared]   1 to 32, less the free cells
 * @param context     [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
 * @param chosen      [in, bytes(chosen_len), nullable-if-0]    as for keyfold_encrypt_to
 * @param options     [in, nullable]   without work
 * @param source      [in]   NULL: the message is pushed
 * @param user_data   [in]   given to every call of the source and the release
 * @param release     [in]   called once, after the last call of the source, or before this returns where it fails;
 *                    NULL: nothing
 * @param out_stream  [out, handle]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, LIMIT_EXCEEDED,
 *           KEY_DISABLED, FORKED, STORE_POISONED, RANDOM
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_encrypt(const struct keyfold_key *const *keys,
                                      size_t keys_len,
                                      const uint8_t *context,
                                      size_t context_len,
                                      const uint8_t *chosen,
                                      size_t chosen_len,
                                      const struct keyfold_encrypt_options *options,
                                      keyfold_source_callback source,
                                      void *user_data,
                                      keyfold_source_release release,
                                      struct keyfold_stream **out_stream);

/**
 * As keyfold_stream_encrypt, to the public halves of sealing keys and without a store, as keyfold_seal.
 *
 * @param public_keys   [in, bytes(public_keys_len)]   from keyfold_key_public, one after another
 * @param key_offsets   [in, array(count + 1)]   where each begins, and the end of the last
 * @param count         [in]   number of public keys, 1 to 32
 * @param context       [in, bytes(context_len), nullable-if-0]
 * @param options       [in, nullable]   without free cells and work
 * @param source        [in]   NULL: the message is pushed
 * @param user_data     [in]   given to every call of the source and the release
 * @param release       [in]   as for keyfold_stream_encrypt
 * @param out_stream    [out, handle]
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, INVALID_KEY_MATERIAL, RANDOM
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_seal(const uint8_t *public_keys,
                                   size_t public_keys_len,
                                   const uint64_t *key_offsets,
                                   size_t count,
                                   const uint8_t *context,
                                   size_t context_len,
                                   const struct keyfold_encrypt_options *options,
                                   keyfold_source_callback source,
                                   void *user_data,
                                   keyfold_source_release release,
                                   struct keyfold_stream **out_stream);

/**
 * Begins to open an envelope under any of the keys named. They are looked at when the head has come.
 *
 * Without a source the envelope is pushed: keyfold_stream_update as often as wanted, then keyfold_stream_finish. With
 * one the message is pulled: keyfold_stream_read until it gives 0 bytes. Only bytes that have been authenticated come
 * out. They are the front of a message until the end has been reached: an envelope that was cut off is AUTH there.
 *
 * @param keys        [in, array(keys_len), shared]   1 to 32
 * @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options     [in, nullable]   without work
 * @param source      [in]   NULL: the envelope is pushed
 * @param user_data   [in]   given to every call of the source and the release
 * @param release     [in]   as for keyfold_stream_encrypt
 * @param out_stream  [out, handle]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, FORKED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_decrypt(const struct keyfold_key *const *keys,
                                      size_t keys_len,
                                      const uint8_t *context,
                                      size_t context_len,
                                      const struct keyfold_decrypt_options *options,
                                      keyfold_source_callback source,
                                      void *user_data,
                                      keyfold_source_release release,
                                      struct keyfold_stream **out_stream);

/**
 * As keyfold_stream_decrypt, under whichever key of a store opens it: look at keyfold_stream_opened wherever it
 * matters which it was.
 *
 * @param store       [in, shared]
 * @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options     [in, nullable]   without work
 * @param source      [in]   NULL: the envelope is pushed
 * @param user_data   [in]   given to every call of the source and the release
 * @param release     [in]   as for keyfold_stream_encrypt
 * @param out_stream  [out, handle]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, FORKED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_decrypt_any(const struct keyfold_store *store,
                                          const uint8_t *context,
                                          size_t context_len,
                                          const struct keyfold_decrypt_options *options,
                                          keyfold_source_callback source,
                                          void *user_data,
                                          keyfold_source_release release,
                                          struct keyfold_stream **out_stream);

/**
 * Tells a size that holds whatever keyfold_stream_update gives for an input of this length. Exactly that when
 * encrypting.
 *
 * @param stream      [in, exclusive]
 * @param input_len   [in]
 * @param out_size    [out]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED, TOO_LARGE
 * @threads  one   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_update_size(struct keyfold_stream *stream,
                                          size_t input_len,
                                          size_t *out_size);

/**
 * Pushes a piece of the message (encrypting) or of the envelope (decrypting), and gives what is ready of the other.
 *
 * TOO_LARGE and what is refused for its arguments leave the stream as it was, BUFFER_TOO_SMALL among it; every other failure
 * ends it.
 *
 * @param stream      [in, exclusive]
 * @param input       [in, bytes(input_len), nullable-if-0]   any length; all of it is taken
 * @param work        [in, nullable]
 * @param out         [out, bytes(out_cap), nullable-if-0]   zeroed if the call fails
 * @param out_len     [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL, BUFFERS_OVERLAP,
 *           BUSY, TOO_LARGE, STREAM_ENDED, CANCELLED, FORKED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
 *           KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, STORE_INTEGRITY, STORE_IO, STORE_POISONED
 * @threads  one   @callback sink, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_update(struct keyfold_stream *stream,
                                     const uint8_t *input,
                                     size_t input_len,
                                     const struct keyfold_work *work,
                                     uint8_t *out,
                                     size_t out_cap,
                                     size_t *out_len);

/**
 * Tells a size that holds whatever keyfold_stream_finish gives. Exactly that when encrypting.
 *
 * @param stream     [in, exclusive]
 * @param out_size   [out]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED
 * @threads  one   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE keyfold_status keyfold_stream_finish_size(struct keyfold_stream *stream, size_t *out_size);

/**
 * Says that the input has ended, and gives the rest. Only when this succeeds is what came out a whole envelope, or a
 * whole message.
 *
 * @param stream     [in, exclusive]
 * @param out        [out, bytes(out_cap), nullable-if-0]   zeroed if the call fails
 * @param out_len    [out]   bytes written, or needed
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUFFER_TOO_SMALL, BUSY, STREAM_ENDED, CANCELLED, FORKED,
 *           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED,
 *           STORE_INTEGRITY, STORE_IO, STORE_POISONED
 * @threads  one   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_finish(struct keyfold_stream *stream,
                                     uint8_t *out,
                                     size_t out_cap,
                                     size_t *out_len);

/**
 * Pulls bytes out of a stream that has a source: of the envelope (encrypting) or of the message (decrypting).
 *
 * The buffer is filled unless the end comes first. 0 bytes say that the end was reached, and that all is whole; that is
 * never said of an envelope that was cut off. What is refused for its arguments leaves the stream as it was; after any other
 * failure every later call gives the same one.
 *
 * @param stream     [in, exclusive]
 * @param work       [in, nullable]
 * @param out        [out, bytes(out_cap)]   zeroed if the call fails; out_cap is 1 or more
 * @param out_len    [out]   bytes written
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUSY, CANCELLED, CALLBACK_FAILED,
 *           TOO_LARGE, FORKED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND,
 *           KEY_DISABLED, STORE_INTEGRITY, STORE_IO, STORE_POISONED
 * @threads  one   @callback sink, source, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_read(struct keyfold_stream *stream,
                                   const struct keyfold_work *work,
                                   uint8_t *out,
                                   size_t out_cap,
                                   size_t *out_len);

/**
 * Tells which key opened the envelope of a stream that decrypts, once its head has been read.
 *
 * @param stream   [in, exclusive]
 * @param opened   [out, result]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED
 * @threads  one   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_opened(struct keyfold_stream *stream,
                                     struct keyfold_opened *opened);

/**
 * Returns the whole authenticated context of the envelope that a stream decrypts, packed, once its head has been
 * read. With KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT it tells what was accepted.
 *
 * @param stream        [in, exclusive]
 * @param out_context   [out, buffer]   a packed context
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED
 * @threads  one   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_context(struct keyfold_stream *stream,
                                      struct keyfold_buffer *out_context);

/**
 * Stops a stream, from any thread: a call under way on it answers CANCELLED within one chunk (within about a MiB where it was
 * given a flag of its own), later ones at once. It may then be closed without having been finished.
 *
 * @param stream   [in, shared]
 * @errors   INVALID_HANDLE
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_stream_cancel(const struct keyfold_stream *stream);

/**
 * Closes a stream. NULL is fine. A call under way in another thread goes on to its end, which this does not wait for.
 *
 * STREAM_UNFINISHED says that it is closed, but had neither reached its end nor failed nor been cancelled: what it gave is worth
 * nothing (encrypting), or is only the front of a message (decrypting).
 *
 * @param stream   [in, closes]
 * @errors   INVALID_HANDLE, STREAM_UNFINISHED
 * @threads  any   @callback sink, source   @since 0.1
 */
keyfold_status keyfold_stream_close(struct keyfold_stream *stream);

/**
 * Opens an envelope of which any range can be read, from wherever a callback fetches its bytes: a file, a mapping,
 * an object of a store far away. The head is read and opened now; the message is read as it is asked for, whole chunks of 16 KiB
 * at a time.
 *
 * @param keys        [in, array(keys_len), shared]   any of which may open it; 1 to 32
 * @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options     [in, nullable]   without work
 * @param size        [in]   bytes of the whole envelope; not trusted, and a wrong one never yields a wrong message
 * @param pread       [in]   see keyfold_pread_callback
 * @param user_data   [in]   given to every call of the callback and the release
 * @param release     [in]   called once, after the last call of the callback, or before this returns where it fails;
 *                    NULL: nothing
 * @param out_reader  [out, handle]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, CALLBACK_FAILED,
 *           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
 *           STORE_POISONED
 * @threads  any   @callback sink, source   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reader_open(const struct keyfold_key *const *keys,
                                   size_t keys_len,
                                   const uint8_t *context,
                                   size_t context_len,
                                   const struct keyfold_decrypt_options *options,
                                   uint64_t size,
                                   keyfold_pread_callback pread,
                                   void *user_data,
                                   keyfold_source_release release,
                                   struct keyfold_reader **out_reader);

/**
 * As keyfold_reader_open, under whichever key of a store opens it: look at keyfold_reader_opened wherever it matters
 * which it was.
 *
 * @param store       [in, shared]
 * @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options     [in, nullable]   without work
 * @param size        [in]   bytes of the whole envelope
 * @param pread       [in]   see keyfold_pread_callback
 * @param user_data   [in]   given to every call of the callback and the release
 * @param release     [in]   as for keyfold_reader_open
 * @param out_reader  [out, handle]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, CALLBACK_FAILED,
 *           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
 *           STORE_INTEGRITY, STORE_IO, STORE_POISONED
 * @threads  any   @callback sink, source   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reader_open_any(const struct keyfold_store *store,
                                       const uint8_t *context,
                                       size_t context_len,
                                       const struct keyfold_decrypt_options *options,
                                       uint64_t size,
                                       keyfold_pread_callback pread,
                                       void *user_data,
                                       keyfold_source_release release,
                                       struct keyfold_reader **out_reader);

/**
 * As keyfold_reader_open, of a file that can be read at any place. The descriptor is copied, may be closed afterwards,
 * and its position is neither looked at nor moved.
 *
 * @param keys        [in, array(keys_len), shared]   any of which may open it; 1 to 32
 * @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options     [in, nullable]   without work
 * @param descriptor  [in]   a file descriptor that is open for reading
 * @param out_reader  [out, handle]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, IO, NOT_AN_ENVELOPE,
 *           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reader_open_fd(const struct keyfold_key *const *keys,
                                      size_t keys_len,
                                      const uint8_t *context,
                                      size_t context_len,
                                      const struct keyfold_decrypt_options *options,
                                      int32_t descriptor,
                                      struct keyfold_reader **out_reader);

/**
 * As keyfold_reader_open_fd, under whichever key of a store opens it.
 *
 * @param store       [in, shared]
 * @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options     [in, nullable]   without work
 * @param descriptor  [in]   a file descriptor that is open for reading
 * @param out_reader  [out, handle]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, IO, NOT_AN_ENVELOPE,
 *           UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO,
 *           STORE_POISONED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reader_open_fd_any(const struct keyfold_store *store,
                                          const uint8_t *context,
                                          size_t context_len,
                                          const struct keyfold_decrypt_options *options,
                                          int32_t descriptor,
                                          struct keyfold_reader **out_reader);

/**
 * Tells how long the message is. The last chunk is authenticated first, once: without that no length can be trusted.
 *
 * @param reader     [in, shared]
 * @param out_size   [out]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, AUTH, CALLBACK_FAILED, FORKED, IO
 * @threads  any   @callback source   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reader_size(const struct keyfold_reader *reader,
                                   uint64_t *out_size);

/**
 * Reads the message from an offset on. The buffer is filled unless the message ends before; then, and beyond the end,
 * where it is 0 bytes, the last chunk has been authenticated. Only the chunks that hold the range are fetched.
 *
 * @param reader     [in, shared]
 * @param offset     [in]   in the message
 * @param work       [in, nullable]   with several threads the source is read by the calling one alone
 * @param out        [out, bytes(out_cap), nullable-if-0]   zeroed if the call fails
 * @param out_len    [out]   bytes written
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, CANCELLED, AUTH, CALLBACK_FAILED,
 *           FORKED, IO
 * @threads  any   @callback source, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reader_pread(const struct keyfold_reader *reader,
                                    uint64_t offset,
                                    const struct keyfold_work *work,
                                    uint8_t *out,
                                    size_t out_cap,
                                    size_t *out_len);

/**
 * Tells which key opened the envelope of a reader.
 *
 * @param reader   [in, shared]
 * @param opened   [out, result]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT
 * @threads  any   @callback source   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reader_opened(const struct keyfold_reader *reader,
                                     struct keyfold_opened *opened);

/**
 * Returns the whole authenticated context of a reader's envelope, packed. With KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT
 * it tells what was accepted.
 *
 * @param reader        [in, shared]
 * @param out_context   [out, buffer]   a packed context
 * @errors   NULL_ARGUMENT, INVALID_HANDLE
 * @threads  any   @callback source   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_reader_context(const struct keyfold_reader *reader,
                                      struct keyfold_buffer *out_context);

/**
 * Closes a reader. Calls under way on it go on to their end, which this does not wait for; the last of them gives its callback
 * back. NULL is fine.
 *
 * @param reader   [in, closes]
 * @errors   INVALID_HANDLE
 * @threads  any   @callback sink, source   @since 0.1
 */
keyfold_status keyfold_reader_close(struct keyfold_reader *reader);

/**
 * Tells which bytes of an envelope must be fetched to read a range of its message: whole chunks, for an HTTP range request.
 * Needs no key, and authenticates nothing; keyfold_reader_pread does, of what was fetched.
 *
 * @param head            [in, bytes(head_len), nullable-if-0]   the envelope's first bytes, 44 or more
 * @param envelope_size   [in]   bytes of the whole envelope
 * @param offset          [in]   where the range begins in the message
 * @param length          [in]   its bytes; a range beyond the message's end ends with the last chunk, or is it
 * @param out_offset      [out]   where the bytes begin in the envelope
 * @param out_length      [out]   how many
 * @errors   NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_ciphertext_range(const uint8_t *head,
                                        size_t head_len,
                                        uint64_t envelope_size,
                                        uint64_t offset,
                                        uint64_t length,
                                        uint64_t *out_offset,
                                        uint64_t *out_length);

/**
 * Encrypts a file into another, by several threads and in under 16 MiB of memory, whatever its size.
 *
 * Whatever happens, the target is there whole: as it was, or as the new envelope, which is on disk when the call
 * succeeds. It may be the file that is read. Pipes and devices can be read, but not be the target.
 *
 * @param keys        [in, array(keys_len), shared]   1 to 32, less the free cells
 * @param from        [in, text]   the path of the message
 * @param to          [in, text]   the path of the envelope; a symbolic link there is followed
 * @param context     [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
 * @param chosen      [in, bytes(chosen_len), nullable-if-0]    as for keyfold_encrypt_to
 * @param options     [in, nullable]
 * @param out_size    [out, nullable]   bytes of the envelope
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, UNSUPPORTED_OPTION, INVALID_CONTEXT, TOO_LARGE,
 *           CANCELLED, LIMIT_EXCEEDED, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM, IO
 * @threads  any   @callback sink, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_encrypt_file(const struct keyfold_key *const *keys,
                                    size_t keys_len,
                                    const char *from,
                                    const char *to,
                                    const uint8_t *context,
                                    size_t context_len,
                                    const uint8_t *chosen,
                                    size_t chosen_len,
                                    const struct keyfold_encrypt_options *options,
                                    uint64_t *out_size);

/**
 * Decrypts a file into another, under any of the keys named, as keyfold_encrypt_file encrypts. A new target is for its owner alone
 * to read.
 *
 * @param keys        [in, array(keys_len), shared]   1 to 32
 * @param from        [in, text]   the path of the envelope
 * @param to          [in, text]   the path of the message; a symbolic link there is followed
 * @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options     [in, nullable]
 * @param out_size    [out, nullable]   bytes of the message
 * @param opened      [out, result, nullable]   which key it was
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, UNSUPPORTED_OPTION, INVALID_CONTEXT, CANCELLED,
 *           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
 *           STORE_POISONED, IO
 * @threads  any   @callback sink, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_decrypt_file(const struct keyfold_key *const *keys,
                                    size_t keys_len,
                                    const char *from,
                                    const char *to,
                                    const uint8_t *context,
                                    size_t context_len,
                                    const struct keyfold_decrypt_options *options,
                                    uint64_t *out_size,
                                    struct keyfold_opened *opened);

/**
 * As keyfold_decrypt_file, under whichever key of a store opens it.
 *
 * @param store       [in, shared]
 * @param from        [in, text]   the path of the envelope
 * @param to          [in, text]   the path of the message; a symbolic link there is followed
 * @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
 * @param options     [in, nullable]
 * @param out_size    [out, nullable]   bytes of the message
 * @param opened      [out, result, nullable]   which key it was
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, UNSUPPORTED_OPTION, INVALID_CONTEXT, CANCELLED,
 *           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
 *           STORE_INTEGRITY, STORE_IO, STORE_POISONED, IO
 * @threads  any   @callback sink, progress   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_decrypt_file_any(const struct keyfold_store *store,
                                        const char *from,
                                        const char *to,
                                        const uint8_t *context,
                                        size_t context_len,
                                        const struct keyfold_decrypt_options *options,
                                        uint64_t *out_size,
                                        struct keyfold_opened *opened);

/**
 * Tells what can be read of an envelope or data key blob without any key, as JSON: Inspection in docs/ABI.md.
 * Nothing in it is authenticated.
 *
 * @param head        [in, bytes(head_len), nullable-if-0]   the whole, or its first 64 KiB
 * @param total_len   [in]   bytes of the whole; 0: head is the whole
 * @param out_json    [out, buffer]
 * @errors   NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_inspect(const uint8_t *head,
                               size_t head_len,
                               uint64_t total_len,
                               struct keyfold_buffer *out_json);

/**
 * Explains why an envelope or data key blob opens or does not, as a tree of reasons, without producing its
 * message; as JSON: Explanation in docs/ABI.md. It succeeds whatever is wrong with the data.
 *
 * @param store       [in, shared]
 * @param key         [in, shared, nullable]   explains what keyfold_decrypt with this key would say; NULL: what
 *                    keyfold_decrypt_any would
 * @param envelope    [in, bytes(envelope_len), nullable-if-0]   the whole, or its first 64 KiB
 * @param total_len   [in]   bytes of the whole; 0: envelope is the whole
 * @param context     [in, bytes(context_len), nullable-if-0]
 * @param out_json    [out, buffer]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_CONTEXT
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_explain(const struct keyfold_store *store,
                               const struct keyfold_key *key,
                               const uint8_t *envelope,
                               size_t envelope_len,
                               uint64_t total_len,
                               const uint8_t *context,
                               size_t context_len,
                               struct keyfold_buffer *out_json);

/**
 * Tells a store's settings, as JSON: StoreSettings in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param out_json   [out, buffer]   StoreSettings
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_settings(const struct keyfold_store *store,
                                      struct keyfold_buffer *out_json);

/**
 * Replaces a store's settings. Called by an administrator; under dual control where the settings say so.
 *
 * @param store      [in, shared]
 * @param settings   [in, text]   JSON: StoreSettings in docs/ABI.md; what is left out is at its default
 * @param out_json   [out, buffer, nullable]   the new StoreSettings
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
 *           APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
 *           STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_update_settings(const struct keyfold_store *store,
                                             const char *settings,
                                             struct keyfold_buffer *out_json);

/**
 * Approves exactly one operation that another principal is about to do: on one key, with these parameters, once.
 * The store must be open through a root whose slot bears a principal.
 *
 * @param store       [in, shared]
 * @param operation   [in, text]   its name, such as "ScheduleKeyDeletion"
 * @param request     [in, text]   its parameters as the trail names them, a JSON object; keyId may be any name
 *                    of the key
 * @param seconds     [in]   ends after so many seconds; 0: the store's window
 * @param out_json    [out, buffer, nullable]   Approval in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
 *           KEY_NOT_FOUND, UNSUPPORTED_OPERATION, LIMIT_EXCEEDED, STORE_READ_ONLY, STORE_BUSY,
 *           STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_approve(const struct keyfold_store *store,
                               const char *operation,
                               const char *request,
                               uint32_t seconds,
                               struct keyfold_buffer *out_json);

/**
 * Lists the approvals that wait for their use, as JSON: an array of Approval in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param out_json   [out, buffer]   an array of Approval
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_approval_list(const struct keyfold_store *store,
                                     struct keyfold_buffer *out_json);

/**
 * Withdraws an approval.
 *
 * @param store         [in, shared]
 * @param approval_id   [in, text]   an approval_id of keyfold_approval_list
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, ACCESS_DENIED, FORKED,
 *           ANCHOR_UNAVAILABLE, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_approval_withdraw(const struct keyfold_store *store,
                                         const char *approval_id);

/**
 * Tells whether this store's principal may do an operation on a key under a context now, without doing it: OK, or
 * the status that it would get. It is an event, marked so.
 *
 * @param store       [in, shared]
 * @param operation   [in, text]   its name, such as "Decrypt"
 * @param name        [in, text]   a key id, "alias/NAME" or NAME
 * @param context     [in, bytes(context_len), nullable-if-0]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
 *           INVALID_ARGUMENT, INVALID_CONTEXT, KEY_DISABLED, KEY_DESTROYED, INVALID_KEY_STATE,
 *           INVALID_KEY_USAGE, UNSUPPORTED_OPERATION, APPROVAL_REQUIRED, KEY_STOPPED, STORE_INTEGRITY,
 *           STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_dry_run(const struct keyfold_store *store,
                               const char *operation,
                               const char *name,
                               const uint8_t *context,
                               size_t context_len);

/**
 * Tells whether a key handle may do an operation under a context now, without doing it: as keyfold_dry_run, but what the
 * handle was narrowed to is asked first.
 *
 * @param key         [in, shared]
 * @param operation   [in, text]   its name, such as "Decrypt"
 * @param context     [in, bytes(context_len), nullable-if-0]
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, ACCESS_DENIED, FORKED, INVALID_ARGUMENT,
 *           INVALID_CONTEXT, KEY_NOT_FOUND, KEY_DISABLED, KEY_DESTROYED, INVALID_KEY_STATE, INVALID_KEY_USAGE,
 *           UNSUPPORTED_OPERATION, KEY_STOPPED, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_key_dry_run(const struct keyfold_key *key,
                                   const char *operation,
                                   const uint8_t *context,
                                   size_t context_len);

/**
 * Reads events of the trail from a sequence number on, as JSON: EventPage in docs/ABI.md. Reading is itself an
 * event.
 *
 * @param store      [in, shared]
 * @param filter     [in, text, nullable]   JSON: Filter in docs/ABI.md; NULL: all events
 * @param from       [in]   the first sequence number; 0 begins
 * @param limit      [in]   events at most, up to 1,000; 0 means 100
 * @param out_json   [out, buffer]   EventPage
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
 *           STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_trail_read(const struct keyfold_store *store,
                                  const char *filter,
                                  uint64_t from,
                                  uint32_t limit,
                                  struct keyfold_buffer *out_json);

/**
 * Reads the newest events of the trail, the oldest of them first, as JSON: EventPage in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param filter     [in, text, nullable]   JSON: Filter in docs/ABI.md; NULL: all events
 * @param count      [in]   events at most, up to 1,000; 0 means 100
 * @param out_json   [out, buffer]   EventPage
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
 *           STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_trail_tail(const struct keyfold_store *store,
                                  const char *filter,
                                  uint32_t count,
                                  struct keyfold_buffer *out_json);

/**
 * Verifies the whole trail. OK says that it was read; what is wrong with it stands in the report, the first bad
 * entry by its number.
 *
 * @param store      [in, shared]
 * @param expected   [in, text, nullable]   a signed checkpoint that was kept elsewhere, which the trail must
 *                   contain
 * @param out_json   [out, buffer]   TrailReport in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
 *           TRAIL_INVALID, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_trail_verify(const struct keyfold_store *store,
                                    const char *expected,
                                    struct keyfold_buffer *out_json);

/**
 * Writes down what is waiting, signs a checkpoint of the trail, and gives it out: a C2SP signed note, for keeping
 * elsewhere.
 *
 * @param store   [in, shared]
 * @param out     [out, buffer]   text
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_READ_ONLY, STORE_BUSY,
 *           STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_trail_checkpoint(const struct keyfold_store *store,
                                        struct keyfold_buffer *out);

/**
 * Writes down what is waiting: uses that were counted, events that are queued.
 *
 * @param store   [in, shared]
 * @errors   INVALID_HANDLE, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE keyfold_status keyfold_trail_flush(const struct keyfold_store *store);

/**
 * Exports the trail as C2SP tiles into a folder, up to a new checkpoint; goes on where an earlier export into it
 * ended.
 *
 * @param store         [in, shared]
 * @param folder        [in, text]
 * @param out_entries   [out, nullable]   number of entries exported in all
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, ACCESS_DENIED, FORKED, TRAIL_INVALID, IO,
 *           STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_trail_export(const struct keyfold_store *store,
                                    const char *folder,
                                    uint64_t *out_entries);

/**
 * Copies events from now on to a JSON Lines file too, which is opened again when it was moved or deleted.
 *
 * @param store          [in, shared]
 * @param path           [in, text]
 * @param rotate_bytes   [in]   rotated at about so many bytes; 0: never
 * @param keep           [in]   old files kept
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, LIMIT_EXCEEDED, FORKED, IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_trail_add_file(const struct keyfold_store *store,
                                      const char *path,
                                      uint64_t rotate_bytes,
                                      uint32_t keep);

/**
 * Hands events from now on to the host too. At most 65,536 wait; more are dropped and counted. It lasts as long as
 * the store is open: until the store and all keys opened from it are closed.
 *
 * @param store       [in, shared]
 * @param callback    [in]   see keyfold_trail_callback for what it may do
 * @param user_data   [in]   given to every call of the callback and the release
 * @param release     [in]   called once, after the last call of the callback, or before this returns where it
 *                    fails; NULL: nothing
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, LIMIT_EXCEEDED, FORKED
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_trail_add_callback(const struct keyfold_store *store,
                                          keyfold_trail_callback callback,
                                          void *user_data,
                                          keyfold_trail_release release);

/**
 * Tells how the sinks of an open store stand, as JSON: an array of SinkStatus in docs/ABI.md.
 *
 * @param store      [in, shared]
 * @param out_json   [out, buffer]   an array of SinkStatus
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_trail_sinks(const struct keyfold_store *store,
                                   struct keyfold_buffer *out_json);

/**
 * Verifies a folder that keyfold_trail_export wrote, without the store. OK says that it was read; what is wrong
 * stands in the report.
 *
 * @param folder     [in, text]
 * @param key        [in, text]   the trail_key of StoreInfo: NAME+HASH+BASE64
 * @param out_json   [out, buffer]   TrailReport in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, INVALID_UTF8, TRAIL_INVALID, IO
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_trail_verify_tiles(const char *folder,
                                          const char *key,
                                          struct keyfold_buffer *out_json);

/**
 * Verifies JSON Lines files of a sink, in their order, against the checkpoints among their lines, without the
 * store. OK says that they were read; what is wrong stands in the report.
 *
 * @param files      [in, text]   a JSON array of paths, the oldest file first
 * @param key        [in, text]   the trail_key of StoreInfo: NAME+HASH+BASE64
 * @param out_json   [out, buffer]   TrailReport in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_ARGUMENT, INVALID_UTF8, TRAIL_INVALID, IO
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_trail_verify_jsonl(const char *files,
                                          const char *key,
                                          struct keyfold_buffer *out_json);

/**
 * Writes the whole store, as it is in one moment, into one encrypted file that any of its roots opens. Others go
 * on using the store meanwhile.
 *
 * @param store      [in, shared]
 * @param path       [in, text]   of a file that does not exist
 * @param out_json   [out, buffer, nullable]   BackupReport in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_UTF8, FILE_EXISTS, IO,
 *           UNSUPPORTED_OPERATION, STORE_INTEGRITY, STORE_IO
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_back_up(const struct keyfold_store *store,
                                     const char *path,
                                     struct keyfold_buffer *out_json);

/**
 * Verifies a backup without restoring it.
 *
 * @param path       [in, text]
 * @param root       [in, shared]
 * @param out_json   [out, buffer, nullable]   BackupReport in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, FORKED, BACKUP_INVALID, ROOT_NOT_FOUND,
 *           ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, IO, UNSUPPORTED_OPERATION
 * @threads  any   @callback never   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_backup_verify(const char *path,
                                     const struct keyfold_root *root,
                                     struct keyfold_buffer *out_json);

/**
 * Makes a store from a backup where none is, as a new incarnation of it, and opens it. Version numbers go on at
 * the next multiple of 65,536; keys that the anchor or the trail knows to be destroyed stay so.
 *
 * @param backup      [in, text]   the backup's file
 * @param location    [in, text]   a path, or a URL: "sqlite:PATH"
 * @param roots       [in, array(roots_len), shared]   1 to 8; where dual control asks for it, two with different
 *                    principals
 * @param options     [in, nullable]
 * @param out_store   [out, handle]   closed with keyfold_store_close
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED,
 *           BACKUP_INVALID, APPROVAL_REQUIRED, ACCESS_DENIED, STORE_EXISTS, STORE_UNSAFE, STORE_IO,
 *           STORE_FULL, ANCHOR_UNAVAILABLE, ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, IO,
 *           OUT_OF_MEMORY, UNSUPPORTED_OPERATION
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_restore(const char *backup,
                                     const char *location,
                                     const struct keyfold_root *const *roots,
                                     size_t roots_len,
                                     const struct keyfold_store_options *options,
                                     struct keyfold_store **out_store);

/**
 * Mends a store whose manifest or tree is damaged, from the documents that verify, as a new incarnation of it.
 * Nobody may have it open.
 *
 * @param location   [in, text]   a path, or a URL: "sqlite:PATH"
 * @param roots      [in, array(roots_len), shared]   1 to 8; where dual control asks for it, two with different
 *                   principals
 * @param options    [in, nullable]
 * @param out_json   [out, buffer, nullable]   RepairReport in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED,
 *           APPROVAL_REQUIRED, ACCESS_DENIED, STORE_NOT_FOUND, NOT_A_STORE, STORE_TOO_NEW, STORE_INTEGRITY,
 *           SCHEMA_CHANGED, STORE_BUSY, STORE_UNSAFE, STORE_IO, STORE_FULL, ANCHOR_UNAVAILABLE,
 *           ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY, UNSUPPORTED_OPERATION
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_repair(const char *location,
                                    const struct keyfold_root *const *roots,
                                    size_t roots_len,
                                    const struct keyfold_store_options *options,
                                    struct keyfold_buffer *out_json);

/**
 * For a root that was compromised: gives the store a new store secret, wraps all material anew, and rotates every key whose
 * material the store draws. Slots of roots that are not kept are no more. Nobody may have the store open.
 *
 * @param location    [in, text]   a path, or a URL: "sqlite:PATH"
 * @param roots       [in, array(roots_len), shared]   1 to 8; where dual control asks for it, two with different
 *                    principals
 * @param new_root    [in, shared]   takes the place of the slot that the first of them opens
 * @param keep        [in, array(keep_len), shared]   0 to 8: roots whose slots stay
 * @param options     [in, nullable]
 * @param out_json    [out, buffer, nullable]   RootChangeReport in docs/ABI.md
 * @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED,
 *           FINGERPRINT_MISMATCH, APPROVAL_REQUIRED, ACCESS_DENIED, ALREADY_EXISTS, LAST_ROOT, LIMIT_EXCEEDED,
 *           STORE_NOT_FOUND, NOT_A_STORE, STORE_TOO_NEW, STORE_INTEGRITY, STORE_ROLLED_BACK, STORE_READ_ONLY,
 *           TRAIL_INVALID, SCHEMA_CHANGED, STORE_BUSY, STORE_UNSAFE, STORE_IO, STORE_FULL, ANCHOR_UNAVAILABLE,
 *           ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY, UNSUPPORTED_OPERATION
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE
keyfold_status keyfold_store_change_compromised_root(const char *location,
                                                     const struct keyfold_root *const *roots,
                                                     size_t roots_len,
                                                     const struct keyfold_root *new_root,
                                                     const struct keyfold_root *const *keep,
                                                     size_t keep_len,
                                                     const struct keyfold_store_options *options,
                                                     struct keyfold_buffer *out_json);

/**
 * Seals the store anew with its time, so that readers who refuse an old state go on.
 *
 * @param store   [in, shared]
 * @errors   INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
 *           STORE_FULL
 * @threads  any   @callback sink   @since 0.1
 */
KEYFOLD_MUST_USE keyfold_status keyfold_store_heartbeat(const struct keyfold_store *store);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KEYFOLD_H */
