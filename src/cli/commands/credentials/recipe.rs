//! `credentials recipe`: the least that an account needs, from what the questions say that they need.

use super::super::super::credentials_args::{RecipeArguments, RecipeOs};
use super::super::super::{Exit, Stop, stdout};
use super::super::explain::wrap;
use crate::collect;
use crate::session::{Ask, Needs, Question, ROOT_SHELL};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Prints the recipe of a system.
pub(super) fn run(command: &RecipeArguments) -> Result<Exit, Stop> {
    let text = match command.os {
        RecipeOs::Linux => linux(command.user.as_deref().unwrap_or("underdesk"))?,
        RecipeOs::Windows => windows(command.user.as_deref().unwrap_or(r"DOMAIN\underdesk"))?,
    };
    stdout::print(text)?;
    Ok(Exit::Clean)
}

/// The questions of some sets by what they need.
fn by_needs<'a>(
    questions: impl Iterator<Item = &'a Question>,
) -> BTreeMap<Needs, Vec<&'a Question>> {
    let mut found: BTreeMap<Needs, Vec<&Question>> = BTreeMap::new();
    for question in questions {
        found.entry(question.needs).or_default().push(question);
    }
    found
}

/// A text that is a file for `sudoers.d`: all but the last lines is comment.
pub(super) fn linux(user: &str) -> Result<String, Stop> {
    let account = sudoers_word(user)?;
    let sets = [&collect::UNIX, &collect::UNIX_PRIVILEGED];
    let all = by_needs(sets.iter().flat_map(|set| set.questions));
    let none = Vec::new();
    let (plain, root) = (
        all.get(&Needs::Login).unwrap_or(&none),
        all.get(&Needs::Root).unwrap_or(&none),
    );
    let mut text = String::new();
    comment(
        &mut text,
        &format!(
            "What {user} needs on Linux and other Unix systems, generated from the questions of underdesk {}. As it is, this text is a file for /etc/sudoers.d: underdesk credentials recipe --os linux --user {user} > underdesk; visudo -cf underdesk; install -m 440 underdesk /etc/sudoers.d/.",
            env!("CARGO_PKG_VERSION")
        ),
    );
    text.push_str("#\n");
    comment(
        &mut text,
        &format!(
            "1. An account with a shell and a public key, and no password: useradd --create-home --shell /bin/sh {account}, and in its ~/.ssh/authorized_keys `restrict ssh-ed25519 AAAA...`: no terminal and no forwarding are needed. {} questions need nothing more.",
            plain.len()
        ),
    );
    text.push_str("#\n");
    comment(
        &mut text,
        &format!(
            "2. {} questions need root, and no verdict needs them. Where the credential says sudo = \"nopasswd\", one command is run, `sudo -n sh -s`, and fed what underdesk explain questions --os unix lists. The lines below let the account do that: they let it be root, which no list of commands would prevent either. Leave them out, and this is lost:",
            root.len()
        ),
    );
    for question in root {
        comment(&mut text, &format!("   {}: {}", question.id, question.loss));
    }
    text.push_str("#\n");
    comment(
        &mut text,
        "Where the credential says sudo = \"password\", another command is run, and the last line is this one instead:",
    );
    let _ = writeln!(
        text,
        "# {account} ALL=(root) PASSWD: /usr/bin/{ROOT_SHELL}, /bin/{ROOT_SHELL}"
    );
    let _ = write!(
        text,
        "#\nDefaults:{account} !requiretty\n{account} ALL=(root) NOPASSWD: /usr/bin/sh -s, /bin/sh -s\n"
    );
    Ok(text)
}

/// A user name as a word of sudoers(5), which gives some characters a meaning.
fn sudoers_word(user: &str) -> Result<String, Stop> {
    let fine = |c: char| c.is_alphanumeric() || r"._-\@$ ".contains(c);
    let first = user.chars().next();
    let begins = first.is_some_and(|c| c.is_alphanumeric() || c == '_');
    // A name in capitals would be an alias.
    let is_alias = user
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if !begins || !user.chars().all(fine) || is_alias || user == "ALL" {
        return Err(Stop::usage(format!(
            "--user {user}: not a name that sudoers takes as it is; expected letters, digits and . _ - \\ @ $, not all of them capitals"
        )));
    }
    Ok(user
        .replace('\\', r"\\")
        .replace('@', r"\@")
        .replace(' ', r"\ "))
}

fn comment(text: &mut String, words: &str) {
    let indent = words.len() - words.trim_start().len();
    for line in wrap(words, indent).lines() {
        let _ = writeln!(text, "# {line}");
    }
}

/// A script for Windows PowerShell, to be run by an administrator of the host.
pub(super) fn windows(user: &str) -> Result<String, Stop> {
    let is_fine = |c: char| c.is_alphanumeric() || r"._-\@$ ".contains(c);
    if user.is_empty() || !user.chars().all(is_fine) {
        return Err(Stop::usage(format!(
            "--user {user}: expected an account such as CORP\\svc-audit, .\\svc-audit or svc-audit@corp.example"
        )));
    }
    let all = by_needs(collect::WINDOWS.questions.iter());
    let mut text = String::new();
    comment(
        &mut text,
        &format!(
            "What {user} needs on Windows, generated from the questions of underdesk {}. For Windows PowerShell (5.1 or older), run as an administrator of the host; on domain controllers the groups are those of the domain. Put together from Microsoft's documentation, and not tried on a live Windows by us: try it on one host. Over SSH only the parts about WMI, the event log and administrators matter: every account has a shell there.",
            env!("CARGO_PKG_VERSION")
        ),
    );
    let _ = write!(text, "\n$account = '{user}'\n{SID}");
    for (needs, questions) in &all {
        let step = match needs {
            Needs::Login | Needs::Root => continue,
            Needs::Shell => SHELL.to_owned(),
            Needs::Wmi => wmi(&all),
            Needs::WmiServices => SERVICES.to_owned(),
            Needs::EventLog => EVENT_LOG.to_owned(),
            Needs::Administrators => ADMINISTRATORS.to_owned(),
        };
        text.push('\n');
        comment(
            &mut text,
            &format!(
                "{} questions need {}. Without it:",
                questions.len(),
                needs.words()
            ),
        );
        for question in questions {
            comment(&mut text, &format!("   {}: {}", question.id, question.loss));
        }
        text.push_str(&step);
    }
    text.push('\n');
    comment(&mut text, LOCAL);
    Ok(text)
}

/// Leave for each namespace that a question names, and for the registry's provider.
fn wmi(all: &BTreeMap<Needs, Vec<&Question>>) -> String {
    let questions = all.values().flatten();
    let spaces: BTreeSet<&str> = questions.filter_map(|one| namespace(one.ask)).collect();
    let mut text = GRANT.to_owned();
    for space in spaces {
        let space = space.replace('/', r"\");
        let _ = writeln!(text, "Grant-Namespace '{space}' 0x21");
    }
    text.push_str(REGISTRY);
    text
}

fn namespace(ask: Ask) -> Option<&'static str> {
    match ask {
        Ask::Wmi { namespace, .. } => Some(namespace),
        Ask::InsteadOf(_, ask) => namespace(*ask),
        _ => None,
    }
}

const SID: &str = "\
if ($account.StartsWith('.\\')) { $account = $env:COMPUTERNAME + $account.Substring(1) }
$sid = (New-Object System.Security.Principal.NTAccount($account)).Translate([System.Security.Principal.SecurityIdentifier]).Value
";

/// By SIDs: groups have other names in other languages.
const SHELL: &str = "\
# Remote Management Users: lets the account use WinRM and open its shell.
net localgroup (New-Object System.Security.Principal.SecurityIdentifier('S-1-5-32-580')).Translate([System.Security.Principal.NTAccount]).Value.Split('\\')[1] $account /add
";

/// MS-WMI 2.2.30.2 and `__SystemSecurity`: 0x1 Enable Account, 0x2 Execute Methods, 0x20 Remote Enable.
const GRANT: &str = r#"function Grant-Namespace($space, $mask) {
    $security = Get-WmiObject -Namespace $space -Class __SystemSecurity
    $descriptor = $security.GetSecurityDescriptor().Descriptor
    $trustee = ([wmiclass]'Win32_Trustee').CreateInstance()
    $trustee.SidString = $sid
    $ace = ([wmiclass]'Win32_Ace').CreateInstance()
    $ace.AccessMask = $mask
    $ace.AceFlags = 0
    $ace.AceType = 0
    $ace.Trustee = $trustee
    $descriptor.DACL += $ace.psobject.immediateBaseObject
    $result = $security.SetSecurityDescriptor($descriptor.psobject.immediateBaseObject)
    if ($result.ReturnValue -ne 0) { throw "${space}: $($result.ReturnValue)" }
}
# Enable Account and Remote Enable:
"#;

const REGISTRY: &str = r"# Where the account gets no shell, the registry is read by StdRegProv, which takes Execute Methods too:
Grant-Namespace 'root\default' 0x23
";

/// The rights are those of `sc.exe sdshow`: CC query, LC list, RP, RC read.
const SERVICES: &str = r#"# Leave to connect to the service control manager and to list its services. Each service guards itself
# too, and those that hide themselves stay hidden.
$descriptor = (sc.exe sdshow scmanager | Where-Object { $_ }) -join ''
if ($descriptor -notlike "*$sid*") { sc.exe sdset scmanager ($descriptor -replace '^(D:[A-Z]*)', "`$1(A;;CCLCRPRC;;;$sid)") }
"#;

const EVENT_LOG: &str = "\
# Event Log Readers:
net localgroup (New-Object System.Security.Principal.SecurityIdentifier('S-1-5-32-573')).Translate([System.Security.Principal.NTAccount]).Value.Split('\\')[1] $account /add
";

const ADMINISTRATORS: &str = "\
# Not granted here: an administrator may do everything, and these questions are worth less than that.
";

const LOCAL: &str = "A local account that is an administrator is filtered by UAC over the network (uac_token_filtered) unless \
    LocalAccountTokenFilterPolicy is 1; one that is in the groups above and no administrator is not.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_that_needs_a_right_is_in_its_recipe_with_its_loss() {
        let text = linux("audit").unwrap();
        for question in collect::UNIX_PRIVILEGED.questions {
            assert!(text.contains(question.id), "{}", question.id);
        }
        let text = windows(r"CORP\svc").unwrap();
        for question in collect::WINDOWS.questions {
            assert!(
                text.contains(&format!(" {}: ", question.id)),
                "{}",
                question.id
            );
        }
        for space in ["root\\cimv2", "root\\StandardCimv2", "root\\default"] {
            assert!(
                text.contains(&format!("Grant-Namespace '{space}'")),
                "{space}"
            );
        }
    }

    #[test]
    fn all_but_two_lines_for_sudoers_is_comment() {
        let text = linux(r"CORP\svc-audit").unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r"Defaults:CORP\\svc-audit !requiretty",
                r"CORP\\svc-audit ALL=(root) NOPASSWD: /usr/bin/sh -s, /bin/sh -s"
            ]
        );
    }

    #[test]
    fn a_name_that_would_mean_something_else_is_refused() {
        for name in [
            "%wheel", "ALL", "+group", "#0", "a,b", "a=b", "x\ny", "", "ADMINS",
        ] {
            assert!(linux(name).is_err(), "{name}");
        }
        for name in ["x'; rm", "a\nb", "", "$(x)"] {
            assert!(windows(name).is_err(), "{name}");
        }
    }
}
