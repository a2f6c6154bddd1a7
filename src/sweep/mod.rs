//! Finding which addresses answer.
