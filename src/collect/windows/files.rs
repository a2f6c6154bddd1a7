//! The versions of files that tell whether an update really is in.

use super::questions::FILES;
use super::text::{LONG, MOST_ROWS, digits};
use crate::model::{FileVersion, Gap};
use crate::session::{Answers, WmiRow};

/// The witness files that are there, sorted by path.
pub(super) fn files(answers: &Answers) -> Result<Vec<FileVersion>, Gap> {
    Ok(versions(answers.text(FILES)?))
}

/// The files of an answer that have a version. `CIM_DataFile` takes it from the fixed fields.
pub(super) fn versions(text: &str) -> Vec<FileVersion> {
    let rows = WmiRow::parse(text);
    let read = |row: &WmiRow| {
        let path = row.get("Name")?.trim();
        let path = path.chars().take(LONG).collect::<String>().to_lowercase();
        let version = four(row.get("Version")?)?;
        (!path.is_empty()).then_some(FileVersion { path, version })
    };
    let mut files: Vec<FileVersion> = rows.iter().take(MOST_ROWS).filter_map(read).collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// `10.0.20348.2402`, also with words after it; what is not told at the end is 0.
pub(super) fn four(text: &str) -> Option<[u32; 4]> {
    let number = text.split_whitespace().next()?;
    let mut parts = number.split('.').map(digits::<u32>);
    let mut version = [parts.next()??, parts.next()??, 0, 0];
    for (place, part) in version.iter_mut().skip(2).zip(parts.by_ref()) {
        *place = part?;
    }
    parts.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_four_numbers_whatever_stands_beside_them() {
        let text = "Name=c:\\\\windows\\\\System32\\\\NTOSKRNL.exe\nVersion=10.0.20348.2402 (WinBuild.160101.0800)\n\n\
            Name=C:\\\\x.dll\n\nName=C:\\\\y.dll\nVersion=one\n";
        let files = versions(text);
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].path, r"c:\windows\system32\ntoskrnl.exe");
        assert_eq!(files[0].version, [10, 0, 20348, 2402]);
        assert_eq!(four("15.02.1748.046"), Some([15, 2, 1748, 46]));
        assert_eq!(four("6.1"), Some([6, 1, 0, 0]));
        assert_eq!(four("1.2.3.4.5"), None);
        assert_eq!(four("6"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            versions(&format!("Name={text}\nVersion={text}"));
            four(&text);
        }

        #[test]
        fn any_four_numbers_are_a_version(version in any::<[u32; 4]>()) {
            let text = version.map(|part| part.to_string()).join(".");
            prop_assert_eq!(four(&text), Some(version));
        }
    }
}
