//! Changes a credentials file and leaves the rest of it as its owner wrote it, comments too.
//!
//! As visudo does: what is to replace the file is read first, and replaces it only if it reads. What
//! somebody else changed meanwhile is not overwritten.

use super::file::{FileError, read_text, wipe};
use super::replace::{lock, replace, write_beside};
use super::{CredentialsFile, ParseError, parse};
use crate::model::CredentialId;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Value};

/// A credentials file and what it is to become.
pub struct Draft {
    path: PathBuf,
    /// What is there, and its mode; nothing where there is no file yet.
    before: Option<(String, u32)>,
    after: String,
}

impl Draft {
    /// Begins with a file as it is, or with none where there is none yet.
    ///
    /// # Errors
    /// When the file is not fit to be read as one of credentials.
    pub fn of(path: &Path) -> Result<Self, DraftError> {
        let before = match read_text(path) {
            Ok(before) => Some(before),
            Err(FileError::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() =>
            {
                None
            }
            Err(error) => return Err(error.into()),
        };
        let after = before.as_ref().map_or("", |(text, _)| text).to_owned();
        let path = path.to_owned();
        Ok(Self {
            path,
            before,
            after,
        })
    }

    /// Whether the file is there already.
    pub fn is_there(&self) -> bool {
        self.before.is_some()
    }

    /// What it is to become, as it would be read.
    ///
    /// # Errors
    /// When it does not read.
    pub fn read(&self) -> Result<CredentialsFile, DraftError> {
        parse(&self.after).map_err(|source| DraftError::WouldNotRead { source })
    }

    /// Adds a credential at the end.
    ///
    /// # Errors
    /// When the file would not read any more: a key or value is wrong, or the id is taken.
    pub fn add(&mut self, settings: &[(&str, Setting)]) -> Result<(), DraftError> {
        let mut text = self.after.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str("[[credential]]\n");
        for (key, setting) in settings {
            if let Some(value) = setting.value() {
                // The value of a pair has the decor of one.
                let _ = writeln!(text, "{key} = {}", value.to_string().trim());
            }
        }
        self.become_text(text)
    }

    /// Changes a credential. A setting that is nothing is taken away.
    ///
    /// # Errors
    /// When there is no such credential, or the file would not read any more.
    pub fn change(
        &mut self,
        id: &CredentialId,
        settings: &[(&str, Setting)],
    ) -> Result<(), DraftError> {
        let by_hand = || DraftError::ByHand { id: id.clone() };
        let mut document: DocumentMut = self.after.parse().map_err(|_| by_hand())?;
        let tables = document.get_mut("credential");
        let tables = tables.and_then(Item::as_array_of_tables_mut);
        let tables: &mut ArrayOfTables = tables.ok_or_else(by_hand)?;
        let is_it = |table: &&mut toml_edit::Table| {
            table.get("id").and_then(Item::as_str) == Some(id.as_str())
        };
        let table = tables.iter_mut().find(is_it);
        let table = table.ok_or_else(|| DraftError::NoSuch { id: id.clone() })?;
        for (key, setting) in settings {
            let Some(mut value) = setting.value() else {
                table.remove(key);
                continue;
            };
            // A comment behind the old value stays.
            if let Some(old) = table.get(key).and_then(Item::as_value) {
                *value.decor_mut() = old.decor().clone();
            }
            table.insert(key, Item::Value(value));
        }
        self.become_text(document.to_string())
    }

    /// Writes what it is to become into a file of its own, for an editor: readable by nobody else.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn lend(&self) -> Result<Lent, DraftError> {
        let real = self
            .path
            .canonicalize()
            .unwrap_or_else(|_| self.path.clone());
        let path = write_beside(&real, self.after.as_bytes(), OWNER_ONLY)?;
        Ok(Lent { path })
    }

    /// Takes back what an editor made of it. Says whether anything was changed.
    ///
    /// # Errors
    /// When it does not read.
    pub fn take_back(&mut self, lent: &Lent) -> Result<bool, DraftError> {
        let (text, _) = read_text(&lent.path)?;
        let is_changed = text != self.after;
        self.become_text(text)?;
        Ok(is_changed)
    }

    fn become_text(&mut self, text: String) -> Result<(), DraftError> {
        if let Err(source) = parse(&text) {
            wipe(text.into_bytes());
            return Err(DraftError::WouldNotRead { source });
        }
        let old = std::mem::replace(&mut self.after, text);
        wipe(old.into_bytes());
        Ok(())
    }

    /// Puts it in the file's place.
    ///
    /// # Errors
    /// When somebody else has changed the file meanwhile, or it cannot be written.
    pub fn put(self) -> Result<(), DraftError> {
        let _lock = lock(&self.path)?;
        let now = Self::of(&self.path)?;
        if now.text() != self.text() {
            return Err(DraftError::Changed {
                path: self.path.clone(),
            });
        }
        let kept = self.before.as_ref().map_or(OWNER_ONLY, |(_, mode)| *mode);
        // With a secret in it, nobody else may read it.
        let holds_literal = parse(&self.after).is_ok_and(|file| file.holds_literal());
        let mode = if holds_literal { kept & 0o700 } else { kept };
        replace(&self.path, self.after.as_bytes(), mode)?;
        Ok(())
    }

    fn text(&self) -> Option<&str> {
        self.before.as_ref().map(|(text, _)| text.as_str())
    }
}

impl Drop for Draft {
    /// A file may hold secrets itself.
    fn drop(&mut self) {
        wipe(std::mem::take(&mut self.after).into_bytes());
        if let Some((text, _)) = self.before.take() {
            wipe(text.into_bytes());
        }
    }
}

/// A copy that an editor has. It is gone when this is.
pub struct Lent {
    path: PathBuf,
}

impl Lent {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

/// What a key of a credential is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Nothing: the key is not there.
    Nothing,
    /// A text.
    Text(String),
    /// A switch.
    Flag(bool),
    /// A list of texts.
    List(Vec<String>),
    /// A table of such, as the place of a secret is one.
    Table(Vec<(&'static str, Self)>),
}

impl Setting {
    fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Nothing => return None,
            Self::Text(text) => text.as_str().into(),
            Self::Flag(on) => (*on).into(),
            Self::List(items) => Value::Array(items.iter().map(String::as_str).collect::<Array>()),
            Self::Table(pairs) => {
                let pairs = pairs.iter();
                let pairs = pairs.filter_map(|(key, setting)| Some((*key, setting.value()?)));
                Value::InlineTable(pairs.collect::<InlineTable>())
            }
        })
    }
}

/// Why a credentials file is not changed. None quotes what is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The file is not fit, or cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What would be in it is wrong.
    #[error("nothing was changed: the file would not read any more")]
    WouldNotRead {
        /// Where it would be wrong.
        #[source]
        source: ParseError,
    },
    /// The credential is not written as we write one.
    #[error(
        "credential {id} cannot be changed by options: it does not stand under [[credential]]; run credentials edit without options"
    )]
    ByHand {
        /// The credential.
        id: CredentialId,
    },
    /// There is none of this id.
    #[error("there is no credential {id}; see underdesk credentials list")]
    NoSuch {
        /// The id.
        id: CredentialId,
    },
    /// Somebody was faster.
    #[error("{path} was changed by somebody else meanwhile; nothing was changed: run this again")]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// The mode of a new file.
const OWNER_ONLY: u32 = 0o600;

#[cfg(test)]
mod tests {
    use super::super::file::tests::file;
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    const TEXT: &str = "\
# Ours.

[[credential]]  # the first
id = 'a'
type = 'ssh-password'
user = 'u'          # who
password = { env = 'X' }
scope = [
    '10.0.0.0/8',   # everywhere
]

# The last.
";

    fn text(text: &str) -> Setting {
        Setting::Text(text.to_owned())
    }

    fn entry(id: &str) -> Vec<(&'static str, Setting)> {
        vec![
            ("id", text(id)),
            ("type", text("winrm")),
            ("user", text(r"CORP\svc")),
            (
                "password",
                Setting::Table(vec![
                    ("age", text("a \"b\".age")),
                    ("identity", Setting::Nothing),
                ]),
            ),
            ("basic", Setting::Flag(true)),
            ("note", Setting::Nothing),
            ("scope", Setting::List(vec!["10.1.0.0/16".to_owned()])),
        ]
    }

    #[test]
    fn what_is_added_stands_at_the_end_and_the_rest_stays_as_it_was() {
        let (_folder, path) = file(TEXT, 0o640);
        let mut draft = Draft::of(&path).unwrap();
        draft.add(&entry("b")).unwrap();
        draft.put().unwrap();
        let written = fs::read_to_string(&path).unwrap();
        let added = written.strip_prefix(TEXT).unwrap();
        let expected = "\n[[credential]]\nid = \"b\"\ntype = \"winrm\"\nuser = 'CORP\\svc'\npassword = { age = 'a \"b\".age' }\nbasic = true\nscope = [\"10.1.0.0/16\"]\n";
        assert_eq!(added, expected);
        assert_eq!(parse(&written).unwrap().credentials.len(), 2);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_new_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.toml");
        let mut draft = Draft::of(&path).unwrap();
        assert!(!draft.is_there());
        draft.add(&entry("b")).unwrap();
        draft.put().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_would_not_read_replaces_nothing() {
        let (_folder, path) = file(TEXT, 0o600);
        let mut draft = Draft::of(&path).unwrap();
        let error = draft.add(&entry("a")).unwrap_err();
        let DraftError::WouldNotRead { source } = error else {
            panic!("{error}");
        };
        assert!(source.problem.contains("this id is taken"), "{source}");
        let id = CredentialId::new("a");
        let wrong = [("scope", Setting::List(vec!["10.0.0.0/33".to_owned()]))];
        assert!(draft.change(&id, &wrong).is_err());
        let other = CredentialId::new("other");
        let missing = draft.change(&other, &[]);
        assert!(matches!(missing, Err(DraftError::NoSuch { .. })));
        draft.put().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
    }

    #[test]
    fn only_what_is_changed_changes() {
        let (_folder, path) = file(TEXT, 0o600);
        let mut draft = Draft::of(&path).unwrap();
        let settings = [
            ("user", text("v")),
            ("sudo", text("nopasswd")),
            ("note", Setting::Nothing),
        ];
        draft.change(&CredentialId::new("a"), &settings).unwrap();
        draft.put().unwrap();
        let expected = TEXT.replace("user = 'u'", "user = \"v\"");
        let expected = expected.replace("]\n\n#", "]\nsudo = \"nopasswd\"\n\n#");
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn what_somebody_else_changed_meanwhile_is_not_overwritten() {
        let (_folder, path) = file(TEXT, 0o600);
        let mut draft = Draft::of(&path).unwrap();
        draft.add(&entry("b")).unwrap();
        let other = TEXT.replace("'u'", "'w'");
        fs::write(&path, &other).unwrap();
        assert!(matches!(draft.put(), Err(DraftError::Changed { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
    }

    #[test]
    fn an_editors_copy_is_private_is_taken_back_and_goes_away() {
        let (folder, path) = file(TEXT, 0o644);
        let mut draft = Draft::of(&path).unwrap();
        let lent = draft.lend().unwrap();
        let copy = lent.path().to_owned();
        assert_eq!(copy.parent(), Some(folder.path()));
        assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o777, 0o600);
        assert!(!draft.take_back(&lent).unwrap());
        fs::write(&copy, "[[credential]]\nid = 7\n").unwrap();
        assert!(draft.take_back(&lent).is_err());
        fs::write(&copy, TEXT.replace("'u'", "'w'")).unwrap();
        assert!(draft.take_back(&lent).unwrap());
        drop(lent);
        assert!(!copy.exists());
        draft.put().unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("'w'"));
    }

    #[test]
    fn a_file_with_a_secret_in_it_is_closed_to_others() {
        let (_folder, path) = file(TEXT, 0o644);
        let mut draft = Draft::of(&path).unwrap();
        let id = CredentialId::new("a");
        draft.change(&id, &[("password", text("planted"))]).unwrap();
        draft.put().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
