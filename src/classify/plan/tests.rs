//! Plans of made-up machines.
