/* Two copies of the library in one process: a handle of one is refused by the other, and each is whole.
 *   copies FIRST.so SECOND.so */
#include "test.h"

#include <dlfcn.h>

typedef struct {
    keyfold_status (*open_in_memory)(keyfold_store **);
    keyfold_status (*create)(const keyfold_store *, const char *, const keyfold_key_options *, keyfold_buffer *);
    keyfold_status (*open)(const keyfold_store *, const char *, keyfold_key **);
    keyfold_status (*encrypt)(const keyfold_key *, const uint8_t *, size_t, const uint8_t *, size_t,
                              const keyfold_encrypt_options *, uint8_t *, size_t, size_t *);
    keyfold_status (*key_close)(keyfold_key *);
    keyfold_status (*store_close)(keyfold_store *);
    size_t (*open_handles)(void);
    keyfold_store *store;
    keyfold_key *key;
} copy;

static copy load(const char *file)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    CHECK(library);
    copy c;
    *(void **)&c.open_in_memory = dlsym(library, "keyfold_store_open_in_memory");
    *(void **)&c.create = dlsym(library, "keyfold_key_create");
    *(void **)&c.open = dlsym(library, "keyfold_key_open");
    *(void **)&c.encrypt = dlsym(library, "keyfold_encrypt");
    *(void **)&c.key_close = dlsym(library, "keyfold_key_close");
    *(void **)&c.store_close = dlsym(library, "keyfold_store_close");
    *(void **)&c.open_handles = dlsym(library, "keyfold_open_handles");
    CHECK(!c.open_in_memory(&c.store) && !c.create(c.store, "cards", NULL, NULL) && !c.open(c.store, "cards", &c.key));
    return c;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    copy copies[] = {load(argv[1]), load(argv[2])};
    CHECK(copies[0].encrypt != copies[1].encrypt);
    uint8_t out[300];
    size_t n;
    for (int i = 0; i < 2; i++) {
        copy *mine = &copies[i], *other = &copies[!i];
        CHECK(mine->encrypt(other->key, out, 0, NULL, 0, NULL, out, sizeof out, &n) == KEYFOLD_STATUS_INVALID_HANDLE);
        CHECK(mine->key_close(other->key) == KEYFOLD_STATUS_INVALID_HANDLE);
        CHECK(mine->store_close(other->store) == KEYFOLD_STATUS_INVALID_HANDLE);
        CHECK(mine->encrypt(mine->key, NULL, 0, NULL, 0, NULL, out, sizeof out, &n) == KEYFOLD_STATUS_OK);
        CHECK(mine->open_handles() == 2);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(!copies[i].key_close(copies[i].key) && !copies[i].store_close(copies[i].store));
        CHECK(copies[i].open_handles() == 0);
    }
    puts("  c: a_handle_of_another_copy_is_refused");
    return 0;
}
