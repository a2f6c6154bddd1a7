//! Tests of unpacking.

use super::*;
use proptest::prelude::*;
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

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
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

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// All documents, with their names where they have one.
fn all(bytes: &[u8], limits: Limits) -> Result<Vec<(String, Vec<u8>)>, UnpackError> {
    let budget = Budget::new(limits);
    let mut found = Vec::new();
    let mut take = |name: &str, content: &mut dyn BufRead| {
        let mut bytes = Vec::new();
        content
            .read_to_end(&mut bytes)
            .map_err(UnpackError::Stream)?;
        found.push((name.to_owned(), bytes));
        Ok(())
    };
    match open(Box::new(bytes), &budget)? {
        Unpacked::Document(mut content) => take("", &mut content)?,
        Unpacked::Tar(mut archive) => tar_members(&mut archive, &budget, &mut take)?,
    }
    Ok(found)
}

fn read(bytes: &[u8], limits: Limits) -> Result<Vec<u8>, String> {
    let error = |error: UnpackError| match error {
        UnpackError::Stream(source) => source.to_string(),
        other => other.to_string(),
    };
    let mut found = all(bytes, limits).map_err(error)?;
    Ok(found.pop().unwrap_or_default().1)
}

#[test]
fn compression_is_recognised_by_content_and_taken_off_in_layers() {
    let packed = [
        TEXT.to_vec(),
        gzip(TEXT),
        bzip2(TEXT),
        xz(TEXT),
        zstd(TEXT),
        gzip(&xz(TEXT)),
    ];
    for bytes in packed {
        assert_eq!(read(&bytes, Limits::default()).unwrap(), TEXT);
    }
}

#[test]
fn streams_one_after_another_are_one_document() {
    let halves = TEXT.split_at(4);
    for pack in [gzip, bzip2, xz, zstd] {
        let bytes = [pack(halves.0), pack(halves.1)].concat();
        assert_eq!(read(&bytes, Limits::default()).unwrap(), TEXT);
    }
}

#[test]
fn a_tar_under_any_compression_gives_its_documents_in_their_order() {
    let packed = gzip(b"b");
    let members = [
        ("osv/b.json", TEXT),
        ("osv/.git/config", b"hidden"),
        ("osv/a.json.gz", &*packed),
    ];
    let archive = tar(&members);
    let expected = [
        ("osv/b.json".to_owned(), TEXT.to_vec()),
        ("osv/a.json.gz".to_owned(), b"b".to_vec()),
    ];
    for bytes in [
        gzip(&archive),
        bzip2(&archive),
        xz(&archive),
        zstd(&archive),
        archive,
    ] {
        assert_eq!(all(&bytes, Limits::default()).unwrap(), expected);
    }
}

#[test]
fn a_compressed_stream_cut_short_is_an_error() {
    let long: Vec<u8> = (0..20_000u32).flat_map(u32::to_le_bytes).collect();
    for bytes in [gzip(&long), bzip2(&long), xz(&long), zstd(&long)] {
        assert!(read(&bytes[..bytes.len() - 5], Limits::default()).is_err());
    }
}

#[test]
fn a_tar_cut_short_is_an_error() {
    let archive = tar(&[("a", &[7; 2000]), ("b", TEXT)]);
    for length in [600, 1500, 2400, 3000, 3080] {
        let error = read(&archive[..length], Limits::default());
        assert!(error.is_err(), "{length}");
    }
}

#[test]
fn a_bomb_is_refused_with_its_limit() {
    let long = vec![b' '; 10 << 20];
    for bomb in [
        gzip(&gzip(&long)),
        bzip2(&long),
        gzip(&tar(&[("a", &long)])),
    ] {
        let error = read(&bomb, limits(1 << 20, 1 << 30)).unwrap_err();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
        let error = read(&bomb, limits(1 << 30, 1 << 20)).unwrap_err();
        assert!(error.contains("the whole"), "{error}");
    }
    let nested = (0..5).fold(TEXT.to_vec(), |bytes, _| gzip(&bytes));
    let error = read(&nested, Limits::default()).unwrap_err();
    assert!(error.contains("times over"), "{error}");
}

#[test]
fn what_is_unpacked_is_counted_once() {
    let content = vec![b' '; 1 << 20];
    let archive = gzip(&tar(&[("a", &content), ("b", &content)]));
    let enough = (2 << 20) + (8 << 10);
    assert!(read(&archive, limits(1 << 20, enough)).is_ok());
    assert!(read(&archive, limits(1 << 20, 2 << 20)).is_err());
    assert!(read(&gzip(&content), limits(1 << 20, 1 << 20)).is_ok());
}

#[test]
fn an_archive_has_so_many_documents_and_no_more() {
    let members: Vec<_> = (0..11).map(|index| index.to_string()).collect();
    let members: Vec<_> = members.iter().map(|name| (&**name, TEXT)).collect();
    assert!(read(&tar(&members[1..]), limits(1 << 20, 1 << 20)).is_ok());
    let error = read(&tar(&members), limits(1 << 20, 1 << 20)).unwrap_err();
    assert_eq!(error, "more than 10 documents in one archive");
}

#[test]
fn what_we_do_not_unpack_says_so() {
    let inner = tar(&[("a", TEXT)]);
    let error = read(&tar(&[("b", &inner)]), Limits::default()).unwrap_err();
    assert_eq!(
        error,
        "a tar archive inside another archive: unpack it first"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        magic in prop::sample::select(vec![&b"BZh9"[..], b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b""]),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let bytes = [magic, &bytes].concat();
        let _ = read(&bytes, limits(1 << 16, 1 << 16));
    }

    #[test]
    fn no_damage_to_an_archive_makes_it_panic(at in 0usize..2048, byte in any::<u8>()) {
        for pack in [bzip2, zstd, |bytes: &[u8]| bytes.to_vec()] {
            let mut bytes = pack(&tar(&[("a", TEXT), ("b", TEXT)]));
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = read(&bytes, limits(1 << 16, 1 << 16));
        }
    }
}
