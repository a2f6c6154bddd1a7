//! A user's own bulletins: a table of programs and of the versions that are good enough.
//!
//! For what no publisher's feed speaks of. The first line names the columns, in any order and case; they are
//! separated by commas, semicolons or tabs; the file is UTF-8 or what Excel saves.
//!
//! | column | meaning |
//! |---|---|
//! | `product` | the program, as the rules for programs name it. Needed |
//! | `fixed_version` | the first version without the flaw, as the program writes it; `none` where there is no fix. Needed |
//! | `affected_since` | the first version with it, where earlier ones are not affected |
//! | `severity` | `critical`, `high`, `medium` or `low`; Microsoft's words are read as well |
//! | `cve`, `cves` | one or more CVE ids, separated by blanks, commas, semicolons or bars |
//! | `id` | the bulletin's name: `VMSA-2025-0013`. Else each CVE is a bulletin, or `local:PRODUCT:VERSION` |
//! | `impact` | what it lets an attacker do: `remote code execution`; several as above |
//! | `cwe`, `cwes` | the weaknesses behind it: `CWE-787`; several as above |
//! | `title` | one line for people |
//! | `url` | where to get the update, or to read of it |
//! | `kb` | the article, where the update is one of Microsoft's |
//! | `arch` | what the file is for: `x64`, `x86`, `arm64`, `arm`; empty or `any` for all. A row for each |
//! | `download_url` | the file of the update, http or https |
//! | `download_size`, `download_sha256` | its bytes, and its SHA-256 in hex |
//! | `silent_switch` | what makes its installer ask nothing: `/quiet /norestart` |
//! | `published` | a day, `2026-11-22` |
//!
//! Other columns are left out. Rows of one bulletin and one product are its branches: with
//! `affected_since` each says from which version on it is the one that counts. A file that is imported later
//! replaces what an earlier one said of the same bulletin and product, and takes back nothing else. A
//! row that does not read is left out and named by its line.

use super::msrc_clean as clean;
use super::text::{Row, Table, day, is_cve};
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::Outline;
use crate::model::{
    Advisory, AffectedProduct, Arch, BulletinId, Download, FileHash, Fix, KbId, Nature, ProductKey,
    Severity, UpdateId, UpdateKind, UtcTime, silent_switch,
};
use std::collections::BTreeMap;
use std::io::BufRead;

/// A table that people keep has kilobytes.
const MOST_BYTES: u64 = 64 << 20;

/// No name, version or title is longer.
const LONGEST: usize = 500;

/// See the module.
#[derive(Debug)]
pub(super) struct BulletinsCsv;

impl Feed for BulletinsCsv {
    fn name(&self) -> &'static str {
        "bulletins-csv"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.has_columns(&["product", "fixed_version"])
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let wrong = |source| {
            let feed = self.name();
            FeedError::Table { feed, source }
        };
        let mut table = Table::open(doc, MOST_BYTES).map_err(wrong)?;
        let mut report = FeedReport::default();
        let mut advisories: BTreeMap<(BulletinId, ProductKey), Advisory> = BTreeMap::new();
        while let Some(row) = table.next().map_err(wrong)? {
            if row.is_blank() {
                continue;
            }
            let record = format!("in line {}", row.line());
            match bulletins(&row, &record, &mut report) {
                Ok(read) => {
                    for advisory in read {
                        let key = ProductKey::of(&advisory.document);
                        let place = (advisory.id.clone(), key);
                        match advisories.get_mut(&place) {
                            Some(known) => merge(known, advisory),
                            None => drop(advisories.insert(place, advisory)),
                        }
                    }
                }
                Err(what) => report.skip(&record, what),
            }
        }
        for advisory in advisories.into_values() {
            report.read += 1;
            out(Record::Advisory(advisory));
        }
        Ok(report)
    }
}

/// The bulletins of a row.
fn bulletins(
    row: &Row<'_>,
    record: &str,
    report: &mut FeedReport,
) -> Result<Vec<Advisory>, String> {
    let product = cell(row, "product")?.ok_or("no product")?;
    let version = cell(row, "fixed_version")?
        .ok_or("no fixed_version; where there is no fix, write `none`")?;
    let title = cell(row, "title")?.unwrap_or_else(|| format!("{product} {version}"));
    let cves = cves(row)?;
    let affected = AffectedProduct {
        product: product.clone(),
        severity: severity(row, record, report)?,
        cvss_tenths: None,
        nature: nature(row)?,
        fixes: fix(row, &title, &version, &mut |what| {
            report.problem(record, what);
        })?
        .into_iter()
        .collect(),
    };
    let key = ProductKey::of(&product);
    let local = format!("local:{key}:{version}");
    let published = published(row)?;
    let advisory = |id: String, cves: Vec<String>| Advisory {
        id: BulletinId::new(id),
        feed: "bulletins-csv".to_owned(),
        document: key.as_str().to_owned(),
        title: title.clone(),
        cves,
        published,
        modified: None,
        affected: vec![affected.clone()],
    };
    Ok(match cell(row, "id")? {
        Some(id) => vec![advisory(id, cves)],
        None if cves.is_empty() => vec![advisory(local, cves)],
        None => cves
            .into_iter()
            .map(|cve| advisory(cve.clone(), vec![cve]))
            .collect(),
    })
}

/// A cell in one line.
fn cell(row: &Row<'_>, column: &str) -> Result<Option<String>, String> {
    match row.cell(column) {
        None => Ok(None),
        Some(text) if text.len() > LONGEST => {
            Err(format!("{column} has more than {LONGEST} bytes"))
        }
        Some(text) => Ok(Some(text.split_whitespace().collect::<Vec<_>>().join(" "))),
    }
}

/// The update, unless there is none.
fn fix(
    row: &Row<'_>,
    title: &str,
    version: &str,
    problem: &mut dyn FnMut(String),
) -> Result<Option<Fix>, String> {
    let update = match cell(row, "kb")? {
        None => UpdateId::Named(title.to_owned()),
        Some(text) => UpdateId::Kb(article(&text)?),
    };
    let fix = Fix {
        together_with: Vec::new(),
        files: file(row, problem)?.into_iter().collect(),
        update,
        kind: UpdateKind::Other,
        build: Some(version.to_owned()),
        since: cell(row, "affected_since")?,
        supersedes: Vec::new(),
        restart: None,
        url: cell(row, "url")?,
    };
    Ok((!version.eq_ignore_ascii_case("none")).then_some(fix))
}

/// The file of the update. Where what decides which machines it is for does not read, there is none; what else
/// does not read costs itself.
fn file(row: &Row<'_>, problem: &mut dyn FnMut(String)) -> Result<Option<Download>, String> {
    let mut left_out = |column: &str, text: &str, wanted: &str| {
        let text = text.escape_debug();
        problem(format!("{column} `{text}` is no {wanted}: left out"));
    };
    let mut file = Download::default();
    if let Some(word) = cell(row, "arch")?.filter(|word| !is_any(word)) {
        file.arch = Arch::parse(&word);
        if file.arch.is_none() {
            let wanted = "architecture such as x64, x86, arm64, arm or any; with it its file";
            left_out("arch", &word, wanted);
            return Ok(None);
        }
    }
    if let Some(text) = cell(row, "download_url")? {
        file.url = clean::url(&text).ok().flatten();
        if file.url.is_none() {
            left_out("download_url", &text, "address, http or https");
        }
    }
    if let Some(text) = cell(row, "download_size")? {
        file.size = text.parse().ok().filter(|size| *size > 0);
        if file.size.is_none() {
            left_out("download_size", &text, "number of bytes");
        }
    }
    if let Some(text) = cell(row, "download_sha256")? {
        file.hash = FileHash::parse("sha256", &text);
        if file.hash.is_none() {
            left_out("download_sha256", &text, "SHA-256 in hex");
        }
    }
    if let Some(text) = cell(row, "silent_switch")? {
        file.silent = silent_switch(&text);
        if file.silent.is_none() {
            left_out("silent_switch", &text, "command line of an installer alone");
        }
    }
    // A size or a hash of no address is of nothing.
    if file.url.is_none() {
        (file.size, file.hash) = (None, None);
    }
    let says = file.url.is_some() || file.silent.is_some();
    Ok(says.then_some(file))
}

fn is_any(word: &str) -> bool {
    ["any", "all", "neutral", "*"].contains(&word.to_ascii_lowercase().as_str())
}

/// What sort of flaw it is.
fn nature(row: &Row<'_>) -> Result<Nature, String> {
    let words = |column: &str| {
        let text = row.cell(column).unwrap_or_default();
        let words = text
            .split([',', ';', '|'])
            .map(str::trim)
            .map(str::to_owned);
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>()
    };
    let (impacts, mut cwes) = (words("impact"), words("cwe"));
    cwes.extend(words("cwes"));
    let wrong = |word: &&String| Nature::of([], [word.as_str()]).is_empty();
    if let Some(word) = cwes.iter().find(wrong) {
        return Err(format!(
            "`{}` is no weakness such as CWE-79",
            word.escape_debug()
        ));
    }
    let impacts = impacts.iter().map(String::as_str);
    Ok(Nature::of(impacts, cwes.iter().map(String::as_str)))
}

/// A word that is no severity costs the word, not the row.
fn severity(
    row: &Row<'_>,
    record: &str,
    report: &mut FeedReport,
) -> Result<Option<Severity>, String> {
    let Some(word) = cell(row, "severity")? else {
        return Ok(None);
    };
    let severity = Severity::parse(&word);
    if severity.is_none() {
        let word = word.escape_debug();
        let what = format!("severity `{word}` is none of critical, high, medium, low: left out");
        report.problem(record, what);
    }
    Ok(severity)
}

fn published(row: &Row<'_>) -> Result<Option<UtcTime>, String> {
    let Some(text) = cell(row, "published")? else {
        return Ok(None);
    };
    let day = day(&text).ok_or_else(|| {
        let text = text.escape_debug();
        format!("published is no day such as 2026-11-22: `{text}`")
    })?;
    Ok(UtcTime::parse(&format!("{day}T00:00:00Z")))
}

/// The CVEs of both columns, sorted.
fn cves(row: &Row<'_>) -> Result<Vec<String>, String> {
    let mut cves = Vec::new();
    for column in ["cve", "cves"] {
        let text = row.cell(column).unwrap_or_default();
        let is_border = |letter: char| letter.is_whitespace() || ",;|".contains(letter);
        for word in text.split(is_border).filter(|word| !word.is_empty()) {
            let cve = word.to_ascii_uppercase();
            if !is_cve(&cve) {
                return Err(format!("`{}` is no CVE id", word.escape_debug()));
            }
            cves.push(cve);
        }
    }
    cves.sort_unstable();
    cves.dedup();
    Ok(cves)
}

fn article(text: &str) -> Result<KbId, String> {
    let digits = text.trim_start_matches(['K', 'k', 'B', 'b']);
    let found = KbId::find(&format!("KB{digits}"));
    found.ok_or_else(|| format!("kb is no article: `{}`", text.escape_debug()))
}

/// Adds another branch of the same bulletin and product.
fn merge(known: &mut Advisory, other: Advisory) {
    known.cves.extend(other.cves);
    known.cves.sort_unstable();
    known.cves.dedup();
    known.published = match (known.published, other.published) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    };
    let (Some(product), Some(more)) = (
        known.affected.first_mut(),
        other.affected.into_iter().next(),
    ) else {
        return;
    };
    product.severity = product.severity.max(more.severity);
    product.nature = Nature::union([&product.nature, &more.nature]);
    for fix in more.fixes {
        let same = |one: &&mut Fix| {
            let plain = |fix: &Fix| Fix {
                files: Vec::new(),
                ..fix.clone()
            };
            plain(one) == plain(&fix)
        };
        match product.fixes.iter_mut().find(same) {
            // One update for several architectures.
            Some(known) => {
                known.files.extend(fix.files);
                known.files.sort_unstable();
                known.files.dedup();
            }
            None => product.fixes.push(fix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut doc: &[u8]) -> (FeedReport, Vec<Advisory>) {
        let mut rows = Vec::new();
        let report = BulletinsCsv.read(&mut doc, &mut |record| match record {
            Record::Advisory(row) => rows.push(row),
            other => panic!("{other:?}"),
        });
        (report.unwrap(), rows)
    }

    const DOC: &[u8] = include_bytes!("../../../fixtures/feeds/bulletins-csv/bulletins.csv");

    #[test]
    fn a_table_of_our_own_is_read_and_each_bad_row_is_named_by_its_line() {
        let (report, advisories) = read(DOC);
        assert_eq!((report.read, report.skipped), (6, 4), "{report:?}");
        assert_eq!(
            report.problems,
            [
                "record in line 5: severity `urgent` is none of critical, high, medium, low: left out",
                "record in line 8: no fixed_version; where there is no fix, write `none`",
                "record in line 9: no product",
                "record in line 10: `CVE-24` is no CVE id",
                "record in line 11: published is no day such as 2026-11-22: `last week`",
            ]
        );
        let ids: Vec<_> = advisories.iter().map(|one| one.id.as_str()).collect();
        let expected = [
            "CVE-2025-0411",
            "CVE-2025-55188",
            "CVE-2025-8088",
            "VMSA-2025-0013",
            "local:acme viewer:3.1b",
            "local:legacy tool:none",
        ];
        assert_eq!(ids, expected);
        let viewer = &advisories[4].affected[0];
        assert_eq!(viewer.product, "ACME Viewer");
        assert_eq!(viewer.fixes[0].build.as_deref(), Some("3.1b"));
        assert!(advisories[5].affected[0].fixes.is_empty());
    }

    #[test]
    fn rows_of_one_bulletin_and_product_are_its_branches() {
        let (_, advisories) = read(DOC);
        let tools = &advisories[3];
        assert_eq!(tools.document, "vmware tools");
        assert_eq!(tools.cves, ["CVE-2025-41239"]);
        let branches: Vec<_> = tools.affected[0]
            .fixes
            .iter()
            .map(|fix| (fix.since.as_deref(), fix.build.as_deref()))
            .collect();
        let expected = [
            (Some("12.0.0"), Some("12.5.3")),
            (Some("13.0.0"), Some("13.0.1.0")),
        ];
        assert_eq!(branches, expected);
        assert_eq!(tools.affected[0].severity, Some(Severity::High));
    }

    #[test]
    fn impacts_and_weaknesses_are_read_and_what_is_no_weakness_costs_its_row() {
        let doc = "product,fixed_version,impact,cwe\n\
                   X,1,Remote Code Execution; spoofing,\"cwe-79, CWE-787\"\n\
                   Y,1,,\n\
                   Z,1,,xss\n";
        let (report, advisories) = read(doc.as_bytes());
        assert_eq!((report.read, report.skipped), (2, 1));
        assert_eq!(
            report.problems,
            ["record in line 4: `xss` is no weakness such as CWE-79"]
        );
        assert_eq!(
            advisories[0].affected[0].nature.as_str(),
            "remote_code_execution spoofing CWE-79 CWE-787"
        );
        assert!(advisories[1].affected[0].nature.is_empty());
    }

    #[test]
    fn an_update_has_a_file_for_each_architecture_and_what_is_unsound_of_one_is_left_out() {
        let sum = "0f".repeat(32);
        let doc = format!(
            "product,fixed_version,arch,download_url,download_size,download_sha256,silent_switch\n\
             X,1,x64,https://example.org/x64.msi,100,{sum},/quiet\n\
             X,1,x86,https://example.org/x86.msi,90,cut,/q; shutdown\n\
             X,1,itanium,https://example.org/ia64.msi,,,\n\
             Y,1,any,ftp://example.org/y.exe,many,{sum},-s\n\
             Z,1,,,5,{sum},\n"
        );
        let (report, advisories) = read(doc.as_bytes());
        assert_eq!((report.read, report.skipped), (3, 0), "{report:?}");
        let [fix] = &advisories[0].affected[0].fixes[..] else {
            panic!("{advisories:?}")
        };
        let x64 = Download::choose(&fix.files, Some(Arch::X64)).unwrap();
        assert_eq!(x64.size, Some(100));
        let hash = x64.hash.as_ref().unwrap().as_str();
        assert_eq!(hash, format!("sha256:{sum}"));
        assert_eq!(x64.silent.as_deref(), Some("/quiet"));
        let x86 = Download::choose(&fix.files, Some(Arch::X86)).unwrap();
        assert_eq!((&x86.hash, &x86.silent), (&None, &None));
        assert_eq!(fix.files.len(), 2, "no file for what is not known");
        let of_all = &advisories[1].affected[0].fixes[0].files[0];
        assert_eq!((of_all.arch, &of_all.url), (None, &None));
        assert_eq!(of_all.silent.as_deref(), Some("-s"));
        assert!(advisories[2].affected[0].fixes[0].files.is_empty());
        assert_eq!(
            report.problems[..3],
            [
                "record in line 3: download_sha256 `cut` is no SHA-256 in hex: left out",
                "record in line 3: silent_switch `/q; shutdown` is no command line of an installer alone: left out",
                "record in line 4: arch `itanium` is no architecture such as x64, x86, arm64, arm or any; with it its file: left out",
            ]
        );
    }

    #[test]
    fn the_columns_may_stand_in_any_order() {
        for doc in [
            "FIXED_VERSION;Product;kb\n1.2;X;5034122\n",
            "product,fixed_version,kb\n X ,1.2,KB5034122\n",
        ] {
            assert!(
                BulletinsCsv.recognises(&Outline::of(doc.as_bytes())),
                "{doc}"
            );
            let (report, advisories) = read(doc.as_bytes());
            assert_eq!((report.read, report.skipped), (1, 0));
            let fix = &advisories[0].affected[0].fixes[0];
            assert_eq!(fix.update, UpdateId::Kb(KbId(5_034_122)));
            assert_eq!(fix.build.as_deref(), Some("1.2"));
        }
    }

    #[test]
    fn nothing_that_is_cut_short_or_strange_makes_it_panic() {
        for length in 0..DOC.len() {
            let mut doc = &DOC[..length];
            let _ = BulletinsCsv.read(&mut doc, &mut |_| ());
        }
        let long = format!("product,fixed_version\n{},1\n", "x".repeat(600));
        assert_eq!(read(long.as_bytes()).0.skipped, 1);
    }
}
