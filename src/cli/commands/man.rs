//! `man`: the manual pages, made of the same definitions that read the command line, with what they do not know:
//! exit codes, variables, and files.

use super::super::args::Arguments;
use super::super::setup_args::ManArguments;
use super::super::{Exit, Stop, stdout};
use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// When the words of this file were last changed; the day of the build would make other bytes every day.
const DATE: &str = "2026-11-30";

/// Variables that the program reads.
const ENVIRONMENT: [(&str, &str); 19] = [
    ("UNDERDESK_STORE", "The database, as --store."),
    ("UNDERDESK_CATALOG", "The catalogue, as --catalog."),
    ("UNDERDESK_CONFIG", "The configuration file, as --config."),
    ("UNDERDESK_SITE", "The site, as --site."),
    (
        "UNDERDESK_OPERATOR",
        "Who runs this, for the manifest; otherwise USER or LOGNAME.",
    ),
    (
        "UNDERDESK_CREDENTIALS",
        "The credentials file, as --credentials.",
    ),
    ("UNDERDESK_POLICY", "The policy, as --policy."),
    (
        "UNDERDESK_MERGE_RULES",
        "Who is one machine, as --merge-rules.",
    ),
    (
        "UNDERDESK_PROGRAMS",
        "Files of rules for programs, as --programs, separated as in PATH.",
    ),
    ("UNDERDESK_FEEDS", "Sources of your own, as --feeds."),
    ("UNDERDESK_CACHE", "The folder that downloads are kept in."),
    (
        "UNDERDESK_MIRROR",
        "The mirror that catalog update takes everything from, as --mirror.",
    ),
    (
        "UNDERDESK_PROXY",
        "The proxy, as --proxy; otherwise HTTPS_PROXY or ALL_PROXY.",
    ),
    ("NO_PROXY", "Hosts that no proxy is for."),
    ("NO_COLOR", "Where it is set, nothing is coloured."),
    (
        "SSH_AUTH_SOCK",
        "The socket of the agent, for credentials of the type ssh-agent.",
    ),
    (
        "VISUAL, EDITOR",
        "What credentials edit opens the file with.",
    ),
    (
        "HOME",
        "What the folders of the XDG variables are below, where those are not set.",
    ),
    (
        "XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, XDG_CACHE_HOME",
        "Folders that a folder underdesk is looked for in.",
    ),
];

/// Files that the program looks for.
const FILES: [(&str, &str); 11] = [
    (
        "./underdesk.toml, $XDG_CONFIG_HOME/underdesk/config.toml",
        "The configuration: of the project, over that of the user (~/.config).",
    ),
    (
        "./credentials.toml, $XDG_CONFIG_HOME/underdesk/credentials.toml",
        "Who may log in where, and where the secrets are; not the secrets.",
    ),
    (
        "./policy.toml, $XDG_CONFIG_HOME/underdesk/policy.toml",
        "How bad a finding is, how soon it is due, and who is expected.",
    ),
    (
        "./merge.toml, $XDG_CONFIG_HOME/underdesk/merge.toml",
        "Who is one machine and who is not.",
    ),
    (
        "$XDG_CONFIG_HOME/underdesk/feeds.toml",
        "Sources of your own for catalog update.",
    ),
    (
        "$XDG_STATE_HOME/underdesk/underdesk.db",
        "The database of runs, machines, pins and wrong tries (~/.local/state).",
    ),
    (
        "$XDG_DATA_HOME/underdesk/catalog.db",
        "The catalogue of bulletins (~/.local/share).",
    ),
    (
        "$XDG_CACHE_HOME/underdesk/feeds/",
        "Documents that catalog update has fetched (~/.cache).",
    ),
    (
        "~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts",
        "Host keys that passwords may be given to, beside those that were pinned.",
    ),
    (
        "underdesk-RUN/",
        "The folder that a run writes its files into, where --out names no other.",
    ),
    (
        "/etc/underdesk/",
        "Where the nightly run of the Debian package looks for its configuration.",
    ),
];

/// Prints a page, or writes all of them into a folder.
pub(in crate::cli) fn run(command: &ManArguments) -> Result<Exit, Stop> {
    let pages = pages().map_err(|error| Stop::failed(&error))?;
    if let Some(folder) = &command.out {
        return into(folder, &pages).map(|()| Exit::Clean);
    }
    let mut words = vec!["underdesk"];
    words.extend(command.command.iter().map(String::as_str));
    let name = words.join("-");
    let Some(page) = pages.iter().find(|page| page.name == name) else {
        let wanted = command.command.join(" ");
        return Err(Stop::usage(format!(
            "there is no command {wanted}; underdesk --help lists them"
        )));
    };
    stdout::print(&page.text)?;
    Ok(Exit::Clean)
}

fn into(folder: &Path, pages: &[Page]) -> Result<(), Stop> {
    let write = || {
        fs::create_dir_all(folder)?;
        let mut pages = pages.iter();
        pages.try_for_each(|page| fs::write(folder.join(format!("{}.1", page.name)), &page.text))
    };
    write().map_err(|error: io::Error| Stop {
        exit: Exit::Failed,
        text: format!("cannot write to {}: {error}", folder.display()),
    })
}

/// A manual page: `underdesk-catalog-update`, and its text in roff.
struct Page {
    name: String,
    text: Vec<u8>,
}

/// The pages of the program and of every command, each after the one it is a part of.
fn pages() -> io::Result<Vec<Page>> {
    // Every command has the help as a flag; pages of the command `help` would say nothing.
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    gather(&program, None, &mut pages)?;
    Ok(pages)
}

fn gather(command: &clap::Command, above: Option<&str>, pages: &mut Vec<Page>) -> io::Result<()> {
    let name = name_of(command).to_owned();
    pages.push(Page {
        text: page(command, above)?,
        name: name.clone(),
    });
    let mut parts = command.get_subcommands().filter(|part| !part.is_hide_set());
    parts.try_for_each(|part| gather(part, Some(&name), pages))
}

fn name_of(command: &clap::Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

fn page(command: &clap::Command, above: Option<&str>) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    writeln!(
        text,
        ".TH \"{}\" \"1\" \"{DATE}\" \"underdesk {}\" \"underdesk manual\"",
        name_of(command).to_uppercase(),
        env!("CARGO_PKG_VERSION")
    )?;
    man.render_name_section(&mut text)?;
    synopsis(command).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.has_subcommands() {
        let mut commands = Vec::new();
        man.render_subcommands_section(&mut commands)?;
        text.extend(renamed(&commands, ".SH SUBCOMMANDS", ".SH COMMANDS"));
    }
    options(&man, command, &mut text)?;
    let mut rest = Roff::new();
    exit_status(command, above, &mut rest);
    if above.is_none() {
        list(&mut rest, "ENVIRONMENT", &ENVIRONMENT);
        list(&mut rest, "FILES", &FILES);
    }
    see_also(command, above, &mut rest);
    rest.to_writer(&mut text)?;
    Ok(text)
}

/// How it is called, as `--help` says: all options of a scan would fill the screen.
fn synopsis(command: &clap::Command) -> Roff {
    let name = command
        .get_bin_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let usage = command.clone().render_usage().to_string();
    let mut page = Roff::new();
    page.control("SH", ["SYNOPSIS"]);
    for (number, line) in usage.lines().enumerate() {
        let line = line.trim_start_matches("Usage:").trim();
        if number > 0 {
            page.control("br", []);
        }
        match line.strip_prefix(&name) {
            Some(rest) => page.text([bold(name.as_str()), roman(rest)]),
            None => page.text([roman(line)]),
        };
    }
    page
}

/// The options, each group below a heading of its own: the library makes sections of them, which nobody who
/// looks for OPTIONS finds.
fn options(man: &Man, command: &clap::Command, text: &mut Vec<u8>) -> io::Result<()> {
    let mut section = Vec::new();
    man.render_options_section(&mut section)?;
    let section = String::from_utf8_lossy(&section);
    text.extend_from_slice(b".SH OPTIONS\n");
    let mut lines = section.lines().peekable();
    let mut above = ".SH";
    while let Some(line) = lines.next() {
        // Breaks around an empty line say nothing, and checkers of manuals complain of them.
        let is_beside_space = above.is_empty() || lines.peek().is_some_and(|line| line.is_empty());
        if line == ".SH OPTIONS" || (line == ".br" && is_beside_space) {
            continue;
        }
        above = line;
        let heading = line.strip_prefix(".SH ").map(|word| word.trim_matches('"'));
        let heading = heading.and_then(|word| {
            let mut known = command
                .get_arguments()
                .filter_map(|argument| argument.get_help_heading());
            known.find(|known| known.to_uppercase() == word)
        });
        match heading {
            Some(heading) => writeln!(text, ".SS \"{heading}\"")?,
            None => writeln!(text, "{line}")?,
        }
    }
    Ok(())
}

fn renamed(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    text.replace(from, to).into_bytes()
}

/// The exit codes: of the program all of them, of a command its own where it has any.
fn exit_status(command: &clap::Command, above: Option<&str>, page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    if above.is_none() {
        page.text([roman("Where several hold, the first of these is reported.")]);
        for exit in Exit::ALL {
            page.control("TP", []);
            page.text([bold(exit.code().to_string())]);
            page.text([roman(sentence(exit.says()))]);
        }
        return;
    }
    match command.get_after_help() {
        Some(own) => page.text([roman(own.to_string())]),
        None => page.text([roman("As underdesk(1) says.")]),
    };
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(letters)
        .chain(['.'])
        .collect()
}

fn list(page: &mut Roff, heading: &str, rows: &[(&str, &str)]) {
    page.control("SH", [heading]);
    for (name, says) in rows {
        page.control("TP", []);
        page.text([bold(*name)]);
        page.text([roman(*says)]);
    }
}

fn see_also(command: &clap::Command, above: Option<&str>, page: &mut Roff) {
    let parts = command.get_subcommands().filter(|part| !part.is_hide_set());
    let mut names: Vec<String> = above.into_iter().map(str::to_owned).collect();
    names.extend(parts.map(|part| name_of(part).to_owned()));
    page.control("SH", ["SEE ALSO"]);
    let names = names.iter().map(|name| format!("{name}(1)"));
    page.text([roman(names.collect::<Vec<_>>().join(", "))]);
    if above.is_none() {
        page.control("PP", []);
        page.text([
            roman("Longer texts on each subject are in the folder "),
            italic("docs"),
            roman(" of the source, and of a package in /usr/share/doc/underdesk."),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Vec<(String, String)> {
        let pages = pages().unwrap().into_iter();
        pages
            .map(|page| (page.name, String::from_utf8(page.text).unwrap()))
            .collect()
    }

    #[test]
    fn every_command_has_a_page_with_the_usual_sections() {
        let pages = texts();
        let has = |name: &str| pages.iter().any(|(page, _)| page == name);
        assert!(has("underdesk") && has("underdesk-scan") && has("underdesk-catalog-update"));
        assert!(!has("underdesk-help"));
        for (name, text) in &pages {
            let mut from = 0;
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"] {
                let heading = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
                let at = heading.iter().find_map(|heading| text.find(heading));
                let at = at.unwrap_or_else(|| panic!("{name} has no {section}"));
                assert!(
                    at >= from,
                    "{name}: {section} is not where it is looked for"
                );
                from = at;
            }
        }
    }

    #[test]
    fn the_same_program_writes_the_same_pages() {
        assert_eq!(texts(), texts());
    }

    #[test]
    fn the_program_s_page_has_every_exit_code_that_the_help_has() {
        let pages = texts();
        let help = Arguments::command().get_after_help().unwrap().to_string();
        let plain = pages[0].1.replace("\\*(Aq", "'").replace('\\', "");
        for exit in Exit::ALL {
            let said = format!("{} {}", exit.code(), exit.says());
            assert!(help.contains(&said), "the help lacks `{said}`");
            assert!(plain.contains(&sentence(exit.says())), "{said}");
        }
    }

    #[test]
    fn every_variable_of_ours_that_is_read_is_in_the_manual() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/config");
        let mut seen = 0;
        for entry in fs::read_dir(root).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            for name in text
                .split('"')
                .filter(|word| word.starts_with("UNDERDESK_"))
            {
                seen += 1;
                assert!(
                    ENVIRONMENT.iter().any(|(known, _)| *known == name),
                    "{name}"
                );
            }
        }
        assert!(seen > 10);
    }
}
