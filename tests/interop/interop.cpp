// C++'s part in the matrix, over keyfold.hpp. interop.c says how the list of commands looks.
#include <keyfold.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

namespace {

using keyfold::bytes;

bytes read_file(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path);
    return bytes(std::istreambuf_iterator<char>(file), {});
}

void write_file(const std::string &path, const bytes &data)
{
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char *>(data.data()), static_cast<std::streamsize>(data.size()));
    if (!file.flush()) throw std::runtime_error(path);
}

std::vector<std::string> split(const std::string &text, char at)
{
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
    return parts;
}

bytes unhex(const std::string &text)
{
    bytes out;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
    return out;
}

keyfold::Context context_of(const std::string &field)
{
    std::vector<std::pair<std::string, std::string>> pairs;
    if (field != "-")
        for (const std::string &pair : split(field, ',')) {
            const auto colon = pair.find(':');
            const bytes name = unhex(pair.substr(0, colon)), value = unhex(pair.substr(colon + 1));
            pairs.emplace_back(std::string(name.begin(), name.end()), std::string(value.begin(), value.end()));
        }
    return keyfold::Context(pairs);
}

struct Command {
    const keyfold::Store &store;
    std::vector<std::string> field;
    keyfold::Context context;
    std::vector<keyfold::Key> keys; // none: any key of the store

    Command(const keyfold::Store &from, const std::string &line) : store(from), field(split(line, '\t')), context(context_of(field.at(3)))
    {
        if (field.at(2) != "*")
            for (const std::string &name : split(field[2], ',')) keys.push_back(store.key(name));
    }

    bool is_data_key() const { return field[1] == "datakey"; }

    bytes opened(const bytes &data, const keyfold::DecryptOptions &options) const
    {
        if (is_data_key()) return keys.empty() ? store.decrypt_data_key_any(data, context, options).plaintext
                                               : keys[0].decrypt_data_key(data, context, options);
        if (keys.empty()) return store.decrypt_any(data, context, options).plaintext;
        if (keys.size() == 1) return keys[0].decrypt(data, context, options);
        return keyfold::decrypt_with_keys({&keys[0], &keys[1]}, data, context, options).plaintext;
    }

    std::string open() const
    {
        keyfold::DecryptOptions options;
        options.accept_stored_context = field[4] == "1";
        if (field[1] == "stream") return open_streamed(options);
        if (field[1] == "file") {
            keyfold::decrypt_file({&keys[0]}, field.at(6), field[6] + ".opened", context, options);
            return read_file(field[6] + ".opened") == unhex(field[5]) ? "" : "opens into another file";
        }
        return opened(read_file(field.at(6)), options) == unhex(field[5]) ? "" : "opens to something else";
    }

    // Pulls it out of the file in pieces, then reads a range in its middle.
    std::string open_streamed(const keyfold::DecryptOptions &options) const
    {
        const bytes wanted = unhex(field[5]), sealed = read_file(field.at(6));
        std::ifstream file(field[6], std::ios::binary);
        keyfold::DecryptPull stream({&keys[0]}, [&](keyfold::bytes_span out) {
            file.read(reinterpret_cast<char *>(out.data()), static_cast<std::streamsize>(out.size()));
            return static_cast<std::size_t>(file.gcount());
        }, context, options);
        bytes made, piece(5000);
        while (const std::size_t n = stream.read(piece)) made.insert(made.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
        if (made != wanted) return "streams to something else";
        const keyfold::Reader reader({&keys[0]}, sealed.size(), [&](keyfold::bytes_span out, std::uint64_t offset) {
            const std::size_t from = std::min<std::size_t>(sealed.size(), offset), n = std::min(out.size(), sealed.size() - from);
            std::copy_n(sealed.data() + from, n, out.data());
            return n;
        }, context, options);
        bytes part(wanted.size() / 2);
        const std::size_t first = wanted.size() / 3, n = reader.pread(part, first);
        const bool same = n == part.size() && std::equal(part.begin(), part.end(), wanted.begin() + static_cast<std::ptrdiff_t>(first));
        return same && reader.size() == wanted.size() ? "" : "reads as something else";
    }

    bytes pushed(const bytes &plaintext, const keyfold::EncryptOptions &options) const
    {
        keyfold::EncryptStream stream({&keys[0]}, context, options);
        bytes made;
        const auto add = [&made](const bytes &more) { made.insert(made.end(), more.begin(), more.end()); };
        for (std::size_t at = 0; at < plaintext.size(); at += 7000)
            add(stream.update(keyfold::bytes_view(plaintext.data() + at, std::min<std::size_t>(7000, plaintext.size() - at))));
        add(stream.finish());
        return made;
    }

    bytes pulled(const bytes &plaintext, const keyfold::EncryptOptions &options) const
    {
        std::size_t at = 0;
        keyfold::EncryptPull stream({&keys[0]}, [&](keyfold::bytes_span out) {
            const std::size_t n = std::min({out.size(), plaintext.size() - at, std::size_t{7000}});
            std::copy_n(plaintext.data() + at, n, out.data());
            at += n;
            return n;
        }, context, options);
        bytes made, piece(5000);
        while (const std::size_t n = stream.read(piece)) made.insert(made.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
        return made;
    }

    // Streams of an even size are pushed, others pulled.
    std::string make() const
    {
        keyfold::EncryptOptions options;
        if (field[4] == "names") options.store_context = keyfold::StoreContext::names;
        if (field[4] == "all") options.store_context = keyfold::StoreContext::all;
        if (is_data_key()) {
            const keyfold::DataKey made = keys[0].generate_data_key(std::stoul(field[5]), context, options);
            write_file(field.at(6), made.blob);
            write_file(field[6] + ".key", made.plaintext);
        } else if (field[1] == "stream") {
            const bytes plaintext = unhex(field[5]);
            write_file(field.at(6), plaintext.size() % 2 == 0 ? pushed(plaintext, options) : pulled(plaintext, options));
        } else if (field[1] == "file") {
            write_file(field.at(6) + ".plain", unhex(field[5]));
            keyfold::encrypt_file({&keys[0]}, field[6] + ".plain", field[6], context, options);
        } else if (keys.size() == 1) {
            write_file(field.at(6), keys[0].encrypt(unhex(field[5]), context, options));
        } else {
            write_file(field.at(6), keyfold::encrypt_to({&keys[0], &keys[1]}, unhex(field[5]), context, options));
        }
        return "";
    }

    bool is_refused(const bytes &data) const
    {
        try {
            opened(data, {});
            return false;
        } catch (const keyfold::Error &error) {
            return error.status() >= 200 && error.status() < 400;
        }
    }

    std::string refuse() const
    {
        const std::size_t head = std::stoul(field[5]);
        bytes data = read_file(field.at(6));
        for (std::size_t bit = 0; bit < 8 * head; ++bit) {
            data[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
            if (!is_refused(data)) return "bit " + std::to_string(bit) + " flipped is not refused";
            data[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        }
        for (std::size_t cut = 0; cut < data.size(); ++cut)
            if (!is_refused(bytes(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(cut))))
                return "cut to " + std::to_string(cut) + " bytes is not refused";
        return "";
    }

    std::string run() const
    {
        if (field[0] == "open") return open();
        if (field[0] == "make") return make();
        if (field[0] == "refuse") return refuse();
        return "no such command";
    }
};

} // namespace

int main(int argc, char **argv)
try {
    if (argc != 4) throw std::runtime_error("usage: interop STORE ROOT_KEY_FILE COMMANDS");
    keyfold::require_abi();
    const auto store = keyfold::Store::open(argv[1], keyfold::Root::key_file(argv[2]));
    std::ifstream commands(argv[3]);
    int count = 0, failures = 0;
    for (std::string line; std::getline(commands, line); ++count) {
        std::string wrong;
        try {
            wrong = Command(store, line).run();
        } catch (const keyfold::Error &error) {
            wrong = error.what();
        }
        if (!wrong.empty()) std::cout << line.substr(0, 100) << ": " << wrong << '\n', ++failures;
    }
    if (failures == 0) std::cout << "passed " << count << '\n';
    return failures == 0 ? 0 : 1;
} catch (const std::exception &error) {
    std::cerr << "interop: " << error.what() << '\n';
    return 2;
}
