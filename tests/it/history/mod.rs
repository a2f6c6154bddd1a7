//! Ninety days of a network with their truth, and random histories: see `fixtures/history/ORIGIN.md`.

mod asked;
mod clocks;
mod days;
mod decided;
mod differ;
mod drifting;
mod made;
mod news;
mod noted;
mod planned;
mod play;
mod random;
mod standing;
mod tests;
mod trail;
mod truth;
mod verified;
mod weigh;
mod world;
