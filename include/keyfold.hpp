/* keyfold.hpp: keyfold.h for C++17 and later. Headers only; link with -lkeyfold.
 *
 *     keyfold::Root root = keyfold::Root::key_file("/run/secrets/root");
 *     keyfold::Store store = keyfold::Store::open("/var/lib/app/keys.db", root);
 *     keyfold::Key cards = store.key("cards");
 *     keyfold::Context pan{{"table", "cards"}, {"column", "pan"}};
 *     std::vector<std::uint8_t> sealed = cards.encrypt("4111 1111 1111 1111", pan);
 *     std::vector<std::uint8_t> opened = cards.decrypt(sealed, pan);
 *
 * What fails throws keyfold::Error or a class derived from it; what() is the library's detail. Objects own a handle, can be
 * moved and not copied, and close it when they go; in any order. Any number of threads may use one object's const members
 * at once. Each method names the C function it calls, whose comment in keyfold.h is the reference. */
#ifndef KEYFOLD_HPP
#define KEYFOLD_HPP

#if !defined(__cplusplus) || __cplusplus < 201703L
#error "keyfold.hpp needs C++17 or later; keyfold.h works with any"
#elif !defined(__cpp_exceptions)
#error "keyfold.hpp reports failures as exceptions; with -fno-exceptions use keyfold.h"
#else

#include "keyfold.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace keyfold {

/** A failed call. status() and name() are for programs, what() is for people. */
class Error : public std::runtime_error {
public:
    Error(keyfold_status status, const std::string &detail) : std::runtime_error(detail), status_(status) {}

    keyfold_status status() const noexcept { return status_; }
    /** As keyfold_status_name. */
    const char *name() const noexcept { return keyfold_status_name(status_); }
    /** Whether the same call may succeed later without anything being mended. */
    bool retryable() const noexcept { return keyfold_status_retryable(status_) != 0; }

private:
    keyfold_status status_;
};

/** The caller's mistake: 1xx. */
class UsageError : public Error {
    using Error::Error;
};
/** No such key, or no key that the data names: KEY_NOT_FOUND, KEY_NOT_ALLOWED. */
class NotFound : public Error {
    using Error::Error;
};
/** The key is disabled: KEY_DISABLED. */
class KeyDisabled : public Error {
    using Error::Error;
};
/** The principal may not do that, or not without another's approval: ACCESS_DENIED, APPROVAL_REQUIRED. */
class AccessDenied : public Error {
    using Error::Error;
};
/** The key is not in a state for it: INVALID_KEY_STATE, KEY_DESTROYED, CRYPTOPERIOD_ENDED, KEY_STOPPED. */
class InvalidKeyState : public Error {
    using Error::Error;
};
/** The message authentication code is not that of the message: INVALID_MAC. */
class InvalidMac : public Error {
    using Error::Error;
};
/** A name that the program never goes without is not in the context: CONTEXT_REQUIRED. */
class ContextRequired : public Error {
    using Error::Error;
};
/** The data is not what was encrypted under this key with this context, or nothing of ours at all: 3xx. */
class AuthError : public Error {
    using Error::Error;
};

/** Bytes that are read: made from any contiguous run of byte-sized elements (string, vector, array, span, literal). */
class bytes_view {
public:
    constexpr bytes_view() noexcept = default;
    constexpr bytes_view(const std::uint8_t *data, std::size_t size) noexcept : data_(data), size_(size) {}
    bytes_view(const void *data, std::size_t size) noexcept : data_(static_cast<const std::uint8_t *>(data)), size_(size) {}
    bytes_view(std::string_view text) noexcept : bytes_view(static_cast<const void *>(text.data()), text.size()) {}
    bytes_view(const std::string &text) noexcept : bytes_view(std::string_view(text)) {}
    bytes_view(const char *text) noexcept : bytes_view(std::string_view(text)) {}

    template <class Range, class Data = decltype(std::data(std::declval<const Range &>())),
              class Element = std::remove_cv_t<std::remove_pointer_t<Data>>,
              std::enable_if_t<std::is_pointer_v<Data> && sizeof(Element) == 1 && std::is_trivially_copyable_v<Element> &&
                                   !std::is_convertible_v<const Range &, std::string_view> && !std::is_array_v<Range> &&
                                   !std::is_same_v<std::decay_t<Range>, bytes_view>,
                               int> = 0>
    bytes_view(const Range &range) noexcept : bytes_view(static_cast<const void *>(std::data(range)), std::size(range))
    {
    }

    constexpr const std::uint8_t *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr const std::uint8_t *begin() const noexcept { return data_; }
    constexpr const std::uint8_t *end() const noexcept { return data_ + size_; }

private:
    const std::uint8_t *data_ = nullptr;
    std::size_t size_ = 0;
};

/** Bytes that are written: a caller's vector, array or span. */
class bytes_span {
public:
    constexpr bytes_span() noexcept = default;
    bytes_span(void *data, std::size_t size) noexcept : data_(static_cast<std::uint8_t *>(data)), size_(size) {}

    template <class Range, class Data = decltype(std::data(std::declval<Range &>())),
              class Element = std::remove_pointer_t<Data>,
              std::enable_if_t<std::is_pointer_v<Data> && sizeof(Element) == 1 && std::is_trivially_copyable_v<Element> &&
                                   !std::is_const_v<Element> && !std::is_same_v<std::decay_t<Range>, bytes_span>,
                               int> = 0>
    bytes_span(Range &&range) noexcept : bytes_span(static_cast<void *>(std::data(range)), std::size(range))
    {
    }

    constexpr std::uint8_t *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }

private:
    std::uint8_t *data_ = nullptr;
    std::size_t size_ = 0;
};

using bytes = std::vector<std::uint8_t>;

/** Writes zeros that the compiler may not leave out: for plaintext and data keys after use. */
inline void wipe(bytes_span secret) noexcept
{
    volatile std::uint8_t *at = secret.data();
    for (std::size_t i = 0; i < secret.size(); ++i) at[i] = 0;
}

namespace detail {

/** What a callback of this thread's call threw: the library is C's, so it is kept until the call has returned. */
inline std::exception_ptr &raised() noexcept
{
    static thread_local std::exception_ptr exception;
    return exception;
}

[[noreturn]] inline void fail(keyfold_status status)
{
    if (auto exception = std::exchange(raised(), nullptr)) std::rethrow_exception(std::move(exception));
    char detail[KEYFOLD_ERROR_SIZE] = "";
    (void)keyfold_last_error(detail, sizeof detail, nullptr);
    switch (status) {
    case KEYFOLD_STATUS_KEY_NOT_FOUND:
    case KEYFOLD_STATUS_KEY_NOT_ALLOWED:
        throw NotFound(status, detail);
    case KEYFOLD_STATUS_KEY_DISABLED:
        throw KeyDisabled(status, detail);
    case KEYFOLD_STATUS_ACCESS_DENIED:
    case KEYFOLD_STATUS_APPROVAL_REQUIRED:
        throw AccessDenied(status, detail);
    case KEYFOLD_STATUS_INVALID_KEY_STATE:
    case KEYFOLD_STATUS_KEY_DESTROYED:
    case KEYFOLD_STATUS_CRYPTOPERIOD_ENDED:
    case KEYFOLD_STATUS_KEY_STOPPED:
        throw InvalidKeyState(status, detail);
    case KEYFOLD_STATUS_INVALID_MAC:
        throw InvalidMac(status, detail);
    case KEYFOLD_STATUS_CONTEXT_REQUIRED:
        throw ContextRequired(status, detail);
    default:
        break;
    }
    if (status / 100 == 1) throw UsageError(status, detail);
    if (status / 100 == 3) throw AuthError(status, detail);
    throw Error(status, detail);
}

inline void check(keyfold_status status)
{
    if (status != KEYFOLD_STATUS_OK) fail(status);
}

/** Owns one handle. A moved-from one is NULL, which every call refuses. */
template <class T, keyfold_status (*Close)(T *)>
class handle {
public:
    handle() noexcept = default;
    explicit handle(T *raw) noexcept : raw_(raw) {}
    handle(handle &&other) noexcept : raw_(other.release()) {}
    handle &operator=(handle &&other) noexcept
    {
        if (this != &other) {
            (void)Close(raw_);
            raw_ = other.release();
        }
        return *this;
    }
    handle(const handle &) = delete;
    handle &operator=(const handle &) = delete;
    ~handle() { (void)Close(raw_); }

    T *get() const noexcept { return raw_; }
    T *release() noexcept { return std::exchange(raw_, nullptr); }

private:
    T *raw_ = nullptr;
};

/** Makes a handle by a call that puts it out. */
template <class Handle, class T, class Call>
Handle made(Call call)
{
    T *raw = nullptr;
    check(call(&raw));
    return Handle(raw);
}

/** Owns memory that the library made. */
class buffer {
public:
    buffer() noexcept = default;
    buffer(const buffer &) = delete;
    buffer &operator=(const buffer &) = delete;
    ~buffer() { keyfold_buffer_free(&raw_); }

    keyfold_buffer *out() noexcept { return &raw_; }
    std::string text() const { return raw_.len ? std::string(reinterpret_cast<const char *>(raw_.data), raw_.len) : std::string(); }
    bytes copy() const { return raw_.len ? bytes(raw_.data, raw_.data + raw_.len) : bytes(); }

private:
    keyfold_buffer raw_ = {nullptr, 0};
};

template <class Call>
std::string json(Call call)
{
    buffer out;
    check(call(out.out()));
    return out.text();
}

template <class Call>
bytes binary(Call call)
{
    buffer out;
    check(call(out.out()));
    return out.copy();
}

inline const char *or_null(const std::optional<std::string> &text) { return text ? text->c_str() : nullptr; }

} // namespace detail

/** An encryption context in its packed form, made once and used for any number of calls. keyfold_context_pack. */
class Context {
public:
    using pair = std::pair<std::string_view, std::string_view>;

    Context() = default;
    Context(std::initializer_list<pair> pairs) { pack(pairs.begin(), pairs.end()); }
    /** From a map, or any range of pairs of text. */
    template <class Range, class = decltype(std::begin(std::declval<const Range &>())->first)>
    explicit Context(const Range &pairs)
    {
        pack(std::begin(pairs), std::end(pairs));
    }
    /** From bytes that are packed already. keyfold_context_check. */
    static Context from_packed(bytes_view packed)
    {
        detail::check(keyfold_context_check(packed.data(), packed.size()));
        Context context;
        context.packed_.assign(packed.begin(), packed.end());
        return context;
    }

    const bytes &packed() const noexcept { return packed_; }
    /** keyfold_context_require: throws ContextRequired unless it has each of these names. */
    void require(std::initializer_list<std::string_view> names) const
    {
        Context wanted;
        std::vector<pair> pairs;
        for (const auto name : names) pairs.emplace_back(name, std::string_view());
        wanted.pack(pairs.begin(), pairs.end());
        detail::check(keyfold_context_require(packed_.data(), packed_.size(), wanted.packed_.data(), wanted.packed_.size()));
    }

private:
    template <class Iterator>
    void pack(Iterator begin, Iterator end)
    {
        std::vector<keyfold_pair> pairs;
        for (; begin != end; ++begin) {
            const bytes_view name(std::string_view(begin->first)), value(std::string_view(begin->second));
            pairs.push_back({name.data(), name.size(), value.data(), value.size()});
        }
        std::size_t size = 0;
        packed_.resize(KEYFOLD_CONTEXT_MAX_SIZE);
        detail::check(keyfold_context_pack(pairs.data(), pairs.size(), packed_.data(), packed_.size(), &size));
        packed_.resize(size);
        packed_.shrink_to_fit();
    }

    bytes packed_;
};

/** What of the context an envelope stores, readable by anyone. */
enum class StoreContext : std::uint32_t {
    none = KEYFOLD_STORE_CONTEXT_NONE,
    names = KEYFOLD_STORE_CONTEXT_NAMES,
    all = KEYFOLD_STORE_CONTEXT_ALL,
    /** The names, and the values of the names in "chosen"; for encrypt_to and reencrypt. */
    chosen = KEYFOLD_STORE_CONTEXT_CHOSEN,
};

enum class Fork : std::uint32_t { wipe = KEYFOLD_FORK_WIPE, inherit = KEYFOLD_FORK_INHERIT };

struct KeyFileOptions {
    bool allow_readable = false;
    bool allow_beside_store = false;

    keyfold_key_file_options c() const noexcept
    {
        keyfold_key_file_options options = KEYFOLD_KEY_FILE_OPTIONS_INIT;
        if (allow_readable) options.flags |= KEYFOLD_KEY_FILE_ALLOW_READABLE;
        if (allow_beside_store) options.flags |= KEYFOLD_KEY_FILE_ALLOW_BESIDE_STORE;
        return options;
    }
};

struct StoreOptions {
    bool read_only = false;
    bool allow_network_file_system = false;
    bool require_locked_memory = false;
    bool development = false;
    Fork fork = Fork::wipe;
    /** None: 250 ms. Zero: at every call. */
    std::optional<std::uint32_t> refresh_millis{};
    /** None: 5 s. Zero: do not wait. */
    std::optional<std::uint32_t> busy_timeout_millis{};
    /** Who opens the store; none: "default". */
    std::optional<std::string> principal{};
    /** The new store's root slot bears the principal; holds the admin seed. For Store::init only. */
    bool bind_principal = false, admin_root = false;
    /** sourceIPAddress and userAgent in the trail; none: the host's name, the library's version. */
    std::optional<std::string> source{}, user_agent{};
    /** The file outside the store that remembers its highest epoch; none: in the user's or the host's state folder. */
    std::optional<std::string> anchor{};
    bool no_anchor = false;
    /** Whether uses of keys are recorded. */
    bool trail = true;
    /** Zero: 60,000. */
    std::uint32_t trail_interval_millis = 0;
    /** Opens versions past their recipient period, and compromised keys; every such use is an event. */
    bool recovery = false;

    /** Its texts are this object's. */
    keyfold_store_options c() const noexcept
    {
        keyfold_store_options options = KEYFOLD_STORE_OPTIONS_INIT;
        if (read_only) options.flags |= KEYFOLD_OPEN_READ_ONLY;
        if (allow_network_file_system) options.flags |= KEYFOLD_OPEN_ALLOW_NETWORK_FILE_SYSTEM;
        if (require_locked_memory) options.flags |= KEYFOLD_OPEN_REQUIRE_LOCKED_MEMORY;
        if (development) options.flags |= KEYFOLD_OPEN_DEVELOPMENT;
        if (refresh_millis == 0u) options.flags |= KEYFOLD_OPEN_REFRESH_EVERY_CALL;
        if (busy_timeout_millis == 0u) options.flags |= KEYFOLD_OPEN_NO_WAIT;
        options.fork = static_cast<std::uint32_t>(fork);
        options.refresh_millis = refresh_millis.value_or(0);
        options.busy_timeout_millis = busy_timeout_millis.value_or(0);
        if (bind_principal) options.flags |= KEYFOLD_OPEN_BIND_PRINCIPAL;
        if (admin_root) options.flags |= KEYFOLD_OPEN_ADMIN_ROOT;
        if (no_anchor) options.flags |= KEYFOLD_OPEN_NO_ANCHOR;
        if (!trail) options.flags |= KEYFOLD_OPEN_NO_TRAIL;
        if (recovery) options.flags |= KEYFOLD_OPEN_RECOVERY;
        options.trail_interval_millis = trail_interval_millis;
        options.principal = detail::or_null(principal);
        options.source = detail::or_null(source);
        options.user_agent = detail::or_null(user_agent);
        options.anchor = detail::or_null(anchor);
        return options;
    }
};

/** A new key; JSON shapes are in docs/ABI.md. */
struct KeyOptions {
    std::string description{};
    /** "SYMMETRIC_DEFAULT", "HMAC_256", "HMAC_384", "HMAC_512", "HPKE_X25519", "HPKE_X_WING". */
    std::string spec = "SYMMETRIC_DEFAULT";
    /** Without material, which is to be imported. */
    bool external = false;
    /** JSON: an object of text to text. */
    std::optional<std::string> tags{};
    /** JSON: KeyPolicy. */
    std::optional<std::string> policy{};

    /** Its texts are this object's. */
    keyfold_key_options c() const noexcept
    {
        keyfold_key_options options = KEYFOLD_KEY_OPTIONS_INIT;
        if (external) options.flags |= KEYFOLD_KEY_EXTERNAL;
        options.description = description.c_str();
        options.spec = spec.c_str();
        options.tags = detail::or_null(tags);
        options.policy = detail::or_null(policy);
        return options;
    }
};

/** What a key handle is narrowed to; all that is given holds together. */
struct Narrowing {
    /** "Encrypt,GenerateDataKey"; none: all. */
    std::optional<std::string> operations{};
    /** The context must be exactly this. */
    const Context *context_equals = nullptr;
    /** The context must have these pairs. */
    const Context *context_subset = nullptr;
    /** So many uses at most; zero: any number. */
    std::uint64_t uses = 0;
    /** Milliseconds from now until it ends; zero: never. */
    std::uint64_t millis = 0;
};

/** How calls that may take long go about it: keyfold_work. It must stay where it is until they have returned, and may serve any
 * number of them, one after another or at once. */
class Work {
public:
    /** Told the bytes done and those of the whole (0 where it is not known), on the calling thread; false stops the call with
     * CANCELLED, and what it throws is thrown by the call. */
    using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

    /** Threads that seal or open, the calling one among them; zero: the library chooses. */
    explicit Work(std::uint32_t threads = 0, Progress progress = nullptr) : progress_(std::move(progress))
    {
        raw_.threads = threads;
        raw_.cancel = reinterpret_cast<const std::uint32_t *>(&cancel_);
        raw_.user_data = this;
        if (progress_) raw_.progress = told;
    }
    Work(const Work &) = delete;
    Work &operator=(const Work &) = delete;

    /** Stops the calls that it is given to, now and later, within one chunk: they throw Error with CANCELLED. From any thread. */
    void cancel() noexcept { cancel_.store(1, std::memory_order_relaxed); }
    const keyfold_work *c() const noexcept { return &raw_; }

private:
    static std::int32_t told(void *data, std::uint64_t done, std::uint64_t total)
    {
        try {
            return static_cast<Work *>(data)->progress_(done, total) ? KEYFOLD_CALLBACK_OK : 0;
        } catch (...) {
            detail::raised() = std::current_exception();
            return 0;
        }
    }

    static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t),
                  "the flag is what C reads");
    keyfold_work raw_ = KEYFOLD_WORK_INIT;
    std::atomic<std::uint32_t> cancel_{0};
    Progress progress_;
};

struct EncryptOptions {
    StoreContext store_context = StoreContext::none;
    std::uint32_t free_cells = 0;
    /** For calls in memory and on files; streams take theirs with each call. */
    const Work *work = nullptr;

    keyfold_encrypt_options c() const noexcept
    {
        keyfold_encrypt_options options = KEYFOLD_ENCRYPT_OPTIONS_INIT;
        options.store_context = static_cast<std::uint32_t>(store_context);
        options.free_cells = free_cells;
        options.work = work ? work->c() : nullptr;
        return options;
    }
};

struct DecryptOptions {
    bool accept_stored_context = false;
    /** For calls in memory and on files; streams and readers take theirs with each call. */
    const Work *work = nullptr;

    keyfold_decrypt_options c() const noexcept
    {
        keyfold_decrypt_options options = KEYFOLD_DECRYPT_OPTIONS_INIT;
        if (accept_stored_context) options.flags |= KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT;
        options.work = work ? work->c() : nullptr;
        return options;
    }
};

struct ReencryptOptions {
    bool accept_stored_context = false;
    bool drop_unreachable = false;
    StoreContext store_context = StoreContext::none;
    std::uint32_t free_cells = 0;

    keyfold_reencrypt_options c() const noexcept
    {
        keyfold_reencrypt_options options = KEYFOLD_REENCRYPT_OPTIONS_INIT;
        if (accept_stored_context) options.flags |= KEYFOLD_REENCRYPT_ACCEPT_STORED_CONTEXT;
        if (drop_unreachable) options.flags |= KEYFOLD_REENCRYPT_DROP_UNREACHABLE;
        options.store_context = static_cast<std::uint32_t>(store_context);
        options.free_cells = free_cells;
        return options;
    }
};

using KeyId = std::array<std::uint8_t, KEYFOLD_KEY_ID_SIZE>;

/** A message, and the key and version that opened it. */
struct Opened {
    bytes plaintext;
    KeyId key_id{};
    std::uint32_t version = 0;
};

/** A data key, and the blob that gives it back. wipe() the plaintext after use. */
struct DataKey {
    bytes plaintext;
    bytes blob;
};

/** Results of a batch, one after another: result i lies from offsets[i] to offsets[i + 1]. */
struct Batch {
    bytes data;
    std::vector<std::uint64_t> offsets;

    std::size_t size() const noexcept { return offsets.empty() ? 0 : offsets.size() - 1; }
    bytes_view operator[](std::size_t i) const noexcept
    {
        return bytes_view(data.data() + offsets[i], static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
    }
};

/** A message in a caller's buffer, and the key and version that opened it. */
struct OpenedInto {
    std::size_t size = 0;
    KeyId key_id{};
    std::uint32_t version = 0;
};

/** How the secret memory of this process is protected; see keyfold_protection. */
struct Protection {
    std::uint64_t bytes = 0, unlocked_bytes = 0, dumpable_bytes = 0, not_wiped_bytes = 0;
};

struct KeyVersion {
    std::uint32_t version = 0;
    KeyId key_id{};
    std::array<std::uint8_t, KEYFOLD_MATERIAL_ID_SIZE> material_id{};
};

/** What a rewrap did; see keyfold_rewrapped. */
struct Rewrapped {
    std::uint32_t rewrapped = 0, current = 0, skipped = 0, freed = 0;
};

namespace detail {
inline Rewrapped rewrapped(const keyfold_rewrapped &done) noexcept
{
    return {done.cells_rewrapped, done.cells_current, done.cells_skipped, done.cells_freed};
}

inline KeyId key_id(const std::uint8_t (&from)[KEYFOLD_KEY_ID_SIZE]) noexcept
{
    KeyId id{};
    for (std::size_t i = 0; i < id.size(); ++i) id[i] = from[i];
    return id;
}

/** What a call that tells which key it was writes into a caller's buffer. */
template <class Call>
OpenedInto opened_into(Call call)
{
    keyfold_opened which = KEYFOLD_OPENED_INIT;
    OpenedInto opened;
    check(call(&opened.size, &which));
    opened.key_id = key_id(which.key_id);
    opened.version = which.version;
    return opened;
}

/** A context to check at a rewrap: NULL is no check, so the empty context is written out. */
inline bytes_view checked(const Context *context) noexcept
{
    static constexpr std::uint8_t empty[] = {0, 0};
    if (!context) return {};
    return context->packed().empty() ? bytes_view(empty, sizeof empty) : bytes_view(context->packed());
}

template <class Call>
Rewrapped rewrap(const Context *context, Call call)
{
    const bytes_view packed = checked(context);
    keyfold_rewrapped done = KEYFOLD_REWRAPPED_INIT;
    check(call(packed.data(), packed.size(), &done));
    return rewrapped(done);
}

/** Parts laid one after another. */
inline Batch joined(const std::vector<bytes_view> &parts)
{
    Batch all;
    all.offsets.push_back(0);
    for (const bytes_view &part : parts) {
        all.data.insert(all.data.end(), part.begin(), part.end());
        all.offsets.push_back(all.data.size());
    }
    return all;
}

/** Calls once for the size of all results, and once for them. The first does none of the work. */
template <class Call>
Batch batch(std::size_t count, Call call)
{
    Batch out;
    std::size_t length = 0;
    out.offsets.resize(count + 1);
    const keyfold_status asked = call(nullptr, std::size_t(0), &length, out.offsets.data());
    if (asked == KEYFOLD_STATUS_BUFFER_TOO_SMALL) {
        out.data.resize(length);
        check(call(out.data.data(), out.data.size(), &length, out.offsets.data()));
    } else {
        check(asked);
    }
    return out;
}

/** Calls once for the size and once for the bytes. */
template <class Size, class Call>
bytes sized(Size size, Call call)
{
    std::size_t length = 0;
    check(size(&length));
    bytes out(length);
    check(call(out.data(), out.size(), &length));
    out.resize(length);
    return out;
}
} // namespace detail

/** A root of trust: what protects a store's secret. */
class Root {
public:
    /** keyfold_root_open_key_file */
    static Root key_file(const std::string &path, const KeyFileOptions &options = {})
    {
        const auto c = options.c();
        return detail::made<Root, keyfold_root>([&](auto out) { return keyfold_root_open_key_file(path.c_str(), &c, out); });
    }
    /** keyfold_root_open_passphrase */
    static Root passphrase(bytes_view passphrase)
    {
        return detail::made<Root, keyfold_root>(
            [&](auto out) { return keyfold_root_open_passphrase(passphrase.data(), passphrase.size(), out); });
    }
    /** keyfold_root_create_key_file */
    static void create_key_file(const std::string &path) { detail::check(keyfold_root_create_key_file(path.c_str())); }

    explicit Root(keyfold_root *raw) noexcept : handle_(raw) {}
    keyfold_root *get() const noexcept { return handle_.get(); }
    keyfold_root *release() noexcept { return handle_.release(); }

private:
    detail::handle<keyfold_root, keyfold_root_close> handle_;
};

/** A key of a store, ready for use. */
class Key {
public:
    explicit Key(keyfold_key *raw) noexcept : handle_(raw) {}
    keyfold_key *get() const noexcept { return handle_.get(); }
    keyfold_key *release() noexcept { return handle_.release(); }

    /** keyfold_key_id */
    KeyId id() const
    {
        KeyId id{};
        detail::check(keyfold_key_id(get(), id.data()));
        return id;
    }

    /** keyfold_encrypt */
    bytes encrypt(bytes_view plaintext, const Context &context = {}, const EncryptOptions &options = {}) const
    {
        const auto c = options.c();
        const bytes &packed = context.packed();
        return detail::sized(
            [&](auto size) { return keyfold_encrypted_size(plaintext.size(), packed.data(), packed.size(), &c, size); },
            [&](auto out, auto cap, auto length) {
                return keyfold_encrypt(get(), plaintext.data(), plaintext.size(), packed.data(), packed.size(), &c, out, cap, length);
            });
    }
    /** The same into a caller's buffer, which must not overlap the message; its size is encrypted_size. */
    std::size_t encrypt_into(bytes_span out, bytes_view plaintext, const Context &context = {}, const EncryptOptions &options = {}) const
    {
        const auto c = options.c();
        std::size_t length = 0;
        detail::check(keyfold_encrypt(get(), plaintext.data(), plaintext.size(), context.packed().data(), context.packed().size(),
                                      &c, out.data(), out.size(), &length));
        return length;
    }
    /** keyfold_encrypt_in_place: the message lies in buffer from offset (at least headroom) on. */
    std::size_t encrypt_in_place(bytes_span buffer, std::size_t offset, std::size_t length, const Context &context = {},
                                 const EncryptOptions &options = {}) const
    {
        const auto c = options.c();
        std::size_t size = 0;
        detail::check(keyfold_encrypt_in_place(get(), buffer.data(), buffer.size(), offset, length, context.packed().data(),
                                               context.packed().size(), &c, &size));
        return size;
    }

    /** keyfold_decrypt: envelopes of this key only. */
    bytes decrypt(bytes_view envelope, const Context &context = {}, const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        const bytes &packed = context.packed();
        return detail::sized(
            [&](auto size) { return keyfold_decrypted_size(envelope.data(), envelope.size(), size); },
            [&](auto out, auto cap, auto length) {
                return keyfold_decrypt(get(), envelope.data(), envelope.size(), packed.data(), packed.size(), &c, out, cap, length);
            });
    }
    std::size_t decrypt_into(bytes_span out, bytes_view envelope, const Context &context = {}, const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        std::size_t length = 0;
        detail::check(keyfold_decrypt(get(), envelope.data(), envelope.size(), context.packed().data(), context.packed().size(), &c,
                                      out.data(), out.size(), &length));
        return length;
    }
    /** keyfold_encrypt_batch: many messages, all under one context. All or nothing. */
    Batch encrypt_batch(const std::vector<bytes_view> &messages, const Context &context = {}, const EncryptOptions &options = {}) const
    {
        const auto c = options.c();
        const Batch in = detail::joined(messages);
        return detail::batch(in.size(), [&](auto out, auto cap, auto length, auto offsets) {
            return keyfold_encrypt_batch(get(), in.data.data(), in.data.size(), in.offsets.data(), in.size(), context.packed().data(),
                                         context.packed().size(), nullptr, &c, out, cap, length, offsets, nullptr);
        });
    }
    /** keyfold_decrypt_batch: many envelopes, all under one context. All or nothing. */
    Batch decrypt_batch(const std::vector<bytes_view> &envelopes, const Context &context = {}, const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        const Batch in = detail::joined(envelopes);
        return detail::batch(in.size(), [&](auto out, auto cap, auto length, auto offsets) {
            return keyfold_decrypt_batch(get(), in.data.data(), in.data.size(), in.offsets.data(), in.size(), context.packed().data(),
                                         context.packed().size(), nullptr, &c, out, cap, length, offsets, nullptr);
        });
    }
    /** keyfold_decrypt_in_place: the message is then at the front. The buffer is as it was if the call fails, but zeroed
     * if a chunk of the message does not open. */
    std::size_t decrypt_in_place(bytes_span buffer, const Context &context = {}, const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        std::size_t length = 0;
        detail::check(keyfold_decrypt_in_place(get(), buffer.data(), buffer.size(), context.packed().data(), context.packed().size(),
                                               &c, &length));
        return length;
    }
    /** keyfold_authenticated_context */
    Context authenticated_context(bytes_view envelope, const Context &context = {}, const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        return Context::from_packed(detail::binary([&](auto out) {
            return keyfold_authenticated_context(get(), envelope.data(), envelope.size(), context.packed().data(),
                                                 context.packed().size(), &c, out);
        }));
    }

    /** keyfold_generate_data_key */
    DataKey generate_data_key(std::size_t size = 32, const Context &context = {}, const EncryptOptions &options = {}) const
    {
        const auto c = options.c();
        const bytes &packed = context.packed();
        DataKey made;
        made.plaintext.resize(size);
        made.blob = detail::sized(
            [&](auto blob_size) { return keyfold_data_key_blob_size(size, packed.data(), packed.size(), &c, blob_size); },
            [&](auto out, auto cap, auto length) {
                return keyfold_generate_data_key(get(), packed.data(), packed.size(), &c, made.plaintext.data(), size, out, cap, length);
            });
        return made;
    }
    /** keyfold_generate_data_key_without_plaintext */
    bytes generate_data_key_blob(std::size_t size = 32, const Context &context = {}, const EncryptOptions &options = {}) const
    {
        const auto c = options.c();
        const bytes &packed = context.packed();
        return detail::sized(
            [&](auto blob_size) { return keyfold_data_key_blob_size(size, packed.data(), packed.size(), &c, blob_size); },
            [&](auto out, auto cap, auto length) {
                return keyfold_generate_data_key_without_plaintext(get(), size, packed.data(), packed.size(), &c, out, cap, length);
            });
    }
    /** keyfold_generate_data_key into a caller's memory, which it fills; returns the blob. */
    bytes generate_data_key_into(bytes_span plaintext, const Context &context = {}, const EncryptOptions &options = {}) const
    {
        const auto c = options.c();
        const bytes &packed = context.packed();
        return detail::sized(
            [&](auto size) { return keyfold_data_key_blob_size(plaintext.size(), packed.data(), packed.size(), &c, size); },
            [&](auto out, auto cap, auto length) {
                return keyfold_generate_data_key(get(), packed.data(), packed.size(), &c, plaintext.data(), plaintext.size(), out, cap,
                                                 length);
            });
    }
    /** keyfold_decrypt_data_key into a caller's memory; returns the data key's size. */
    std::size_t decrypt_data_key_into(bytes_span out, bytes_view blob, const Context &context = {},
                                      const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        std::size_t length = 0;
        detail::check(keyfold_decrypt_data_key(get(), blob.data(), blob.size(), context.packed().data(), context.packed().size(), &c,
                                               out.data(), out.size(), &length));
        return length;
    }
    /** keyfold_decrypt_data_key */
    bytes decrypt_data_key(bytes_view blob, const Context &context = {}, const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        const bytes &packed = context.packed();
        return detail::sized(
            [&](auto size) { return keyfold_data_key_size(blob.data(), blob.size(), size); },
            [&](auto out, auto cap, auto length) {
                return keyfold_decrypt_data_key(get(), blob.data(), blob.size(), packed.data(), packed.size(), &c, out, cap, length);
            });
    }

    /** keyfold_key_narrow: another handle with fewer rights. */
    Key narrow(const Narrowing &to) const
    {
        keyfold_narrowing c = KEYFOLD_NARROWING_INIT;
        c.operations = detail::or_null(to.operations);
        c.uses = to.uses;
        c.millis = to.millis;
        const bytes_view equals = detail::checked(to.context_equals), subset = detail::checked(to.context_subset);
        return detail::made<Key, keyfold_key>([&](auto out) {
            return keyfold_key_narrow(get(), equals.data(), equals.size(), subset.data(), subset.size(), &c, out);
        });
    }
    /** keyfold_key_dry_run: throws what the operation through this handle would be refused with. */
    void dry_run(const std::string &operation, const Context &context = {}) const
    {
        detail::check(keyfold_key_dry_run(get(), operation.c_str(), context.packed().data(), context.packed().size()));
    }
    /** keyfold_generate_mac */
    bytes generate_mac(bytes_view message) const
    {
        bytes code(KEYFOLD_MAC_MAX_SIZE);
        std::size_t length = 0;
        detail::check(keyfold_generate_mac(get(), message.data(), message.size(), code.data(), code.size(), &length));
        code.resize(length);
        return code;
    }
    /** keyfold_verify_mac: throws InvalidMac unless the code is that of the message. */
    void verify_mac(bytes_view message, bytes_view code) const
    {
        detail::check(keyfold_verify_mac(get(), message.data(), message.size(), code.data(), code.size()));
    }
    /** keyfold_key_public: for keyfold::seal elsewhere. */
    bytes public_key() const
    {
        return detail::binary([&](auto out) { return keyfold_key_public(get(), out); });
    }

    /** keyfold_rewrap, without a check of the context. */
    Rewrapped rewrap(bytes_span data) const { return rewrap(data, nullptr); }
    /** keyfold_rewrap, the context checked first. */
    Rewrapped rewrap(bytes_span data, const Context &context) const { return rewrap(data, &context); }
    /** keyfold_rewrap_file; with a context, that is checked first. */
    Rewrapped rewrap_file(const std::string &path, const Context *context = nullptr) const
    {
        return detail::rewrap(context, [&](auto packed, auto size, auto done) {
            return keyfold_rewrap_file(get(), path.c_str(), packed, size, done);
        });
    }

private:
    Rewrapped rewrap(bytes_span data, const Context *context) const
    {
        return detail::rewrap(context, [&](auto packed, auto size, auto done) {
            return keyfold_rewrap(get(), data.data(), data.size(), packed, size, done);
        });
    }

    detail::handle<keyfold_key, keyfold_key_close> handle_;
};

/** Keys that may open an envelope, or that shall; for the calls that take several. */
using Keys = std::initializer_list<const Key *>;

namespace detail {
inline std::vector<const keyfold_key *> raw(Keys keys)
{
    std::vector<const keyfold_key *> handles;
    for (const Key *key : keys) handles.push_back(key ? key->get() : nullptr);
    return handles;
}

inline std::vector<const keyfold_root *> raw_roots(std::initializer_list<const Root *> roots)
{
    std::vector<const keyfold_root *> handles;
    for (const Root *root : roots) handles.push_back(root ? root->get() : nullptr);
    return handles;
}
} // namespace detail

/** An open key store. Names are a key id, "alias/NAME" or NAME; JSON shapes are in docs/ABI.md. */
class Store {
public:
    /** keyfold_store_init */
    static Store init(const std::string &location, const Root &root, const StoreOptions &options = {})
    {
        const auto c = options.c();
        return detail::made<Store, keyfold_store>(
            [&](auto out) { return keyfold_store_init(location.c_str(), root.get(), &c, out); });
    }
    /** keyfold_store_open */
    static Store open(const std::string &location, const Root &root, const StoreOptions &options = {})
    {
        const auto c = options.c();
        return detail::made<Store, keyfold_store>(
            [&](auto out) { return keyfold_store_open(location.c_str(), root.get(), &c, out); });
    }
    /** keyfold_store_open_in_memory */
    static Store in_memory()
    {
        return detail::made<Store, keyfold_store>([](auto out) { return keyfold_store_open_in_memory(out); });
    }

    explicit Store(keyfold_store *raw) noexcept : handle_(raw) {}
    keyfold_store *get() const noexcept { return handle_.get(); }
    keyfold_store *release() noexcept { return handle_.release(); }

    /** keyfold_key_open */
    Key key(const std::string &name) const
    {
        return detail::made<Key, keyfold_key>([&](auto out) { return keyfold_key_open(get(), name.c_str(), out); });
    }

    /** keyfold_store_info: JSON. */
    std::string info() const
    {
        return detail::json([&](auto out) { return keyfold_store_info(get(), out); });
    }
    /** keyfold_store_verify: the number of keys. */
    std::uint64_t verify() const
    {
        std::uint64_t keys = 0;
        detail::check(keyfold_store_verify(get(), &keys));
        return keys;
    }
    /** keyfold_store_list_roots: JSON. */
    std::string roots() const
    {
        return detail::json([&](auto out) { return keyfold_store_list_roots(get(), out); });
    }
    /** keyfold_store_add_root: JSON. */
    std::string add_root(const Root &root) const
    {
        return detail::json([&](auto out) { return keyfold_store_add_root(get(), root.get(), out); });
    }
    /** keyfold_store_remove_root */
    void remove_root(const std::string &slot_id) const { detail::check(keyfold_store_remove_root(get(), slot_id.c_str())); }
    /** keyfold_store_change_root: JSON. No slot: the one that opened this store. */
    std::string change_root(const Root &root, const std::optional<std::string> &slot_id = {}) const
    {
        return detail::json(
            [&](auto out) { return keyfold_store_change_root(get(), detail::or_null(slot_id), root.get(), out); });
    }

    /** keyfold_key_create: JSON. */
    std::string create_key(const std::optional<std::string> &alias = {}, const std::string &description = {}) const
    {
        const auto c = described(description);
        return detail::json([&](auto out) { return keyfold_key_create(get(), detail::or_null(alias), &c, out); });
    }
    /** keyfold_key_import_material: JSON. */
    std::string import_key_material(bytes_view material, const std::optional<std::string> &alias = {},
                                    const std::string &description = {}) const
    {
        const auto c = described(description);
        return detail::json([&](auto out) {
            return keyfold_key_import_material(get(), detail::or_null(alias), material.data(), material.size(), &c, out);
        });
    }
    /** keyfold_key_describe: JSON. */
    std::string describe_key(const std::string &name) const
    {
        return detail::json([&](auto out) { return keyfold_key_describe(get(), name.c_str(), out); });
    }
    /** keyfold_key_list: JSON. */
    std::string list_keys(const std::optional<std::string> &after = {}, std::uint32_t limit = 0) const
    {
        return detail::json([&](auto out) { return keyfold_key_list(get(), detail::or_null(after), limit, out); });
    }
    /** keyfold_key_enable: JSON. */
    std::string enable_key(const std::string &name) const
    {
        return detail::json([&](auto out) { return keyfold_key_enable(get(), name.c_str(), out); });
    }
    /** keyfold_key_disable: JSON. */
    std::string disable_key(const std::string &name) const
    {
        return detail::json([&](auto out) { return keyfold_key_disable(get(), name.c_str(), out); });
    }
    /** keyfold_key_rotate */
    KeyVersion rotate_key(const std::string &name) const
    {
        keyfold_key_version made = KEYFOLD_KEY_VERSION_INIT;
        detail::check(keyfold_key_rotate(get(), name.c_str(), &made));
        KeyVersion version{made.version, detail::key_id(made.key_id), {}};
        for (std::size_t i = 0; i < version.material_id.size(); ++i) version.material_id[i] = made.material_id[i];
        return version;
    }
    /** keyfold_key_export */
    bytes export_key(const std::string &name, const std::string &under) const
    {
        return detail::binary([&](auto out) { return keyfold_key_export(get(), name.c_str(), under.c_str(), out); });
    }
    /** keyfold_key_import: JSON. */
    std::string import_key(bytes_view exported) const
    {
        return detail::json([&](auto out) { return keyfold_key_import(get(), exported.data(), exported.size(), out); });
    }
    /** keyfold_alias_create: JSON. */
    std::string create_alias(const std::string &alias, const std::string &name) const
    {
        return detail::json([&](auto out) { return keyfold_alias_create(get(), alias.c_str(), name.c_str(), out); });
    }
    /** keyfold_alias_move: JSON. */
    std::string move_alias(const std::string &alias, const std::string &name) const
    {
        return detail::json([&](auto out) { return keyfold_alias_move(get(), alias.c_str(), name.c_str(), out); });
    }
    /** keyfold_alias_delete */
    void delete_alias(const std::string &alias) const { detail::check(keyfold_alias_delete(get(), alias.c_str())); }
    /** keyfold_alias_list: JSON. */
    std::string list_aliases(const std::optional<std::string> &after = {}, std::uint32_t limit = 0) const
    {
        return detail::json([&](auto out) { return keyfold_alias_list(get(), detail::or_null(after), limit, out); });
    }

    // A key's life.

    /** keyfold_key_create: JSON. */
    std::string create_key(const std::optional<std::string> &alias, const KeyOptions &options) const
    {
        const auto c = options.c();
        return detail::json([&](auto out) { return keyfold_key_create(get(), detail::or_null(alias), &c, out); });
    }
    /** keyfold_key_update_description: JSON. */
    std::string update_key_description(const std::string &name, const std::string &description) const
    {
        return detail::json([&](auto out) { return keyfold_key_update_description(get(), name.c_str(), description.c_str(), out); });
    }
    /** keyfold_key_tag: JSON. */
    std::string tag_key(const std::string &name, const std::string &tags) const
    {
        return detail::json([&](auto out) { return keyfold_key_tag(get(), name.c_str(), tags.c_str(), out); });
    }
    /** keyfold_key_untag: JSON. */
    std::string untag_key(const std::string &name, const std::string &names) const
    {
        return detail::json([&](auto out) { return keyfold_key_untag(get(), name.c_str(), names.c_str(), out); });
    }
    /** keyfold_key_set_policy: JSON. */
    std::string set_key_policy(const std::string &name, const std::string &policy) const
    {
        return detail::json([&](auto out) { return keyfold_key_set_policy(get(), name.c_str(), policy.c_str(), out); });
    }
    /** keyfold_key_schedule_deletion: JSON. */
    std::string schedule_key_deletion(const std::string &name, std::uint32_t days = 0) const
    {
        return detail::json([&](auto out) { return keyfold_key_schedule_deletion(get(), name.c_str(), days, out); });
    }
    /** keyfold_key_cancel_deletion: JSON. */
    std::string cancel_key_deletion(const std::string &name) const
    {
        return detail::json([&](auto out) { return keyfold_key_cancel_deletion(get(), name.c_str(), out); });
    }
    /** keyfold_store_destroy_due: JSON. */
    std::string destroy_due() const
    {
        return detail::json([&](auto out) { return keyfold_store_destroy_due(get(), out); });
    }
    /** keyfold_key_mark_compromised: JSON. */
    std::string mark_key_compromised(const std::string &name, const std::string &reason) const
    {
        return detail::json([&](auto out) { return keyfold_key_mark_compromised(get(), name.c_str(), reason.c_str(), out); });
    }
    /** keyfold_store_rotate_due: JSON. */
    std::string rotate_due() const
    {
        return detail::json([&](auto out) { return keyfold_store_rotate_due(get(), out); });
    }
    /** keyfold_key_rotation_status: JSON. */
    std::string key_rotation_status(const std::string &name) const
    {
        return detail::json([&](auto out) { return keyfold_key_rotation_status(get(), name.c_str(), out); });
    }
    /** keyfold_key_list_rotations: JSON. */
    std::string list_key_rotations(const std::string &name, const std::optional<std::string> &after = {}, std::uint32_t limit = 0) const
    {
        return detail::json([&](auto out) { return keyfold_key_list_rotations(get(), name.c_str(), detail::or_null(after), limit, out); });
    }
    /** keyfold_key_usage: JSON. */
    std::string key_usage(const std::string &name) const
    {
        return detail::json([&](auto out) { return keyfold_key_usage(get(), name.c_str(), out); });
    }
    /** keyfold_key_last_usage: JSON. */
    std::string key_last_usage(const std::string &name) const
    {
        return detail::json([&](auto out) { return keyfold_key_last_usage(get(), name.c_str(), out); });
    }
    /** keyfold_key_parameters_for_import: JSON. */
    std::string parameters_for_import(const std::string &name, const std::string &algorithm) const
    {
        return detail::json([&](auto out) { return keyfold_key_parameters_for_import(get(), name.c_str(), algorithm.c_str(), out); });
    }
    /** keyfold_key_import_wrapped_material: JSON. */
    std::string import_wrapped_key_material(const std::string &name, bytes_view token, bytes_view wrapped, std::uint32_t valid_days = 0, const std::optional<std::string> &import_type = std::nullopt) const
    {
        return detail::json([&](auto out) { return keyfold_key_import_wrapped_material(get(), name.c_str(), token.data(), token.size(), wrapped.data(), wrapped.size(), detail::or_null(import_type), valid_days, out); });
    }
    /** keyfold_key_delete_imported_material: JSON. */
    std::string delete_imported_key_material(const std::string &name, const std::optional<std::string> &material_id = std::nullopt) const
    {
        return detail::json([&](auto out) { return keyfold_key_delete_imported_material(get(), name.c_str(), detail::or_null(material_id), out); });
    }

    // Who may.

    /** keyfold_grant_create: JSON. */
    std::string create_grant(const std::string &name, const std::string &grant) const
    {
        return detail::json([&](auto out) { return keyfold_grant_create(get(), name.c_str(), grant.c_str(), out); });
    }
    /** keyfold_grant_list: JSON. */
    std::string list_grants(const std::string &name, const std::optional<std::string> &after = {}, std::uint32_t limit = 0) const
    {
        return detail::json([&](auto out) { return keyfold_grant_list(get(), name.c_str(), detail::or_null(after), limit, out); });
    }
    /** keyfold_grant_list_retirable: JSON. */
    std::string list_retirable_grants(const std::string &principal, const std::optional<std::string> &after = {}, std::uint32_t limit = 0) const
    {
        return detail::json([&](auto out) { return keyfold_grant_list_retirable(get(), principal.c_str(), detail::or_null(after), limit, out); });
    }
    /** keyfold_grant_retire */
    void retire_grant(const std::string &name, const std::string &grant_id) const { detail::check(keyfold_grant_retire(get(), name.c_str(), grant_id.c_str())); }
    /** keyfold_grant_revoke */
    void revoke_grant(const std::string &name, const std::string &grant_id) const { detail::check(keyfold_grant_revoke(get(), name.c_str(), grant_id.c_str())); }
    /** keyfold_store_settings: JSON. */
    std::string settings() const
    {
        return detail::json([&](auto out) { return keyfold_store_settings(get(), out); });
    }
    /** keyfold_store_update_settings: JSON. */
    std::string update_settings(const std::string &settings) const
    {
        return detail::json([&](auto out) { return keyfold_store_update_settings(get(), settings.c_str(), out); });
    }
    /** keyfold_approve: JSON. */
    std::string approve(const std::string &operation, const std::string &request, std::uint32_t seconds = 0) const
    {
        return detail::json([&](auto out) { return keyfold_approve(get(), operation.c_str(), request.c_str(), seconds, out); });
    }
    /** keyfold_approval_list: JSON. */
    std::string list_approvals() const
    {
        return detail::json([&](auto out) { return keyfold_approval_list(get(), out); });
    }
    /** keyfold_approval_withdraw */
    void withdraw_approval(const std::string &approval_id) const { detail::check(keyfold_approval_withdraw(get(), approval_id.c_str())); }
    /** keyfold_dry_run: throws what the operation would be refused with. */
    void dry_run(const std::string &operation, const std::string &name, const Context &context = {}) const
    {
        detail::check(keyfold_dry_run(get(), operation.c_str(), name.c_str(), context.packed().data(), context.packed().size()));
    }
    /** keyfold_store_add_root_as: JSON. */
    std::string add_root_as(const Root &root, const std::optional<std::string> &principal, bool admin = false) const
    {
        keyfold_slot_options c = KEYFOLD_SLOT_OPTIONS_INIT;
        if (admin) c.flags |= KEYFOLD_SLOT_ADMIN;
        c.principal = detail::or_null(principal);
        return detail::json([&](auto out) { return keyfold_store_add_root_as(get(), root.get(), &c, out); });
    }

    // The trail.

    /** keyfold_trail_read: JSON. The filter is JSON, or none. */
    std::string read_trail(const std::optional<std::string> &filter = {}, std::uint64_t from = 0, std::uint32_t limit = 0) const
    {
        return detail::json([&](auto out) { return keyfold_trail_read(get(), detail::or_null(filter), from, limit, out); });
    }
    /** keyfold_trail_tail: JSON. */
    std::string tail_trail(std::uint32_t count = 0, const std::optional<std::string> &filter = {}) const
    {
        return detail::json([&](auto out) { return keyfold_trail_tail(get(), detail::or_null(filter), count, out); });
    }
    /** keyfold_trail_verify: JSON; what is wrong stands in it. */
    std::string verify_trail(const std::optional<std::string> &expected = {}) const
    {
        return detail::json([&](auto out) { return keyfold_trail_verify(get(), detail::or_null(expected), out); });
    }
    /** keyfold_trail_checkpoint: a signed note. */
    std::string checkpoint_trail() const
    {
        return detail::json([&](auto out) { return keyfold_trail_checkpoint(get(), out); });
    }
    /** keyfold_trail_flush */
    void flush_trail() const { detail::check(keyfold_trail_flush(get())); }
    /** keyfold_trail_export: the number of entries. */
    std::uint64_t export_trail(const std::string &folder) const
    {
        std::uint64_t entries = 0;
        detail::check(keyfold_trail_export(get(), folder.c_str(), &entries));
        return entries;
    }
    /** keyfold_trail_add_file */
    void add_file_sink(const std::string &path, std::uint64_t rotate_bytes = 0, std::uint32_t keep = 0) const
    {
        detail::check(keyfold_trail_add_file(get(), path.c_str(), rotate_bytes, keep));
    }
    /** keyfold_trail_add_callback: an exception is a failure; see keyfold_trail_callback. The function is kept until the
     * store and all keys opened from it are closed; it must not use them. */
    void add_callback_sink(std::function<void(std::string_view event)> take) const
    {
        using Take = std::function<void(std::string_view)>;
        // Given back by the library in any case, a refusal of this call included.
        detail::check(keyfold_trail_add_callback(
            get(),
            [](void *data, const std::uint8_t *event, std::size_t size) -> std::int32_t {
                try {
                    (*static_cast<Take *>(data))(std::string_view(reinterpret_cast<const char *>(event), size));
                    return 0;
                } catch (...) {
                    return 1;
                }
            },
            new Take(std::move(take)), [](void *data) { delete static_cast<Take *>(data); }));
    }
    /** keyfold_trail_sinks: JSON. */
    std::string sinks() const
    {
        return detail::json([&](auto out) { return keyfold_trail_sinks(get(), out); });
    }

    // The whole store.

    /** keyfold_store_back_up: JSON. */
    std::string back_up(const std::string &path) const
    {
        return detail::json([&](auto out) { return keyfold_store_back_up(get(), path.c_str(), out); });
    }
    /** keyfold_store_heartbeat */
    void heartbeat() const { detail::check(keyfold_store_heartbeat(get())); }
    /** keyfold_store_restore: a new incarnation, where no store is. */
    static Store restore(const std::string &backup, const std::string &location, std::initializer_list<const Root *> roots,
                         const StoreOptions &options = {})
    {
        const auto c = options.c();
        const auto handles = detail::raw_roots(roots);
        return detail::made<Store, keyfold_store>([&](auto out) {
            return keyfold_store_restore(backup.c_str(), location.c_str(), handles.data(), handles.size(), &c, out);
        });
    }
    /** keyfold_store_repair: JSON. */
    static std::string repair(const std::string &location, std::initializer_list<const Root *> roots, const StoreOptions &options = {})
    {
        const auto c = options.c();
        const auto handles = detail::raw_roots(roots);
        return detail::json(
            [&](auto out) { return keyfold_store_repair(location.c_str(), handles.data(), handles.size(), &c, out); });
    }

    /** keyfold_store_change_compromised_root: JSON. */
    static std::string change_compromised_root(const std::string &location, std::initializer_list<const Root *> roots, const Root &new_root,
                                               std::initializer_list<const Root *> keep = {}, const StoreOptions &options = {})
    {
        const auto c = options.c();
        const auto acting = detail::raw_roots(roots), kept = detail::raw_roots(keep);
        return detail::json([&](auto out) {
            return keyfold_store_change_compromised_root(location.c_str(), acting.data(), acting.size(), new_root.get(), kept.data(),
                                                         kept.size(), &c, out);
        });
    }

    /** keyfold_decrypt_any: any key of this store; look at which it was. */
    Opened decrypt_any(bytes_view envelope, const Context &context = {}, const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        keyfold_opened which = KEYFOLD_OPENED_INIT;
        Opened opened;
        opened.plaintext = detail::sized(
            [&](auto size) { return keyfold_decrypted_size(envelope.data(), envelope.size(), size); },
            [&](auto out, auto cap, auto length) {
                return keyfold_decrypt_any(get(), envelope.data(), envelope.size(), context.packed().data(), context.packed().size(),
                                           &c, out, cap, length, &which);
            });
        opened.key_id = detail::key_id(which.key_id);
        opened.version = which.version;
        return opened;
    }
    /** keyfold_decrypt_data_key_any */
    Opened decrypt_data_key_any(bytes_view blob, const Context &context = {}, const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        keyfold_opened which = KEYFOLD_OPENED_INIT;
        Opened opened;
        opened.plaintext = detail::sized(
            [&](auto size) { return keyfold_data_key_size(blob.data(), blob.size(), size); },
            [&](auto out, auto cap, auto length) {
                return keyfold_decrypt_data_key_any(get(), blob.data(), blob.size(), context.packed().data(), context.packed().size(),
                                                    &c, out, cap, length, &which);
            });
        opened.key_id = detail::key_id(which.key_id);
        opened.version = which.version;
        return opened;
    }
    /** keyfold_decrypt_any into a caller's memory. */
    OpenedInto decrypt_any_into(bytes_span out, bytes_view envelope, const Context &context = {},
                                const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        return detail::opened_into([&](auto length, auto which) {
            return keyfold_decrypt_any(get(), envelope.data(), envelope.size(), context.packed().data(), context.packed().size(), &c,
                                       out.data(), out.size(), length, which);
        });
    }
    /** keyfold_decrypt_data_key_any into a caller's memory. */
    OpenedInto decrypt_data_key_any_into(bytes_span out, bytes_view blob, const Context &context = {},
                                         const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        return detail::opened_into([&](auto length, auto which) {
            return keyfold_decrypt_data_key_any(get(), blob.data(), blob.size(), context.packed().data(), context.packed().size(), &c,
                                                out.data(), out.size(), length, which);
        });
    }
    /** keyfold_authenticated_context_any */
    Context authenticated_context_any(bytes_view envelope, const Context &context = {}, const DecryptOptions &options = {}) const
    {
        const auto c = options.c();
        return Context::from_packed(detail::binary([&](auto out) {
            return keyfold_authenticated_context_any(get(), envelope.data(), envelope.size(), context.packed().data(),
                                                     context.packed().size(), &c, out);
        }));
    }
    /** keyfold_rewrap_any; with a context, that is checked first. */
    Rewrapped rewrap_any(bytes_span data, const Context *context = nullptr) const
    {
        return detail::rewrap(context, [&](auto packed, auto size, auto done) {
            return keyfold_rewrap_any(get(), data.data(), data.size(), packed, size, done);
        });
    }
    /** keyfold_rewrap_file_any; with a context, that is checked first. */
    Rewrapped rewrap_file_any(const std::string &path, const Context *context = nullptr) const
    {
        return detail::rewrap(context, [&](auto packed, auto size, auto done) {
            return keyfold_rewrap_file_any(get(), path.c_str(), packed, size, done);
        });
    }
    /** keyfold_reencrypt_any: whichever key of this store opens it. */
    bytes reencrypt_any(bytes_view envelope, const Context &context, Keys to, const Context &new_context,
                        const ReencryptOptions &options = {}, const Context &chosen = {}) const
    {
        const auto c = options.c();
        const auto keys = detail::raw(to);
        return detail::binary([&](auto out) {
            return keyfold_reencrypt_any(get(), envelope.data(), envelope.size(), context.packed().data(), context.packed().size(),
                                         keys.data(), keys.size(), new_context.packed().data(), new_context.packed().size(),
                                         chosen.packed().data(), chosen.packed().size(), &c, out);
        });
    }
    /** keyfold_explain: JSON. With a key: what Key::decrypt would say; without: what decrypt_any would. */
    std::string explain(bytes_view envelope, const Context &context = {}, const Key *key = nullptr) const
    {
        return detail::json([&](auto out) {
            return keyfold_explain(get(), key ? key->get() : nullptr, envelope.data(), envelope.size(), 0, context.packed().data(),
                                   context.packed().size(), out);
        });
    }

private:
    static keyfold_key_options described(const std::string &description) noexcept
    {
        keyfold_key_options options = KEYFOLD_KEY_OPTIONS_INIT;
        options.description = description.c_str();
        return options;
    }

    detail::handle<keyfold_store, keyfold_store_close> handle_;
};

/** keyfold_encrypted_size */
inline std::size_t encrypted_size(std::size_t plaintext_size, const Context &context = {}, const EncryptOptions &options = {})
{
    const auto c = options.c();
    std::size_t size = 0;
    detail::check(keyfold_encrypted_size(plaintext_size, context.packed().data(), context.packed().size(), &c, &size));
    return size;
}

/** keyfold_headroom */
inline std::size_t headroom(const Context &context = {}, const EncryptOptions &options = {})
{
    const auto c = options.c();
    std::size_t size = 0;
    detail::check(keyfold_headroom(context.packed().data(), context.packed().size(), &c, &size));
    return size;
}

/** keyfold_decrypted_size */
inline std::size_t decrypted_size(bytes_view envelope)
{
    std::size_t size = 0;
    detail::check(keyfold_decrypted_size(envelope.data(), envelope.size(), &size));
    return size;
}

/** keyfold_encrypt_to: under several keys, any of which opens it. */
inline bytes encrypt_to(Keys keys, bytes_view plaintext, const Context &context = {}, const EncryptOptions &options = {},
                        const Context &chosen = {})
{
    const auto c = options.c();
    const auto handles = detail::raw(keys);
    const auto call = [&](std::uint8_t *out, std::size_t cap, std::size_t *length) {
        return keyfold_encrypt_to(handles.data(), handles.size(), plaintext.data(), plaintext.size(), context.packed().data(),
                                  context.packed().size(), chosen.packed().data(), chosen.packed().size(), &c, out, cap, length);
    };
    return detail::sized(
        [&](std::size_t *size) {
            const keyfold_status status = call(nullptr, 0, size);
            return status == KEYFOLD_STATUS_BUFFER_TOO_SMALL ? static_cast<keyfold_status>(KEYFOLD_STATUS_OK) : status;
        },
        call);
}

/** keyfold_encrypt_to into a caller's memory; returns the envelope's size. */
inline std::size_t encrypt_to_into(bytes_span out, Keys keys, bytes_view plaintext, const Context &context = {},
                                   const EncryptOptions &options = {}, const Context &chosen = {})
{
    const auto c = options.c();
    const auto handles = detail::raw(keys);
    std::size_t length = 0;
    detail::check(keyfold_encrypt_to(handles.data(), handles.size(), plaintext.data(), plaintext.size(), context.packed().data(),
                                     context.packed().size(), chosen.packed().data(), chosen.packed().size(), &c, out.data(),
                                     out.size(), &length));
    return length;
}

/** keyfold_decrypt_with_keys into a caller's memory. */
inline OpenedInto decrypt_with_keys_into(bytes_span out, Keys keys, bytes_view envelope, const Context &context = {},
                                         const DecryptOptions &options = {})
{
    const auto c = options.c();
    const auto handles = detail::raw(keys);
    return detail::opened_into([&](auto length, auto which) {
        return keyfold_decrypt_with_keys(handles.data(), handles.size(), envelope.data(), envelope.size(), context.packed().data(),
                                         context.packed().size(), &c, out.data(), out.size(), length, which);
    });
}

/** keyfold_decrypt_with_keys: under any of the keys named. */
inline Opened decrypt_with_keys(Keys keys, bytes_view envelope, const Context &context = {}, const DecryptOptions &options = {})
{
    const auto c = options.c();
    const auto handles = detail::raw(keys);
    keyfold_opened which = KEYFOLD_OPENED_INIT;
    Opened opened;
    opened.plaintext = detail::sized([&](auto size) { return keyfold_decrypted_size(envelope.data(), envelope.size(), size); },
                                     [&](auto out, auto cap, auto length) {
                                         return keyfold_decrypt_with_keys(handles.data(), handles.size(), envelope.data(),
                                                                          envelope.size(), context.packed().data(),
                                                                          context.packed().size(), &c, out, cap, length, &which);
                                     });
    opened.key_id = detail::key_id(which.key_id);
    opened.version = which.version;
    return opened;
}

/** keyfold_reencrypt: other keys or another context, without producing the message. */
inline bytes reencrypt(Keys from, bytes_view envelope, const Context &context, Keys to, const Context &new_context,
                       const ReencryptOptions &options = {}, const Context &chosen = {})
{
    const auto c = options.c();
    const auto old_keys = detail::raw(from), new_keys = detail::raw(to);
    return detail::binary([&](auto out) {
        return keyfold_reencrypt(old_keys.data(), old_keys.size(), envelope.data(), envelope.size(), context.packed().data(),
                                 context.packed().size(), new_keys.data(), new_keys.size(), new_context.packed().data(),
                                 new_context.packed().size(), chosen.packed().data(), chosen.packed().size(), &c, out);
    });
}

/** keyfold_seal: to the public halves of sealing keys, without a store. */
inline bytes seal(const std::vector<bytes_view> &public_keys, bytes_view plaintext, const Context &context = {},
                  const EncryptOptions &options = {})
{
    const auto c = options.c();
    const Batch keys = detail::joined(public_keys);
    const bytes &packed = context.packed();
    return detail::sized(
        [&](auto size) {
            return keyfold_sealed_size(plaintext.size(), keys.data.data(), keys.data.size(), keys.offsets.data(), keys.size(),
                                       packed.data(), packed.size(), &c, size);
        },
        [&](auto out, auto cap, auto length) {
            return keyfold_seal(keys.data.data(), keys.data.size(), keys.offsets.data(), keys.size(), plaintext.data(),
                                plaintext.size(), packed.data(), packed.size(), &c, out, cap, length);
        });
}

/** keyfold_backup_verify: JSON. */
inline std::string verify_backup(const std::string &path, const Root &root)
{
    return detail::json([&](auto out) { return keyfold_backup_verify(path.c_str(), root.get(), out); });
}

/** keyfold_trail_verify_tiles: JSON; what is wrong stands in it. */
inline std::string verify_tiles(const std::string &folder, const std::string &key)
{
    return detail::json([&](auto out) { return keyfold_trail_verify_tiles(folder.c_str(), key.c_str(), out); });
}

/** keyfold_trail_verify_jsonl: JSON. The files are a JSON array of paths. */
inline std::string verify_jsonl(const std::string &files, const std::string &key)
{
    return detail::json([&](auto out) { return keyfold_trail_verify_jsonl(files.c_str(), key.c_str(), out); });
}

/** keyfold_inspect: JSON; nothing in it is authenticated. */
inline std::string inspect(bytes_view envelope)
{
    return detail::json([&](auto out) { return keyfold_inspect(envelope.data(), envelope.size(), 0, out); });
}

/** keyfold_version */
inline const char *version() noexcept { return keyfold_version(); }

/** keyfold_engine */
inline const char *engine() noexcept { return keyfold_engine(); }

/** keyfold_status_text */
inline const char *status_text(keyfold_status status) noexcept { return keyfold_status_text(status); }

/** keyfold_open_handles */
inline std::size_t open_handles() noexcept { return keyfold_open_handles(); }

/** keyfold_self_test: throws where it failed. */
inline void self_test() { detail::check(keyfold_self_test()); }

/** keyfold_protection_status */
inline Protection protection_status()
{
    keyfold_protection is = KEYFOLD_PROTECTION_INIT;
    detail::check(keyfold_protection_status(&is));
    return {is.bytes, is.unlocked_bytes, is.dumpable_bytes, is.not_wiped_bytes};
}

/** keyfold_generate_random */
inline void generate_random(bytes_span out) { detail::check(keyfold_generate_random(out.data(), out.size())); }

/** keyfold_reseed */
inline void reseed() { detail::check(keyfold_reseed()); }

/** Throws where the loaded library is not of this header's ABI. Call it once, at the start of a program. */
inline void require_abi()
{
    if (keyfold_abi_version() != KEYFOLD_ABI_VERSION)
        throw UsageError(KEYFOLD_STATUS_UNSUPPORTED_OPTION, "the keyfold library is of another ABI than keyfold.h");
}

} // namespace keyfold

#include "keyfold_streams.hpp"

#endif
#endif
