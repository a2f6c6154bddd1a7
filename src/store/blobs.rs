//! Inventories and lists of findings, each kept once however many hosts share it.

use super::db::{Db, Fault};
use super::{Digest, StoreError};
use crate::model::{Finding, Inventory};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use std::collections::{HashSet, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

/// The longest JSON that is unpacked; the session reads less than a quarter of it from a host.
const LONGEST: u64 = 256 << 20;

/// What a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Inventory,
    Findings,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Findings => "findings",
        }
    }
}

/// A value on its way into the file.
pub(super) struct Blob {
    pub(super) digest: Digest,
    kind: Kind,
    size: u64,
    /// `None` when it is surely there already.
    body: Option<Vec<u8>>,
}

impl Blob {
    /// Encodes a value; compresses it only when it may be new.
    pub(super) fn of<T: Serialize + ?Sized>(
        kind: Kind,
        value: &T,
        known: &KnownBlobs,
    ) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Encode {
            what: kind.as_str(),
            source,
        };
        let json = serde_json::to_vec(value).map_err(failed)?;
        let digest = Digest(Sha256::digest(&json).into());
        let body = (!known.contains(&digest)).then(|| compress(&json));
        let unpacked = |error| failed(serde_json::Error::io(error));
        Ok(Self {
            digest,
            kind,
            size: json.len() as u64,
            body: body.transpose().map_err(unpacked)?,
        })
    }

    /// Writes it, unless it is there.
    pub(super) fn insert(&self, conn: &Connection) -> Result<(), Fault> {
        let mut find = conn.prepare_cached("SELECT 1 FROM blob WHERE digest = ?1")?;
        if find.exists([self.digest.0])? {
            return Ok(());
        }
        let Some(body) = &self.body else {
            return Err(Fault::damaged(format!("blob {} has vanished", self.digest)));
        };
        let mut insert = conn.prepare_cached(
            "INSERT INTO blob (digest, kind, size, body) VALUES (?1, ?2, ?3, ?4)",
        )?;
        let size = i64::try_from(self.size).unwrap_or(i64::MAX);
        insert.execute(params![self.digest.0, self.kind.as_str(), size, body])?;
        Ok(())
    }
}

/// Compresses JSON.
pub(super) fn compress(json: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(json)?;
    packer.finish()
}

/// Reads what [`compress`] wrote, and no more than one byte above a size.
fn unpack(body: &[u8], size: u64) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    ZlibDecoder::new(body)
        .take(size + 1)
        .read_to_end(&mut json)?;
    Ok(json)
}

/// Reads what [`compress`] wrote, where nothing says how long it is.
pub(super) fn unpack_any(body: &[u8]) -> io::Result<Vec<u8>> {
    let json = unpack(body, LONGEST)?;
    if json.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("is longer than {LONGEST} bytes")));
    }
    Ok(json)
}

/// Digests of blobs that are committed. Those of a run that goes on are never taken away, for it needs them:
/// so no other process makes these untrue, and whoever takes some away here clears them.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownBlobs(Arc<Mutex<HashSet<Digest>>>);

impl KnownBlobs {
    fn contains(&self, digest: &Digest) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(digest)
    }

    /// Forgets them all: some were taken away.
    pub(super) fn clear(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clear();
    }

    pub(super) fn insert(&self, digest: Digest) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= 100_000 {
            known.clear();
        }
        known.insert(digest);
    }
}

/// The few values read last, so that a fleet of identical machines is decoded once.
pub(super) struct Recent<T>(VecDeque<(Digest, Arc<T>)>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Recent<T> {
    const KEPT: usize = 6;

    fn find(&mut self, digest: &Digest) -> Option<Arc<T>> {
        let place = self.0.iter().position(|(kept, _)| kept == digest)?;
        let found = self.0.remove(place)?;
        let value = Arc::clone(&found.1);
        self.0.push_front(found);
        Some(value)
    }

    fn keep(&mut self, digest: Digest, value: Arc<T>) -> Arc<T> {
        self.0.truncate(Self::KEPT - 1);
        self.0.push_front((digest, Arc::clone(&value)));
        value
    }
}

impl Db {
    /// Reads an inventory.
    pub(super) fn inventory(&mut self, digest: &Digest) -> Result<Arc<Inventory>, StoreError> {
        if let Some(found) = self.inventories.find(digest) {
            return Ok(found);
        }
        let value = self.read(|tx| decode(tx, Kind::Inventory, digest))?;
        Ok(self.inventories.keep(*digest, Arc::new(value)))
    }

    /// Reads a list of findings.
    pub(super) fn findings(&mut self, digest: &Digest) -> Result<Arc<Vec<Finding>>, StoreError> {
        if let Some(found) = self.findings.find(digest) {
            return Ok(found);
        }
        let value = self.read(|tx| decode(tx, Kind::Findings, digest))?;
        Ok(self.findings.keep(*digest, Arc::new(value)))
    }
}

/// Reads a value.
pub(super) fn decode<T: DeserializeOwned>(
    conn: &Connection,
    kind: Kind,
    digest: &Digest,
) -> Result<T, Fault> {
    let json = json(conn, kind, digest)?;
    serde_json::from_slice(&json)
        .map_err(|error| Fault::Damaged(format!("{} {digest}: {error}", kind.as_str())))
}

/// Reads a value's JSON, as it was written.
pub(super) fn json(conn: &Connection, kind: Kind, digest: &Digest) -> Result<Vec<u8>, Fault> {
    let damaged = |what: String| Fault::Damaged(format!("{} {digest}: {what}", kind.as_str()));
    let mut query =
        conn.prepare_cached("SELECT size, body FROM blob WHERE digest = ?1 AND kind = ?2")?;
    let found = query.query_row(params![digest.0, kind.as_str()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
    });
    let (size, body) = found
        .optional()?
        .ok_or_else(|| damaged("is not there".into()))?;
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    if size > LONGEST {
        return Err(damaged(format!("is said to be {size} bytes long")));
    }
    let json = unpack(&body, size).map_err(|error| damaged(error.to_string()))?;
    if Sha256::digest(&json).as_slice() != digest.0 {
        return Err(damaged("is not what was written".into()));
    }
    Ok(json)
}
