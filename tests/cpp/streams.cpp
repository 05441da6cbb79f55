// Streams, readers, files and long calls through the C++ header.
#include "check.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <type_traits>

using keyfold::bytes;
using keyfold::bytes_span;
using keyfold::bytes_view;

static const keyfold::Context row{{"table", "cards"}, {"row", "7"}};
constexpr std::size_t chunk = 16 * 1024;
constexpr std::size_t sizes[] = {0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 777};

struct Mine {};

static bytes message(std::size_t size)
{
    bytes made(size);
    std::uint32_t x = 12345;
    for (auto &byte : made) byte = static_cast<std::uint8_t>((x = x * 1664525 + 1013904223) >> 24);
    return made;
}

static void append(bytes &to, const bytes &more)
{
    to.insert(to.end(), more.begin(), more.end());
}

// Pushes all of the input, `step` bytes at a time.
template <class Stream>
static bytes all(Stream &stream, const bytes &input, std::size_t step)
{
    bytes out;
    for (std::size_t at = 0; at < input.size(); at += step)
        append(out, stream.update(bytes_view(input.data() + at, std::min(step, input.size() - at))));
    append(out, stream.finish());
    stream.close();
    return out;
}

// A source that gives at most `step` bytes at a time.
static keyfold::Source from(const bytes &input, std::size_t step)
{
    return [&input, step, at = std::size_t(0)](bytes_span out) mutable {
        const std::size_t n = std::min({step, out.size(), input.size() - at});
        std::copy_n(input.data() + at, n, out.data());
        at += n;
        return n;
    };
}

template <class Pull>
static bytes pulled(Pull &pull, std::size_t step)
{
    bytes out, piece(step);
    while (const std::size_t n = pull.read(piece)) out.insert(out.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
    pull.close();
    return out;
}

struct Fixture {
    keyfold::Store store = keyfold::Store::in_memory();
    keyfold::Key cards = (store.create_key("cards"), store.key("cards"));
};

static void any_split_of_any_size_gives_the_message()
{
    const Fixture f;
    for (const std::size_t size : sizes) {
        const bytes plain = message(size);
        for (const std::size_t step : {std::size_t(997), chunk, std::size_t(1) << 20}) {
            keyfold::EncryptStream encrypting({&f.cards}, row);
            const bytes sealed = all(encrypting, plain, step);
            CHECK(sealed.size() == keyfold::encrypted_size(size, row) && f.cards.decrypt(sealed, row) == plain);
            keyfold::DecryptStream decrypting({&f.cards}, row);
            CHECK(all(decrypting, sealed, step) == plain);
            keyfold::EncryptPull encrypted({&f.cards}, from(plain, step), row);
            const bytes drawn = pulled(encrypted, 1000);
            keyfold::DecryptPull decrypted(f.store, from(drawn, step), row);
            CHECK(pulled(decrypted, 50'000) == plain);
        }
    }
    keyfold::DecryptStream which(f.store, row);
    const bytes sealed = f.cards.encrypt(message(40'000), row);
    CHECK(!which.update(sealed).empty() && which.opened().key_id == f.cards.id() && which.opened().version == 1);
    CHECK(which.authenticated_context().packed() == row.packed());
    (void)which.finish();
}

static void sealed_streams_need_no_store()
{
    const Fixture f;
    keyfold::KeyOptions options;
    options.spec = "HPKE_X25519";
    f.store.create_key("inbox", options);
    const auto inbox = f.store.key("inbox");
    const bytes plain = message(50'000), half = inbox.public_key();
    auto stream = keyfold::EncryptStream::seal({half}, row);
    CHECK(inbox.decrypt(all(stream, plain, 10'000), row) == plain);
    auto pull = keyfold::EncryptPull::seal({half}, from(plain, 9'000), row);
    CHECK(inbox.decrypt(pulled(pull, 20'000), row) == plain);
}

// Mutation seen to fail it: `close` that does not look at the status.
static void an_end_that_is_missing_is_told()
{
    const Fixture f;
    keyfold::EncryptStream left({&f.cards}, row);
    const bytes front = left.update(message(50'000));
    CHECK(throws<keyfold::UsageError>(KEYFOLD_STATUS_STREAM_UNFINISHED, [&] { left.close(); }));
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { f.cards.decrypt(front, row); }));
    const bytes whole = f.cards.encrypt(message(50'000), row), sealed(whole.begin(), whole.end() - 20'000);
    keyfold::DecryptStream cut({&f.cards}, row);
    CHECK(cut.update(sealed) == message(chunk));
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { (void)cut.finish(); }));
    cut.close();
    keyfold::DecryptPull pull({&f.cards}, from(sealed, 1 << 16), row);
    bytes out(100'000);
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { (void)pull.read(out); }));
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { (void)pull.read(out); }));
    keyfold::DecryptStream cancelled({&f.cards}, row);
    (void)cancelled.update(sealed);
    cancelled.cancel();
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_CANCELLED, [&] { (void)cancelled.finish(); }));
    cancelled.close();
}

// Mutation seen to fail it: `fail` that does not look for what a callback threw.
static void what_callbacks_throw_comes_out_of_the_call()
{
    const Fixture f;
    const auto throws_mine = [](auto call) {
        try {
            call();
        } catch (const Mine &) {
            return true;
        }
        return false;
    };
    bytes out(1000);
    keyfold::EncryptPull pull({&f.cards}, [](bytes_span) -> std::size_t { throw Mine(); }, row);
    CHECK(throws_mine([&] { (void)pull.read(out); }));
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_CALLBACK_FAILED, [&] { (void)pull.read(out); }));
    CHECK(throws_mine([&] {
        keyfold::Reader({&f.cards}, 1'000, [](bytes_span, std::uint64_t) -> std::size_t { throw Mine(); }, row);
    }));
    keyfold::Work work(1, [](std::uint64_t, std::uint64_t) -> bool { throw Mine(); });
    keyfold::EncryptOptions options;
    options.work = &work;
    CHECK(throws_mine([&] { f.cards.encrypt(message(3'000'000), row, options); }));
    // Nothing of it is left for the next call.
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_NOT_AN_ENVELOPE, [&] { f.cards.decrypt("none", row); }));
    keyfold::EncryptPull lies({&f.cards}, [](bytes_span to) { return to.size() + 1; }, row);
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_CALLBACK_FAILED, [&] { (void)lies.read(out); }));
}

static void long_calls_tell_and_stop()
{
    const Fixture f;
    const bytes plain = message(9'000'000);
    for (const std::uint32_t threads : {0u, 1u, 3u}) {
        std::uint64_t last = 0;
        keyfold::Work work(threads, [&](std::uint64_t done, std::uint64_t total) {
            CHECK(done >= last && total == plain.size());
            last = done;
            return true;
        });
        keyfold::EncryptOptions options;
        options.work = &work;
        const bytes sealed = f.cards.encrypt(plain, row, options);
        CHECK(last == plain.size() && f.cards.decrypt(sealed, row) == plain);
        work.cancel();
        keyfold::DecryptOptions decrypting;
        decrypting.work = &work;
        CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_CANCELLED, [&] { f.cards.decrypt(sealed, row, decrypting); }));
    }
    keyfold::EncryptStream stream({&f.cards}, row);
    keyfold::Work stops(2, [](std::uint64_t, std::uint64_t) { return false; });
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_CANCELLED, [&] { stream.update(plain, &stops); }));
}

static void readers_read_at_any_place(const std::string &folder)
{
    const Fixture f;
    const bytes plain = message(200'000), sealed = f.cards.encrypt(plain, row);
    std::ofstream(folder + "/sealed", std::ios::binary).write(reinterpret_cast<const char *>(sealed.data()), static_cast<std::streamsize>(sealed.size()));
    const int descriptor = ::open((folder + "/sealed").c_str(), O_RDONLY);
    CHECK(descriptor >= 0);
    const keyfold::Reader by_file({&f.cards}, descriptor, row), of_store(f.store, descriptor, row);
    ::close(descriptor);
    std::uint64_t most = 0;
    const keyfold::Reader fetched({&f.cards}, sealed.size(), [&](bytes_span out, std::uint64_t offset) {
        const std::size_t n = std::min<std::size_t>(out.size(), sealed.size() - std::min<std::size_t>(sealed.size(), offset));
        most = std::max<std::uint64_t>(most, n);
        std::copy_n(sealed.data() + offset, n, out.data());
        return n;
    }, row);
    for (const keyfold::Reader *reader : {&by_file, &of_store, &fetched}) {
        CHECK(reader->size() == plain.size() && reader->opened().key_id == f.cards.id());
        CHECK(reader->authenticated_context().packed() == row.packed());
        for (const std::size_t offset : {std::size_t(0), std::size_t(1), chunk - 1, chunk, std::size_t(123'456), plain.size() - 1,
                                         plain.size(), plain.size() + 5}) {
            bytes out(20'000);
            const std::size_t n = reader->pread(out, offset);
            CHECK(n == std::min(out.size(), plain.size() - std::min(plain.size(), offset)));
            CHECK(std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n), plain.begin() + static_cast<std::ptrdiff_t>(std::min(offset, plain.size()))));
        }
    }
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t)
        threads.emplace_back([&by_file, &plain, t] {
            bytes out(1'000);
            for (std::size_t i = 0; i < 50; ++i) {
                const std::size_t offset = (i * 7'919 + t * 31'337) % (plain.size() - out.size());
                CHECK(by_file.pread(out, offset) == out.size());
                CHECK(std::equal(out.begin(), out.end(), plain.begin() + static_cast<std::ptrdiff_t>(offset)));
            }
        });
    for (auto &thread : threads) thread.join();
    const auto range = keyfold::ciphertext_range(bytes_view(sealed.data(), 44), sealed.size(), 3 * chunk + 5, 10);
    CHECK(range.size == chunk + 16 && range.offset == sealed.size() - keyfold::encrypted_size(200'000, row) + keyfold::encrypted_size(0, row) - 16 + 3 * (chunk + 16));
}

static void files_are_the_old_one_or_the_new_one(const std::string &folder)
{
    const Fixture f;
    const bytes plain = message(5'000'000);
    const std::string from = folder + "/plain", to = folder + "/sealed", back = folder + "/back";
    std::ofstream(from, std::ios::binary).write(reinterpret_cast<const char *>(plain.data()), static_cast<std::streamsize>(plain.size()));
    CHECK(keyfold::encrypt_file({&f.cards}, from, to, row) == keyfold::encrypted_size(plain.size(), row));
    CHECK(keyfold::decrypt_file({&f.cards}, to, back, row).size == plain.size());
    const auto opened = keyfold::decrypt_file(f.store, to, back, row);
    CHECK(opened.size == plain.size() && opened.key_id == f.cards.id() && opened.version == 1);
    std::ifstream file(back, std::ios::binary);
    CHECK(bytes(std::istreambuf_iterator<char>(file), {}) == plain);
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { keyfold::decrypt_file({&f.cards}, to, folder + "/none"); }));
    CHECK(::access((folder + "/none").c_str(), F_OK) != 0);
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_IO, [&] { keyfold::encrypt_file({&f.cards}, folder + "/none", to, row); }));
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    static_assert(std::is_nothrow_move_constructible_v<keyfold::EncryptStream> && !std::is_copy_constructible_v<keyfold::Reader>);
    any_split_of_any_size_gives_the_message();
    sealed_streams_need_no_store();
    an_end_that_is_missing_is_told();
    what_callbacks_throw_comes_out_of_the_call();
    long_calls_tell_and_stop();
    readers_read_at_any_place(argv[1]);
    files_are_the_old_one_or_the_new_one(argv[1]);
    CHECK(keyfold_open_handles() == 0);
    std::printf("  cpp: streams passed as C++%ld\n", __cplusplus / 100 % 100);
}
