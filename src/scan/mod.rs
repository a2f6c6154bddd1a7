//! One run: which hosts, in what order, with how many hands.
