//! Whom the operator counts on, told before the run begins.

use super::Keyring;
use super::behind::described;
use super::plan::Awaited;
use crate::model::KnownList;
use crate::targets::TargetSet;
use std::net::IpAddr;

/// The hosts that were named by themselves or are on a list, as far as they are in scope and a credential covers them.
pub fn awaited(targets: &TargetSet, keyring: &Keyring, lists: &[KnownList]) -> Awaited {
    let is_covered = |address: &IpAddr| {
        let host = described(targets, *address, Vec::new());
        let mut credentials = keyring.credentials().iter();
        credentials.any(|credential| credential.scope.covers(&host))
    };
    let named = targets.named().into_iter();
    let records = lists.iter().flat_map(|list| &list.records);
    let listed = records.flat_map(|record| &record.addresses).copied();
    Awaited {
        named: named.filter(|host| host.iter().any(is_covered)).collect(),
        listed: listed
            .filter(|address| targets.contains(*address) && is_covered(address))
            .collect(),
    }
}
