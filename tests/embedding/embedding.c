/* What docs/EMBEDDING.md promises a host program, one case a process: embedding CASE LIBRARY COPY FOLDER.
 * COPY is the same library as another file; FOLDER is empty and belongs to the case. */
#define _GNU_SOURCE
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *library_path, *copy_path, *folder;
static library lib;

static char *in_folder(const char *name)
{
    char *path;
    CHECK(asprintf(&path, "%s/%s", folder, name) > 0);
    return path;
}

/* A new store in the case's folder with one key, its root in a folder beside it. */
static keyfold_store *make_store(const library *with, const char *name, uint32_t fork_policy, keyfold_root **out_root)
{
    keyfold_store_options options = KEYFOLD_STORE_OPTIONS_INIT;
    keyfold_root *root;
    keyfold_store *store;
    keyfold_buffer json;
    char *key_file = in_folder("root/key"), *path = in_folder(name);
    options.fork = fork_policy;
    if (access(key_file, F_OK)) MUST(with, with->root_create_key_file(key_file));
    MUST(with, with->root_open_key_file(key_file, NULL, &root));
    MUST(with, with->store_init(path, root, &options, &store));
    keyfold_key_options often = KEYFOLD_KEY_OPTIONS_INIT;
    often.policy = "{\"on_demand_limit\": 10000}";
    MUST(with, with->key_create(store, "cards", &often, &json));
    with->buffer_free(&json);
    if (out_root) *out_root = root;
    else with->root_close(root);
    free(key_file), free(path);
    return store;
}

static keyfold_key *open_key(const library *with, const keyfold_store *store)
{
    keyfold_key *key;
    MUST(with, with->key_open(store, "cards", &key));
    return key;
}

static void rotate(const keyfold_store *store)
{
    keyfold_key_version version = KEYFOLD_KEY_VERSION_INIT;
    MUST(&lib, lib.key_rotate(store, "cards", &version));
}

/* --- the process stays the host's --------------------------------------------------------------------------------- */

static int count_threads(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));) count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/* Mutation: std::thread::spawn anywhere. */
static void no_thread_of_its_own(void)
{
    CHECK(count_threads() == 1);
    lib = load(library_path);
    keyfold_store *store = make_store(&lib, "store/keys.db", KEYFOLD_FORK_WIPE, NULL);
    keyfold_key *key = open_key(&lib, store);
    MUST(&lib, round_trip(&lib, key));
    rotate(store);
    MUST(&lib, round_trip(&lib, key));
    CHECK(count_threads() == 1);
    lib.key_close(key), lib.store_close(store);
    CHECK(count_threads() == 1 && lib.open_handles() == 0);
}

static void handler(int signal) { (void)signal; }

/* Handlers and mask of every signal are the same after any use. Mutation: a call of signal() in the library. */
static void signals_stay_the_hosts(void)
{
    struct sigaction before[NSIG], after;
    sigset_t mask_before, mask_after;
    signal(SIGPIPE, handler), signal(SIGSEGV, handler);
    for (int number = 1; number < NSIG; number++) sigaction(number, NULL, &before[number]);
    sigprocmask(SIG_SETMASK, NULL, &mask_before);
    lib = load(library_path);
    keyfold_store *store = make_store(&lib, "store/keys.db", KEYFOLD_FORK_WIPE, NULL);
    keyfold_key *key = open_key(&lib, store);
    MUST(&lib, round_trip(&lib, key));
    lib.key_close(key), lib.store_close(store);
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &after) == 0)
            CHECK(after.sa_handler == before[number].sa_handler && after.sa_flags == before[number].sa_flags);
    sigprocmask(SIG_SETMASK, NULL, &mask_after);
    for (int number = 1; number < NSIG; number++)
        CHECK(sigismember(&mask_before, number) == sigismember(&mask_after, number));
}

/* A thousand signals a second, without SA_RESTART, while the store is made, changed and used. */
static void interrupted_calls_go_on(void)
{
    struct sigaction action = {.sa_handler = handler};
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    lib = load(library_path);
    setitimer(ITIMER_REAL, &every, NULL);
    keyfold_store *store = make_store(&lib, "store/keys.db", KEYFOLD_FORK_WIPE, NULL);
    keyfold_key *key = open_key(&lib, store);
    for (int round = 0; round < 50; round++) {
        rotate(store);
        for (int i = 0; i < 200; i++) MUST(&lib, round_trip(&lib, key));
    }
    setitimer(ITIMER_REAL, &never, NULL);
    lib.key_close(key), lib.store_close(store);
}

static keyfold_key *at_exit_key;
static int at_exit_calls;
static void use_at_exit(void)
{
    MUST(&lib, round_trip(&lib, at_exit_key));
    if (++at_exit_calls == 2) puts("used twice at exit");
}

/* The host's exit handlers, registered before and after the library came, still use it. */
static void usable_in_exit_handlers(void)
{
    atexit(use_at_exit);
    lib = load(library_path);
    keyfold_store *store;
    keyfold_buffer json;
    MUST(&lib, lib.store_open_in_memory(&store));
    MUST(&lib, lib.key_create(store, "cards", NULL, &json));
    at_exit_key = open_key(&lib, store);
    atexit(use_at_exit);
    exit(0);
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

static void *many_round_trips(void *key)
{
    for (int i = 0; i < 300; i++) MUST(&lib, round_trip(&lib, key));
    return NULL;
}

/* A call needs no more than 64 KiB of stack, as signal stacks and green threads have. Mutation: an array of 64 KiB on
 * the data path. */
static void small_stacks_suffice(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    lib = load(library_path);
    keyfold_store *store = make_store(&lib, "store/keys.db", KEYFOLD_FORK_WIPE, NULL);
    keyfold_key *key = open_key(&lib, store);
    pthread_attr_init(&attributes);
    CHECK(pthread_attr_setstacksize(&attributes, 64 * 1024) == 0);
    CHECK(pthread_create(&thread, &attributes, many_round_trips, key) == 0);
    pthread_join(thread, NULL);
    lib.key_close(key), lib.store_close(store);
}

static pthread_barrier_t used, unloaded;
static void *use_then_outlive(void *unused)
{
    (void)unused;
    keyfold_store *store;
    keyfold_buffer json;
    MUST(&lib, lib.store_open_in_memory(&store));
    MUST(&lib, lib.key_create(store, "cards", NULL, &json));
    lib.buffer_free(&json);
    keyfold_key *key = open_key(&lib, store);
    MUST(&lib, round_trip(&lib, key));
    lib.key_close(key), lib.store_close(store);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&unloaded);
    return NULL; /* whatever the thread keeps of the library is taken down after dlclose */
}

/* A server unloads its module: 200 times loaded, used by eight threads, closed before they end. Mutation: link without
 * -z nodelete and give the library a thread-local with a destructor. */
static void unloading_is_harmless(void)
{
    for (int round = 0; round < 200; round++) {
        pthread_t threads[8];
        pthread_barrier_init(&used, NULL, 9), pthread_barrier_init(&unloaded, NULL, 9);
        lib = load(library_path);
        for (int i = 0; i < 8; i++) CHECK(pthread_create(&threads[i], NULL, use_then_outlive, NULL) == 0);
        pthread_barrier_wait(&used);
        CHECK(lib.open_handles() == 0);
        dlclose(lib.handle);
        pthread_barrier_wait(&unloaded);
        for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&used), pthread_barrier_destroy(&unloaded);
    }
}

/* --- two copies in one process ------------------------------------------------------------------------------------ */

/* A handle of one copy is refused by the other, and each goes on. Mutation: the same tag for every copy. */
static void copies_refuse_each_others_handles(void)
{
    library other = load(copy_path);
    lib = load(library_path);
    CHECK(lib.encrypt != other.encrypt);
    keyfold_store *ours = make_store(&lib, "store/ours.db", KEYFOLD_FORK_WIPE, NULL);
    keyfold_store *theirs = make_store(&other, "store/theirs.db", KEYFOLD_FORK_WIPE, NULL);
    keyfold_key *our_key = open_key(&lib, ours), *their_key = open_key(&other, theirs), *none;
    CHECK(round_trip(&other, our_key) == KEYFOLD_STATUS_INVALID_HANDLE);
    CHECK(round_trip(&lib, their_key) == KEYFOLD_STATUS_INVALID_HANDLE);
    CHECK(other.key_open(ours, "cards", &none) == KEYFOLD_STATUS_INVALID_HANDLE);
    CHECK(other.key_close(our_key) == KEYFOLD_STATUS_INVALID_HANDLE);
    MUST(&lib, round_trip(&lib, our_key));
    MUST(&other, round_trip(&other, their_key));
    lib.key_close(our_key), lib.store_close(ours), other.key_close(their_key), other.store_close(theirs);
    CHECK(lib.open_handles() == 0 && other.open_handles() == 0);
}

/* One store file, two copies of SQLite in one process: either's close would drop the other's locks, so the second is
 * refused as long as the first has the file open. Mutation: the look into /proc/self/fd left out. */
static void one_store_is_not_opened_by_two_copies(void)
{
    library other = load(copy_path);
    lib = load(library_path);
    keyfold_root *root;
    keyfold_store *store = make_store(&lib, "store/keys.db", KEYFOLD_FORK_WIPE, NULL), *second;
    keyfold_key *key = open_key(&lib, store);
    char *path = in_folder("store/keys.db"), *key_file = in_folder("root/key");
    MUST(&other, other.root_open_key_file(key_file, NULL, &root));
    CHECK(other.store_open(path, root, NULL, &second) == KEYFOLD_STATUS_STORE_UNSAFE);
    rotate(store);
    MUST(&lib, round_trip(&lib, key));
    lib.key_close(key), lib.store_close(store);
    MUST(&other, other.store_open(path, root, NULL, &second));
    other.store_close(second), other.root_close(root);
    CHECK(lib.open_handles() == 0 && other.open_handles() == 0);
}

/* --- forks -------------------------------------------------------------------------------------------------------- */

/* Runs body in a forked child; what it exits with is the outcome. */
#define IN_CHILD(body) \
    do { \
        pid_t child_ = fork(); \
        int outcome_; \
        CHECK(child_ >= 0); \
        if (child_ == 0) { \
            body; \
            _exit(0); \
        } \
        CHECK(waitpid(child_, &outcome_, 0) == child_); \
        CHECK(WIFEXITED(outcome_) && WEXITSTATUS(outcome_) == 0); \
    } while (0)

/* A preforking server that opened the store before it forked: by default its workers are told, and open it themselves. */
static void a_worker_is_told_and_opens_for_itself(void)
{
    keyfold_root *root;
    lib = load(library_path);
    keyfold_store *store = make_store(&lib, "store/keys.db", KEYFOLD_FORK_WIPE, &root), *own;
    keyfold_key *key = open_key(&lib, store);
    keyfold_key_version version = KEYFOLD_KEY_VERSION_INIT;
    char *path = in_folder("store/keys.db"), *key_file = in_folder("root/key");
    MUST(&lib, round_trip(&lib, key));
    for (int worker = 0; worker < 4; worker++)
        IN_CHILD({
            CHECK(round_trip(&lib, key) == KEYFOLD_STATUS_FORKED);
            CHECK(lib.key_rotate(store, "cards", &version) == KEYFOLD_STATUS_FORKED);
            MUST(&lib, lib.root_open_key_file(key_file, NULL, &root));
            MUST(&lib, lib.store_open(path, root, NULL, &own));
            keyfold_key *mine = open_key(&lib, own);
            MUST(&lib, round_trip(&lib, mine));
            MUST(&lib, lib.key_rotate(own, "cards", &version));
        });
    MUST(&lib, round_trip(&lib, key));
    rotate(store);
}

/* With KEYFOLD_FORK_INHERIT the workers go on with the handles they have, data path and management alike. */
static void a_worker_inherits_where_asked(void)
{
    lib = load(library_path);
    keyfold_store *store = make_store(&lib, "store/keys.db", KEYFOLD_FORK_INHERIT, NULL);
    keyfold_key *key = open_key(&lib, store);
    MUST(&lib, round_trip(&lib, key));
    for (int worker = 0; worker < 4; worker++)
        IN_CHILD({
            MUST(&lib, round_trip(&lib, key));
            rotate(store);
            MUST(&lib, round_trip(&lib, key));
            IN_CHILD(MUST(&lib, round_trip(&lib, key))); /* grandchildren too */
        });
    MUST(&lib, round_trip(&lib, key));
    rotate(store);
}

/* Parent, children and grandchildren never draw the same bytes. Mutation: MADV_WIPEONFORK left out. */
static void forks_never_draw_the_same_bytes(void)
{
    enum { DRAWS = 4, CHILDREN = 32 };
    uint8_t all[CHILDREN + 1][DRAWS][32];
    int pipes[2];
    lib = load(library_path);
    MUST(&lib, lib.generate_random(all[CHILDREN][0], 32)); /* seeded before the fork */
    CHECK(pipe(pipes) == 0);
    for (int child = 0; child < CHILDREN; child++)
        IN_CHILD({
            for (int draw = 0; draw < DRAWS; draw++) MUST(&lib, lib.generate_random(all[child][draw], 32));
            CHECK(write(pipes[1], all[child], sizeof all[child]) == sizeof all[child]);
        });
    for (int child = 0; child < CHILDREN; child++)
        CHECK(read(pipes[0], all[child], sizeof all[child]) == sizeof all[child]);
    for (int draw = 1; draw < DRAWS; draw++) MUST(&lib, lib.generate_random(all[CHILDREN][draw], 32));
    uint8_t(*drawn)[32] = (void *)all;
    for (int a = 0; a < (CHILDREN + 1) * DRAWS; a++)
        for (int b = 0; b < a; b++) CHECK(memcmp(drawn[a], drawn[b], 32) != 0);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* Where the system refuses to lock memory, the status says so; a caller who insists gets an error instead. (Root is
 * never refused, so the case steps down first.) Mutation: the result of mlock ignored. */
static void refused_locks_are_told(void)
{
    struct rlimit nothing = {0, 0};
    keyfold_protection protection = KEYFOLD_PROTECTION_INIT;
    lib = load(library_path);
    CHECK(setrlimit(RLIMIT_MEMLOCK, &nothing) == 0);
    if (getuid() == 0) CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    keyfold_store *store;
    keyfold_buffer json;
    MUST(&lib, lib.store_open_in_memory(&store));
    MUST(&lib, lib.key_create(store, "cards", NULL, &json));
    MUST(&lib, round_trip(&lib, open_key(&lib, store)));
    MUST(&lib, lib.protection_status(&protection));
    CHECK(protection.bytes > 0 && protection.unlocked_bytes > 0 && protection.unlocked_bytes <= protection.bytes);
}

static void locks_are_told_where_granted(void)
{
    struct rlimit limit;
    keyfold_protection protection = KEYFOLD_PROTECTION_INIT;
    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (limit.rlim_cur < 4 * 1024 * 1024) return;
    lib = load(library_path);
    keyfold_store *store;
    keyfold_buffer json;
    MUST(&lib, lib.store_open_in_memory(&store));
    MUST(&lib, lib.key_create(store, "cards", NULL, &json));
    MUST(&lib, round_trip(&lib, open_key(&lib, store)));
    MUST(&lib, lib.protection_status(&protection));
    CHECK(protection.bytes > 0 && protection.unlocked_bytes == 0 && protection.dumpable_bytes == 0 &&
          protection.not_wiped_bytes == 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
#define CASE(name) {#name, name}
    CASE(no_thread_of_its_own), CASE(signals_stay_the_hosts), CASE(interrupted_calls_go_on),
    CASE(usable_in_exit_handlers), CASE(small_stacks_suffice), CASE(unloading_is_harmless),
    CASE(copies_refuse_each_others_handles), CASE(one_store_is_not_opened_by_two_copies),
    CASE(a_worker_is_told_and_opens_for_itself), CASE(a_worker_inherits_where_asked),
    CASE(forks_never_draw_the_same_bytes), CASE(refused_locks_are_told), CASE(locks_are_told_where_granted),
};

int main(int argc, char **argv)
{
    if (argc == 1) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) puts(cases[i].name);
        return 0;
    }
    CHECK(argc == 5);
    library_path = argv[2], copy_path = argv[3], folder = argv[4];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!strcmp(cases[i].name, argv[1])) return cases[i].run(), 0;
    fprintf(stderr, "no case %s\n", argv[1]);
    return 2;
}
