//! Inventories and lists of findings, each kept once however many hosts share it.

use super::db::{Db, Fault};
use super::{Digest, StoreError};
use crate::model::{
    Finding, Gap, HostIdentity, Inventory, Observed, Platform, Reboot, Service, UnixFacts, UtcTime,
    WindowsFacts,
};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet, VecDeque};
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

/// JSON of what hosts say is hardly ever more than so many times as long as its packed form.
const LIKELY: usize = 32;

/// Reads what [`compress`] wrote, and no more than one byte above a size.
fn unpack(body: &[u8], size: u64) -> io::Result<Vec<u8>> {
    // What grows as it is read leaves holes of half its size behind, and a damaged file may say any size.
    let room = usize::try_from(size).unwrap_or(usize::MAX);
    let mut json = Vec::with_capacity(room.min(body.len().saturating_mul(LIKELY)));
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

/// The few values read last, and those that several hosts of a run have: a fleet of identical machines is decoded
/// once, in whichever order its machines come.
pub(super) struct Recent<T> {
    last: VecDeque<(Digest, Arc<T>)>,
    common: HashMap<Digest, Arc<T>>,
    /// For how many more bytes of JSON there is room among the common ones.
    room: u64,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            last: VecDeque::new(),
            common: HashMap::new(),
            room: Self::ROOM,
        }
    }
}

impl<T> Recent<T> {
    const KEPT: usize = 6;
    /// Of values that take about as much in memory.
    const ROOM: u64 = 16 << 20;

    fn find(&mut self, digest: &Digest) -> Option<Arc<T>> {
        if let Some(value) = self.common.get(digest) {
            return Some(Arc::clone(value));
        }
        let place = self.last.iter().position(|(kept, _)| kept == digest)?;
        let found = self.last.remove(place)?;
        let value = Arc::clone(&found.1);
        self.last.push_front(found);
        Some(value)
    }

    /// Those that came first stay: of more than there is room for, nobody knows which will be asked for again.
    fn keep(&mut self, digest: Digest, (value, size): (T, u64), is_common: bool) -> Arc<T> {
        let value = Arc::new(value);
        if is_common && size <= self.room {
            self.room -= size;
            self.common.insert(digest, Arc::clone(&value));
            return value;
        }
        self.last.truncate(Self::KEPT - 1);
        self.last.push_front((digest, Arc::clone(&value)));
        value
    }

    /// Those of another run are common from here on.
    pub(super) fn forget_common(&mut self) {
        self.common = HashMap::new();
        self.room = Self::ROOM;
    }
}

impl Db {
    /// Reads an inventory; `is_common` where several hosts of the run that is read have it.
    pub(super) fn inventory(
        &mut self,
        digest: &Digest,
        is_common: bool,
    ) -> Result<Arc<Inventory>, StoreError> {
        if let Some(found) = self.inventories.find(digest) {
            return Ok(found);
        }
        let value = self.read(|tx| decode_sized(tx, Kind::Inventory, digest))?;
        Ok(self.inventories.keep(*digest, value, is_common))
    }

    /// Reads an inventory without its packages, but for the one that came in last; `is_common` as of
    /// [`Self::inventory`].
    pub(super) fn sketch(
        &mut self,
        digest: &Digest,
        is_common: bool,
    ) -> Result<Arc<Inventory>, StoreError> {
        if let Some(found) = self.sketches.find(digest) {
            return Ok(found);
        }
        let value = self.read(|tx| {
            let json = json(tx, Kind::Inventory, digest)?;
            let sketch = Sketch::read(&json);
            sketch.map_err(|error| unreadable(Kind::Inventory, digest, &error))
        })?;
        Ok(self.sketches.keep(*digest, value, is_common))
    }

    /// Reads a list of findings; `is_common` as of [`Self::inventory`].
    pub(super) fn findings(
        &mut self,
        digest: &Digest,
        is_common: bool,
    ) -> Result<Arc<Vec<Finding>>, StoreError> {
        if let Some(found) = self.findings.find(digest) {
            return Ok(found);
        }
        let value = self.read(|tx| decode_sized(tx, Kind::Findings, digest))?;
        Ok(self.findings.keep(*digest, value, is_common))
    }
}

/// The digests of what several hosts of a run have.
pub(super) fn common(conn: &Connection, run: i64) -> Result<HashSet<Digest>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT inventory FROM outcome WHERE run = ?1 AND inventory IS NOT NULL
         GROUP BY inventory HAVING count(*) > 1
         UNION ALL
         SELECT findings FROM outcome WHERE run = ?1 AND findings IS NOT NULL
         GROUP BY findings HAVING count(*) > 1",
    )?;
    let rows = query.query_map([run], |row| Ok(Digest(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads a value.
pub(super) fn decode<T: DeserializeOwned>(
    conn: &Connection,
    kind: Kind,
    digest: &Digest,
) -> Result<T, Fault> {
    decode_sized(conn, kind, digest).map(|(value, _)| value)
}

/// Reads a value, and how long its JSON is.
fn decode_sized<T: DeserializeOwned>(
    conn: &Connection,
    kind: Kind,
    digest: &Digest,
) -> Result<(T, u64), Fault> {
    let json = json(conn, kind, digest)?;
    let value = serde_json::from_slice(&json);
    let value = value.map_err(|error| unreadable(kind, digest, &error))?;
    Ok((value, json.len() as u64))
}

fn unreadable(kind: Kind, digest: &Digest, error: &serde_json::Error) -> Fault {
    Fault::Damaged(format!("{} {digest}: {error}", kind.as_str()))
}

/// An inventory whose packages nobody has looked at yet. The fields are those of [`Inventory`].
#[derive(Deserialize)]
struct Sketch<'a> {
    #[serde(default)]
    collector: String,
    platform: Platform,
    #[serde(default)]
    identity: HostIdentity,
    #[serde(borrow, default)]
    packages: Observed<Vec<&'a RawValue>>,
    #[serde(default)]
    windows: Option<Box<WindowsFacts>>,
    #[serde(default)]
    unix: Option<Box<UnixFacts>>,
    #[serde(default)]
    services: Observed<Vec<Service>>,
    #[serde(default)]
    reboot: Observed<Reboot>,
    #[serde(default)]
    gaps: Vec<Gap>,
}

/// When a package came in.
#[derive(Deserialize)]
struct Installed {
    installed_at: Option<UtcTime>,
}

impl Sketch<'_> {
    /// Reads an inventory with the last of its packages, and how long the JSON of that is.
    fn read(json: &[u8]) -> Result<(Inventory, u64), serde_json::Error> {
        let sketch: Sketch<'_> = serde_json::from_slice(json)?;
        let mut left_out = 0;
        let packages = match sketch.packages {
            Observed::Unknown(gap) => Observed::Unknown(gap),
            Observed::Known(all) => {
                let mut last: Option<(UtcTime, &RawValue)> = None;
                for package in all {
                    left_out += package.get().len() as u64;
                    let Installed { installed_at } = serde_json::from_str(package.get())?;
                    if let Some(at) = installed_at
                        && last.is_none_or(|(latest, _)| at > latest)
                    {
                        last = Some((at, package));
                    }
                }
                let last = last.map(|(_, package)| serde_json::from_str(package.get()));
                Observed::Known(last.transpose()?.into_iter().collect())
            }
        };
        let inventory = Inventory {
            collector: sketch.collector,
            platform: sketch.platform,
            identity: sketch.identity,
            packages,
            windows: sketch.windows,
            unix: sketch.unix,
            services: sketch.services,
            reboot: sketch.reboot,
            gaps: sketch.gaps,
        };
        Ok((inventory, (json.len() as u64).saturating_sub(left_out)))
    }
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
