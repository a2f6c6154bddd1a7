//! Which secret may be used where, and how often.
