/* Every byte of the head of a one-cell envelope flipped, every bit of some, and every truncation: refused. */
#include "test.h"

static const uint8_t message[50] = "what must not come out changed";

/* Refused: malformed (any 3xx) or a cell that names nothing held. Nothing comes out. */
static void refused(const fixture *f, const uint8_t *envelope, size_t n)
{
    uint8_t opened[64 * 1024];
    size_t size = 1;
    memset(opened, 'x', sizeof opened);
    keyfold_status status = keyfold_decrypt(f->key, envelope, n, NULL, 0, NULL, opened, sizeof opened, &size);
    CHECK(status / 100 == 3 || status == KEYFOLD_STATUS_KEY_NOT_FOUND || status == KEYFOLD_STATUS_KEY_NOT_ALLOWED);
    CHECK(size == 0);
    for (size_t i = 0; i < 100; i++) CHECK(opened[i] == 'x' || opened[i] == 0);
    status = keyfold_decrypt_any(f->store, envelope, n, NULL, 0, NULL, opened, sizeof opened, &size, NULL);
    CHECK(status / 100 == 3 || status == KEYFOLD_STATUS_KEY_NOT_FOUND);
}

static void every_changed_bit_is_refused(void)
{
    fixture f = in_memory();
    size_t n;
    uint8_t *envelope = sealed(f.key, message, sizeof message, &n);
    for (size_t at = 0; at < n; at++) {
        for (int bit = 0; bit < rounds(8); bit++) {
            envelope[at] ^= (uint8_t)(1 << bit);
            refused(&f, envelope, n);
            envelope[at] ^= (uint8_t)(1 << bit);
        }
    }
    for (int value = 0; value < rounds(256); value++) {
        /* Every value of the bytes that choose how the head is read. */
        static const size_t choosing[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 44, 45, 46, 47};
        for (size_t i = 0; i < sizeof choosing / sizeof *choosing; i++) {
            uint8_t was = envelope[choosing[i]];
            if (was == value) continue;
            envelope[choosing[i]] = (uint8_t)value;
            refused(&f, envelope, n);
            envelope[choosing[i]] = was;
        }
    }
    free(envelope);
    end(&f);
}

static void every_truncation_and_extension_is_refused(void)
{
    fixture f = in_memory();
    size_t n;
    static const size_t lengths[] = {0, 1, 16383, 16384, 16385};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t *plain = calloc(1, lengths[i] + 1), *envelope = sealed(f.key, plain, lengths[i], &n);
        uint8_t *longer = calloc(1, n + 20000);
        CHECK(longer);
        memcpy(longer, envelope, n);
        /* All of the head and of the ends; samples between. */
        for (size_t cut = 0; cut < n; cut += (cut < 200 || cut + 200 > n) ? 1 : (size_t)(getenv("VALGRIND") ? 1999 : 97)) refused(&f, envelope, cut);
        for (size_t more = 1; more < 20000; more += more < 50 ? 1 : 997) refused(&f, longer, n + more);
        free(longer);
        free(envelope);
        free(plain);
    }
    end(&f);
}

static void every_changed_bit_of_a_data_key_blob_is_refused(void)
{
    fixture f = in_memory();
    uint8_t blob[300], key[64];
    size_t n, size;
    GIVES(OK, keyfold_generate_data_key(f.key, NULL, 0, NULL, key, 32, blob, sizeof blob, &n));
    for (size_t at = 0; at < n; at++) {
        for (int bit = 0; bit < rounds(8); bit++) {
            blob[at] ^= (uint8_t)(1 << bit);
            keyfold_status status = keyfold_decrypt_data_key(f.key, blob, n, NULL, 0, NULL, key, sizeof key, &size);
            CHECK(status / 100 == 3 || status == KEYFOLD_STATUS_KEY_NOT_FOUND || status == KEYFOLD_STATUS_KEY_NOT_ALLOWED ||
                  status == KEYFOLD_STATUS_BUFFER_TOO_SMALL);
            blob[at] ^= (uint8_t)(1 << bit);
        }
    }
    for (size_t cut = 0; cut < n; cut++)
        CHECK(keyfold_decrypt_data_key(f.key, blob, cut, NULL, 0, NULL, key, sizeof key, &size) / 100 == 3);
    end(&f);
}

/* What is neither: noise of every length, and noise behind a right beginning. Only statuses come back. */
static void noise_gives_only_statuses(void)
{
    fixture f = in_memory();
    uint8_t noise[600], opened[600];
    size_t size;
    keyfold_buffer json;
    for (int i = 0; i < rounds(20000); i++) {
        size_t n = (size_t)i % sizeof noise;
        GIVES(OK, keyfold_generate_random(noise, n));
        if (i & 1 && n > 12) memcpy(noise, i & 2 ? "KFE\1\1\0\0\x68\0\0\0\0" : "KFD\1\1\0\0\x68\0\0\0\0", 12);
        if (i & 4 && n > 48) memcpy(noise + 44, "\1\0\0\x68", 4);
        CHECK(keyfold_decrypt_any(f.store, noise, n, NULL, 0, NULL, opened, sizeof opened, &size, NULL));
        CHECK(keyfold_decrypt_data_key_any(f.store, noise, n, NULL, 0, NULL, opened, sizeof opened, &size, NULL));
        CHECK(keyfold_rewrap_any(f.store, noise, n, NULL, 0, NULL));
        (void)!keyfold_inspect(noise, n, 0, &json);
        keyfold_buffer_free(&json);
        if (i % 20 == 0) {
            GIVES(OK, keyfold_explain(f.store, f.key, noise, n, 0, NULL, 0, &json));
            keyfold_buffer_free(&json);
        }
        CHECK(keyfold_key_import(f.store, noise, n, NULL));
    }
    end(&f);
}

int main(void)
{
    RUN(every_changed_bit_is_refused);
    RUN(every_truncation_and_extension_is_refused);
    RUN(every_changed_bit_of_a_data_key_blob_is_refused);
    RUN(noise_gives_only_statuses);
    CHECK(keyfold_open_handles() == 0);
    return 0;
}
