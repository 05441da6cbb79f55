/* Encrypts card records one by one, and opens them again.
 *
 *   cards encrypt STORE ROOT IN OUT     IN: lines "ID,RECORD"; OUT: lines "ID,HEX", HEX an envelope of RECORD
 *   cards decrypt STORE ROOT IN OUT     the other way round
 *
 * STORE is a path or sqlite: URL of a key store that has a key "cards"; ROOT is its key file, as PATH or file:PATH. Each
 * record is bound to its table and row by its encryption context, so an envelope that somebody moves to another row does
 * not open there.
 *
 *   cc -std=c99 cards.c $(pkg-config --cflags --libs keyfold) -o cards */
#define _POSIX_C_SOURCE 200809L
#include <keyfold.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* What a run needs, opened once. */
typedef struct {
    keyfold_root *root;
    keyfold_store *store;
    keyfold_key *key;
} session;

/* One failure path: says which call failed and what the library says to do. */
static int report(const char *doing)
{
    char detail[KEYFOLD_ERROR_SIZE] = "";
    (void)keyfold_last_error(detail, sizeof detail, NULL);
    fprintf(stderr, "cards: %s: %s\n", doing, detail);
    return -1;
}

static int open_session(session *s, const char *store, const char *root)
{
    if (!strncmp(root, "file:", 5)) root += 5;
    if (keyfold_root_open_key_file(root, NULL, &s->root)) return report(root);
    if (keyfold_store_open(store, s->root, NULL, &s->store)) return report(store);
    if (keyfold_key_open(s->store, "cards", &s->key)) return report("key cards");
    return 0;
}

/* In any order; NULL is fine. */
static void close_session(session *s)
{
    (void)keyfold_key_close(s->key);
    (void)keyfold_store_close(s->store);
    (void)keyfold_root_close(s->root);
}

/* The context that binds a record to its place: table=cards, row=ID. Both directions make it from what they know. */
static int row_context(const char *id, uint8_t *context, size_t cap, size_t *length)
{
    const keyfold_pair pairs[] = {KEYFOLD_PAIR("table", "cards"), KEYFOLD_PAIR("row", id)};
    return keyfold_context_pack(pairs, 2, context, cap, length) ? report("context") : 0;
}

static int encrypt_record(const session *s, const char *id, const char *record, FILE *out)
{
    uint8_t context[KEYFOLD_CONTEXT_MAX_SIZE], *envelope;
    size_t context_len, size, i;
    int result = -1;

    if (row_context(id, context, sizeof context, &context_len)) return -1;
    if (keyfold_encrypted_size(strlen(record), context, context_len, NULL, &size)) return report("size");
    if (!(envelope = malloc(size))) return perror("cards"), -1;
    if (keyfold_encrypt(s->key, (const uint8_t *)record, strlen(record), context, context_len, NULL, envelope, size, &size)) {
        report("encrypting");
    } else {
        fprintf(out, "%s,", id);
        for (i = 0; i < size; i++) fprintf(out, "%02x", envelope[i]);
        result = fputc('\n', out) == EOF ? -1 : 0;
    }
    free(envelope);
    return result;
}

static int decrypt_record(const session *s, const char *id, const char *hex, FILE *out)
{
    uint8_t context[KEYFOLD_CONTEXT_MAX_SIZE], *envelope;
    char *record = NULL;
    size_t context_len, size = strlen(hex) / 2, length = 0, i;
    int result = -1;
    unsigned byte;

    if (row_context(id, context, sizeof context, &context_len)) return -1;
    if (!(envelope = malloc(size + 1))) return perror("cards"), -1;
    for (i = 0; i < size && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++) envelope[i] = (uint8_t)byte;
    if (i < size || strlen(hex) % 2) {
        fprintf(stderr, "cards: row %s is not hexadecimal\n", id);
    } else if (keyfold_decrypted_size(envelope, size, &length)) {
        report(id);
    } else if (!(record = malloc(length + 1))) {
        perror("cards");
    } else if (keyfold_decrypt(s->key, envelope, size, context, context_len, NULL, (uint8_t *)record, length, &length)) {
        report(id);
    } else {
        fprintf(out, "%s,%.*s\n", id, (int)length, record);
        result = 0;
    }
    free(record);
    free(envelope);
    return result;
}

int main(int argc, char **argv)
{
    session s = {NULL, NULL, NULL};
    FILE *in, *out;
    char *line = NULL;
    size_t cap = 0;
    ssize_t length;
    int result = 0, encrypt;

    if (argc != 6 || (strcmp(argv[1], "encrypt") && strcmp(argv[1], "decrypt"))) {
        fprintf(stderr, "usage: cards encrypt|decrypt STORE ROOT IN OUT\n");
        return 2;
    }
    /* The header this was compiled with and the library that was loaded. */
    if (keyfold_abi_version() != KEYFOLD_ABI_VERSION) {
        fprintf(stderr, "cards: the keyfold library is of another ABI\n");
        return 2;
    }
    encrypt = !strcmp(argv[1], "encrypt");
    if (!(in = fopen(argv[4], "r"))) return perror(argv[4]), 1;
    if (!(out = fopen(argv[5], "w"))) return perror(argv[5]), 1;

    result = open_session(&s, argv[2], argv[3]);
    while (!result && (length = getline(&line, &cap, in)) > 0) {
        char *rest;
        if (line[length - 1] == '\n') line[length - 1] = 0;
        if (!line[0]) continue;
        if (!(rest = strchr(line, ','))) {
            fprintf(stderr, "cards: a line without a comma\n");
            result = -1;
            break;
        }
        *rest++ = 0;
        result = encrypt ? encrypt_record(&s, line, rest, out) : decrypt_record(&s, line, rest, out);
    }
    close_session(&s);
    free(line);
    fclose(in);
    if (fclose(out)) perror(argv[5]), result = -1;
    return result ? 1 : 0;
}
