//! Why a credential that covers a host was not tried on it. Every one has a row in `access.csv`: a
//! reader must never wonder whether one was forgotten.

use super::Visit;
use crate::credentials::{self, Credential};
use crate::model::{AccessRecord, CredentialId, HostTrust, Protocol, ResultCode};

impl Visit<'_> {
    /// Adds the rows of those that were not tried; `closed` are those for a host without an open port.
    pub(super) fn note_untried(&mut self, closed: &[AccessRecord], ways: &[(Protocol, u16)]) {
        let untried = closed.iter().filter(|row| {
            let has_row = |one: &AccessRecord| one.credential == row.credential;
            row.credential.is_some() && !self.access.iter().any(has_row)
        });
        let rows: Vec<AccessRecord> = untried
            .map(|row| {
                let way = ways.iter().find(|way| way.0 == row.protocol);
                self.why_untried(row.clone(), way.map(|way| way.1))
            })
            .collect();
        self.access.extend(rows);
    }

    fn why_untried(&self, mut row: AccessRecord, open: Option<u16>) -> AccessRecord {
        let Some(id) = row.credential.clone() else {
            return row;
        };
        if open.is_some() {
            row.port = open;
            row.detail.clear();
        }
        let is_in = |row: &AccessRecord| row.attempted && row.code.is_success();
        let is_in = self.inventory.is_some() || self.access.iter().any(is_in);
        if let Some(other) = self.credential.as_ref().filter(|_| is_in) {
            row.detail = match (open, row.code) {
                (Some(_), _) => format!("not needed: {other} logged in"),
                (None, ResultCode::PortClosed) => {
                    format!("not needed: {other} logged in; no port of its own is open")
                }
                (None, _) => format!("not needed: {other} logged in; no port of its own answers"),
            };
            row.code = ResultCode::NotNeeded;
            return row;
        }
        // Its port is not open, which the row says already.
        if open.is_none() {
            return row;
        }
        (row.code, row.detail) = self.why_passed_over(&id, row.protocol);
        if row.code == ResultCode::HostkeyChanged {
            row.trust = HostTrust::Changed;
        }
        row
    }

    /// Why one was not tried although its port is open.
    fn why_passed_over(&self, id: &CredentialId, protocol: Protocol) -> (ResultCode, String) {
        let of = |id: &CredentialId| {
            self.access
                .iter()
                .find(|row| row.credential.as_ref() == Some(id))
        };
        let all = self.cx.keyring.credentials();
        let left_out = all.iter().find(|credential| credential.id == *id);
        let left_out = left_out.filter(|_| !self.planned.contains(id));
        if let Some(left_out) = left_out {
            let planned = |one: &&Credential| self.planned.contains(&one.id);
            let other = credentials::in_place_of(&self.host, left_out, all.iter().filter(planned));
            return match other.and_then(|other| of(&other.id)) {
                Some(row) if row.attempted => (
                    ResultCode::BreakerOpen,
                    format!(
                        "another password of this account was tried on this host ({})",
                        name(row)
                    ),
                ),
                Some(row) => (
                    row.code,
                    format!("held back as {}: {}", name(row), row.detail),
                ),
                None if other.is_some() => self.why_broken_off(protocol),
                None => (ResultCode::BreakerOpen, FIVE_KEYS.to_owned()),
            };
        }
        self.why_broken_off(protocol)
    }

    /// Why the visit ended before it came to one.
    fn why_broken_off(&self, protocol: Protocol) -> (ResultCode, String) {
        let mut met = self.access.iter().rev();
        let last = met.find(|row| row.protocol == protocol && row.credential.is_some());
        match last.or(self.access.last()) {
            Some(row) if self.changed() => (
                ResultCode::HostkeyChanged,
                format!(
                    "not tried after {}: nothing is sent to a host whose key has changed",
                    name(row)
                ),
            ),
            _ if self.is_out_of_time() => {
                let detail = "not tried: the time for this host was up (--timeout)";
                (ResultCode::Timeout, detail.to_owned())
            }
            Some(row) => (
                row.code,
                format!("not tried after {}: {}", name(row), row.detail),
            ),
            None => (ResultCode::Timeout, "not tried".to_owned()),
        }
    }
}

fn name(row: &AccessRecord) -> &str {
    row.credential
        .as_ref()
        .map_or("another", CredentialId::as_str)
}

/// Why a key is not offered.
pub(super) const FIVE_KEYS: &str =
    "the host was offered five keys already; name fewer credentials for it";
