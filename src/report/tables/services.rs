//! `services.csv`: what listens, as the network and as the host itself sees it.

use super::super::ReportError;
use super::super::cell::Cell;
use super::{Emit, Rows, Table, View, machine_columns, path_for};
use crate::model::{SeenBy, Service};
use std::net::IpAddr;

pub(super) const TABLE: Table = Table {
    name: "services",
    says: "one row per port that listens, as the network and as the host itself sees it",
    kind: "service",
    columns: machine_columns![
        Text "proto" = "tcp or udp",
        Count "port" = "the port",
        Text "bind" = "the address that it listens at, as the host says",
        Text "state" = "open, or what else is known of it",
        Text "service" = "the protocol that is spoken",
        Text "product" = "what serves it",
        Text "version" = "its version, as it shows itself",
        Text "program" = "the program that listens, as the host says",
        Text "user" = "the account that it runs as",
        Text "banner" = "what it says of itself",
        Text "tls_subject" = "whom its certificate is for",
        Text "tls_issuer" = "who issued the certificate",
        Day "tls_not_after" = "the last day of the certificate",
        Text "seen_by" = "scan, or host: who says so",
        Text "confidence" = "how sure that is: sure, likely, guess",
    ],
    rows: Rows::Machine(rows),
};

fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let inventory = view.inventory();
    let by_host = inventory.and_then(|inventory| inventory.services.known());
    let by_host = by_host.map_or(&[][..], Vec::as_slice).iter();
    let by_network = view.machine.services.iter();
    let mut services: Vec<(Option<IpAddr>, &Service)> = by_network
        .map(|(address, service)| (Some(*address), service))
        .chain(by_host.map(|service| (view.first_address(), service)))
        .collect();
    services.sort_unstable();
    for (address, service) in services {
        let [run, machine, name, ip] = view.lead(address);
        emit(&[
            run,
            machine,
            name,
            ip,
            (&service.proto).into(),
            Cell::Count(service.port.into()),
            (&service.bind).into(),
            (&service.state).into(),
            (&service.service).into(),
            (&service.product).into(),
            (&service.version).into(),
            path_for(&service.program, view.options.no_users).into(),
            user(view, service),
            (&service.banner).into(),
            Cell::maybe(service.tls.as_ref().map(|tls| tls.subject.as_str())),
            Cell::maybe(service.tls.as_ref().map(|tls| tls.issuer.as_str())),
            match service.tls.as_ref().and_then(|tls| tls.not_after) {
                Some(end) => Cell::Day(end.date()),
                None => Cell::Empty,
            },
            seen_by(service.seen_by).into(),
            Cell::maybe(Some(service.certainty.as_str()).filter(|word| !word.is_empty())),
        ])?;
    }
    Ok(())
}

fn user<'a>(view: &View<'_>, service: &'a Service) -> Cell<'a> {
    if view.options.no_users {
        return Cell::Empty;
    }
    (&service.user).into()
}

fn seen_by(seen_by: SeenBy) -> &'static str {
    match seen_by {
        SeenBy::Scan => "scan",
        SeenBy::Host => "host",
    }
}
