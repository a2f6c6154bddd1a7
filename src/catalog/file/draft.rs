//! The copy that an import writes to, and how it takes the catalogue's place.

use crate::catalog::outcome::ImportError;
use crate::os;
use same_file::Handle;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A copy of the catalogue, beside its place, locked against other imports.
pub(in crate::catalog) struct Draft {
    pub(in crate::catalog) path: PathBuf,
    into: PathBuf,
    file: File,
    _hold: os::Hold,
}

impl Draft {
    /// Copies the catalogue, if there is one.
    pub(in crate::catalog) fn of(into: &Path) -> Result<Self, ImportError> {
        let mut name = into.file_name().map(OsString::from).unwrap_or_default();
        name.push(".importing");
        let path = into.with_file_name(name);
        let failed = |source| ImportError::Write {
            path: path.clone(),
            source,
        };
        // The first import is the first to want the folder.
        let folder = into.parent().filter(|one| !one.as_os_str().is_empty());
        folder.map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
        let (mut file, hold) = lock(&path, into)?;
        file.set_len(0).map_err(failed)?;
        match File::open(into) {
            Ok(mut old) => drop(io::copy(&mut old, &mut file).map_err(failed)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                let path = into.to_owned();
                return Err(ImportError::Read { path, source });
            }
        }
        Ok(Self {
            path,
            into: into.to_owned(),
            file,
            _hold: hold,
        })
    }

    /// Puts it in the catalogue's place.
    pub(in crate::catalog) fn publish(self) -> Result<(), ImportError> {
        let failed = |source| ImportError::Write {
            path: self.into.clone(),
            source,
        };
        self.file.sync_all().map_err(failed)?;
        fs::rename(&self.path, &self.into).map_err(failed)?;
        // The name is on the disk when the folder is.
        let folder = self
            .into
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        os::sync_folder(folder.unwrap_or(Path::new("."))).map_err(failed)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `publish` the name is gone already. What a killed import left, the next one takes over.
        if same_file(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens and locks the draft. A draft that was put in its place meanwhile is no draft any more.
fn lock(path: &Path, into: &Path) -> Result<(File, os::Hold), ImportError> {
    let failed = |source| ImportError::Write {
        path: path.to_owned(),
        source,
    };
    for _ in 0..16 {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(failed)?;
        match os::hold(&file, path).map_err(failed)? {
            Some(hold) if same_file(&file, path) => return Ok((file, hold)),
            Some(_) => {}
            None => break,
        }
    }
    Err(ImportError::Busy {
        path: into.to_owned(),
    })
}

fn same_file(file: &File, path: &Path) -> bool {
    let open = file.try_clone().and_then(Handle::from_file);
    let named = Handle::from_path(path);
    matches!((open, named), (Ok(open), Ok(named)) if open == named)
}
