/* What callers do wrong: every answer is a status, nothing is touched that should not be, and later calls work. */
#include "test.h"

#include <sys/mman.h>

static const uint8_t message[100] = "no secret";
static fixture f;

static void null_handles_and_null_places_are_told(void)
{
    uint8_t out[512];
    size_t n = 77;
    keyfold_buffer json;
    GIVES(INVALID_HANDLE, keyfold_encrypt(NULL, message, 5, NULL, 0, NULL, out, sizeof out, &n));
    CHECK(n == 0 && said("NULL"));
    GIVES(INVALID_HANDLE, keyfold_store_info(NULL, &json));
    GIVES(INVALID_HANDLE, keyfold_key_rotate(NULL, "cards", NULL));
    keyfold_store *store = (keyfold_store *)out;
    GIVES(INVALID_HANDLE, keyfold_store_open(path("keys.db"), NULL, NULL, &store));
    CHECK(store == NULL);

    GIVES(NULL_ARGUMENT, keyfold_encrypt(f.key, message, 5, NULL, 0, NULL, out, sizeof out, NULL));
    GIVES(NULL_ARGUMENT, keyfold_encrypt(f.key, message, 5, NULL, 0, NULL, NULL, 10, &n));
    GIVES(NULL_ARGUMENT, keyfold_encrypt(f.key, NULL, 5, NULL, 0, NULL, out, sizeof out, &n));
    CHECK(said("plaintext"));
    GIVES(NULL_ARGUMENT, keyfold_encrypt(f.key, message, 5, NULL, 1, NULL, out, sizeof out, &n));
    CHECK(said("context"));
    GIVES(NULL_ARGUMENT, keyfold_encrypt_to(NULL, 1, message, 5, NULL, 0, NULL, 0, NULL, out, sizeof out, &n));
    GIVES(NULL_ARGUMENT, keyfold_encrypted_size(5, NULL, 0, NULL, NULL));
    GIVES(NULL_ARGUMENT, keyfold_headroom(NULL, 0, NULL, NULL));
    GIVES(NULL_ARGUMENT, keyfold_encrypt_in_place(f.key, NULL, 500, 200, 5, NULL, 0, NULL, &n));
    GIVES(NULL_ARGUMENT, keyfold_decrypt(f.key, NULL, 5, NULL, 0, NULL, out, sizeof out, &n));
    GIVES(NULL_ARGUMENT, keyfold_decrypted_size(out, 5, NULL));
    GIVES(NULL_ARGUMENT, keyfold_decrypt_in_place(f.key, NULL, 5, NULL, 0, NULL, &n));
    GIVES(NULL_ARGUMENT, keyfold_authenticated_context(f.key, out, 5, NULL, 0, NULL, NULL));
    GIVES(NULL_ARGUMENT, keyfold_encrypt_batch(f.key, NULL, 0, NULL, 1, NULL, 0, NULL, NULL, NULL, 0, &n, (uint64_t *)out, NULL));
    GIVES(NULL_ARGUMENT, keyfold_decrypt_batch(f.key, NULL, 0, (uint64_t[]){0}, 0, NULL, 0, NULL, NULL, NULL, 0, &n, NULL, NULL));
    GIVES(NULL_ARGUMENT, keyfold_rewrap(f.key, NULL, 5, NULL, 0, NULL));
    GIVES(NULL_ARGUMENT, keyfold_rewrap_file(f.key, NULL, NULL, 0, NULL));
    GIVES(NULL_ARGUMENT, keyfold_generate_data_key(f.key, NULL, 0, NULL, NULL, 32, out, sizeof out, &n));
    GIVES(NULL_ARGUMENT, keyfold_data_key_size(NULL, 9, &n));
    GIVES(NULL_ARGUMENT, keyfold_inspect(NULL, 9, 0, &json));
    GIVES(NULL_ARGUMENT, keyfold_inspect(out, 9, 0, NULL));
    GIVES(NULL_ARGUMENT, keyfold_explain(f.store, NULL, NULL, 9, 0, NULL, 0, &json));
    GIVES(NULL_ARGUMENT, keyfold_store_info(f.store, NULL));
    GIVES(NULL_ARGUMENT, keyfold_store_open(NULL, NULL, NULL, &store));
    GIVES(NULL_ARGUMENT, keyfold_store_open_in_memory(NULL));
    GIVES(NULL_ARGUMENT, keyfold_key_open(f.store, NULL, (keyfold_key **)out));
    GIVES(NULL_ARGUMENT, keyfold_key_open(f.store, "cards", NULL));
    GIVES(NULL_ARGUMENT, keyfold_key_id(f.key, NULL));
    GIVES(NULL_ARGUMENT, keyfold_key_describe(f.store, NULL, &json));
    GIVES(NULL_ARGUMENT, keyfold_key_import(f.store, NULL, 10, NULL));
    GIVES(NULL_ARGUMENT, keyfold_root_open_passphrase(NULL, 10, (keyfold_root **)out));
    GIVES(NULL_ARGUMENT, keyfold_root_create_key_file(NULL));
    GIVES(NULL_ARGUMENT, keyfold_generate_random(NULL, 1));
    GIVES(NULL_ARGUMENT, keyfold_protection_status(NULL));
    GIVES(NULL_ARGUMENT, keyfold_context_pack(NULL, 1, out, sizeof out, &n));
    GIVES(NULL_ARGUMENT, keyfold_context_pack((keyfold_pair[]){{NULL, 1, NULL, 0}}, 1, out, sizeof out, &n));
    GIVES(NULL_ARGUMENT, keyfold_context_check(NULL, 1));
    GIVES(NULL_ARGUMENT, keyfold_context_require(NULL, 1, NULL, 0));
    GIVES(NULL_ARGUMENT, keyfold_context_require(NULL, 0, NULL, 1));
    GIVES(NULL_ARGUMENT, keyfold_last_error(NULL, 1, NULL));
    keyfold_buffer_free(NULL);
    keyfold_buffer nothing = {NULL, 0};
    keyfold_buffer_free(&nothing);
    GIVES(OK, keyfold_key_close(NULL));
    GIVES(OK, keyfold_store_close(NULL));
    GIVES(OK, keyfold_root_close(NULL));
}

static void closed_cast_and_forged_handles_are_invalid(void)
{
    size_t n, before = keyfold_open_handles();
    uint8_t out[512];
    keyfold_key *key;
    GIVES(OK, keyfold_key_open(f.store, "cards", &key));
    GIVES(OK, keyfold_key_close(key));
    GIVES(INVALID_HANDLE, keyfold_key_close(key));
    CHECK(said("closed"));
    GIVES(INVALID_HANDLE, keyfold_encrypt(key, message, 5, NULL, 0, NULL, out, sizeof out, &n));
    CHECK(said("closed"));
    GIVES(INVALID_HANDLE, keyfold_encrypt((keyfold_key *)f.store, message, 5, NULL, 0, NULL, out, sizeof out, &n));
    CHECK(said("another kind"));
    GIVES(INVALID_HANDLE, keyfold_store_close((keyfold_store *)f.key));
    GIVES(INVALID_HANDLE, keyfold_root_close((keyfold_root *)f.store));
    const keyfold_key *mixed[] = {f.key, (keyfold_key *)f.store};
    GIVES(INVALID_HANDLE, keyfold_encrypt_to(mixed, 2, message, 5, NULL, 0, NULL, 0, NULL, out, sizeof out, &n));

    char object[64];
    memset(object, 0x5A, sizeof object);
    uintptr_t forged[] = {1, 8, 0xdeadbeef, (uintptr_t)object, (uintptr_t)&f, UINTPTR_MAX, UINTPTR_MAX - 1,
                          (uintptr_t)f.key ^ 1, (uintptr_t)f.key ^ 1ull << 32, (uintptr_t)f.key ^ 1ull << 47,
                          (uintptr_t)f.key ^ 1ull << 48, (uintptr_t)f.key ^ 1ull << 63, (uintptr_t)f.key + 0x40000000};
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        if (forged[i] == (uintptr_t)f.store || forged[i] == (uintptr_t)f.root) continue;
        GIVES(INVALID_HANDLE, keyfold_encrypt((keyfold_key *)forged[i], message, 5, NULL, 0, NULL, out, sizeof out, &n));
        GIVES(INVALID_HANDLE, keyfold_key_close((keyfold_key *)forged[i]));
        GIVES(INVALID_HANDLE, keyfold_store_close((keyfold_store *)forged[i]));
    }
    CHECK(keyfold_open_handles() == before);
    GIVES(OK, keyfold_encrypt(f.key, message, 5, NULL, 0, NULL, out, sizeof out, &n));
}

static void a_handle_that_is_dereferenced_traps(void)
{
    const void *handles[] = {f.key, f.store};
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (!child) {
            volatile unsigned char byte = *(const volatile unsigned char *)handles[i];
            _exit(byte ? 2 : 3);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS));
    }
}

static void random_calls_with_any_handle_give_only_statuses(void)
{
    enum { HANDLES = 40 };
    void *handles[HANDLES] = {0};
    uint64_t random = 88172645463325252ull;
    size_t n, before = keyfold_open_handles();
    uint8_t out[512];
    int good = 0;
    for (int i = 0; i < rounds(30000); i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        void **place = &handles[random % HANDLES], *handle = *place;
        if (random >> 20 & 1) handle = (void *)((uintptr_t)handle ^ (1ull << (random >> 24 & 63)));
        if (handle == f.key || handle == f.store || handle == f.root) continue;
        keyfold_status status = 0;
        switch (random >> 32 & 7) {
        case 0:
            if (!*place) status = keyfold_key_open(f.store, "cards", (keyfold_key **)place);
            break;
        case 1:
            if (!*place && i % 50 == 0) status = keyfold_store_open_in_memory((keyfold_store **)place);
            break;
        case 2:
            status = keyfold_key_close(handle);
            break;
        case 3:
            if (random >> 40 & 1) status = keyfold_store_close(handle);
            break;
        case 4:
            status = keyfold_root_close(handle);
            break;
        default:
            status = keyfold_encrypt(handle, message, 5, NULL, 0, NULL, out, sizeof out, &n);
            good += !status;
        }
        CHECK(status == 0 || status == KEYFOLD_STATUS_INVALID_HANDLE);
        if ((random >> 50 & 15) == 0 && keyfold_key_close(*place) == 0) *place = NULL;
    }
    CHECK(good > rounds(100));
    /* A forged bit may have closed another handle of this run; never one of somebody else's. */
    for (int i = 0; i < HANDLES; i++)
        if (keyfold_key_close(handles[i])) (void)keyfold_store_close(handles[i]);
    CHECK(keyfold_open_handles() == before);
}

static void a_buffer_too_small_by_one_is_untouched(void)
{
    size_t size, n;
    uint8_t out[600], opened[200];
    GIVES(OK, keyfold_encrypted_size(sizeof message, NULL, 0, NULL, &size));
    for (size_t cap = 0; cap < size; cap++) {
        memset(out, 0xA5, sizeof out);
        GIVES(BUFFER_TOO_SMALL, keyfold_encrypt(f.key, message, sizeof message, NULL, 0, NULL, out, cap, &n));
        CHECK(n == size);
        for (size_t i = 0; i < sizeof out; i++) CHECK(out[i] == 0xA5);
    }
    memset(out, 0xA5, sizeof out);
    GIVES(OK, keyfold_encrypt(f.key, message, sizeof message, NULL, 0, NULL, out, size, &n));
    CHECK(out[size] == 0xA5);
    for (size_t cap = 0; cap < sizeof message; cap++) {
        memset(opened, 0xA5, sizeof opened);
        GIVES(BUFFER_TOO_SMALL, keyfold_decrypt(f.key, out, size, NULL, 0, NULL, opened, cap, &n));
        CHECK(n == sizeof message);
        for (size_t i = 0; i < sizeof opened; i++) CHECK(opened[i] == 0xA5);
    }
    /* A query never stands for a success: an envelope that does not open is not "OK" when its size is asked for. */
    out[size - 1] ^= 1;
    GIVES(BUFFER_TOO_SMALL, keyfold_decrypt(f.key, out, size, NULL, 0, NULL, NULL, 0, &n));
    memset(out, 0xA5, sizeof out);
    uint8_t key[32];
    memset(key, 0xA5, sizeof key);
    GIVES(BUFFER_TOO_SMALL, keyfold_generate_data_key(f.key, NULL, 0, NULL, key, 32, out, 50, &n));
    CHECK(key[0] == 0xA5 && key[31] == 0xA5 && out[0] == 0xA5 && n == 44 + 104);
}

static int full(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0xA5) return 0;
    return 1;
}

/* All of the output is zero after a failure, however early it came; a call refused for its arguments wrote nothing.
 * Seen to fail with decrypted_size asked before the output is claimed, and with only the message's size wiped. */
static void a_failed_call_zeroes_its_whole_output(void)
{
    size_t size, n, failed;
    uint8_t *envelope = sealed(f.key, message, sizeof message, &size), out[600], blob[200], key[32];
    uint64_t offsets[3] = {0, 0, 0}, places[3];
    GIVES(OK, keyfold_generate_data_key(f.key, NULL, 0, NULL, key, 32, blob, sizeof blob, &n));
    const size_t blob_len = n;
    const keyfold_key *keys[40];
    for (int i = 0; i < 40; i++) keys[i] = f.key;
#define ZEROES(status, call) \
    do { \
        memset(out, 0xA5, sizeof out); \
        n = 77; \
        GIVES(status, call); \
        CHECK(n == 0 && zero(out, sizeof out)); \
    } while (0)
    ZEROES(NOT_AN_ENVELOPE, keyfold_decrypt(f.key, message, 5, NULL, 0, NULL, out, sizeof out, &n));
    ZEROES(MALFORMED, keyfold_decrypt(f.key, envelope, 60, NULL, 0, NULL, out, sizeof out, &n));
    ZEROES(AUTH, keyfold_decrypt(f.key, envelope, 150, NULL, 0, NULL, out, sizeof out, &n));
    ZEROES(AUTH, keyfold_decrypt(f.key, envelope, size - 1, NULL, 0, NULL, out, sizeof out, &n));
    ZEROES(NOT_AN_ENVELOPE, keyfold_decrypt_any(f.store, message, 5, NULL, 0, NULL, out, sizeof out, &n, NULL));
    ZEROES(NOT_AN_ENVELOPE, keyfold_decrypt_with_keys(keys, 2, message, 5, NULL, 0, NULL, out, sizeof out, &n, NULL));
    ZEROES(NOT_AN_ENVELOPE, keyfold_decrypt_data_key(f.key, message, 5, NULL, 0, NULL, out, sizeof out, &n));
    ZEROES(NOT_AN_ENVELOPE, keyfold_decrypt_data_key_any(f.store, message, 5, NULL, 0, NULL, out, sizeof out, &n, NULL));
    blob[blob_len - 1] ^= 1;
    ZEROES(AUTH, keyfold_decrypt_data_key(f.key, blob, blob_len, NULL, 0, NULL, out, sizeof out, &n));
    offsets[1] = size, offsets[2] = size;
    ZEROES(NOT_AN_ENVELOPE, keyfold_decrypt_batch(f.key, envelope, size, offsets, 2, NULL, 0, NULL, NULL, out, sizeof out, &n, places,
                                                  &failed));
    CHECK(failed == 1);
    keyfold_encrypt_options options = KEYFOLD_ENCRYPT_OPTIONS_INIT;
    options.free_cells = 8;
    ZEROES(LIMIT_EXCEEDED, keyfold_encrypt_to(keys, 32, message, 5, NULL, 0, NULL, 0, &options, out, sizeof out, &n));
#undef ZEROES
    memset(out, 0xA5, sizeof out);
    GIVES(INVALID_HANDLE, keyfold_decrypt(NULL, envelope, size, NULL, 0, NULL, out, sizeof out, &n));
    GIVES(INVALID_CONTEXT, keyfold_decrypt(f.key, envelope, size, message, 5, NULL, out, sizeof out, &n));
    GIVES(BUFFERS_OVERLAP, keyfold_decrypt(f.key, out, 50, NULL, 0, NULL, out + 20, 100, &n));
    CHECK(full(out, sizeof out));
    free(envelope);
}

/* A caller who decrypts in place may have no other copy. Seen to fail with the buffer zeroed after every error. */
static void in_place_calls_keep_the_only_copy(void)
{
    size_t size, n, head;
    uint8_t *envelope = sealed(f.key, message, sizeof message, &size), buffer[600], context[64];
    const size_t context_len = card_context(context);
    memcpy(buffer, envelope, size);
    GIVES(AUTH, keyfold_decrypt_in_place(f.key, buffer, size, context, context_len, NULL, &n));
    CHECK(n == 0 && !memcmp(buffer, envelope, size));
    GIVES(OK, keyfold_key_create(f.store, "another", NULL, NULL));
    keyfold_key *another;
    GIVES(OK, keyfold_key_open(f.store, "another", &another));
    GIVES(KEY_NOT_ALLOWED, keyfold_decrypt_in_place(another, buffer, size, NULL, 0, NULL, &n));
    GIVES(OK, keyfold_key_disable(f.store, "cards", NULL));
    GIVES(KEY_DISABLED, keyfold_key_rotate(f.store, "cards", NULL));
    GIVES(KEY_DISABLED, keyfold_decrypt_in_place(f.key, buffer, size, NULL, 0, NULL, &n));
    CHECK(!memcmp(buffer, envelope, size));
    GIVES(OK, keyfold_headroom(NULL, 0, NULL, &head));
    memcpy(buffer + head, message, sizeof message);
    GIVES(KEY_DISABLED, keyfold_encrypt_in_place(f.key, buffer, sizeof buffer, head, sizeof message, NULL, 0, NULL, &n));
    CHECK(n == 0 && !memcmp(buffer + head, message, sizeof message));
    GIVES(OK, keyfold_key_enable(f.store, "cards", NULL));
    GIVES(OK, keyfold_encrypt_in_place(f.key, buffer, sizeof buffer, head, sizeof message, NULL, 0, NULL, &n));
    buffer[n - 1] ^= 1;
    GIVES(AUTH, keyfold_decrypt_in_place(f.key, buffer, n, NULL, 0, NULL, &size));
    CHECK(size == 0 && zero(buffer, head + sizeof message));
    GIVES(OK, keyfold_key_close(another));
    free(envelope);
}

static void buffers_that_overlap_are_refused_at_every_offset(void)
{
    enum { LENGTH = 20, SIZE = LENGTH + 164 };
    uint8_t area[3 * SIZE], before[sizeof area], *envelope;
    size_t n;
    for (int at = 0; at + SIZE <= (int)sizeof area; at++) {
        memset(area, 0x11, sizeof area);
        memcpy(before, area, sizeof area);
        uint8_t *input = area + SIZE, *out = area + at;
        int overlap = at + SIZE > SIZE && at < SIZE + LENGTH;
        keyfold_status status = keyfold_encrypt(f.key, input, LENGTH, NULL, 0, NULL, out, SIZE, &n);
        CHECK(status == (overlap ? KEYFOLD_STATUS_BUFFERS_OVERLAP : KEYFOLD_STATUS_OK));
        if (overlap) CHECK(!memcmp(area, before, sizeof area) && n == 0);
    }
    envelope = sealed(f.key, message, LENGTH, &n);
    for (int at = 0; at + LENGTH <= (int)sizeof area; at++) {
        memset(area, 0x11, sizeof area);
        memcpy(area + SIZE, envelope, SIZE);
        memcpy(before, area, sizeof area);
        int overlap = at + LENGTH > SIZE && at < 2 * SIZE;
        keyfold_status status = keyfold_decrypt(f.key, area + SIZE, SIZE, NULL, 0, NULL, area + at, LENGTH, &n);
        CHECK(status == (overlap ? KEYFOLD_STATUS_BUFFERS_OVERLAP : KEYFOLD_STATUS_OK));
        if (overlap) CHECK(!memcmp(area, before, sizeof area));
    }
    free(envelope);
    /* Context in the output; the length's own place in the output and in the input. */
    uint8_t context[64];
    size_t context_len = card_context(context);
    memcpy(area + 100, context, context_len);
    GIVES(BUFFERS_OVERLAP, keyfold_encrypt(f.key, message, LENGTH, area + 100, context_len, NULL, area, sizeof area, &n));
    size_t *inside = (size_t *)(void *)(((uintptr_t)area + 15) & ~(uintptr_t)7);
    GIVES(BUFFERS_OVERLAP, keyfold_encrypt(f.key, message, LENGTH, NULL, 0, NULL, area, sizeof area, inside));
    GIVES(BUFFERS_OVERLAP, keyfold_encrypt(f.key, (uint8_t *)inside, LENGTH, NULL, 0, NULL, area + 100, 300, inside));
    memset(area, 0, sizeof area);
    GIVES(BUFFERS_OVERLAP, keyfold_encrypt_in_place(f.key, area, sizeof area, 200, 20, area + 10, 2, NULL, &n));
    GIVES(BUFFERS_OVERLAP, keyfold_decrypt_in_place(f.key, area, sizeof area, area + 10, 2, NULL, &n));
    GIVES(BUFFERS_OVERLAP, keyfold_generate_data_key(f.key, NULL, 0, NULL, area + 10, 32, area, sizeof area, &n));
    GIVES(BUFFERS_OVERLAP, keyfold_rewrap(f.key, area, sizeof area, area, 2, NULL));
    uint64_t offsets[2] = {0, 5};
    GIVES(BUFFERS_OVERLAP, keyfold_encrypt_batch(f.key, message, 5, offsets, 1, NULL, 0, NULL, NULL, area, sizeof area, &n,
                                                 (uint64_t *)inside, NULL));
    GIVES(BUFFERS_OVERLAP, keyfold_encrypt_batch(f.key, message, 5, offsets, 1, NULL, 0, NULL, NULL, area, sizeof area, &n,
                                                 offsets, NULL));
}

static void lengths_that_no_buffer_has_are_refused(void)
{
    static const size_t huge[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2 + 1, (size_t)1 << 63};
    uint8_t out[512];
    size_t n;
    for (int i = 0; i < 4; i++) {
        GIVES(TOO_LARGE, keyfold_encrypt(f.key, message, huge[i], NULL, 0, NULL, out, sizeof out, &n));
        GIVES(TOO_LARGE, keyfold_encrypt(f.key, message, 5, NULL, 0, NULL, out, huge[i], &n));
        CHECK(keyfold_encrypt(f.key, message, 5, message, huge[i], NULL, out, sizeof out, &n));
        GIVES(TOO_LARGE, keyfold_decrypt(f.key, message, huge[i], NULL, 0, NULL, out, sizeof out, &n));
        GIVES(TOO_LARGE, keyfold_decrypted_size(message, huge[i], &n));
        GIVES(TOO_LARGE, keyfold_inspect(message, huge[i], 0, (keyfold_buffer *)out));
        GIVES(TOO_LARGE, keyfold_generate_random(out, huge[i]));
        CHECK(keyfold_encrypted_size(huge[i], NULL, 0, NULL, &n));
        CHECK(keyfold_context_pack((keyfold_pair *)out, huge[i], out, sizeof out, &n));
        CHECK(keyfold_generate_data_key(f.key, NULL, 0, NULL, out, huge[i], out, sizeof out, &n));
        CHECK(keyfold_encrypt_to((const keyfold_key *const *)&f.key, huge[i], message, 5, NULL, 0, NULL, 0, NULL, out, 512, &n));
        CHECK(keyfold_encrypt_batch(f.key, message, 5, (uint64_t *)out, huge[i], NULL, 0, NULL, NULL, out, 512, &n,
                                    (uint64_t *)out, NULL));
        CHECK(keyfold_encrypt_in_place(f.key, out, sizeof out, huge[i], 5, NULL, 0, NULL, &n));
        CHECK(keyfold_encrypt_in_place(f.key, out, sizeof out, 200, huge[i], NULL, 0, NULL, &n));
    }
    /* Sizes beyond 32 bits are exact. 2^32 + 5 bytes make 262,145 chunks. */
    const size_t large = ((size_t)1 << 32) + 5;
    GIVES(OK, keyfold_encrypted_size(large, NULL, 0, NULL, &n));
    CHECK(n == large + 44 + 104 + 262145ull * 16);
    /* Offsets of a batch that fall, or leave the block. */
    uint64_t bad[][3] = {{1, 0, 5}, {0, 6, 6}, {0, UINT64_MAX, 5}, {UINT64_MAX, 5, 5}, {0, 5, 1ull << 32}}, places[3];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        GIVES(INVALID_ARGUMENT, keyfold_encrypt_batch(f.key, message, 5, bad[i], 2, NULL, 0, NULL, NULL, out, sizeof out,
                                                      &n, places, NULL));
}

static void text_that_is_not_utf8_is_refused(void)
{
    static const char *const bad[] = {"\xff", "caf\xe9", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf"};
    keyfold_root *root;
    uint8_t out[64];
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        GIVES(INVALID_UTF8, keyfold_key_describe(f.store, bad[i], (keyfold_buffer *)out));
        GIVES(INVALID_UTF8, keyfold_key_create(f.store, bad[i], NULL, NULL));
        GIVES(INVALID_UTF8, keyfold_root_open_key_file(bad[i], NULL, &root));
        GIVES(INVALID_UTF8, keyfold_root_create_key_file(bad[i]));
        keyfold_pair pair[] = {KEYFOLD_PAIR("name", bad[i])};
        GIVES(INVALID_UTF8, keyfold_context_pack(pair, 1, out, sizeof out, &n));
        keyfold_key_options options = KEYFOLD_KEY_OPTIONS_INIT;
        options.description = bad[i];
        GIVES(INVALID_UTF8, keyfold_key_create(f.store, NULL, &options, NULL));
    }
    /* Names that are no names; long ones; what a terminal would obey. */
    GIVES(INVALID_NAME, keyfold_key_describe(f.store, "", (keyfold_buffer *)out));
    GIVES(INVALID_NAME, keyfold_key_create(f.store, "keyfold/x", NULL, NULL));
    GIVES(INVALID_NAME, keyfold_key_describe(f.store, "a\x1b[2Jb", (keyfold_buffer *)out));
    char detail[KEYFOLD_ERROR_SIZE];
    GIVES(OK, keyfold_last_error(detail, sizeof detail, NULL));
    CHECK(!strchr(detail, '\x1b'));
    char *longest = malloc(70000);
    CHECK(longest);
    memset(longest, 'a', 70000);
    longest[69999] = 0;
    GIVES(TOO_LARGE, keyfold_key_describe(f.store, longest, (keyfold_buffer *)out));
    longest[60000] = 0;
    GIVES(INVALID_NAME, keyfold_key_describe(f.store, longest, (keyfold_buffer *)out));
    free(longest);
}

static void contexts_that_are_not_canonical_are_refused(void)
{
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {
        {"\0", 1},
        {"\0\0\0", 3},
        {"\0\1", 2},
        {"\0\1\0\1a\0\1", 7},
        {"\0\1\0\1a\0\1xy", 9},
        {"\0\1\0\0\0\1x", 7},
        {"\0\2\0\1b\0\0\0\1a\0\0", 12},
        {"\0\2\0\1a\0\0\0\1a\0\0", 12},
        {"\0\1\0\1\n\0\0", 7},
        {"\0\1\0\1\x7f\0\0", 7},
        {"\0\1\0\1\xff\0\0", 7},
        {"\0\1\0\1a\0\1\xff", 8},
        {"\0\1\0\1a\xff\xff", 7},
        {"\xff\xff", 2},
    };
    uint8_t out[512];
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const uint8_t *context = (const uint8_t *)bad[i].bytes;
        GIVES(INVALID_CONTEXT, keyfold_context_check(context, bad[i].length));
        GIVES(INVALID_CONTEXT, keyfold_context_require(context, bad[i].length, NULL, 0));
        GIVES(INVALID_CONTEXT, keyfold_context_require(NULL, 0, context, bad[i].length));
        GIVES(INVALID_CONTEXT, keyfold_encrypt(f.key, message, 5, context, bad[i].length, NULL, out, sizeof out, &n));
        GIVES(INVALID_CONTEXT, keyfold_decrypt(f.key, message, 5, context, bad[i].length, NULL, out, sizeof out, &n));
        GIVES(INVALID_CONTEXT, keyfold_encrypted_size(5, context, bad[i].length, NULL, &n));
        GIVES(INVALID_CONTEXT, keyfold_encrypt_to((const keyfold_key *const *)&f.key, 1, message, 5, NULL, 0, context,
                                                  bad[i].length, NULL, out, sizeof out, &n));
    }
    keyfold_pair twice[] = {KEYFOLD_PAIR("a", "1"), KEYFOLD_PAIR("a", "2")}, many[65];
    GIVES(INVALID_CONTEXT, keyfold_context_pack(twice, 2, out, sizeof out, &n));
    for (int i = 0; i < 65; i++) many[i] = twice[0];
    GIVES(INVALID_CONTEXT, keyfold_context_pack(many, 65, out, sizeof out, &n));
}

static void numbers_that_are_no_constants_are_refused(void)
{
    static const uint32_t odd[] = {4, 5, 0x7fffffff, 0x80000000, UINT32_MAX};
    uint8_t out[512];
    size_t n;
    keyfold_store *store;
    keyfold_root *root;
    GIVES(OK, keyfold_root_open_passphrase(message, 9, &root));
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        keyfold_encrypt_options encrypt = KEYFOLD_ENCRYPT_OPTIONS_INIT;
        encrypt.store_context = odd[i];
        GIVES(INVALID_ARGUMENT, keyfold_encrypt(f.key, message, 5, NULL, 0, &encrypt, out, sizeof out, &n));
        encrypt.store_context = 0;
        encrypt.flags = odd[i];
        GIVES(UNSUPPORTED_OPTION, keyfold_encrypt(f.key, message, 5, NULL, 0, &encrypt, out, sizeof out, &n));
        keyfold_decrypt_options decrypt = KEYFOLD_DECRYPT_OPTIONS_INIT;
        decrypt.flags = odd[i] & ~1u;
        GIVES(UNSUPPORTED_OPTION, keyfold_decrypt(f.key, message, 5, NULL, 0, &decrypt, out, sizeof out, &n));
        keyfold_store_options open = KEYFOLD_STORE_OPTIONS_INIT;
        open.fork = odd[i];
        GIVES(INVALID_ARGUMENT, keyfold_store_open(path("none.db"), root, &open, &store));
        open.fork = 0;
        open.flags = 2048u << i;
        GIVES(UNSUPPORTED_OPTION, keyfold_store_open(path("none.db"), root, &open, &store));
        CHECK(!strcmp(keyfold_status_name((int32_t)odd[i]), "UNKNOWN"));
    }
    keyfold_encrypt_options options = KEYFOLD_ENCRYPT_OPTIONS_INIT;
    for (uint32_t cells = 9; cells < 1u << 20; cells = cells * 2 + 5) {
        options.free_cells = cells;
        GIVES(INVALID_ARGUMENT, keyfold_encrypt(f.key, message, 5, NULL, 0, &options, out, sizeof out, &n));
    }
    options.free_cells = 0;
    options.store_context = KEYFOLD_STORE_CONTEXT_CHOSEN;
    GIVES(INVALID_ARGUMENT, keyfold_encrypt(f.key, message, 5, NULL, 0, &options, out, sizeof out, &n));
    keyfold_store_options init = KEYFOLD_STORE_OPTIONS_INIT;
    init.flags = KEYFOLD_OPEN_READ_ONLY;
    GIVES(INVALID_ARGUMENT, keyfold_store_init(path("none.db"), root, &init, &store));
    init.flags = KEYFOLD_OPEN_DEVELOPMENT;
    GIVES(INVALID_ARGUMENT, keyfold_store_open(path("none.db"), root, &init, &store));
    GIVES(STORE_NOT_FOUND, keyfold_store_open(path("none.db"), root, NULL, &store));
    GIVES(INVALID_ARGUMENT, keyfold_key_list(f.store, NULL, 1001, (keyfold_buffer *)out));
    GIVES(INVALID_ARGUMENT, keyfold_encrypt_to((const keyfold_key *const *)&f.key, 0, message, 5, NULL, 0, NULL, 0, NULL, out, 512, &n));
    GIVES(INVALID_ARGUMENT, keyfold_encrypt_to((const keyfold_key *const *)&f.key, 33, message, 5, NULL, 0, NULL, 0, NULL, out, 512, &n));
    GIVES(OK, keyfold_root_close(root));
}

/* A caller compiled against the first header, and one compiled against a later one. */
static void structs_of_other_releases_are_understood(void)
{
    struct {
        keyfold_encrypt_options now;
        uint32_t later[4];
    } future = {KEYFOLD_ENCRYPT_OPTIONS_INIT, {0}};
    struct {
        keyfold_opened now;
        uint32_t later[4];
    } told;
    uint8_t out[512], opened[100];
    size_t n, size;
    future.now.size = sizeof future;
    GIVES(OK, keyfold_encrypt(f.key, message, 5, NULL, 0, &future.now, out, sizeof out, &n));
    for (int i = 0; i < 4; i++) {
        future.later[i] = 1u << 31;
        GIVES(UNSUPPORTED_OPTION, keyfold_encrypt(f.key, message, 5, NULL, 0, &future.now, out, sizeof out, &size));
        future.later[i] = 0;
    }
    static const uint32_t sizes[] = {0, 1, 8, 12, 15, 4097, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        future.now.size = sizes[i];
        GIVES(INVALID_ARGUMENT, keyfold_encrypt(f.key, message, 5, NULL, 0, &future.now, out, sizeof out, &size));
        CHECK(said("_INIT"));
    }
    future.now.size = sizeof future;
    GIVES(OK, keyfold_encrypt(f.key, message, 5, NULL, 0, &future.now, out, sizeof out, &n));

    memset(&told, 0xFF, sizeof told);
    told.now.size = sizeof told;
    GIVES(OK, keyfold_decrypt_any(f.store, out, n, NULL, 0, NULL, opened, sizeof opened, &size, &told.now));
    CHECK(told.now.size == sizeof told && told.now.version == 1 && zero(told.later, sizeof told.later));
    told.now.size = sizeof told.now - 1;
    memset(opened, 0, sizeof opened);
    GIVES(INVALID_ARGUMENT, keyfold_decrypt_any(f.store, out, n, NULL, 0, NULL, opened, sizeof opened, &size, &told.now));
    CHECK(zero(opened, sizeof opened));
}

/* A struct right before a page that cannot be read: not one byte beyond its size is looked at. */
static void nothing_beyond_a_length_is_read(void)
{
    long page = sysconf(_SC_PAGESIZE);
    uint8_t *area = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area != MAP_FAILED && !mprotect(area + page, (size_t)page, PROT_NONE));
    uint8_t *end = area + page, out[512], opened[100], context[64];
    size_t n, size, context_len = card_context(context);
    keyfold_encrypt_options options = KEYFOLD_ENCRYPT_OPTIONS_INIT;
    memcpy(end - sizeof options, &options, sizeof options);
    GIVES(OK, keyfold_encrypt(f.key, message, 5, NULL, 0, (keyfold_encrypt_options *)(void *)(end - sizeof options), out, sizeof out, &n));
    for (size_t length = 0; length < 40; length++) {
        memset(end - length, 'x', length);
        GIVES(OK, keyfold_encrypt(f.key, end - length, length, NULL, 0, NULL, out, sizeof out, &n));
        memcpy(end - n, out, n);
        GIVES(OK, keyfold_decrypt(f.key, end - n, n, NULL, 0, NULL, opened, sizeof opened, &size));
        GIVES(OK, keyfold_decrypt_in_place(f.key, end - n, n, NULL, 0, NULL, &size));
    }
    memcpy(end - context_len, context, context_len);
    GIVES(OK, keyfold_encrypt(f.key, message, 5, end - context_len, context_len, NULL, out, sizeof out, &n));
    memcpy(end - 6, "cards", 6);
    GIVES(OK, keyfold_key_describe(f.store, (char *)end - 6, (keyfold_buffer *)(void *)opened));
    keyfold_buffer_free((keyfold_buffer *)(void *)opened);
    /* Outputs likewise. */
    GIVES(OK, keyfold_encrypt(f.key, message, 5, NULL, 0, NULL, end - 169, 169, &n));
    GIVES(OK, keyfold_generate_random(end - 7, 7));
    GIVES(OK, keyfold_key_id(f.key, end - 16));
    CHECK(keyfold_key_describe(f.store, "nobody", (keyfold_buffer *)(void *)opened));
    GIVES(OK, keyfold_last_error((char *)end - 10, 10, NULL));
    CHECK(end[-1] == 0);
    munmap(area, 2 * (size_t)page);
}

static void the_last_error_is_of_the_last_call(void)
{
    char detail[KEYFOLD_ERROR_SIZE];
    size_t n = 1;
    keyfold_buffer json;
    GIVES(KEY_NOT_FOUND, keyfold_key_describe(f.store, "ghost", &json));
    /* Cleaning up before reporting is fine. */
    keyfold_key *key;
    GIVES(OK, keyfold_key_close(NULL));
    keyfold_buffer_free(&json);
    CHECK(said("ghost"));
    CHECK(said("ghost"));
    GIVES(OK, keyfold_key_open(f.store, "cards", &key));
    GIVES(OK, keyfold_last_error(detail, sizeof detail, &n));
    CHECK(n == 0 && detail[0] == 0);
    GIVES(OK, keyfold_key_close(key));
    GIVES(KEY_NOT_FOUND, keyfold_key_describe(f.store, "ghost", &json));
    GIVES(OK, keyfold_last_error(detail, 5, &n));
    CHECK(strlen(detail) == 4 && n > 20);
    GIVES(OK, keyfold_last_error(NULL, 0, &n));
    CHECK(n > 20);
}

int main(void)
{
    f = on_disk("misuse", NULL);
    RUN(null_handles_and_null_places_are_told);
    RUN(closed_cast_and_forged_handles_are_invalid);
    RUN(a_handle_that_is_dereferenced_traps);
    RUN(random_calls_with_any_handle_give_only_statuses);
    RUN(a_buffer_too_small_by_one_is_untouched);
    RUN(a_failed_call_zeroes_its_whole_output);
    RUN(in_place_calls_keep_the_only_copy);
    RUN(buffers_that_overlap_are_refused_at_every_offset);
    RUN(lengths_that_no_buffer_has_are_refused);
    RUN(text_that_is_not_utf8_is_refused);
    RUN(contexts_that_are_not_canonical_are_refused);
    RUN(numbers_that_are_no_constants_are_refused);
    RUN(structs_of_other_releases_are_understood);
    RUN(nothing_beyond_a_length_is_read);
    RUN(the_last_error_is_of_the_last_call);
    end(&f);
    CHECK(keyfold_open_handles() == 0);
    remove_folder();
    return 0;
}
