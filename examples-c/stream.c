/* Encrypts a file of any size and opens it again, a piece at a time, in a little memory.
 *
 *   stream encrypt STORE ROOT NAME IN OUT     pushes: what is read of IN goes in, what is ready of the envelope comes out
 *   stream decrypt STORE ROOT NAME IN OUT     pulls: asks for the message, and is asked for the envelope by a callback
 *
 * STORE is a path or sqlite: URL of a key store that has a key "files"; ROOT is its key file, as PATH or file:PATH. The
 * envelope is bound to NAME by its encryption context, so it does not open under another. IN and OUT can be pipes.
 *
 * What comes out of a stream is worth something only when its end was reached: until then an envelope does not open, and a
 * message is only its front. So this writes beside OUT and gives it its name at the end. keyfold_encrypt_file and
 * keyfold_decrypt_file do all of this for files, faster; a stream is for what has no path.
 *
 *   cc -std=c99 stream.c $(pkg-config --cflags --libs keyfold) -o stream */
#define _POSIX_C_SOURCE 200809L
#include <keyfold.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PIECE = 1 << 18 };

typedef struct {
    keyfold_root *root;
    keyfold_store *store;
    keyfold_key *key;
} session;

static int report(const char *doing)
{
    char detail[KEYFOLD_ERROR_SIZE] = "";
    (void)keyfold_last_error(detail, sizeof detail, NULL);
    fprintf(stderr, "stream: %s: %s\n", doing, detail);
    return -1;
}

static int open_session(session *s, const char *store, const char *root)
{
    if (!strncmp(root, "file:", 5)) root += 5;
    if (keyfold_root_open_key_file(root, NULL, &s->root)) return report(root);
    if (keyfold_store_open(store, s->root, NULL, &s->store)) return report(store);
    if (keyfold_key_open(s->store, "files", &s->key)) return report("key files");
    return 0;
}

static void close_session(session *s)
{
    (void)keyfold_key_close(s->key);
    (void)keyfold_store_close(s->store);
    (void)keyfold_root_close(s->root);
}

static int write_all(FILE *out, const uint8_t *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, out) == length) return 0;
    perror("stream: writing");
    return -1;
}

/* Pushes all of `in`, then says that it has ended. */
static int push(keyfold_stream *stream, FILE *in, FILE *out)
{
    uint8_t *piece = malloc(PIECE), *ready = NULL;
    size_t got, room, length, cap = 0;
    int result = piece ? 0 : -1;

    while (!result && (got = fread(piece, 1, PIECE, in)) > 0) {
        if (keyfold_stream_update_size(stream, got, &room)) {
            result = report("encrypting");
            break;
        }
        if (room > cap) {
            uint8_t *larger = realloc(ready, room);
            if (!larger) {
                result = -1;
                break;
            }
            ready = larger;
            cap = room;
        }
        if (keyfold_stream_update(stream, piece, got, NULL, ready, cap, &length)) result = report("encrypting");
        else result = write_all(out, ready, length);
    }
    /* An input that broke off is no end: without a finish the envelope does not open. */
    if (!result && ferror(in)) perror("stream: reading"), result = -1;
    if (!result) {
        uint8_t *rest = NULL;
        if (keyfold_stream_finish_size(stream, &room) || !(rest = malloc(room + 1)) ||
            keyfold_stream_finish(stream, rest, room, &length))
            result = report("encrypting");
        else
            result = write_all(out, rest, length);
        free(rest);
    }
    free(piece);
    free(ready);
    return result;
}

/* Gives the library more of the envelope: 0 bytes only at the end. */
static int32_t give(void *in, uint8_t *into, size_t into_cap, size_t *out_len)
{
    *out_len = fread(into, 1, into_cap, in);
    return ferror((FILE *)in) ? 0 : KEYFOLD_CALLBACK_OK;
}

/* Pulls the message until 0 bytes say that it was whole. */
static int pull(keyfold_stream *stream, FILE *out)
{
    uint8_t *piece = malloc(PIECE);
    size_t length = 1;
    int result = piece ? 0 : -1;

    while (!result && length > 0) {
        if (keyfold_stream_read(stream, NULL, piece, PIECE, &length)) result = report("decrypting");
        else result = write_all(out, piece, length);
    }
    free(piece);
    return result;
}

static int run(const session *s, int encrypt, const char *name, FILE *in, FILE *out)
{
    const keyfold_pair pairs[] = {KEYFOLD_PAIR("name", name)};
    const keyfold_key *keys[1];
    uint8_t context[KEYFOLD_CONTEXT_MAX_SIZE];
    size_t context_len;
    keyfold_stream *stream;
    int result;

    keys[0] = s->key;
    if (keyfold_context_pack(pairs, 1, context, sizeof context, &context_len)) return report("context");
    if (encrypt) {
        if (keyfold_stream_encrypt(keys, 1, context, context_len, NULL, 0, NULL, NULL, NULL, NULL, &stream))
            return report("encrypting");
        result = push(stream, in, out);
    } else {
        if (keyfold_stream_decrypt(keys, 1, context, context_len, NULL, give, in, NULL, &stream)) return report("decrypting");
        result = pull(stream, out);
    }
    /* STREAM_UNFINISHED here is a fault of this program where nothing else was reported. */
    if (keyfold_stream_close(stream) && !result) result = report("closing");
    return result;
}

int main(int argc, char **argv)
{
    session s = {NULL, NULL, NULL};
    FILE *in, *out;
    char part[4096];
    struct stat is;
    const char *to;
    int result, whole_at_the_end;

    if (argc != 7 || (strcmp(argv[1], "encrypt") && strcmp(argv[1], "decrypt"))) {
        fprintf(stderr, "usage: stream encrypt|decrypt STORE ROOT NAME IN OUT\n");
        return 2;
    }
    if (keyfold_abi_version() != KEYFOLD_ABI_VERSION) {
        fprintf(stderr, "stream: the keyfold library is of another ABI\n");
        return 2;
    }
    if (snprintf(part, sizeof part, "%s.part", argv[6]) >= (int)sizeof part) return fputs("stream: OUT is too long\n", stderr), 2;
    /* A pipe or device has no name to be given at the end: who reads it looks at how this program ended. */
    whole_at_the_end = stat(argv[6], &is) || S_ISREG(is.st_mode);
    to = whole_at_the_end ? part : argv[6];
    /* A message is for its owner alone to read. */
    if (!strcmp(argv[1], "decrypt")) umask(077);
    if (!(in = fopen(argv[5], "rb"))) return perror(argv[5]), 1;
    if (!(out = fopen(to, "wb"))) return perror(to), 1;

    result = open_session(&s, argv[2], argv[3]);
    if (!result) result = run(&s, !strcmp(argv[1], "encrypt"), argv[4], in, out);
    close_session(&s);
    fclose(in);
    if (fclose(out)) perror(to), result = -1;
    if (whole_at_the_end && result) remove(part);
    if (whole_at_the_end && !result && rename(part, argv[6])) perror(argv[6]), result = -1;
    return result ? 1 : 0;
}
