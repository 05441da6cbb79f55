/* Written by bindings/generate from include/keyfold.h; do not edit.
 *
 * Compiles (as C11 and as C++17) only where the compiler gives every type, field and constant the size, offset
 * and value that the Python and Go bindings were generated with; runs only against a library of this ABI. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "keyfold.h"

#ifdef __cplusplus
#define SAME(what, value) static_assert((what) == (value), #what)
#define FIELD(type, field) sizeof(static_cast<type *>(nullptr)->field)
#else
#define SAME(what, value) _Static_assert((what) == (value), #what)
#define FIELD(type, field) sizeof(((type *)0)->field)
#endif

SAME(sizeof(void *), 8);

SAME(KEYFOLD_VERSION_MAJOR, 0);
SAME(KEYFOLD_VERSION_MINOR, 1);
SAME(KEYFOLD_VERSION_PATCH, 0);
SAME(KEYFOLD_ABI_VERSION, 1);
SAME(KEYFOLD_ERROR_SIZE, 512);
SAME(KEYFOLD_KEY_ID_SIZE, 16);
SAME(KEYFOLD_MATERIAL_ID_SIZE, 8);
SAME(KEYFOLD_CONTEXT_MAX_SIZE, 8192);
SAME(KEYFOLD_MAC_MAX_SIZE, 70);
SAME(KEYFOLD_KEY_FILE_ALLOW_READABLE, 1);
SAME(KEYFOLD_KEY_FILE_ALLOW_BESIDE_STORE, 2);
SAME(KEYFOLD_OPEN_READ_ONLY, 1);
SAME(KEYFOLD_OPEN_ALLOW_NETWORK_FILE_SYSTEM, 2);
SAME(KEYFOLD_OPEN_REQUIRE_LOCKED_MEMORY, 4);
SAME(KEYFOLD_OPEN_REFRESH_EVERY_CALL, 8);
SAME(KEYFOLD_OPEN_NO_WAIT, 16);
SAME(KEYFOLD_OPEN_DEVELOPMENT, 32);
SAME(KEYFOLD_OPEN_NO_ANCHOR, 64);
SAME(KEYFOLD_OPEN_NO_TRAIL, 128);
SAME(KEYFOLD_OPEN_RECOVERY, 256);
SAME(KEYFOLD_OPEN_BIND_PRINCIPAL, 512);
SAME(KEYFOLD_OPEN_ADMIN_ROOT, 1024);
SAME(KEYFOLD_KEY_EXTERNAL, 1);
SAME(KEYFOLD_SLOT_ADMIN, 1);
SAME(KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT, 1);
SAME(KEYFOLD_REENCRYPT_ACCEPT_STORED_CONTEXT, 1);
SAME(KEYFOLD_REENCRYPT_DROP_UNREACHABLE, 2);
SAME(KEYFOLD_CALLBACK_OK, 1);
SAME(KEYFOLD_LARGE, 4194304);

SAME(sizeof(keyfold_status), 4);
SAME(KEYFOLD_STATUS_OK, 0);
SAME(KEYFOLD_STATUS_NULL_ARGUMENT, 100);
SAME(KEYFOLD_STATUS_INVALID_HANDLE, 101);
SAME(KEYFOLD_STATUS_INVALID_ARGUMENT, 102);
SAME(KEYFOLD_STATUS_BUFFER_TOO_SMALL, 103);
SAME(KEYFOLD_STATUS_INVALID_UTF8, 104);
SAME(KEYFOLD_STATUS_BUFFERS_OVERLAP, 105);
SAME(KEYFOLD_STATUS_UNSUPPORTED_OPTION, 106);
SAME(KEYFOLD_STATUS_BUSY, 107);
SAME(KEYFOLD_STATUS_FORKED, 108);
SAME(KEYFOLD_STATUS_INVALID_CONTEXT, 109);
SAME(KEYFOLD_STATUS_TOO_LARGE, 110);
SAME(KEYFOLD_STATUS_CANCELLED, 111);
SAME(KEYFOLD_STATUS_STREAM_ENDED, 112);
SAME(KEYFOLD_STATUS_STREAM_UNFINISHED, 113);
SAME(KEYFOLD_STATUS_CALLBACK_FAILED, 114);
SAME(KEYFOLD_STATUS_KEY_NOT_FOUND, 200);
SAME(KEYFOLD_STATUS_KEY_DISABLED, 201);
SAME(KEYFOLD_STATUS_ALREADY_EXISTS, 202);
SAME(KEYFOLD_STATUS_KEY_NOT_ALLOWED, 203);
SAME(KEYFOLD_STATUS_INVALID_NAME, 204);
SAME(KEYFOLD_STATUS_INVALID_KEY_MATERIAL, 205);
SAME(KEYFOLD_STATUS_CONTEXT_REQUIRED, 206);
SAME(KEYFOLD_STATUS_LIMIT_EXCEEDED, 207);
SAME(KEYFOLD_STATUS_INVALID_KEY_STATE, 208);
SAME(KEYFOLD_STATUS_ACCESS_DENIED, 209);
SAME(KEYFOLD_STATUS_KEY_DESTROYED, 210);
SAME(KEYFOLD_STATUS_CRYPTOPERIOD_ENDED, 211);
SAME(KEYFOLD_STATUS_INVALID_KEY_USAGE, 212);
SAME(KEYFOLD_STATUS_INCORRECT_KEY_MATERIAL, 213);
SAME(KEYFOLD_STATUS_INVALID_IMPORT_TOKEN, 214);
SAME(KEYFOLD_STATUS_EXPIRED_IMPORT_TOKEN, 215);
SAME(KEYFOLD_STATUS_INVALID_MAC, 216);
SAME(KEYFOLD_STATUS_UNSUPPORTED_OPERATION, 217);
SAME(KEYFOLD_STATUS_GRANT_NOT_FOUND, 218);
SAME(KEYFOLD_STATUS_APPROVAL_REQUIRED, 219);
SAME(KEYFOLD_STATUS_KEY_STOPPED, 220);
SAME(KEYFOLD_STATUS_NOT_AN_ENVELOPE, 300);
SAME(KEYFOLD_STATUS_UNSUPPORTED_FORMAT, 301);
SAME(KEYFOLD_STATUS_MALFORMED, 302);
SAME(KEYFOLD_STATUS_AUTH, 303);
SAME(KEYFOLD_STATUS_ROOT_NOT_FOUND, 400);
SAME(KEYFOLD_STATUS_ROOT_MISMATCH, 401);
SAME(KEYFOLD_STATUS_ROOT_UNSAFE, 402);
SAME(KEYFOLD_STATUS_ROOT_INVALID, 403);
SAME(KEYFOLD_STATUS_LAST_ROOT, 404);
SAME(KEYFOLD_STATUS_ROOT_UNAVAILABLE, 405);
SAME(KEYFOLD_STATUS_STORE_NOT_FOUND, 500);
SAME(KEYFOLD_STATUS_STORE_EXISTS, 501);
SAME(KEYFOLD_STATUS_NOT_A_STORE, 502);
SAME(KEYFOLD_STATUS_STORE_TOO_NEW, 503);
SAME(KEYFOLD_STATUS_STORE_INTEGRITY, 504);
SAME(KEYFOLD_STATUS_STORE_ROLLED_BACK, 505);
SAME(KEYFOLD_STATUS_SCHEMA_CHANGED, 506);
SAME(KEYFOLD_STATUS_STORE_BUSY, 507);
SAME(KEYFOLD_STATUS_STORE_IO, 508);
SAME(KEYFOLD_STATUS_STORE_READ_ONLY, 509);
SAME(KEYFOLD_STATUS_STORE_FULL, 510);
SAME(KEYFOLD_STATUS_FINGERPRINT_MISMATCH, 511);
SAME(KEYFOLD_STATUS_STORE_POISONED, 512);
SAME(KEYFOLD_STATUS_STORE_UNSAFE, 513);
SAME(KEYFOLD_STATUS_IO, 514);
SAME(KEYFOLD_STATUS_FILE_EXISTS, 515);
SAME(KEYFOLD_STATUS_STORE_FORKED, 516);
SAME(KEYFOLD_STATUS_ANCHOR_UNAVAILABLE, 517);
SAME(KEYFOLD_STATUS_TRAIL_UNAVAILABLE, 518);
SAME(KEYFOLD_STATUS_TRAIL_INVALID, 519);
SAME(KEYFOLD_STATUS_BACKUP_INVALID, 520);
SAME(KEYFOLD_STATUS_INTERNAL, 900);
SAME(KEYFOLD_STATUS_SELF_TEST, 901);
SAME(KEYFOLD_STATUS_RANDOM, 902);
SAME(KEYFOLD_STATUS_OUT_OF_MEMORY, 903);

SAME(sizeof(keyfold_fork), 4);
SAME(KEYFOLD_FORK_WIPE, 0);
SAME(KEYFOLD_FORK_INHERIT, 1);

SAME(sizeof(keyfold_store_context), 4);
SAME(KEYFOLD_STORE_CONTEXT_NONE, 0);
SAME(KEYFOLD_STORE_CONTEXT_NAMES, 1);
SAME(KEYFOLD_STORE_CONTEXT_ALL, 2);
SAME(KEYFOLD_STORE_CONTEXT_CHOSEN, 3);

SAME(sizeof(keyfold_protection), 40);
SAME(offsetof(keyfold_protection, size), 0);
SAME(FIELD(keyfold_protection, size), 4);
SAME(offsetof(keyfold_protection, reserved), 4);
SAME(FIELD(keyfold_protection, reserved), 4);
SAME(offsetof(keyfold_protection, bytes), 8);
SAME(FIELD(keyfold_protection, bytes), 8);
SAME(offsetof(keyfold_protection, unlocked_bytes), 16);
SAME(FIELD(keyfold_protection, unlocked_bytes), 8);
SAME(offsetof(keyfold_protection, dumpable_bytes), 24);
SAME(FIELD(keyfold_protection, dumpable_bytes), 8);
SAME(offsetof(keyfold_protection, not_wiped_bytes), 32);
SAME(FIELD(keyfold_protection, not_wiped_bytes), 8);

SAME(sizeof(keyfold_buffer), 16);
SAME(offsetof(keyfold_buffer, data), 0);
SAME(FIELD(keyfold_buffer, data), 8);
SAME(offsetof(keyfold_buffer, len), 8);
SAME(FIELD(keyfold_buffer, len), 8);

SAME(sizeof(keyfold_pair), 32);
SAME(offsetof(keyfold_pair, name), 0);
SAME(FIELD(keyfold_pair, name), 8);
SAME(offsetof(keyfold_pair, name_len), 8);
SAME(FIELD(keyfold_pair, name_len), 8);
SAME(offsetof(keyfold_pair, value), 16);
SAME(FIELD(keyfold_pair, value), 8);
SAME(offsetof(keyfold_pair, value_len), 24);
SAME(FIELD(keyfold_pair, value_len), 8);

SAME(sizeof(keyfold_key_file_options), 8);
SAME(offsetof(keyfold_key_file_options, size), 0);
SAME(FIELD(keyfold_key_file_options, size), 4);
SAME(offsetof(keyfold_key_file_options, flags), 4);
SAME(FIELD(keyfold_key_file_options, flags), 4);

SAME(sizeof(keyfold_store_options), 56);
SAME(offsetof(keyfold_store_options, size), 0);
SAME(FIELD(keyfold_store_options, size), 4);
SAME(offsetof(keyfold_store_options, flags), 4);
SAME(FIELD(keyfold_store_options, flags), 4);
SAME(offsetof(keyfold_store_options, fork), 8);
SAME(FIELD(keyfold_store_options, fork), 4);
SAME(offsetof(keyfold_store_options, refresh_millis), 12);
SAME(FIELD(keyfold_store_options, refresh_millis), 4);
SAME(offsetof(keyfold_store_options, busy_timeout_millis), 16);
SAME(FIELD(keyfold_store_options, busy_timeout_millis), 4);
SAME(offsetof(keyfold_store_options, trail_interval_millis), 20);
SAME(FIELD(keyfold_store_options, trail_interval_millis), 4);
SAME(offsetof(keyfold_store_options, principal), 24);
SAME(FIELD(keyfold_store_options, principal), 8);
SAME(offsetof(keyfold_store_options, source), 32);
SAME(FIELD(keyfold_store_options, source), 8);
SAME(offsetof(keyfold_store_options, user_agent), 40);
SAME(FIELD(keyfold_store_options, user_agent), 8);
SAME(offsetof(keyfold_store_options, anchor), 48);
SAME(FIELD(keyfold_store_options, anchor), 8);

SAME(sizeof(keyfold_slot_options), 16);
SAME(offsetof(keyfold_slot_options, size), 0);
SAME(FIELD(keyfold_slot_options, size), 4);
SAME(offsetof(keyfold_slot_options, flags), 4);
SAME(FIELD(keyfold_slot_options, flags), 4);
SAME(offsetof(keyfold_slot_options, principal), 8);
SAME(FIELD(keyfold_slot_options, principal), 8);

SAME(sizeof(keyfold_key_options), 40);
SAME(offsetof(keyfold_key_options, size), 0);
SAME(FIELD(keyfold_key_options, size), 4);
SAME(offsetof(keyfold_key_options, flags), 4);
SAME(FIELD(keyfold_key_options, flags), 4);
SAME(offsetof(keyfold_key_options, description), 8);
SAME(FIELD(keyfold_key_options, description), 8);
SAME(offsetof(keyfold_key_options, spec), 16);
SAME(FIELD(keyfold_key_options, spec), 8);
SAME(offsetof(keyfold_key_options, tags), 24);
SAME(FIELD(keyfold_key_options, tags), 8);
SAME(offsetof(keyfold_key_options, policy), 32);
SAME(FIELD(keyfold_key_options, policy), 8);

SAME(sizeof(keyfold_key_version), 32);
SAME(offsetof(keyfold_key_version, size), 0);
SAME(FIELD(keyfold_key_version, size), 4);
SAME(offsetof(keyfold_key_version, version), 4);
SAME(FIELD(keyfold_key_version, version), 4);
SAME(offsetof(keyfold_key_version, key_id), 8);
SAME(FIELD(keyfold_key_version, key_id), 16);
SAME(offsetof(keyfold_key_version, material_id), 24);
SAME(FIELD(keyfold_key_version, material_id), 8);

SAME(sizeof(keyfold_narrowing), 32);
SAME(offsetof(keyfold_narrowing, size), 0);
SAME(FIELD(keyfold_narrowing, size), 4);
SAME(offsetof(keyfold_narrowing, flags), 4);
SAME(FIELD(keyfold_narrowing, flags), 4);
SAME(offsetof(keyfold_narrowing, operations), 8);
SAME(FIELD(keyfold_narrowing, operations), 8);
SAME(offsetof(keyfold_narrowing, uses), 16);
SAME(FIELD(keyfold_narrowing, uses), 8);
SAME(offsetof(keyfold_narrowing, millis), 24);
SAME(FIELD(keyfold_narrowing, millis), 8);

SAME(sizeof(keyfold_work), 40);
SAME(offsetof(keyfold_work, size), 0);
SAME(FIELD(keyfold_work, size), 4);
SAME(offsetof(keyfold_work, flags), 4);
SAME(FIELD(keyfold_work, flags), 4);
SAME(offsetof(keyfold_work, threads), 8);
SAME(FIELD(keyfold_work, threads), 4);
SAME(offsetof(keyfold_work, reserved), 12);
SAME(FIELD(keyfold_work, reserved), 4);
SAME(offsetof(keyfold_work, cancel), 16);
SAME(FIELD(keyfold_work, cancel), 8);
SAME(offsetof(keyfold_work, progress), 24);
SAME(FIELD(keyfold_work, progress), 8);
SAME(offsetof(keyfold_work, user_data), 32);
SAME(FIELD(keyfold_work, user_data), 8);

SAME(sizeof(keyfold_encrypt_options), 24);
SAME(offsetof(keyfold_encrypt_options, size), 0);
SAME(FIELD(keyfold_encrypt_options, size), 4);
SAME(offsetof(keyfold_encrypt_options, flags), 4);
SAME(FIELD(keyfold_encrypt_options, flags), 4);
SAME(offsetof(keyfold_encrypt_options, store_context), 8);
SAME(FIELD(keyfold_encrypt_options, store_context), 4);
SAME(offsetof(keyfold_encrypt_options, free_cells), 12);
SAME(FIELD(keyfold_encrypt_options, free_cells), 4);
SAME(offsetof(keyfold_encrypt_options, work), 16);
SAME(FIELD(keyfold_encrypt_options, work), 8);

SAME(sizeof(keyfold_decrypt_options), 16);
SAME(offsetof(keyfold_decrypt_options, size), 0);
SAME(FIELD(keyfold_decrypt_options, size), 4);
SAME(offsetof(keyfold_decrypt_options, flags), 4);
SAME(FIELD(keyfold_decrypt_options, flags), 4);
SAME(offsetof(keyfold_decrypt_options, work), 8);
SAME(FIELD(keyfold_decrypt_options, work), 8);

SAME(sizeof(keyfold_opened), 24);
SAME(offsetof(keyfold_opened, size), 0);
SAME(FIELD(keyfold_opened, size), 4);
SAME(offsetof(keyfold_opened, version), 4);
SAME(FIELD(keyfold_opened, version), 4);
SAME(offsetof(keyfold_opened, key_id), 8);
SAME(FIELD(keyfold_opened, key_id), 16);

SAME(sizeof(keyfold_rewrapped), 20);
SAME(offsetof(keyfold_rewrapped, size), 0);
SAME(FIELD(keyfold_rewrapped, size), 4);
SAME(offsetof(keyfold_rewrapped, cells_rewrapped), 4);
SAME(FIELD(keyfold_rewrapped, cells_rewrapped), 4);
SAME(offsetof(keyfold_rewrapped, cells_current), 8);
SAME(FIELD(keyfold_rewrapped, cells_current), 4);
SAME(offsetof(keyfold_rewrapped, cells_skipped), 12);
SAME(FIELD(keyfold_rewrapped, cells_skipped), 4);
SAME(offsetof(keyfold_rewrapped, cells_freed), 16);
SAME(FIELD(keyfold_rewrapped, cells_freed), 4);

SAME(sizeof(keyfold_reencrypt_options), 16);
SAME(offsetof(keyfold_reencrypt_options, size), 0);
SAME(FIELD(keyfold_reencrypt_options, size), 4);
SAME(offsetof(keyfold_reencrypt_options, flags), 4);
SAME(FIELD(keyfold_reencrypt_options, flags), 4);
SAME(offsetof(keyfold_reencrypt_options, store_context), 8);
SAME(FIELD(keyfold_reencrypt_options, store_context), 4);
SAME(offsetof(keyfold_reencrypt_options, free_cells), 12);
SAME(FIELD(keyfold_reencrypt_options, free_cells), 4);

/* Every function, declared as the bindings call it: another type is a conflict. */
#ifdef __cplusplus
extern "C" {
#endif
uint32_t keyfold_abi_version(void);
const char *keyfold_version(void);
const char *keyfold_engine(void);
const char *keyfold_status_name(int32_t);
const char *keyfold_status_text(int32_t);
uint32_t keyfold_status_retryable(int32_t);
keyfold_status keyfold_last_error(char *, size_t, size_t *);
size_t keyfold_open_handles(void);
keyfold_status keyfold_self_test(void);
keyfold_status keyfold_protection_status(keyfold_protection *);
keyfold_status keyfold_reseed(void);
keyfold_status keyfold_generate_random(uint8_t *, size_t);
void keyfold_buffer_free(keyfold_buffer *);
keyfold_status keyfold_context_pack(const keyfold_pair *, size_t, uint8_t *, size_t, size_t *);
keyfold_status keyfold_context_check(const uint8_t *, size_t);
keyfold_status keyfold_context_require(const uint8_t *, size_t, const uint8_t *, size_t);
keyfold_status keyfold_root_create_key_file(const char *);
keyfold_status keyfold_root_open_key_file(const char *, const keyfold_key_file_options *, keyfold_root **);
keyfold_status keyfold_root_open_passphrase(const uint8_t *, size_t, keyfold_root **);
keyfold_status keyfold_root_close(keyfold_root *);
keyfold_status keyfold_store_init(const char *, const keyfold_root *, const keyfold_store_options *,
    keyfold_store **);
keyfold_status keyfold_store_open(const char *, const keyfold_root *, const keyfold_store_options *,
    keyfold_store **);
keyfold_status keyfold_store_open_in_memory(keyfold_store **);
keyfold_status keyfold_store_close(keyfold_store *);
keyfold_status keyfold_store_info(const keyfold_store *, keyfold_buffer *);
keyfold_status keyfold_store_verify(const keyfold_store *, uint64_t *);
keyfold_status keyfold_store_list_roots(const keyfold_store *, keyfold_buffer *);
keyfold_status keyfold_store_add_root(const keyfold_store *, const keyfold_root *, keyfold_buffer *);
keyfold_status keyfold_store_add_root_as(const keyfold_store *, const keyfold_root *, const
    keyfold_slot_options *, keyfold_buffer *);
keyfold_status keyfold_store_remove_root(const keyfold_store *, const char *);
keyfold_status keyfold_store_change_root(const keyfold_store *, const char *, const keyfold_root *,
    keyfold_buffer *);
keyfold_status keyfold_key_create(const keyfold_store *, const char *, const keyfold_key_options *,
    keyfold_buffer *);
keyfold_status keyfold_key_import_material(const keyfold_store *, const char *, const uint8_t *, size_t, const
    keyfold_key_options *, keyfold_buffer *);
keyfold_status keyfold_key_describe(const keyfold_store *, const char *, keyfold_buffer *);
keyfold_status keyfold_key_list(const keyfold_store *, const char *, uint32_t, keyfold_buffer *);
keyfold_status keyfold_key_enable(const keyfold_store *, const char *, keyfold_buffer *);
keyfold_status keyfold_key_disable(const keyfold_store *, const char *, keyfold_buffer *);
keyfold_status keyfold_key_rotate(const keyfold_store *, const char *, keyfold_key_version *);
keyfold_status keyfold_key_export(const keyfold_store *, const char *, const char *, keyfold_buffer *);
keyfold_status keyfold_key_import(const keyfold_store *, const uint8_t *, size_t, keyfold_buffer *);
keyfold_status keyfold_alias_create(const keyfold_store *, const char *, const char *, keyfold_buffer *);
keyfold_status keyfold_alias_move(const keyfold_store *, const char *, const char *, keyfold_buffer *);
keyfold_status keyfold_alias_delete(const keyfold_store *, const char *);
keyfold_status keyfold_alias_list(const keyfold_store *, const char *, uint32_t, keyfold_buffer *);
keyfold_status keyfold_key_open(const keyfold_store *, const char *, keyfold_key **);
keyfold_status keyfold_key_close(keyfold_key *);
keyfold_status keyfold_key_id(const keyfold_key *, uint8_t *);
keyfold_status keyfold_key_update_description(const keyfold_store *, const char *, const char *,
    keyfold_buffer *);
keyfold_status keyfold_key_tag(const keyfold_store *, const char *, const char *, keyfold_buffer *);
keyfold_status keyfold_key_untag(const keyfold_store *, const char *, const char *, keyfold_buffer *);
keyfold_status keyfold_key_set_policy(const keyfold_store *, const char *, const char *, keyfold_buffer *);
keyfold_status keyfold_key_schedule_deletion(const keyfold_store *, const char *, uint32_t, keyfold_buffer *);
keyfold_status keyfold_key_cancel_deletion(const keyfold_store *, const char *, keyfold_buffer *);
keyfold_status keyfold_store_destroy_due(const keyfold_store *, keyfold_buffer *);
keyfold_status keyfold_key_mark_compromised(const keyfold_store *, const char *, const char *, keyfold_buffer
    *);
keyfold_status keyfold_store_rotate_due(const keyfold_store *, keyfold_buffer *);
keyfold_status keyfold_key_rotation_status(const keyfold_store *, const char *, keyfold_buffer *);
keyfold_status keyfold_key_list_rotations(const keyfold_store *, const char *, const char *, uint32_t,
    keyfold_buffer *);
keyfold_status keyfold_key_usage(const keyfold_store *, const char *, keyfold_buffer *);
keyfold_status keyfold_key_last_usage(const keyfold_store *, const char *, keyfold_buffer *);
keyfold_status keyfold_key_parameters_for_import(const keyfold_store *, const char *, const char *,
    keyfold_buffer *);
keyfold_status keyfold_key_import_wrapped_material(const keyfold_store *, const char *, const uint8_t *,
    size_t, const uint8_t *, size_t, const char *, uint32_t, keyfold_buffer *);
keyfold_status keyfold_key_delete_imported_material(const keyfold_store *, const char *, const char *,
    keyfold_buffer *);
keyfold_status keyfold_grant_create(const keyfold_store *, const char *, const char *, keyfold_buffer *);
keyfold_status keyfold_grant_list(const keyfold_store *, const char *, const char *, uint32_t, keyfold_buffer
    *);
keyfold_status keyfold_grant_list_retirable(const keyfold_store *, const char *, const char *, uint32_t,
    keyfold_buffer *);
keyfold_status keyfold_grant_retire(const keyfold_store *, const char *, const char *);
keyfold_status keyfold_grant_revoke(const keyfold_store *, const char *, const char *);
keyfold_status keyfold_key_narrow(const keyfold_key *, const uint8_t *, size_t, const uint8_t *, size_t, const
    keyfold_narrowing *, keyfold_key **);
keyfold_status keyfold_encrypted_size(size_t, const uint8_t *, size_t, const keyfold_encrypt_options *, size_t
    *);
keyfold_status keyfold_encrypt(const keyfold_key *, const uint8_t *, size_t, const uint8_t *, size_t, const
    keyfold_encrypt_options *, uint8_t *, size_t, size_t *);
keyfold_status keyfold_encrypt_to(const keyfold_key *const *, size_t, const uint8_t *, size_t, const uint8_t
    *, size_t, const uint8_t *, size_t, const keyfold_encrypt_options *, uint8_t *, size_t, size_t *);
keyfold_status keyfold_headroom(const uint8_t *, size_t, const keyfold_encrypt_options *, size_t *);
keyfold_status keyfold_encrypt_in_place(const keyfold_key *, uint8_t *, size_t, size_t, size_t, const uint8_t
    *, size_t, const keyfold_encrypt_options *, size_t *);
keyfold_status keyfold_decrypted_size(const uint8_t *, size_t, size_t *);
keyfold_status keyfold_decrypt(const keyfold_key *, const uint8_t *, size_t, const uint8_t *, size_t, const
    keyfold_decrypt_options *, uint8_t *, size_t, size_t *);
keyfold_status keyfold_decrypt_with_keys(const keyfold_key *const *, size_t, const uint8_t *, size_t, const
    uint8_t *, size_t, const keyfold_decrypt_options *, uint8_t *, size_t, size_t *, keyfold_opened *);
keyfold_status keyfold_decrypt_any(const keyfold_store *, const uint8_t *, size_t, const uint8_t *, size_t,
    const keyfold_decrypt_options *, uint8_t *, size_t, size_t *, keyfold_opened *);
keyfold_status keyfold_decrypt_in_place(const keyfold_key *, uint8_t *, size_t, const uint8_t *, size_t, const
    keyfold_decrypt_options *, size_t *);
keyfold_status keyfold_authenticated_context(const keyfold_key *, const uint8_t *, size_t, const uint8_t *,
    size_t, const keyfold_decrypt_options *, keyfold_buffer *);
keyfold_status keyfold_authenticated_context_any(const keyfold_store *, const uint8_t *, size_t, const uint8_t
    *, size_t, const keyfold_decrypt_options *, keyfold_buffer *);
keyfold_status keyfold_encrypt_batch(const keyfold_key *, const uint8_t *, size_t, const uint64_t *, size_t,
    const uint8_t *, size_t, const uint64_t *, const keyfold_encrypt_options *, uint8_t *, size_t, size_t *,
    uint64_t *, size_t *);
keyfold_status keyfold_decrypt_batch(const keyfold_key *, const uint8_t *, size_t, const uint64_t *, size_t,
    const uint8_t *, size_t, const uint64_t *, const keyfold_decrypt_options *, uint8_t *, size_t, size_t *,
    uint64_t *, size_t *);
keyfold_status keyfold_rewrap(const keyfold_key *, uint8_t *, size_t, const uint8_t *, size_t,
    keyfold_rewrapped *);
keyfold_status keyfold_rewrap_any(const keyfold_store *, uint8_t *, size_t, const uint8_t *, size_t,
    keyfold_rewrapped *);
keyfold_status keyfold_rewrap_file(const keyfold_key *, const char *, const uint8_t *, size_t,
    keyfold_rewrapped *);
keyfold_status keyfold_rewrap_file_any(const keyfold_store *, const char *, const uint8_t *, size_t,
    keyfold_rewrapped *);
keyfold_status keyfold_reencrypt(const keyfold_key *const *, size_t, const uint8_t *, size_t, const uint8_t *,
    size_t, const keyfold_key *const *, size_t, const uint8_t *, size_t, const uint8_t *, size_t, const
    keyfold_reencrypt_options *, keyfold_buffer *);
keyfold_status keyfold_reencrypt_any(const keyfold_store *, const uint8_t *, size_t, const uint8_t *, size_t,
    const keyfold_key *const *, size_t, const uint8_t *, size_t, const uint8_t *, size_t, const
    keyfold_reencrypt_options *, keyfold_buffer *);
keyfold_status keyfold_data_key_blob_size(size_t, const uint8_t *, size_t, const keyfold_encrypt_options *,
    size_t *);
keyfold_status keyfold_generate_data_key(const keyfold_key *, const uint8_t *, size_t, const
    keyfold_encrypt_options *, uint8_t *, size_t, uint8_t *, size_t, size_t *);
keyfold_status keyfold_generate_data_key_without_plaintext(const keyfold_key *, size_t, const uint8_t *,
    size_t, const keyfold_encrypt_options *, uint8_t *, size_t, size_t *);
keyfold_status keyfold_data_key_size(const uint8_t *, size_t, size_t *);
keyfold_status keyfold_decrypt_data_key(const keyfold_key *, const uint8_t *, size_t, const uint8_t *, size_t,
    const keyfold_decrypt_options *, uint8_t *, size_t, size_t *);
keyfold_status keyfold_decrypt_data_key_any(const keyfold_store *, const uint8_t *, size_t, const uint8_t *,
    size_t, const keyfold_decrypt_options *, uint8_t *, size_t, size_t *, keyfold_opened *);
keyfold_status keyfold_generate_mac(const keyfold_key *, const uint8_t *, size_t, uint8_t *, size_t, size_t
    *);
keyfold_status keyfold_verify_mac(const keyfold_key *, const uint8_t *, size_t, const uint8_t *, size_t);
keyfold_status keyfold_key_public(const keyfold_key *, keyfold_buffer *);
keyfold_status keyfold_sealed_size(size_t, const uint8_t *, size_t, const uint64_t *, size_t, const uint8_t *,
    size_t, const keyfold_encrypt_options *, size_t *);
keyfold_status keyfold_seal(const uint8_t *, size_t, const uint64_t *, size_t, const uint8_t *, size_t, const
    uint8_t *, size_t, const keyfold_encrypt_options *, uint8_t *, size_t, size_t *);
keyfold_status keyfold_stream_encrypt(const keyfold_key *const *, size_t, const uint8_t *, size_t, const
    uint8_t *, size_t, const keyfold_encrypt_options *, keyfold_source_callback, void *,
    keyfold_source_release, keyfold_stream **);
keyfold_status keyfold_stream_seal(const uint8_t *, size_t, const uint64_t *, size_t, const uint8_t *, size_t,
    const keyfold_encrypt_options *, keyfold_source_callback, void *, keyfold_source_release, keyfold_stream
    **);
keyfold_status keyfold_stream_decrypt(const keyfold_key *const *, size_t, const uint8_t *, size_t, const
    keyfold_decrypt_options *, keyfold_source_callback, void *, keyfold_source_release, keyfold_stream **);
keyfold_status keyfold_stream_decrypt_any(const keyfold_store *, const uint8_t *, size_t, const
    keyfold_decrypt_options *, keyfold_source_callback, void *, keyfold_source_release, keyfold_stream **);
keyfold_status keyfold_stream_update_size(keyfold_stream *, size_t, size_t *);
keyfold_status keyfold_stream_update(keyfold_stream *, const uint8_t *, size_t, const keyfold_work *, uint8_t
    *, size_t, size_t *);
keyfold_status keyfold_stream_finish_size(keyfold_stream *, size_t *);
keyfold_status keyfold_stream_finish(keyfold_stream *, uint8_t *, size_t, size_t *);
keyfold_status keyfold_stream_read(keyfold_stream *, const keyfold_work *, uint8_t *, size_t, size_t *);
keyfold_status keyfold_stream_opened(keyfold_stream *, keyfold_opened *);
keyfold_status keyfold_stream_context(keyfold_stream *, keyfold_buffer *);
keyfold_status keyfold_stream_cancel(const keyfold_stream *);
keyfold_status keyfold_stream_close(keyfold_stream *);
keyfold_status keyfold_reader_open(const keyfold_key *const *, size_t, const uint8_t *, size_t, const
    keyfold_decrypt_options *, uint64_t, keyfold_pread_callback, void *, keyfold_source_release,
    keyfold_reader **);
keyfold_status keyfold_reader_open_any(const keyfold_store *, const uint8_t *, size_t, const
    keyfold_decrypt_options *, uint64_t, keyfold_pread_callback, void *, keyfold_source_release,
    keyfold_reader **);
keyfold_status keyfold_reader_open_fd(const keyfold_key *const *, size_t, const uint8_t *, size_t, const
    keyfold_decrypt_options *, int32_t, keyfold_reader **);
keyfold_status keyfold_reader_open_fd_any(const keyfold_store *, const uint8_t *, size_t, const
    keyfold_decrypt_options *, int32_t, keyfold_reader **);
keyfold_status keyfold_reader_size(const keyfold_reader *, uint64_t *);
keyfold_status keyfold_reader_pread(const keyfold_reader *, uint64_t, const keyfold_work *, uint8_t *, size_t,
    size_t *);
keyfold_status keyfold_reader_opened(const keyfold_reader *, keyfold_opened *);
keyfold_status keyfold_reader_context(const keyfold_reader *, keyfold_buffer *);
keyfold_status keyfold_reader_close(keyfold_reader *);
keyfold_status keyfold_ciphertext_range(const uint8_t *, size_t, uint64_t, uint64_t, uint64_t, uint64_t *,
    uint64_t *);
keyfold_status keyfold_encrypt_file(const keyfold_key *const *, size_t, const char *, const char *, const
    uint8_t *, size_t, const uint8_t *, size_t, const keyfold_encrypt_options *, uint64_t *);
keyfold_status keyfold_decrypt_file(const keyfold_key *const *, size_t, const char *, const char *, const
    uint8_t *, size_t, const keyfold_decrypt_options *, uint64_t *, keyfold_opened *);
keyfold_status keyfold_decrypt_file_any(const keyfold_store *, const char *, const char *, const uint8_t *,
    size_t, const keyfold_decrypt_options *, uint64_t *, keyfold_opened *);
keyfold_status keyfold_inspect(const uint8_t *, size_t, uint64_t, keyfold_buffer *);
keyfold_status keyfold_explain(const keyfold_store *, const keyfold_key *, const uint8_t *, size_t, uint64_t,
    const uint8_t *, size_t, keyfold_buffer *);
keyfold_status keyfold_store_settings(const keyfold_store *, keyfold_buffer *);
keyfold_status keyfold_store_update_settings(const keyfold_store *, const char *, keyfold_buffer *);
keyfold_status keyfold_approve(const keyfold_store *, const char *, const char *, uint32_t, keyfold_buffer *);
keyfold_status keyfold_approval_list(const keyfold_store *, keyfold_buffer *);
keyfold_status keyfold_approval_withdraw(const keyfold_store *, const char *);
keyfold_status keyfold_dry_run(const keyfold_store *, const char *, const char *, const uint8_t *, size_t);
keyfold_status keyfold_key_dry_run(const keyfold_key *, const char *, const uint8_t *, size_t);
keyfold_status keyfold_trail_read(const keyfold_store *, const char *, uint64_t, uint32_t, keyfold_buffer *);
keyfold_status keyfold_trail_tail(const keyfold_store *, const char *, uint32_t, keyfold_buffer *);
keyfold_status keyfold_trail_verify(const keyfold_store *, const char *, keyfold_buffer *);
keyfold_status keyfold_trail_checkpoint(const keyfold_store *, keyfold_buffer *);
keyfold_status keyfold_trail_flush(const keyfold_store *);
keyfold_status keyfold_trail_export(const keyfold_store *, const char *, uint64_t *);
keyfold_status keyfold_trail_add_file(const keyfold_store *, const char *, uint64_t, uint32_t);
keyfold_status keyfold_trail_add_callback(const keyfold_store *, keyfold_trail_callback, void *,
    keyfold_trail_release);
keyfold_status keyfold_trail_sinks(const keyfold_store *, keyfold_buffer *);
keyfold_status keyfold_trail_verify_tiles(const char *, const char *, keyfold_buffer *);
keyfold_status keyfold_trail_verify_jsonl(const char *, const char *, keyfold_buffer *);
keyfold_status keyfold_store_back_up(const keyfold_store *, const char *, keyfold_buffer *);
keyfold_status keyfold_backup_verify(const char *, const keyfold_root *, keyfold_buffer *);
keyfold_status keyfold_store_restore(const char *, const char *, const keyfold_root *const *, size_t, const
    keyfold_store_options *, keyfold_store **);
keyfold_status keyfold_store_repair(const char *, const keyfold_root *const *, size_t, const
    keyfold_store_options *, keyfold_buffer *);
keyfold_status keyfold_store_change_compromised_root(const char *, const keyfold_root *const *, size_t, const
    keyfold_root *, const keyfold_root *const *, size_t, const keyfold_store_options *, keyfold_buffer *);
keyfold_status keyfold_store_heartbeat(const keyfold_store *);
#ifdef __cplusplus
}
#endif

int main(void)
{
    if (keyfold_abi_version() != KEYFOLD_ABI_VERSION) {
        fprintf(stderr, "the library has ABI %u, the header %u\n", (unsigned)keyfold_abi_version(),
                (unsigned)KEYFOLD_ABI_VERSION);
        return 1;
    }
    return 0;
}
