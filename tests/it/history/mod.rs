//! Ninety days of a network with their truth, and random histories: see `fixtures/history/ORIGIN.md`.

mod asked;
mod clocks;
mod days;
mod differ;
mod made;
mod planned;
mod play;
mod random;
mod standing;
mod tests;
mod truth;
mod weigh;
mod world;
