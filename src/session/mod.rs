//! Talking to a host: meeting it, logging in, asking.
