/* A panic inside any exported function is INTERNAL; the output is wiped, and later calls work. Needs a library that was
 * built with the failpoints feature. */
#include "test.h"

extern void keyfold_failpoint_panic(void);

/* The call after this panics inside; afterwards the library is as before. */
#define PANICS(call) \
    do { \
        keyfold_failpoint_panic(); \
        GIVES(INTERNAL, call); \
        CHECK(said("internal error: panic at failpoint.rs")); \
        size_t n_; \
        GIVES(OK, keyfold_encrypt(f.key, data, 10, NULL, 0, NULL, out, sizeof out, &n_)); \
    } while (0)

int main(void)
{
    fixture f = on_disk("panics", NULL);
    static uint8_t data[1000], out[2000];
    size_t n, envelope_len, handles = keyfold_open_handles();
    uint64_t offsets[] = {0, 10}, places[2], count;
    keyfold_root *root;
    keyfold_store *store;
    keyfold_key *key;
    keyfold_buffer made;
    keyfold_protection protection = KEYFOLD_PROTECTION_INIT;
    const keyfold_key *keys[] = {f.key};
    uint8_t *envelope = sealed(f.key, data, 10, &envelope_len);

    PANICS(keyfold_self_test());
    PANICS(keyfold_reseed());
    PANICS(keyfold_protection_status(&protection));
    PANICS(keyfold_generate_random(data, 10));
    PANICS(keyfold_context_pack(NULL, 0, out, sizeof out, &n));
    PANICS(keyfold_context_check(NULL, 0));
    PANICS(keyfold_context_require(NULL, 0, NULL, 0));
    PANICS(keyfold_root_create_key_file(path("panics-root/other.key")));
    PANICS(keyfold_root_open_key_file("x", NULL, &root));
    PANICS(keyfold_root_open_passphrase(data, 10, &root));
    PANICS(keyfold_root_close(f.root));
    PANICS(keyfold_store_init(path("panics-store/other.db"), f.root, NULL, &store));
    PANICS(keyfold_store_open(path("panics-store/keys.db"), f.root, NULL, &store));
    PANICS(keyfold_store_open_in_memory(&store));
    PANICS(keyfold_store_close(f.store));
    PANICS(keyfold_store_info(f.store, &made));
    PANICS(keyfold_store_verify(f.store, &count));
    PANICS(keyfold_store_list_roots(f.store, &made));
    PANICS(keyfold_store_add_root(f.store, f.root, NULL));
    PANICS(keyfold_store_remove_root(f.store, "x"));
    PANICS(keyfold_store_change_root(f.store, NULL, f.root, NULL));
    PANICS(keyfold_key_create(f.store, "x", NULL, NULL));
    PANICS(keyfold_key_import_material(f.store, "x", data, 32, NULL, NULL));
    PANICS(keyfold_key_describe(f.store, "cards", &made));
    PANICS(keyfold_key_list(f.store, NULL, 0, &made));
    PANICS(keyfold_key_enable(f.store, "cards", NULL));
    PANICS(keyfold_key_disable(f.store, "cards", NULL));
    PANICS(keyfold_key_rotate(f.store, "cards", NULL));
    PANICS(keyfold_key_export(f.store, "cards", "cards", &made));
    PANICS(keyfold_key_import(f.store, data, 10, NULL));
    PANICS(keyfold_alias_create(f.store, "x", "cards", NULL));
    PANICS(keyfold_alias_move(f.store, "cards", "cards", NULL));
    PANICS(keyfold_alias_delete(f.store, "cards"));
    PANICS(keyfold_alias_list(f.store, NULL, 0, &made));
    PANICS(keyfold_key_open(f.store, "cards", &key));
    PANICS(keyfold_key_close(f.key));
    PANICS(keyfold_key_id(f.key, out));
    PANICS(keyfold_key_dry_run(f.key, "Encrypt", NULL, 0));
    PANICS(keyfold_encrypted_size(10, NULL, 0, NULL, &n));
    PANICS(keyfold_encrypt(f.key, data, 10, NULL, 0, NULL, out, sizeof out, &n));
    PANICS(keyfold_encrypt_to(keys, 1, data, 10, NULL, 0, NULL, 0, NULL, out, sizeof out, &n));
    PANICS(keyfold_headroom(NULL, 0, NULL, &n));
    PANICS(keyfold_encrypt_in_place(f.key, out, sizeof out, 200, 10, NULL, 0, NULL, &n));
    PANICS(keyfold_decrypted_size(envelope, envelope_len, &n));
    PANICS(keyfold_decrypt(f.key, envelope, envelope_len, NULL, 0, NULL, out, sizeof out, &n));
    PANICS(keyfold_decrypt_with_keys(keys, 1, envelope, envelope_len, NULL, 0, NULL, out, sizeof out, &n, NULL));
    PANICS(keyfold_decrypt_any(f.store, envelope, envelope_len, NULL, 0, NULL, out, sizeof out, &n, NULL));
    PANICS(keyfold_decrypt_in_place(f.key, envelope, envelope_len, NULL, 0, NULL, &n));
    PANICS(keyfold_authenticated_context(f.key, envelope, envelope_len, NULL, 0, NULL, &made));
    PANICS(keyfold_authenticated_context_any(f.store, envelope, envelope_len, NULL, 0, NULL, &made));
    PANICS(keyfold_encrypt_batch(f.key, data, 10, offsets, 1, NULL, 0, NULL, NULL, out, sizeof out, &n, places, NULL));
    PANICS(keyfold_decrypt_batch(f.key, data, 10, offsets, 1, NULL, 0, NULL, NULL, out, sizeof out, &n, places, NULL));
    PANICS(keyfold_rewrap(f.key, envelope, envelope_len, NULL, 0, NULL));
    PANICS(keyfold_rewrap_any(f.store, envelope, envelope_len, NULL, 0, NULL));
    PANICS(keyfold_rewrap_file(f.key, path("none"), NULL, 0, NULL));
    PANICS(keyfold_rewrap_file_any(f.store, path("none"), NULL, 0, NULL));
    PANICS(keyfold_reencrypt(keys, 1, envelope, envelope_len, NULL, 0, keys, 1, NULL, 0, NULL, 0, NULL, &made));
    PANICS(keyfold_reencrypt_any(f.store, envelope, envelope_len, NULL, 0, keys, 1, NULL, 0, NULL, 0, NULL, &made));
    PANICS(keyfold_data_key_blob_size(32, NULL, 0, NULL, &n));
    PANICS(keyfold_generate_data_key(f.key, NULL, 0, NULL, data, 32, out, sizeof out, &n));
    PANICS(keyfold_generate_data_key_without_plaintext(f.key, 32, NULL, 0, NULL, out, sizeof out, &n));
    PANICS(keyfold_data_key_size(envelope, envelope_len, &n));
    PANICS(keyfold_decrypt_data_key(f.key, envelope, envelope_len, NULL, 0, NULL, out, sizeof out, &n));
    PANICS(keyfold_decrypt_data_key_any(f.store, envelope, envelope_len, NULL, 0, NULL, out, sizeof out, &n, NULL));
    PANICS(keyfold_inspect(envelope, envelope_len, 0, &made));
    PANICS(keyfold_explain(f.store, NULL, envelope, envelope_len, 0, NULL, 0, &made));

    GIVES(OK, keyfold_decrypt(f.key, envelope, envelope_len, NULL, 0, NULL, out, sizeof out, &n));
    CHECK(keyfold_open_handles() == handles);
    free(envelope);
    end(&f);
    CHECK(keyfold_open_handles() == 0);
    remove_folder();
    puts("  c: a_panic_inside_any_function_is_a_status");
    return 0;
}
