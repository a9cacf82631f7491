//! All integration tests, one module a room, in one binary.
