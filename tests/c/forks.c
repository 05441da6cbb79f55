/* Forks while the library is in use: what handles do in the child, and that the parent is none the worse. */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

static const uint8_t message[100] = "a message";
static atomic_int stop;

static keyfold_status round_trip(const keyfold_key *key)
{
    uint8_t out[400], opened[100];
    size_t n, size;
    keyfold_status status = keyfold_encrypt(key, message, sizeof message, NULL, 0, NULL, out, sizeof out, &n);
    if (status) return status;
    status = keyfold_decrypt(key, out, n, NULL, 0, NULL, opened, sizeof opened, &size);
    if (!status) CHECK(size == sizeof message && !memcmp(opened, message, size));
    return status;
}

static void *keep_using(void *argument)
{
    while (!atomic_load(&stop)) GIVES(OK, round_trip(argument));
    return NULL;
}

/* Forks while four threads use the key; each child runs what it is given. */
static void fork_under_use(const fixture *f, int rounds, void (*child)(const fixture *))
{
    pthread_t threads[4];
    atomic_store(&stop, 0);
    for (int i = 0; i < 4; i++) CHECK(!pthread_create(&threads[i], NULL, keep_using, f->key));
    for (int i = 0; i < rounds; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (!pid) {
            alarm(60);
            child(f);
            _exit(0);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
        GIVES(OK, round_trip(f->key));
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 4; i++) CHECK(!pthread_join(threads[i], NULL));
}

static void wiped_child(const fixture *f)
{
    keyfold_buffer json;
    keyfold_root *root;
    keyfold_store *store;
    keyfold_key *key;
    uint8_t random[32] = {0};
    GIVES(FORKED, round_trip(f->key));
    CHECK(said("fork"));
    GIVES(FORKED, keyfold_store_info(f->store, &json));
    GIVES(FORKED, keyfold_key_rotate(f->store, "cards", NULL));
    GIVES(FORKED, keyfold_store_open(path("wipe-store/keys.db"), f->root, NULL, &store));
    GIVES(OK, keyfold_generate_random(random, sizeof random));
    CHECK(!zero(random, sizeof random));
    /* It opens the store itself. */
    GIVES(OK, keyfold_root_open_key_file(path("wipe-root/root.key"), NULL, &root));
    GIVES(OK, keyfold_store_open(path("wipe-store/keys.db"), root, NULL, &store));
    GIVES(OK, keyfold_key_open(store, "cards", &key));
    GIVES(OK, round_trip(key));
    GIVES(OK, keyfold_key_close(key));
    GIVES(OK, keyfold_store_close(store));
    GIVES(OK, keyfold_root_close(root));
    /* Closing what was inherited leaves the parent's alone. */
    GIVES(OK, keyfold_key_close(f->key));
    GIVES(OK, keyfold_store_close(f->store));
    GIVES(OK, keyfold_root_close(f->root));
}

static void a_child_is_told_that_it_forked_and_opens_the_store_itself(void)
{
    fixture f = on_disk("wipe", NULL);
    fork_under_use(&f, rounds(20), wiped_child);
    end(&f);
}

static void inheriting_child(const fixture *f)
{
    keyfold_buffer json;
    GIVES(OK, round_trip(f->key));
    GIVES(OK, keyfold_key_describe(f->store, "cards", &json));
    keyfold_buffer_free(&json);
    GIVES(OK, keyfold_key_rotate(f->store, "cards", NULL));
    GIVES(OK, round_trip(f->key));
    pid_t grandchild = fork();
    CHECK(grandchild >= 0);
    if (!grandchild) _exit(round_trip(f->key) != 0);
    int status;
    CHECK(waitpid(grandchild, &status, 0) == grandchild && WIFEXITED(status) && !WEXITSTATUS(status));
}

static void a_child_goes_on_where_the_store_says_inherit(void)
{
    keyfold_store_options options = KEYFOLD_STORE_OPTIONS_INIT;
    options.fork = KEYFOLD_FORK_INHERIT;
    fixture f = on_disk("inherit", &options);
    fork_under_use(&f, rounds(20), inheriting_child);
    keyfold_buffer json;
    GIVES(OK, keyfold_key_describe(f.store, "cards", &json));
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"current_version\":%d", rounds(20) + 1);
    CHECK(holds(&json, wanted));
    end(&f);
}

/* Parent and child never give the same random bytes. */
static void the_generator_parts_at_a_fork(void)
{
    uint8_t before[32], mine[32], its[32];
    for (int i = 0; i < rounds(50); i++) {
        int pipe_[2];
        GIVES(OK, keyfold_generate_random(before, 32));
        CHECK(!pipe(pipe_));
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (!pid) {
            GIVES(OK, keyfold_generate_random(its, 32));
            _exit(write(pipe_[1], its, 32) != 32);
        }
        GIVES(OK, keyfold_generate_random(mine, 32));
        CHECK(read(pipe_[0], its, 32) == 32 && memcmp(mine, its, 32) && memcmp(before, its, 32));
        CHECK(waitpid(pid, NULL, 0) == pid && !close(pipe_[0]) && !close(pipe_[1]));
    }
}

int main(void)
{
    RUN(a_child_is_told_that_it_forked_and_opens_the_store_itself);
    RUN(a_child_goes_on_where_the_store_says_inherit);
    RUN(the_generator_parts_at_a_fork);
    CHECK(keyfold_open_handles() == 0);
    remove_folder();
    return 0;
}
