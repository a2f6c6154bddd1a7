//! Comparisons made by hand.
