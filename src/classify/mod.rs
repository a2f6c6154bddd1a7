//! Managed or not, and what first.
