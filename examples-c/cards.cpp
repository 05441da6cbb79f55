// Encrypts card records one by one, and opens them again: cards.c in C++.
//
//   cards encrypt STORE ROOT IN OUT     IN: lines "ID,RECORD"; OUT: lines "ID,HEX", HEX an envelope of RECORD
//   cards decrypt STORE ROOT IN OUT     the other way round
//
//   c++ -std=c++17 cards.cpp $(pkg-config --cflags --libs keyfold) -o cards-cpp
#include <keyfold.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

// Binds a record to its place: an envelope that is moved to another row does not open there.
static keyfold::Context row_context(const std::string &id)
{
    return {{"table", "cards"}, {"row", id}};
}

static std::string to_hex(const keyfold::bytes &bytes)
{
    std::string hex;
    char digits[3];
    for (const unsigned byte : bytes) {
        std::snprintf(digits, sizeof digits, "%02x", byte);
        hex += digits;
    }
    return hex;
}

static keyfold::bytes from_hex(const std::string &hex)
{
    if (hex.size() % 2 || hex.find_first_not_of("0123456789abcdef") != std::string::npos)
        throw std::invalid_argument("not hexadecimal");
    keyfold::bytes bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

static void run(const std::string &direction, const std::string &store_at, std::string root_at, std::istream &in, std::ostream &out)
{
    if (root_at.rfind("file:", 0) == 0) root_at.erase(0, 5);
    keyfold::require_abi();
    const auto root = keyfold::Root::key_file(root_at);
    const auto store = keyfold::Store::open(store_at, root);
    const auto cards = store.key("cards");

    for (std::string line; std::getline(in, line);) {
        if (line.empty()) continue;
        const auto comma = line.find(',');
        if (comma == std::string::npos) throw std::invalid_argument("a line without a comma");
        const std::string id = line.substr(0, comma), rest = line.substr(comma + 1);
        if (direction == "encrypt") {
            out << id << ',' << to_hex(cards.encrypt(rest, row_context(id))) << '\n';
        } else {
            const auto record = cards.decrypt(from_hex(rest), row_context(id));
            out << id << ',' << std::string(record.begin(), record.end()) << '\n';
        }
    }
}

int main(int argc, char **argv)
{
    const std::string direction = argc == 6 ? argv[1] : "";
    if (direction != "encrypt" && direction != "decrypt") {
        std::cerr << "usage: cards encrypt|decrypt STORE ROOT IN OUT\n";
        return 2;
    }
    try {
        std::ifstream in(argv[4]);
        std::ofstream out(argv[5]);
        if (!in || !out) throw std::runtime_error("a file cannot be opened");
        run(direction, argv[2], argv[3], in, out);
        out.close();
        if (!out) throw std::runtime_error("the output cannot be written");
    } catch (const std::exception &e) {
        // For a program that reacts: catch keyfold::AuthError, NotFound, KeyDisabled first.
        std::cerr << "cards: " << e.what() << '\n';
        return 1;
    }
}
