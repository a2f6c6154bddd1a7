//! Where the file of an update is, and how to know that it is the right one.

use super::{Finding, Remedy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The file of an update for machines of one architecture, as its publisher states it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Download {
    /// Its architecture; `None` for every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<Arch>,
    /// Its address: http or https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<FileHash>,
    /// What makes its installer ask nothing: `/quiet /norestart`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent: Option<String>,
}

/// An architecture of Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// 32-bit Intel.
    X86,
    /// 64-bit Intel.
    X64,
    /// 32-bit ARM.
    Arm,
    /// 64-bit ARM.
    Arm64,
}

impl Arch {
    /// Reads any word for one.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase();
        Some(match word.as_str() {
            "x86" | "i386" | "i686" | "win32" | "32-bit" => Self::X86,
            "x64" | "amd64" | "x86_64" | "win64" | "64-bit" => Self::X64,
            "arm" | "arm32" => Self::Arm,
            "arm64" | "aarch64" => Self::Arm64,
            _ => return None,
        })
    }
}

/// A hash of a file, `sha256:` and its hex digits in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileHash(String);

impl FileHash {
    /// Reads a hash of an algorithm; `None` where its digits are not those of one, or nobody should rely on it.
    pub fn parse(algorithm: &str, digits: &str) -> Option<Self> {
        let letters = algorithm.trim().chars().filter(|one| *one != '-');
        let name = letters.collect::<String>().to_ascii_lowercase();
        let length = match name.as_str() {
            "sha1" => 40,
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return None,
        };
        let digits = digits.trim();
        let is_hex = digits.len() == length && digits.bytes().all(|one| one.is_ascii_hexdigit());
        is_hex.then(|| Self(format!("{name}:{}", digits.to_ascii_lowercase())))
    }

    /// `sha256:5f2c…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// No command line for an installer is longer.
const LONGEST_SWITCH: usize = 200;

/// A command line that an installer gets, in one line; `None` where it has signs that a shell acts on.
pub fn silent_switch(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_plain = |one: char| one.is_ascii_alphanumeric() || " /-_=.:,+\"\\".contains(one);
    let fits = !text.is_empty() && text.len() <= LONGEST_SWITCH && text.chars().all(is_plain);
    fits.then_some(text)
}

impl Download {
    /// Of the files of an update the one for an architecture; `None` where none or several could be meant.
    pub fn choose<'a>(
        files: impl IntoIterator<Item = &'a Self>,
        arch: Option<Arch>,
    ) -> Option<&'a Self> {
        let files: BTreeSet<&Self> = files.into_iter().collect();
        let of = |wanted: Option<Arch>| {
            let mut own = files.iter().filter(|file| file.arch == wanted);
            (own.next().copied(), own.next().is_some())
        };
        // Where the architecture is not known, the one file must be the only one.
        let found = match arch {
            None if files.len() > 1 => return None,
            None => of(None),
            Some(_) => match of(arch) {
                (None, _) => of(None),
                own => own,
            },
        };
        match found {
            (Some(file), false) => Some(file),
            _ => None,
        }
    }
}

/// What is known of a file that a remedy brings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemedyFile {
    /// Its address; empty where none is stated.
    pub url: String,
    /// Its bytes.
    pub size: Option<u64>,
    /// Its hash, `sha256:…`.
    pub hash: Option<String>,
    /// What makes its installer ask nothing.
    pub silent: Option<String>,
}

impl Remedy {
    /// Takes the file that fits, where there is one; its address counts more than that of a page.
    pub fn take(&mut self, file: Option<&Download>) {
        let Some(file) = file else { return };
        if file.url.is_some() {
            self.download.clone_from(&file.url);
            self.download_size = file.size;
            self.download_hash.clone_from(&file.hash);
        }
        self.silent_switch.clone_from(&file.silent);
    }
}

impl Finding {
    /// What is known of the file that its remedy brings, beyond the address; `None` where that is nothing. Where no
    /// feed says what makes its installer ask nothing, its type does.
    pub fn remedy_file(&self) -> Option<RemedyFile> {
        let remedy = self.remedy.as_deref()?;
        let by_type = || {
            let own = remedy.download.as_deref().and_then(silent_by_type);
            // Updates of Windows itself are packages for the Windows Update Standalone Installer.
            let is_of_windows = remedy.kb.is_some() && self.product.starts_with("Windows ");
            own.or_else(|| is_of_windows.then_some(MSU))
        };
        let silent = remedy.silent_switch.clone();
        let silent = silent.or_else(|| by_type().map(str::to_owned));
        let hash = remedy.download_hash.as_ref();
        let says = remedy.download_size.is_some() || hash.is_some() || silent.is_some();
        says.then(|| RemedyFile {
            url: remedy.download.clone().unwrap_or_default(),
            size: remedy.download_size,
            hash: hash.map(|hash| hash.as_str().to_owned()),
            silent,
        })
    }
}

/// The switches of `wusa.exe` (Microsoft's "Windows Update Standalone Installer in Windows").
const MSU: &str = "/quiet /norestart";

/// What makes the installer of a type of package ask nothing, by the end of its address. Other installers have
/// switches of their own: those are the feed's to say.
fn silent_by_type(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let (_, name) = path.rsplit_once('/')?;
    let (_, end) = name.rsplit_once('.')?;
    match end.to_ascii_lowercase().as_str() {
        "msu" => Some(MSU),
        // Microsoft's "Command-Line Options" of Windows Installer.
        "msi" | "msp" => Some("/qn /norestart"),
        // DISM's global options, with /Online /Add-Package.
        "cab" => Some("/quiet /norestart"),
        _ => None,
    }
}

impl RemedyFile {
    /// What is said of the files at some addresses, in the order of these; `unknown` where nothing is said, or
    /// several things are. Empty where nothing is said of any of them.
    pub fn beside<'a>(
        urls: impl IntoIterator<Item = &'a String>,
        files: &BTreeSet<Self>,
        what: impl Fn(&Self) -> Option<String>,
    ) -> Vec<String> {
        let mut urls: Vec<&str> = urls.into_iter().map(String::as_str).collect();
        if urls.is_empty() {
            urls.push("");
        }
        let said = |url: &str| {
            let of = files.iter().filter(|file| file.url == url);
            let said: BTreeSet<String> = of.filter_map(&what).collect();
            match said.len() {
                1 => said.into_iter().next(),
                _ => None,
            }
        };
        let said: Vec<Option<String>> = urls.into_iter().map(said).collect();
        if said.iter().all(Option::is_none) {
            return Vec::new();
        }
        let unknown = || "unknown".to_owned();
        said.into_iter()
            .map(|one| one.unwrap_or_else(unknown))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(arch: Option<Arch>, url: &str) -> Download {
        Download {
            arch,
            url: Some(url.to_owned()),
            ..Download::default()
        }
    }

    #[test]
    fn the_file_is_that_of_the_architecture_or_none() {
        let (x64, x86) = (file(Some(Arch::X64), "a"), file(Some(Arch::X86), "b"));
        let any = file(None, "c");
        let all = [x64.clone(), x86.clone(), any.clone()];
        assert_eq!(Download::choose(&all, Some(Arch::X64)), Some(&x64));
        assert_eq!(Download::choose(&all, Some(Arch::Arm64)), Some(&any));
        assert_eq!(Download::choose(&all, None), None);
        assert_eq!(Download::choose([&any, &any], None), Some(&any));
        assert_eq!(Download::choose([&x64], None), None);
        assert_eq!(Download::choose([&x64], Some(Arch::Arm64)), None);
        let other = file(Some(Arch::X64), "d");
        assert_eq!(Download::choose([&x64, &other], Some(Arch::X64)), None);
        assert_eq!(
            Download::choose([&x64, &other, &any], Some(Arch::X64)),
            None
        );
        assert_eq!(Download::choose([], Some(Arch::X64)), None);
    }

    #[test]
    fn a_hash_has_as_many_digits_as_its_algorithm_gives() {
        let digits = "0123456789ABCDEF".repeat(4);
        let hash = FileHash::parse("SHA-256", &digits).unwrap();
        assert_eq!(hash.as_str(), format!("sha256:{}", digits.to_lowercase()));
        assert_eq!(FileHash::parse("sha512", &digits), None);
        assert_eq!(FileHash::parse("sha256", &digits.replace('0', "g")), None);
        assert_eq!(FileHash::parse("md5", &"0".repeat(32)), None);
        assert!(FileHash::parse("SHA512", &"a".repeat(128)).is_some());
    }

    #[test]
    fn a_type_of_package_has_its_switches_and_an_installer_of_its_own_has_none() {
        let of = |name: &str| silent_by_type(&format!("https://a.example/{name}"));
        assert_eq!(of("x.MSU?a=b.exe"), Some("/quiet /norestart"));
        assert_eq!(of("x.msi"), Some("/qn /norestart"));
        for name in ["x.exe", "msu", "x", "", "x.msu/y"] {
            assert_eq!(of(name), None, "{name}");
        }
    }

    #[test]
    fn a_switch_is_no_command() {
        assert_eq!(
            silent_switch(" /quiet  /norestart ").as_deref(),
            Some("/quiet /norestart")
        );
        for text in ["", "/q; shutdown", "/q && x", "$(x)", "`x`", "/q | x", "ü"] {
            assert_eq!(silent_switch(text), None, "{text}");
        }
        assert_eq!(silent_switch(&"x".repeat(201)), None);
    }

    #[test]
    fn what_is_said_of_files_stands_in_the_order_of_their_addresses() {
        let of = |url: &str, size| RemedyFile {
            url: url.to_owned(),
            size,
            hash: None,
            silent: None,
        };
        let files = BTreeSet::from([
            of("a", Some(1)),
            of("b", None),
            of("c", Some(3)),
            of("c", Some(4)),
        ]);
        let size = |file: &RemedyFile| file.size.map(|size| size.to_string());
        let urls = ["c", "a", "b"].map(str::to_owned);
        let beside = RemedyFile::beside(&urls, &files, size);
        assert_eq!(beside, ["unknown", "1", "unknown"]);
        let none = RemedyFile::beside(&urls, &files, |file| file.hash.clone());
        assert!(none.is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_a_hash_a_switch_an_architecture_or_nothing(text in ".{0,300}", name in ".{0,12}") {
            let _ = Arch::parse(&text);
            if let Some(hash) = FileHash::parse(&name, &text) {
                prop_assert!(hash.as_str().len() <= 135);
            }
            if let Some(switch) = silent_switch(&text) {
                prop_assert!(switch.len() <= LONGEST_SWITCH && switch.is_ascii());
            }
        }
    }
}
