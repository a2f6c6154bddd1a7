//! Reads the credentials file, and the files that it points to, if nobody else can.
//!
//! As OpenSSH does with its own: a file that others may write is not ours to trust, and one that
//! others may read holds no secret.

use super::groups::is_private;
use super::{CredentialsFile, ParseError, parse};
use crate::os::{self, Guard};
use secrecy::SecretString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Reads a credentials file.
///
/// # Errors
/// When it does not read; when somebody else owns it or may write it or replace it; when others may
/// read it and it holds a secret itself.
pub fn load(path: &Path) -> Result<CredentialsFile, FileError> {
    let (text, mode) = read_text(path)?;
    let parsed = parse(&text);
    // What it held is wiped.
    drop(SecretString::from(text));
    let file = parsed.map_err(|source| FileError::Parse {
        path: path.into(),
        source,
    })?;
    if file.holds_literal() && mode & OTHERS_READ != 0 {
        return Err(FileError::LiteralReadable {
            path: path.into(),
            mode,
        });
    }
    Ok(file)
}

/// The mode of a credentials file, or of a file with a secret in it, that would be read: all that
/// reading checks before it reads, and nothing is opened.
///
/// # Errors
/// As [`load`], but for what is in the file.
pub fn inspect(path: &Path, is_secret: bool) -> Result<u32, FileError> {
    let meta = path.metadata().map_err(|source| FileError::Read {
        path: path.into(),
        source,
    })?;
    check(path, &meta)?;
    check_folder(path)?;
    let mode = permissions(&meta);
    if is_secret && mode & OTHERS_READ != 0 {
        return Err(FileError::SecretReadable {
            path: path.into(),
            mode,
        });
    }
    Ok(mode)
}

/// The text of a credentials file and its mode, for somebody who changes it.
///
/// # Errors
/// As [`load`], but for what is in the file.
pub(super) fn read_text(path: &Path) -> Result<(String, u32), FileError> {
    let (bytes, mode) = read_owned(path, LONGEST_FILE)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, mode)),
        Err(error) => {
            wipe(error.into_bytes());
            Err(FileError::NotText { path: path.into() })
        }
    }
}

/// Reads a file that holds a secret: nobody else may even read it. In bytes, at most `most`.
pub fn read_secret(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let (bytes, mode) = read_owned(path, most)?;
    if mode & OTHERS_READ != 0 {
        wipe(bytes);
        return Err(FileError::SecretReadable {
            path: path.into(),
            mode,
        });
    }
    Ok(bytes)
}

/// The content of a file that may be read by all, and written by nobody else.
pub fn read_public(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    read_owned(path, most).map(|(bytes, _)| bytes)
}

/// Overwrites what may be a secret.
pub(super) fn wipe(bytes: Vec<u8>) {
    drop(secrecy::SecretSlice::from(bytes));
}

/// Why a file is not read. None quotes its content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is not there, or we may not read it.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A folder, a pipe, a device.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// It is far longer than such a file can be.
    #[error("{path} is longer than {most} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The longest that is read.
        most: u64,
    },
    /// It is not UTF-8.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// It belongs to somebody else, who can change it.
    #[error("{path} belongs to user {owner}, neither to you nor to root; make it yours: chown")]
    Owner {
        /// The file.
        path: PathBuf,
        /// The owner's number.
        owner: u32,
    },
    /// Others may change it.
    #[error("others may write {path} (mode {mode:03o}); take that from them: chmod go-w")]
    Writable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others may put another file in its place.
    #[error(
        "others may replace files in {folder} (mode {mode:03o}); take that from them: chmod go-w, or move the file"
    )]
    FolderWritable {
        /// The folder.
        folder: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else can put another file in its place.
    #[error(
        "{folder} belongs to user {owner}, neither to you nor to root, who may replace files in it; move the file"
    )]
    FolderOwner {
        /// The folder.
        folder: PathBuf,
        /// The owner's number.
        owner: u32,
    },
    /// It cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It holds a secret itself, and others may read it.
    #[error(
        "{path} holds a secret, and others may read it (mode {mode:03o}); chmod 600, or say where the secret is instead"
    )]
    LiteralReadable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is a secret, and others may read it.
    #[error("others may read the secret in {path} (mode {mode:03o}); chmod 600")]
    SecretReadable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a credentials file.
    #[error("{path} is not a credentials file")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected.
        #[source]
        source: ParseError,
    },
}

/// The longest credentials file, in bytes.
const LONGEST_FILE: u64 = 1024 * 1024;

const OTHERS_READ: u32 = 0o044;
const OTHERS_WRITE: u32 = 0o022;
const EVERYBODY_WRITES: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
const STICKY: u32 = 0o1000;

/// The bytes of a regular file that only we and root can change, and its mode.
fn read_owned(path: &Path, most: u64) -> Result<(Vec<u8>, u32), FileError> {
    let failed = |source| FileError::Read {
        path: path.into(),
        source,
    };
    let file = open(path).map_err(failed)?;
    // Of the open file, so that nobody swaps it in between.
    let meta = file.metadata().map_err(failed)?;
    check(path, &meta)?;
    check_folder(path)?;
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
        return Ok((bytes, permissions(&meta)));
    }
    wipe(bytes);
    Err(FileError::TooLong {
        path: path.into(),
        most,
    })
}

/// Opens for reading; never waits, as a pipe without a writer would make us.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    os::never_waits(options.read(true)).open(path)
}

/// What whom may do with it, without the sticky bit and its like.
fn permissions(meta: &Metadata) -> u32 {
    os::guard(meta).mode & 0o777
}

fn check(path: &Path, meta: &Metadata) -> Result<(), FileError> {
    if !meta.is_file() {
        return Err(FileError::NotAFile { path: path.into() });
    }
    let guard = os::guard(meta);
    if !guard.is_ours() {
        return Err(FileError::Owner {
            path: path.into(),
            owner: guard.owner,
        });
    }
    let mode = permissions(meta);
    if mode & OTHERS_WRITE != 0 {
        return Err(FileError::Writable {
            path: path.into(),
            mode,
        });
    }
    Ok(())
}

/// The folder of the file itself, behind links. One who may write it can put another file there, but
/// for a sticky one, where each can replace only files of their own.
pub(super) fn check_folder(path: &Path) -> Result<(), FileError> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = real.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let meta = folder.metadata().map_err(|source| FileError::Read {
        path: folder.into(),
        source,
    })?;
    let guard = os::guard(&meta);
    let Guard { owner, group, mode } = guard;
    let others_write =
        mode & EVERYBODY_WRITES != 0 || (mode & GROUP_WRITES != 0 && !is_own_group(group));
    if others_write && mode & STICKY == 0 {
        return Err(FileError::FolderWritable {
            folder: folder.into(),
            mode,
        });
    }
    if !guard.is_ours() {
        return Err(FileError::FolderOwner {
            folder: folder.into(),
            owner,
        });
    }
    Ok(())
}

/// Whether a group is ours alone.
fn is_own_group(group: u32) -> bool {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    is_private(group, os::user(), &read("/etc/passwd"), &read("/etc/group"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
    use tempfile::TempDir;

    /// A secret that must show up nowhere.
    pub(crate) const SECRET: &str = "Zq9-unique-7731-planted";

    const WITHOUT_SECRET: &str = "[[credential]]\nid = 'a'\ntype = 'ssh-password'\nuser = 'u'\npassword = { env = 'X' }\nscope = ['10.0.0.0/8']\n";

    /// A file of a mode in a folder of its own.
    pub(crate) fn file(content: &str, mode: u32) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    fn with_secret() -> String {
        WITHOUT_SECRET.replace("{ env = 'X' }", &format!("'{SECRET}'"))
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        for mode in [0o620, 0o602, 0o666] {
            let (_folder, path) = file(WITHOUT_SECRET, mode);
            assert!(matches!(load(&path), Err(FileError::Writable { .. })));
        }
        let (_folder, path) = file(WITHOUT_SECRET, 0o644);
        assert_eq!(load(&path).unwrap().credentials.len(), 1);
    }

    #[test]
    fn a_file_that_others_may_read_holds_no_secret() {
        for mode in [0o640, 0o604] {
            let (_folder, path) = file(&with_secret(), mode);
            let error = load(&path).unwrap_err();
            assert!(matches!(error, FileError::LiteralReadable { .. }));
            assert!(!format!("{error} {error:?}").contains(SECRET));
        }
        let (_folder, path) = file(&with_secret(), 0o600);
        let loaded = load(&path).unwrap();
        assert!(!format!("{loaded:?}").contains(SECRET));
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let (_folder, path) = file(SECRET, 0o640);
        assert!(matches!(
            read_secret(&path, 100),
            Err(FileError::SecretReadable { .. })
        ));
        let (_folder, path) = file(SECRET, 0o600);
        assert_eq!(read_secret(&path, 100).unwrap(), SECRET.as_bytes());
    }

    #[test]
    fn a_folder_where_everybody_may_replace_it_is_refused_unless_sticky() {
        let (folder, path) = file(WITHOUT_SECRET, 0o600);
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(load(&path), Err(FileError::FolderWritable { .. })));
        // A link from a safe folder does not hide it.
        let safe = tempfile::tempdir().unwrap();
        let link = safe.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(load(&link), Err(FileError::FolderWritable { .. })));
        fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).unwrap();
        assert!(load(&path).is_ok());
    }

    #[test]
    fn a_folder_where_a_group_may_replace_it_is_refused_unless_the_group_is_ours_alone() {
        let (folder, path) = file(WITHOUT_SECRET, 0o600);
        fs::set_permissions(folder.path(), Permissions::from_mode(0o770)).unwrap();
        let own = fs::metadata(folder.path()).unwrap().gid();
        assert_eq!(load(&path).is_ok(), is_own_group(own));
        // Only root can give it to others.
        if rustix::process::geteuid().is_root() {
            chown(folder.path(), None, Some(12_345)).unwrap();
            let refused = load(&path);
            assert!(matches!(
                refused,
                Err(FileError::FolderWritable { mode: 0o770, .. })
            ));
            fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).unwrap();
            assert!(load(&path).is_ok());
        }
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let (folder, path) = file(WITHOUT_SECRET, 0o600);
        if rustix::process::geteuid().is_root() {
            chown(folder.path(), Some(12_345), None).unwrap();
            let refused = load(&path);
            assert!(matches!(
                refused,
                Err(FileError::FolderOwner { owner: 12_345, .. })
            ));
            assert!(matches!(
                inspect(&path, true),
                Err(FileError::FolderOwner { .. })
            ));
        }
        assert!(matches!(
            inspect(&path.join("x"), false),
            Err(FileError::Read { .. })
        ));
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        let (_folder, path) = file(WITHOUT_SECRET, 0o600);
        // Only root can give files away.
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(12_345), None).unwrap();
            assert!(matches!(
                load(&path),
                Err(FileError::Owner { owner: 12_345, .. })
            ));
        }
    }

    #[test]
    fn folders_pipes_and_floods_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            load(folder.path()),
            Err(FileError::NotAFile { .. })
        ));
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(matches!(load(&pipe), Err(FileError::NotAFile { .. })));
        let (_folder, path) = file(&"#".repeat(101), 0o600);
        assert!(matches!(
            read_secret(&path, 100),
            Err(FileError::TooLong { .. })
        ));
    }

    #[test]
    fn an_error_names_file_line_and_column() {
        let (_folder, path) = file("[[credential]]\nid = 7\n", 0o600);
        let error = load(&path).unwrap_err();
        let FileError::Parse { source, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(error.to_string().contains("/file "));
        assert_eq!((source.line, source.column), (1, 1));
    }

    #[test]
    fn text_that_is_no_text_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [SECRET.as_bytes(), &[0xff]].concat()).unwrap();
        let error = load(&path).unwrap_err();
        assert!(matches!(error, FileError::NotText { .. }));
        assert!(!format!("{error:?}").contains("90, 113"));
    }
}
