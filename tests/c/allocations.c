/* After its first call the data path allocates nothing: neither Rust nor C asks malloc for a byte. The allocator and
 * getrandom of this program stand in the way and count. Seen to fail without the pause below: within a second of a change
 * a store on disk is read again, since a time stamp so young proves nothing. */
#include "test.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static atomic_long allocations, draws;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t n) { return atomic_fetch_add(&allocations, 1), __libc_malloc(n); }
void *calloc(size_t m, size_t n) { return atomic_fetch_add(&allocations, 1), __libc_calloc(m, n); }
void *realloc(void *p, size_t n) { return atomic_fetch_add(&allocations, 1), __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { return atomic_fetch_add(&allocations, 1), __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { return memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n) { return (*p = memalign(a, n)) ? 0 : ENOMEM; }

ssize_t getrandom(void *out, size_t n, unsigned flags)
{
    atomic_fetch_add(&draws, 1);
    return syscall(SYS_getrandom, out, n, flags);
}

static uint8_t data[40000], out[60000], opened[40000], context[64];
static fixture f;

static void every_call_of_the_data_path(size_t context_len)
{
    size_t n, size;
    static const keyfold_key *keys[2];
    keyfold_encrypt_options options = KEYFOLD_ENCRYPT_OPTIONS_INIT;
    keyfold_opened which = KEYFOLD_OPENED_INIT;
    options.store_context = KEYFOLD_STORE_CONTEXT_NAMES;
    keys[0] = keys[1] = f.key;
    GIVES(OK, keyfold_encrypted_size(sizeof data, context, context_len, &options, &size));
    GIVES(OK, keyfold_encrypt(f.key, data, 100, context, context_len, NULL, out, sizeof out, &n));
    GIVES(OK, keyfold_decrypt(f.key, out, n, context, context_len, NULL, opened, sizeof opened, &size));
    GIVES(OK, keyfold_decrypt_any(f.store, out, n, context, context_len, NULL, opened, sizeof opened, &size, &which));
    GIVES(AUTH, keyfold_decrypt(f.key, out, n, NULL, 0, NULL, opened, sizeof opened, &size));
    GIVES(BUFFER_TOO_SMALL, keyfold_decrypt(f.key, out, n, NULL, 0, NULL, NULL, 0, &size));
    GIVES(OK, keyfold_encrypt(f.key, data, sizeof data, context, context_len, &options, out, sizeof out, &n));
    GIVES(OK, keyfold_decrypt(f.key, out, n, context, context_len, NULL, opened, sizeof opened, &size));
    GIVES(OK, keyfold_decrypt_in_place(f.key, out, n, context, context_len, NULL, &size));
    GIVES(OK, keyfold_encrypt_in_place(f.key, out, sizeof out, 200, 20000, context, context_len, NULL, &n));
    GIVES(OK, keyfold_encrypt_to(keys, 2, data, 100, context, context_len, NULL, 0, NULL, out, sizeof out, &n));
    GIVES(OK, keyfold_decrypt_with_keys(keys, 2, out, n, context, context_len, NULL, opened, sizeof opened, &size, NULL));
    uint64_t offsets[] = {0, 10, 20}, places[3];
    GIVES(OK, keyfold_encrypt_batch(f.key, data, 20, offsets, 2, context, context_len, NULL, NULL, out, sizeof out, &n, places, NULL));
    GIVES(OK, keyfold_decrypt_batch(f.key, out, n, places, 2, context, context_len, NULL, NULL, opened, sizeof opened, &size, offsets, NULL));
    GIVES(OK, keyfold_generate_data_key(f.key, context, context_len, NULL, opened, 32, out, sizeof out, &n));
    GIVES(OK, keyfold_decrypt_data_key(f.key, out, n, context, context_len, NULL, opened, sizeof opened, &size));
    GIVES(OK, keyfold_generate_random(data, sizeof data));
}

static void counted_to_be_none(void)
{
    size_t context_len = card_context(context);
    every_call_of_the_data_path(context_len);
    long before = atomic_load(&allocations);
    CHECK(before > 100);
    for (int i = 0; i < 200; i++) every_call_of_the_data_path(context_len);
    long after = atomic_load(&allocations);
    if (after != before) fprintf(stderr, "%ld allocations in 200 rounds\n", after - before);
    CHECK(after == before);
}

static void the_data_path_allocates_nothing_in_memory(void)
{
    f = in_memory();
    counted_to_be_none();
    end(&f);
}

static void the_data_path_allocates_nothing_on_disk(void)
{
    f = on_disk("allocations", NULL);
    sleep(2);
    counted_to_be_none();
}

static void a_reseed_reaches_the_next_draw(void)
{
    uint8_t random[32];
    GIVES(OK, keyfold_generate_random(random, 32));
    for (int i = 0; i < 5; i++) {
        GIVES(OK, keyfold_reseed());
        long before = atomic_load(&draws);
        GIVES(OK, keyfold_generate_random(random, 32));
        CHECK(atomic_load(&draws) > before);
    }
}

int main(void)
{
    RUN(the_data_path_allocates_nothing_in_memory);
    RUN(the_data_path_allocates_nothing_on_disk);
    RUN(a_reseed_reaches_the_next_draw);
    end(&f);
    CHECK(keyfold_open_handles() == 0);
    remove_folder();
    return 0;
}
