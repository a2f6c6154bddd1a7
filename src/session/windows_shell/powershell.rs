//! Questions in the words of PowerShell: WMI, and as a last resort the registry.
//!
//! **Unverified**: no PowerShell was at hand to run this. It keeps to what version 2.0 (Windows 7) has
//! and what version 7 still has, and to ASCII, so that no code page matters on the way in.

use super::Put;
use crate::session::{Ask, Nonce, View, base64};
use std::fmt::Write as _;

/// Starts a PowerShell that runs what it reads on standard input.
///
/// Its `-Command -` would take that for lines typed at a prompt and choke on functions, so a constant
/// bootstrap takes it whole. It has to be `$input`: PowerShell 2.0 reads standard input in any case,
/// and later ones only leave it alone where a command does not name that variable.
/// `-EncodedCommand` wants base 64 of UTF-16LE, and is the same to every default shell.
/// <https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_powershell_exe>
pub(super) fn exec() -> String {
    let start = "powershell -NoProfile -NonInteractive -OutputFormat Text -EncodedCommand";
    format!("{start} {}", encoded(BOOTSTRAP))
}

/// A script as `-EncodedCommand` takes it, so that no shell sees what is in it.
pub(in crate::session) fn encoded(script: &str) -> String {
    let units: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    base64::encode_padded(&units)
}

/// Progress would come as XML on standard error. Where there is no console its encoding cannot be
/// set, and the script does without.
const BOOTSTRAP: &str = "$ProgressPreference='SilentlyContinue';\
    $s=@($input)-join\"`n\";\
    try{[Console]::OutputEncoding=New-Object Text.UTF8Encoding $false}catch{};\
    Invoke-Expression $s";

/// The questions as one text for [`exec`]'s standard input.
pub(super) fn script(puts: &[Put], nonce: &Nonce) -> String {
    let mut script = format!("$__n={}\n{PREAMBLE}", quoted(&nonce.to_string()));
    if puts
        .iter()
        .any(|put| matches!(put.ask, Ask::Registry { .. }))
    {
        script.push_str(REGISTRY);
    }
    for Put { id, ask } in puts {
        let Some(call) = call(*ask) else { continue };
        // Writing to a String cannot fail.
        let _ = writeln!(script, "__ask {} {{{call}}}", quoted(id));
    }
    script.push_str("__say \"`n$__n DONE`n\"\n");
    script
}

fn call(ask: Ask) -> Option<String> {
    match ask {
        Ask::Wmi { namespace, query } => {
            let names: Vec<String> = properties(query).map(quoted).collect();
            let (namespace, query) = (quoted(&namespace.replace('/', "\\")), quoted(query));
            Some(format!("__wmi {namespace} {query} @({})", names.join(",")))
        }
        Ask::Registry {
            key,
            tree,
            value,
            view,
        } => {
            let (key, value) = (quoted(key), value.map_or("$null".to_owned(), quoted));
            let view = match view {
                View::Any => "Default",
                View::Bits64 => "Registry64",
                View::Bits32 => "Registry32",
            };
            Some(format!("__reg {key} ${tree} {value} '{view}'"))
        }
        Ask::Sh(_) | Ask::Cmd(_) | Ask::InsteadOf(..) => None,
    }
}

/// The names between `SELECT` and `FROM`.
pub(in crate::session) fn properties(query: &str) -> impl Iterator<Item = &str> {
    let names = query.strip_prefix("SELECT ").unwrap_or_default();
    let names = names.split_once(" FROM ").map_or("", |(names, _)| names);
    names.split(',').map(str::trim)
}

/// A text that PowerShell takes as it is.
pub(in crate::session) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Writes bytes rather than text where it may: the encoding of the console is not ours to trust.
/// Where it may not (constrained language mode), PowerShell prints, and ends the line once more.
///
/// What goes wrong is told apart by names and numbers, never by messages, which are translated.
/// Times are written in a form without culture, or as WMI had them. Properties are read past what
/// PowerShell adds to them: it makes a local time of the day on which an update was installed.
const PREAMBLE: &str = r#"$ErrorActionPreference='Stop'
$__o=$null
try{$__o=[Console]::OpenStandardOutput()}catch{}
function __say($t){
if($__o){$b=[Text.Encoding]::UTF8.GetBytes($t);$__o.Write($b,0,$b.Length);$__o.Flush()}
else{Write-Output $t}
}
$__g=$null
try{$__g=Get-Command Get-WmiObject}catch{}
function __esc($v){
"$v".Replace('\','\\').Replace("`n",'\n').Replace("`r",'\r').Replace("`t",'\t')
}
function __val($v,$dmtf){
if($v -is [bool]){if($v){'true'}else{'false'};return}
if($v -is [DateTime]){$v.ToUniversalTime().ToString('s')+'Z';return}
if($dmtf){try{[Management.ManagementDateTimeConverter]::ToDateTime($v).ToUniversalTime().ToString('s')+'Z';return}catch{}}
__esc $v
}
function __wmi($ns,$q,$names){
if($__g){$rows=@(Get-WmiObject -Namespace $ns -Query $q)}
else{$rows=@(Get-CimInstance -Namespace $ns -Query $q)}
foreach($r in $rows){
foreach($p in $names){
if($__g){$x=$r.psbase.Properties[$p];$d="$($x.Type)" -eq 'DateTime'}
else{$x=$r.CimInstanceProperties[$p];$d=$false}
$v=$x.Value
if($null -eq $v){continue}
foreach($y in @($v)){if($null -ne $y){$p+'='+(__val $y $d)}}
}
''
}
}
function __why($e){
$x=$e.Exception
$c="$($e.CategoryInfo.Category) $($e.CategoryInfo.Reason) $($x.ErrorCode) $($x.NativeErrorCode) $($e.FullyQualifiedErrorId)"
if($c -match 'AccessDenied|PermissionDenied|Unauthorized|Security|0x80041003|0x80070005|-2147217405|-2147024891'){121}
elseif($c -match 'InvalidClass|InvalidNamespace|NotFound|0x80041002|0x8004100e|0x80041010|-2147217406|-2147217394|-2147217392'){120}
else{1}
}
function __ask($id,$code){
$s=0
$t=''
try{
$l=@(& $code)
if($l.Count -gt 0){$t=($l -join "`n")+"`n"}
}catch{
$s=__why $_
$t=''
}
__say "`n$__n B $id`n$t`n$__n E $id $s`n"
}
"#;

/// Prints what reg.exe would. The 32-bit half of the registry cannot be told for sure before .NET
/// Framework 4: then the question fails rather than read the wrong half.
const REGISTRY: &str = r#"function __data($k,$n){
$v=$k.GetValue($n,$null,'DoNotExpandEnvironmentNames')
switch("$($k.GetValueKind($n))"){
'String'{'REG_SZ    '+$v}
'ExpandString'{'REG_EXPAND_SZ    '+$v}
'MultiString'{'REG_MULTI_SZ    '+($v -join '\0')}
'DWord'{'REG_DWORD    0x{0:x}' -f $v}
'QWord'{'REG_QWORD    0x{0:x}' -f $v}
'Binary'{'REG_BINARY    '+(@($v|ForEach-Object{'{0:X2}' -f $_})-join '')}
default{'REG_NONE    '}
}
}
function __key($k,$path,$tree,$value){
$l=@(foreach($n in $k.GetValueNames()){
if(($null -ne $value) -and ($n -ne $value)){continue}
$m=$n
if($n -eq ''){$m='(Default)'}
"    $m    "+(__data $k $n)
})
if($l.Count -gt 0){'';$path;$l}
if((-not $tree) -and ($null -ne $value)){return}
if(-not $tree){''}
foreach($n in $k.GetSubKeyNames()){
if(-not $tree){$path+'\'+$n;continue}
$s=$null
try{$s=$k.OpenSubKey($n)}catch{}
if($s){__key $s ($path+'\'+$n) $tree $value;$s.Close()}
}
}
function __reg($key,$tree,$value,$view){
$root,$sub=$key -split '\\',2
$hive=@{HKLM='LocalMachine';HKU='Users'}[$root]
$long=@{HKLM='HKEY_LOCAL_MACHINE';HKU='HKEY_USERS'}[$root]
try{$b=[Microsoft.Win32.RegistryKey]::OpenBaseKey($hive,$view)}
catch{if($view -eq 'Registry32'){throw};$b=[Microsoft.Win32.Registry]::$hive}
$k=$b
if($sub){$k=$b.OpenSubKey($sub)}
$l=@()
if($k){$l=@(__key $k ($long+$(if($sub){'\'+$sub})) $tree $value)}
if((-not $k) -or (($l.Count -eq 0) -and ($null -ne $value))){throw (New-Object Management.Automation.ItemNotFoundException)}
$l
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_a_constant_without_anything_that_a_shell_would_read() {
        let exec = exec();
        let plain = |c: char| c.is_ascii_alphanumeric() || "+/=- ".contains(c);
        assert!(exec.chars().all(plain), "{exec}");
        let code = exec.rsplit(' ').next().unwrap();
        assert_eq!(code.len() % 4, 0);
        let units = base64::decode(code).unwrap();
        let units: Vec<u16> = units
            .chunks(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        assert_eq!(String::from_utf16(&units).unwrap(), BOOTSTRAP);
        assert!(exec.len() < 2_000);
    }

    #[test]
    fn a_wmi_question_is_a_call_with_the_names_of_its_properties() {
        let ask = Ask::Wmi {
            namespace: "root/cimv2",
            query: r"SELECT Name,Version FROM CIM_DataFile WHERE Name='C:\\a.exe'",
        };
        assert_eq!(
            call(ask).unwrap(),
            r"__wmi 'root\cimv2' 'SELECT Name,Version FROM CIM_DataFile WHERE Name=''C:\\a.exe''' @('Name','Version')"
        );
    }

    #[test]
    fn a_registry_question_can_be_asked_as_well() {
        let ask = Ask::Registry {
            key: r"HKLM\SOFTWARE\It's",
            tree: true,
            value: None,
            view: View::Bits32,
        };
        assert_eq!(
            call(ask).unwrap(),
            r"__reg 'HKLM\SOFTWARE\It''s' $true $null 'Registry32'"
        );
    }

    #[test]
    fn a_script_is_ascii_and_ends_with_the_last_marker() {
        let ask = Ask::Wmi {
            namespace: "root/cimv2",
            query: "SELECT Name FROM Win32_Service",
        };
        let nonce = Nonce::from_bytes([1; 16]);
        let script = script(&[Put { id: "a", ask }], &nonce);
        assert!(script.is_ascii());
        assert!(script.starts_with(&format!("$__n='{nonce}'\n")));
        assert!(script.contains("\n__ask 'a' {__wmi 'root\\cimv2' 'SELECT"));
        assert!(script.ends_with("__say \"`n$__n DONE`n\"\n"));
        assert!(!script.contains("function __reg"));
    }
}
