//! A message of sd_journal_sendv(3), as any process may send it; what was read is written and read
//! again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for fields in journal::export::parse(data) {
        let mut text = Vec::new();
        for (name, value) in fields.iter() {
            assert!(!name.starts_with('_'), "who speaks is not the speaker's to say");
            journal::export::put(&mut text, name, value);
        }
        assert_eq!(journal::export::parse(&text), [fields]);
    }
});
