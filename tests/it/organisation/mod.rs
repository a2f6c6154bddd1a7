//! A simulated organisation with its truth: see `fixtures/organisation/ORIGIN.md`.

mod score;
mod truth;
