/* Many threads on one handle, one of which closes it; errors that are each thread's own; small stacks. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 16 };
static const uint8_t message[100] = "a message";

static void together(void *(*work)(void *), void *argument)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) CHECK(!pthread_create(&threads[i], NULL, work, argument));
    for (int i = 0; i < THREADS; i++) CHECK(!pthread_join(threads[i], NULL));
}

static atomic_int round_trips, refused, closers;

static void *use_until_closed(void *argument)
{
    keyfold_key *key = argument;
    int who = atomic_fetch_add(&closers, 1);
    uint8_t out[400], opened[100];
    size_t n, size;
    for (int i = 0;; i++) {
        keyfold_status status = keyfold_encrypt(key, message, sizeof message, NULL, 0, NULL, out, sizeof out, &n);
        if (status == KEYFOLD_STATUS_INVALID_HANDLE) break;
        GIVES(OK, status);
        status = keyfold_decrypt(key, out, n, NULL, 0, NULL, opened, sizeof opened, &size);
        if (status == KEYFOLD_STATUS_INVALID_HANDLE) break;
        GIVES(OK, status);
        CHECK(size == sizeof message && !memcmp(opened, message, size));
        atomic_fetch_add(&round_trips, 1);
        /* One of them closes it under the others. */
        if (who == 0 && i == 200) GIVES(OK, keyfold_key_close(key));
    }
    CHECK(said("closed"));
    atomic_fetch_add(&refused, 1);
    return NULL;
}

static void one_of_sixteen_threads_closes_the_handle_they_use(void)
{
    fixture f = in_memory();
    for (int round = 0; round < rounds(10); round++) {
        keyfold_key *key;
        atomic_store(&closers, 0);
        atomic_store(&refused, 0);
        GIVES(OK, keyfold_key_open(f.store, "cards", &key));
        together(use_until_closed, key);
        CHECK(atomic_load(&refused) == THREADS);
        CHECK(keyfold_open_handles() == 2);
    }
    CHECK(atomic_load(&round_trips) > 200);
    end(&f);
}

static fixture shared;
static atomic_int number;

static void *fail_in_its_own_way(void *unused)
{
    (void)unused;
    char name[32], wanted[64], detail[KEYFOLD_ERROR_SIZE];
    snprintf(name, sizeof name, "ghost-%d", atomic_fetch_add(&number, 1));
    snprintf(wanted, sizeof wanted, "\"%s\"", name);
    keyfold_buffer json;
    for (int i = 0; i < rounds(300); i++) {
        GIVES(KEY_NOT_FOUND, keyfold_key_describe(shared.store, name, &json));
        GIVES(OK, keyfold_last_error(detail, sizeof detail, NULL));
        CHECK(strstr(detail, wanted));
    }
    return NULL;
}

static void each_thread_reads_its_own_last_error(void)
{
    shared = in_memory();
    together(fail_in_its_own_way, NULL);
    end(&shared);
}

/* While some threads encrypt, others rotate: nothing that was sealed is lost. */
static void *seal_and_open(void *unused)
{
    (void)unused;
    int who = atomic_fetch_add(&number, 1);
    uint8_t out[400], opened[100];
    size_t n, size;
    for (int i = 0; i < rounds(who == 0 ? 20 : 400); i++) {
        if (who == 0) {
            GIVES(OK, keyfold_key_rotate(shared.store, "cards", NULL));
            continue;
        }
        GIVES(OK, keyfold_encrypt(shared.key, message, sizeof message, NULL, 0, NULL, out, sizeof out, &n));
        if (who & 1) GIVES(OK, keyfold_rewrap(shared.key, out, n, NULL, 0, NULL));
        GIVES(OK, keyfold_decrypt_any(shared.store, out, n, NULL, 0, NULL, opened, sizeof opened, &size, NULL));
    }
    return NULL;
}

static void rotation_under_use_loses_nothing(void)
{
    shared = on_disk("rotate", NULL);
    atomic_store(&number, 0);
    together(seal_and_open, NULL);
    end(&shared);
}

/* The data path from a thread whose stack is 64 KiB, with the guard page that threads have. */
static void *small(void *argument)
{
    fixture *f = argument;
    /* What the test itself needs is not on the stack. */
    static uint8_t data[40000], out[60000], context[KEYFOLD_CONTEXT_MAX_SIZE];
    static char value[8000];
    size_t n, size, context_len;
    memset(value, 'v', sizeof value - 1);
    static keyfold_pair pairs[1];
    pairs[0] = (keyfold_pair){(const uint8_t *)"n", 1, (const uint8_t *)value, sizeof value - 1};
    GIVES(OK, keyfold_context_pack(pairs, 1, context, sizeof context, &context_len));
    keyfold_encrypt_options options = KEYFOLD_ENCRYPT_OPTIONS_INIT;
    options.store_context = KEYFOLD_STORE_CONTEXT_ALL;
    keyfold_decrypt_options accept = KEYFOLD_DECRYPT_OPTIONS_INIT;
    accept.flags = KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT;
    const keyfold_key *keys[32];
    for (int i = 0; i < 32; i++) keys[i] = f->key;
    GIVES(OK, keyfold_encrypt(f->key, data, sizeof data, context, context_len, &options, out, sizeof out, &n));
    GIVES(OK, keyfold_decrypt(f->key, out, n, NULL, 0, &accept, data, sizeof data, &size));
    GIVES(OK, keyfold_decrypt_any(f->store, out, n, context, context_len, NULL, data, sizeof data, &size, NULL));
    GIVES(OK, keyfold_rewrap(f->key, out, n, context, context_len, NULL));
    GIVES(OK, keyfold_decrypt_in_place(f->key, out, n, context, context_len, NULL, &size));
    GIVES(OK, keyfold_encrypt_to(keys, 32, data, 1000, NULL, 0, NULL, 0, NULL, out, sizeof out, &n));
    GIVES(OK, keyfold_decrypt_with_keys(keys, 32, out, n, NULL, 0, NULL, data, sizeof data, &size, NULL));
    static uint8_t key[1024];
    GIVES(OK, keyfold_generate_data_key(f->key, NULL, 0, NULL, key, sizeof key, out, sizeof out, &n));
    GIVES(OK, keyfold_decrypt_data_key(f->key, out, n, NULL, 0, NULL, key, sizeof key, &size));
    uint64_t offsets[] = {0, 10, 20}, places[3];
    GIVES(OK, keyfold_encrypt_batch(f->key, data, 20, offsets, 2, NULL, 0, NULL, NULL, out, sizeof out, &n, places, NULL));
    GIVES(OK, keyfold_decrypt_batch(f->key, out, n, places, 2, NULL, 0, NULL, NULL, data, sizeof data, &size, offsets, NULL));
    GIVES(OK, keyfold_generate_random(data, sizeof data));
    GIVES(AUTH, keyfold_decrypt(f->key, out, places[1], context, context_len, NULL, data, sizeof data, &size));
    return NULL;
}

static void the_data_path_runs_on_a_stack_of_64_kib(void)
{
    fixture f = in_memory();
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK(!pthread_attr_init(&attributes));
    CHECK(!pthread_attr_setstacksize(&attributes, 64 * 1024));
    CHECK(!pthread_create(&thread, &attributes, small, &f));
    CHECK(!pthread_join(thread, NULL));
    end(&f);
}

int main(void)
{
    RUN(one_of_sixteen_threads_closes_the_handle_they_use);
    RUN(each_thread_reads_its_own_last_error);
    RUN(rotation_under_use_loses_nothing);
    RUN(the_data_path_runs_on_a_stack_of_64_kib);
    CHECK(keyfold_open_handles() == 0);
    remove_folder();
    return 0;
}
