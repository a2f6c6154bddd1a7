//! What each source says of an update, and what follows.

use super::super::super::tests::answers;
use super::*;
use crate::model::UpdateOutcome;
use proptest::prelude::*;

const PACKAGES: &str = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages";

/// What the store says of packages: name and state.
fn store(packages: &[(&str, u32)]) -> String {
    let lines = |(name, state): &(&str, u32)| {
        let key = format!("{PACKAGES}\\{name}");
        [
            key.clone(),
            format!("    CurrentState    REG_DWORD    {state:#x}"),
            "    InstallTimeHigh    REG_DWORD    0x1da6a5f".to_owned(),
            "    InstallUser    REG_SZ    S-1-5-18".to_owned(),
            format!("{key}\\Owners\r\n"),
        ]
        .join("\r\n")
    };
    packages.iter().map(lines).collect()
}

fn read(texts: &[(&'static str, &str)]) -> Vec<Hotfix> {
    hotfixes(&answers(texts)).unwrap()
}

fn state_of(packages: &[(&str, u32)]) -> Option<HotfixState> {
    let rows = read(&[(CBS_PACKAGES, &store(packages))]);
    assert!(rows.len() < 2, "{rows:?}");
    rows.first().map(|row| row.state)
}

fn event(id: u32, kb: u32, day: u32) -> String {
    format!(
        "<Event><System><EventID>{id}</EventID><TimeCreated SystemTime='2024-06-{day:02}T07:00:00Z'/></System>\
         <EventData><Data Name='updateTitle'>Update (KB{kb})</Data></EventData></Event>"
    )
}

fn row(kb: &str, on: &str) -> String {
    format!("HotFixID={kb}\nInstalledOn={on}\n\n")
}

#[test]
fn each_state_of_the_store_has_its_word() {
    let state = |state| state_of(&[("Package_for_KB5034122~31bf~amd64~~1.2.3.4", state)]);
    assert_eq!(state(0), Some(HotfixState::Removed));
    assert_eq!(state(5), Some(HotfixState::PendingReboot));
    assert_eq!(state(16), None);
    assert_eq!(state(32), None);
    assert_eq!(state(48), Some(HotfixState::Staged));
    assert_eq!(state(64), Some(HotfixState::Staged));
    assert_eq!(state(80), Some(HotfixState::Superseded));
    assert_eq!(state(96), Some(HotfixState::PendingReboot));
    assert_eq!(state(101), Some(HotfixState::PendingReboot));
    assert_eq!(state(112), Some(HotfixState::Installed));
    assert_eq!(state(128), Some(HotfixState::Installed));
}

#[test]
fn of_several_packages_the_whole_decides_and_what_is_pending_before_all() {
    let whole = "Package_for_KB5034122~31bf~amd64~~1.2.3.4";
    let part = "Package_1_for_KB5034122~31bf~amd64~~1.2.3.4";
    let other = "Package_for_KB5034122_SP1~31bf~amd64~~1.2.3.4";
    let state = |a, b, c| state_of(&[(part, a), (other, b), (whole, c)]);
    assert_eq!(state(80, 0, 112), Some(HotfixState::Installed));
    assert_eq!(state(112, 112, 80), Some(HotfixState::Superseded));
    assert_eq!(state(101, 112, 112), Some(HotfixState::PendingReboot));
    assert_eq!(state(112, 80, 32), Some(HotfixState::Installed));
    assert_eq!(
        state_of(&[(part, 64), (other, 80)]),
        Some(HotfixState::Superseded)
    );
}

#[test]
fn packages_without_a_number_are_named_by_version() {
    let text = store(&[
        (
            "Package_for_RollupFix~31bf3856ad364e35~amd64~~20348.2402.1.9",
            112,
        ),
        (
            "Package_for_ServicingStack_2400~31bf3856ad364e35~amd64~~20348.2400.1.1",
            112,
        ),
        (
            "Package_for_DotNetRollup_481~31bf3856ad364e35~amd64~~10.0.9206.4",
            80,
        ),
    ]);
    let rows = read(&[(CBS_PACKAGES, &text)]);
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "DotNetRollup_481 10.0.9206.4",
            "RollupFix 20348.2402.1.9",
            "ServicingStack 20348.2400.1.1"
        ]
    );
    let kinds: Vec<&str> = rows.iter().filter_map(|row| row.kind.as_deref()).collect();
    assert_eq!(kinds, ["DotNetRollup", "RollupFix", "ServicingStack"]);
    assert_eq!(rows[1].build.as_deref(), Some("20348.2402.1.9"));
    assert_eq!(rows[1].kb, None);
    assert_eq!(rows[1].installed_by.as_deref(), Some("S-1-5-18"));
    let time = rows[1].installed_at.unwrap();
    assert_eq!(rows[1].installed_on, Some(time.date()));
}

#[test]
fn values_of_packages_that_were_filtered_out_are_not_taken_for_the_last_one() {
    let mut text = store(&[("Package_for_KB5034122~31bf~amd64~~1.2.3.4", 112)]);
    text += "    CurrentState    REG_DWORD    0x0\r\n";
    assert_eq!(
        read(&[(CBS_PACKAGES, &text)])[0].state,
        HotfixState::Installed
    );
    let text = text.replace("\\Owners", "\\Other");
    assert_eq!(
        read(&[(CBS_PACKAGES, &text)])[0].state,
        HotfixState::Installed
    );
}

#[test]
fn sources_are_joined_by_number() {
    let msi = "HKEY_LOCAL_MACHINE\\X\\Products\\1\\Patches\\2\r\n    DisplayName    REG_SZ    Security Update for Word (KB5002537)\r\n    \
        Installed    REG_SZ    20240612\r\n    State    REG_DWORD    0x2\r\n\
        HKEY_LOCAL_MACHINE\\X\\Products\\1\\InstallProperties\r\n    DisplayName    REG_SZ    Word KB5002538\r\n";
    let old = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Updates\\.NET\\KB2468871\r\n    \
        ThisVersionInstalled    REG_SZ    Y\r\n    InstalledDate    REG_SZ    6/13/2013\r\n    InstalledBy    REG_SZ    anna\r\n    \
        ReleaseType    REG_SZ    Security Update\r\n\
        HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Updates\\.NET\\KB2468872\r\n    ThisVersionInstalled    REG_SZ    N\r\n";
    let again = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Updates\\.NET\\KB2600217v2\r\n    ThisVersionInstalled    REG_SZ    Y\r\n";
    let rows = read(&[
        (
            QFE,
            "HotFixID=KB5034122\nDescription=Security Update\nInstalledOn=6/7/2024\nInstalledBy=NT-AUTORIT\u{c4}T\\\\SYSTEM\n",
        ),
        (
            CBS_PACKAGES,
            &store(&[("Package_for_KB5034122~31bf~amd64~~1.2.3.4", 112)]),
        ),
        (UPDATE_HISTORY, &event(19, 5_034_122, 8)),
        (MSI_PATCHES, msi),
        (OLD_UPDATES, old),
        (OLD_UPDATES_32, again),
    ]);
    let line = |row: &Hotfix| {
        let sources: Vec<&str> = row.seen_in.iter().map(|source| source.as_str()).collect();
        let day = row
            .installed_on
            .map(|day| day.to_string())
            .unwrap_or_default();
        let by = row.installed_by.as_deref().unwrap_or_default();
        format!(
            "{} {} {day} {by} {}",
            row.id,
            row.state.as_str(),
            sources.join("+")
        )
    };
    let lines: Vec<String> = rows.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "KB2468871 installed 2013-06-13 anna registry",
            "KB2600217 installed   registry",
            "KB5002537 superseded 2024-06-12  msi",
            "KB5034122 installed 2024-06-07 NT-AUTORIT\u{c4}T\\SYSTEM qfe+cbs+wua",
        ]
    );
}

#[test]
fn what_the_client_failed_to_do_is_kept_with_its_code() {
    let failed = "<Event><System><EventID>20</EventID><TimeCreated SystemTime='2024-06-08T07:00:00Z'/></System>\
         <EventData><Data Name='errorCode'>0x80070643</Data><Data Name='updateTitle'>Update (KB5034122)</Data></EventData></Event>";
    let text =
        event(19, 5_034_123, 9) + failed + &event(24, 5_034_123, 7) + &event(43, 5_034_124, 7);
    let log = update_log(&answers(&[(UPDATE_HISTORY, &text)]));
    let told: Vec<_> = log
        .iter()
        .map(|one| {
            (
                one.kb.as_deref().unwrap_or_default(),
                one.outcome,
                one.code.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("KB5034123", UpdateOutcome::RemoveFailed, None),
            (
                "KB5034122",
                UpdateOutcome::InstallFailed,
                Some("0x80070643")
            ),
            ("KB5034123", UpdateOutcome::Installed, None),
        ]
    );
}

#[test]
fn the_clients_last_word_counts_only_where_no_source_says_what_is() {
    let state = |texts: &[(&'static str, &str)]| read(texts).first().map(|row| row.state);
    let both = event(23, 5_034_122, 9) + &event(19, 5_034_122, 8);
    assert_eq!(
        state(&[(UPDATE_HISTORY, &both)]),
        Some(HotfixState::Removed)
    );
    let again = event(19, 5_034_122, 8) + &event(23, 5_034_122, 7);
    assert_eq!(
        state(&[(UPDATE_HISTORY, &again)]),
        Some(HotfixState::Installed)
    );
    assert_eq!(state(&[(UPDATE_HISTORY, &event(20, 5_034_122, 8))]), None);
    let qfe = row("KB5034122", "");
    assert_eq!(
        state(&[(UPDATE_HISTORY, &both), (QFE, &qfe)]),
        Some(HotfixState::Installed)
    );
    let store = store(&[("Package_for_KB5034122~31bf~amd64~~1.2.3.4", 0)]);
    assert_eq!(
        state(&[(UPDATE_HISTORY, &again), (CBS_PACKAGES, &store)]),
        Some(HotfixState::Removed)
    );
}

#[test]
fn a_day_is_right_or_none() {
    let days = |dates: &[&str]| -> Vec<String> {
        let rows = dates.iter().enumerate();
        let text: String = rows
            .map(|(at, on)| row(&format!("KB500000{at}"), on))
            .collect();
        let day = |row: Hotfix| {
            row.installed_on
                .map(|day| day.to_string())
                .unwrap_or_default()
        };
        read(&[(QFE, &text)]).into_iter().map(day).collect()
    };
    assert_eq!(
        days(&["6/7/2024", "06/13/2024"]),
        ["2024-06-07", "2024-06-13"]
    );
    assert_eq!(
        days(&["6/7/2024", "13/06/2024"]),
        ["2024-07-06", "2024-06-13"]
    );
    assert_eq!(days(&["6/7/2024", "13/06/2024", "6/13/2024"])[0], "");
    assert_eq!(
        days(&["7.6.2024", "20240607", "2024-06-07"]),
        ["2024-06-07"; 3]
    );
    assert_eq!(
        days(&["01da6a5f00000000", "", "soon", "13/13/2024"])[1..],
        ["", "", ""]
    );
    assert!(days(&["01da6a5f00000000"])[0].starts_with("2024-02-"));
}

#[test]
fn numbers_without_letters_are_updates_and_other_words_are_none() {
    let text =
        row("943729", "") + &row("KB982861-v2", "") + &row("File 1", "") + &row("{7A06}", "");
    let ids: Vec<String> = read(&[(QFE, &text)])
        .into_iter()
        .map(|row| row.id)
        .collect();
    assert_eq!(ids, ["KB943729", "KB982861"]);
}

#[test]
fn no_answer_at_all_is_a_gap_and_an_empty_one_is_none() {
    assert_eq!(hotfixes(&answers(&[])).unwrap_err().question, QFE);
    assert_eq!(hotfixes(&answers(&[(QFE, "")])), Ok(Vec::new()));
    assert_eq!(open(&answers(&[(QFE, "")])), None);
    assert_eq!(open(&answers(&[(CBS_PACKAGES, "")])), None);
    assert_eq!(
        open(&answers(&[(UPDATE_HISTORY, "")])).unwrap().question,
        QFE
    );
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>(), name in "[A-Za-z_~]{0,9}") {
        let qfe = row(&text, &text);
        let cbs = store(&[(&format!("Package_for_{name}{text}"), 112)]) + &text;
        let _ = hotfixes(&answers(&[(QFE, &qfe), (CBS_PACKAGES, &cbs), (UPDATE_HISTORY, &text), (MSI_PATCHES, &cbs), (OLD_UPDATES, &cbs)]));
    }

    #[test]
    fn dates_are_read_without_a_panic(text in "[0-9]{1,4}[/.-][0-9]{1,4}[/.-][0-9]{1,5}") {
        let _ = hotfixes(&answers(&[(QFE, &row("KB5034122", &text))]));
    }
}
