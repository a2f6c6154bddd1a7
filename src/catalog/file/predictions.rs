//! Where the estimates of exploitation lie: some hundred thousand, twelve bytes each, by year.

use super::{CatalogFile, collect, section};
use crate::catalog::error::CatalogError;
use crate::catalog::intake::Digest;
use crate::catalog::said::Change;
use crate::model::{Date, Epss, ExploitPrediction, UtcTime};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// All estimates, by year and number of the CVE.
#[derive(Debug, Default)]
pub(in crate::catalog) struct Predictions(BTreeMap<u16, BTreeMap<u32, Estimate>>);

/// The probability, and the day in days since 1970; the lowest number where it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Estimate {
    score: u32,
    day: i32,
}

const BYTES: usize = 12;

impl Predictions {
    /// The estimate for a CVE.
    pub(in crate::catalog) fn of(&self, cve: &str) -> Option<Epss> {
        let (year, number) = parts(cve)?;
        let estimate = self.0.get(&year)?.get(&number)?;
        Some(Epss(estimate.score))
    }

    /// The day of the newest estimate.
    pub(super) fn newest(&self) -> Option<Date> {
        let all = self.0.values().flat_map(BTreeMap::values);
        let day = all.map(|estimate| estimate.day).max()?;
        (day > i32::MIN).then(|| UtcTime::from_unix(i64::from(day) * 86_400).date())
    }

    /// Keeps an estimate, unless there is a newer one. `None` for what is no CVE.
    pub(super) fn put(&mut self, prediction: &ExploitPrediction) -> Option<Change> {
        let (year, number) = parts(&prediction.cve)?;
        let day = Date::parse("1970-01-01").zip(prediction.day);
        let day = day.map(|(first, day)| first.days_until(day));
        let new = Estimate {
            score: prediction.score.0,
            day: day.and_then(|day| day.try_into().ok()).unwrap_or(i32::MIN),
        };
        let known = self.0.entry(year).or_default().insert(number, new);
        let Some(known) = known else {
            return Some(Change::Added);
        };
        if known.day > new.day {
            self.0.entry(year).or_default().insert(number, known);
            return Some(Change::Older);
        }
        let is_same = known.score == new.score;
        Some(if is_same {
            Change::Same
        } else {
            Change::Changed
        })
    }

    /// Reads all of them. Returns their digest as well.
    pub(super) fn read(db: &Connection) -> rusqlite::Result<(Self, String)> {
        let sql = "SELECT year, scores FROM prediction ORDER BY year";
        let rows: Vec<(u16, Vec<u8>)> = collect(db, sql, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut digest = Digest::default();
        let mut all = Self::default();
        for (year, bytes) in rows {
            digest.number(Some(year.into()));
            digest.bytes(&bytes);
            let estimates = bytes.chunks_exact(BYTES).filter_map(estimate);
            all.0.insert(year, estimates.collect());
        }
        Ok((all, digest.finish()))
    }

    /// Writes all of them. Returns their digest and count.
    pub(super) fn write(&self, db: &Connection) -> rusqlite::Result<(String, i64)> {
        let mut digest = Digest::default();
        let mut count = 0;
        let mut statement = db.prepare("INSERT OR REPLACE INTO prediction VALUES (?1, ?2)")?;
        for (year, estimates) in &self.0 {
            let mut bytes = Vec::with_capacity(estimates.len() * BYTES);
            for (number, Estimate { score, day }) in estimates {
                let parts = [number.to_le_bytes(), score.to_le_bytes(), day.to_le_bytes()];
                bytes.extend(parts.as_flattened());
                count += 1;
            }
            digest.number(Some((*year).into()));
            digest.bytes(&bytes);
            statement.execute(params![year, bytes])?;
        }
        Ok((digest.finish(), count))
    }
}

fn estimate(bytes: &[u8]) -> Option<(u32, Estimate)> {
    let ([number, score, day], []) = bytes.as_chunks::<4>() else {
        return None;
    };
    let estimate = Estimate {
        score: u32::from_le_bytes(*score),
        day: i32::from_le_bytes(*day),
    };
    Some((u32::from_le_bytes(*number), estimate))
}

/// The year and the number of a CVE id.
fn parts(cve: &str) -> Option<(u16, u32)> {
    let (year, number) = cve.strip_prefix("CVE-")?.split_once('-')?;
    Some((year.parse().ok()?, number.parse().ok()?))
}

impl CatalogFile {
    /// All estimates, digest checked.
    pub(in crate::catalog) fn predictions(&self) -> Result<Predictions, CatalogError> {
        let stated = section(&self.db, "epss", "").map_err(self.failed("read"))?;
        let Some(stated) = stated else {
            return Ok(Predictions::default());
        };
        let (all, found) = Predictions::read(&self.db).map_err(self.failed("read"))?;
        if found != stated {
            return Err(self.corrupt("its epss table"));
        }
        Ok(all)
    }
}
