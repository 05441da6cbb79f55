// The C++ header, through every method: plain checks, no framework.
#include "check.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>
#if __cplusplus >= 202002L
#include <span>
#endif

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

static std::string value_of(const std::string &json, const std::string &field)
{
    const auto at = json.find("\"" + field + "\":\"");
    CHECK(at != std::string::npos);
    const auto begin = at + field.size() + 4;
    return json.substr(begin, json.find('"', begin) - begin);
}

static keyfold::bytes unhex(const std::string &hex)
{
    keyfold::bytes out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return out;
}

static void a_key_lives_until_its_deletion()
{
    const auto store = keyfold::Store::in_memory();
    store.create_key("cards");
    CHECK(has(store.tag_key("cards", R"({"team":"cards","pci":"yes"})"), "\"pci\":\"yes\""));
    CHECK(!has(store.untag_key("cards", R"(["pci"])"), "pci"));
    CHECK(has(store.set_key_policy("cards", R"({"on_demand_limit":1})"), "\"on_demand_limit\":1"));
    CHECK(has(store.update_key_description("cards", "PANs"), "PANs"));
    store.rotate_key("cards");
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_LIMIT_EXCEEDED, [&] { store.rotate_key("cards"); }));
    CHECK(has(store.list_key_rotations("cards"), "ON_DEMAND") && has(store.key_rotation_status("cards"), "\"due\":false"));
    const auto cards = store.key("cards");
    CHECK(cards.decrypt(cards.encrypt("0123456789")).size() == 10);
    CHECK(has(store.key_usage("cards"), "\"bytes\":10") && value_of(store.key_last_usage("cards"), "operation") == "Decrypt");
    CHECK(store.rotate_due() == "[]");
    CHECK(has(store.schedule_key_deletion("cards", 7), "PendingDeletion") && store.destroy_due() == "[]");
    CHECK(throws<keyfold::UsageError>(KEYFOLD_STATUS_INVALID_ARGUMENT, [&] { store.schedule_key_deletion("cards", 6); }));
    CHECK(has(store.cancel_key_deletion("cards"), "\"Disabled\""));
    CHECK(has(store.mark_key_compromised("cards", "seen in a log"), "seen in a log"));
}

static void other_kinds_of_keys_do_what_they_are_for()
{
    const auto store = keyfold::Store::in_memory();
    keyfold::KeyOptions options;
    options.spec = "HMAC_256";
    store.create_key("sign", options);
    const auto sign = store.key("sign");
    const auto code = sign.generate_mac("message");
    sign.verify_mac("message", code);
    CHECK(throws<keyfold::InvalidMac>(KEYFOLD_STATUS_INVALID_MAC, [&] { sign.verify_mac("massage", code); }));
    options.spec = "HPKE_X25519";
    store.create_key("inbox", options);
    const auto inbox = store.key("inbox");
    CHECK(text(inbox.decrypt(keyfold::seal({inbox.public_key()}, "for you", {}))) == "for you");

    // Material of one's own: a token of another key, and material that was not wrapped, are refused apart.
    options = {};
    options.external = true;
    CHECK(has(store.create_key("mine", options), "PendingImport"));
    store.create_key("yours", options);
    const auto mine = unhex(value_of(store.parameters_for_import("mine", "HPKE_X25519"), "import_token"));
    const auto yours = unhex(value_of(store.parameters_for_import("yours", "HPKE_X25519"), "import_token"));
    const keyfold::bytes noise(80, 7);
    const auto refused = [&](const keyfold::bytes &token) {
        try {
            store.import_wrapped_key_material("mine", token, noise, 0, "NEW_KEY_MATERIAL");
        } catch (const keyfold::Error &e) {
            return e.status();
        }
        return keyfold_status{KEYFOLD_STATUS_OK};
    };
    CHECK(refused(yours) != KEYFOLD_STATUS_OK && refused(mine) != KEYFOLD_STATUS_OK && refused(yours) != refused(mine));
    CHECK(has(store.delete_imported_key_material("mine"), "PendingImport"));
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_KEY_NOT_FOUND, [&] { store.delete_imported_key_material("mine", "0123456789abcdef"); }));
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_INVALID_ARGUMENT, [&] { store.delete_imported_key_material("mine", "xyz"); }));
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_INVALID_ARGUMENT, [&] { store.import_wrapped_key_material("mine", mine, noise, 0, "OTHER"); }));
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_UNSUPPORTED_OPERATION, [&] { store.delete_imported_key_material("sign"); }));
}

static void who_may_is_asked(const std::string &folder)
{
    const auto root = keyfold::Root::passphrase("correct horse"), second = keyfold::Root::passphrase("battery staple");
    keyfold::StoreOptions options;
    options.refresh_millis = 0;
    options.principal = "alice";
    options.bind_principal = true;
    const auto alice = keyfold::Store::init(folder + "/two.db", root, options);
    CHECK(has(alice.add_root_as(second, "bob"), "\"principal\":\"bob\""));
    alice.create_key("cards");
    keyfold::StoreOptions plain;
    plain.refresh_millis = 0;
    const auto bob = keyfold::Store::open(folder + "/two.db", second, plain);
    const keyfold::Context row{{"row", "7"}};
    CHECK(throws<keyfold::AccessDenied>(KEYFOLD_STATUS_ACCESS_DENIED, [&] { bob.dry_run("Encrypt", "cards", row); }));
    const auto granted = alice.create_grant(
        "cards", R"({"grantee_principal":"bob","operations":["Encrypt","RetireGrant"],"retiring_principal":"bob"})");
    bob.dry_run("Encrypt", "cards", row);
    CHECK(has(alice.list_grants("cards"), "bob") && has(bob.list_retirable_grants("bob"), "bob"));
    bob.retire_grant("cards", value_of(granted, "grant_id"));
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_GRANT_NOT_FOUND,
                                 [&] { alice.revoke_grant("cards", value_of(granted, "grant_id")); }));

    const auto cards = alice.key("cards");
    keyfold::Narrowing to;
    to.operations = "Encrypt";
    to.context_equals = &row;
    const auto few = cards.narrow(to);
    few.dry_run("Encrypt", row);
    CHECK(throws<keyfold::AccessDenied>(KEYFOLD_STATUS_ACCESS_DENIED, [&] { few.dry_run("Decrypt", row); }));
    CHECK(text(cards.decrypt(few.encrypt("x", row), row)) == "x");
    CHECK(throws<keyfold::AccessDenied>(KEYFOLD_STATUS_ACCESS_DENIED, [&] { few.encrypt("x"); }));

    CHECK(has(alice.settings(), "\"approval_seconds\":3600"));
    alice.update_settings(R"({"dual_control":["ScheduleKeyDeletion"],"administrators":["alice","bob"]})");
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_APPROVAL_REQUIRED, [&] { alice.schedule_key_deletion("cards", 7); }));
    const std::string request = R"({"keyId":"cards","pendingWindowInDays":7})";
    bob.withdraw_approval(value_of(bob.approve("ScheduleKeyDeletion", request), "approval_id"));
    CHECK(alice.list_approvals() == "[]");
    bob.approve("ScheduleKeyDeletion", request);
    CHECK(has(alice.list_approvals(), "\"bob\""));
    CHECK(has(alice.schedule_key_deletion("cards", 7), "PendingDeletion"));

    CHECK(has(alice.back_up(folder + "/backup"), "\"keys\":1"));
    alice.heartbeat();
    {
        const auto again = keyfold::Store::restore(folder + "/backup", folder + "/again.db", {&root});
        CHECK(again.verify() == 1);
    }
    const auto next = keyfold::Root::passphrase("something else");
    const auto changed = [&](std::initializer_list<const keyfold::Root *> who, const keyfold::Root &by) {
        return keyfold::Store::change_compromised_root(folder + "/again.db", who, by, {&second});
    };
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_APPROVAL_REQUIRED, [&] { changed({&root}, next); }));
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_ALREADY_EXISTS, [&] { changed({&root, &second}, root); }));
    CHECK(has(changed({&root, &second}, next), "\"keys\":1"));
    CHECK(throws<keyfold::Error>(KEYFOLD_STATUS_ROOT_MISMATCH, [&] { keyfold::Store::open(folder + "/again.db", root); }));
    CHECK(keyfold::Store::open(folder + "/again.db", next).verify() == 1);
    CHECK(keyfold::Store::open(folder + "/again.db", second).verify() == 1);
}

static void the_trail_goes_where_it_is_wanted(const std::string &folder)
{
    const auto store = keyfold::Store::in_memory();
    int before = 0, after = 0, checkpoints = 0, poison = 0;
    store.add_callback_sink([&](std::string_view event) {
        const auto is = [&](const char *part) { return event.find(part) != std::string_view::npos; };
        checkpoints += is("\"checkpoint\":");
        if (is("poison") && ++poison) throw std::runtime_error("not that one");
        before += is("\"CreateKey\"");
        after += is("\"DisableKey\"");
    });
    store.add_file_sink(folder + "/trail.jsonl");
    store.create_key("cards");
    CHECK(has(store.checkpoint_trail(), "keyfold.dev/store/"));
    store.disable_key("cards");
    CHECK(before == 1 && after == 1 && checkpoints == 0);
    store.create_key("poison");
    store.enable_key("cards");
    store.disable_key("cards");
    while (after < 2) {
        store.flush_trail();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(poison == 3 && has(store.sinks(), "\"dropped\":1"));
    CHECK(store.export_trail(folder + "/tiles") > 5);
    CHECK(has(store.verify_trail(), "\"ok\":true") && has(store.tail_trail(1), "events") && has(store.read_trail(), "CreateKey"));
    const auto key = value_of(store.info(), "trail_key");
    CHECK(has(keyfold::verify_tiles(folder + "/tiles", key), "\"ok\":true"));
    CHECK(has(keyfold::verify_jsonl("[\"" + folder + "/trail.jsonl\"]", key), "\"ok\":true"));
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
    a_key_lives_until_its_deletion();
    other_kinds_of_keys_do_what_they_are_for();
    who_may_is_asked(argv[1]);
    the_trail_goes_where_it_is_wanted(argv[1]);
    one_key_serves_many_threads();
    stores_and_roots_are_managed(argv[1]);
    CHECK(keyfold_open_handles() == 0);
    std::printf("  cpp: passed as C++%ld\n", __cplusplus / 100 % 100);
}
