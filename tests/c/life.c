/* The normal life of a program, through every function of the header. */
#include "test.h"

static const char message[] = "4111 1111 1111 1111";
enum { LENGTH = sizeof message - 1 };

static void the_library_tells_what_it_is(void)
{
    CHECK(keyfold_abi_version() == KEYFOLD_ABI_VERSION);
    CHECK(!strcmp(keyfold_version(), KEYFOLD_VERSION));
    CHECK(!strcmp(keyfold_engine(), "aws-lc") || !strcmp(keyfold_engine(), "aes-gcm"));
    GIVES(OK, keyfold_self_test());
    GIVES(OK, keyfold_reseed());
    CHECK(!strcmp(keyfold_status_name(KEYFOLD_STATUS_KEY_DISABLED), "KEY_DISABLED"));
    CHECK(strstr(keyfold_status_text(KEYFOLD_STATUS_STORE_BUSY), "try again"));
    CHECK(keyfold_status_retryable(KEYFOLD_STATUS_STORE_BUSY) == 1);
    CHECK(keyfold_status_retryable(KEYFOLD_STATUS_AUTH) == 0);
    CHECK(!strcmp(keyfold_status_name(12345), "UNKNOWN"));

    uint8_t random[2][40] = {{0}};
    GIVES(OK, keyfold_generate_random(random[0], 40));
    GIVES(OK, keyfold_generate_random(random[1], 40));
    CHECK(memcmp(random[0], random[1], 40) && !zero(random[0], 40));
    GIVES(OK, keyfold_generate_random(NULL, 0));

    keyfold_protection protection = KEYFOLD_PROTECTION_INIT;
    GIVES(OK, keyfold_protection_status(&protection));
    CHECK(protection.size == sizeof protection && protection.bytes > 0);
    CHECK(protection.unlocked_bytes <= protection.bytes);
}

static void contexts_are_packed_sorted_and_checked(void)
{
    const keyfold_pair pairs[] = {KEYFOLD_PAIR("b", "2"), KEYFOLD_PAIR("a", "")};
    static const uint8_t packed[] = {0, 2, 0, 1, 'a', 0, 0, 0, 1, 'b', 0, 1, '2'};
    uint8_t out[32];
    size_t length = 99;
    GIVES(BUFFER_TOO_SMALL, keyfold_context_pack(pairs, 2, NULL, 0, &length));
    CHECK(length == sizeof packed);
    GIVES(OK, keyfold_context_pack(pairs, 2, out, length, &length));
    CHECK(length == sizeof packed && !memcmp(out, packed, length));
    GIVES(OK, keyfold_context_check(packed, sizeof packed));
    /* What a program never goes without; of "names" only the names count. */
    uint8_t wanted[64];
    size_t wanted_len;
    GIVES(OK, keyfold_context_require(packed, sizeof packed, NULL, 0));
    GIVES(OK, keyfold_context_require(packed, sizeof packed, packed, sizeof packed));
    GIVES(OK, keyfold_context_pack((keyfold_pair[]){KEYFOLD_PAIR("tenant", "any")}, 1, wanted, sizeof wanted, &wanted_len));
    GIVES(CONTEXT_REQUIRED, keyfold_context_require(packed, sizeof packed, wanted, wanted_len));
    CHECK(said("tenant"));
    GIVES(CONTEXT_REQUIRED, keyfold_context_require(NULL, 0, wanted, wanted_len));
    GIVES(OK, keyfold_context_pack(NULL, 0, out, sizeof out, &length));
    CHECK(length == 2 && zero(out, 2));
}

static void a_message_is_encrypted_and_decrypted(void)
{
    fixture f = on_disk("life", NULL);
    uint8_t context[64], out[512], opened[64];
    size_t context_len = card_context(context), size, n;

    GIVES(OK, keyfold_encrypted_size(LENGTH, context, context_len, NULL, &size));
    CHECK(size == LENGTH + 164);
    GIVES(OK, keyfold_encrypt(f.key, (const uint8_t *)message, LENGTH, context, context_len, NULL, out, sizeof out, &n));
    CHECK(n == size);
    GIVES(OK, keyfold_decrypted_size(out, n, &size));
    CHECK(size == LENGTH);
    GIVES(OK, keyfold_decrypt(f.key, out, n, context, context_len, NULL, opened, sizeof opened, &size));
    CHECK(size == LENGTH && !memcmp(opened, message, LENGTH));
    GIVES(AUTH, keyfold_decrypt(f.key, out, n, NULL, 0, NULL, opened, sizeof opened, &size));
    CHECK(size == 0 && zero(opened, LENGTH));

    keyfold_opened which = KEYFOLD_OPENED_INIT;
    uint8_t id[KEYFOLD_KEY_ID_SIZE];
    GIVES(OK, keyfold_key_id(f.key, id));
    GIVES(OK, keyfold_decrypt_any(f.store, out, n, context, context_len, NULL, opened, sizeof opened, &size, &which));
    CHECK(which.version == 1 && !memcmp(which.key_id, id, sizeof id) && which.size == sizeof which);

    /* The empty message: a buffer of no bytes is enough, and the call still authenticates. */
    uint8_t *empty = sealed(f.key, NULL, 0, &n);
    GIVES(OK, keyfold_decrypt(f.key, empty, n, NULL, 0, NULL, NULL, 0, &size));
    empty[n - 1] ^= 1;
    GIVES(AUTH, keyfold_decrypt(f.key, empty, n, NULL, 0, NULL, NULL, 0, &size));
    free(empty);
    end(&f);
}

static void messages_are_encrypted_in_their_own_buffer(void)
{
    fixture f = in_memory();
    uint8_t context[64];
    size_t context_len = card_context(context);
    for (size_t length = 0; length < 70000; length = length * 3 + 1) {
        size_t head, size, n;
        keyfold_encrypt_options options = KEYFOLD_ENCRYPT_OPTIONS_INIT;
        options.store_context = KEYFOLD_STORE_CONTEXT_NAMES;
        options.free_cells = 1;
        GIVES(OK, keyfold_headroom(context, context_len, &options, &head));
        GIVES(OK, keyfold_encrypted_size(length, context, context_len, &options, &size));
        for (size_t extra = 0; extra < 40; extra += 13) {
            uint8_t *buffer = malloc(size + extra);
            CHECK(buffer);
            for (size_t i = 0; i < length; i++) buffer[head + extra + i] = (uint8_t)(i * 7);
            /* With extra room the message may lie further back. */
            size_t cap = size + extra;
            GIVES(OK, keyfold_encrypt_in_place(f.key, buffer, cap, head + extra, length, context, context_len, &options, &n));
            CHECK(n == size);
            GIVES(OK, keyfold_decrypt_in_place(f.key, buffer, n, context, context_len, NULL, &n));
            CHECK(n == length);
            for (size_t i = 0; i < length; i++) CHECK(buffer[i] == (uint8_t)(i * 7));
            free(buffer);
        }
    }
    end(&f);
}

static void an_envelope_under_several_keys_opens_under_each(void)
{
    fixture f = in_memory();
    keyfold_key *other, *third;
    GIVES(OK, keyfold_key_create(f.store, "other", NULL, NULL));
    GIVES(OK, keyfold_key_create(f.store, "third", NULL, NULL));
    GIVES(OK, keyfold_key_open(f.store, "other", &other));
    GIVES(OK, keyfold_key_open(f.store, "third", &third));

    uint8_t context[64], chosen[64], out[1024], opened[64];
    size_t context_len = card_context(context), chosen_len, n, size;
    const keyfold_pair column[] = {KEYFOLD_PAIR("column", "")};
    GIVES(OK, keyfold_context_pack(column, 1, chosen, sizeof chosen, &chosen_len));
    const keyfold_key *keys[] = {f.key, other};
    keyfold_encrypt_options options = KEYFOLD_ENCRYPT_OPTIONS_INIT;
    options.store_context = KEYFOLD_STORE_CONTEXT_CHOSEN;
    options.free_cells = 2;
    GIVES(BUFFER_TOO_SMALL, keyfold_encrypt_to(keys, 2, (const uint8_t *)message, LENGTH, context, context_len, chosen,
                                               chosen_len, &options, NULL, 0, &size));
    GIVES(OK, keyfold_encrypt_to(keys, 2, (const uint8_t *)message, LENGTH, context, context_len, chosen, chosen_len,
                                 &options, out, sizeof out, &n));
    CHECK(n == size);
    for (int i = 0; i < 2; i++)
        GIVES(OK, keyfold_decrypt(keys[i], out, n, context, context_len, NULL, opened, sizeof opened, &size));
    GIVES(KEY_NOT_ALLOWED, keyfold_decrypt(third, out, n, context, context_len, NULL, opened, sizeof opened, &size));

    const keyfold_key *either[] = {third, other};
    keyfold_opened which = KEYFOLD_OPENED_INIT;
    uint8_t id[16];
    GIVES(OK, keyfold_key_id(other, id));
    GIVES(OK, keyfold_decrypt_with_keys(either, 2, out, n, context, context_len, NULL, opened, sizeof opened, &size, &which));
    CHECK(!memcmp(which.key_id, id, 16));

    /* Only "column" is stored with its value: with "table" given, and stored values accepted, it opens. */
    keyfold_buffer json;
    GIVES(OK, keyfold_inspect(out, n, 0, &json));
    CHECK(holds(&json, "\"value\":\"pan\""));
    GIVES(OK, keyfold_inspect(out, n, 0, &json));
    CHECK(!memmem(json.data, json.len, "\"value\":\"cards\"", 15));
    keyfold_buffer_free(&json);
    const keyfold_pair table[] = {KEYFOLD_PAIR("table", "cards")};
    uint8_t part[64];
    size_t part_len;
    keyfold_decrypt_options accept = KEYFOLD_DECRYPT_OPTIONS_INIT;
    GIVES(OK, keyfold_context_pack(table, 1, part, sizeof part, &part_len));
    GIVES(AUTH, keyfold_decrypt(other, out, n, part, part_len, &accept, opened, sizeof opened, &size));
    accept.flags = KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT;
    GIVES(OK, keyfold_decrypt(other, out, n, part, part_len, &accept, opened, sizeof opened, &size));
    keyfold_buffer whole;
    GIVES(OK, keyfold_authenticated_context(other, out, n, part, part_len, &accept, &whole));
    CHECK(whole.len == context_len && !memcmp(whole.data, context, context_len));
    keyfold_buffer_free(&whole);
    GIVES(OK, keyfold_authenticated_context_any(f.store, out, n, context, context_len, NULL, &whole));
    CHECK(whole.len == context_len && !memcmp(whole.data, context, context_len));
    keyfold_buffer_free(&whole);

    GIVES(OK, keyfold_key_close(third));
    GIVES(OK, keyfold_key_close(other));
    end(&f);
}

static void many_small_values_take_one_call(void)
{
    fixture f = in_memory();
    enum { COUNT = 100 };
    uint8_t values[COUNT * 20], contexts[COUNT * 16], out[COUNT * 200], opened[sizeof values];
    uint64_t offsets[COUNT + 1], context_offsets[COUNT + 1], places[COUNT + 1], back[COUNT + 1];
    size_t at = 0, context_at = 0, n, size, failed;
    for (int i = 0; i < COUNT; i++) {
        offsets[i] = at;
        context_offsets[i] = context_at;
        for (int j = 0; j < i % 20; j++) values[at++] = (uint8_t)(i + j);
        char row[8];
        snprintf(row, sizeof row, "%d", i);
        const keyfold_pair pairs[] = {KEYFOLD_PAIR("row", row)};
        GIVES(OK, keyfold_context_pack(pairs, 1, contexts + context_at, 16, &n));
        context_at += n;
    }
    offsets[COUNT] = at;
    context_offsets[COUNT] = context_at;
    GIVES(BUFFER_TOO_SMALL, keyfold_encrypt_batch(f.key, values, at, offsets, COUNT, contexts, context_at,
                                                  context_offsets, NULL, NULL, 0, &size, places, &failed));
    CHECK(size == at + COUNT * 164 && failed == COUNT);
    GIVES(OK, keyfold_encrypt_batch(f.key, values, at, offsets, COUNT, contexts, context_at, context_offsets, NULL, out,
                                    sizeof out, &n, places, &failed));
    CHECK(n == size && places[0] == 0 && places[COUNT] == n && failed == COUNT);
    GIVES(OK, keyfold_decrypt_batch(f.key, out, n, places, COUNT, contexts, context_at, context_offsets, NULL, opened,
                                    sizeof opened, &size, back, &failed));
    CHECK(size == at && !memcmp(opened, values, at) && !memcmp(back, offsets, sizeof back));
    /* Each is an envelope like any other. */
    GIVES(OK, keyfold_decrypt(f.key, out + places[7], places[8] - places[7], contexts + context_offsets[7],
                              context_offsets[8] - context_offsets[7], NULL, opened, sizeof opened, &size));
    CHECK(size == 7);

    /* All or nothing, and it says which. */
    out[places[42] + 100] ^= 1;
    memset(opened, 'x', sizeof opened);
    GIVES(AUTH, keyfold_decrypt_batch(f.key, out, n, places, COUNT, contexts, context_at, context_offsets, NULL, opened,
                                      sizeof opened, &size, back, &failed));
    CHECK(failed == 42 && size == 0 && zero(opened, sizeof opened));

    /* One context for all; none at all. */
    GIVES(OK, keyfold_encrypt_batch(f.key, values, at, offsets, COUNT, contexts, 10, NULL, NULL, out, sizeof out, &n,
                                    places, NULL));
    GIVES(OK, keyfold_decrypt_batch(f.key, out, n, places, COUNT, contexts, 10, NULL, NULL, opened, sizeof opened, &size,
                                    back, NULL));
    GIVES(OK, keyfold_encrypt_batch(f.key, NULL, 0, offsets, 0, NULL, 0, NULL, NULL, NULL, 0, &n, places, NULL));
    CHECK(n == 0 && places[0] == 0);
    end(&f);
}

static void data_keys_come_with_and_without_plaintext(void)
{
    fixture f = in_memory();
    uint8_t context[64], key[1024], blob[2048], again[1024];
    size_t context_len = card_context(context), size, n;
    static const size_t sizes[] = {16, 32, 64, 1024};
    for (size_t i = 0; i < 4; i++) {
        GIVES(OK, keyfold_data_key_blob_size(sizes[i], context, context_len, NULL, &size));
        GIVES(OK, keyfold_generate_data_key(f.key, context, context_len, NULL, key, sizes[i], blob, size, &n));
        CHECK(n == size && !zero(key, sizes[i]));
        GIVES(OK, keyfold_data_key_size(blob, n, &size));
        CHECK(size == sizes[i]);
        GIVES(OK, keyfold_decrypt_data_key(f.key, blob, n, context, context_len, NULL, again, sizeof again, &size));
        CHECK(size == sizes[i] && !memcmp(key, again, size));
    }
    keyfold_opened which = KEYFOLD_OPENED_INIT;
    GIVES(OK, keyfold_generate_data_key_without_plaintext(f.key, 32, context, context_len, NULL, blob, sizeof blob, &n));
    GIVES(OK, keyfold_decrypt_data_key_any(f.store, blob, n, context, context_len, NULL, again, sizeof again, &size, &which));
    CHECK(size == 32 && which.version == 1);
    GIVES(AUTH, keyfold_decrypt_data_key(f.key, blob, n, NULL, 0, NULL, again, sizeof again, &size));
    CHECK(zero(again, 32));
    end(&f);
}

static void rotation_leaves_old_envelopes_readable_and_rewrap_renews_them(void)
{
    fixture f = in_memory();
    size_t n, size;
    uint8_t opened[64], *out = sealed(f.key, message, LENGTH, &n);
    keyfold_key_version version = KEYFOLD_KEY_VERSION_INIT;
    GIVES(OK, keyfold_key_rotate(f.store, "cards", &version));
    CHECK(version.version == 2 && !zero(version.material_id, 8));
    GIVES(OK, keyfold_decrypt(f.key, out, n, NULL, 0, NULL, opened, sizeof opened, &size));

    keyfold_rewrapped done = KEYFOLD_REWRAPPED_INIT;
    static const uint8_t none[] = {0, 0};
    GIVES(OK, keyfold_rewrap(f.key, out, n, none, 2, &done));
    CHECK(done.cells_rewrapped == 1 && !done.cells_current && !done.cells_skipped && !done.cells_freed);
    keyfold_opened which = KEYFOLD_OPENED_INIT;
    GIVES(OK, keyfold_decrypt_any(f.store, out, n, NULL, 0, NULL, opened, sizeof opened, &size, &which));
    CHECK(which.version == 2 && !memcmp(opened, message, LENGTH));
    GIVES(OK, keyfold_rewrap_any(f.store, out, n, NULL, 0, &done));
    CHECK(done.cells_current == 1 && !done.cells_rewrapped);

    const char *file = path("rewrapped.kf");
    FILE *to = fopen(file, "wb");
    CHECK(to && fwrite(out, 1, n, to) == n && !fclose(to));
    GIVES(OK, keyfold_key_rotate(f.store, "cards", NULL));
    GIVES(OK, keyfold_rewrap_file(f.key, file, NULL, 0, &done));
    CHECK(done.cells_rewrapped == 1);
    GIVES(OK, keyfold_rewrap_file_any(f.store, file, none, 2, &done));
    CHECK(done.cells_current == 1);
    free(out);
    end(&f);
}

static void reencrypt_changes_key_and_context_without_plaintext(void)
{
    fixture f = in_memory();
    keyfold_key *other;
    GIVES(OK, keyfold_key_create(f.store, "other", NULL, NULL));
    GIVES(OK, keyfold_key_open(f.store, "other", &other));
    uint8_t context[64], opened[64], *out;
    size_t context_len = card_context(context), n, size;
    out = sealed(f.key, message, LENGTH, &n);
    const keyfold_key *from[] = {f.key}, *to[] = {other};
    keyfold_reencrypt_options options = KEYFOLD_REENCRYPT_OPTIONS_INIT;
    options.store_context = KEYFOLD_STORE_CONTEXT_ALL;
    keyfold_buffer made, again;
    GIVES(OK, keyfold_reencrypt(from, 1, out, n, NULL, 0, to, 1, context, context_len, NULL, 0, &options, &made));
    GIVES(OK, keyfold_decrypt(other, made.data, made.len, context, context_len, NULL, opened, sizeof opened, &size));
    CHECK(size == LENGTH && !memcmp(opened, message, LENGTH));
    GIVES(KEY_NOT_ALLOWED, keyfold_decrypt(f.key, made.data, made.len, context, context_len, NULL, opened, sizeof opened, &size));
    GIVES(OK, keyfold_reencrypt_any(f.store, made.data, made.len, context, context_len, from, 1, NULL, 0, NULL, 0, NULL, &again));
    GIVES(OK, keyfold_decrypt(f.key, again.data, again.len, NULL, 0, NULL, opened, sizeof opened, &size));
    keyfold_buffer_free(&made);
    keyfold_buffer_free(&again);
    free(out);
    GIVES(OK, keyfold_key_close(other));
    end(&f);
}

static void explain_tells_what_is_wrong(void)
{
    fixture f = in_memory();
    uint8_t context[64];
    size_t context_len = card_context(context), n;
    uint8_t *out = sealed(f.key, message, LENGTH, &n);
    keyfold_buffer json;
    GIVES(OK, keyfold_explain(f.store, f.key, out, n, 0, NULL, 0, &json));
    CHECK(holds(&json, "\"head_opens\":true"));
    GIVES(OK, keyfold_explain(f.store, NULL, out, n, 0, context, context_len, &json));
    CHECK(holds(&json, "\"committed\":false"));
    GIVES(OK, keyfold_explain(f.store, NULL, out, 10, 0, NULL, 0, &json));
    CHECK(holds(&json, "\"malformed\":\""));
    free(out);
    end(&f);
}

static void keys_are_managed(void)
{
    fixture f = on_disk("manage", NULL);
    keyfold_buffer json, page;
    keyfold_key_options options = KEYFOLD_KEY_OPTIONS_INIT;
    options.description = "card numbers \xc3\xbc";
    GIVES(OK, keyfold_key_create(f.store, "described", &options, &json));
    CHECK(holds(&json, "card numbers \xc3\xbc"));
    GIVES(ALREADY_EXISTS, keyfold_key_create(f.store, "cards", NULL, &json));
    CHECK(!json.data && said("cards"));
    GIVES(OK, keyfold_key_create(f.store, NULL, NULL, NULL));
    GIVES(OK, keyfold_key_describe(f.store, "alias/cards", &json));
    CHECK(holds(&json, "\"key_state\":\"Enabled\""));
    GIVES(KEY_NOT_FOUND, keyfold_key_describe(f.store, "nobody", &json));
    CHECK(said("nobody"));
    GIVES(OK, keyfold_key_list(f.store, NULL, 2, &page));
    CHECK(holds(&page, "\"next\":\""));
    GIVES(OK, keyfold_key_list(f.store, NULL, 0, &page));
    CHECK(holds(&page, "\"next\":null"));

    GIVES(OK, keyfold_alias_create(f.store, "cards/eu", "cards", &json));
    CHECK(holds(&json, "cards/eu"));
    GIVES(OK, keyfold_alias_move(f.store, "cards/eu", "described", &json));
    CHECK(holds(&json, "described"));
    GIVES(OK, keyfold_alias_list(f.store, NULL, 0, &page));
    CHECK(holds(&page, "\"alias\":\"cards/eu\""));
    GIVES(OK, keyfold_alias_delete(f.store, "cards/eu"));
    GIVES(KEY_NOT_FOUND, keyfold_alias_delete(f.store, "cards/eu"));

    uint8_t out[300], opened[64];
    size_t n, size;
    GIVES(OK, keyfold_encrypt(f.key, (const uint8_t *)message, LENGTH, NULL, 0, NULL, out, sizeof out, &n));
    GIVES(OK, keyfold_key_disable(f.store, "cards", &json));
    CHECK(holds(&json, "\"key_state\":\"Disabled\""));
    GIVES(KEY_DISABLED, keyfold_decrypt(f.key, out, n, NULL, 0, NULL, opened, sizeof opened, &size));
    GIVES(KEY_DISABLED, keyfold_encrypt(f.key, (const uint8_t *)message, LENGTH, NULL, 0, NULL, out, sizeof out, &n));
    GIVES(OK, keyfold_key_enable(f.store, "cards", NULL));
    GIVES(OK, keyfold_encrypt(f.key, (const uint8_t *)message, LENGTH, NULL, 0, NULL, out, sizeof out, &n));
    GIVES(OK, keyfold_decrypt(f.key, out, n, NULL, 0, NULL, opened, sizeof opened, &size));
    end(&f);
}

static void keys_move_between_stores(void)
{
    fixture from = in_memory(), to = in_memory();
    uint8_t wrapping[32], opened[64];
    size_t n, size;
    keyfold_buffer exported, json;
    keyfold_key *moved;
    GIVES(OK, keyfold_generate_random(wrapping, 32));
    GIVES(OK, keyfold_key_import_material(from.store, "transport", wrapping, 32, NULL, NULL));
    uint8_t *out = sealed(from.key, message, LENGTH, &n);
    GIVES(OK, keyfold_key_export(from.store, "cards", "transport", &exported));
    /* The wrapping key is not there. */
    GIVES(KEY_NOT_FOUND, keyfold_key_import(to.store, exported.data, exported.len, NULL));
    keyfold_buffer transport;
    GIVES(OK, keyfold_key_import_material(to.store, "transport", wrapping, 32, NULL, &transport));
    keyfold_buffer_free(&transport);
    GIVES(INVALID_KEY_MATERIAL, keyfold_key_import_material(to.store, NULL, wrapping, 31, NULL, NULL));
    memset(wrapping, 7, 32);
    GIVES(INVALID_KEY_MATERIAL, keyfold_key_import_material(to.store, NULL, wrapping, 32, NULL, NULL));
    keyfold_buffer_free(&exported);

    /* Imported material gets an id of its own, so the wrapping key travels as a whole key: here, in one store. */
    GIVES(OK, keyfold_key_export(from.store, "cards", "transport", &exported));
    GIVES(ALREADY_EXISTS, keyfold_key_import(from.store, exported.data, exported.len, &json));
    exported.data[exported.len - 1] ^= 1;
    CHECK(keyfold_key_import(from.store, exported.data, exported.len, NULL) / 100 == 3);
    keyfold_buffer_free(&exported);
    (void)moved, (void)opened, (void)size;
    free(out);
    end(&from);
    end(&to);
}

static void roots_are_added_removed_and_changed(void)
{
    fixture f = on_disk("roots", NULL);
    keyfold_root *passphrase;
    keyfold_store *again;
    keyfold_buffer json;
    GIVES(OK, keyfold_store_info(f.store, &json));
    CHECK(holds(&json, "\"backend\":\"sqlite\""));
    GIVES(OK, keyfold_root_open_passphrase((const uint8_t *)"correct horse", 13, &passphrase));
    GIVES(ROOT_MISMATCH, keyfold_store_open(path("roots-store/keys.db"), passphrase, NULL, &again));
    CHECK(again == NULL);
    GIVES(OK, keyfold_store_add_root(f.store, passphrase, &json));
    CHECK(holds(&json, "\"kind\":\"passphrase\""));
    GIVES(OK, keyfold_store_open(path("roots-store/keys.db"), passphrase, NULL, &again));

    char slot[64];
    GIVES(OK, keyfold_store_list_roots(again, &json));
    field(&json, "slot_id", slot);
    keyfold_buffer_free(&json);
    GIVES(OK, keyfold_store_remove_root(again, slot));
    GIVES(ROOT_NOT_FOUND, keyfold_store_remove_root(again, slot));
    GIVES(OK, keyfold_store_list_roots(again, &json));
    field(&json, "slot_id", slot);
    keyfold_buffer_free(&json);
    GIVES(LAST_ROOT, keyfold_store_remove_root(again, slot));

    GIVES(OK, keyfold_root_create_key_file(path("roots-root/second.key")));
    keyfold_root *second;
    GIVES(OK, keyfold_root_open_key_file(path("roots-root/second.key"), NULL, &second));
    GIVES(OK, keyfold_store_change_root(again, slot, second, &json));
    CHECK(holds(&json, "\"kind\":\"file\""));
    GIVES(OK, keyfold_store_close(again));
    GIVES(ROOT_MISMATCH, keyfold_store_open(path("roots-store/keys.db"), passphrase, NULL, &again));
    keyfold_store_options read_only = KEYFOLD_STORE_OPTIONS_INIT;
    read_only.flags = KEYFOLD_OPEN_READ_ONLY;
    GIVES(OK, keyfold_store_open(path("roots-store/keys.db"), second, &read_only, &again));
    uint64_t keys = 0;
    GIVES(OK, keyfold_store_verify(again, &keys));
    CHECK(keys == 1);
    GIVES(STORE_READ_ONLY, keyfold_key_rotate(again, "cards", NULL));
    GIVES(OK, keyfold_store_close(again));
    GIVES(OK, keyfold_root_close(second));
    GIVES(OK, keyfold_root_close(passphrase));
    end(&f);
}

struct seen {
    int events, checkpoints, after, fail, released;
    char at[64];
};

static int32_t watch(void *data, const uint8_t *event, size_t size)
{
    struct seen *seen = data;
    if (memmem(event, size, "\"checkpoint\":", 13)) seen->checkpoints++;
    if (seen->fail && memmem(event, size, "poison", 6)) {
        seen->fail++;
        return 1;
    }
    seen->events++;
    if (memmem(event, size, "\"DisableKey\"", 12)) seen->after++;
    return 0;
}

static void released(void *data)
{
    ((struct seen *)data)->released++;
}

/* Fails when checkpoints are handed on, or an event that the callback fails at is tried for ever. */
static void a_callback_gets_events_alone_and_goes_on_after_one_that_it_fails_at(void)
{
    fixture f = in_memory();
    struct seen seen = {0};
    keyfold_buffer made;
    GIVES(OK, keyfold_trail_add_callback(f.store, watch, &seen, released));
    for (int i = 0; i < 3; i++) {
        GIVES(OK, keyfold_key_disable(f.store, "cards", NULL));
        GIVES(OK, keyfold_key_enable(f.store, "cards", NULL));
        GIVES(OK, keyfold_trail_checkpoint(f.store, &made));
        keyfold_buffer_free(&made);
    }
    CHECK(seen.after == 3 && seen.checkpoints == 0);
    seen.fail = 1;
    GIVES(OK, keyfold_key_create(f.store, "poison", NULL, NULL));
    GIVES(OK, keyfold_key_disable(f.store, "cards", NULL));
    while (seen.after < 4) {
        GIVES(OK, keyfold_trail_flush(f.store));
        usleep(10000);
    }
    CHECK(seen.fail == 4);
    GIVES(OK, keyfold_trail_sinks(f.store, &made));
    CHECK(holds(&made, "\"dropped\":1"));
    end(&f);
    CHECK(seen.released == 1);
}

static void a_handle_is_asked_before_it_does(void)
{
    fixture f = in_memory();
    uint8_t context[64];
    size_t context_len = card_context(context);
    keyfold_narrowing to = KEYFOLD_NARROWING_INIT;
    keyfold_key *few;
    to.operations = "Encrypt";
    GIVES(OK, keyfold_key_narrow(f.key, context, context_len, NULL, 0, &to, &few));
    GIVES(OK, keyfold_key_dry_run(few, "Encrypt", context, context_len));
    GIVES(ACCESS_DENIED, keyfold_key_dry_run(few, "Encrypt", NULL, 0));
    GIVES(ACCESS_DENIED, keyfold_key_dry_run(few, "Decrypt", context, context_len));
    GIVES(ACCESS_DENIED, keyfold_key_dry_run(few, "DisableKey", NULL, 0));
    GIVES(OK, keyfold_key_dry_run(f.key, "DisableKey", NULL, 0));
    GIVES(INVALID_ARGUMENT, keyfold_key_dry_run(f.key, "Frob", NULL, 0));
    GIVES(NULL_ARGUMENT, keyfold_key_dry_run(f.key, NULL, NULL, 0));
    GIVES(OK, keyfold_key_disable(f.store, "cards", NULL));
    GIVES(KEY_DISABLED, keyfold_key_dry_run(few, "Encrypt", context, context_len));
    GIVES(OK, keyfold_key_close(few));
    end(&f);
}

static void closing_has_no_order(void)
{
    fixture f = on_disk("order", NULL);
    size_t n, size;
    uint8_t opened[64], *out = sealed(f.key, message, LENGTH, &n);
    GIVES(OK, keyfold_root_close(f.root));
    GIVES(OK, keyfold_store_close(f.store));
    GIVES(OK, keyfold_decrypt(f.key, out, n, NULL, 0, NULL, opened, sizeof opened, &size));
    CHECK(keyfold_open_handles() == 1);
    GIVES(OK, keyfold_key_close(f.key));
    free(out);
}

int main(void)
{
    RUN(the_library_tells_what_it_is);
    RUN(contexts_are_packed_sorted_and_checked);
    RUN(a_message_is_encrypted_and_decrypted);
    RUN(messages_are_encrypted_in_their_own_buffer);
    RUN(an_envelope_under_several_keys_opens_under_each);
    RUN(many_small_values_take_one_call);
    RUN(data_keys_come_with_and_without_plaintext);
    RUN(rotation_leaves_old_envelopes_readable_and_rewrap_renews_them);
    RUN(reencrypt_changes_key_and_context_without_plaintext);
    RUN(explain_tells_what_is_wrong);
    RUN(keys_are_managed);
    RUN(keys_move_between_stores);
    RUN(roots_are_added_removed_and_changed);
    RUN(a_callback_gets_events_alone_and_goes_on_after_one_that_it_fails_at);
    RUN(a_handle_is_asked_before_it_does);
    RUN(closing_has_no_order);
    CHECK(keyfold_open_handles() == 0);
    remove_folder();
    return 0;
}
