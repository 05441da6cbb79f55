/* Readers and files: what a caller can get wrong, objects that are cut off or change, and whose thread a callback is on. */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

enum { CHUNK = 16384, SEALED = CHUNK + 16, SIZE = 3 * CHUNK + 777, ROOM = SIZE + 1024, BIG = 6 << 20 };

static uint8_t *message(size_t size)
{
    uint8_t *made = malloc(size + 1);
    CHECK(made);
    for (size_t i = 0; i < size; i++) made[i] = (uint8_t)(i * 131 + (i >> 9));
    return made;
}

static void put(const char *at, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(at, "wb");
    CHECK(file && fwrite(bytes, 1, size, file) == size && !fclose(file));
}

/* The file holds these bytes and no others. */
static int is(const char *at, const uint8_t *bytes, size_t size)
{
    uint8_t *found = malloc(size + 1);
    FILE *file = fopen(at, "rb");
    CHECK(found && file);
    int same = fread(found, 1, size + 1, file) == size && !memcmp(found, bytes, size);
    fclose(file);
    free(found);
    return same;
}

static int files_in(const char *folder)
{
    DIR *dir = opendir(folder);
    CHECK(dir);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(dir);
    return n;
}

/* An envelope in memory that a reader reads, and who may call for it. */
typedef struct {
    const uint8_t *bytes;
    size_t len;
    pthread_t only; /* no other thread calls back */
    int watched;
    atomic_int calls, released;
} object;

static int32_t fetch(void *data, uint64_t offset, uint8_t *into, size_t cap, size_t *out_len)
{
    object *o = data;
    atomic_fetch_add(&o->calls, 1);
    if (o->watched) CHECK(pthread_equal(o->only, pthread_self()));
    size_t left = offset < o->len ? o->len - (size_t)offset : 0, n = cap < left ? cap : left;
    memcpy(into, o->bytes + (n ? offset : 0), n);
    return *out_len = n, KEYFOLD_CALLBACK_OK;
}

static void given_back(void *data)
{
    atomic_fetch_add(&((object *)data)->released, 1);
}

static keyfold_reader *reader_of(const keyfold_key *key, object *o, uint64_t size)
{
    keyfold_reader *reader;
    GIVES(OK, keyfold_reader_open(&key, 1, NULL, 0, NULL, size, fetch, o, given_back, &reader));
    return reader;
}

static void readers_refuse_what_is_no_reader_no_file_and_no_place(void)
{
    fixture f = in_memory();
    const keyfold_key *key = f.key;
    uint8_t *plain = message(SIZE), back[100];
    size_t len, n;
    uint64_t size = 7, from = 7;
    uint8_t *envelope = sealed(key, plain, SIZE, &len);
    object o = {.bytes = envelope, .len = len};
    keyfold_reader *none = NULL;

    GIVES(NULL_ARGUMENT, keyfold_reader_open(&key, 1, NULL, 0, NULL, len, NULL, &o, given_back, &none));
    GIVES(NULL_ARGUMENT, keyfold_reader_open(NULL, 1, NULL, 0, NULL, len, fetch, &o, given_back, &none));
    GIVES(NULL_ARGUMENT, keyfold_reader_open(&key, 1, NULL, 0, NULL, len, fetch, &o, given_back, NULL));
    GIVES(INVALID_ARGUMENT, keyfold_reader_open(&key, 0, NULL, 0, NULL, len, fetch, &o, given_back, &none));
    GIVES(INVALID_HANDLE, keyfold_reader_open_any((keyfold_store *)f.key, NULL, 0, NULL, len, fetch, &o, given_back, &none));
    keyfold_work work = KEYFOLD_WORK_INIT;
    keyfold_decrypt_options options = KEYFOLD_DECRYPT_OPTIONS_INIT;
    options.work = &work;
    GIVES(INVALID_ARGUMENT, keyfold_reader_open(&key, 1, NULL, 0, &options, len, fetch, &o, given_back, &none));
    CHECK(o.released == 6 && !o.calls && !none);

    int ends[2];
    CHECK(!pipe(ends));
    GIVES(INVALID_ARGUMENT, keyfold_reader_open_fd(&key, 1, NULL, 0, NULL, -1, &none));
    GIVES(INVALID_ARGUMENT, keyfold_reader_open_fd(&key, 1, NULL, 0, NULL, ends[0], &none));
    CHECK(said("stream"));
    close(ends[0]), close(ends[1]);
    GIVES(IO, keyfold_reader_open_fd(&key, 1, NULL, 0, NULL, ends[0], &none));
    int folder = open("/", O_RDONLY);
    CHECK(folder >= 0 && keyfold_reader_open_fd_any(f.store, NULL, 0, NULL, folder, &none) && !none);
    close(folder);

    keyfold_reader *reader = reader_of(key, &o, len);
    GIVES(INVALID_HANDLE, keyfold_reader_pread(NULL, 0, NULL, back, sizeof back, &n));
    GIVES(INVALID_HANDLE, keyfold_reader_pread((keyfold_reader *)f.store, 0, NULL, back, sizeof back, &n));
    GIVES(NULL_ARGUMENT, keyfold_reader_pread(reader, 0, NULL, NULL, 1, &n));
    GIVES(NULL_ARGUMENT, keyfold_reader_pread(reader, 0, NULL, back, sizeof back, NULL));
    GIVES(NULL_ARGUMENT, keyfold_reader_size(reader, NULL));
    union {
        size_t n;
        uint8_t bytes[64];
    } same;
    GIVES(BUFFERS_OVERLAP, keyfold_reader_pread(reader, 0, NULL, same.bytes, sizeof same, &same.n));
    GIVES(OK, keyfold_reader_pread(reader, 0, NULL, NULL, 0, &n));
    CHECK(n == 0);
    GIVES(OK, keyfold_reader_pread(reader, UINT64_MAX, NULL, back, sizeof back, &n));
    CHECK(n == 0);
    uint32_t stop = 1;
    work.cancel = &stop;
    memset(back, 7, sizeof back);
    GIVES(CANCELLED, keyfold_reader_pread(reader, 0, &work, back, sizeof back, &n));
    CHECK(!n && zero(back, sizeof back));
    GIVES(OK, keyfold_reader_pread(reader, 1, NULL, back, sizeof back, &n));
    CHECK(n == sizeof back && !memcmp(back, plain + 1, n));

    GIVES(NULL_ARGUMENT, keyfold_ciphertext_range(envelope, len, len, 0, 1, NULL, &size));
    GIVES(NULL_ARGUMENT, keyfold_ciphertext_range(envelope, len, len, 0, 1, &from, NULL));
    GIVES(NOT_AN_ENVELOPE, keyfold_ciphertext_range(plain, 100, len, 0, 1, &from, &size));
    CHECK(!from && !size);
    for (size_t short_of = 0; short_of < 44; short_of++)
        CHECK(keyfold_ciphertext_range(envelope, short_of, len, 0, 1, &from, &size) && !size);
    GIVES(OK, keyfold_ciphertext_range(envelope, 44, len, CHUNK - 1, 2, &from, &size));
    CHECK(size == 2 * SEALED && from == len - (3 * SEALED + 777 + 16));

    GIVES(OK, keyfold_reader_close(reader));
    CHECK(o.released == 7);
    GIVES(INVALID_HANDLE, keyfold_reader_pread(reader, 0, NULL, back, sizeof back, &n));
    GIVES(INVALID_HANDLE, keyfold_reader_close(reader));
    GIVES(OK, keyfold_reader_close(NULL));
    free(plain), free(envelope);
    end(&f);
}

/* Cut between and in the middle of chunks, and told of more or less than there is: never a wrong end, and what is whole
 * can be read. */
static void a_cut_object_never_gives_its_end(void)
{
    fixture f = in_memory();
    uint8_t *plain = message(SIZE), *back = malloc(ROOM);
    CHECK(back);
    size_t len, n;
    uint64_t size;
    uint8_t *envelope = sealed(f.key, plain, SIZE, &len);
    size_t head = len - (3 * SEALED + 777 + 16);
    int refused = 0, opened = 0;
    for (size_t k = 0; k <= 3; k++)
        for (int near = -1; near <= 17; near += near == 1 ? 14 : 1) {
            size_t cut = head + k * SEALED + (size_t)(near + 1) - 1;
            object o = {.bytes = envelope, .len = cut};
            const keyfold_key *key = f.key;
            keyfold_reader *reader;
            keyfold_status status = keyfold_reader_open(&key, 1, NULL, 0, NULL, cut, fetch, &o, given_back, &reader);
            if (status) {
                /* A size that no envelope has, or a head that is not whole. */
                CHECK(status == KEYFOLD_STATUS_AUTH || (k == 0 && status / 100 == 3));
                refused++;
                continue;
            }
            opened++;
            GIVES(AUTH, keyfold_reader_size(reader, &size));
            CHECK(!size);
            memset(back, 7, ROOM);
            GIVES(AUTH, keyfold_reader_pread(reader, 0, NULL, back, ROOM, &n));
            CHECK(!n && zero(back, ROOM));
            if (cut >= head + SEALED) {
                GIVES(OK, keyfold_reader_pread(reader, 0, NULL, back, CHUNK, &n));
                CHECK(n == CHUNK && !memcmp(back, plain, n));
            }
            GIVES(OK, keyfold_reader_close(reader));
        }
    CHECK(refused && opened);
    for (int more = 1; more < 3 * SEALED; more += SEALED - 1) {
        object o = {.bytes = envelope, .len = len};
        const keyfold_key *key = f.key;
        keyfold_reader *reader;
        GIVES(OK, keyfold_reader_open(&key, 1, NULL, 0, NULL, len + (size_t)more, fetch, &o, given_back, &reader));
        CHECK(keyfold_reader_size(reader, &size) && !size);
        CHECK(keyfold_reader_pread(reader, 0, NULL, back, ROOM, &n) && !n && zero(back, ROOM));
        GIVES(OK, keyfold_reader_pread(reader, 5, NULL, back, CHUNK, &n));
        CHECK(n == CHUNK && !memcmp(back, plain + 5, n));
        GIVES(OK, keyfold_reader_close(reader));
    }
    free(plain), free(back), free(envelope);
    end(&f);
}

static int32_t on_this_thread(void *data, uint64_t done, uint64_t total)
{
    object *o = data;
    CHECK(pthread_equal(o->only, pthread_self()) && done <= total);
    atomic_fetch_add(&o->calls, 1);
    return KEYFOLD_CALLBACK_OK;
}

static void callbacks_come_on_the_thread_that_called_however_many_work(void)
{
    fixture f = in_memory();
    uint8_t *plain = message(BIG), *back = malloc(BIG);
    CHECK(back);
    size_t len, n;
    uint8_t *envelope = sealed(f.key, plain, BIG, &len);
    object o = {.bytes = envelope, .len = len, .only = pthread_self(), .watched = 1}, told = {.only = pthread_self()};
    keyfold_reader *reader = reader_of(f.key, &o, len);
    for (uint32_t threads = 0; threads <= 4; threads++) {
        keyfold_work work = KEYFOLD_WORK_INIT;
        work.threads = threads, work.progress = on_this_thread, work.user_data = &told;
        told.calls = 0;
        memset(back, 0, BIG);
        GIVES(OK, keyfold_reader_pread(reader, 0, &work, back, BIG, &n));
        CHECK(n == BIG && !memcmp(back, plain, BIG) && told.calls > 1);
    }
    GIVES(OK, keyfold_reader_close(reader));
    free(plain), free(back), free(envelope);
    end(&f);
}

/* A source that stops its own stream, and has another thread close it: it is given back when its last call has ended. */
typedef struct {
    keyfold_stream *stream;
    pthread_t only, closer;
    int closes;
    atomic_int calls, released;
} endless;

static void *close_it(void *data)
{
    GIVES(OK, keyfold_stream_close(((endless *)data)->stream));
    return NULL;
}

static int32_t never_ends(void *data, uint8_t *into, size_t cap, size_t *out_len)
{
    endless *e = data;
    CHECK(pthread_equal(e->only, pthread_self()) && !e->released);
    if (atomic_fetch_add(&e->calls, 1) == 1) {
        GIVES(OK, keyfold_stream_cancel(e->stream));
        if (e->closes) CHECK(!pthread_create(&e->closer, NULL, close_it, e));
    }
    memset(into, 1, cap);
    return *out_len = cap, KEYFOLD_CALLBACK_OK;
}

static void endless_released(void *data)
{
    atomic_fetch_add(&((endless *)data)->released, 1);
}

static void a_stream_can_be_cancelled_and_closed_while_its_source_is_asked(void)
{
    fixture f = in_memory();
    const keyfold_key *key = f.key;
    uint8_t *out = malloc(BIG);
    CHECK(out);
    for (int closes = 0; closes < 2; closes++) {
        endless e = {.only = pthread_self(), .closes = closes};
        keyfold_work work = KEYFOLD_WORK_INIT;
        work.threads = 3;
        size_t n;
        GIVES(OK, keyfold_stream_encrypt(&key, 1, NULL, 0, NULL, 0, NULL, never_ends, &e, endless_released, &e.stream));
        memset(out, 7, BIG);
        GIVES(CANCELLED, keyfold_stream_read(e.stream, &work, out, BIG, &n));
        CHECK(!n && zero(out, BIG));
        if (closes) CHECK(!pthread_join(e.closer, NULL));
        else {
            GIVES(CANCELLED, keyfold_stream_read(e.stream, &work, out, BIG, &n));
            CHECK(!e.released);
            GIVES(OK, keyfold_stream_close(e.stream));
        }
        CHECK(e.released == 1);
        GIVES(INVALID_HANDLE, keyfold_stream_read(e.stream, NULL, out, BIG, &n));
    }
    free(out);
    end(&f);
}

/* T-37: pages that somebody else writes to meanwhile. */
static atomic_int stop;

static void *change(void *at)
{
    volatile uint8_t *byte = at;
    while (!atomic_load(&stop)) *byte ^= 0x55;
    return NULL;
}

/* Opens it again and again while a byte of it changes; whether `threads` or a reader does it. */
static void open_what_changes(const keyfold_key *key, size_t size, size_t from_the_end, uint32_t threads, int read, int times)
{
    uint8_t *plain = message(size), *back = malloc(size + 1);
    CHECK(back);
    size_t len, n;
    uint8_t *envelope = sealed(key, plain, size, &len);
    uint8_t *shared = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    memcpy(shared, envelope, len);
    object o = {.bytes = shared, .len = len};
    keyfold_reader *reader = reader_of(key, &o, len);
    keyfold_work work = KEYFOLD_WORK_INIT;
    work.threads = threads;
    keyfold_decrypt_options options = KEYFOLD_DECRYPT_OPTIONS_INIT;
    options.work = &work;
    pthread_t thread;
    atomic_store(&stop, 0);
    CHECK(!pthread_create(&thread, NULL, change, shared + len - from_the_end));
    int refused = 0;
    for (int i = 0; i < times; i++) {
        keyfold_status status = read ? keyfold_reader_pread(reader, 0, &work, back, size, &n)
                                     : keyfold_decrypt(key, shared, len, NULL, 0, &options, back, size, &n);
        if (status) {
            CHECK(status == KEYFOLD_STATUS_AUTH && !n && zero(back, size));
            refused++;
        } else {
            CHECK(n == size && !memcmp(back, plain, size));
        }
    }
    atomic_store(&stop, 1);
    CHECK(!pthread_join(thread, NULL));
    printf("  c: %zu bytes, %s: %d of %d openings refused\n", size, read ? "read" : "decrypted", refused, times);
    GIVES(OK, keyfold_reader_close(reader));
    CHECK(!munmap(shared, len));
    free(plain), free(back), free(envelope);
}

/* Valgrind runs one thread at a time: nothing changes during an opening. */
static int often(int times)
{
    return getenv("VALGRIND") ? 5 : times;
}

/* Seen to fail, on a processor without AVX-512, with `chunks::open` that decrypts out of the caller's memory. */
static void shared_pages_that_change_give_the_message_or_nothing(void)
{
    fixture f = in_memory();
    open_what_changes(f.key, CHUNK - 1, 8000, 1, 0, often(40000));
    open_what_changes(f.key, 5000, 2500, 1, 0, often(40000));
    open_what_changes(f.key, SIZE, CHUNK + 8000, 1, 0, often(10000));
    open_what_changes(f.key, SIZE, 10000, 1, 1, often(10000));
    open_what_changes(f.key, BIG, BIG / 2, 2, 0, often(50));
    end(&f);
}

static int32_t no_further(void *data, uint64_t done, uint64_t total)
{
    (void)total;
    return done >= *(const uint64_t *)data ? 0 : KEYFOLD_CALLBACK_OK;
}

/* Whatever goes wrong, the target is what it was and nothing else lies beside it. */
static void a_file_that_fails_leaves_its_target_and_nothing_beside_it(void)
{
    fixture f = in_memory();
    const keyfold_key *key = f.key;
    uint8_t *plain = message(BIG);
    char folder[512], from[600], to[600], bad[600];
    snprintf(folder, sizeof folder, "%s", path("files"));
    CHECK(!mkdir(folder, 0700));
    snprintf(from, sizeof from, "%s/from", folder);
    snprintf(to, sizeof to, "%s/to", folder);
    snprintf(bad, sizeof bad, "%s/none/to", folder);
    put(from, plain, BIG);
    put(to, (const uint8_t *)"old", 3);
    uint64_t size = 7;

    GIVES(NULL_ARGUMENT, keyfold_encrypt_file(&key, 1, NULL, to, NULL, 0, NULL, 0, NULL, &size));
    CHECK(!size);
    GIVES(NULL_ARGUMENT, keyfold_encrypt_file(&key, 1, from, NULL, NULL, 0, NULL, 0, NULL, &size));
    GIVES(INVALID_UTF8, keyfold_encrypt_file(&key, 1, "\xff", to, NULL, 0, NULL, 0, NULL, &size));
    GIVES(INVALID_ARGUMENT, keyfold_encrypt_file(&key, 0, from, to, NULL, 0, NULL, 0, NULL, &size));
    GIVES(IO, keyfold_encrypt_file(&key, 1, bad, to, NULL, 0, NULL, 0, NULL, &size));
    CHECK(said("none/to"));
    GIVES(IO, keyfold_encrypt_file(&key, 1, from, bad, NULL, 0, NULL, 0, NULL, &size));
    CHECK(keyfold_encrypt_file(&key, 1, from, folder, NULL, 0, NULL, 0, NULL, &size));
    CHECK(keyfold_encrypt_file(&key, 1, folder, to, NULL, 0, NULL, 0, NULL, &size));

    uint32_t cancel = 1;
    uint64_t enough = 2 << 20;
    keyfold_work flag = KEYFOLD_WORK_INIT, callback = KEYFOLD_WORK_INIT;
    flag.cancel = &cancel;
    callback.progress = no_further, callback.user_data = &enough;
    keyfold_encrypt_options encrypting = KEYFOLD_ENCRYPT_OPTIONS_INIT;
    keyfold_decrypt_options decrypting = KEYFOLD_DECRYPT_OPTIONS_INIT;
    for (int i = 0; i < 2; i++) {
        encrypting.work = i ? &flag : &callback;
        GIVES(CANCELLED, keyfold_encrypt_file(&key, 1, from, to, NULL, 0, NULL, 0, &encrypting, &size));
        CHECK(!size);
    }
    CHECK(is(to, (const uint8_t *)"old", 3) && files_in(folder) == 2);

    /* It may be the file that is read; and back. */
    GIVES(OK, keyfold_encrypt_file(&key, 1, from, from, NULL, 0, NULL, 0, NULL, &size));
    CHECK(size > BIG);
    for (int i = 0; i < 2; i++) {
        decrypting.work = i ? &flag : &callback;
        GIVES(CANCELLED, keyfold_decrypt_file(&key, 1, from, to, NULL, 0, &decrypting, NULL, NULL));
    }
    uint8_t context[64];
    keyfold_opened which = KEYFOLD_OPENED_INIT;
    GIVES(AUTH, keyfold_decrypt_file(&key, 1, from, to, context, card_context(context), NULL, &size, &which));
    CHECK(!size && zero(which.key_id, sizeof which.key_id));
    CHECK(is(to, (const uint8_t *)"old", 3) && files_in(folder) == 2);
    GIVES(OK, keyfold_decrypt_file_any(f.store, from, to, NULL, 0, NULL, &size, &which));
    CHECK(size == BIG && which.version == 1 && is(to, plain, BIG));

    /* Cut at the ends of chunks, near the front, in the middle, and by a byte. */
    size_t len;
    uint8_t *envelope = sealed(key, plain, SIZE, &len);
    size_t head = len - (3 * SEALED + 777 + 16);
    put(to, (const uint8_t *)"old", 3);
    for (size_t k = 0; k <= 3; k++)
        for (int near = 0; near < 3; near++) {
            put(from, envelope, head + k * SEALED + (size_t)near - 1);
            keyfold_status status = keyfold_decrypt_file(&key, 1, from, to, NULL, 0, NULL, &size, NULL);
            CHECK(status / 100 == 3 && !size);
            if (k) CHECK(status == KEYFOLD_STATUS_AUTH);
        }
    put(from, envelope, len - 1);
    GIVES(AUTH, keyfold_decrypt_file(&key, 1, from, to, NULL, 0, NULL, &size, NULL));
    CHECK(is(to, (const uint8_t *)"old", 3) && files_in(folder) == 2);

    /* Options of a program that was compiled before there was work. */
    keyfold_decrypt_options older = KEYFOLD_DECRYPT_OPTIONS_INIT;
    older.size = (uint32_t)offsetof(keyfold_decrypt_options, work);
    older.work = (const keyfold_work *)1;
    put(from, envelope, len);
    GIVES(OK, keyfold_decrypt_file(&key, 1, from, to, NULL, 0, &older, NULL, NULL));
    CHECK(is(to, plain, SIZE));
    free(plain), free(envelope);
    end(&f);
}

static void *writes_into_a_pipe(void *data)
{
    char **names = data;
    FILE *in = fopen(names[0], "rb"), *out = fopen(names[1], "wb");
    CHECK(in && out);
    for (int c; (c = fgetc(in)) != EOF;) fputc(c, out);
    CHECK(!fclose(out) && !fclose(in));
    return NULL;
}

static void a_pipe_can_be_read_and_not_be_the_target(void)
{
    fixture f = in_memory();
    const keyfold_key *key = f.key;
    uint8_t *plain = message(SIZE);
    char from[512], fifo[512], to[512], *names[] = {from, fifo};
    snprintf(from, sizeof from, "%s", path("from"));
    snprintf(fifo, sizeof fifo, "%s", path("fifo"));
    snprintf(to, sizeof to, "%s", path("to"));
    put(from, plain, SIZE);
    CHECK(!mkfifo(fifo, 0600));
    CHECK(keyfold_encrypt_file(&key, 1, from, fifo, NULL, 0, NULL, 0, NULL, NULL));
    struct stat is_still;
    CHECK(!lstat(fifo, &is_still) && S_ISFIFO(is_still.st_mode));
    pthread_t thread;
    uint64_t size, back;
    CHECK(!pthread_create(&thread, NULL, writes_into_a_pipe, names));
    GIVES(OK, keyfold_encrypt_file(&key, 1, fifo, to, NULL, 0, NULL, 0, NULL, &size));
    CHECK(!pthread_join(thread, NULL));
    GIVES(OK, keyfold_decrypt_file(&key, 1, to, from, NULL, 0, NULL, &back, NULL));
    CHECK(back == SIZE && is(from, plain, SIZE));
    free(plain);
    end(&f);
}

int main(void)
{
    RUN(readers_refuse_what_is_no_reader_no_file_and_no_place);
    RUN(a_cut_object_never_gives_its_end);
    RUN(callbacks_come_on_the_thread_that_called_however_many_work);
    RUN(a_stream_can_be_cancelled_and_closed_while_its_source_is_asked);
    RUN(shared_pages_that_change_give_the_message_or_nothing);
    RUN(a_file_that_fails_leaves_its_target_and_nothing_beside_it);
    RUN(a_pipe_can_be_read_and_not_be_the_target);
    remove_folder();
    CHECK(keyfold_open_handles() == 0);
    return 0;
}
