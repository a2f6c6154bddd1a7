//! What stands for what the documents name, and what of them is typed otherwise.

use super::company::Reader;
use ipnetwork::IpNetwork;

/// How a line is typed here.
pub(super) enum Here {
    /// As it is printed.
    AsItIs,
    /// It asks a person at a terminal. Without one it ends with 2 and says what would do.
    Asks,
    /// Another line in its place, which does as much of it as can be done.
    Instead(&'static str),
    /// As far as this: what follows is another program's.
    UpTo(&'static str),
    /// As it is printed, where another program is installed.
    With(&'static str),
    /// Not at all.
    Nowhere,
}

/// Lines that are typed otherwise.
pub(super) struct Otherwise {
    /// The line, or how it begins.
    pub(super) typed: &'static str,
    pub(super) here: Here,
    /// Why. Nothing reads it but people.
    _why: &'static str,
}

impl Otherwise {
    pub(super) fn is_of(&self, line: &str) -> bool {
        let rest = line.strip_prefix(self.typed);
        rest.is_some_and(|rest| rest.is_empty() || self.typed.ends_with(' '))
    }
}

const fn otherwise(typed: &'static str, here: Here, why: &'static str) -> Otherwise {
    Otherwise {
        typed,
        here,
        _why: why,
    }
}

/// An entry that ends with a blank is of every line that begins so.
pub(super) const OTHERWISE: &[Otherwise] = &[
    otherwise(
        "cargo run --release -- demo",
        Here::Instead("underdesk demo"),
        "it is built already",
    ),
    otherwise("cargo test", Here::Nowhere, "this is a part of it"),
    otherwise(
        "cargo install ",
        Here::Nowhere,
        "installs for good, from a registry",
    ),
    otherwise("just deb", Here::Nowhere, "needs cargo-deb"),
    otherwise("sudo apt ", Here::Nowhere, "needs root"),
    otherwise("sudo install ", Here::Nowhere, "needs root"),
    otherwise("sudo systemctl ", Here::Nowhere, "needs root"),
    otherwise("sudo setcap ", Here::Nowhere, "needs root"),
    otherwise(
        "sudo -u underdesk env ",
        Here::Instead(
            "env XDG_CONFIG_HOME=$PWD/etc XDG_STATE_HOME=$PWD/lib XDG_DATA_HOME=$PWD/lib XDG_CACHE_HOME=$PWD/cache HOME=$PWD/lib/underdesk underdesk trust import keys",
        ),
        "needs root",
    ),
    otherwise(
        "podman ",
        Here::Nowhere,
        "needs an engine for containers, and a registry",
    ),
    otherwise("curl ", Here::Nowhere, "sends to a server"),
    otherwise("jq ", Here::With("jq"), "another program"),
    otherwise("printf ", Here::With("age"), "another program: age"),
    otherwise(
        "underdesk man scan | man -l -",
        Here::UpTo("|"),
        "another program: man",
    ),
    otherwise(
        "underdesk catalog update --events jsonl | jq ",
        Here::UpTo("|"),
        "other programs: jq, mail",
    ),
    otherwise(
        "underdesk export --format json -o - | jq …",
        Here::UpTo("|"),
        "another program: jq",
    ),
    otherwise(
        "underdesk verify && close-the-ticket",
        Here::UpTo("&&"),
        "another program",
    ),
    otherwise(
        "underdesk demo --serve",
        Here::Nowhere,
        "never ends: the company of this test is served by it",
    ),
    otherwise(
        "underdesk credentials add",
        Here::Asks,
        "asks for all that a credential is",
    ),
    otherwise(
        "underdesk credentials add linux-audit --type ssh-password --user audit --scope 10.0.0.0/8 --in age",
        Here::Instead(
            "printf %s 'the password' | underdesk credentials add linux-audit --type ssh-password --user audit \
             --scope 10.0.0.0/8 --in age --stdin --recipient \"$(cat ~/.ssh/id_ed25519.pub)\" --identity ~/.ssh/id_ed25519",
        ),
        "asks for the secret and a passphrase",
    ),
    otherwise("underdesk credentials edit", Here::Asks, "opens an editor"),
    otherwise(
        "underdesk credentials rotate linux-audit",
        Here::Instead("printf %s 'the next' | underdesk credentials rotate linux-audit --stdin"),
        "asks for the secret",
    ),
    otherwise(
        "underdesk runs delete RUN",
        Here::Instead("underdesk runs delete RUN --yes"),
        "asks whether to",
    ),
    otherwise(
        "underdesk runs delete r-20261122T180000Z-4f2a",
        Here::Instead("underdesk runs delete RUN --yes"),
        "asks whether to",
    ),
    otherwise(
        "underdesk scan --record DIR",
        Here::Instead("underdesk scan --record DIR 192.168.10.0/24"),
        "names no targets",
    ),
    otherwise(
        "underdesk trust scan -o FILE.csv",
        Here::Instead("underdesk trust scan 192.168.10.0/24 -o keys.csv"),
        "names no targets",
    ),
    otherwise(
        "underdesk trust import review.csv",
        Here::Instead("underdesk trust import keys"),
        "a person ticks rows of the table first, without which it is refused",
    ),
    otherwise(
        "underdesk catalog update redhat-vex",
        Here::Instead("underdesk catalog update kev"),
        "the mirror of this test does not have it",
    ),
    otherwise(
        "underdesk catalog mirror DIR",
        Here::Nowhere,
        "fetches from the publishers",
    ),
    otherwise(
        "underdesk catalog update --mirror DIR",
        Here::Instead("underdesk catalog update --mirror mirror"),
        "a placeholder",
    ),
    otherwise(
        "underdesk match --facts FILE",
        Here::Instead("underdesk match --facts facts.jsonl"),
        "a placeholder",
    ),
    otherwise(
        "underdesk doctor TARGET",
        Here::Instead("underdesk doctor 10.20.3.7"),
        "a placeholder",
    ),
    otherwise(
        "underdesk doctor web-1",
        Here::Instead("underdesk doctor 10.20.3.7"),
        "the name would be looked up",
    ),
    otherwise(
        "underdesk credentials test [ID] TARGET",
        Here::Instead("underdesk credentials test audit 10.20.3.7"),
        "placeholders",
    ),
    otherwise(
        "underdesk credentials show-plan TARGET…",
        Here::Instead("underdesk credentials show-plan 10.20.3.7"),
        "a placeholder",
    ),
    otherwise(
        "underdesk credentials recipe --os linux|windows [--user NAME]",
        Here::Instead("underdesk credentials recipe --os linux --user ada"),
        "placeholders",
    ),
];

/// A part of the company: three of its servers are there.
const NETWORK: &str = "127.77.0.8/29";

/// Networks and addresses of the documents.
const PLACES: [(&str, &str); 14] = [
    ("192.168.10.5", "127.77.0.10"),
    ("192.168.10.0/24", NETWORK),
    ("10.20.0.0/16", NETWORK),
    ("10.20.0.0/20", NETWORK),
    ("10.20.7.0/24", "127.77.0.12/32"),
    ("10.0.0.0/16", NETWORK),
    ("10.0.0.0/8,tag:linux", "127.99.0.0/16,tag:linux"),
    ("10.0.0.0/8", "127.99.0.0/16"),
    ("run.json", "second/run.json"),
    ("run.jsonl", "second/run.jsonl"),
    ("10.20.3.7", "127.77.0.10"),
    ("http://proxy.example:3128", "http://127.0.0.1:9"),
    ("/srv/underdesk/latest", "latest"),
    // A day that is never over.
    ("2027-03-31", "2999-03-31"),
];

/// A line with what there is here in the place of what it names.
pub(super) fn stand_in(line: &str, reader: &mut Reader) -> Result<String, String> {
    let mut words: Vec<String> = Vec::new();
    let of_sweep = line.contains(" sweep");
    let to_delete = line.contains(" delete ");
    let resumes = line.contains("--resume ");
    for word in line.split(' ') {
        let place = PLACES.iter().find(|(named, _)| *named == word);
        let there = match word {
            _ if place.is_some() => place.map(|(_, there)| (*there).to_owned()),
            "RUN" if resumes => Some(reader.interrupted(if of_sweep { "sweep" } else { "scan" })),
            "RUN" if to_delete => Some(reader.run(0)),
            "A" => Some(reader.run(0)),
            "RUN" | "B" => Some(reader.last_run()),
            _ if word.starts_with("r-2026") => Some(reader.last_run()),
            "HOST" | "MACHINE" => Some("web-1".to_owned()),
            "DIR" => Some("folder".to_owned()),
            "FILE" => Some("file".to_owned()),
            "f-0123456789abcdef" => Some(reader.finding()),
            "e-1a2b3c4d" => Some(reader.exception()),
            _ => None,
        };
        words.push(there.unwrap_or_else(|| word.to_owned()));
    }
    if let Some(place) = goes_out(&words) {
        words.splice(place..place, reader.flags());
    }
    let line = words.join(" ");
    stays_here(&line)?;
    Ok(line)
}

/// Where the flags of the company's ports go, in a command that goes out to hosts.
fn goes_out(words: &[String]) -> Option<usize> {
    let mut pairs = words.iter().zip(words.iter().skip(1)).zip(1..);
    let resumes = words.iter().any(|word| word == "--resume");
    let found = pairs.find_map(
        |((first, second), at)| match (first.as_str(), second.as_str()) {
            ("underdesk", "scan" | "sweep" | "doctor")
            | ("trust", "scan")
            | ("credentials", "test") => Some(at + 1),
            _ => None,
        },
    );
    found.filter(|_| !resumes)
}

/// Refuses a line that names an address or a server that is not on loopback, or a file that is not on the desk.
fn stays_here(line: &str) -> Result<(), String> {
    let parts = line.split(|c: char| !(c.is_ascii_alphanumeric() || ".:/-_~$".contains(c)));
    for part in parts {
        let address = part.parse::<IpNetwork>().ok();
        let is_elsewhere =
            address.is_some_and(|net| part.contains(['.', ':']) && !net.ip().is_loopback());
        let is_server = part.contains("://") && !part.contains("://127.0.0.1:");
        let is_file = part.starts_with('/');
        if is_elsewhere || is_server || is_file {
            return Err(format!(
                "{part} is not here, and nothing stands for it: {line}"
            ));
        }
    }
    Ok(())
}

#[test]
fn what_is_not_on_loopback_is_never_typed() {
    for line in [
        "underdesk scan 10.0.0.1",
        "underdesk scan 192.0.2.0/24 --dry-run",
        "underdesk sweep --exclude=10.1.0.0/16 127.0.0.1",
        "underdesk sweep fd00::1",
        "underdesk catalog mirror https://feeds.example/",
        "underdesk export --out /srv/audit",
    ] {
        assert!(stays_here(line).is_err(), "{line}");
    }
    for line in [
        "underdesk scan 127.77.0.8/29 --hands 8",
        "underdesk match --as-of 2026-06-30",
        "underdesk man --out ~/.local/share/man",
    ] {
        assert_eq!(stays_here(line), Ok(()));
    }
}
