/* What the C tests share: checks that say where and why, and a store with a key in it. */
#ifndef KEYFOLD_TEST_H
#define KEYFOLD_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "keyfold.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1); \
        } \
    } while (0)

/* The call answers this status (by its name without KEYFOLD_STATUS_). */
#define GIVES(status, call) gives(KEYFOLD_STATUS_##status, (call), #call, __FILE__, __LINE__)

static inline void gives(keyfold_status expected, keyfold_status got, const char *call, const char *file, int line)
{
    if (got == expected) return;
    char detail[KEYFOLD_ERROR_SIZE] = "";
    (void)keyfold_last_error(detail, sizeof detail, NULL);
    fprintf(stderr, "%s:%d: %s\n  gives %s, not %s: %s\n", file, line, call, keyfold_status_name(got),
            keyfold_status_name(expected), detail);
    _exit(1);
}

/* Runs a case in this process and says so. */
#define RUN(test) (test(), printf("  c: %s\n", #test), (void)fflush(stdout))

/* The detail of the last failure contains this. */
static inline int said(const char *part)
{
    char detail[KEYFOLD_ERROR_SIZE];
    size_t length = 0;
    GIVES(OK, keyfold_last_error(detail, sizeof detail, &length));
    if (strstr(detail, part)) return 1;
    fprintf(stderr, "the detail is: %s\n", detail);
    return 0;
}

static inline int zero(const void *bytes, size_t n)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i++)
        if (b[i]) return 0;
    return 1;
}

/* Whether text made by the library contains this; frees it. */
static inline int holds(keyfold_buffer *json, const char *part)
{
    char *text = malloc(json->len + 1);
    CHECK(text && json->data);
    memcpy(text, json->data, json->len);
    text[json->len] = 0;
    int found = strstr(text, part) != NULL;
    if (!found) fprintf(stderr, "no %s in %s\n", part, text);
    free(text);
    keyfold_buffer_free(json);
    CHECK(!json->data && !json->len);
    return found;
}

/* How many of this many rounds: a tenth under valgrind, which is slow and looks for other things. */
static inline int rounds(int n)
{
    return getenv("VALGRIND") ? (n + 9) / 10 : n;
}

/* The first value of a field of text in JSON. */
static inline void field(const keyfold_buffer *json, const char *name, char out[64])
{
    char *text = calloc(1, json->len + 1), wanted[80];
    CHECK(text);
    memcpy(text, json->data, json->len);
    snprintf(wanted, sizeof wanted, "\"%s\":\"", name);
    const char *at = strstr(text, wanted);
    CHECK(at && sscanf(at + strlen(wanted), "%63[^\"]", out) == 1);
    free(text);
}

/* A folder of this process alone, and a path in it. */
static inline const char *path(const char *name)
{
    static char folder[256];
    static _Thread_local char whole[2][512];
    static _Thread_local int turn;
    if (!folder[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/keyfold-c.XXXXXX", base ? base : "/tmp");
        CHECK(mkdtemp(folder));
    }
    turn = !turn;
    snprintf(whole[turn], sizeof whole[turn], "%s/%s", folder, name);
    return whole[turn];
}

static inline void remove_folder(void)
{
    char command[600];
    const char *inside = path("x");
    snprintf(command, sizeof command, "rm -rf '%.*s'", (int)(strrchr(inside, '/') - inside), inside);
    CHECK(!system(command));
}

typedef struct {
    keyfold_root *root;
    keyfold_store *store;
    keyfold_key *key;
} fixture;

/* A store on disk, its root elsewhere, a key "cards" in it. */
static inline fixture on_disk(const char *name, const keyfold_store_options *options)
{
    fixture f;
    char folder[64], root[64], store[64];
    snprintf(folder, sizeof folder, "%s-root", name);
    snprintf(root, sizeof root, "%s-root/root.key", name);
    CHECK(!mkdir(path(folder), 0700));
    snprintf(folder, sizeof folder, "%s-store", name);
    snprintf(store, sizeof store, "%s-store/keys.db", name);
    CHECK(!mkdir(path(folder), 0700));
    GIVES(OK, keyfold_root_create_key_file(path(root)));
    GIVES(OK, keyfold_root_open_key_file(path(root), NULL, &f.root));
    GIVES(OK, keyfold_store_init(path(store), f.root, options, &f.store));
    GIVES(OK, keyfold_key_create(f.store, "cards", NULL, NULL));
    GIVES(OK, keyfold_key_open(f.store, "cards", &f.key));
    return f;
}

/* The same in memory; no root. */
static inline fixture in_memory(void)
{
    fixture f = {0};
    GIVES(OK, keyfold_store_open_in_memory(&f.store));
    GIVES(OK, keyfold_key_create(f.store, "cards", NULL, NULL));
    GIVES(OK, keyfold_key_open(f.store, "cards", &f.key));
    return f;
}

static inline void end(fixture *f)
{
    GIVES(OK, keyfold_key_close(f->key));
    GIVES(OK, keyfold_store_close(f->store));
    GIVES(OK, keyfold_root_close(f->root));
}

/* A packed context of two pairs: table=cards, column=pan. */
static inline size_t card_context(uint8_t out[64])
{
    const keyfold_pair pairs[] = {KEYFOLD_PAIR("table", "cards"), KEYFOLD_PAIR("column", "pan")};
    size_t length;
    GIVES(OK, keyfold_context_pack(pairs, 2, out, 64, &length));
    return length;
}

/* An envelope of a message under a key, without context; the caller frees it. */
static inline uint8_t *sealed(const keyfold_key *key, const void *message, size_t length, size_t *size)
{
    GIVES(OK, keyfold_encrypted_size(length, NULL, 0, NULL, size));
    uint8_t *out = malloc(*size);
    CHECK(out);
    GIVES(OK, keyfold_encrypt(key, message, length, NULL, 0, NULL, out, *size, size));
    return out;
}

#endif
