/* Streams, readers and long calls: what a caller can get wrong, callbacks that lie, buffers that change, forks. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { CHUNK = 16384, SIZE = 3 * CHUNK + 777, ROOM = SIZE + 1024 };

static const keyfold_key *one(const fixture *f)
{
    return f->key;
}

static uint8_t *message(size_t size)
{
    uint8_t *made = malloc(size + 1);
    CHECK(made);
    for (size_t i = 0; i < size; i++) made[i] = (uint8_t)(i * 131 + (i >> 9));
    return made;
}

static keyfold_stream *encrypting(const fixture *f, keyfold_source_callback source, void *data, keyfold_source_release release)
{
    const keyfold_key *key = one(f);
    keyfold_stream *stream;
    GIVES(OK, keyfold_stream_encrypt(&key, 1, NULL, 0, NULL, 0, NULL, source, data, release, &stream));
    return stream;
}

static keyfold_stream *decrypting(const fixture *f, keyfold_source_callback source, void *data, keyfold_source_release release)
{
    const keyfold_key *key = one(f);
    keyfold_stream *stream;
    GIVES(OK, keyfold_stream_decrypt(&key, 1, NULL, 0, NULL, source, data, release, &stream));
    return stream;
}

/* Everything pushed, `step` bytes at a time; how many came out. */
static size_t push(keyfold_stream *stream, const uint8_t *in, size_t len, size_t step, uint8_t *out, size_t cap)
{
    size_t done = 0, n, need;
    for (size_t at = 0; at < len; at += step) {
        size_t take = step < len - at ? step : len - at;
        GIVES(OK, keyfold_stream_update_size(stream, take, &need));
        GIVES(OK, keyfold_stream_update(stream, in + at, take, NULL, out + done, cap - done, &n));
        CHECK(n <= need);
        done += n;
    }
    GIVES(OK, keyfold_stream_finish(stream, out + done, cap - done, &n));
    return done + n;
}

static void any_split_gives_the_message(void)
{
    fixture f = in_memory();
    uint8_t *plain = message(SIZE), *sealed = malloc(ROOM), *back = malloc(ROOM);
    CHECK(sealed && back);
    const size_t sizes[] = {0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, SIZE};
    const size_t steps[] = {1000, CHUNK, CHUNK + 1, SIZE};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t t = 0; t < sizeof steps / sizeof *steps; t++) {
            keyfold_stream *in = encrypting(&f, NULL, NULL, NULL), *out = decrypting(&f, NULL, NULL, NULL);
            size_t len = push(in, plain, sizes[s], steps[t], sealed, ROOM), expected;
            GIVES(OK, keyfold_encrypted_size(sizes[s], NULL, 0, NULL, &expected));
            CHECK(len == expected);
            CHECK(push(out, sealed, len, steps[(t + 1) % 4], back, ROOM) == sizes[s] && !memcmp(back, plain, sizes[s]));
            GIVES(OK, keyfold_stream_close(in));
            GIVES(OK, keyfold_stream_close(out));
        }
    free(plain), free(sealed), free(back);
    end(&f);
}

static void misuse_changes_nothing_or_ends_the_stream(void)
{
    fixture f = in_memory();
    uint8_t in[CHUNK + 10] = {1}, out[2 * CHUNK];
    size_t n;
    const keyfold_key *key = one(&f);
    keyfold_stream *stream, *none = NULL;
    GIVES(NULL_ARGUMENT, keyfold_stream_encrypt(NULL, 1, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, &none));
    GIVES(INVALID_ARGUMENT, keyfold_stream_encrypt(&key, 0, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, &none));
    GIVES(NULL_ARGUMENT, keyfold_stream_encrypt(&key, 1, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL));
    GIVES(INVALID_HANDLE, keyfold_stream_update((keyfold_stream *)f.key, in, 1, NULL, out, sizeof out, &n));
    GIVES(INVALID_HANDLE, keyfold_stream_cancel(NULL));
    GIVES(OK, keyfold_stream_close(NULL));
    CHECK(!none);

    stream = encrypting(&f, NULL, NULL, NULL);
    GIVES(NULL_ARGUMENT, keyfold_stream_update(stream, NULL, 1, NULL, out, sizeof out, &n));
    GIVES(BUFFERS_OVERLAP, keyfold_stream_update(stream, out + 1, CHUNK, NULL, out, sizeof out, &n));
    GIVES(BUFFER_TOO_SMALL, keyfold_stream_update(stream, in, sizeof in, NULL, out, CHUNK, &n));
    size_t need = n;
    GIVES(BUFFER_TOO_SMALL, keyfold_stream_update(stream, in, sizeof in, NULL, out, need - 1, &n));
    CHECK(n == need);
    GIVES(INVALID_ARGUMENT, keyfold_stream_read(stream, NULL, out, sizeof out, &n));
    keyfold_work work = KEYFOLD_WORK_INIT;
    work.threads = 1025;
    GIVES(INVALID_ARGUMENT, keyfold_stream_update(stream, in, 1, &work, out, sizeof out, &n));
    work.threads = 0, work.flags = 1;
    GIVES(UNSUPPORTED_OPTION, keyfold_stream_update(stream, in, 1, &work, out, sizeof out, &n));
    /* None of this was anything to the stream. */
    GIVES(OK, keyfold_stream_update(stream, in, sizeof in, NULL, out, need, &n));
    CHECK(n == need);
    uint8_t whole[3 * CHUNK], back[2 * CHUNK];
    memcpy(whole, out, n);
    GIVES(OK, keyfold_stream_finish(stream, whole + need, sizeof whole - need, &n));
    GIVES(OK, keyfold_decrypt(key, whole, need + n, NULL, 0, NULL, back, sizeof back, &n));
    CHECK(n == sizeof in && !memcmp(back, in, n));
    GIVES(STREAM_ENDED, keyfold_stream_update(stream, in, 1, NULL, out, sizeof out, &n));
    GIVES(STREAM_ENDED, keyfold_stream_finish(stream, out, sizeof out, &n));
    GIVES(OK, keyfold_stream_close(stream));
    GIVES(INVALID_HANDLE, keyfold_stream_finish(stream, out, sizeof out, &n));

    /* A failure ends it, and nothing of its output is left. */
    stream = decrypting(&f, NULL, NULL, NULL);
    whole[need - 20] ^= 1;
    memset(back, 7, sizeof back);
    GIVES(AUTH, keyfold_stream_update(stream, whole, need, NULL, back, sizeof back, &n));
    CHECK(!n && zero(back, sizeof back));
    GIVES(STREAM_ENDED, keyfold_stream_update(stream, whole, need, NULL, back, sizeof back, &n));
    GIVES(OK, keyfold_stream_close(stream));
    end(&f);
}

static void an_end_that_is_missing_is_told(void)
{
    fixture f = in_memory();
    uint8_t *plain = message(SIZE), *sealed = malloc(ROOM), *back = malloc(ROOM);
    CHECK(sealed && back);
    size_t len, n;
    GIVES(OK, keyfold_encrypt(f.key, plain, SIZE, NULL, 0, NULL, sealed, ROOM, &len));
    for (size_t cut = 1; cut < len; cut += len / 37) {
        keyfold_stream *stream = decrypting(&f, NULL, NULL, NULL);
        keyfold_status status = keyfold_stream_update(stream, sealed, len - cut, NULL, back, ROOM, &n);
        CHECK(status == KEYFOLD_STATUS_OK && !memcmp(back, plain, n));
        status = keyfold_stream_finish(stream, back, ROOM, &n);
        CHECK(status == KEYFOLD_STATUS_AUTH || status == KEYFOLD_STATUS_MALFORMED || status == KEYFOLD_STATUS_NOT_AN_ENVELOPE);
        CHECK(!n && zero(back, ROOM));
        GIVES(OK, keyfold_stream_close(stream));
    }
    keyfold_stream *stream = decrypting(&f, NULL, NULL, NULL);
    GIVES(OK, keyfold_stream_update(stream, sealed, len - 1, NULL, back, ROOM, &n));
    GIVES(STREAM_UNFINISHED, keyfold_stream_close(stream));
    stream = encrypting(&f, NULL, NULL, NULL);
    GIVES(STREAM_UNFINISHED, keyfold_stream_close(stream));
    stream = encrypting(&f, NULL, NULL, NULL);
    GIVES(OK, keyfold_stream_cancel(stream));
    GIVES(CANCELLED, keyfold_stream_update(stream, plain, 10, NULL, back, ROOM, &n));
    GIVES(OK, keyfold_stream_close(stream));
    free(plain), free(sealed), free(back);
    end(&f);
}

/* A source, and what it does wrong. */
typedef struct {
    const uint8_t *bytes;
    size_t len, at;
    int wrong;
    atomic_int calls, released;
    keyfold_stream *stream;
} host;

static int32_t give(void *data, uint8_t *into, size_t cap, size_t *out_len)
{
    host *h = data;
    atomic_fetch_add(&h->calls, 1);
    if (h->wrong == 1) return 0;
    if (h->wrong == 2) return *out_len = cap + 1, KEYFOLD_CALLBACK_OK;
    if (h->wrong == 3) return KEYFOLD_CALLBACK_OK;
    if (h->wrong == 4) return *out_len = 0, -7;
    if (h->wrong == 5) { /* it may not use its own stream */
        uint8_t out[10];
        size_t n;
        GIVES(BUSY, keyfold_stream_read(h->stream, NULL, out, sizeof out, &n));
    }
    size_t n = cap < h->len - h->at ? cap : h->len - h->at;
    if (n > 5000) n = 5000;
    memcpy(into, h->bytes + h->at, n);
    h->at += n;
    return *out_len = n, KEYFOLD_CALLBACK_OK;
}

static int32_t give_at(void *data, uint64_t offset, uint8_t *into, size_t cap, size_t *out_len)
{
    host *h = data;
    atomic_fetch_add(&h->calls, 1);
    if (h->wrong == 1) return 0;
    if (h->wrong == 2) return *out_len = cap + 1, KEYFOLD_CALLBACK_OK;
    if (h->wrong == 3) return KEYFOLD_CALLBACK_OK;
    if (h->wrong == 4) return *out_len = 0, -7;
    size_t left = offset < h->len ? h->len - (size_t)offset : 0, n = cap < left ? cap : left;
    if (n > 5000) n = 5000;
    memcpy(into, h->bytes + (offset < h->len ? offset : 0), n);
    return *out_len = n, KEYFOLD_CALLBACK_OK;
}

static void released(void *data)
{
    atomic_fetch_add(&((host *)data)->released, 1);
}

static void callbacks_that_lie_are_told_and_given_back_once(void)
{
    fixture f = in_memory();
    const keyfold_key *key = one(&f);
    uint8_t *plain = message(SIZE), *sealed = malloc(ROOM), *back = malloc(ROOM);
    CHECK(sealed && back);
    size_t len, n;
    GIVES(OK, keyfold_encrypt(key, plain, SIZE, NULL, 0, NULL, sealed, ROOM, &len));
    for (int wrong = 0; wrong <= 5; wrong++) {
        host h = {.bytes = sealed, .len = len, .wrong = wrong};
        h.stream = decrypting(&f, give, &h, released);
        memset(back, 9, ROOM);
        if (wrong == 0 || wrong == 5) {
            GIVES(OK, keyfold_stream_read(h.stream, NULL, back, ROOM, &n));
            CHECK(n == SIZE && !memcmp(back, plain, SIZE));
            GIVES(OK, keyfold_stream_read(h.stream, NULL, back, ROOM, &n));
            CHECK(n == 0);
        } else {
            GIVES(CALLBACK_FAILED, keyfold_stream_read(h.stream, NULL, back, ROOM, &n));
            CHECK(!n && zero(back, ROOM));
            int calls = h.calls;
            GIVES(CALLBACK_FAILED, keyfold_stream_read(h.stream, NULL, back, ROOM, &n));
            CHECK(h.calls == calls);
        }
        CHECK(!h.released);
        GIVES(OK, keyfold_stream_close(h.stream));
        CHECK(h.released == 1);

        host at = {.bytes = sealed, .len = len, .wrong = wrong};
        keyfold_reader *reader = NULL;
        if (wrong && wrong < 5) {
            GIVES(CALLBACK_FAILED, keyfold_reader_open(&key, 1, NULL, 0, NULL, len, give_at, &at, released, &reader));
            CHECK(!reader && at.released == 1);
            at.wrong = 0, at.released = 0;
        }
        GIVES(OK, keyfold_reader_open(&key, 1, NULL, 0, NULL, len, give_at, &at, released, &reader));
        at.wrong = wrong;
        memset(back, 9, ROOM);
        if (wrong && wrong < 5) {
            GIVES(CALLBACK_FAILED, keyfold_reader_pread(reader, 100, NULL, back, 1000, &n));
            CHECK(!n && zero(back, 1000));
            at.wrong = 0;
        }
        GIVES(OK, keyfold_reader_pread(reader, 100, NULL, back, ROOM, &n));
        CHECK(n == SIZE - 100 && !memcmp(back, plain + 100, n) && !at.released);
        GIVES(OK, keyfold_reader_close(reader));
        CHECK(at.released == 1);
    }
    /* A call that is refused gives it back too. */
    host refused = {0};
    keyfold_stream *none;
    GIVES(INVALID_ARGUMENT, keyfold_stream_decrypt(&key, 0, NULL, 0, NULL, give, &refused, released, &none));
    CHECK(refused.released == 1 && !refused.calls);
    free(plain), free(sealed), free(back);
    end(&f);
}

static atomic_int stop;

/* Changes bytes of a chunk and puts them back. */
static void *change(void *at)
{
    volatile uint8_t *byte = at;
    while (!atomic_load(&stop)) *byte ^= 0x55;
    return NULL;
}

/* T-37: input that somebody else writes to meanwhile gives the message or AUTH, never a mixture. */
static void memory_that_changes_meanwhile_gives_the_message_or_nothing(void)
{
    fixture f = in_memory();
    uint8_t *plain = message(SIZE), *sealed = malloc(ROOM), *back = malloc(ROOM);
    CHECK(sealed && back);
    size_t len, n;
    GIVES(OK, keyfold_encrypt(f.key, plain, SIZE, NULL, 0, NULL, sealed, ROOM, &len));
    pthread_t thread;
    atomic_store(&stop, 0);
    CHECK(!pthread_create(&thread, NULL, change, sealed + len - 10000));
    int good = 0, bad = 0;
    for (int i = 0; i < rounds(3000); i++) {
        keyfold_stream *stream = decrypting(&f, NULL, NULL, NULL);
        keyfold_status status = keyfold_stream_update(stream, sealed, len, NULL, back, ROOM, &n);
        size_t front = n;
        if (!status) status = keyfold_stream_finish(stream, back + front, ROOM - front, &n);
        if (!status) CHECK(front + n == SIZE && !memcmp(back, plain, SIZE));
        else CHECK(status == KEYFOLD_STATUS_AUTH);
        *(status ? &bad : &good) += 1;
        GIVES(OK, keyfold_stream_close(stream));
    }
    atomic_store(&stop, 1);
    CHECK(!pthread_join(thread, NULL));
    printf("  c: of %d openings %d gave the message\n", good + bad, good);
    free(plain), free(sealed), free(back);
    end(&f);
}

/* A child of a store that it may not use has none of its streams either; one that encrypts parts at a fork in any case. */
static void streams_part_at_a_fork(void)
{
    for (int inherit = 0; inherit < 2; inherit++) {
        keyfold_store_options options = KEYFOLD_STORE_OPTIONS_INIT;
        options.fork = inherit ? KEYFOLD_FORK_INHERIT : KEYFOLD_FORK_WIPE;
        fixture f = on_disk(inherit ? "inherit" : "wipe", &options);
        const keyfold_key *key = one(&f);
        uint8_t *plain = message(SIZE), *sealed = malloc(ROOM), *back = malloc(ROOM);
        CHECK(sealed && back);
        size_t len, n, front;
        GIVES(OK, keyfold_encrypt(key, plain, SIZE, NULL, 0, NULL, sealed, ROOM, &len));
        host h = {.bytes = sealed, .len = len};
        keyfold_reader *reader;
        GIVES(OK, keyfold_reader_open(&key, 1, NULL, 0, NULL, len, give_at, &h, released, &reader));
        keyfold_stream *in = encrypting(&f, NULL, NULL, NULL), *out = decrypting(&f, NULL, NULL, NULL);
        GIVES(OK, keyfold_stream_update(in, plain, CHUNK, NULL, back, ROOM, &n));
        GIVES(OK, keyfold_stream_update(out, sealed, len - 5000, NULL, back, ROOM, &front));
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (!pid) {
            alarm(60);
            GIVES(FORKED, keyfold_stream_update(in, plain, CHUNK, NULL, back, ROOM, &n));
            if (inherit) {
                GIVES(OK, keyfold_stream_update(out, sealed + len - 5000, 5000, NULL, back + front, ROOM - front, &n));
                GIVES(OK, keyfold_reader_pread(reader, 0, NULL, back, 100, &n));
                CHECK(!memcmp(back, plain, 100));
            } else {
                GIVES(FORKED, keyfold_stream_update(out, sealed + len - 5000, 5000, NULL, back + front, ROOM - front, &n));
                GIVES(FORKED, keyfold_reader_pread(reader, 0, NULL, back, 100, &n));
            }
            free(plain), free(sealed), free(back);
            _exit(0);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
        /* The parent's go on. */
        size_t more;
        GIVES(OK, keyfold_stream_update(out, sealed + len - 5000, 5000, NULL, back + front, ROOM - front, &n));
        GIVES(OK, keyfold_stream_finish(out, back + front + n, ROOM - front - n, &more));
        CHECK(front + n + more == SIZE && !memcmp(back, plain, SIZE));
        GIVES(OK, keyfold_stream_close(out));
        GIVES(STREAM_UNFINISHED, keyfold_stream_close(in));
        GIVES(OK, keyfold_reader_close(reader));
        free(plain), free(sealed), free(back);
        end(&f);
    }
}

/* One that pushes while others ask: each is told BUSY or served, nothing is torn. */
typedef struct {
    keyfold_stream *stream;
    atomic_int busy, done;
} shared;

static void *asks(void *data)
{
    shared *s = data;
    while (!atomic_load(&s->done)) {
        size_t n;
        keyfold_status status = keyfold_stream_finish_size(s->stream, &n);
        if (status == KEYFOLD_STATUS_BUSY) atomic_fetch_add(&s->busy, 1);
        else CHECK(status == KEYFOLD_STATUS_OK);
    }
    return NULL;
}

static void a_second_caller_is_told_that_the_stream_is_busy(void)
{
    fixture f = in_memory();
    enum { BIG = 8 << 20 };
    uint8_t *plain = message(BIG), *out = malloc(BIG + BIG / 512 + 65536);
    CHECK(out);
    shared s = {.stream = encrypting(&f, NULL, NULL, NULL)};
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, asks, &s));
    for (int i = 0; i < 50 && !s.busy; i++) {
        size_t n;
        keyfold_status status;
        do status = keyfold_stream_update(s.stream, plain, BIG, NULL, out, BIG + BIG / 512 + 65536, &n);
        while (status == KEYFOLD_STATUS_BUSY);
        CHECK(status == KEYFOLD_STATUS_OK);
    }
    atomic_store(&s.done, 1);
    CHECK(!pthread_join(thread, NULL) && s.busy > 0);
    GIVES(OK, keyfold_stream_cancel(s.stream));
    GIVES(OK, keyfold_stream_close(s.stream));
    free(plain), free(out);
    end(&f);
}

int main(void)
{
    RUN(any_split_gives_the_message);
    RUN(misuse_changes_nothing_or_ends_the_stream);
    RUN(an_end_that_is_missing_is_told);
    RUN(callbacks_that_lie_are_told_and_given_back_once);
    RUN(memory_that_changes_meanwhile_gives_the_message_or_nothing);
    RUN(a_second_caller_is_told_that_the_stream_is_busy);
    RUN(streams_part_at_a_fork);
    remove_folder();
    CHECK(keyfold_open_handles() == 0);
    return 0;
}
