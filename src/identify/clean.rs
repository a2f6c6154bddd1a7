//! Texts of hosts, made fit to be kept: shortened, on one line, without what would move the writing.

use crate::model::{Certificate, Fact};

/// The most letters of a name, a banner or a title.
const LONGEST: usize = 255;

/// A fact with its texts cleaned: the one place where that is done. `None` where nothing is left of the
/// text that the fact is about.
pub(super) fn fact(mut fact: Fact) -> Option<Fact> {
    let is_left = match &mut fact {
        Fact::Speaks(value)
        | Fact::Banner(value)
        | Fact::Title(value)
        | Fact::NetbiosComputer(value)
        | Fact::NetbiosDomain(value)
        | Fact::DnsComputer(value)
        | Fact::DnsDomain(value)
        | Fact::DnsForest(value)
        | Fact::SmbDialect(value)
        | Fact::ServerGuid(value)
        | Fact::OldTls(value)
        | Fact::Tls(value)
        | Fact::NamingContext(value)
        | Fact::Mac(value)
        | Fact::Announces(value)
        | Fact::NoKey(value)
        | Fact::SnmpEngine { id: value, .. }
        | Fact::ReverseName { name: value, .. } => is_left(value),
        Fact::Product { name, version } => {
            clean(version);
            is_left(name)
        }
        Fact::SqlInstance { instance, version } => {
            clean(instance);
            is_left(version)
        }
        Fact::HostKey(key) => {
            clean(&mut key.algorithm);
            is_left(&mut key.fingerprint)
        }
        // A Samba may keep its version to itself.
        Fact::Samba(version) => {
            clean(version);
            true
        }
        Fact::Certificate(certificate) => {
            clean_certificate(certificate);
            true
        }
        Fact::WindowsBuild { .. }
        | Fact::SmbSigningRequired(_)
        | Fact::Smb1
        | Fact::NtlmOff
        | Fact::ClockSkew(_)
        | Fact::BootTime(_)
        | Fact::NetworkLevelAuthentication(_)
        | Fact::NetbiosSuffix(_)
        | Fact::OtherAddress(_)
        // Longer than any text, and made of nothing but base64.
        | Fact::PublicKey(_)
        | Fact::TimeToLive(_) => true,
    };
    is_left.then_some(fact)
}

fn clean_certificate(certificate: &mut Certificate) {
    let Certificate {
        subject,
        issuer,
        common_name,
        names,
        sha256,
        ..
    } = certificate;
    for value in [subject, issuer, common_name, sha256] {
        clean(value);
    }
    names.retain_mut(is_left);
}

fn is_left(value: &mut String) -> bool {
    clean(value);
    !value.is_empty()
}

fn clean(value: &mut String) {
    let letters = value.chars().filter(|letter| !is_unfit(*letter));
    let short: String = letters.take(LONGEST).collect();
    short.trim().clone_into(value);
}

/// Control characters, and those of Unicode's general category Cf that turn the direction of writing or
/// are not seen.
fn is_unfit(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_characters_and_turned_writing_are_left_out() {
        let title = Fact::Title(" a\u{1b}[2Jb\r\n\u{202e}c\u{feff} ".to_owned());
        assert_eq!(fact(title), Some(Fact::Title("a[2Jbc".to_owned())));
    }

    #[test]
    fn a_text_of_which_nothing_is_left_is_no_fact() {
        assert_eq!(fact(Fact::Banner("\u{200b}\r\n".to_owned())), None);
        assert_eq!(
            fact(Fact::Samba(String::new())),
            Some(Fact::Samba(String::new()))
        );
    }

    #[test]
    fn long_texts_are_cut() {
        let Some(Fact::Title(title)) = fact(Fact::Title("ä".repeat(1000))) else {
            panic!();
        };
        assert_eq!(title.chars().count(), LONGEST);
    }

    proptest! {
        #[test]
        fn what_is_left_is_clean(text: String) {
            if let Some(Fact::DnsComputer(left)) = fact(Fact::DnsComputer(text)) {
                prop_assert!(!left.is_empty() && !left.chars().any(char::is_control));
            }
        }
    }
}
