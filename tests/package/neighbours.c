#include <keyfold.h>

int32_t left_catches(int32_t number);
int32_t right_catches(int32_t number);

int main(void)
{
    for (int round = 0; round < 3; round++) {
        if (left_catches(1) != 1 || left_catches(0) != 0) return 1;
        if (right_catches(1) != 1 || right_catches(0) != 0) return 1;
        if (keyfold_abi_version() != KEYFOLD_ABI_VERSION) return 1;
    }
    return 0;
}
