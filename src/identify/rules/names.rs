//! What a host is called, and which domain it is in.

use super::claim::{Said, claim};
use super::{shown, signs, source};
use crate::identify::tables::Weight;
use crate::model::{Certificate, Claim, Clue, Fact};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What is made of the names.
#[derive(Default)]
pub(super) struct Names {
    pub(super) hostname: Option<Claim>,
    pub(super) fqdn: Option<Claim>,
    pub(super) domain: Option<Claim>,
    pub(super) is_domain_member: Option<bool>,
}

/// NTLM before LDAP before the certificate of a machine before NBSTAT before a confirmed reverse name before the
/// certificate of a web page before a reverse name.
pub(super) fn judge(clues: &[Clue]) -> Names {
    let mut heard = Heard::default();
    for clue in clues {
        heard.hear(clue);
    }
    let is_domain_member = membership(clues);
    let fqdn = claim(&heard.fqdns, str::to_lowercase);
    let hostname = claim(&heard.hostnames, short_key);
    let own = own_names(clues);
    let of_dns = heard.dns_domains.into_iter();
    let of_dns = of_dns.filter(|said| !own.contains(&said.what.to_lowercase()));
    let of_dns = of_dns.collect::<Vec<_>>();
    let of_netbios = heard.netbios_domains.into_iter();
    let of_netbios = of_netbios.filter(|said| !own.contains(&said.what.to_lowercase()));
    let of_netbios = of_netbios.collect::<Vec<_>>();
    let domain = match is_domain_member {
        // NTLM calls a machine without a domain by its own name; NBSTAT tells the workgroup.
        Some(false) => claim(&of_netbios, str::to_lowercase),
        _ => claim(&of_dns, str::to_lowercase)
            .or_else(|| claim(&of_netbios, str::to_lowercase))
            .or_else(|| claim(&heard.suffixes, str::to_lowercase)),
    };
    Names {
        hostname,
        fqdn,
        domain,
        is_domain_member,
    }
}

/// NetBIOS cuts names after 15 characters.
fn short_key(name: &str) -> String {
    name.to_lowercase().chars().take(15).collect()
}

#[derive(Default)]
struct Heard {
    hostnames: Vec<Said<String>>,
    fqdns: Vec<Said<String>>,
    dns_domains: Vec<Said<String>>,
    netbios_domains: Vec<Said<String>>,
    /// What follows the first dot in the name of a machine: its domain, more often than not.
    suffixes: Vec<Said<String>>,
}

impl Heard {
    fn hear(&mut self, clue: &Clue) {
        let source = source(clue);
        let weight = weight_of(&clue.source);
        match &clue.fact {
            Fact::DnsComputer(name) => self.name(name, weight, &source),
            Fact::NetbiosComputer(name) => {
                // The DNS name is the whole name; this one may be cut, or only Samba's.
                let weight = Weight(weight.0.saturating_sub(1));
                push(&mut self.hostnames, &bare(name), weight, &source);
            }
            Fact::DnsDomain(name) => push(&mut self.dns_domains, &bare(name), weight, &source),
            Fact::NetbiosDomain(name) => {
                push(&mut self.netbios_domains, &bare(name), weight, &source);
            }
            Fact::Certificate(certificate) => {
                let is_a_product = signs(clue).next().is_some();
                self.certificate(certificate, clue.port, is_a_product, &source);
            }
            Fact::ReverseName { name, is_confirmed } => {
                let weight = if *is_confirmed { CONFIRMED } else { REVERSE };
                self.name(name, weight, &source);
            }
            _ => {}
        }
    }

    fn name(&mut self, name: &str, weight: Weight, source: &str) {
        let name = bare(name);
        if !is_telling(&name) {
            return;
        }
        let (first, rest) = name.split_once('.').unwrap_or((&name, ""));
        push(&mut self.hostnames, first, weight, source);
        if !rest.is_empty() {
            push(&mut self.fqdns, &name, weight, source);
        }
    }

    /// A certificate that a product came with may be named after the product.
    fn certificate(
        &mut self,
        certificate: &Certificate,
        port: u16,
        is_a_product: bool,
        source: &str,
    ) {
        let names = std::iter::once(&certificate.common_name).chain(&certificate.names);
        let mut names = names.map(|name| bare(name)).filter(|name| is_dns(name));
        let Some(name) = names.find(|name| is_telling(name)) else {
            return;
        };
        if OF_THE_MACHINE.contains(&port) {
            self.name(&name, CERTIFICATE, source);
            if let Some((_, suffix)) = name.split_once('.') {
                push(&mut self.suffixes, suffix, SUFFIX, source);
            }
        } else if certificate.is_self_signed && !is_a_product {
            self.name(&name, PAGE, source);
        } else if name.contains('.') {
            // The name of a page; the machine may be called anything.
            push(&mut self.fqdns, &name, PAGE, source);
        }
    }
}

/// Ports on which a certificate names the machine rather than a page that it shows: LDAP, remote desktop, WinRM.
const OF_THE_MACHINE: &[u16] = &[636, 3269, 3389, 5986];

const CERTIFICATE: Weight = Weight(6);
const CONFIRMED: Weight = Weight(4);
const PAGE: Weight = Weight(3);
const REVERSE: Weight = Weight(2);
const SUFFIX: Weight = Weight(2);

/// What a name is worth that an exchange states.
fn weight_of(source: &str) -> Weight {
    // SMB 1 calls a workgroup what it calls a domain, as NBSTAT does (MS-CIFS 2.2.4.52.2).
    let weights = [
        ("ldap", 7),
        ("smb1", 5),
        ("nbstat", 5),
        ("sql-browser", 5),
        ("mdns", 4),
    ];
    let known = weights.iter().find(|(start, _)| source.starts_with(start));
    // The rest is NTLM, whatever carries it.
    Weight(known.map_or(9, |(_, weight)| *weight))
}

fn push(to: &mut Vec<Said<String>>, what: &str, weight: Weight, source: &str) {
    if !what.is_empty() {
        to.push(Said {
            what: what.to_owned(),
            weight,
            source: source.to_owned(),
        });
    }
}

/// Without what does not belong to a name.
fn bare(name: &str) -> String {
    shown(name).trim_end_matches('.').to_owned()
}

/// Whether a name can tell one machine from another.
fn is_telling(name: &str) -> bool {
    let lower = name.to_lowercase();
    let first = lower.split('.').next().unwrap_or_default();
    !first.is_empty()
        && !["localhost", "localhost4", "localhost6", "*"].contains(&first)
        && name.parse::<IpAddr>().is_err()
}

/// Whether a certificate's text is a name in DNS, rather than somebody's or a product's.
fn is_dns(name: &str) -> bool {
    let fits = |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | '-' | '_');
    !name.is_empty() && name.chars().all(fits)
}

/// The names by which a machine calls itself, in lower case: a domain of such a name is none.
fn own_names(clues: &[Clue]) -> BTreeSet<String> {
    let names = clues.iter().filter_map(|clue| match &clue.fact {
        Fact::DnsComputer(name) | Fact::NetbiosComputer(name) => Some(bare(name).to_lowercase()),
        _ => None,
    });
    names.collect()
}

/// Whether the host is in a domain. In NTLM it is where the domain has another name than the computer (MS-NLMP
/// 2.2.2.1); a directory's host always is. NBSTAT cannot tell a domain from a workgroup, except by the
/// names that Windows gives workgroups.
fn membership(clues: &[Clue]) -> Option<bool> {
    if clues
        .iter()
        .any(|clue| matches!(clue.fact, Fact::NamingContext(_)))
    {
        return Some(true);
    }
    // The computer's name and the domain's, by who told them.
    let mut exchanges: BTreeMap<_, (Option<&str>, Option<&str>)> = BTreeMap::new();
    for clue in clues {
        let exchange = exchanges
            .entry((clue.source.as_str(), clue.port))
            .or_default();
        match &clue.fact {
            Fact::NetbiosComputer(name) => exchange.0 = Some(name),
            Fact::NetbiosDomain(name) => exchange.1 = Some(name),
            _ => {}
        }
    }
    let mut answers = BTreeSet::new();
    for ((source, _), (computer, domain)) in exchanges {
        let (Some(computer), Some(domain)) = (computer, domain) else {
            continue;
        };
        if weight_of(source).0 == 9 {
            answers.insert(!computer.eq_ignore_ascii_case(domain));
        } else if WORKGROUPS
            .iter()
            .any(|name| domain.eq_ignore_ascii_case(name))
        {
            answers.insert(false);
        }
    }
    // Those who differ answer for different machines.
    (answers.len() == 1).then(|| answers.contains(&true))
}

const WORKGROUPS: &[&str] = &["WORKGROUP", "MSHOME", "ARBEITSGRUPPE"];
