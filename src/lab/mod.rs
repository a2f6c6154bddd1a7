//! A simulated network: SSH servers on loopback that answer from recordings.
