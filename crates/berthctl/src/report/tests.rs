use super::*;

const SECRETS: [&str; 6] =
    ["planted-one", "planted-two", "planted-three", "planted-four", "planted-five", "planted-six"];

fn leaks(_: &Root) -> Result<String> {
    Ok("password=planted-one\nhttps://me:planted-two@host/\n-----BEGIN PRIVATE KEY-----\nplanted-three\n\
        -----END PRIVATE KEY-----\nfine\n"
        .to_owned())
}

static LEAKY: Source = Source { file: "leaky.txt", what: "a text with secrets", read: leaks };
static GONE: Source = Source {
    file: "gone.txt",
    what: "what is not there",
    read: |_| bail!("cannot open it: token=planted-four"),
};
static SLOW: Source = Source {
    file: "slow.txt",
    what: "what does not answer",
    read: |_| {
        thread::sleep(Duration::from_secs(30));
        Ok(String::new())
    },
};
/// Where it is cut, a line is that says what the rest of it is; then comes the end of a key.
static CUT: Source = Source {
    file: "cut.txt",
    what: "a text that is cut in a secret",
    read: |_| {
        let rest = "planted-five\nplanted-six\n-----END RSA PRIVATE KEY-----\nfine\n";
        let filler = ".\n".repeat((PART_MAX - rest.len()) / 2);
        Ok(format!("first\npassword={rest}{filler}"))
    },
};
static LONG: Source =
    Source { file: "long.txt", what: "too much", read: |_| Ok(".\n".repeat(PART_MAX / 2) + "the end") };

fn unpacked(parts: &[Part]) -> Vec<(String, String)> {
    let mut packed = Vec::new();
    let length = write(&mut packed, "r", 1_795_543_800, true, parts).unwrap();
    assert_eq!(length, packed.len() as u64);
    let tar = zstd::stream::decode_all(&packed[..]).unwrap();
    let mut found = Vec::new();
    for file in tar::Archive::new(&tar[..]).entries().unwrap() {
        let mut file = file.unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut file, &mut text).unwrap();
        found.push((file.path().unwrap().display().to_string(), text));
    }
    found
}

#[test]
fn what_cannot_be_had_is_named_and_nothing_secret_is_in_it() {
    let root = Root::of_machine();
    let time = |source: &Source| Duration::from_millis(if source.file == "slow.txt" { 100 } else { 60_000 });
    let parts: Vec<Part> =
        [&LEAKY, &GONE, &SLOW, &CUT, &LONG].map(|source| part(&root, source, time(source))).into();
    let files = unpacked(&parts);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["r/index.txt", "r/leaky.txt", "r/cut.txt", "r/long.txt"]);
    let index = &files[0].1;
    for line in [
        "Report of 2026-11-24 18:10:00 UTC",
        "gone.txt               what is not there (unavailable: cannot open it: token=[masked])",
        "slow.txt               what does not answer (unavailable: it took too long)",
        "long.txt               too much (1.0M, its beginning left out)",
    ] {
        assert!(index.lines().any(|found| found == line), "{line} is not in {index}");
    }
    assert!(files[2].1.starts_with("[masked private key]\nfine\n"), "{}", &files[2].1[..100]);
    assert!(files[3].1.ends_with("the end"));
    assert!(files[1].1.ends_with("[masked private key]\nfine\n"));
    for (name, text) in &files {
        assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{name}: {text}");
    }
}

#[test]
fn every_part_has_a_file_of_its_own() {
    let files: std::collections::BTreeSet<&str> = SOURCES.iter().map(|source| source.file).collect();
    assert_eq!(files.len(), SOURCES.len());
}
