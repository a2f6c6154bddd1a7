//! What was decided, and what follows from it: tables that come back, baselines, what is late, what to install.

use super::asked::Asked;
use super::days;
use super::drifting;
use super::noted;
use super::truth::sights;
use super::weigh::Weighed;
use super::world::{Edit, Run};
use crate::support::Table;
use std::collections::{BTreeMap, BTreeSet};

impl Asked<'_> {
    /// Somebody edits the table of a run, which comes back.
    pub(super) fn edit(&mut self, run: &Run) {
        let own = self.world.edits.iter();
        let edits: Vec<&Edit> = own.filter(|edit| edit.run == run.id).collect();
        if edits.is_empty() {
            return;
        }
        let mut table = self.table(&format!("out-{}", run.id), "findings");
        let sights = sights(self.world, run);
        for edit in &edits {
            let (sight, found) = noted::meant(&sights, edit);
            let (ip, id) = (table.column("ip"), table.column("bulletin_id"));
            let place = table.column(&edit.column);
            let is_own = |row: &&mut Vec<String>| {
                (&row[ip], &row[id]) == (&sight.now.address, &found.bulletin)
            };
            let row = table.rows.iter_mut().find(is_own).unwrap();
            row[place].clone_from(&edit.value);
        }
        let mut writer = csv::Writer::from_path(self.desk.path("edited.csv")).unwrap();
        writer.write_record(&table.header).unwrap();
        for row in &table.rows {
            writer.write_record(row).unwrap();
        }
        writer.flush().unwrap();
        // What is written down belongs to the site.
        let words = format!(
            "import edited.csv --known CMDB=cmdb.csv --site {} --reason slow-vendor --yes",
            run.site
        );
        self.desk.expect(0, &words);
        let again = self.desk.expect(0, &words).err;
        if !again.contains("nothing differs") {
            self.fault(format!("{}: the same table again: {again}", run.id));
        }
        noted::import(self.world, &mut self.notes, run, &edits);
    }

    pub(super) fn drift(&mut self, run: &Run, table: &Table) {
        let truth = drifting::rows(self.world, run);
        let mut rows = BTreeSet::new();
        for row in &table.rows {
            let cell = |column| table.cell(row, column).to_owned();
            let is_of_system = ["build", "os_version"].contains(&cell("rule").as_str());
            let object = if is_of_system {
                String::new()
            } else {
                cell("object")
            };
            let key = [cell("ip"), cell("baseline"), cell("rule"), object];
            // What is found is compared where the truth knows it.
            let is_known = truth.get(&key).is_some_and(|(_, found)| !found.is_empty());
            // A package with its version.
            let found = if is_known {
                let found = cell("found");
                found.split(' ').next_back().unwrap().to_owned()
            } else {
                String::new()
            };
            rows.insert((key, cell("state"), found));
        }
        let all = truth.into_iter();
        let truth = all
            .map(|(key, (state, found))| (key, state.to_owned(), found))
            .collect();
        self.compare(&format!("{} drift.csv", run.id), &rows, &truth);
    }

    /// What is late, owner by owner: on the day of the run, which is the present where its hosts are simulated.
    pub(super) fn overdue(&mut self, run: &Run, weighed: &[Weighed]) {
        let out = format!("late-{}", run.id);
        let words = format!(
            "plan {} --known CMDB=cmdb.csv --format overdue --out {out}",
            run.id
        );
        self.desk.expect(0, &words);
        let table = self.table(&out, "overdue");
        let mut told: BTreeMap<[String; 2], (usize, String)> = BTreeMap::new();
        for row in &table.rows {
            let cell = |column| table.cell(row, column).to_owned();
            let count: usize = cell("overdue").parse().unwrap();
            late(
                &mut told,
                [cell("owner"), cell("ip")],
                count,
                cell("due_date"),
            );
        }
        let mut truth = BTreeMap::new();
        for one in weighed {
            let is_late = one.exception.is_none() && one.days_left.is_some_and(|left| left < 0);
            if let (Some(due), true) = (one.due, is_late) {
                let owner = one.owner.clone();
                let key = [owner, self.address(run, &one.machine)];
                late(&mut truth, key, 1, days::text(due));
            }
        }
        let [told, truth] = [told, truth].map(|all| all.into_iter().collect());
        self.compare(&words, &told, &truth);
        let owners = table.values("owner");
        if !owners.is_sorted() {
            self.fault(format!("{words}: {owners:?}"));
        }
    }

    /// The findings again, by flaw.
    pub(super) fn flaws(&mut self, run: &Run, table: &Table, weighed: &[Weighed]) {
        let mut truth = BTreeSet::new();
        for one in weighed {
            let found = &one.found;
            for cve in &found.cves {
                let is_exploited = self.is_exploited(run, cve);
                truth.insert([
                    self.address(run, &one.machine),
                    cve.clone(),
                    found.bulletin.clone(),
                    found.state.to_owned(),
                    if is_exploited { "yes" } else { "no" }.to_owned(),
                ]);
            }
        }
        let columns = ["ip", "cve", "bulletin_id", "state", "kev"];
        let rows = table.rows.iter();
        let told = rows.map(|row| columns.map(|column| table.cell(row, column).to_owned()));
        let told = told.collect();
        self.compare(&format!("{} findings_cve.csv", run.id), &told, &truth);
    }

    fn is_exploited(&self, run: &Run, cve: &str) -> bool {
        let mut listed = self.world.exploited.iter();
        listed.any(|entry| entry.cve == cve && entry.added <= run.catalogue)
    }

    /// What to install: everything that has a fix is closed by one thing, and a Windows by its newest update.
    pub(super) fn fixes(&mut self, run: &Run, table: &Table, weighed: &[Weighed]) {
        let closed = table.sum("findings_closed");
        let have = weighed.iter().filter(|one| one.found.state != "no_fix_yet");
        let have = have.count();
        if closed != have as u128 {
            self.fault(format!(
                "{} remediation.csv closes {closed} findings and not {have}",
                run.id
            ));
        }
        let (mut told, mut truth) = (BTreeSet::new(), BTreeSet::new());
        let systems = ["server-2019", "server-2022", "windows-10", "windows-11"];
        for system in systems {
            let of_system = |one: &&Weighed| self.world.machine(&one.machine).system == system;
            let own: Vec<&Weighed> = weighed.iter().filter(of_system).collect();
            // What waits for a restart is closed by that, unless something newer is put in as well.
            if own.is_empty() || own.iter().any(|one| one.found.state != "missing") {
                continue;
            }
            let mut newest = "";
            for bulletin in &self.world.bulletins {
                if bulletin.system == system && bulletin.published <= run.catalogue {
                    newest = &bulletin.id;
                }
            }
            let machines: BTreeSet<&String> = own.iter().map(|one| &one.machine).collect();
            let cves: BTreeSet<&String> = own.iter().flat_map(|one| &one.found.cves).collect();
            let exploited = cves.iter().filter(|cve| self.is_exploited(run, cve));
            let counts = [machines.len(), own.len(), cves.len(), exploited.count()];
            truth.insert((newest.to_owned(), counts.map(|count| count.to_string())));
            let is_newest = |row: &&Vec<String>| {
                let url = table.cell(row, "catalogue_url");
                url.ends_with(&format!("={newest}"))
            };
            for row in table.rows.iter().filter(is_newest) {
                let columns = ["machines", "findings_closed", "cves_closed", "kev_closed"];
                let counts = columns.map(|column| table.cell(row, column).to_owned());
                told.insert((newest.to_owned(), counts));
            }
        }
        self.compare(&format!("{} remediation.csv", run.id), &told, &truth);
    }
}

/// So many more are late, one of them since a day.
fn late(
    all: &mut BTreeMap<[String; 2], (usize, String)>,
    key: [String; 2],
    count: usize,
    due: String,
) {
    let (counted, earliest) = all.entry(key).or_insert_with(|| (0, due.clone()));
    *counted += count;
    if due < *earliest {
        *earliest = due;
    }
}
