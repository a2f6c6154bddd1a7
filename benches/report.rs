//! What a fleet of 10,000 machines with a million findings costs to write, format by format.
//!
//! Every format is written in a process of its own, so that its peak of memory is its own. Beside CSV stand, in the
//! same run: a plain `csv::Writer` that makes the two largest tables of the same run (`support/plain.rs`) and is to be
//! at most twice as quick as we are with these, and as limits of the machine the same writer with a few records, already
//! formatted, again and again, a bare `write` of as many bytes, and SHA-256 of them. Time is that of the processor (all
//! threads) and that of the clock; what making up the machines takes is measured alone (`source`) and taken off.
//!
//! `cargo bench --bench report`, or with another size and formats: `cargo bench --bench report -- 1000 csv jsonl`.

#![expect(clippy::print_stdout, reason = "figures for people")]

mod support;

use std::cell::Cell;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::Fleet;
use support::plain::TABLES;
use underdesk::report::{self, EXPORTERS, Options, ReportSource as _, Sink};

/// The machines of a whole measurement.
const MACHINES: u32 = 10_000;
/// The word before what a process of its own is to do.
const CHILD: &str = "--alone";
/// What a format may take at its peak, in KiB.
const GOAL: u64 = 300 * 1024;
/// So few machines that no file is split.
const FEW: u32 = 100;
/// How much of a plain writer's speed CSV is to have at least.
const LEAST: f64 = 0.5;
/// How much of a file is kept to be written again.
const KEPT: u64 = 8 << 20;
const BLOCK: usize = 1 << 18;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [CHILD, what, machines, folder] => alone(what, machines.parse()?, Path::new(folder)),
        // What asks all benchmarks for their tests has none to run here.
        _ if !words.contains(&"--bench") => Ok(()),
        _ => {
            let words = words.into_iter().filter(|word| *word != "--bench");
            let (numbers, formats): (Vec<&str>, Vec<&str>) =
                words.partition(|word| word.parse::<u32>().is_ok());
            let machines = numbers.first().map_or(Ok(MACHINES), |word| word.parse())?;
            all(machines, &formats)
        }
    }
}

/// Measures each format, and prints a line of each.
fn all(machines: u32, only: &[&str]) -> Outcome<()> {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report-bench");
    println!(
        "{machines} machines, {} findings",
        u64::from(machines) * 100
    );
    println!("format          cpu s   wall s     MiB     MiB/cpu s   MiB/s   peak MiB");
    let source = child("source", machines, &root)?;
    source.print("source", None);
    for format in EXPORTERS.iter().map(|one| one.format()) {
        if !only.is_empty() && !only.contains(&format) {
            continue;
        }
        let folder = root.join(format);
        let Ok(done) = child(format, machines, &folder) else {
            println!("{format:<14} failed");
            fs::remove_dir_all(&folder)?;
            continue;
        };
        done.print(format, Some(&source));
        if done.peak > GOAL {
            println!(
                "{format:<14} takes more than the {} MiB that are the goal",
                GOAL / 1024
            );
        }
        if format == "csv" {
            limits(&done.without(&source), machines, &folder)?;
            beside_plain(&source, machines, &folder)?;
        }
        fs::remove_dir_all(&folder)?;
    }
    fs::remove_dir_all(&root).ok();
    Ok(())
}

/// What the machine allows: the same records copied by a plain writer, and the same bytes.
fn limits(own: &Measured, machines: u32, folder: &Path) -> Outcome<()> {
    for (what, name) in [
        ("copied-csv", "records alone"),
        ("bytes", "bytes alone"),
        ("hash", "SHA-256"),
    ] {
        let done = child(what, machines, folder)?;
        done.print(name, None);
        compare("csv", own, name, &done);
    }
    Ok(())
}

/// What a plain writer takes for the two largest tables of the same run, and what we take for them.
fn beside_plain(source: &Measured, machines: u32, folder: &Path) -> Outcome<()> {
    does_the_same(folder)?;
    let own = child("csv-two", machines, folder)?;
    own.print("csv, 2 tables", Some(source));
    let plain = child("plain-csv", machines, folder)?;
    plain.print("csv::Writer", Some(source));
    let (own, plain) = (own.without(source), plain.without(source));
    compare("csv, 2 tables", &own, "csv::Writer", &plain);
    if own.rate(own.wall) < LEAST * plain.rate(plain.wall) {
        println!("               which is less than the {LEAST} that are the goal");
    }
    Ok(())
}

/// Checks that the plain writer writes what we write.
fn does_the_same(folder: &Path) -> Outcome<()> {
    let [own, plain] = ["own", "plain"].map(|name| folder.join(name));
    child("csv-two", FEW, &own)?;
    child("plain-csv", FEW, &plain)?;
    for table in TABLES {
        let name = format!("{table}.csv");
        if fs::read(own.join(&name))? != fs::read(plain.join(&name))? {
            return Err(format!("the plain writer's {name} is another than ours").into());
        }
    }
    Ok(())
}

fn compare(ours: &str, own: &Measured, name: &str, other: &Measured) {
    println!(
        "               {ours} is {:.2} times as quick as {name} by the processor, {:.2} by the clock",
        own.rate(own.cpu) / other.rate(other.cpu),
        own.rate(own.wall) / other.rate(other.wall)
    );
}

/// What one process took.
struct Measured {
    cpu: f64,
    wall: f64,
    bytes: u64,
    /// KiB.
    peak: u64,
}

impl Measured {
    fn without(&self, source: &Self) -> Self {
        Self {
            cpu: (self.cpu - source.cpu).max(0.01),
            wall: (self.wall - source.wall).max(0.01),
            ..*self
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn mib(&self) -> f64 {
        self.bytes as f64 / f64::from(1 << 20)
    }

    fn rate(&self, seconds: f64) -> f64 {
        self.mib() / seconds
    }

    fn print(&self, name: &str, source: Option<&Self>) {
        let own = source.map_or(Self { ..*self }, |source| self.without(source));
        println!(
            "{name:<14} {:>6.2} {:>8.2} {:>8.0} {:>12.0} {:>8.0} {:>9}",
            own.cpu,
            own.wall,
            own.mib(),
            own.rate(own.cpu),
            own.rate(own.wall),
            own.peak / 1024
        );
    }
}

/// Does something in a process of its own.
fn child(what: &str, machines: u32, folder: &Path) -> Outcome<Measured> {
    fs::create_dir_all(folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([CHILD, what, &machines.to_string()])
        .arg(folder);
    let done = command.stderr(std::process::Stdio::inherit()).output()?;
    if !done.status.success() {
        return Err(format!("{what} ended with {}", done.status).into());
    }
    let text = String::from_utf8(done.stdout)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let [cpu, wall, bytes, peak] = words.as_slice() else {
        return Err(format!("{what} said {text}").into());
    };
    Ok(Measured {
        cpu: cpu.parse()?,
        wall: wall.parse()?,
        bytes: bytes.parse()?,
        peak: peak.parse()?,
    })
}

/// What a process of its own does; prints its figures.
fn alone(what: &str, machines: u32, folder: &Path) -> Outcome<()> {
    let prepared = match what {
        "copied-csv" => Prepared::Records(records(folder)?),
        "bytes" | "hash" => Prepared::Blocks(blocks(folder)?),
        _ => Prepared::Fleet(Box::new(Fleet::new(machines))),
    };
    let (cpu, clock) = (cpu()?, Instant::now());
    let bytes = match &prepared {
        Prepared::Fleet(fleet) if what == "source" => {
            let findings = Cell::new(0);
            fleet.machines(&mut |machine| {
                findings.set(findings.get() + machine.findings.len());
                Ok(())
            })?;
            0
        }
        Prepared::Fleet(fleet) if what == "plain-csv" => {
            support::plain::write(&**fleet, folder)?;
            length(folder)?
        }
        Prepared::Fleet(fleet) if what == "csv-two" => {
            export(fleet, "csv", Some(TABLES.join(",")), folder)?
        }
        Prepared::Fleet(fleet) => export(fleet, what, None, folder)?,
        Prepared::Records(tables) => copied(tables, folder)?,
        Prepared::Blocks(tables) if what == "hash" => hash(tables),
        Prepared::Blocks(tables) => bare(tables, folder)?,
    };
    let (cpu, wall) = (self::cpu()?.saturating_sub(cpu), clock.elapsed());
    println!(
        "{} {} {bytes} {}",
        cpu.as_secs_f64(),
        wall.as_secs_f64(),
        peak()?
    );
    Ok(())
}

enum Prepared {
    Fleet(Box<Fleet>),
    Records(Vec<Table>),
    Blocks(Vec<Blocks>),
}

/// The first records of a file, and how many it has.
struct Table {
    name: String,
    rows: u64,
    records: Vec<csv::ByteRecord>,
}

/// The first bytes of a file, and how many it has.
struct Blocks {
    name: String,
    bytes: u64,
    block: Vec<u8>,
}

fn export(fleet: &Fleet, format: &str, table: Option<String>, folder: &Path) -> Outcome<u64> {
    let mut sink = Folder(folder.to_owned());
    let options = Options {
        table,
        ..Options::default()
    };
    let written = report::export(fleet, &[format], &options, &mut sink)?;
    Ok(written.files.iter().map(|file| file.bytes).sum())
}

struct Folder(PathBuf);

impl Sink for Folder {
    fn file(&mut self, name: &str) -> io::Result<Box<dyn Write>> {
        Ok(Box::new(File::create(self.0.join(name))?))
    }
}

/// What the manifest says of the files.
fn files(folder: &Path) -> Outcome<Vec<(String, u64, u64)>> {
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("manifest.json"))?)?;
    let files = manifest.get("files").and_then(|files| files.as_array());
    let files = files.ok_or("no files")?;
    let files = files.iter().map(|file| {
        let number = |name: &str| file.get(name)?.as_u64();
        let name = file
            .get("name")
            .and_then(|name| name.as_str())
            .ok_or("no name")?;
        Ok((
            name.to_owned(),
            number("rows").ok_or("no rows")?,
            number("bytes").ok_or("no bytes")?,
        ))
    });
    files.collect()
}

fn records(folder: &Path) -> Outcome<Vec<Table>> {
    let mut tables = Vec::new();
    for (name, rows, _) in files(folder)? {
        let file = File::open(folder.join(&name))?.take(KEPT);
        let mut reader = csv::ReaderBuilder::new();
        let mut records = reader.flexible(true).from_reader(file);
        let mut records = records.byte_records().collect::<Result<Vec<_>, _>>()?;
        // The last one may be half.
        if records.len() > 1 {
            records.pop();
        }
        tables.push(Table {
            name,
            rows,
            records,
        });
    }
    Ok(tables)
}

fn blocks(folder: &Path) -> Outcome<Vec<Blocks>> {
    let mut tables = Vec::new();
    for (name, _, bytes) in files(folder)? {
        let mut block = Vec::new();
        File::open(folder.join(&name))?
            .take(KEPT)
            .read_to_end(&mut block)?;
        tables.push(Blocks { name, bytes, block });
    }
    Ok(tables)
}

/// How long the files are that the plain writer has written.
fn length(folder: &Path) -> Outcome<u64> {
    let files = TABLES.iter();
    let lengths = files.map(|table| fs::metadata(folder.join(format!("{table}.csv"))));
    Ok(lengths
        .map(|file| file.map(|file| file.len()))
        .sum::<io::Result<u64>>()?)
}

/// Writes the records, already formatted, again and again.
fn copied(tables: &[Table], folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for table in tables {
        let path = folder.join(format!("copied-{}", table.name));
        let mut builder = csv::WriterBuilder::new();
        builder
            .terminator(csv::Terminator::CRLF)
            .buffer_capacity(BLOCK);
        let mut writer = builder.flexible(true).from_path(&path)?;
        let mut again = table.records.iter().cycle();
        for _ in 0..table.rows {
            if let Some(record) = again.next() {
                writer.write_byte_record(record)?;
            }
        }
        writer.flush()?;
        bytes += fs::metadata(&path)?.len();
    }
    Ok(bytes)
}

/// Writes as many bytes as there were.
fn bare(tables: &[Blocks], folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for table in tables {
        let mut file = File::create(folder.join(format!("bare-{}", table.name)))?;
        each_chunk(table, |chunk| file.write_all(chunk))?;
        bytes += table.bytes;
    }
    Ok(bytes)
}

/// Hashes as many bytes as there were.
fn hash(tables: &[Blocks]) -> u64 {
    use sha2::{Digest as _, Sha256};
    let mut bytes = 0;
    for table in tables {
        let mut hash = Sha256::new();
        let done = each_chunk(table, |chunk| {
            hash.update(chunk);
            Ok(())
        });
        std::hint::black_box((done.is_ok(), hash.finalize()));
        bytes += table.bytes;
    }
    bytes
}

fn each_chunk(table: &Blocks, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut left = usize::try_from(table.bytes).map_err(io::Error::other)?;
    for chunk in table.block.chunks(BLOCK).cycle() {
        if left == 0 {
            break;
        }
        let chunk = chunk.get(..left).unwrap_or(chunk);
        take(chunk)?;
        left -= chunk.len();
    }
    Ok(())
}

/// The processor's time of this process so far, its threads included.
fn cpu() -> Outcome<Duration> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let words = text.rsplit(')').next().unwrap_or_default();
    let ticks = words.split_whitespace().skip(11).take(2);
    let ticks = ticks.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    // Linux tells them in hundredths of a second everywhere.
    Ok(Duration::from_millis(ticks * 10))
}

/// The peak of this process's memory, in KiB.
fn peak() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmHWM")?.parse()?)
}
