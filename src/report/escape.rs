//! Making hostile text harmless where it is shown.
//!
//! Host names, banners, package and program names are chosen by whoever runs the host. Four
//! places must not act on them:
//!
//! * a spreadsheet, which runs cells that begin like a formula ([`for_csv`], and [`for_workbook`] where cells have types);
//! * a terminal, which obeys escape sequences ([`for_terminal`]);
//! * a browser, which obeys markup ([`for_html`]);
//! * a reader's eye, which bidirectional overrides deceive (both, and [`for_json`]).
//!
//! A line break becomes `⏎`, a tab a space, any other C0 control its picture (`␛`), and C1,
//! bidirectional and invisible characters their number, as `<U+202E>`.

use super::{Guards, swar};
use std::borrow::Cow;
use std::fmt::Write as _;

/// The longest cell, in UTF-16 units, which is how a spreadsheet counts. Excel takes 32,767.
const CELL_UNITS: usize = 30_000;
/// Ends a cell that was longer.
const CUT: &str = "…[cut]";
/// The length of [`CUT`].
const CUT_UNITS: usize = 6;

/// Appends a text that a spreadsheet shows and never runs.
///
/// An apostrophe goes before a formula sign at the beginning, also behind blanks and quotes. The
/// same behind each `foreign` separator: a spreadsheet of another locale splits the line there, and
/// what follows begins a cell. Numbers stay numbers. `guards` learns what had to be done.
pub(super) fn for_csv(text: &str, foreign: char, out: &mut String, guards: &mut Guards) {
    if is_plain(text, foreign) {
        out.push_str(text);
        return;
    }
    let mut cell = Bounded::new(out);
    // Whether nothing visible has come yet since a cell began, and whether this file begins it.
    let mut at_start = true;
    let mut is_own = true;
    let (mut has_sign, mut has_hazard) = (false, false);
    for (at, c) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        let until = Some(foreign).filter(|_| !is_own);
        if at_start && is_formula_sign(c, at) && !is_number(rest, until) {
            cell.push("'");
            has_sign = true;
        }
        has_hazard |= is_hazard(c);
        at_start = c == foreign || (at_start && is_transparent(c));
        is_own &= c != foreign;
        cell.push_visible(c, rest);
        if cell.is_full() {
            break;
        }
    }
    guards.formula += u64::from(has_sign);
    guards.shown += u64::from(has_hazard);
    guards.cut += u64::from(cell.finish());
}

/// Appends a text as a typed cell of a workbook shows it. Such a cell is text because its file says so, and needs no
/// guard; what acts is shown as elsewhere, and so is what XML has no place for.
pub(super) fn for_workbook(text: &str, out: &mut String) {
    let is_quiet = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_quiet && text.len() <= CELL_UNITS {
        out.push_str(text);
        return;
    }
    let mut cell = Bounded::new(out);
    for (at, c) in text.char_indices() {
        if matches!(c, '\u{fffe}' | '\u{ffff}') {
            cell.push(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            cell.push_visible(c, text.get(at..).unwrap_or_default());
        }
        if cell.is_full() {
            break;
        }
    }
    cell.finish();
}

/// Whether a spreadsheet would read a formula if a person typed this, or left a cell that holds it.
pub(super) fn is_like_formula(text: &str) -> bool {
    let first = text.trim_start_matches(is_transparent).chars().next();
    first.is_some_and(|first| is_formula_sign(first, 1))
}

/// A text that a terminal shows on one line and never obeys.
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hazard) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        push_visible(c, text.get(at..).unwrap_or_default(), &mut out);
    }
    Cow::Owned(out)
}

/// A text that XML 1.0 can hold (section 2.2, `Char`: no control but tab, CR and LF, and neither U+FFFE nor
/// U+FFFF), on one line. Markup is escaped by whoever writes the XML.
pub(super) fn for_xml(text: &str) -> Cow<'_, str> {
    let shown = for_terminal(text);
    if !shown.contains(is_no_xml) {
        return shown;
    }
    let mut out = String::with_capacity(shown.len());
    for c in shown.chars() {
        match c {
            _ if is_no_xml(c) => push_number(c, &mut out),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn is_no_xml(c: char) -> bool {
    matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn push_number(c: char, out: &mut String) {
    let _ = write!(out, "<U+{:04X}>", u32::from(c));
}

/// Appends a text that an HTML page shows, as content of an element or in a quoted attribute, and never takes for
/// markup; what acts on a reader's eye is shown as on a terminal.
pub(super) fn for_html(text: &str, out: &mut String) {
    for c in for_terminal(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
}

/// Appends JSON with every hazard that JSON lets through (DEL, C1, bidirectional and invisible
/// characters) as `\u` escapes. The value stays the same: in JSON they can only be inside strings.
pub(super) fn for_json(json: &str, out: &mut String) {
    let is_quiet = json.bytes().all(|byte| byte < 0x7f);
    if is_quiet || !json.contains(is_json_hazard) {
        out.push_str(json);
        return;
    }
    for c in json.chars() {
        if !is_json_hazard(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
}

/// JSON that a terminal does not obey. The value stays the same.
pub fn tame_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for_json(json, &mut safe);
    safe
}

/// Whether nothing at all needs doing: nearly every cell. Strict, because the careful way is always
/// right.
fn is_plain(text: &str, foreign: char) -> bool {
    let bytes = text.as_bytes();
    let Ok(foreign) = u8::try_from(foreign) else {
        return false;
    };
    // A cell begins, here or for another locale, and must begin with something harmless.
    let begins_well = |part: &[u8]| part.first().copied().is_none_or(is_harmless);
    if bytes.len() > CELL_UNITS || !begins_well(bytes) {
        return false;
    }
    let marks = swar::marks(bytes, [foreign, foreign]);
    if marks.is_unprintable {
        return false;
    }
    let mut others = bytes.split(|byte| *byte == foreign).skip(1);
    !marks.is_named || others.all(|part| begins_well(part.trim_ascii_start()))
}

fn is_harmless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'(')
}

/// What makes a spreadsheet read a formula, with the full-width and small forms that some of them
/// fold. Blank controls and NUL count only as the very first character.
fn is_formula_sign(c: char, at: usize) -> bool {
    match c {
        '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹦' | '﹢' | '﹣' | '﹫' => {
            true
        }
        '\t' | '\r' | '\n' | '\0' => at == 0,
        _ => false,
    }
}

/// What a spreadsheet may skip before it looks for a formula.
fn is_transparent(c: char) -> bool {
    c.is_whitespace() || c == '"' || c == '\0' || matches!(c, '\u{200c}' | '\u{200d}')
}

/// Whether the text is a decimal number. With a separator: whether what it ends is one; behind the
/// last separator it is not, for there the rest of the row belongs to what another locale reads.
fn is_number(text: &str, until: Option<char>) -> bool {
    let text = match until {
        Some(separator) => text.split_once(separator).map_or("", |(part, _)| part),
        None => text,
    };
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    is_digits(whole) && fraction.is_none_or(is_digits) && exponent.is_none_or(is_digits)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Characters that act instead of being seen.
fn is_hazard(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control() || is_invisible(c)
}

/// Those of them that JSON does not escape by itself.
fn is_json_hazard(c: char) -> bool {
    c >= '\u{7f}' && is_hazard(c)
}

/// Line separators, bidirectional controls, and characters without a width. The joiners (U+200C,
/// U+200D) stay: names are spelt with them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Appends a character in a form that can be seen. `rest` begins with it.
fn push_visible(c: char, rest: &str, out: &mut String) {
    match c {
        // The LF behind it says it.
        '\r' if rest.starts_with("\r\n") => {}
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('⏎'),
        '\t' => out.push(' '),
        '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(c))),
        '\u{7f}' => out.push('␡'),
        _ if is_hazard(c) => push_number(c, out),
        _ => out.push(c),
    }
}

/// A cell that does not outgrow [`CELL_UNITS`].
struct Bounded<'a> {
    out: &'a mut String,
    /// How much of `out` is counted already, in bytes and in the cell's UTF-16 units.
    counted: usize,
    units: usize,
    /// The last place where the cell can be cut and the mark still fits.
    cut_at: usize,
}

impl<'a> Bounded<'a> {
    fn new(out: &'a mut String) -> Self {
        let counted = out.len();
        Self {
            out,
            counted,
            units: 0,
            cut_at: counted,
        }
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.count();
    }

    fn push_visible(&mut self, c: char, rest: &str) {
        push_visible(c, rest, self.out);
        self.count();
    }

    fn count(&mut self) {
        let new = self.out.get(self.counted..).unwrap_or_default();
        self.units += new.chars().map(char::len_utf16).sum::<usize>();
        self.counted = self.out.len();
        if self.units + CUT_UNITS <= CELL_UNITS {
            self.cut_at = self.counted;
        }
    }

    fn is_full(&self) -> bool {
        self.units > CELL_UNITS
    }

    /// Whether it had to be cut.
    fn finish(self) -> bool {
        let is_full = self.is_full();
        if is_full {
            self.out.truncate(self.cut_at);
            self.out.push_str(CUT);
        }
        is_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn csv(text: &str) -> String {
        guarded(text).0
    }

    fn guarded(text: &str) -> (String, Guards) {
        let (mut out, mut guards) = (String::new(), Guards::default());
        for_csv(text, ';', &mut out, &mut guards);
        (out, guards)
    }

    #[test]
    fn what_was_done_to_a_cell_is_counted_once_a_cell() {
        let done = |text: &str| {
            let (_, one) = guarded(text);
            [one.formula, one.cut, one.shown, one.shortened]
        };
        for plain in ["", "web-1", "-5", "a; b", "Müller", "1.2.3-4"] {
            assert_eq!(done(plain), [0; 4], "{plain}");
        }
        assert_eq!(done("=1;=2;=3"), [1, 0, 0, 0]);
        assert_eq!(done("a\nb\nc"), [0, 0, 1, 0]);
        assert_eq!(done("\t=1"), [1, 0, 1, 0]);
        assert_eq!(done("x\r\ny"), [0, 0, 1, 0]);
        assert_eq!(done(&"a".repeat(30_001)), [0, 1, 0, 0]);
        assert_eq!(
            done(&format!("@{}\u{202e}", "a".repeat(40_000))),
            [1, 1, 0, 0]
        );
        assert_eq!(done(&"a".repeat(30_000)), [0; 4]);
    }

    #[test]
    fn formulas_are_guarded_in_every_form() {
        for text in [
            "=1+1", "+1+1", "-1+1", "@SUM(A1)", "＝1", "＋a", "－a", "＠a", "﹦1",
        ] {
            assert_eq!(csv(text), format!("'{text}"));
        }
        assert_eq!(csv("\t=1"), "' '=1");
        assert_eq!(csv("\r=1"), "'⏎=1".replace('=', "'="));
        assert_eq!(csv("\0x"), "'␀x");
        assert_eq!(csv("  =1"), "  '=1");
        assert_eq!(csv("\"=1"), "\"'=1");
        assert_eq!(csv("-"), "'-");
    }

    #[test]
    fn numbers_are_not_guarded() {
        for text in ["-5", "+3.2e1", "-0.5", "+1E-7", "5", "1.2"] {
            assert_eq!(csv(text), text);
        }
        for text in ["-5-1", "+.5", "-1e", "+49 30 1", "-٣", "--5", "-1.2.3"] {
            assert_eq!(csv(text), format!("'{text}"), "{text}");
        }
    }

    #[test]
    fn what_another_locale_would_split_into_a_formula_is_guarded() {
        assert_eq!(csv("a;=cmd"), "a;'=cmd");
        assert_eq!(csv("a; \"=cmd"), "a; \"'=cmd");
        assert_eq!(csv("a;-5;b"), "a;-5;b");
        assert_eq!(csv("-5;b"), "'-5;b");
        assert_eq!(csv("a; -5"), "a; '-5");
        assert_eq!(csv("a,=cmd"), "a,=cmd");
        let mut european = String::new();
        for_csv("a,=cmd;=x", ',', &mut european, &mut Guards::default());
        assert_eq!(european, "a,'=cmd;=x");
    }

    #[test]
    fn what_acts_is_shown_instead() {
        assert_eq!(csv("a\r\nb\nc\rd"), "a⏎b⏎c⏎d");
        assert_eq!(csv("\u{1b}[31mred"), "␛[31mred");
        assert_eq!(csv("a\u{9b}b\u{7f}"), "a<U+009B>b␡");
        assert_eq!(csv("invoice\u{202e}fdp.exe"), "invoice<U+202E>fdp.exe");
        assert_eq!(for_terminal("\u{1b}]0;x\u{7}\tü"), "␛]0;x␇ ü");
        assert_eq!(for_terminal("-plain="), "-plain=");
    }

    #[test]
    fn xml_gets_no_character_that_it_cannot_hold() {
        assert_eq!(for_xml("a\u{0}\u{1b}\u{fffe}\r\nb"), "a␀␛<U+FFFE>⏎b");
        assert_eq!(for_xml("<ü & \u{10ffff}>"), "<ü & \u{10ffff}>");
    }

    #[test]
    fn markup_is_shown_and_not_obeyed() {
        let mut out = String::new();
        for_html(
            "</script><img src=x onerror='a(\"&\")'>\u{202e}\u{1b}\n",
            &mut out,
        );
        assert_eq!(
            out,
            "&lt;/script&gt;&lt;img src=x onerror=&#39;a(&quot;&amp;&quot;)&#39;&gt;&lt;U+202E&gt;␛⏎"
        );
    }

    #[test]
    fn a_long_cell_is_cut_and_says_so() {
        assert_eq!(CUT.encode_utf16().count(), CUT_UNITS);
        assert_eq!(csv(&"a".repeat(CELL_UNITS)).len(), CELL_UNITS);
        for long in [
            "a".repeat(40_000),
            "😀".repeat(20_000),
            "\u{202e}".repeat(9_999),
        ] {
            let cell = csv(&long);
            assert!(cell.ends_with(CUT));
            let units = cell.encode_utf16().count();
            assert!(units <= CELL_UNITS && units > CELL_UNITS - 20, "{units}");
        }
    }

    #[test]
    fn a_typed_cell_shows_what_acts_and_has_no_guard() {
        let shown = |text: &str| {
            let mut out = String::new();
            for_workbook(text, &mut out);
            out
        };
        assert_eq!(shown("=1+1"), "=1+1");
        assert_eq!(shown("a\r\nb\u{1b}\u{202e}\t"), "a⏎b␛<U+202E> ");
        assert_eq!(shown("\u{fffe}ü\u{ffff}\0"), "<U+FFFE>ü<U+FFFF>␀");
        assert!(is_like_formula(" \"=1") && is_like_formula("＝1") && is_like_formula("-5"));
        assert!(!is_like_formula("a=1") && !is_like_formula(""));
        assert_eq!(
            shown(&"ü".repeat(40_000)).encode_utf16().count(),
            CELL_UNITS
        );
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!("a\u{9b}\u{202e}\u{e0041}\u{7f}ü");
        let mut out = String::new();
        for_json(&value.to_string(), &mut out);
        assert_eq!(out, r#""a\u009b\u202e\udb40\udc41\u007fü""#);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&out).unwrap(),
            value
        );
    }

    proptest! {
        #[test]
        fn no_text_survives_as_a_formula_or_a_control(text in any::<String>()) {
            let cell = csv(&text);
            let signs = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
            for part in cell.split(';') {
                let part = part.trim_start_matches(is_transparent);
                prop_assert!(!part.starts_with(signs) || part.parse::<f64>().is_ok(), "{cell:?}");
            }
            prop_assert!(!cell.contains(is_hazard), "{cell:?}");
            prop_assert!(!for_terminal(&text).contains(is_hazard));
        }
    }
}
