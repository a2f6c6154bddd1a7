//! Which way packets go to a host. Nothing is sent.

use crate::sweep::routes::{self, Routes};
use std::net::IpAddr;

/// The way to a host.
pub(super) struct Way {
    /// In words: from where, through what.
    pub(super) words: String,
    /// Whether there is one.
    pub(super) is_there: bool,
}

/// Asks the kernel.
pub(super) fn towards(address: IpAddr) -> Way {
    let source = match routes::source_towards(address) {
        Ok(source) => source,
        Err(error) => {
            return Way {
                words: format!("this machine has no way to {address}: {error}"),
                is_there: false,
            };
        }
    };
    let mut words = format!("from {source}");
    if let IpAddr::V4(to) = address.to_canonical()
        && let Ok(routes) = Routes::read()
        && let Some(route) = routes.of(to)
    {
        words = format!("from {source} by {}", route.device);
        match route.gateway {
            Some(gateway) => words = format!("{words}, through {gateway}"),
            None if route.is_loopback() => words.push_str(", this machine itself"),
            None => words.push_str(", on the own link"),
        }
    }
    Way {
        words,
        is_there: true,
    }
}
