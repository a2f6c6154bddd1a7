//! What whole files become.
