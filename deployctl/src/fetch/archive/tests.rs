//! Hostile archives, written byte by byte where the libraries would not write them.

use std::io::Write;

use proptest::prelude::*;

use super::*;

struct Attempt {
    _folder: tempfile::TempDir,
    into: Utf8PathBuf,
    result: Result<(), FetchError>,
}

fn attempt(bytes: &[u8], limits: Limits) -> Attempt {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::try_from(folder.path().to_owned()).unwrap();
    std::fs::write(root.join("archive"), bytes).unwrap();
    let into = root.join("deep/er/into");
    std::fs::create_dir_all(&into).unwrap();
    let result = unpack(&root.join("archive"), &into, limits);
    let outside = ["evil", "deep/evil", "deep/er/evil"];
    assert!(outside.iter().all(|path| !root.join(path).exists()), "written outside");
    Attempt { _folder: folder, into, result }
}

fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, contents) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(contents.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tar(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, contents) in entries {
        let mut header = tar::Header::new_ustar();
        // The library refuses to write `..`: the name goes in as bytes.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        if matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, contents.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn unpacks_all_kinds() {
    let file = tar::EntryType::Regular;
    let tarred = tar(&[
        ("pax_global_header", tar::EntryType::XGlobalHeader, "10 a=b\n"),
        ("a/", tar::EntryType::Directory, ""),
        ("./a/b.c", file, "int x;"),
    ]);
    for bytes in [zip(&[("a/b.c", "int x;")]), gzip(&tarred), tarred] {
        let attempt = attempt(&bytes, Limits::default());
        attempt.result.unwrap();
        assert_eq!(std::fs::read_to_string(attempt.into.join("a/b.c")).unwrap(), "int x;");
    }
}

#[test]
fn refuses_what_leads_elsewhere_and_names_it() {
    let file = tar::EntryType::Regular;
    for name in ["../evil", "a/../../evil", "/evil", "a/..", "a\\..\\evil", "nul\u{1}"] {
        for bytes in [zip(&[("ok", ""), (name, "x")]), tar(&[("ok", file, ""), (name, file, "x")])] {
            let error = attempt(&bytes, Limits::default()).result.unwrap_err();
            assert!(matches!(&error, FetchError::Unsafe { entry, .. } if entry == name), "{name}: {error}");
        }
    }
}

#[test]
fn refuses_links_devices_and_duplicates() {
    use tar::EntryType as Type;
    for kind in [Type::Symlink, Type::Link, Type::Char, Type::Fifo] {
        let error = attempt(&tar(&[("bad", kind, "")]), Limits::default()).result.unwrap_err();
        assert!(matches!(&error, FetchError::Unsafe { entry, .. } if entry == "bad"), "{error}");
    }
    let mut linked = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    linked.add_symlink("bad", "/etc", zip::write::SimpleFileOptions::default()).unwrap();
    let error = attempt(&linked.finish().unwrap().into_inner(), Limits::default()).result.unwrap_err();
    assert!(matches!(&error, FetchError::Unsafe { entry, .. } if entry == "bad"), "{error}");
    let twice = tar(&[("a", Type::Regular, "1"), ("./a", Type::Regular, "2")]);
    assert!(attempt(&twice, Limits::default()).result.unwrap_err().to_string().contains("there twice"));
}

#[test]
fn stops_bombs_at_the_limit() {
    let zeros = "\0".repeat(8 << 20);
    let small = Limits { bytes: 1 << 20, entries: 10 };
    let file = tar::EntryType::Regular;
    for bytes in [zip(&[("zeros", &zeros)]), gzip(&tar(&[("zeros", file, &zeros)]))] {
        assert!(bytes.len() < 100_000);
        let attempt = attempt(&bytes, small);
        assert!(attempt.result.unwrap_err().to_string().contains("limit of the unpacked size"));
        assert!(std::fs::metadata(attempt.into.join("zeros")).unwrap().len() <= small.bytes + 1);
    }
    let names: Vec<String> = (0..11).map(|at| at.to_string()).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), file, "")).collect();
    assert!(attempt(&tar(&many), small).result.unwrap_err().to_string().contains("one too many"));
}

#[test]
fn says_what_is_no_archive() {
    for bytes in [&b""[..], b"PK\x03\x04", b"\x1f\x8b", b"<html>404</html>"] {
        let error = attempt(bytes, Limits::default()).result.unwrap_err();
        assert!(matches!(error, FetchError::Archive { .. }), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn damaged_archives_never_panic(at in 0usize..400, byte: u8, cut in 0usize..400, which in 0..3usize) {
        let tarred = tar(&[("a/b", tar::EntryType::Regular, "contents of b"), ("c", tar::EntryType::Regular, "")]);
        let mut bytes = [zip(&[("a/b", "contents of b"), ("c", "")]), gzip(&tarred), tarred][which].clone();
        let place = at % bytes.len();
        bytes[place] = byte;
        bytes.truncate(bytes.len() - cut % bytes.len());
        drop(attempt(&bytes, Limits { bytes: 1 << 16, entries: 16 }));
    }
}
