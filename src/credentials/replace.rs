//! Puts a file in the place of another in one step: whoever looks, and whatever crashes, there is the
//! old one or the new one, and neither was ever readable by others.

use super::file::{FileError, check_folder};
use crate::os;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes a file, in place of one that may be there. Behind a link, what it points to is replaced.
///
/// # Errors
/// When others could put another file there, or the system does not let us write.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let temporary = write_beside(&real, bytes, mode)?;
    let renamed = fs::rename(&temporary, &real).and_then(|()| os::sync_folder(folder(&real)));
    if renamed.is_err() {
        fs::remove_file(&temporary).ok();
    }
    renamed.map_err(|source| failed(&real, source))
}

/// Writes a new file beside another: hidden, and readable by nobody else while it is written.
///
/// # Errors
/// As [`replace`].
pub(super) fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf, FileError> {
    check_folder(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = write_new(&temporary, bytes, mode);
    if let Err(source) = written {
        // One that was there already is not ours to take away.
        if source.kind() != io::ErrorKind::AlreadyExists {
            fs::remove_file(&temporary).ok();
        }
        return Err(failed(&temporary, source));
    }
    Ok(temporary)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = os::owner_only(&mut options).open(path)?;
    file.write_all(bytes)?;
    os::set_mode(&file, mode)?;
    file.sync_all()
}

/// Keeps others who use this out of a file's folder, as long as it lives.
///
/// # Errors
/// When the folder cannot be opened.
pub(super) fn lock(path: &Path) -> Result<File, FileError> {
    os::lock_folder(folder(path)).map_err(|source| failed(path, source))
}

fn folder(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn failed(path: &Path, source: io::Error) -> FileError {
    FileError::Write {
        path: path.into(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::{SECRET, file};
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_is_its_owners_alone() {
        let (folder, path) = file("old", 0o644);
        let before = fs::metadata(&path).unwrap().ino();
        replace(&path, SECRET.as_bytes(), 0o600).unwrap();
        let meta = fs::metadata(&path).unwrap();
        assert_ne!(meta.ino(), before);
        assert_eq!(meta.mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), SECRET);
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_link_stays_and_what_it_points_to_is_replaced() {
        let (_folder, path) = file("old", 0o600);
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("link");
        symlink(&path, &link).unwrap();
        replace(&link, b"new", 0o600).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(elsewhere.path()), ["link"]);
    }

    #[test]
    fn nothing_is_written_where_others_could_replace_it() {
        let (folder, path) = file("old", 0o600);
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let refused = replace(&path, SECRET.as_bytes(), 0o600);
        assert!(matches!(refused, Err(FileError::FolderWritable { .. })));
        assert_eq!(names(folder.path()), ["file"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    }

    #[test]
    fn what_cannot_be_put_in_its_place_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        // No file can take the place of a folder.
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        let refused = replace(&path, SECRET.as_bytes(), 0o600);
        assert!(matches!(refused, Err(FileError::Write { .. })));
        assert_eq!(names(folder.path()), ["file"]);
    }
}
