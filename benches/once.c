/* Runs a program once and prints its seconds of wall clock and the peak of its resident memory in KiB.
 *
 *     once PROGRAM ARGUMENT...
 *
 * A program of its own, since a child's peak is never below what its parent had in memory when it was made. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    double start = now();
    pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    int status = 0;
    struct rusage used;
    if (wait4(child, &status, 0, &used) != child) return 1;
    printf("%.6f %ld\n", now() - start, used.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
