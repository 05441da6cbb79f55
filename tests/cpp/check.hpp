// Plain checks, no framework.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "keyfold.hpp"

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

#endif
