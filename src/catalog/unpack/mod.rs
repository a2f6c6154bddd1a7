//! Archives and compressed streams, recognised by their content and read within bounds.

use crate::tabular::workbook::WorkbookError;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
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
    /// Several times what the largest feeds have: 512 MiB, 64 GiB, one million.
    fn default() -> Self {
        Self {
            document_bytes: 512 << 20,
            total_bytes: 64 << 30,
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

impl UnpackError {
    /// What is wrong with a workbook.
    pub(super) fn of_workbook(error: WorkbookError) -> Self {
        match error {
            WorkbookError::Zip(source) => Self::Zip(source),
            WorkbookError::Damaged(source) => Self::Workbook(source),
            WorkbookError::Stream(source) => Self::Stream(source),
        }
    }
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

/// What is under all compression.
pub(super) enum Unpacked<'a> {
    /// One document.
    Document(Box<dyn BufRead + 'a>),
    /// A tar archive, to be read with [`tar_members`].
    Tar(Box<dyn Read + 'a>),
}

/// Takes off what a file is compressed with.
pub(super) fn open<'a>(
    input: Box<dyn Read + 'a>,
    budget: &'a Budget,
) -> Result<Unpacked<'a>, UnpackError> {
    layers(input, budget, Meter::Both)
}

/// Takes off what a document in an archive is compressed with.
fn member<'a>(
    input: Box<dyn Read + 'a>,
    budget: &'a Budget,
    meter: Meter,
) -> Result<Box<dyn BufRead + 'a>, UnpackError> {
    match layers(input, budget, meter)? {
        Unpacked::Document(content) => Ok(content),
        Unpacked::Tar(_) => Err(UnpackError::Unsupported(
            "a tar archive inside another archive",
        )),
    }
}

/// `meter` is for what is not compressed at all: under a compression its bytes are counted already.
fn layers<'a>(
    input: Box<dyn Read + 'a>,
    budget: &'a Budget,
    mut meter: Meter,
) -> Result<Unpacked<'a>, UnpackError> {
    let mut input = input;
    for _ in 0..=MOST_LAYERS {
        let (head, whole) = peek(input)?;
        let inner: Box<dyn Read + 'a> = match kind(&head) {
            Kind::Plain => {
                let content = Metered::new(whole, budget, meter);
                return Ok(Unpacked::Document(Box::new(BufReader::new(content))));
            }
            Kind::Tar => return Ok(Unpacked::Tar(whole)),
            Kind::Gzip => Box::new(flate2::read::MultiGzDecoder::new(whole)),
            Kind::Xz => Box::new(lzma_rust2::XzReader::new(whole, true)),
            Kind::Zstd => Box::new(zstd(whole)?),
            Kind::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(whole)),
            Kind::Zip => return Err(UnpackError::Unsupported("a zip inside another archive")),
        };
        input = Box::new(Metered::new(inner, budget, Meter::Whole));
        meter = Meter::Document;
    }
    Err(UnpackError::TooDeep)
}

type Frame<R> = StreamingDecoder<BufReader<R>, FrameDecoder>;

/// Frames of zstd, one after another. The decoder reads one.
struct Frames<R: Read>(Option<Frame<R>>);

fn zstd<R: Read>(whole: R) -> Result<Frames<R>, UnpackError> {
    let first = frame(BufReader::new(whole)).map_err(UnpackError::Stream)?;
    Ok(Frames(Some(first)))
}

fn frame<R: Read>(source: BufReader<R>) -> io::Result<Frame<R>> {
    StreamingDecoder::new(source).map_err(io::Error::other)
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.0 {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut rest) = self.0.take().map(StreamingDecoder::into_inner) else {
                break;
            };
            if !rest.fill_buf()?.is_empty() {
                self.0 = Some(frame(rest)?);
            }
        }
        Ok(0)
    }
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

/// What is done with a member of an archive: its name, and its content or why there is none.
pub(super) type EachMember<'a, E> =
    &'a mut dyn FnMut(&str, Result<&mut dyn BufRead, UnpackError>) -> Result<(), E>;

/// Calls `each` with the name and content of every document of a zip archive, sorted by name.
/// Folders and hidden files are left out.
pub(super) fn zip_members<R: Read + Seek, E: From<UnpackError>>(
    reader: R,
    budget: &Budget,
    each: EachMember<'_, E>,
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
        let packed = archive.by_index(index).map_err(damaged);
        let content = packed.and_then(|packed| member(Box::new(packed), budget, Meter::Both));
        match content {
            Ok(mut content) => each(&name, Ok(&mut content))?,
            Err(error) => each(&name, Err(error))?,
        }
    }
    Ok(())
}

/// Calls `each` with the name and content of every document of a tar archive, in the archive's order,
/// as it streams by. Folders, links and hidden files are left out. Where the archive ends too early, what
/// came before has been handed out.
pub(super) fn tar_members<E: From<UnpackError>>(
    reader: &mut dyn Read,
    budget: &Budget,
    each: EachMember<'_, E>,
) -> Result<(), E> {
    let damaged = UnpackError::Stream;
    let mut archive = tar::Archive::new(reader);
    let mut documents = 0;
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let path = entry.path_bytes();
        let name = String::from_utf8_lossy(&path).into_owned();
        let mut parts = name.split('/');
        let hidden = parts.any(|part| part.starts_with('.') && part != ".");
        if !entry.header().entry_type().is_file() || hidden {
            continue;
        }
        documents += 1;
        if documents > budget.limits.documents {
            return Err(UnpackError::TooMany(budget.limits.documents).into());
        }
        let whole = Whole {
            left: entry.size(),
            inner: entry,
        };
        match member(Box::new(whole), budget, Meter::Document) {
            Ok(mut content) => each(&name, Ok(&mut content))?,
            Err(error) => each(&name, Err(error))?,
        }
    }
    Ok(())
}

/// What has a known length: it fails where it ends before.
struct Whole<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }
}

/// Which limits a reader keeps to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meter {
    /// That of one document: its bytes are in the whole's count already.
    Document,
    /// That of the whole: there may be many documents in it.
    Whole,
    Both,
}

/// A reader that fails where a limit is passed: a bomb is never unpacked as a whole.
struct Metered<'a, R> {
    inner: R,
    document_left: Option<u64>,
    counts: bool,
    budget: &'a Budget,
}

impl<'a, R: Read> Metered<'a, R> {
    fn new(inner: R, budget: &'a Budget, meter: Meter) -> Self {
        Self {
            inner,
            document_left: (meter != Meter::Whole).then_some(budget.limits.document_bytes),
            counts: meter != Meter::Document,
            budget,
        }
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let bytes = read as u64;
        let limits = self.budget.limits;
        if let Some(left) = &mut self.document_left {
            *left = left
                .checked_sub(bytes)
                .ok_or_else(|| over("this document", limits.document_bytes))?;
        }
        if self.counts {
            let left = self.budget.left.get().checked_sub(bytes);
            let left = left.ok_or_else(|| over("the whole", limits.total_bytes))?;
            self.budget.left.set(left);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
