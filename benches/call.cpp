// The same 100-byte call from C++, into the caller's buffer. Prints one line of JSON.
#include <keyfold.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

template <class Call>
double median_ns(Call call)
{
    constexpr int rounds = 200, calls = 1000;
    std::array<double, rounds> times{};
    for (double &time : times) {
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < calls; ++i) call();
        time = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / calls;
    }
    std::sort(times.begin(), times.end());
    return times[rounds / 2];
}

int main()
{
    const auto store = keyfold::Store::in_memory();
    store.create_key("cards");
    const auto key = store.key("cards");
    const keyfold::Context context{{"tenant", "acme-payments-ltd"}, {"table", "cards"}};
    const std::array<std::uint8_t, 100> message{7};
    std::array<std::uint8_t, 512> sealed{};
    std::array<std::uint8_t, 100> opened{};
    std::size_t size = 0;
    const double encrypt = median_ns([&] { size = key.encrypt_into(sealed, message, context); });
    const double decrypt = median_ns([&] { key.decrypt_into(opened, {sealed.data(), size}, context); });
    std::printf("{\"language\": \"C++\", \"encrypt_ns\": %.1f, \"decrypt_ns\": %.1f}\n", encrypt, decrypt);
}
