//! The whole, against a host that is a script.
