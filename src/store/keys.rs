//! Machines and their keys, as `identity.rs` needs them looked up and written down.

use super::db::{Fault, Time};
use super::evidence::Evidence;
use super::identity::{Decision, Founding, Known, Machine, claimed, is_renamed, resolve};
use super::runs::RunKey;
use super::verdicts;
use crate::model::{MachineId, UtcTime};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};
use std::collections::BTreeSet;

/// The kinds of keys.
const MACHINE_ID: &str = "machine-id";
const BOOT_ID: &str = "boot-id";
const MAC: &str = "mac";
const PRODUCT_UUID: &str = "product-uuid";
const HOST_KEY: &str = "ssh-host-key";
const ADDRESS: &str = "address";
const FULL_NAME: &str = "full-name";
const SERVER_GUID: &str = "server-guid";

/// Whose an address is.
pub(super) struct Identified {
    /// The machine that its row is of.
    pub(super) machine: i64,
    /// The one that it claims to be: see [`super::identity::claimed`].
    pub(super) claimed: Option<i64>,
    /// The id of the one that it claims to be, else of its own.
    pub(super) id: MachineId,
}

/// Finds or makes the machine of an address, and writes down what it showed.
pub(super) fn identify(
    conn: &Connection,
    run: &RunKey,
    evidence: &Evidence,
) -> Result<Identified, Fault> {
    let known = gather(conn, run, evidence)?;
    let claimed = claimed(evidence, &known);
    let machine = match resolve(evidence, &known, run.number) {
        Decision::New { founding, value } => found(conn, run, founding, &value)?,
        Decision::Known { machine, absorbed } => {
            for old in absorbed {
                absorb(conn, run, old, machine)?;
            }
            machine
        }
    };
    write_keys(conn, run, machine, evidence)?;
    Ok(Identified {
        machine,
        claimed,
        id: id_of(conn, claimed.unwrap_or(machine))?,
    })
}

/// A machine as another store knows it.
pub(super) struct Hint {
    pub(super) id: MachineId,
    /// What its id is made of.
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) first_seen: UtcTime,
}

/// Gives a host that nobody here knows the id that it has in another store. Whom this store knows by its
/// own rules stays who he is.
pub(super) fn claim(
    conn: &Connection,
    run: &RunKey,
    evidence: &Evidence,
    hint: &Hint,
) -> Result<(), Fault> {
    let known = gather(conn, run, evidence)?;
    let Decision::New { .. } = resolve(evidence, &known, run.number) else {
        return Ok(());
    };
    if claimed(evidence, &known).is_some() {
        return Ok(());
    }
    let machine = match number_of(conn, &hint.id)? {
        Some(there) => now(conn, there)?,
        None => insert_hinted(conn, run, hint)?,
    };
    write_keys(conn, run, machine, evidence)
}

/// What another store remembers of a machine: since when it and its findings are known, and the id that it
/// has there.
pub(super) fn remember_carried(
    conn: &Connection,
    run: &RunKey,
    id: &MachineId,
    hint: &Hint,
    history: &[(String, String, String)],
) -> Result<(), Fault> {
    let Some(machine) = number_of(conn, id)? else {
        return Ok(());
    };
    let machine = now(conn, machine)?;
    if number_of(conn, &hint.id)?.is_none() {
        let other = insert_hinted(conn, run, hint)?;
        let mut alias =
            conn.prepare_cached("INSERT INTO machine_alias (old, new, run) VALUES (?1, ?2, ?3)")?;
        alias.execute([other, machine, run.number])?;
    }
    let mut seen = conn
        .prepare_cached("UPDATE machine SET first_seen = min(first_seen, ?2) WHERE number = ?1")?;
    seen.execute(params![machine, Time(hint.first_seen)])?;
    let mut insert = conn.prepare_cached(
        "INSERT INTO finding_history (machine, matter, first_seen, last_run, times_seen)
         VALUES (?1, ?2, ?3, ?4, 1)
         ON CONFLICT DO UPDATE SET first_seen = min(first_seen, excluded.first_seen)",
    )?;
    for (product, bulletin, first) in history {
        let matter = verdicts::matter(conn, product, bulletin)?;
        insert.execute(params![machine, matter, first, run.number])?;
    }
    Ok(())
}

fn number_of(conn: &Connection, id: &MachineId) -> Result<Option<i64>, Fault> {
    let mut query = conn.prepare_cached("SELECT number FROM machine WHERE id = ?1")?;
    Ok(query
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?)
}

fn insert_hinted(conn: &Connection, run: &RunKey, hint: &Hint) -> Result<i64, Fault> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO machine (id, site, founded_kind, founded_value, founded_run, first_seen, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    Ok(insert.insert(params![
        hint.id.as_str(),
        run.site,
        hint.kind,
        hint.value,
        run.number,
        Time(hint.first_seen),
        Time(run.started),
    ])?)
}

/// The machine that another was merged into, or itself.
pub(super) fn now(conn: &Connection, machine: i64) -> Result<i64, Fault> {
    let mut query = conn.prepare_cached("SELECT new FROM machine_alias WHERE old = ?1")?;
    let alias = query.query_row([machine], |row| row.get(0)).optional()?;
    Ok(alias.unwrap_or(machine))
}

/// A machine's id.
pub(super) fn id_of(conn: &Connection, machine: i64) -> Result<MachineId, Fault> {
    let mut query = conn.prepare_cached("SELECT id FROM machine WHERE number = ?1")?;
    let id: String = query.query_row([machine], |row| row.get(0))?;
    Ok(MachineId::new(id))
}

fn gather(conn: &Connection, run: &RunKey, evidence: &Evidence) -> Result<Known, Fault> {
    let mut known = Known::default();
    if let Some(key) = evidence.key_here() {
        known.here = latest_owner(conn, run, HOST_KEY, &key)?;
    }
    known.bare = bare(conn, run, evidence)?;
    let Some(machine_id) = &evidence.machine_id else {
        known.namesake = namesake(conn, run, evidence)?;
        return Ok(known);
    };
    let mut named = conn.prepare_cached(
        "SELECT 1 FROM machine_key WHERE site = ?1 AND kind = 'machine-id' AND value = ?2",
    )?;
    known.named = named.exists(params![run.site, machine_id])?;

    let mut agree = conn.prepare_cached(
        "SELECT shared.machine FROM machine_key AS shared
         WHERE shared.site = ?1 AND shared.kind = ?2 AND shared.value = ?3 AND EXISTS (
             SELECT 1 FROM machine_key AS named
             WHERE named.site = ?1 AND named.kind = 'machine-id' AND named.value = ?4
               AND named.machine = shared.machine)",
    )?;
    let boot = evidence.boot_id.iter().map(|value| (BOOT_ID, value));
    let macs = evidence.macs.iter().map(|value| (MAC, value));
    let uuid = evidence
        .product_uuid
        .iter()
        .filter(|_| evidence.uuid_decides);
    let uuid = uuid.map(|value| (PRODUCT_UUID, value));
    let mut agreeing = BTreeSet::new();
    for (kind, value) in boot.chain(macs).chain(uuid) {
        let values = params![run.site, kind, value, machine_id];
        for machine in agree.query_map(values, |row| row.get(0))? {
            agreeing.insert(now(conn, machine?)?);
            known.twin |= kind == PRODUCT_UUID;
        }
    }
    for machine in agreeing {
        known.agreeing.push(load(conn, machine)?);
    }
    Ok(known)
}

/// The machine that was met last at an address at which it showed no more than its name, or not even that: not one
/// that calls itself otherwise than what is there now.
fn bare(conn: &Connection, run: &RunKey, evidence: &Evidence) -> Result<Option<Machine>, Fault> {
    /// An address that is leased out has many, over the years.
    const MOST: usize = 16;
    let mut query = conn.prepare_cached(
        "SELECT machine FROM machine_key WHERE site = ?1 AND kind = 'address' AND value = ?2
         ORDER BY last_seen DESC, machine DESC",
    )?;
    let values = params![run.site, evidence.address.to_string()];
    let numbers = query.query_map(values, |row| row.get(0))?.take(MOST);
    let numbers: Vec<i64> = numbers.collect::<Result<_, _>>()?;
    for number in numbers {
        let machine = load(conn, now(conn, number)?)?;
        if !is_renamed(&machine, evidence) {
            return Ok(Some(machine));
        }
    }
    Ok(None)
}

/// The machine that was last read at an address under a name that is shown there now, where that is the last place
/// that it was read at.
fn namesake(
    conn: &Connection,
    run: &RunKey,
    evidence: &Evidence,
) -> Result<Option<Machine>, Fault> {
    let mut holders = conn.prepare_cached(
        "SELECT machine, last_seen FROM machine_key WHERE site = ?1 AND kind = 'full-name' AND value = ?2",
    )?;
    let mut latest: Option<(i64, Machine)> = None;
    for name in evidence.names_here() {
        let rows = holders.query_map(params![run.site, name], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        for row in rows {
            let (number, seen) = row?;
            let machine = load(conn, now(conn, number)?)?;
            let is_later =
                |(last, other): &(i64, Machine)| (seen, machine.number) > (*last, other.number);
            if machine.named_run.is_some() && latest.as_ref().is_none_or(is_later) {
                latest = Some((seen, machine));
            }
        }
    }
    let Some((seen, machine)) = latest else {
        return Ok(None);
    };
    let mut last = conn.prepare_cached(
        "SELECT max(last_seen) FROM machine_key WHERE kind = 'full-name' AND machine IN
             (SELECT ?1 UNION ALL SELECT old FROM machine_alias WHERE new = ?1)",
    )?;
    let last: i64 = last.query_row([machine.number], |row| row.get(0))?;
    Ok((last == seen).then_some(machine))
}

/// The machine that showed a key last.
fn latest_owner(
    conn: &Connection,
    run: &RunKey,
    kind: &str,
    value: &str,
) -> Result<Option<Machine>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT machine FROM machine_key WHERE site = ?1 AND kind = ?2 AND value = ?3
         ORDER BY last_seen DESC, machine DESC LIMIT 1",
    )?;
    let owner = query.query_row(params![run.site, kind, value], |row| row.get(0));
    let Some(owner) = owner.optional()? else {
        return Ok(None);
    };
    load(conn, now(conn, owner)?).map(Some)
}

/// Reads a machine with the keys of all that were merged into it.
fn load(conn: &Connection, number: i64) -> Result<Machine, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT id, founded_kind, founded_run, named_run FROM machine WHERE number = ?1",
    )?;
    let (id, kind, founded_run, named_run) = query.query_row([number], |row| {
        let kind: String = row.get(1)?;
        Ok((row.get(0)?, kind, row.get(2)?, row.get(3)?))
    })?;
    let founding = Founding::ALL
        .into_iter()
        .find(|founding| founding.as_str() == kind);
    let unheard = || Fault::damaged(format!("a machine founded on {kind}"));
    let mut keys = conn.prepare_cached(
        "SELECT value FROM machine_key WHERE kind = ?2 AND machine IN
             (SELECT ?1 UNION ALL SELECT old FROM machine_alias WHERE new = ?1)",
    )?;
    Ok(Machine {
        number,
        id,
        founding: founding.ok_or_else(unheard)?,
        founded_run,
        named_run,
        names: values(&mut keys, number, MACHINE_ID)?,
        macs: values(&mut keys, number, MAC)?,
        uuids: values(&mut keys, number, PRODUCT_UUID)?,
        server_guids: values(&mut keys, number, SERVER_GUID)?,
        names_at: values(&mut keys, number, FULL_NAME)?,
        keys_at: values(&mut keys, number, HOST_KEY)?,
    })
}

fn values(
    keys: &mut CachedStatement<'_>,
    machine: i64,
    kind: &str,
) -> Result<BTreeSet<String>, Fault> {
    let rows = keys.query_map(params![machine, kind], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes a machine. Where an earlier one was founded on the same value and is now known by better
/// keys, the value gets a number: the same address, years later, is not that machine. A run of another store may have
/// brought that number already.
fn found(conn: &Connection, run: &RunKey, founding: Founding, value: &str) -> Result<i64, Fault> {
    let mut count = conn.prepare_cached(
        "SELECT count(*) FROM machine WHERE site = ?1 AND founded_kind = ?2 AND founded_value = ?3",
    )?;
    let kind = founding.as_str();
    let before: i64 = count.query_row(params![run.site, kind, value], |row| row.get(0))?;
    let mut turn = before + 1;
    let mut id = numbered(run, kind, value, turn);
    while number_of(conn, &id)?.is_some() {
        turn += 1;
        id = numbered(run, kind, value, turn);
    }
    let mut insert = conn.prepare_cached(
        "INSERT INTO machine (id, site, founded_kind, founded_value, founded_run, first_seen, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
    )?;
    let started = Time(run.started);
    Ok(insert.insert(params![
        id.as_str(),
        run.site,
        kind,
        value,
        run.number,
        started
    ])?)
}

/// The id of one of the machines that were founded on a value, by its turn.
fn numbered(run: &RunKey, kind: &str, value: &str, turn: i64) -> MachineId {
    match turn {
        1 => MachineId::from_key(&run.site, kind, value),
        turn => MachineId::from_key(&run.site, kind, &format!("{value}#{turn}")),
    }
}

/// Merges a machine into another: an alias, and one history of findings.
fn absorb(conn: &Connection, run: &RunKey, old: i64, new: i64) -> Result<(), Fault> {
    let mut shorten = conn.prepare_cached("UPDATE machine_alias SET new = ?2 WHERE new = ?1")?;
    shorten.execute([old, new])?;
    let mut alias =
        conn.prepare_cached("INSERT INTO machine_alias (old, new, run) VALUES (?1, ?2, ?3)")?;
    alias.execute([old, new, run.number])?;
    let mut seen = conn.prepare_cached(
        "UPDATE machine SET first_seen = min(first_seen, (SELECT first_seen FROM machine WHERE number = ?1))
         WHERE number = ?2",
    )?;
    seen.execute([old, new])?;
    merge_history(conn, old, new)
}

/// Moves findings' history over. A finding that both had keeps the earlier day and the larger
/// count: adding them up would count a run twice that saw both.
fn merge_history(conn: &Connection, old: i64, new: i64) -> Result<(), Fault> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO finding_history (machine, matter, first_seen, last_run, times_seen)
         SELECT ?2, matter, first_seen, last_run, times_seen FROM finding_history WHERE machine = ?1
         ON CONFLICT DO UPDATE SET first_seen = min(first_seen, excluded.first_seen),
             last_run = max(last_run, excluded.last_run), times_seen = max(times_seen, excluded.times_seen)",
    )?;
    insert.execute([old, new])?;
    conn.execute("DELETE FROM finding_history WHERE machine = ?1", [old])?;
    Ok(())
}

/// Writes down the keys that a machine showed.
fn write_keys(
    conn: &Connection,
    run: &RunKey,
    machine: i64,
    evidence: &Evidence,
) -> Result<(), Fault> {
    let mut keys: Vec<(&str, i64, String)> = Vec::new();
    if let Some(machine_id) = &evidence.machine_id {
        keys.push((MACHINE_ID, 3, machine_id.clone()));
        let support = evidence.boot_id.iter().map(|value| (BOOT_ID, value));
        let support = support.chain(evidence.macs.iter().map(|value| (MAC, value)));
        let support = support.chain(
            evidence
                .product_uuid
                .iter()
                .map(|value| (PRODUCT_UUID, value)),
        );
        keys.extend(support.map(|(kind, value)| (kind, 2, value.clone())));
    }
    keys.extend(evidence.key_here().map(|key| (HOST_KEY, 1, key)));
    if keys.is_empty() {
        keys.push((ADDRESS, 0, evidence.address.to_string()));
    } else {
        // It is known by more now; the next stranger at this address is not it.
        let mut forget = conn.prepare_cached(
            "DELETE FROM machine_key WHERE site = ?1 AND kind = 'address' AND value = ?2",
        )?;
        forget.execute(params![run.site, evidence.address.to_string()])?;
    }
    keys.extend(evidence.names_here().map(|name| (FULL_NAME, 0, name)));
    let guids = evidence.server_guids.iter();
    keys.extend(guids.map(|guid| (SERVER_GUID, 0, guid.clone())));
    let mut insert = conn.prepare_cached(
        "INSERT INTO machine_key (site, kind, value, machine, strength, first_seen, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT DO UPDATE SET first_seen = min(first_seen, excluded.first_seen),
             last_seen = max(last_seen, excluded.last_seen)",
    )?;
    let started = Time(run.started);
    for (kind, strength, value) in keys {
        insert.execute(params![run.site, kind, value, machine, strength, started])?;
    }
    let named = evidence.machine_id.as_ref().map(|_| run.number);
    let mut update = conn.prepare_cached(
        "UPDATE machine SET last_seen = max(last_seen, ?2), named_run = coalesce(named_run, ?3) WHERE number = ?1",
    )?;
    update.execute(params![machine, started, named])?;
    Ok(())
}
