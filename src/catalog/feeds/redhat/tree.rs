//! A document's products: components of streams, and the modules between them.

use super::super::stream::or_default;
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TreeForm {
    #[serde(deserialize_with = "or_default")]
    branches: Vec<Branch>,
    #[serde(deserialize_with = "or_default")]
    full_product_names: Vec<FullName>,
    #[serde(deserialize_with = "or_default")]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default, deserialize_with = "or_default")]
    branches: Vec<Self>,
    #[serde(default)]
    product: Option<FullName>,
}

#[derive(Deserialize)]
struct FullName {
    product_id: String,
    #[serde(default, deserialize_with = "or_default")]
    product_identification_helper: Helper,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Helper {
    cpe: Option<String>,
    purl: Option<String>,
}

#[derive(Deserialize)]
struct Relationship {
    full_product_name: FullName,
    product_reference: String,
    relates_to_product_reference: String,
}

/// The products of a document, by the document's id.
pub(super) struct Tree {
    products: HashMap<String, Helper>,
    /// The part and the whole.
    parts: HashMap<String, (String, String)>,
}

/// A component of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Component {
    /// The stream.
    pub(super) ecosystem: String,
    pub(super) package: Package,
}

/// A package, as a purl names it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    /// `[epoch:]version-release`; the epoch is left out when it is 0. `None` for any.
    pub(super) version: Option<String>,
    /// `src` for the source package; `None` for every architecture.
    pub(super) arch: Option<String>,
    /// `perl:5.32`
    pub(super) module: Option<String>,
}

/// Deeper than any component lies in a stream: a package, its module, the stream.
const DEEPEST: usize = 8;

impl Tree {
    pub(super) fn of(form: TreeForm) -> Self {
        let mut tree = Self {
            products: HashMap::new(),
            parts: HashMap::new(),
        };
        let mut branches = form.branches;
        while let Some(branch) = branches.pop() {
            branches.extend(branch.branches);
            tree.products.extend(branch.product.map(FullName::pair));
        }
        let names = form.full_product_names.into_iter();
        tree.products.extend(names.map(FullName::pair));
        for one in form.relationships {
            let ends = (one.product_reference, one.relates_to_product_reference);
            tree.parts.insert(one.full_product_name.product_id, ends);
        }
        tree
    }

    /// The component that an id names. `None` where it is in no stream of Red Hat Enterprise Linux, or
    /// no package.
    pub(super) fn component(&self, id: &str) -> Option<Component> {
        let mut package = None;
        let mut module = None;
        let mut whole = id;
        for _ in 0..DEEPEST {
            let Some((part, rest)) = self.parts.get(whole) else {
                let cpe = self.products.get(whole)?.cpe.as_deref()?;
                let ecosystem = ecosystem(cpe)?;
                let mut package: Package = package?;
                package.module = package.module.or(module);
                return Some(Component { ecosystem, package });
            };
            match self.part(part) {
                Some(Part::Package(found)) => package = Some(found),
                Some(Part::Module(found)) => module = Some(found),
                None => return None,
            }
            whole = rest;
        }
        None
    }

    fn part(&self, id: &str) -> Option<Part> {
        match self.products.get(id).and_then(|one| one.purl.as_deref()) {
            Some(purl) => Part::of_purl(purl),
            // Older documents name what is not fixed by the component alone.
            None => Part::of_component(id),
        }
    }
}

impl FullName {
    fn pair(self) -> (String, Helper) {
        (self.product_id, self.product_identification_helper)
    }
}

/// What a part of a product is.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Package(Package),
    Module(String),
}

impl Part {
    /// `pkg:rpm/redhat/bind@9.11.4-26.P2.el7_9.15?arch=x86_64&epoch=32`, `pkg:rpmmod/redhat/perl@5.32:8100…`.
    fn of_purl(purl: &str) -> Option<Self> {
        let (path, query) = purl.split_once('?').unwrap_or((purl, ""));
        if let Some(path) = path.strip_prefix("pkg:rpmmod/redhat/") {
            let (name, stream) = path.split_once('@')?;
            return module(&format!("{}:{}", decoded(name)?, decoded(stream)?)).map(Self::Module);
        }
        let path = path.strip_prefix("pkg:rpm/redhat/")?;
        let (name, version) = match path.split_once('@') {
            Some((name, version)) => (name, Some(decoded(version)?)),
            None => (path, None),
        };
        let mut package = Package {
            name: decoded(name)?,
            ..Package::default()
        };
        let mut epoch = String::new();
        for pair in query.split('&') {
            match pair.split_once('=') {
                Some(("arch", arch)) => package.arch = Some(decoded(arch)?),
                Some(("epoch", number)) if number != "0" => {
                    epoch = format!("{}:", decoded(number)?);
                }
                // What is no stream of a module (`rhel10`) names a flatpak, which is no package of a host.
                Some(("rpmmod", stream)) => package.module = Some(module(&decoded(stream)?)?),
                _ => {}
            }
        }
        package.version = version.map(|version| format!("{epoch}{version}"));
        Some(Self::Package(package)).filter(|_| !name.is_empty())
    }

    /// `firefox`, `nodejs:18/nodejs`: a source package.
    fn of_component(name: &str) -> Option<Self> {
        let (module, name) = match name.rsplit_once('/') {
            Some((stream, name)) => (Some(module(stream)?), name),
            None => (None, name),
        };
        let is_name = |char: char| char.is_ascii_alphanumeric() || "._+-".contains(char);
        let package = Package {
            name: name.to_owned(),
            version: None,
            arch: Some("src".to_owned()),
            module,
        };
        (!name.is_empty() && name.chars().all(is_name)).then_some(Self::Package(package))
    }
}

/// The name and stream of a module, without its version and context.
fn module(text: &str) -> Option<String> {
    let mut parts = text.split(':');
    let (name, stream) = (parts.next()?, parts.next()?);
    (!name.is_empty() && !stream.is_empty()).then(|| format!("{name}:{stream}"))
}

/// Takes off percent encoding. `None` where it is wrong.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return None;
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let value = digit(*high)? * 16 + digit(*low)?;
        bytes.push(u8::try_from(value).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Streams whose CPE begins like one of Red Hat Enterprise Linux, and which are none of a host's.
const NO_RHEL: &[&str] = &["rhel_satellite", "rhel_rhn"];

/// The ecosystem of a CPE. `None` for what is not Red Hat Enterprise Linux.
pub(in super::super) fn ecosystem(cpe: &str) -> Option<String> {
    let (kind, rest) = cpe.strip_prefix("cpe:/")?.split_once(":redhat:")?;
    let (product, release) = rest.split_once(':')?;
    let is_rhel = product.starts_with("enterprise_linux") || product.starts_with("rhel_");
    let is_other = NO_RHEL.iter().any(|other| product.starts_with(other));
    let is_word = |char: char| char.is_ascii_alphanumeric() || "._:-".contains(char);
    let is_whole =
        release.starts_with(|char: char| char.is_ascii_digit()) && rest.chars().all(is_word);
    (matches!(kind, "a" | "o") && is_rhel && !is_other && is_whole && rest.len() <= 100)
        .then(|| format!("Red Hat:{}", rest.trim_end_matches(':')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn package(purl: &str) -> Package {
        match Part::of_purl(purl) {
            Some(Part::Package(package)) => package,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_purl_names_a_package_with_its_epoch_and_module() {
        let bind = package("pkg:rpm/redhat/bind@9.11.4-26.P2.el7_9.15?arch=ppc64&epoch=32");
        assert_eq!(bind.version.as_deref(), Some("32:9.11.4-26.P2.el7_9.15"));
        assert_eq!(bind.arch.as_deref(), Some("ppc64"));
        let perl = "pkg:rpm/redhat/perl@5.32.1-1.module%2Bel8.3.0?arch=x86_64&epoch=0&rpmmod=perl:5.32:8030:9d36";
        let perl = package(perl);
        assert_eq!(perl.version.as_deref(), Some("5.32.1-1.module+el8.3.0"));
        assert_eq!(perl.module.as_deref(), Some("perl:5.32"));
        let source = package("pkg:rpm/redhat/nodejs?arch=src&rpmmod=nodejs:18");
        assert_eq!(
            (source.version, source.arch.as_deref()),
            (None, Some("src"))
        );
    }

    #[test]
    fn what_is_no_package_of_a_host_is_left_out() {
        let others = [
            "pkg:oci/ubi9@sha256:1?arch=amd64",
            "pkg:rpm/redhat/firefox-flatpak?arch=src&rpmmod=rhel10",
            "pkg:rpm/fedora/bash",
            "pkg:rpm/redhat/",
            "pkg:rpm/redhat/a%4",
            "pkg:rpm/redhat/a%zz",
        ];
        for purl in others {
            assert_eq!(Part::of_purl(purl), None, "{purl}");
        }
        assert_eq!(Part::of_component("a b"), None);
    }

    #[test]
    fn a_component_without_a_purl_is_a_source_package() {
        let Some(Part::Package(nodejs)) = Part::of_component("nodejs:18/nodejs") else {
            panic!("no package");
        };
        assert_eq!(
            (&*nodejs.name, nodejs.module.as_deref()),
            ("nodejs", Some("nodejs:18"))
        );
        assert_eq!(nodejs.arch.as_deref(), Some("src"));
    }

    #[test]
    fn a_stream_of_rhel_is_an_ecosystem_and_another_product_is_none() {
        let streams = [
            (
                "cpe:/o:redhat:enterprise_linux:9",
                "Red Hat:enterprise_linux:9",
            ),
            (
                "cpe:/o:redhat:enterprise_linux:9::baseos",
                "Red Hat:enterprise_linux:9::baseos",
            ),
            (
                "cpe:/a:redhat:rhel_eus:9.2::appstream",
                "Red Hat:rhel_eus:9.2::appstream",
            ),
            (
                "cpe:/o:redhat:enterprise_linux:7::server",
                "Red Hat:enterprise_linux:7::server",
            ),
            (
                "cpe:/o:redhat:enterprise_linux:10.0",
                "Red Hat:enterprise_linux:10.0",
            ),
        ];
        for (cpe, name) in streams {
            assert_eq!(ecosystem(cpe).as_deref(), Some(name));
        }
        let others = [
            "cpe:/a:redhat:openshift:4.16::el9",
            "cpe:/a:redhat:rhel_satellite_client:6::el6",
            "cpe:/a:redhat:enterprise_linux",
            "cpe:/a:redhat:enterprise_linux:",
            "cpe:/h:redhat:enterprise_linux:9",
            "cpe:/o:redhat:enterprise_linux:9 x",
            "cpe:2.3:o:redhat:enterprise_linux:9",
        ];
        for cpe in others {
            assert_eq!(ecosystem(cpe), None, "{cpe}");
        }
    }

    proptest! {
        #[test]
        fn no_purl_and_no_cpe_make_it_panic(text in "(pkg:rpm/redhat/|pkg:rpmmod/redhat/|cpe:/o:redhat:|%|@|\\?|&|=|:|/|a|1|\\PC){0,20}") {
            let _ = (Part::of_purl(&text), Part::of_component(&text), ecosystem(&text));
        }
    }
}
