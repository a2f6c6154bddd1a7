//! What a host is, before any credential is used.
