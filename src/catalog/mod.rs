//! The bulletins we know of, cut into the slices that matching works on.
