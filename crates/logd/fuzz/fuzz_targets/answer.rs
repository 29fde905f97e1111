//! What a name server or a collector answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logd::forward;

fuzz_target!(|data: &[u8]| {
    let Some(question) = forward::query(0x1234, "logs.example", 28) else { return };
    _ = forward::answers(&question, data);
    // The same behind a head that fits.
    let mut answer = question.clone();
    answer[2] |= 0x80;
    answer[7] = 4;
    answer.extend_from_slice(data);
    _ = forward::answers(&question, &answer);
    _ = forward::status(data);
});
