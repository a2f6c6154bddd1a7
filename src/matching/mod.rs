//! Which bulletins concern a host.
