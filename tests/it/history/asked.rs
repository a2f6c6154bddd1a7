//! What the program says, asked as a user asks it, against the truth.

use super::days;
use super::differ::{self, Row};
use super::noted::{self, Notes};
use super::planned;
use super::play;
use super::standing::standing;
use super::trail;
use super::truth::{self, Sight, sights};
use super::weigh::{self, SHEET, Weighed};
use super::world::{Run, World, folder};
use crate::support::{Desk, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use underdesk::model::UtcTime;

/// A desk on which a history was played.
pub(super) struct Asked<'a> {
    pub(super) world: &'a World,
    pub(super) desk: Desk,
    /// What came back in tables so far.
    pub(super) notes: Notes,
    /// What differs, in words.
    pub(super) faults: Vec<String>,
}

impl<'a> Asked<'a> {
    /// Plays a history on a desk of its own, which knows all that was ever published.
    pub(super) fn play(world: &'a World) -> Self {
        let desk = Desk::without_catalog();
        let last = world.runs.iter().map(|run| run.catalogue).max().unwrap();
        let far = UtcTime::parse("2099-01-01T00:00:00Z").unwrap();
        play::import(last, &play::shelf(&desk), far);
        std::fs::create_dir_all(desk.path("home/.local/state/underdesk")).unwrap();
        for file in ["policy.toml", "cmdb.csv"] {
            let text = std::fs::read_to_string(folder().join(file)).unwrap();
            desk.write(file, &text);
        }
        play::play(world, &desk.store());
        Self {
            world,
            desk,
            notes: Notes::new(),
            faults: Vec::new(),
        }
    }

    pub(super) fn fault(&mut self, words: String) {
        self.faults.push(words);
    }

    pub(super) fn compare<T: Ord + std::fmt::Debug>(
        &mut self,
        what: &str,
        told: &BTreeSet<T>,
        truth: &BTreeSet<T>,
    ) {
        for row in told.difference(truth) {
            self.fault(format!("{what}: told and not so: {row:?}"));
        }
        for row in truth.difference(told) {
            self.fault(format!("{what}: so and not told: {row:?}"));
        }
    }

    pub(super) fn table(&self, folder: &str, name: &str) -> Table {
        Table::open(&self.desk.path(&format!("{folder}/{name}.csv")))
    }

    /// Exports a run, and looks at every file of it.
    pub(super) fn export(&mut self, run: &Run) {
        let out = format!("out-{}", run.id);
        let words = format!("export {} --known CMDB=cmdb.csv --out {out}", run.id);
        let ended = self.desk.run(&words);
        assert!(matches!(ended.code, Some(0 | 3)), "{words}\n{}", ended.err);
        let sights = sights(self.world, run);
        let weighed = weigh::weigh(self.world, run, &sights, &self.notes);
        let findings = self.table(&out, "findings");
        self.findings(run, &findings, &weighed);
        self.ranks(run, &findings, &weighed);
        self.machines(run, &self.table(&out, "machines"), &sights, &weighed);
        let truth = differ::earlier(self.world, run)
            .map(|before| differ::rows(self.world, before, run))
            .unwrap_or_default();
        let told = changes(&self.table(&out, "changes"));
        self.compare(&format!("{} changes.csv", run.id), &told, &truth);
        self.drift(run, &self.table(&out, "drift"));
        self.flaws(run, &self.table(&out, "findings_cve"), &weighed);
        self.fixes(run, &self.table(&out, "remediation"), &weighed);
        let told = trail(&self.table(&out, "history"));
        let truth = trail::rows(self.world, run);
        self.compare(&format!("{} history.csv", run.id), &told, &truth);
        if run.site == "default" {
            self.exceptions(run, &self.table(&out, "exceptions"), &sights);
            self.standings(run, &out, &sights);
        }
        self.plan(run, &sights, &weighed);
        self.overdue(run, &weighed);
        self.policy(run, &weighed);
    }

    /// How many findings the rules touch.
    fn policy(&mut self, run: &Run, weighed: &[Weighed]) {
        let told = self.desk.expect(0, &format!("policy check {}", run.id)).out;
        // A rule touches what a table decides, too.
        let is_untouched = |one: &&Weighed| {
            let machine = self.world.machine(&one.machine);
            weigh::severity(machine, &one.found).1.is_empty()
        };
        let untouched = weighed.iter().filter(is_untouched).count();
        let all = weighed.len();
        let truth =
            format!("{all} open or undecided findings, {untouched} of them touched by no rule");
        if !told.contains(&truth) {
            self.fault(format!("{}: {truth}, and not: {told}", run.id));
        }
        for rule in ["exploited-in-the-open", "likely", "of-little-weight"] {
            let decided = weighed.iter().filter(|one| one.rule == rule).count();
            let line = told.lines().find(|line| line.starts_with(rule));
            let cells: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
            if !cells.contains(&decided.to_string().as_str()) {
                self.fault(format!(
                    "{}: {rule} decides {decided}, and not: {told}",
                    run.id
                ));
            }
        }
    }

    pub(super) fn address(&self, run: &Run, machine: &str) -> String {
        let machine = self.world.machine(machine);
        self.world.now(machine, run.day()).address
    }

    fn findings(&mut self, run: &Run, table: &Table, weighed: &[Weighed]) {
        let day = |day: Option<i64>| day.map(days::text).unwrap_or_default();
        let truth = weighed.iter().map(|one| {
            let found = &one.found;
            vec![
                self.address(run, &one.machine),
                found.bulletin.clone(),
                found.state.to_owned(),
                found.installed.clone(),
                if found.kev { "yes" } else { "no" }.to_owned(),
                day(found.kev_due),
                found.cves.join("; "),
                days::text(one.first),
                one.times.to_string(),
                one.severity.to_owned(),
                one.rule.to_owned(),
                day(one.due),
                one.days_left
                    .map(|left| left.to_string())
                    .unwrap_or_default(),
                one.exception.clone().unwrap_or_default(),
                one.owner.clone(),
                one.status.clone(),
                day(one.exception_until),
            ]
        });
        let truth = truth.collect();
        let columns = [
            "ip",
            "bulletin_id",
            "state",
            "installed_version",
            "kev",
            "kev_due_date",
            "cves",
            "first_seen_date",
            "times_seen",
            "my_severity",
            "policy_rule",
            "due_date",
            "days_left",
            "exception_id",
            "owner",
            "status",
            "exception_until",
        ];
        let world = self.world;
        let told = table.rows.iter().map(|row| {
            let cells = columns.iter().map(|column| {
                let cell = table.cell(row, column);
                match *column {
                    // Of the rules' names only that of the severity is compared.
                    "policy_rule" => own_rule(cell),
                    // An exception that a cell granted has an id that nobody foresees.
                    "exception_id" if is_of_sheet(world, cell) => SHEET.to_owned(),
                    _ => cell.to_owned(),
                }
            });
            cells.collect::<Vec<_>>()
        });
        let told = told.collect();
        self.compare(&format!("{} findings.csv", run.id), &told, &truth);
    }

    fn ranks(&mut self, run: &Run, table: &Table, weighed: &[Weighed]) {
        let mut truth = Vec::new();
        let mut told: Vec<(usize, String)> = Vec::new();
        for row in &table.rows {
            let (ip, bulletin) = (table.cell(row, "ip"), table.cell(row, "bulletin_id"));
            let id = table.cell(row, "finding_id").to_owned();
            // Of those that stand alike the order is that of the addresses.
            let place = (
                ip.parse::<IpAddr>().unwrap(),
                table.cell(row, "product"),
                bulletin,
            );
            let of = |one: &&Weighed| {
                one.found.bulletin == bulletin && self.address(run, &one.machine) == ip
            };
            if let Some(one) = weighed.iter().find(of) {
                truth.push(((weigh::order(one), place), id.clone()));
            }
            told.push((table.cell(row, "rank").parse().unwrap(), id));
        }
        truth.sort();
        told.sort();
        let numbers: Vec<usize> = told.iter().map(|(rank, _)| *rank).collect();
        if numbers != (1..=told.len()).collect::<Vec<_>>() {
            self.fault(format!("{}: ranks {numbers:?}", run.id));
        }
        let key = |id: &String| truth.iter().find(|(_, one)| one == id).map(|(key, _)| key);
        let wrong = told
            .iter()
            .zip(&truth)
            .find(|((_, told), (_, truth))| told != truth);
        if let Some(((rank, told), (should, truth))) = wrong {
            let why = format!("{told} {:?} and not {truth} {should:?}", key(told));
            self.faults
                .push(format!("{}: rank {rank} has {why}", run.id));
        }
    }

    fn machines(&mut self, run: &Run, table: &Table, sights: &[Sight], weighed: &[Weighed]) {
        let met = sights.iter().filter(|one| one.is_met);
        let truth = met.map(|one| {
            let own: Vec<&Weighed> = weighed
                .iter()
                .filter(|finding| finding.machine == one.machine)
                .collect();
            let count = |is: &dyn Fn(&Weighed) -> bool| {
                own.iter().filter(|one| is(one)).count().to_string()
            };
            let overdue = |one: &Weighed| {
                one.exception.is_none() && one.days_left.is_some_and(|left| left < 0)
            };
            let outcome = match (self.world.machine(&one.machine).is_computer(), one.is_read) {
                (false, _) => "network_only",
                (true, true) => "scanned_full",
                (true, false) => "failed",
            };
            let known = |text: String| if one.is_read { text } else { "-".to_owned() };
            vec![
                one.now.address.clone(),
                outcome.to_owned(),
                known(count(&|one| one.found.state == "missing")),
                known(count(&|one| one.found.state == "no_fix_yet")),
                known(count(&|one| one.found.kev)),
                known(count(&overdue)),
            ]
        });
        let truth = truth.collect();
        let columns = [
            "ip",
            "outcome",
            "missing_count",
            "no_fix_count",
            "kev_count",
            "overdue_count",
        ];
        let told = table.rows.iter().map(|row| {
            let is_read = table.cell(row, "outcome") == "scanned_full";
            let cells = columns.iter().enumerate().map(|(at, column)| {
                if at > 1 && !is_read {
                    "-".to_owned()
                } else {
                    table.cell(row, column).to_owned()
                }
            });
            cells.collect::<Vec<_>>()
        });
        let told = told.collect();
        self.compare(&format!("{} machines.csv", run.id), &told, &truth);
    }

    fn exceptions(&mut self, run: &Run, table: &Table, sights: &[Sight]) {
        let truth = self.world.exceptions.iter().map(|one| {
            let (state, held, _) = weigh::standing(self.world, run, sights, one);
            [one.id.clone(), state.to_owned(), held.to_string()]
        });
        let truth = truth.collect();
        let of_sheets =
            |row: &&Vec<String>| is_of_sheet(self.world, table.cell(row, "exception_id"));
        let cells = |row: &Vec<String>, columns: [&str; 3]| {
            columns.map(|column| table.cell(row, column).to_owned())
        };
        let told = table.rows.iter().filter(|row| !of_sheets(row));
        let told = told.map(|row| cells(row, ["exception_id", "state", "findings"]));
        let told = told.collect();
        let sheets = table.rows.iter().filter(of_sheets);
        let mut sheets: Vec<[String; 3]> = sheets
            .map(|row| cells(row, ["until_date", "state", "findings"]))
            .collect();
        sheets.sort();
        let granted = noted::standing(sights, &self.notes);
        if sheets != granted {
            self.fault(format!(
                "{} exceptions.csv, of sheets: {sheets:?} and not {granted:?}",
                run.id
            ));
        }
        self.compare(&format!("{} exceptions.csv", run.id), &told, &truth);
        let words = format!("except list {}", run.id);
        let page = self.desk.expect(0, &words).out;
        // Id, state, last day, findings.
        let told = page.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split_whitespace().collect();
            [0, 1, 3].map(|at| cells[at].to_owned())
        });
        let told = told.filter(|[id, ..]| !is_of_sheet(self.world, id));
        let told = told.collect();
        self.compare(&words, &told, &truth);
    }

    fn standings(&mut self, run: &Run, out: &str, sights: &[Sight]) {
        let machines = self.table(out, "machines");
        let entries = self.table(out, "unmanaged");
        for sight in sights {
            let Some((state, reason)) = standing(self.world, run, sight) else {
                continue;
            };
            let now = &sight.now;
            let row = if sight.is_met {
                machines
                    .rows
                    .iter()
                    .find(|row| machines.cell(row, "ip") == now.address)
                    .map(|row| (&machines, row))
            } else {
                let is_own = |row: &&Vec<String>| {
                    entries
                        .cell(row, "hostname")
                        .eq_ignore_ascii_case(&sight.machine)
                };
                entries.rows.iter().find(is_own).map(|row| (&entries, row))
            };
            let told = row.map(|(table, row)| {
                let cell = |column| table.cell(row, column).to_owned();
                (cell("managed_state"), cell("managed_reason"))
            });
            let is_so = told
                .as_ref()
                .is_some_and(|told| told.0 == state && (reason.is_empty() || told.1 == reason));
            if !is_so {
                self.fault(format!(
                    "{} {}: stands {told:?} and not {state} {reason}",
                    run.id, sight.machine
                ));
            }
        }
    }

    fn plan(&mut self, run: &Run, sights: &[Sight], weighed: &[Weighed]) {
        let out = format!("plan-{}", run.id);
        let from = &run.finished;
        let words = format!(
            "plan {} --known CMDB=cmdb.csv --from {from} --format csv --out {out}",
            run.id
        );
        let ended = self.desk.run(&words);
        assert_eq!(ended.code, Some(0), "{words}\n{}", ended.err);
        let table = self.table(&out, "plan");
        let mut told: BTreeMap<String, planned_row::Told> = BTreeMap::new();
        for row in &table.rows {
            told.entry(table.cell(row, "ip").to_owned())
                .or_default()
                .add(&table, row);
        }
        let minute = days::minute(from);
        for sight in sights {
            let truth = planned::plan(self.world, (sight, weighed), run.catalogue, minute);
            let said = told.remove(&sight.now.address);
            let same = match (&truth, &said) {
                (None, None) => true,
                (Some(truth), Some(said)) => said.is(truth),
                _ => false,
            };
            if !same {
                self.fault(format!(
                    "{} {} plan: {said:?} and not {truth:?}",
                    run.id, sight.machine
                ));
            }
        }
        if !told.is_empty() {
            self.fault(format!("{} plan: of nobody: {told:?}", run.id));
        }
    }

    /// Any two runs of a site.
    pub(super) fn diff(&mut self, before: &Run, after: &Run) {
        let out = format!("diff-{}-{}", before.id, after.id);
        let words = format!("diff {} {} --out {out}", before.id, after.id);
        self.desk.expect(0, &words);
        let told = changes(&self.table(&out, "changes"));
        let truth = differ::rows(self.world, before, after);
        self.compare(&words, &told, &truth);
    }

    /// A past day.
    pub(super) fn as_of(&mut self, day: i64) {
        let mut latest = None;
        for run in &self.world.runs {
            if run.site == "default" && run.day() <= day {
                latest = Some(run);
            }
        }
        let words = format!("match --as-of {} --out then-{day}", days::text(day));
        let Some(run) = latest else {
            self.desk.expect(2, &words);
            return;
        };
        let ended = self.desk.run(&words);
        // 5 where a publisher's newest record is too old to tell of that day.
        let ends = [Some(0), Some(3), Some(5)];
        assert!(ends.contains(&ended.code), "{words}\n{}", ended.err);
        let table = self.table(&format!("then-{day}"), "findings");
        // Of what came out after its last import the catalogue knows nothing.
        let catalogues = self.world.runs.iter().map(|run| run.catalogue);
        let known = day.min(catalogues.max().unwrap());
        let mut truth = BTreeSet::new();
        for sight in sights(self.world, run) {
            if !sight.is_read {
                continue;
            }
            let machine = self.world.machine(&sight.machine);
            for found in truth::findings(self.world, machine, &sight.now, known) {
                truth.insert([
                    sight.now.address.clone(),
                    found.bulletin,
                    found.state.to_owned(),
                    if found.kev { "yes" } else { "no" }.to_owned(),
                ]);
            }
        }
        let told = table.rows.iter().map(|row| {
            ["ip", "bulletin_id", "state", "kev"].map(|column| table.cell(row, column).to_owned())
        });
        let told = told.collect();
        self.compare(&words, &told, &truth);
    }

    /// Nothing differs.
    pub(super) fn end(self) {
        let faults = self.faults.join("\n");
        assert!(faults.is_empty(), "{} faults\n{faults}", self.faults.len());
    }
}

/// Whether a cell names an exception that a table granted.
fn is_of_sheet(world: &World, id: &str) -> bool {
    !id.is_empty() && world.exceptions.iter().all(|one| one.id != id)
}

/// The severity rule among those that `policy_rule` names.
fn own_rule(cell: &str) -> String {
    let rules = [
        "exploited-in-the-open",
        "likely",
        "of-little-weight",
        "spreadsheet",
    ];
    let own = cell
        .split("; ")
        .map(str::trim)
        .find(|word| rules.contains(word));
    own.unwrap_or_default().to_owned()
}

/// The rows of a `changes.csv` that the truth speaks of.
fn changes(table: &Table) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for row in &table.rows {
        let cell = |column| table.cell(row, column);
        let (change, object) = (cell("change"), cell("object"));
        // How it stands against lists is looked at elsewhere.
        if change == "machine_changed" && object == "managed_state" {
            continue;
        }
        let is_machine = change.starts_with("machine_") && change != "machine_changed";
        let object = if change.starts_with("finding_") || change.starts_with("software_") {
            // A bulletin with its product, a package with its manager.
            object.split(' ').next().unwrap()
        } else {
            object
        };
        let values = if is_machine {
            ["", ""]
        } else {
            [cell("before"), cell("after")]
        };
        let row = [cell("ip"), change, object, values[0], values[1]];
        rows.insert(row.map(str::to_owned));
    }
    rows
}

/// The rows of a `history.csv`.
pub(super) fn trail(table: &Table) -> BTreeSet<trail::Row> {
    let columns = [
        "ip",
        "when_utc",
        "date",
        "not_before_date",
        "update",
        "action",
        "version_before",
        "version_after",
        "installed_by",
        "command",
        "source",
        "first_run_id",
    ];
    let rows = table.rows.iter();
    rows.map(|row| columns.map(|column| table.cell(row, column).to_owned()))
        .collect()
}

mod planned_row {
    use super::{Table, planned};
    use std::collections::BTreeSet;

    /// What `plan.csv` says of a machine.
    #[derive(Debug, Default)]
    pub(super) struct Told {
        waves: BTreeSet<String>,
        owners: BTreeSet<String>,
        windows: BTreeSet<(String, String)>,
        closes: usize,
        open: usize,
        reasons: BTreeSet<String>,
        updates: Vec<String>,
        packages: usize,
    }

    /// `KB5030216` of `install KB5030216: 2023-09 cumulative update`.
    fn update(what: &str) -> String {
        let word = what.split([' ', ':']).nth(1);
        word.unwrap_or_default().to_owned()
    }

    impl Told {
        pub(super) fn add(&mut self, table: &Table, row: &[String]) {
            let cell = |column| table.cell(row, column).to_owned();
            let number = |column| cell(column).parse::<usize>().unwrap_or_default();
            self.waves.insert(cell("wave"));
            self.owners.insert(cell("owner"));
            self.windows
                .insert((cell("window_start"), cell("window_end")));
            self.closes += number("closes");
            self.open += number("left_open");
            match cell("kind").as_str() {
                "packages" => self.packages += 1,
                "update" => self.updates.push(update(&cell("what"))),
                _ => {}
            }
            if number("left_open") > 0 {
                self.reasons.insert(cell("reason"));
            }
        }

        pub(super) fn is(&self, truth: &planned::Plan) -> bool {
            let one =
                |words: &BTreeSet<String>, word: &str| words.len() == 1 && words.contains(word);
            one(&self.waves, truth.wave)
                && one(&self.owners, &truth.owner)
                && self.windows == BTreeSet::from([truth.window.clone()])
                && self.closes == truth.closes
                && self.open == truth.open
                && self.updates == Vec::from_iter(truth.update.clone())
                && self.packages == usize::from(truth.has_packages)
        }
    }
}
