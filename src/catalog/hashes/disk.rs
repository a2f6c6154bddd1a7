//! The files beside a document that say its hash, and the document itself.

use super::{
    Algorithm, Garbage, HashError, MOST_OF_FILE, MOST_OF_LIST, Mismatch, Stated, of_file, of_list,
};
use crate::model::hex;
use sha2::{Digest, Sha256, Sha512};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Whether a file is about others by its name: a hash, a list of hashes, a signature.
pub(in crate::catalog) fn is_hash_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_of =
        |algorithm: Algorithm| name.ends_with(algorithm.ending()) || name == algorithm.list();
    name.ends_with(".asc") || Algorithm::ALL.into_iter().any(is_of)
}

/// What the files beside a document state of it, each of those that are there: `NAME.sha256`, `NAME.sha512`,
/// `SHA256SUMS`, `SHA512SUMS`.
///
/// # Errors
/// When one of them cannot be read, or is not what its name says.
pub(in crate::catalog) fn beside(document: &Path) -> Result<Vec<Stated>, HashError> {
    let name = document.file_name().unwrap_or_default();
    let mut stated = Vec::new();
    for algorithm in Algorithm::ALL {
        let mut own = name.to_owned();
        own.push(algorithm.ending());
        let own = document.with_file_name(own);
        let list = document.with_file_name(algorithm.list());
        let name = name.to_string_lossy();
        let mut take = |path: PathBuf, hash: Result<Option<String>, Garbage>| {
            let by = path.display().to_string();
            match hash {
                Ok(Some(hash)) => stated.push(Stated {
                    algorithm,
                    hash,
                    by,
                }),
                Ok(None) => {}
                Err(why) => return Err(HashError::Garbage { by, why }),
            }
            Ok(())
        };
        if let Some(text) = text(&own, MOST_OF_FILE)? {
            take(
                own,
                text.and_then(|text| of_file(&text, &name, algorithm).map(Some)),
            )?;
        }
        if let Some(text) = text(&list, MOST_OF_LIST)? {
            take(list, text.and_then(|text| of_list(&text, &name, algorithm)))?;
        }
    }
    Ok(stated)
}

/// Sees that a document is what is stated. Its SHA-256 is known already.
///
/// # Errors
/// When it is not, or cannot be read.
pub(in crate::catalog) fn agree(
    document: &Path,
    sha256: &str,
    stated: &[Stated],
) -> Result<(), HashError> {
    for one in stated {
        let found = match one.algorithm {
            Algorithm::Sha256 => sha256.to_owned(),
            Algorithm::Sha512 => sum::<Sha512>(document).map_err(failed(document))?,
        };
        if found != one.hash {
            return Err(HashError::Mismatch(Mismatch {
                algorithm: one.algorithm,
                wanted: one.hash.clone(),
                found,
                by: one.by.clone(),
            }));
        }
    }
    Ok(())
}

/// The SHA-256 of a file, in hex.
pub(in crate::catalog) fn sha256(path: &Path) -> io::Result<String> {
    sum::<Sha256>(path)
}

fn sum<D: Digest>(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut sum = D::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(hex(&sum.finalize()));
        }
        sum.update(bytes);
    }
}

/// The text of a file that need not be there.
fn text(path: &Path, most: u64) -> Result<Option<Result<String, Garbage>>, HashError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed(path))?,
    };
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed(path))?;
    if bytes.len() as u64 > most {
        return Ok(Some(Err(Garbage::TooLong(most))));
    }
    Ok(Some(Ok(String::from_utf8_lossy(&bytes).into_owned())))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> HashError + '_ {
    move |source| HashError::Read {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// SHA-256 and SHA-512 of "abc" (FIPS 180-2, appendices B.1 and C.1).
    const ABC: [&str; 2] = [
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ];

    fn verdict(files: &[(&str, &str)]) -> Result<usize, HashError> {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("a.json");
        fs::write(&document, "abc").unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let stated = beside(&document)?;
        agree(&document, &sha256(&document).unwrap(), &stated)?;
        Ok(stated.len())
    }

    #[test]
    fn every_file_that_vouches_must_be_right() {
        let [short, long] = ABC;
        let list = format!("{}  b.json\n{short}  a.json\n", "0".repeat(64));
        assert_eq!(verdict(&[]).unwrap(), 0);
        assert_eq!(verdict(&[("a.json.sha256", short)]).unwrap(), 1);
        let all = [
            ("a.json.sha256", short),
            ("a.json.sha512", long),
            ("SHA256SUMS", &list),
        ];
        assert_eq!(verdict(&all).unwrap(), 3);
        let zeroes = "0".repeat(128);
        let error = verdict(&[("a.json.sha256", short), ("a.json.sha512", &zeroes)]).unwrap_err();
        let HashError::Mismatch(wrong) = &error else {
            panic!("{error}");
        };
        assert_eq!((&*wrong.found, &*wrong.wanted), (long, &*zeroes));
        assert!(wrong.by.ends_with("a.json.sha512"));
        assert!(error.to_string().starts_with("its SHA-512 is ddaf35"));
    }

    #[test]
    fn a_file_that_should_vouch_and_says_nothing_is_told() {
        for (name, text, why) in [
            ("a.json.sha256", "not found", "holds no SHA-256"),
            ("a.json.sha512", ABC[0], "holds no SHA-512"),
            ("SHA256SUMS", "", "holds no SHA-256"),
        ] {
            let error = verdict(&[(name, text)]).unwrap_err().to_string();
            assert!(error.ends_with(&format!("{name} {why}")), "{error}");
        }
        let long = " ".repeat(70_000);
        let error = verdict(&[("a.json.sha256", &long)]).unwrap_err();
        assert!(error.to_string().ends_with("is longer than 65536 bytes"));
    }

    #[test]
    fn what_vouches_is_told_from_documents_by_its_name() {
        for name in ["a.sha256", "b/a.json.sha512", "SHA256SUMS", "a.json.asc"] {
            assert!(is_hash_file(Path::new(name)), "{name}");
        }
        assert!(!is_hash_file(Path::new("sha256.json")));
    }
}
