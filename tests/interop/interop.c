/* One language's part in the matrix: does what a list of commands says, in C.
 *
 *   interop STORE ROOT_KEY_FILE COMMANDS
 *
 * A command is a line of fields between tabs; every language's program takes the same list (run.py writes it):
 *
 *   open    KIND KEYS CONTEXT ACCEPT  PLAINTEXT  FILE    opens FILE and compares
 *   make    KIND KEYS CONTEXT STORED  PLAINTEXT  FILE    writes FILE (data keys: also FILE.key, the key itself)
 *   refuse  KIND KEYS CONTEXT ACCEPT  HEAD_SIZE  FILE    every bit of the head flipped, every truncation: all refused
 *
 * KIND is envelope, stream (made and opened in pieces, and a range read in its middle), file (made from FILE.plain and opened into
 * FILE.opened, by the calls for files) or datakey; KEYS aliases between commas, or * for any key of the store; CONTEXT name:value
 * pairs in hexadecimal between commas, or -; ACCEPT 0 or 1; STORED none, names or all; PLAINTEXT hexadecimal or - when empty
 * (for `make datakey` the number of bytes). Prints one line for each failure, then "passed N". */
#define _POSIX_C_SOURCE 200809L
#include <keyfold.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 7, MAX_KEYS = 32, MAX_PAIRS = 64 };

static keyfold_store *store;
static int failures;

static void die(const char *what)
{
    char detail[KEYFOLD_ERROR_SIZE] = "";
    size_t length;
    (void)keyfold_last_error(detail, sizeof detail, &length);
    fprintf(stderr, "interop: %s: %s\n", what, detail);
    exit(2);
}

static void failed(char *const field[FIELDS], const char *why)
{
    printf("%s %s with key %s: %s\n", field[0], field[6], field[2], why);
    failures++;
}

/* --- files and fields --------------------------------------------------------------------------------------------- */

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) die(path);
    long end = ftell(file);
    uint8_t *bytes = malloc((size_t)end + 1);
    rewind(file);
    if (!bytes || fread(bytes, 1, (size_t)end, file) != (size_t)end) die(path);
    fclose(file);
    bytes[end] = 0;
    *size = (size_t)end;
    return bytes;
}

static void write_file(const char *path, const char *suffix, const uint8_t *bytes, size_t size)
{
    char name[4096];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    FILE *file = fopen(name, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) die(name);
}

/* Decodes hexadecimal up to any other character, into memory the caller frees. */
static uint8_t *unhex(const char *text, size_t *size)
{
    size_t digits = strspn(text, "0123456789abcdef");
    uint8_t *bytes = malloc(digits / 2 + 1);
    if (!bytes) die("memory");
    for (size_t i = 0; i < digits / 2; i++) {
        unsigned byte;
        sscanf(text + 2 * i, "%2x", &byte);
        bytes[i] = (uint8_t)byte;
    }
    *size = digits / 2;
    return bytes;
}

static size_t pack_context(const char *text, uint8_t out[KEYFOLD_CONTEXT_MAX_SIZE])
{
    keyfold_pair pairs[MAX_PAIRS] = {{0}};
    size_t count = 0, length;
    while (*text != '-' && *text && count < MAX_PAIRS) {
        const char *value = strchr(text, ':') + 1;
        pairs[count].name = unhex(text, &pairs[count].name_len);
        pairs[count].value = unhex(value, &pairs[count].value_len);
        count++;
        text = value + strcspn(value, ",");
        text += *text == ',';
    }
    if (keyfold_context_pack(pairs, count, out, KEYFOLD_CONTEXT_MAX_SIZE, &length)) die("context");
    while (count--) {
        free((void *)pairs[count].name);
        free((void *)pairs[count].value);
    }
    return length;
}

/* Opens the keys named; 0 for "any key of the store". */
static size_t open_keys(char *names, const keyfold_key *keys[MAX_KEYS])
{
    size_t count = 0;
    if (!strcmp(names, "*")) return 0;
    while (count < MAX_KEYS) {
        char *comma = strchr(names, ',');
        keyfold_key *key;
        if (comma) *comma = 0;
        if (keyfold_key_open(store, names, &key)) die(names);
        keys[count++] = key;
        if (!comma) break;
        *comma = ',';
        names = comma + 1;
    }
    return count;
}

static void close_keys(const keyfold_key *const keys[], size_t count)
{
    while (count--) keyfold_key_close((keyfold_key *)keys[count]);
}

/* --- the commands ------------------------------------------------------------------------------------------------- */

/* Opens one message by the call that fits the keys at hand. */
static keyfold_status open_message(int datakey, const keyfold_key *const keys[], size_t count, const uint8_t *data,
                                   size_t size, const uint8_t *context, size_t context_len,
                                   const keyfold_decrypt_options *options, uint8_t *out, size_t cap, size_t *len)
{
    if (datakey && count == 0)
        return keyfold_decrypt_data_key_any(store, data, size, context, context_len, options, out, cap, len, NULL);
    if (datakey)
        return keyfold_decrypt_data_key(keys[0], data, size, context, context_len, options, out, cap, len);
    if (count == 0) return keyfold_decrypt_any(store, data, size, context, context_len, options, out, cap, len, NULL);
    if (count == 1) return keyfold_decrypt(keys[0], data, size, context, context_len, options, out, cap, len);
    return keyfold_decrypt_with_keys(keys, count, data, size, context, context_len, options, out, cap, len, NULL);
}

/* Pushes all of it in pieces; 0 where a step fails. */
static int push(keyfold_stream *stream, const uint8_t *in, size_t size, size_t step, uint8_t *out, size_t cap, size_t *length)
{
    size_t n;
    *length = 0;
    for (size_t at = 0; at < size; at += step) {
        if (keyfold_stream_update(stream, in + at, step < size - at ? step : size - at, NULL, out + *length, cap - *length, &n)) return 0;
        *length += n;
    }
    if (keyfold_stream_finish(stream, out + *length, cap - *length, &n)) return 0;
    *length += n;
    return keyfold_stream_close(stream) == KEYFOLD_STATUS_OK;
}

static void open_streamed(char *const field[FIELDS], const keyfold_key *const keys[], size_t count, const uint8_t *data, size_t size,
                          const uint8_t *context, size_t context_len, const keyfold_decrypt_options *options,
                          const uint8_t *plaintext, size_t wanted)
{
    keyfold_stream *stream;
    keyfold_reader *reader;
    uint8_t *out = malloc(size + 65536);
    size_t length, first = wanted / 3, part = wanted / 2;
    uint64_t told;
    FILE *file = fopen(field[6], "rb");
    if (!out || !file) die(field[6]);
    if (keyfold_stream_decrypt(keys, count, context, context_len, options, NULL, NULL, NULL, &stream) ||
        !push(stream, data, size, 5000, out, size + 65536, &length) || length != wanted || memcmp(out, plaintext, wanted))
        failed(field, "streams to something else");
    if (keyfold_reader_open_fd(keys, count, context, context_len, options, fileno(file), &reader) ||
        keyfold_reader_pread(reader, first, NULL, out, part, &length) || length != part || memcmp(out, plaintext + first, part) ||
        keyfold_reader_size(reader, &told) || told != wanted || keyfold_reader_close(reader))
        failed(field, "reads as something else");
    fclose(file);
    free(out);
}

static void open_file(char *const field[FIELDS], const keyfold_key *const keys[], size_t count, const uint8_t *context,
                      size_t context_len, const keyfold_decrypt_options *options, const uint8_t *plaintext, size_t wanted)
{
    char to[4096];
    uint64_t told;
    size_t size;
    snprintf(to, sizeof to, "%s.opened", field[6]);
    if (keyfold_decrypt_file(keys, count, field[6], to, context, context_len, options, &told, NULL)) {
        failed(field, "does not open into a file");
        return;
    }
    uint8_t *made = read_file(to, &size);
    if (size != wanted || told != wanted || memcmp(made, plaintext, wanted)) failed(field, "opens into another file");
    free(made);
}

static void do_open(char *const field[FIELDS])
{
    const keyfold_key *keys[MAX_KEYS];
    uint8_t context[KEYFOLD_CONTEXT_MAX_SIZE];
    size_t count = open_keys(field[2], keys), context_len = pack_context(field[3], context), size, wanted, length;
    keyfold_decrypt_options options = {.size = sizeof options,
                                       .flags = field[4][0] == '1' ? KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT : 0};
    uint8_t *data = read_file(field[6], &size), *plaintext = unhex(field[5], &wanted), *out = malloc(size);

    if (field[1][0] == 's')
        open_streamed(field, keys, count, data, size, context, context_len, &options, plaintext, wanted);
    else if (field[1][0] == 'f')
        open_file(field, keys, count, context, context_len, &options, plaintext, wanted);
    else if (open_message(field[1][0] == 'd', keys, count, data, size, context, context_len, &options, out, size, &length))
        failed(field, "does not open");
    else if (length != wanted || memcmp(out, plaintext, wanted))
        failed(field, "opens to something else");
    free(data), free(plaintext), free(out);
    close_keys(keys, count);
}

static void do_make(char *const field[FIELDS])
{
    const keyfold_key *keys[MAX_KEYS];
    uint8_t context[KEYFOLD_CONTEXT_MAX_SIZE];
    size_t count = open_keys(field[2], keys), context_len = pack_context(field[3], context), size, length = 0;
    keyfold_encrypt_options options = {.size = sizeof options};
    keyfold_status status = KEYFOLD_STATUS_OK;
    if (!strcmp(field[4], "names")) options.store_context = KEYFOLD_STORE_CONTEXT_NAMES;
    if (!strcmp(field[4], "all")) options.store_context = KEYFOLD_STORE_CONTEXT_ALL;

    if (field[1][0] == 'd') {
        uint8_t key[1024];
        size = (size_t)atoi(field[5]);
        size_t cap = size + 32768;
        uint8_t *blob = malloc(cap);
        status = keyfold_generate_data_key(keys[0], context, context_len, &options, key, size, blob, cap, &length);
        if (!status) write_file(field[6], "", blob, length), write_file(field[6], ".key", key, size);
        free(blob);
    } else {
        uint8_t *plaintext = unhex(field[5], &size);
        size_t cap = size + size / 1024 + 32768;
        uint8_t *out = malloc(cap);
        if (field[1][0] == 's') {
            keyfold_stream *stream;
            status = keyfold_stream_encrypt(keys, count, context, context_len, NULL, 0, &options, NULL, NULL, NULL, &stream);
            if (!status && !push(stream, plaintext, size, 7000, out, cap, &length)) failed(field, "is not streamed");
        } else if (field[1][0] == 'e')
            status = count == 1 ? keyfold_encrypt(keys[0], plaintext, size, context, context_len, &options, out, cap, &length)
                                : keyfold_encrypt_to(keys, count, plaintext, size, context, context_len, NULL, 0, &options,
                                                     out, cap, &length);
        if (field[1][0] == 'f') {
            char from[4096];
            snprintf(from, sizeof from, "%s.plain", field[6]);
            write_file(from, "", plaintext, size);
            status = keyfold_encrypt_file(keys, count, from, field[6], context, context_len, NULL, 0, &options, NULL);
        } else if (!status)
            write_file(field[6], "", out, length);
        free(plaintext), free(out);
    }
    if (status) failed(field, keyfold_status_name(status));
    close_keys(keys, count);
}

/* Whether a damaged copy is refused as damaged data is, with nothing left in the output. */
static int is_refused(char *const field[FIELDS], const keyfold_key *const keys[], size_t count, const uint8_t *data,
                      size_t size, const uint8_t *context, size_t context_len, uint8_t *out, size_t cap)
{
    keyfold_decrypt_options options = {.size = sizeof options};
    size_t length = 0;
    memset(out, 0xA5, cap);
    keyfold_status status =
        open_message(field[1][0] == 'd', keys, count, data, size, context, context_len, &options, out, cap, &length);
    if (status < 200 || status >= 400) return 0;
    for (size_t i = 0; i < cap; i++)
        if (out[i] != 0 && out[i] != 0xA5) return 0; /* untouched or wiped, nothing between */
    return 1;
}

static void do_refuse(char *const field[FIELDS])
{
    const keyfold_key *keys[MAX_KEYS];
    uint8_t context[KEYFOLD_CONTEXT_MAX_SIZE];
    size_t count = open_keys(field[2], keys), context_len = pack_context(field[3], context), size;
    size_t head = (size_t)atoi(field[5]);
    uint8_t *data = read_file(field[6], &size), *out = malloc(size);
    char why[64];

    for (size_t bit = 0; bit < 8 * head; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (!is_refused(field, keys, count, data, size, context, context_len, out, size)) {
            snprintf(why, sizeof why, "bit %zu of byte %zu flipped is not refused", bit % 8, bit / 8);
            failed(field, why);
        }
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        if (!is_refused(field, keys, count, data, cut, context, context_len, out, size)) {
            snprintf(why, sizeof why, "cut to %zu bytes is not refused", cut);
            failed(field, why);
        }
    free(data), free(out);
    close_keys(keys, count);
}

int main(int argc, char **argv)
{
    keyfold_root *root;
    size_t size;
    int commands = 0;
    if (argc != 4) return fprintf(stderr, "usage: interop STORE ROOT_KEY_FILE COMMANDS\n"), 2;
    if (keyfold_root_open_key_file(argv[2], NULL, &root)) die(argv[2]);
    if (keyfold_store_open(argv[1], root, NULL, &store)) die(argv[1]);
    keyfold_root_close(root);

    char *text = (char *)read_file(argv[3], &size);
    for (char *line = text; *line; commands++) {
        char *field[FIELDS], *next = line + strcspn(line, "\n");
        if (*next) *next++ = 0;
        for (int i = 0; i < FIELDS; i++) {
            field[i] = line;
            line += strcspn(line, "\t");
            if (*line) *line++ = 0;
        }
        switch (field[0][0]) {
        case 'o': do_open(field); break;
        case 'm': do_make(field); break;
        case 'r': do_refuse(field); break;
        default: die(field[0]);
        }
        line = next;
    }
    free(text);
    keyfold_store_close(store);
    if (keyfold_open_handles()) printf("%zu handles left open\n", keyfold_open_handles()), failures++;
    if (failures) return 1;
    printf("passed %d\n", commands);
    return 0;
}
