//! What every Unix is asked about its state.
