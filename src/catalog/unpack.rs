//! Archives and compressed streams, recognised by their content and read within bounds.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};

/// How much an import may unpack. A document beyond it is refused, and the import with it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes of one document.
    pub document_bytes: u64,
    /// The most bytes of all documents of one given path together.
    pub total_bytes: u64,
    /// The most documents in one archive.
    pub documents: usize,
}

impl Default for Limits {
    /// Several times what the largest feeds have: 512 MiB, 8 GiB, one million.
    fn default() -> Self {
        Self {
            document_bytes: 512 << 20,
            total_bytes: 8 << 30,
            documents: 1_000_000,
        }
    }
}

/// What is left of the limits.
pub(super) struct Budget {
    pub(super) limits: Limits,
    left: Cell<u64>,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            left: Cell::new(limits.total_bytes),
        }
    }

    /// Takes bytes that were unpacked from what is left.
    pub(super) fn spend(&self, bytes: u64) -> Result<(), UnpackError> {
        let left = self
            .left
            .get()
            .checked_sub(bytes)
            .ok_or_else(|| UnpackError::Stream(over("the whole", self.limits.total_bytes)))?;
        self.left.set(left);
        Ok(())
    }
}

fn over(what: &str, limit: u64) -> io::Error {
    io::Error::other(format!(
        "{what} has more than {limit} bytes once unpacked, which is more than any feed has"
    ))
}

/// Layers of compression that are taken off one after another (`.json.gz.xz`).
const MOST_LAYERS: usize = 3;

/// Why something cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// A kind of archive that is not read, or not here.
    #[error("{0}: unpack it first")]
    Unsupported(&'static str),
    /// More layers of compression than anybody needs.
    #[error("compressed more than {MOST_LAYERS} times over")]
    TooDeep,
    /// More documents than the limit allows.
    #[error("more than {0} documents in one archive")]
    TooMany(usize),
    /// Not a readable archive.
    #[error("the archive is damaged or cut short")]
    Zip(#[source] zip::result::ZipError),
    /// Not a readable workbook.
    #[error("the workbook is damaged or cut short")]
    Workbook(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The stream does not read.
    #[error("the compressed data is damaged or cut short")]
    Stream(#[source] io::Error),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zip,
    Gzip,
    Xz,
    Zstd,
    Tar,
    Bzip2,
    Plain,
}

const MAGIC: &[(usize, &[u8], Kind)] = &[
    (0, b"PK\x03\x04", Kind::Zip),
    (0, b"PK\x05\x06", Kind::Zip),
    (0, b"\x1f\x8b", Kind::Gzip),
    (0, b"\xfd7zXZ\0", Kind::Xz),
    (0, b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (0, b"BZh", Kind::Bzip2),
    (257, b"ustar", Kind::Tar),
];

fn kind(head: &[u8]) -> Kind {
    let found = MAGIC.iter().find(|(offset, magic, _)| {
        let here = head.get(*offset..).unwrap_or_default();
        here.starts_with(magic)
    });
    found.map_or(Kind::Plain, |(_, _, kind)| *kind)
}

/// Whether this is the beginning of a zip archive, which needs to be read with [`zip_members`].
pub(super) fn is_zip(head: &[u8]) -> bool {
    kind(head) == Kind::Zip
}

/// Takes off what a stream is compressed with.
pub(super) fn stream<'a>(
    input: Box<dyn Read + 'a>,
    budget: &'a Budget,
) -> Result<Box<dyn BufRead + 'a>, UnpackError> {
    let mut input = input;
    for _ in 0..=MOST_LAYERS {
        let (head, whole) = peek(input)?;
        let inner: Box<dyn Read + 'a> = match kind(&head) {
            Kind::Plain => return Ok(Box::new(BufReader::new(Metered::new(whole, budget)))),
            Kind::Gzip => Box::new(flate2::read::MultiGzDecoder::new(whole)),
            Kind::Xz => Box::new(lzma_rust2::XzReader::new(whole, true)),
            Kind::Zstd => Box::new(zstd(whole)?),
            Kind::Tar => return Err(UnpackError::Unsupported("a tar archive")),
            Kind::Bzip2 => return Err(UnpackError::Unsupported("compressed with bzip2")),
            Kind::Zip => return Err(UnpackError::Unsupported("a zip inside another archive")),
        };
        input = Box::new(Metered::new(inner, budget));
    }
    Err(UnpackError::TooDeep)
}

fn zstd<R: Read>(
    whole: R,
) -> Result<ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>, UnpackError> {
    ruzstd::decoding::StreamingDecoder::new(whole)
        .map_err(|error| UnpackError::Stream(io::Error::other(error)))
}

/// The first bytes, and the whole again.
fn peek<'a>(mut input: Box<dyn Read + 'a>) -> Result<(Vec<u8>, Box<dyn Read + 'a>), UnpackError> {
    let mut head = Vec::new();
    (&mut input)
        .take(512)
        .read_to_end(&mut head)
        .map_err(UnpackError::Stream)?;
    let whole = Cursor::new(head.clone()).chain(input);
    Ok((head, Box::new(whole)))
}

/// Calls `each` with the name and content of every document of a zip archive, sorted by name.
/// Folders and hidden files are left out.
pub(super) fn zip_members<R: Read + Seek, E: From<UnpackError>>(
    reader: R,
    budget: &Budget,
    each: &mut dyn FnMut(&str, &mut dyn BufRead) -> Result<(), E>,
) -> Result<(), E> {
    let damaged = UnpackError::Zip;
    let mut archive = zip::ZipArchive::new(reader).map_err(damaged)?;
    if archive.len() > budget.limits.documents {
        return Err(UnpackError::TooMany(budget.limits.documents).into());
    }
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        let hidden = name.split('/').any(|part| part.starts_with('.'));
        if entry.is_file() && !hidden {
            members.push((name, index));
        }
    }
    members.sort_unstable();
    for (name, index) in members {
        let member = archive.by_index(index).map_err(damaged)?;
        let mut content = stream(Box::new(member), budget)?;
        each(&name, &mut content)?;
    }
    Ok(())
}

/// A reader that fails where a limit is passed: a bomb is never unpacked as a whole.
struct Metered<'a, R> {
    inner: R,
    document_left: u64,
    budget: &'a Budget,
}

impl<'a, R: Read> Metered<'a, R> {
    fn new(inner: R, budget: &'a Budget) -> Self {
        Self {
            inner,
            document_left: budget.limits.document_bytes,
            budget,
        }
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let bytes = read as u64;
        let limits = self.budget.limits;
        if bytes > self.document_left {
            return Err(over("this document", limits.document_bytes));
        }
        if bytes > self.budget.left.get() {
            return Err(over("the whole", limits.total_bytes));
        }
        self.document_left -= bytes;
        self.budget.left.set(self.budget.left.get() - bytes);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const TEXT: &[u8] = b"{\"id\": 1}";

    fn limits(document_bytes: u64, total_bytes: u64) -> Limits {
        Limits {
            document_bytes,
            total_bytes,
            documents: 10,
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn read(bytes: &[u8], limits: Limits) -> Result<Vec<u8>, String> {
        let budget = Budget::new(limits);
        let mut stream = stream(Box::new(bytes), &budget).map_err(|error| error.to_string())?;
        let mut content = Vec::new();
        stream
            .read_to_end(&mut content)
            .map_err(|error| error.to_string())?;
        Ok(content)
    }

    #[test]
    fn compression_is_recognised_by_content_and_taken_off_in_layers() {
        let packed = [
            TEXT.to_vec(),
            gzip(TEXT),
            xz(TEXT),
            zstd(TEXT),
            gzip(&xz(TEXT)),
        ];
        for bytes in packed {
            assert_eq!(read(&bytes, Limits::default()).unwrap(), TEXT);
        }
    }

    #[test]
    fn a_compressed_stream_cut_short_is_an_error() {
        let long: Vec<u8> = (0..20_000u32).flat_map(u32::to_le_bytes).collect();
        for bytes in [gzip(&long), xz(&long), zstd(&long)] {
            assert!(read(&bytes[..bytes.len() - 5], Limits::default()).is_err());
        }
    }

    #[test]
    fn a_bomb_is_refused_with_its_limit() {
        let bomb = gzip(&gzip(&vec![b' '; 10 << 20]));
        let error = read(&bomb, limits(1 << 20, 1 << 30)).unwrap_err();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
        let error = read(&bomb, limits(1 << 30, 1 << 20)).unwrap_err();
        assert!(error.contains("the whole"), "{error}");
        let nested = (0..5).fold(TEXT.to_vec(), |bytes, _| gzip(&bytes));
        assert!(
            read(&nested, Limits::default())
                .unwrap_err()
                .contains("times over")
        );
    }

    #[test]
    fn what_we_do_not_unpack_says_so() {
        let error = read(b"BZh91AY", Limits::default()).unwrap_err();
        assert_eq!(error, "compressed with bzip2: unpack it first");
    }
}
