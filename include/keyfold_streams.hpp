/* keyfold_streams.hpp: envelopes of any size in C++: streams that are pushed and pulled, readers at any place, files.
 * A part of keyfold.hpp, which includes it. docs/STREAMS.md says what each promises.
 *
 *     keyfold::EncryptStream stream({&cards}, context);
 *     while (read(piece)) write(stream.update(piece));
 *     write(stream.finish());               // without this it does not open
 *
 *     keyfold::Reader reader({&cards}, descriptor, context);
 *     std::size_t n = reader.pread(span, 3'000'000);
 *
 * A destructor cannot say that a stream was left before its end: only finish() says that all of it is there; close() throws
 * Error with STREAM_UNFINISHED where neither that nor cancel() was called. */
#ifndef KEYFOLD_STREAMS_HPP
#define KEYFOLD_STREAMS_HPP

#include "keyfold.hpp"

namespace keyfold {

/** Gives at most out.size() bytes of what a stream is pulled from; none only at its end. What it throws, the read throws. */
using Source = std::function<std::size_t(bytes_span out)>;
/** Gives bytes of an envelope from an offset on, as pread; fewer than out.size() only at its end. From any thread that reads. */
using SourceAt = std::function<std::size_t(bytes_span out, std::uint64_t offset)>;

namespace detail {

inline const keyfold_work *or_null(const Work *work) noexcept { return work ? work->c() : nullptr; }

/** Runs a callback of C's that gives a number of bytes. */
template <class Call>
std::int32_t given(std::size_t *length, Call call) noexcept
{
    try {
        *length = call();
        return KEYFOLD_CALLBACK_OK;
    } catch (...) {
        raised() = std::current_exception();
        return 0;
    }
}

/** A source as C takes it; it is given back by C in any case, a refusal included. */
struct pulled {
    Source *source;

    explicit pulled(Source from) : source(new Source(std::move(from))) {}
    static std::int32_t read(void *data, std::uint8_t *into, std::size_t capacity, std::size_t *length)
    {
        return given(length, [&] { return (*static_cast<Source *>(data))(bytes_span(into, capacity)); });
    }
    static void release(void *data) { delete static_cast<Source *>(data); }
};

/** What every stream has. One thread at a time, but for cancel. */
class stream {
public:
    /** keyfold_stream_cancel, from any thread: a call under way throws Error with CANCELLED within one chunk. */
    void cancel() const { check(keyfold_stream_cancel(handle_.get())); }
    /** keyfold_stream_close: throws Error with STREAM_UNFINISHED where its end was not reached; it is closed all the same. */
    void close() { check(keyfold_stream_close(handle_.release())); }
    keyfold_stream *get() const noexcept { return handle_.get(); }

protected:
    explicit stream(keyfold_stream *raw) noexcept : handle_(raw) {}

    Opened which() const
    {
        keyfold_opened is = KEYFOLD_OPENED_INIT;
        check(keyfold_stream_opened(get(), &is));
        Opened opened;
        opened.key_id = detail::key_id(is.key_id);
        opened.version = is.version;
        return opened;
    }
    Context context() const
    {
        return Context::from_packed(binary([&](auto out) { return keyfold_stream_context(get(), out); }));
    }

private:
    detail::handle<keyfold_stream, keyfold_stream_close> handle_;
};

/** A stream that is pushed. */
class pushed : public stream {
public:
    /** keyfold_stream_update: all of the input is taken; what is ready of the output comes back. */
    bytes update(bytes_view input, const Work *work = nullptr)
    {
        bytes out(update_size(input.size()));
        out.resize(update_into(out, input, work));
        return out;
    }
    /** The same into a caller's buffer, of update_size(input.size()) bytes, which must not overlap the input. */
    std::size_t update_into(bytes_span out, bytes_view input, const Work *work = nullptr)
    {
        std::size_t length = 0;
        check(keyfold_stream_update(get(), input.data(), input.size(), or_null(work), out.data(), out.size(), &length));
        return length;
    }
    /** keyfold_stream_update_size */
    std::size_t update_size(std::size_t input_size) const
    {
        std::size_t size = 0;
        check(keyfold_stream_update_size(get(), input_size, &size));
        return size;
    }
    /** keyfold_stream_finish: the rest. Only when it has returned is what came out whole. */
    [[nodiscard]] bytes finish()
    {
        bytes out(finish_size());
        out.resize(finish_into(out));
        return out;
    }
    std::size_t finish_into(bytes_span out)
    {
        std::size_t length = 0;
        check(keyfold_stream_finish(get(), out.data(), out.size(), &length));
        return length;
    }
    /** keyfold_stream_finish_size */
    std::size_t finish_size() const
    {
        std::size_t size = 0;
        check(keyfold_stream_finish_size(get(), &size));
        return size;
    }

protected:
    using stream::stream;
};

/** A stream that is pulled. */
class pull : public stream {
public:
    /** keyfold_stream_read: fills the buffer unless the end comes first; 0 says that the end was reached and all is whole. */
    [[nodiscard]] std::size_t read(bytes_span out, const Work *work = nullptr)
    {
        std::size_t length = 0;
        check(keyfold_stream_read(get(), or_null(work), out.data(), out.size(), &length));
        return length;
    }

protected:
    using stream::stream;
};

inline keyfold_stream *encrypting(Keys keys, const Context &context, const EncryptOptions &options, const Context &chosen,
                                  keyfold_source_callback read, void *data, keyfold_source_release release)
{
    auto c = options.c();
    c.work = nullptr;
    const auto handles = raw(keys);
    keyfold_stream *made = nullptr;
    check(keyfold_stream_encrypt(handles.data(), handles.size(), context.packed().data(), context.packed().size(),
                                 chosen.packed().data(), chosen.packed().size(), &c, read, data, release, &made));
    return made;
}

inline keyfold_stream *sealing(const std::vector<bytes_view> &public_keys, const Context &context, const EncryptOptions &options,
                               keyfold_source_callback read, void *data, keyfold_source_release release)
{
    auto c = options.c();
    c.work = nullptr;
    const Batch keys = joined(public_keys);
    keyfold_stream *made = nullptr;
    check(keyfold_stream_seal(keys.data.data(), keys.data.size(), keys.offsets.data(), keys.size(), context.packed().data(),
                              context.packed().size(), &c, read, data, release, &made));
    return made;
}

inline keyfold_stream *decrypting(Keys keys, const Context &context, const DecryptOptions &options, keyfold_source_callback read,
                                  void *data, keyfold_source_release release)
{
    auto c = options.c();
    c.work = nullptr;
    const auto handles = raw(keys);
    keyfold_stream *made = nullptr;
    check(keyfold_stream_decrypt(handles.data(), handles.size(), context.packed().data(), context.packed().size(), &c, read, data,
                                 release, &made));
    return made;
}

inline keyfold_stream *decrypting(const Store &store, const Context &context, const DecryptOptions &options,
                                  keyfold_source_callback read, void *data, keyfold_source_release release)
{
    auto c = options.c();
    c.work = nullptr;
    keyfold_stream *made = nullptr;
    check(keyfold_stream_decrypt_any(store.get(), context.packed().data(), context.packed().size(), &c, read, data, release, &made));
    return made;
}
} // namespace detail

/** A message that is pushed and comes out as an envelope, which any of the keys opens. keyfold_stream_encrypt */
class EncryptStream : public detail::pushed {
public:
    explicit EncryptStream(Keys keys, const Context &context = {}, const EncryptOptions &options = {}, const Context &chosen = {})
        : pushed(detail::encrypting(keys, context, options, chosen, nullptr, nullptr, nullptr))
    {
    }
    /** keyfold_stream_seal: to the public halves of sealing keys, without a store. */
    static EncryptStream seal(const std::vector<bytes_view> &public_keys, const Context &context = {},
                              const EncryptOptions &options = {})
    {
        return EncryptStream(detail::sealing(public_keys, context, options, nullptr, nullptr, nullptr));
    }

private:
    explicit EncryptStream(keyfold_stream *raw) noexcept : pushed(raw) {}
};

/** An envelope that is pushed and comes out as its message: only bytes that were authenticated, the front of it until finish()
 * has returned. keyfold_stream_decrypt, keyfold_stream_decrypt_any */
class DecryptStream : public detail::pushed {
public:
    explicit DecryptStream(Keys keys, const Context &context = {}, const DecryptOptions &options = {})
        : pushed(detail::decrypting(keys, context, options, nullptr, nullptr, nullptr))
    {
    }
    explicit DecryptStream(const Store &store, const Context &context = {}, const DecryptOptions &options = {})
        : pushed(detail::decrypting(store, context, options, nullptr, nullptr, nullptr))
    {
    }
    /** keyfold_stream_opened, once the head has come: which key it was, without a message. */
    Opened opened() const { return which(); }
    /** keyfold_stream_context */
    Context authenticated_context() const { return context(); }
};

/** A message that is read from a source and comes out as an envelope. */
class EncryptPull : public detail::pull {
public:
    EncryptPull(Keys keys, Source source, const Context &context = {}, const EncryptOptions &options = {}, const Context &chosen = {})
        : pull(detail::encrypting(keys, context, options, chosen, detail::pulled::read, detail::pulled(std::move(source)).source,
                                  detail::pulled::release))
    {
    }
    /** keyfold_stream_seal */
    static EncryptPull seal(const std::vector<bytes_view> &public_keys, Source source, const Context &context = {},
                            const EncryptOptions &options = {})
    {
        return EncryptPull(detail::sealing(public_keys, context, options, detail::pulled::read,
                                           detail::pulled(std::move(source)).source, detail::pulled::release));
    }

private:
    explicit EncryptPull(keyfold_stream *raw) noexcept : pull(raw) {}
};

/** An envelope that is read from a source and comes out as its message, as DecryptStream's. */
class DecryptPull : public detail::pull {
public:
    DecryptPull(Keys keys, Source source, const Context &context = {}, const DecryptOptions &options = {})
        : pull(detail::decrypting(keys, context, options, detail::pulled::read, detail::pulled(std::move(source)).source,
                                  detail::pulled::release))
    {
    }
    DecryptPull(const Store &store, Source source, const Context &context = {}, const DecryptOptions &options = {})
        : pull(detail::decrypting(store, context, options, detail::pulled::read, detail::pulled(std::move(source)).source,
                                  detail::pulled::release))
    {
    }
    /** keyfold_stream_opened */
    Opened opened() const { return which(); }
    /** keyfold_stream_context */
    Context authenticated_context() const { return context(); }
};

/** Reads the message of an envelope at any place, from any number of threads at once: keyfold_reader_open and its kin. */
class Reader {
public:
    /** An envelope in a file. The descriptor is copied. */
    Reader(Keys keys, int descriptor, const Context &context = {}, const DecryptOptions &options = {})
        : handle_(opened_by([&](const auto &c, auto out) {
              const auto handles = detail::raw(keys);
              return keyfold_reader_open_fd(handles.data(), handles.size(), context.packed().data(), context.packed().size(), &c,
                                            descriptor, out);
          }, options))
    {
    }
    Reader(const Store &store, int descriptor, const Context &context = {}, const DecryptOptions &options = {})
        : handle_(opened_by([&](const auto &c, auto out) {
              return keyfold_reader_open_fd_any(store.get(), context.packed().data(), context.packed().size(), &c, descriptor, out);
          }, options))
    {
    }
    /** An envelope of so many bytes that a function fetches. */
    Reader(Keys keys, std::uint64_t size, SourceAt source, const Context &context = {}, const DecryptOptions &options = {})
        : handle_(opened_by([&](const auto &c, auto out) {
              const auto handles = detail::raw(keys);
              return keyfold_reader_open(handles.data(), handles.size(), context.packed().data(), context.packed().size(), &c, size,
                                         fetch, new SourceAt(std::move(source)), release, out);
          }, options))
    {
    }
    Reader(const Store &store, std::uint64_t size, SourceAt source, const Context &context = {}, const DecryptOptions &options = {})
        : handle_(opened_by([&](const auto &c, auto out) {
              return keyfold_reader_open_any(store.get(), context.packed().data(), context.packed().size(), &c, size, fetch,
                                             new SourceAt(std::move(source)), release, out);
          }, options))
    {
    }

    keyfold_reader *get() const noexcept { return handle_.get(); }

    /** keyfold_reader_pread: fewer bytes than out has room for only at the message's end, which is authenticated then. */
    [[nodiscard]] std::size_t pread(bytes_span out, std::uint64_t offset, const Work *work = nullptr) const
    {
        std::size_t length = 0;
        detail::check(keyfold_reader_pread(get(), offset, detail::or_null(work), out.data(), out.size(), &length));
        return length;
    }
    /** keyfold_reader_size: of the message; its last chunk is authenticated first. */
    std::uint64_t size() const
    {
        std::uint64_t size = 0;
        detail::check(keyfold_reader_size(get(), &size));
        return size;
    }
    /** keyfold_reader_opened: which key it was, without a message. */
    Opened opened() const
    {
        keyfold_opened is = KEYFOLD_OPENED_INIT;
        detail::check(keyfold_reader_opened(get(), &is));
        Opened opened;
        opened.key_id = detail::key_id(is.key_id);
        opened.version = is.version;
        return opened;
    }
    /** keyfold_reader_context */
    Context authenticated_context() const
    {
        return Context::from_packed(detail::binary([&](auto out) { return keyfold_reader_context(get(), out); }));
    }

private:
    template <class Call>
    static keyfold_reader *opened_by(Call call, const DecryptOptions &options)
    {
        auto c = options.c();
        c.work = nullptr;
        keyfold_reader *raw = nullptr;
        detail::check(call(c, &raw));
        return raw;
    }
    static std::int32_t fetch(void *data, std::uint64_t offset, std::uint8_t *into, std::size_t capacity, std::size_t *length)
    {
        return detail::given(length, [&] { return (*static_cast<SourceAt *>(data))(bytes_span(into, capacity), offset); });
    }
    static void release(void *data) { delete static_cast<SourceAt *>(data); }

    detail::handle<keyfold_reader, keyfold_reader_close> handle_;
};

/** A range of bytes. */
struct Range {
    std::uint64_t offset = 0, size = 0;
};

/** keyfold_ciphertext_range: which bytes of an envelope to fetch to read a range of its message, for HTTP range requests. */
inline Range ciphertext_range(bytes_view head, std::uint64_t envelope_size, std::uint64_t offset, std::uint64_t size)
{
    Range range;
    detail::check(keyfold_ciphertext_range(head.data(), head.size(), envelope_size, offset, size, &range.offset, &range.size));
    return range;
}

/** A message in a file, and the key and version that opened it. */
struct OpenedFile {
    std::uint64_t size = 0;
    KeyId key_id{};
    std::uint32_t version = 0;
};

/** keyfold_encrypt_file: the target is the old file or the new one, whole; returns the envelope's size. */
inline std::uint64_t encrypt_file(Keys keys, const std::string &from, const std::string &to, const Context &context = {},
                                  const EncryptOptions &options = {}, const Context &chosen = {})
{
    const auto c = options.c();
    const auto handles = detail::raw(keys);
    std::uint64_t size = 0;
    detail::check(keyfold_encrypt_file(handles.data(), handles.size(), from.c_str(), to.c_str(), context.packed().data(),
                                       context.packed().size(), chosen.packed().data(), chosen.packed().size(), &c, &size));
    return size;
}

namespace detail {
template <class Call>
OpenedFile opened_file(Call call)
{
    keyfold_opened which = KEYFOLD_OPENED_INIT;
    OpenedFile opened;
    check(call(&opened.size, &which));
    opened.key_id = key_id(which.key_id);
    opened.version = which.version;
    return opened;
}
} // namespace detail

/** keyfold_decrypt_file: under any of the keys named. */
inline OpenedFile decrypt_file(Keys keys, const std::string &from, const std::string &to, const Context &context = {},
                               const DecryptOptions &options = {})
{
    const auto c = options.c();
    const auto handles = detail::raw(keys);
    return detail::opened_file([&](auto size, auto which) {
        return keyfold_decrypt_file(handles.data(), handles.size(), from.c_str(), to.c_str(), context.packed().data(),
                                    context.packed().size(), &c, size, which);
    });
}

/** keyfold_decrypt_file_any: under whichever key of the store opens it. */
inline OpenedFile decrypt_file(const Store &store, const std::string &from, const std::string &to, const Context &context = {},
                               const DecryptOptions &options = {})
{
    const auto c = options.c();
    return detail::opened_file([&](auto size, auto which) {
        return keyfold_decrypt_file_any(store.get(), from.c_str(), to.c_str(), context.packed().data(), context.packed().size(), &c,
                                        size, which);
    });
}

} // namespace keyfold

#endif
