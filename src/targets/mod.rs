//! Which addresses are in scope: the grammar, the set, the guards.
