/* The library as a host program has it: loaded while running, every function by its name. So a case can load two copies,
 * unload one, and look at itself before the first is there. */
#ifndef HOST_H
#define HOST_H

#include <keyfold.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST_FUNCTIONS(X) \
    X(root_create_key_file) X(root_open_key_file) X(root_close) X(store_init) X(store_open) X(store_open_in_memory) \
    X(store_close) X(key_create) X(key_rotate) X(key_open) X(key_close) X(encrypt) X(decrypt) X(buffer_free) \
    X(last_error) X(open_handles) X(protection_status) X(generate_random) X(self_test)

/* One loaded copy. */
typedef struct {
    void *handle;
#define X(name) __typeof__(keyfold_##name) *name;
    HOST_FUNCTIONS(X)
#undef X
} library;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1); \
        } \
    } while (0)

/* A call that has to succeed; says why it did not. */
#define MUST(lib, call) \
    do { \
        keyfold_status status_ = (call); \
        if (status_) { \
            char detail_[KEYFOLD_ERROR_SIZE] = ""; \
            size_t length_; \
            (void)(lib)->last_error(detail_, sizeof detail_, &length_); \
            fprintf(stderr, "%s:%d: %s: status %d: %s\n", __FILE__, __LINE__, #call, (int)status_, detail_); \
            _exit(1); \
        } \
    } while (0)

static inline library load(const char *path)
{
    library lib;
    lib.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!lib.handle) fprintf(stderr, "%s\n", dlerror()), exit(1);
#define X(name) \
    *(void **)&lib.name = dlsym(lib.handle, "keyfold_" #name); \
    CHECK(lib.name);
    HOST_FUNCTIONS(X)
#undef X
    return lib;
}

/* A message that opens to what it was, under one key, with a context. */
static inline keyfold_status round_trip(const library *lib, const keyfold_key *key)
{
    static const uint8_t context[] = {0, 1, 0, 3, 'r', 'o', 'w', 0, 1, '7'};
    uint8_t message[100], sealed[512], opened[100];
    size_t sealed_len, opened_len;
    memset(message, 'm', sizeof message);
    keyfold_status status =
        lib->encrypt(key, message, sizeof message, context, sizeof context, NULL, sealed, sizeof sealed, &sealed_len);
    if (status) return status;
    status = lib->decrypt(key, sealed, sealed_len, context, sizeof context, NULL, opened, sizeof opened, &opened_len);
    if (status) return status;
    CHECK(opened_len == sizeof message && !memcmp(opened, message, sizeof message));
    return 0;
}

#endif
