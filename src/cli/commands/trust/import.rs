//! `trust import`: a table of `trust scan` that a person has ticked, or a file in the format of
//! `known_hosts`. All of it is pinned, or nothing.

use super::super::super::config::Settings;
use super::super::super::trust_args::TrustImportArguments;
use super::super::super::{Stop, complain, runtime};
use super::place;
use crate::model::plural;
use crate::report::for_terminal;
use crate::session::{
    Judgement, KnownKeys, ParsedPin, Place, parse_pins, parse_review, review_text,
};
use crate::store::{Pin, PinImport, Store};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// The largest file that is read: some hundred thousand rows.
const LARGEST: u64 = 256 << 20;
/// How many lines that cannot be used are shown.
const SHOWN: usize = 20;

/// What a file says.
struct Wanted {
    pins: Vec<ParsedPin>,
    /// Rows that are not ticked; `None` where a file has none to tick.
    unticked: Option<usize>,
    source: String,
}

pub(super) fn import(
    settings: &Settings,
    store: &Store,
    command: &TrustImportArguments,
) -> Result<String, Stop> {
    let wanted = read(&command.file)?;
    if wanted.pins.is_empty() {
        let unticked = wanted.unticked.unwrap_or(0);
        return Err(Stop::usage(format!(
            "{}: nothing was imported: none of its {unticked} rows is ticked; put an x into the column trust of those \
             that you have checked",
            command.file.display()
        )));
    }
    let at = runtime::now();
    let mut seen = BTreeSet::new();
    // The same key twice says nothing twice.
    let mut is_first = |pin: &ParsedPin| {
        let key = (pin.key.algorithm.clone(), pin.key.fingerprint.clone());
        seen.insert((pin.host.clone(), pin.port, key))
    };
    let pins = wanted.pins.into_iter().filter(|pin| is_first(pin));
    let pins = pins.map(|pin| Pin {
        site: settings.site.clone(),
        host: pin.host,
        port: pin.port,
        key: pin.key,
        public_key: pin.public_key,
        source: wanted.source.clone(),
        at,
    });
    let pins: Vec<Pin> = pins.collect();
    let imported = store.import_pins(pins.clone(), command.replace, command.dry_run);
    let imported = imported.wait().map_err(|error| Stop::failed(&error))?;
    if !command.replace && !imported.replaced.is_empty() {
        return Err(contradiction(&command.file, &imported));
    }
    if !command.dry_run {
        warn_of_known_hosts(settings, &pins);
    }
    Ok(said(&imported, &pins, (wanted.unticked, command.dry_run)))
}

fn read(file: &Path) -> Result<Wanted, Stop> {
    let shown = file.display();
    let text =
        text_of(file).map_err(|error| Stop::usage(format!("cannot read {shown}: {error}")))?;
    if let Some(reviewed) = parse_review(&text) {
        refuse(file, &reviewed.problems)?;
        let name = file.file_name().unwrap_or(file.as_os_str());
        return Ok(Wanted {
            pins: reviewed.pins.into_iter().map(|(_, pin)| pin).collect(),
            unticked: Some(reviewed.unticked),
            source: format!("review {}", for_terminal(&name.to_string_lossy())),
        });
    }
    let parsed = parse_pins(&text);
    refuse(file, &parsed.problems)?;
    if parsed.pins.is_empty() {
        return Err(Stop::usage(format!("{shown}: there is no host key in it")));
    }
    Ok(Wanted {
        pins: parsed.pins,
        unticked: None,
        source: "import".to_owned(),
    })
}

fn text_of(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut file = fs::File::open(file)?.take(LARGEST + 1);
    file.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("the file is too large for a list of keys"));
    }
    Ok(review_text(&bytes))
}

/// Half a file is no file.
fn refuse<N: std::fmt::Display, W: std::fmt::Display>(
    file: &Path,
    problems: &[(N, W)],
) -> Result<(), Stop> {
    if problems.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for (line, why) in problems.iter().take(SHOWN) {
        let _ = writeln!(text, "{}, line {line}: {why}", file.display());
    }
    let count = problems.len();
    let _ = write!(
        text,
        "nothing was imported ({} cannot be used)",
        plural(count, "line")
    );
    Err(Stop::usage(text))
}

fn contradiction(file: &Path, imported: &PinImport) -> Stop {
    let mut text = String::new();
    for (old, new) in imported.replaced.iter().take(SHOWN) {
        let _ = writeln!(
            text,
            "{}: {} is pinned with {}, the file says {}",
            file.display(),
            for_terminal(&place(old)),
            old.key,
            new.key
        );
    }
    let count = imported.replaced.len();
    let _ = write!(
        text,
        "nothing was imported ({count} contradict pins); where the hosts' owners say that the new keys are right: --replace"
    );
    Stop::usage(text)
}

fn said(
    imported: &PinImport,
    pins: &[Pin],
    (unticked, is_rehearsal): (Option<usize>, bool),
) -> String {
    let mut text = String::new();
    for (old, new) in &imported.replaced {
        let place = place(old);
        let place = for_terminal(&place);
        let _ = writeln!(text, "{place}: {} takes the place of {}", new.key, old.key);
    }
    if is_rehearsal {
        text.push_str("nothing was changed: ");
    }
    let already = pins.len().saturating_sub(imported.added);
    let _ = write!(text, "{} pinned, {already} already", imported.added);
    if let Some(unticked) = unticked {
        let _ = write!(text, ", {unticked} unticked");
    }
    if !imported.replaced.is_empty() {
        let _ = write!(text, ", {} replaced", imported.replaced.len());
    }
    text
}

/// A key that was replaced here may still be believed from a file of `known_hosts`.
fn warn_of_known_hosts(settings: &Settings, pins: &[Pin]) {
    for path in &settings.known_hosts {
        let Ok(bytes) = fs::read(path) else { continue };
        let mut known = KnownKeys::default();
        known.add_known_hosts(&String::from_utf8_lossy(&bytes));
        for pin in pins {
            let address = pin.host.parse::<IpAddr>().ok();
            let place = Place {
                name: address.is_none().then_some(pin.host.as_str()),
                // No host has this one: the name alone is looked for.
                address: address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
                port: pin.port,
            };
            if matches!(known.judge(&place, &pin.key), Judgement::Changed { .. }) {
                complain(&format!(
                    "{}: has another {} key for {}, which is believed as well: ssh-keygen -R takes it out",
                    path.display(),
                    pin.key.algorithm,
                    for_terminal(&pin.host)
                ));
            }
        }
    }
}
