/* Lengths that data announces and does not have: an error comes back, in an address space with room for little more
 * than the program (THREATS T-10). Mutation: memory taken by an announced count, as Vec::with_capacity(count) in
 * a batch call does. */
#include "test.h"

#include <sys/resource.h>

static const uint8_t message[40] = "what is announced is not taken for there";
static fixture f;

/* Every call that reads a head, on data of which nothing can be true. */
static void refused_everywhere(const uint8_t *data, size_t n)
{
    uint8_t out[4096];
    size_t size;
    keyfold_buffer made;
    memset(out, 0xA5, sizeof out);
    keyfold_status status = keyfold_decrypt(f.key, data, n, NULL, 0, NULL, out, sizeof out, &size);
    CHECK(status / 100 == 3 && size == 0 && zero(out, sizeof out));
    CHECK(keyfold_decrypt_any(f.store, data, n, NULL, 0, NULL, out, sizeof out, &size, NULL) / 100 == 3);
    CHECK(keyfold_decrypted_size(data, n, &size));
    CHECK(keyfold_authenticated_context(f.key, data, n, NULL, 0, NULL, &made));
    CHECK(keyfold_decrypt_data_key(f.key, data, n, NULL, 0, NULL, out, sizeof out, &size) / 100 == 3);
    CHECK(keyfold_data_key_size(data, n, &size));
    CHECK(keyfold_reencrypt((const keyfold_key *const *)&f.key, 1, data, n, NULL, 0, (const keyfold_key *const *)&f.key, 1,
                            NULL, 0, NULL, 0, NULL, &made));
    CHECK(keyfold_key_import(f.store, data, n, NULL));
    uint8_t *copy = malloc(n + 1);
    CHECK(copy);
    memcpy(copy, data, n);
    CHECK(keyfold_rewrap(f.key, copy, n, NULL, 0, NULL));
    CHECK(!memcmp(copy, data, n));
    CHECK(keyfold_decrypt_in_place(f.key, copy, n, NULL, 0, NULL, &size) / 100 == 3);
    CHECK(!memcmp(copy, data, n));
    free(copy);
    uint64_t offsets[2] = {0, n}, places[2];
    CHECK(keyfold_decrypt_batch(f.key, data, n, offsets, 1, NULL, 0, NULL, NULL, out, sizeof out, &size, places, NULL));
    /* These tell about data rather than refuse it. */
    if (!keyfold_inspect(data, n, 0, &made)) keyfold_buffer_free(&made);
    if (!keyfold_explain(f.store, NULL, data, n, 0, NULL, 0, &made)) keyfold_buffer_free(&made);
}

static void sizes_of_area_and_stored_context_are_not_believed(void)
{
    static const uint16_t announced[] = {0x7f7f, 0x7fff, 0x8000, 0x8080, 0xffff};
    size_t n;
    uint8_t *envelope = sealed(f.key, message, sizeof message, &n);
    for (size_t i = 0; i < sizeof announced / sizeof *announced; i++) {
        /* S at 6, X at 8, and the size of the first cell behind its type at 44. */
        static const size_t fields[] = {6, 8, 46};
        for (size_t at = 0; at < 3; at++) {
            uint8_t was[2];
            memcpy(was, envelope + fields[at], 2);
            envelope[fields[at]] = (uint8_t)(announced[i] >> 8);
            envelope[fields[at] + 1] = (uint8_t)announced[i];
            refused_everywhere(envelope, n);
            refused_everywhere(envelope, 44);
            envelope[2] ^= 1;
            refused_everywhere(envelope, n);
            envelope[2] ^= 1;
            memcpy(envelope + fields[at], was, 2);
        }
    }
    uint8_t opened[sizeof message];
    size_t size;
    GIVES(OK, keyfold_decrypt(f.key, envelope, n, NULL, 0, NULL, opened, sizeof opened, &size));
    free(envelope);
}

static void counts_and_lengths_of_contexts_are_not_believed(void)
{
    for (unsigned announced = 0x7f; announced <= 0xff; announced += 0x40) {
        uint8_t context[12] = {0, 1, 0, 1, 'a', 0, 5, 'v', 'a', 'l', 'u', 'e'}, broken[12];
        GIVES(OK, keyfold_context_check(context, sizeof context));
        static const size_t fields[] = {0, 2, 5};
        for (size_t i = 0; i < 3; i++) {
            memcpy(broken, context, sizeof broken);
            broken[fields[i]] = (uint8_t)announced;
            GIVES(INVALID_CONTEXT, keyfold_context_check(broken, sizeof broken));
            GIVES(INVALID_CONTEXT, keyfold_context_require(context, sizeof context, broken, sizeof broken));
        }
    }
}

static void counts_of_batches_are_not_believed(void)
{
    static const size_t counts[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX / 8, SIZE_MAX / 16 + 1};
    uint64_t offsets[2] = {0, 5}, places[2];
    uint8_t out[512];
    size_t size;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        GIVES(TOO_LARGE, keyfold_encrypt_batch(f.key, message, 5, offsets, counts[i], NULL, 0, NULL, NULL, out, sizeof out, &size,
                                               places, NULL));
        GIVES(TOO_LARGE, keyfold_decrypt_batch(f.key, message, 5, offsets, counts[i], NULL, 0, NULL, NULL, out, sizeof out, &size,
                                               places, NULL));
    }
}

int main(void)
{
    f = in_memory();
    /* Valgrind needs the address space for itself. */
    struct rlimit little = {256u << 20, 256u << 20};
    if (!getenv("VALGRIND")) CHECK(!setrlimit(RLIMIT_AS, &little));
    RUN(sizes_of_area_and_stored_context_are_not_believed);
    RUN(counts_and_lengths_of_contexts_are_not_believed);
    RUN(counts_of_batches_are_not_believed);
    end(&f);
    CHECK(keyfold_open_handles() == 0);
    return 0;
}
