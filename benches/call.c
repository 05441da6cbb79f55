/* The same 100-byte call from C, through the shared library as a program links it. Prints one line of JSON. */
#define _POSIX_C_SOURCE 200809L
#include <keyfold.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 200, CALLS = 1000 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double times[ROUNDS])
{
    qsort(times, ROUNDS, sizeof *times, by_value);
    return times[ROUNDS / 2] / CALLS;
}

static void must(keyfold_status status)
{
    if (status) fprintf(stderr, "%s\n", keyfold_status_name(status)), exit(1);
}

int main(void)
{
    keyfold_pair pairs[] = {KEYFOLD_PAIR("tenant", "acme-payments-ltd"), KEYFOLD_PAIR("table", "cards")};
    uint8_t context[128], plaintext[100] = {7}, sealed[512], opened[100];
    size_t context_len, sealed_len = 0, opened_len;
    double encrypt[ROUNDS], decrypt[ROUNDS];
    keyfold_store *store;
    keyfold_key *key;
    must(keyfold_store_open_in_memory(&store));
    must(keyfold_key_create(store, "cards", NULL, NULL));
    must(keyfold_key_open(store, "cards", &key));
    must(keyfold_context_pack(pairs, 2, context, sizeof context, &context_len));

    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int i = 0; i < CALLS; i++)
            must(keyfold_encrypt(key, plaintext, sizeof plaintext, context, context_len, NULL, sealed, sizeof sealed,
                                 &sealed_len));
        double between = now();
        for (int i = 0; i < CALLS; i++)
            must(keyfold_decrypt(key, sealed, sealed_len, context, context_len, NULL, opened, sizeof opened, &opened_len));
        encrypt[round] = between - start;
        decrypt[round] = now() - between;
    }
    printf("{\"language\": \"C, shared library\", \"encrypt_ns\": %.1f, \"decrypt_ns\": %.1f}\n", median(encrypt),
           median(decrypt));
    keyfold_key_close(key);
    keyfold_store_close(store);
    return 0;
}
