/* One-shot calls for callgrind to count: benches/instructions.py runs it. What is counted lies in counted_encrypt and
 * counted_decrypt; all that is made at a first call comes before. */
#include <keyfold.h>

#include <stdio.h>
#include <stdlib.h>

static keyfold_key *key;
static uint8_t context[128], *plaintext, *sealed, *opened;
static size_t context_len, size, room, sealed_len;

static void must(keyfold_status status)
{
    if (status) fprintf(stderr, "%s\n", keyfold_status_name(status)), exit(1);
}

__attribute__((noinline)) void counted_encrypt(void)
{
    must(keyfold_encrypt(key, plaintext, size, context, context_len, NULL, sealed, room, &sealed_len));
}

__attribute__((noinline)) void counted_decrypt(void)
{
    size_t len;
    must(keyfold_decrypt(key, sealed, sealed_len, context, context_len, NULL, opened, size, &len));
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    size = strtoul(argv[1], NULL, 10);
    long calls = strtol(argv[2], NULL, 10);
    room = size + size / 512 + 512;
    plaintext = calloc(1, size + 1);
    opened = calloc(1, size + 1);
    sealed = calloc(1, room);
    if (!plaintext || !opened || !sealed) return 1;

    keyfold_pair pairs[] = {KEYFOLD_PAIR("tenant", "acme-payments-ltd"), KEYFOLD_PAIR("table", "cards")};
    keyfold_store *store;
    must(keyfold_store_open_in_memory(&store));
    must(keyfold_key_create(store, "cards", NULL, NULL));
    must(keyfold_key_open(store, "cards", &key));
    must(keyfold_context_pack(pairs, 2, context, sizeof context, &context_len));
    must(keyfold_encrypt(key, plaintext, size, context, context_len, NULL, sealed, room, &sealed_len));
    size_t len;
    must(keyfold_decrypt(key, sealed, sealed_len, context, context_len, NULL, opened, size, &len));

    for (long i = 0; i < calls; i++) {
        counted_encrypt();
        counted_decrypt();
    }
    must(keyfold_key_close(key));
    must(keyfold_store_close(store));
    return 0;
}
