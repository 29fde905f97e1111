//! A datagram of syslog(3), a record of the kernel's log, a line of a service, as any process may
//! send them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logd::message;

fuzz_target!(|data: &[u8]| {
    _ = message::syslog_message(data);
    _ = message::output_line(data);
    if let Some(record) = message::kernel_record(data) {
        _ = message::kernel_speaker(&record.message);
    }
});
