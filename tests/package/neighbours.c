#include <keyfold.h>

int32_t left_catches(int32_t number);
int32_t right_catches(int32_t number);

#ifdef WITH_FAILPOINTS
void keyfold_failpoint_panic(void); /* the next call panics inside */

static int ours_catches(void)
{
    keyfold_store *store;
    keyfold_failpoint_panic();
    return keyfold_store_open_in_memory(&store) == KEYFOLD_STATUS_INTERNAL;
}
#else
static int ours_catches(void)
{
    return keyfold_abi_version() == KEYFOLD_ABI_VERSION;
}
#endif

int main(void)
{
    for (int round = 0; round < 3; round++) {
        if (!ours_catches()) return 1;
        if (left_catches(1) != 1 || left_catches(0) != 0) return 1;
        if (right_catches(1) != 1 || right_catches(0) != 0) return 1;
    }
    return 0;
}
