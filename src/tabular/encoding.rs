//! Text by what its bytes show: a byte-order mark, the zeros of UTF-16, or that it is UTF-8.

use encoding_rs::Encoding;

/// Reads a text that shows what it is, without its mark, and names the encoding. `None` where it is in some
/// code page: which one, the bytes do not tell.
pub(crate) fn shown(bytes: &[u8]) -> Option<(String, &'static str)> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(mark..).unwrap_or_default();
        let text = encoding.decode_without_bom_handling(rest).0.into_owned();
        return Some((text, encoding.name()));
    }
    if let Some(encoding) = wide(bytes) {
        let text = encoding.decode_without_bom_handling(bytes).0.into_owned();
        return Some((text, encoding.name()));
    }
    let text = std::str::from_utf8(bytes).ok()?;
    Some((text.to_owned(), encoding_rs::UTF_8.name()))
}

/// Reads a text, in the Windows code page of western Europe where it shows nothing else: the one in which Excel
/// saves.
pub(crate) fn shown_or_western(bytes: &[u8]) -> (String, &'static str) {
    shown(bytes).unwrap_or_else(|| {
        let encoding = encoding_rs::WINDOWS_1252;
        let text = encoding.decode_without_bom_handling(bytes).0.into_owned();
        (text, encoding.name())
    })
}

/// UTF-16 without a mark: every other byte of its ASCII is zero.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = bytes.get(..bytes.len().min(400)).unwrap_or_default();
    let zeros = |odd: usize| {
        let bytes = start.iter().skip(odd).step_by(2);
        bytes.filter(|byte| **byte == 0).count()
    };
    let many = start.len() / 4;
    match (zeros(0), zeros(1)) {
        (even, odd) if odd > many && odd > even => Some(encoding_rs::UTF_16LE),
        (even, _) if even > many => Some(encoding_rs::UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_show_what_they_are() {
        let text = "Name;Müller\r\n";
        let le = |mark: &[u8]| -> Vec<u8> {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            mark.iter().copied().chain(units).collect()
        };
        let be = text.encode_utf16().flat_map(u16::to_be_bytes);
        let be: Vec<u8> = be.collect();
        for (bytes, encoding) in [
            (text.as_bytes().to_vec(), "UTF-8"),
            ([b"\xef\xbb\xbf", text.as_bytes()].concat(), "UTF-8"),
            (le(b"\xff\xfe"), "UTF-16LE"),
            (le(b""), "UTF-16LE"),
            ([b"\xfe\xff", &be[..]].concat(), "UTF-16BE"),
            (be, "UTF-16BE"),
            (b"Name;M\xfcller\r\n".to_vec(), "windows-1252"),
        ] {
            let read = shown_or_western(&bytes);
            assert_eq!(read, (text.to_owned(), encoding));
        }
        assert_eq!(shown(b"M\xfcller"), None);
    }
}
