//! The table of `trust scan`: one row for each key of each port, for a person to tick. `session` reads it
//! back.

use super::Options;
use super::cell::Cell;
use super::column::Form;
use super::csv::FormSheet;
use super::tables::columns;
use crate::model::Certificate;
use std::io::{self, Write};
use std::net::IpAddr;

/// One key that a host showed. All but what was typed by the operator is as hostile as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewRow {
    /// The address.
    pub address: IpAddr,
    /// What is pinned: the operator's name where keys are on record for it, else the address.
    pub host: String,
    /// The name by which the operator gave it.
    pub name: String,
    /// The port.
    pub port: u16,
    /// `ssh`, `winrm`.
    pub protocol: &'static str,
    /// `ssh-ed25519`, `x509`.
    pub algorithm: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// The whole public key; empty for a certificate.
    pub public_key: String,
    /// How it stands to what is on record: `new`, `new_kind`, `changed`, `revoked`, `first_use`, `pinned`,
    /// `known_hosts`, `ca`.
    pub status: &'static str,
    /// What the person should know.
    pub notes: Vec<String>,
    /// Other addresses with the same key.
    pub same_key: Vec<String>,
    /// What the port says first.
    pub banner: String,
    /// What the host seems to be.
    pub seems_to_be: String,
    /// What it calls itself.
    pub own_name: String,
    /// The certificate behind a fingerprint.
    pub certificate: Option<Certificate>,
}

/// The table. The columns that an import needs are `trust`, `host`, `port`, `algorithm`, `fingerprint` and
/// `public_key`.
pub(super) const FORM: Form = Form {
    file: "FILE.csv",
    command: "trust scan -o FILE.csv",
    says: "one row per key of each port, for a person to tick and `trust import` to read",
    columns: columns![
        Text "trust" = "empty, for you: x, yes, 1 or true pins the key",
        Text "host" = "what is pinned: the operator's name where keys are on record for it, else the address",
        Address "ip" = "the address that showed it",
        Text "name" = "the name by which you gave it",
        Count "port" = "the port",
        Text "protocol" = "ssh or winrm",
        Text "algorithm" = "the kind of key; x509 for a certificate",
        Text "fingerprint" = "its SHA-256",
        Text "public_key" = "all of it; empty for a certificate",
        Text "status" = "how it stands to what is on record: new, new_kind, changed, revoked, first_use, pinned, known_hosts, ca",
        List "note" = "what you should know before you decide",
        List "same_key_elsewhere" = "other addresses that show the same key",
        Text "banner" = "what the port says first",
        Text "seems_to_be" = "what the host seems to be",
        Text "own_name" = "what it calls itself",
        Text "cert_subject" = "whom the certificate is for",
        List "cert_names" = "the names that it is good for",
        Text "cert_issuer" = "who issued it",
        Day "cert_not_after" = "the day on which it ends",
        Text "cert_sha256" = "its SHA-256",
    ],
};

/// Writes the table, its `trust` column empty.
///
/// # Errors
/// What the writer says.
pub fn review(rows: &[ReviewRow], options: &Options, out: impl Write) -> io::Result<()> {
    let mut sheet = FormSheet::new(&FORM, options, out)?;
    for row in rows {
        sheet.row(&cells(row))?;
    }
    sheet.done().map(drop)
}

fn cells(row: &ReviewRow) -> Vec<Cell<'_>> {
    let certificate = row.certificate.as_ref();
    let of = |text: fn(&Certificate) -> &str| Cell::maybe(certificate.map(text));
    vec![
        Cell::Empty,
        (&row.host).into(),
        Cell::Address(row.address),
        (&row.name).into(),
        Cell::Count(row.port.into()),
        row.protocol.into(),
        (&row.algorithm).into(),
        (&row.fingerprint).into(),
        (&row.public_key).into(),
        row.status.into(),
        row.notes.as_slice().into(),
        row.same_key.as_slice().into(),
        (&row.banner).into(),
        (&row.seems_to_be).into(),
        (&row.own_name).into(),
        of(|one| &one.subject),
        certificate.map_or(Cell::Empty, |one| one.names.as_slice().into()),
        of(|one| &one.issuer),
        match certificate.and_then(|one| one.not_after) {
            Some(until) => Cell::Day(until.date()),
            None => Cell::Empty,
        },
        of(|one| &one.sha256),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{Destination, Dialect};
    use super::*;

    fn row(banner: &str) -> ReviewRow {
        ReviewRow {
            address: [10, 0, 0, 7].into(),
            host: "10.0.0.7".to_owned(),
            name: String::new(),
            port: 22,
            protocol: "ssh",
            algorithm: "ssh-ed25519".to_owned(),
            fingerprint: "SHA256:x".to_owned(),
            public_key: "ssh-ed25519 AAAA".to_owned(),
            status: "new",
            notes: Vec::new(),
            same_key: (1..=25).map(|n| format!("10.0.1.{n}")).collect(),
            banner: banner.to_owned(),
            seems_to_be: String::new(),
            own_name: String::new(),
            certificate: None,
        }
    }

    fn written(rows: &[ReviewRow], dialect: Dialect, destination: Destination) -> String {
        let options = Options {
            dialect,
            destination,
            ..Options::default()
        };
        let mut out = Vec::new();
        review(rows, &options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_begins_with_an_empty_cell_to_tick_and_what_a_host_says_is_no_formula() {
        let text = written(&[row("=cmd|x")], Dialect::Default, Destination::Stdout);
        let lines: Vec<&str> = text.split('\n').collect();
        let names: Vec<&str> = FORM.columns.iter().map(|column| column.name).collect();
        assert_eq!(lines[0], names.join(","));
        assert!(
            lines[1].starts_with(",10.0.0.7,10.0.0.7,,22,ssh,ssh-ed25519,"),
            "{text}"
        );
        assert!(lines[1].contains("10.0.1.20; (+5)"), "{text}");
        assert!(lines[1].contains(",'=cmd|x,"), "{text}");
    }

    #[test]
    fn a_file_is_for_spreadsheets_and_standard_output_plain() {
        let folder = |dialect| written(&[row("")], dialect, Destination::Folder);
        assert!(folder(Dialect::Default).starts_with("\u{feff}trust,host"));
        assert!(folder(Dialect::ExcelEu).starts_with("\u{feff}trust;host"));
        assert!(folder(Dialect::ExcelEu).ends_with("\r\n"));
        let plain = written(&[row("")], Dialect::Default, Destination::Stdout);
        assert!(plain.starts_with("trust,host") && !plain.contains('\r'));
    }
}
