//! Ninety days of a network with their truth, and random histories: see `fixtures/history/ORIGIN.md`.

mod days;
mod differ;
mod planned;
mod standing;
mod tests;
mod truth;
mod weigh;
mod world;
