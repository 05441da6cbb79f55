/* What a program that found the library by pkg-config or CMake does first: compares what it was compiled against
 * with what it runs with. The package tests build it in every way we ship. */
#include <keyfold.h>
#include <stdio.h>

int main(void)
{
    if (keyfold_abi_version() != KEYFOLD_ABI_VERSION) {
        fprintf(stderr, "compiled for ABI %u, running with %u\n", (unsigned)KEYFOLD_ABI_VERSION,
                (unsigned)keyfold_abi_version());
        return 1;
    }
    puts("ok");
    return 0;
}
