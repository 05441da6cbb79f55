// The C++ header, through every method: plain checks, no framework.
#include "keyfold.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <thread>
#if __cplusplus >= 202002L
#include <span>
#endif

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1); \
        } \
    } while (0)

// Whether the call throws exactly this class with this status.
template <class Exception, class Call>
bool throws(keyfold_status status, Call call)
{
    try {
        call();
    } catch (const Exception &e) {
        return e.status() == status && e.what()[0] != 0;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "another exception: %s\n", e.what());
    }
    return false;
}

static bool has(const std::string &text, const char *part)
{
    return text.find(part) != std::string::npos;
}

static std::string text(const keyfold::bytes &bytes)
{
    return std::string(bytes.begin(), bytes.end());
}

static void messages_round_trip_from_every_kind_of_bytes()
{
    const auto store = keyfold::Store::in_memory();
    store.create_key("cards");
    const auto cards = store.key("cards");
    const keyfold::Context context{{"table", "cards"}, {"column", "pan"}};
    const std::string message = "4111 1111 1111 1111";
    const std::vector<char> chars(message.begin(), message.end());
    const std::array<std::byte, 3> array{};
    const std::vector<std::uint8_t> vector(message.begin(), message.end());
    for (const keyfold::bytes &sealed :
         {cards.encrypt(message, context), cards.encrypt("4111 1111 1111 1111", context), cards.encrypt(chars, context),
          cards.encrypt(std::string_view(message), context), cards.encrypt(vector, context)})
        CHECK(text(cards.decrypt(sealed, context)) == message);
    CHECK(cards.decrypt(cards.encrypt(array)).size() == 3);
    CHECK(cards.decrypt(cards.encrypt(std::string_view{})).empty());
    CHECK(cards.decrypt(cards.encrypt({})).empty());
#if __cplusplus >= 202002L
    const std::span<const std::byte> span(array);
    CHECK(cards.decrypt(cards.encrypt(span)).size() == 3);
#endif

    std::array<std::uint8_t, 300> out{}, opened{};
    const std::size_t size = cards.encrypt_into(out, message, context);
    CHECK(size == keyfold::encrypted_size(message.size(), context));
    CHECK(keyfold::decrypted_size(keyfold::bytes_view(out.data(), size)) == message.size());
    CHECK(cards.decrypt_into(opened, keyfold::bytes_view(out.data(), size), context) == message.size());

    const std::size_t head = keyfold::headroom(context);
    keyfold::bytes buffer(head + message.size() + 16);
    for (std::size_t i = 0; i < message.size(); ++i) buffer[head + i] = static_cast<std::uint8_t>(message[i]);
    CHECK(cards.encrypt_in_place(buffer, head, message.size(), context) == buffer.size());
    CHECK(cards.decrypt_in_place(buffer, context) == message.size());
    CHECK(buffer[0] == '4');
    keyfold::wipe(buffer);
    CHECK(buffer[0] == 0);
}

static void failures_are_the_right_exception()
{
    const auto store = keyfold::Store::in_memory();
    store.create_key("cards");
    store.create_key("other");
    const auto cards = store.key("cards"), other = store.key("other");
    const auto sealed = cards.encrypt("x");
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { cards.decrypt(sealed, {{"a", "b"}}); }));
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_NOT_AN_ENVELOPE, [&] { cards.decrypt("noise, and more of it"); }));
    CHECK(throws<keyfold::NotFound>(KEYFOLD_STATUS_KEY_NOT_ALLOWED, [&] { other.decrypt(sealed); }));
    CHECK(throws<keyfold::NotFound>(KEYFOLD_STATUS_KEY_NOT_FOUND, [&] { store.key("nobody"); }));
    store.disable_key("cards");
    CHECK(throws<keyfold::KeyDisabled>(KEYFOLD_STATUS_KEY_DISABLED, [&] { cards.decrypt(sealed); }));
    store.enable_key("cards");
    CHECK(text(cards.decrypt(sealed)) == "x");
    CHECK(throws<keyfold::UsageError>(KEYFOLD_STATUS_INVALID_CONTEXT, [] { keyfold::Context({{"a", "1"}, {"a", "2"}}); }));
    CHECK(throws<keyfold::UsageError>(KEYFOLD_STATUS_INVALID_CONTEXT, [] { keyfold::Context::from_packed("\1"); }));
    std::array<std::uint8_t, 10> small{};
    CHECK(throws<keyfold::UsageError>(KEYFOLD_STATUS_BUFFER_TOO_SMALL, [&] { cards.encrypt_into(small, "x"); }));
    try {
        store.describe_key("nobody");
        CHECK(false);
    } catch (const keyfold::Error &e) {
        CHECK(std::string(e.name()) == "KEY_NOT_FOUND" && has(e.what(), "nobody") && !e.retryable());
    }
}

static void objects_move_and_close_once()
{
    CHECK(keyfold_open_handles() == 0);
    {
        auto store = keyfold::Store::in_memory();
        store.create_key("cards");
        auto key = store.key("cards");
        static_assert(sizeof key == sizeof(void *) && !std::is_copy_constructible_v<keyfold::Key>);
        static_assert(std::is_nothrow_move_constructible_v<keyfold::Key> && std::is_nothrow_move_assignable_v<keyfold::Store>);
        CHECK(keyfold_open_handles() == 2);
        auto moved = std::move(key);
        CHECK(key.get() == nullptr && keyfold_open_handles() == 2); // NOLINT: what a moved-from object does is the test
        CHECK(throws<keyfold::UsageError>(KEYFOLD_STATUS_INVALID_HANDLE, [&] { key.encrypt("x"); }));
        moved = store.key("cards");
        CHECK(keyfold_open_handles() == 2);
        // The key outlives its store.
        store = keyfold::Store::in_memory();
        CHECK(moved.decrypt(moved.encrypt("x")).size() == 1);
        keyfold_key *raw = moved.release();
        CHECK(keyfold_open_handles() == 2);
        CHECK(keyfold_key_close(raw) == KEYFOLD_STATUS_OK);
    }
    CHECK(keyfold_open_handles() == 0);
}

static void keys_rotate_and_envelopes_follow()
{
    const auto store = keyfold::Store::in_memory();
    CHECK(has(store.create_key("cards", "card numbers"), "card numbers"));
    store.create_key("other");
    const auto cards = store.key("cards"), other = store.key("other");
    const keyfold::Context none, row{{"row", "7"}};
    auto sealed = cards.encrypt("x");
    const auto version = store.rotate_key("cards");
    CHECK(version.version == 2 && version.key_id == cards.id());
    CHECK(cards.rewrap(sealed, none).rewrapped == 1);
    CHECK(cards.rewrap(sealed).current == 1);
    CHECK(store.rewrap_any(sealed).current == 1);
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { cards.rewrap(sealed, row); }));
    const auto opened = store.decrypt_any(sealed);
    CHECK(opened.version == 2 && opened.key_id == cards.id() && text(opened.plaintext) == "x");

    keyfold::EncryptOptions options;
    options.store_context = keyfold::StoreContext::chosen;
    options.free_cells = 1;
    const auto both = keyfold::encrypt_to({&cards, &other}, "x", row, options, row);
    CHECK(keyfold::decrypt_with_keys({&other}, both, row).key_id == other.id());
    keyfold::DecryptOptions accept;
    accept.accept_stored_context = true;
    CHECK(text(cards.decrypt(both, none, accept)) == "x");
    CHECK(cards.authenticated_context(both, none, accept).packed() == row.packed());
    CHECK(has(keyfold::inspect(both), "\"free\""));

    const auto moved = keyfold::reencrypt({&cards}, sealed, none, {&other}, row);
    CHECK(text(other.decrypt(moved, row)) == "x");
    CHECK(has(store.explain(moved, none, &cards), "\"head_opens\":false"));

    const auto data_key = cards.generate_data_key(32, row);
    CHECK(cards.decrypt_data_key(data_key.blob, row) == data_key.plaintext);
    CHECK(cards.decrypt_data_key(cards.generate_data_key_blob(64)).size() == 64);
}

static void stores_and_roots_are_managed(const std::string &folder)
{
    const auto root = keyfold::Root::passphrase("correct horse");
    keyfold::StoreOptions options;
    options.development = true;
    options.refresh_millis = 0;
    options.busy_timeout_millis = 100;
    const auto store = keyfold::Store::init(folder + "/keys.db", root, options);
    store.create_key("cards");
    CHECK(has(store.info(), "\"development\":true") && store.verify() == 1);
    store.create_alias("cards/eu", "cards");
    CHECK(has(store.list_aliases(), "cards/eu") && has(store.describe_key("cards/eu"), "\"cards\""));
    store.create_key("target");
    store.move_alias("cards/eu", "target");
    store.delete_alias("cards/eu");
    CHECK(!has(store.list_keys(), "cards/eu"));
    CHECK(throws<keyfold::UsageError>(KEYFOLD_STATUS_INVALID_ARGUMENT, [&] { store.list_keys({}, 5000); }));

    const auto second = keyfold::Root::passphrase("battery staple");
    CHECK(has(store.add_root(second), "passphrase"));
    keyfold::StoreOptions read_only;
    read_only.read_only = true;
    const auto again = keyfold::Store::open(folder + "/keys.db", second, read_only);
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_STORE_READ_ONLY, [&] { again.rotate_key("cards"); }));
    std::string slots = store.roots();
    const auto slot_of = [](const std::string &json) {
        const auto at = json.find("\"slot_id\":\"") + 11;
        return json.substr(at, json.find('"', at) - at);
    };
    store.change_root(keyfold::Root::passphrase("a third one"), slot_of(slots));
    slots = store.roots();
    store.remove_root(slot_of(slots));
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_LAST_ROOT, [&] { store.remove_root(slot_of(store.roots())); }));

    const keyfold::bytes material(32, 1);
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_INVALID_KEY_MATERIAL, [&] { store.import_key_material(material); }));
    keyfold::bytes random(32);
    keyfold::generate_random(random);
    store.import_key_material(random, "transport");
    const auto exported = store.export_key("cards", "transport");
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_ALREADY_EXISTS, [&] { store.import_key(exported); }));
    keyfold::reseed();
    keyfold::require_abi();
}

static void every_call_of_c_has_its_method(const std::string &folder)
{
    const auto store = keyfold::Store::in_memory();
    store.create_key("cards");
    store.create_key("other");
    const auto cards = store.key("cards"), other = store.key("other");
    const keyfold::Context none, row{{"row", "7"}};
    row.require({"row"});
    none.require({});
    CHECK(throws<keyfold::ContextRequired>(KEYFOLD_STATUS_CONTEXT_REQUIRED, [&] { row.require({"row", "tenant"}); }));

    const auto sealed = cards.encrypt_batch({"one", "", "three"}, row);
    CHECK(sealed.size() == 3 && text(cards.decrypt(sealed[2], row)) == "three");
    const auto opened = cards.decrypt_batch({sealed[0], sealed[1], sealed[2]}, row);
    CHECK(opened.size() == 3 && opened[1].size() == 0 && text(opened.data) == "onethree");
    CHECK(cards.encrypt_batch({}).size() == 0 && cards.decrypt_batch({}).size() == 0);
    CHECK(cards.decrypt_batch({cards.encrypt("")})[0].size() == 0);
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { cards.decrypt_batch({sealed[0]}); }));

    std::array<std::uint8_t, 400> out{}, message{};
    std::size_t size = keyfold::encrypt_to_into(out, {&cards, &other}, "to both", row);
    keyfold::bytes_view both(out.data(), size);
    CHECK(keyfold::decrypt_with_keys_into(message, {&other}, both, row).key_id == other.id());
    const auto which = store.decrypt_any_into(message, both, row);
    CHECK(which.size == 7 && which.version == 1 && which.key_id == cards.id() && message[3] == 'b');
    keyfold::EncryptOptions all;
    all.store_context = keyfold::StoreContext::all;
    keyfold::DecryptOptions accept;
    accept.accept_stored_context = true;
    CHECK(store.authenticated_context_any(cards.encrypt("x", row, all), none, accept).packed() == row.packed());
    CHECK(text(other.decrypt(store.reencrypt_any(both, row, {&other}, none))) == "to both");

    keyfold::bytes data_key(48), again(48);
    const auto blob = cards.generate_data_key_into(data_key, row);
    CHECK(cards.decrypt_data_key_into(again, blob, row) == 48 && again == data_key);
    again.assign(48, 0);
    CHECK(store.decrypt_data_key_any_into(again, blob, row).size == 48 && again == data_key);

    store.rotate_key("cards");
    auto copy = cards.encrypt("x", row);
    store.rotate_key("cards");
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { store.rewrap_any(copy, &none); }));
    CHECK(store.rewrap_any(copy, &row).rewrapped == 1);
    const std::string path = folder + "/envelope";
    const auto write = [&](const keyfold::bytes &bytes) {
        std::FILE *file = std::fopen(path.c_str(), "wb");
        CHECK(file && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() && std::fclose(file) == 0);
    };
    write(copy);
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { cards.rewrap_file(path, &none); }));
    CHECK(cards.rewrap_file(path, &row).current == 1 && cards.rewrap_file(path).current == 1);
    store.rotate_key("cards");
    CHECK(throws<keyfold::AuthError>(KEYFOLD_STATUS_AUTH, [&] { store.rewrap_file_any(path, &none); }));
    CHECK(store.rewrap_file_any(path, &row).rewrapped == 1 && store.rewrap_file_any(path).current == 1);

    keyfold::self_test();
    const auto protection = keyfold::protection_status();
    CHECK(protection.bytes > 0 && protection.unlocked_bytes <= protection.bytes);
    CHECK(std::string(keyfold::version()) == KEYFOLD_VERSION && keyfold::engine()[0] != 0);
    CHECK(has(keyfold::status_text(KEYFOLD_STATUS_KEY_DISABLED), "disabled"));
    CHECK(keyfold::open_handles() == 3);
}

static void operators_do_with_keys_what_they_do_in_c()
{
    int events = 0;
    {
        const auto store = keyfold::Store::in_memory();
        store.add_callback_sink([&events](std::string_view event) { events += event.find("\"CreateKey\"") != event.npos; });
        store.add_callback_sink([](std::string_view) { throw std::runtime_error("full"); });
        keyfold::KeyOptions options;
        options.tags = "{\"team\":\"payments\"}";
        options.policy = "{\"on_demand_limit\":0}";
        CHECK(has(store.create_key("cards", options), "\"team\":\"payments\""));
        CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_LIMIT_EXCEEDED, [&] { store.rotate_key("cards"); }));
        CHECK(has(store.untag_key("cards", "[\"team\"]"), "\"tags\":{}"));
        const keyfold::Context row{{"table", "cards"}};
        keyfold::Narrowing to;
        to.operations = "Encrypt";
        to.context_equals = &row;
        const auto few = store.key("cards").narrow(to);
        const auto sealed = few.encrypt("x", row);
        CHECK(throws<keyfold::AccessDenied>(KEYFOLD_STATUS_ACCESS_DENIED, [&] { few.decrypt(sealed, row); }));
        CHECK(has(store.create_grant("cards", "{\"grantee_principal\":\"worker\",\"operations\":[\"Decrypt\"]}"), "worker"));
        CHECK(has(store.list_grants("cards"), "worker"));
        store.dry_run("Encrypt", "cards", row);
        store.schedule_key_deletion("cards", 7);
        CHECK(throws<keyfold::InvalidKeyState>(KEYFOLD_STATUS_INVALID_KEY_STATE, [&] { few.encrypt("x", row); }));
        store.cancel_key_deletion("cards");

        options = {};
        options.spec = "HMAC_256";
        store.create_key("sign", options);
        const auto sign = store.key("sign");
        const auto code = sign.generate_mac("message");
        sign.verify_mac("message", code);
        CHECK(throws<keyfold::InvalidMac>(KEYFOLD_STATUS_INVALID_MAC, [&] { sign.verify_mac("massage", code); }));
        options.spec = "HPKE_X_WING";
        store.create_key("inbox", options);
        const auto inbox = store.key("inbox");
        CHECK(text(inbox.decrypt(keyfold::seal({inbox.public_key()}, "for you", row), row)) == "for you");

        CHECK(has(store.verify_trail(store.checkpoint_trail()), "\"ok\":true"));
        CHECK(has(store.tail_trail(), "ScheduleKeyDeletion"));
        CHECK(has(store.sinks(), "\"last_error\":\""));
    }
    CHECK(events == 3);
}

static void one_key_serves_many_threads()
{
    const auto store = keyfold::Store::in_memory();
    store.create_key("cards");
    const auto cards = store.key("cards");
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&cards, t] {
            const std::map<std::string, std::string> pairs{{"thread", std::to_string(t)}};
            const keyfold::Context context(pairs);
            for (int i = 0; i < 200; ++i) CHECK(text(cards.decrypt(cards.encrypt("message", context), context)) == "message");
        });
    for (auto &thread : threads) thread.join();
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    messages_round_trip_from_every_kind_of_bytes();
    failures_are_the_right_exception();
    objects_move_and_close_once();
    keys_rotate_and_envelopes_follow();
    every_call_of_c_has_its_method(argv[1]);
    operators_do_with_keys_what_they_do_in_c();
    one_key_serves_many_threads();
    stores_and_roots_are_managed(argv[1]);
    CHECK(keyfold_open_handles() == 0);
    std::printf("  cpp: passed as C++%ld\n", __cplusplus / 100 % 100);
}
