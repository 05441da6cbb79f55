//! The C ABI: argument checks, handles, panics, errors; no logic of its own.
