//! Questions in the words of cmd.exe.

use crate::session::View;
use std::fmt::Write as _;

/// A registry question as one command line: `reg query "KEY" [/s] [/v "NAME"] [/reg:64]`. It means
/// the same in cmd, with and without a console, and in a group in parentheses.
///
/// An empty value name is that of the key's default value (`/ve`).
/// <https://learn.microsoft.com/windows-server/administration/windows-commands/reg-query>
pub(in crate::session) fn reg_query(
    key: &str,
    tree: bool,
    value: Option<&str>,
    view: View,
) -> String {
    let mut line = format!("reg query \"{key}\"");
    if tree {
        line.push_str(" /s");
    }
    match value {
        Some("") => line.push_str(" /ve"),
        // Writing to a String cannot fail.
        Some(name) => drop(write!(line, " /v \"{name}\"")),
        None => {}
    }
    line.push_str(match view {
        View::Any => "",
        View::Bits64 => " /reg:64",
        View::Bits32 => " /reg:32",
    });
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_question_is_one_line_of_reg() {
        let key = r"HKLM\SOFTWARE\Some Maker";
        let lines = [
            reg_query(key, false, None, View::Any),
            reg_query(key, true, None, View::Bits64),
            reg_query(key, true, Some("Patch Level"), View::Bits32),
            reg_query(key, false, Some(""), View::Any),
        ];
        let expected = [
            r#"reg query "HKLM\SOFTWARE\Some Maker""#,
            r#"reg query "HKLM\SOFTWARE\Some Maker" /s /reg:64"#,
            r#"reg query "HKLM\SOFTWARE\Some Maker" /s /v "Patch Level" /reg:32"#,
            r#"reg query "HKLM\SOFTWARE\Some Maker" /ve"#,
        ];
        assert_eq!(lines, expected);
    }
}
