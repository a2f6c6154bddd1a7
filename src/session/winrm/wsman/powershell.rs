//! The last resort, where `reg` and WMI over the network are refused: PowerShell, which reads the
//! registry and WMI from within.
//!
//! Cmdlets, operators and core types only, so that it works where policy allows no more
//! (`ConstrainedLanguage`), and short, as all of it has to fit in a command line: a shell over WinRM
//! is not given standard input, where the script of [`WindowsShell`] goes. Not verified on a live
//! Windows. Differs from `reg query` in that text with `%variables%` comes expanded and as `REG_SZ`.
//!
//! [`WindowsShell`]: crate::session::WindowsShell

use super::ask::{Named, Round};
use super::frames::{LINE, Marker};
use super::shell::{Bounds, End};
use crate::session::windows_shell::powershell::{encoded, properties, quoted};
use crate::session::{Ask, View, codepage};

/// What a question's status means: of 1, that it is not there.
const MISSING: i32 = 1;

/// Functions for the registry: `v` writes a value, `k` a key, `q` asks a question.
const REGISTRY: &str = r#"$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue'
function v($n,$x){$t='REG_SZ'
if($x -is [int]){$t='REG_DWORD';$x='0x{0:x}' -f $x}
elseif($x -is [long]){$t='REG_QWORD';$x='0x{0:x}' -f $x}
elseif($x -is [byte[]]){$t='REG_BINARY';$x=@($x|ForEach-Object{'{0:X2}' -f $_}) -join ''}
elseif($x -is [array]){$t='REG_MULTI_SZ';$x=$x -join '\0'}
"    $n    $t    $x"}
function k($p,$s,$w,$top){$l="Registry::$p";$i=Get-Item -LiteralPath $l;$o=Get-ItemProperty -LiteralPath $l
$r=@(foreach($n in $i.Property){if(!$w -or $n -eq $w){v $n $o.$n}})
if($r.Count -or !($top -or $w)){'';$p -replace $f,'';$r}
if($w -and !$s){return}
$c=@(Get-ChildItem -LiteralPath $l)
if($s){foreach($x in $c){k $x.Name $s $w $false}}else{'';foreach($x in $c){$x.Name -replace $f,''}}}
function q($d,$p,$s,$w,$f){"$m B $d";if(Test-Path -LiteralPath "Registry::$p"){try{k $p $s $w $true;"$m E $d 0"}catch{"$m E $d 2"}}else{"$m E $d 1"}}
"#;

/// Functions for WMI: `w` asks a question and writes its instances. Properties are read past what
/// PowerShell adds to them: it makes a local time of the day on which an update was installed.
const WMI: &str = r#"$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue'
function e($x){if($x -is [bool]){$x="$x".ToLower()};"$x" -replace '\\','\\' -replace "`n",'\n' -replace "`r",'\r' -replace "`t",'\t'}
function w($d,$n,$c,$y){"$m B $d";try{foreach($o in @(Get-WmiObject -Namespace $n -Query $y)){foreach($a in $c){foreach($x in @($o.psbase.Properties[$a].Value)){if($x -ne $null){$a+'='+(e $x)}}};''};"$m E $d 0"}catch{"$m E $d 2"}}
"#;

/// Asks what is left; returns what is still left then.
pub(super) async fn ask(round: &mut Round<'_>, questions: Vec<Named>) -> Vec<Named> {
    let mut left = questions;
    let marker = Marker::random();
    for script in scripts(&marker, &left) {
        let Some(shell) = round.shell.clone() else {
            break;
        };
        if round.dialogue.now() >= round.until || round.dialogue.lost().is_some() {
            break;
        }
        let bounds = Bounds {
            until: round.until,
            farewell: round.until,
            bytes: round.bytes,
            last: &script.last,
        };
        let output = shell.run(round.dialogue, &script.line, bounds).await;
        let frames = marker.read(&script.ids, &output.stdout);
        for frame in frames.whole {
            let text = codepage::decode(&frame.stdout, round.oem_page);
            let exit = match frame.status {
                0 => 0,
                MISSING => 120,
                _ => continue,
            };
            round.record(frame.id, exit, text);
            left.retain(|(id, _)| *id != frame.id);
        }
        if matches!(output.end, End::Failed(_)) {
            break;
        }
    }
    left
}

/// One call of PowerShell.
#[derive(Debug)]
struct Script {
    line: String,
    ids: Vec<&'static str>,
    last: Vec<u8>,
}

/// Puts questions into as few calls as a command line allows. A question that fits into none is
/// left out.
fn scripts(marker: &Marker, questions: &[Named]) -> Vec<Script> {
    let mut scripts: Vec<(String, Vec<&'static str>)> = Vec::new();
    let mut open: Option<&'static str> = None;
    for (id, ask) in questions {
        let Some((functions, call)) = call(id, ask) else {
            continue;
        };
        let start = || format!("$m='{marker}'\n{functions}{call}");
        match scripts.last_mut() {
            Some((script, ids)) if open == Some(functions) && fits(script, &call) => {
                script.push_str(&call);
                ids.push(id);
            }
            _ if fits(&start(), "") => {
                scripts.push((start(), vec![id]));
                open = Some(functions);
            }
            _ => {}
        }
    }
    let written = scripts.into_iter().map(|(script, ids)| Script {
        line: command(&script),
        last: ids.last().map_or(Vec::new(), |id| marker.end(id)),
        ids,
    });
    written.collect()
}

/// The functions that a question needs, and the line that asks it.
fn call(id: &str, ask: &Ask) -> Option<(&'static str, String)> {
    match ask {
        Ask::Registry {
            key,
            tree,
            value,
            view,
        } => {
            let (root, path) = key.split_once('\\')?;
            let root = match root {
                "HKLM" => "HKEY_LOCAL_MACHINE",
                "HKU" => "HKEY_USERS",
                "HKCU" => "HKEY_CURRENT_USER",
                _ => return None,
            };
            let half = path
                .strip_prefix(r"SOFTWARE\")
                .filter(|_| *view == View::Bits32);
            let (path, hidden) = match half {
                Some(rest) => (
                    format!(r"SOFTWARE\WOW6432Node\{rest}"),
                    r"\\WOW6432Node(?=\\)",
                ),
                None => ((*path).to_owned(), "^$"),
            };
            let key = quoted(&format!(r"{root}\{path}"));
            let value = quoted(value.unwrap_or_default());
            let tree = u8::from(*tree);
            let call = format!("q '{id}' {key} {tree} {value} '{hidden}'\n");
            Some((REGISTRY, call))
        }
        Ask::Wmi { namespace, query } => {
            let columns: Vec<String> = properties(query).map(quoted).collect();
            let (columns, query) = (columns.join(","), quoted(query));
            let call = format!("w '{id}' '{namespace}' @({columns}) {query}\n");
            Some((WMI, call))
        }
        Ask::Sh(_) | Ask::Cmd(_) | Ask::InsteadOf(..) => None,
    }
}

/// Whether a script with one more call still is a command line.
fn fits(script: &str, call: &str) -> bool {
    let bytes = (script.len() + call.len()) * 2;
    START.len() + bytes.div_ceil(3) * 4 <= LINE
}

const START: &str = "powershell -NoProfile -NonInteractive -EncodedCommand ";

/// The command line of a script.
fn command(script: &str) -> String {
    format!("{START}{}", encoded(script))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::base64;

    const KEY: Ask = Ask::Registry {
        key: r"HKLM\SOFTWARE\It's",
        tree: true,
        value: None,
        view: View::Bits32,
    };
    const QUERY: Ask = Ask::Wmi {
        namespace: "root/cimv2",
        query: "SELECT Name,State FROM Win32_Service WHERE Name='x'",
    };

    fn script_of(script: &Script) -> String {
        let digits = script.line.strip_prefix(START).unwrap();
        let bytes = base64::decode(digits).unwrap();
        let units: Vec<u16> = bytes
            .chunks(2)
            .map(|two| u16::from_le_bytes([two[0], two[1]]))
            .collect();
        String::from_utf16(&units).unwrap()
    }

    #[test]
    fn questions_become_scripts_that_no_shell_reads() {
        let scripts = scripts(&Marker::fixed(), &[("a", KEY), ("b", QUERY)]);
        let [registry, wmi] = scripts.as_slice() else {
            panic!("{scripts:?}")
        };
        let text = script_of(registry);
        assert!(text.starts_with("$m='0123456789ab'\n"));
        assert!(text.ends_with("q 'a' 'HKEY_LOCAL_MACHINE\\SOFTWARE\\WOW6432Node\\It''s' 1 '' '\\\\WOW6432Node(?=\\\\)'\n"), "{text}");
        let text = script_of(wmi);
        assert!(text.contains("psbase.Properties[$a].Value"));
        assert!(text.ends_with("w 'b' 'root/cimv2' @('Name','State') 'SELECT Name,State FROM Win32_Service WHERE Name=''x'''\n"), "{text}");
        assert_eq!(wmi.last, b"0123456789ab E b ");
    }

    #[test]
    fn no_script_is_longer_than_a_command_line() {
        let scripts = scripts(&Marker::fixed(), &vec![("a-question", KEY); 60]);
        assert!(scripts.iter().all(|script| script.line.len() <= LINE));
        assert_eq!(
            scripts.iter().map(|script| script.ids.len()).sum::<usize>(),
            60
        );
        assert!(scripts.len() < 10);
    }
}
