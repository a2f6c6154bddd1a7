//! `access.csv`: every way in that was tried or ruled out, and what to do about it. One row per
//! address and credential.

use super::super::ReportError;
use super::super::cell::Cell;
use super::{Emit, Rows, Table, View, machine_columns};
use crate::model::CredentialId;

pub(super) const TABLE: Table = Table {
    name: "access",
    says: "one row per address and credential: every way in that was tried or ruled out",
    kind: "access",
    columns: machine_columns![
        Text "protocol" = "ssh, winrm, …",
        Count "port" = "the port that was tried",
        Text "credential_id" = "the credential that it is about; its secret is never shown",
        Flag "attempted" = "whether a secret or key was sent",
        Text "result_code" = "how it ended (docs/access.md names every code)",
        Text "detail" = "what the peer or the rule said",
        Text "fix_hint" = "one thing to do about it",
        Text "host_trust" = "what vouched for the host's identity",
        Count "ms" = "milliseconds that it took",
    ],
    rows: Rows::Machine(rows),
};

fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let mut sorted: Vec<_> = view.machine.access.iter().collect();
    // Only by address: what was tried first stays first.
    sorted.sort_by_key(|(address, _)| *address);
    for (address, access) in sorted {
        let [run, machine, name, ip] = view.lead(Some(*address));
        let port = access.port.map(|port| Cell::Count(port.into()));
        emit(&[
            run,
            machine,
            name,
            ip,
            access.protocol.as_str().into(),
            port.unwrap_or(Cell::Empty),
            Cell::maybe(access.credential.as_ref().map(CredentialId::as_str)),
            Cell::Flag(access.attempted),
            access.code.as_str().into(),
            (&access.detail).into(),
            access.fix_hint().into(),
            access.trust.as_str().into(),
            Cell::Count(access.elapsed_ms.into()),
        ])?;
    }
    Ok(())
}
