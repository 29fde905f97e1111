//! What each event looks like on the wire and on the console.

use event::{Decoder, Event, ShutdownKind, Stage};
use proptest::prelude::*;

fn reached() -> Event {
    Event::ReachedTarget {
        target: "multi-user.target".into(),
        total_us: 3_210_000,
        kernel_us: 1_020_000,
        initramfs_us: 400_000,
        userspace_us: 1_790_000,
    }
}

#[test]
fn the_wire_form_is_fixed() {
    let cases = [
        (
            Event::InitStarted { boot_id: "b".into(), version: "0.1.0".into() },
            r#"{"event":"init-started","boot_id":"b","version":"0.1.0"}"#,
        ),
        (
            reached(),
            r#"{"event":"reached-target","target":"multi-user.target","total_us":3210000,"kernel_us":1020000,"initramfs_us":400000,"userspace_us":1790000}"#,
        ),
        (
            Event::UnitFailed { unit: "a.service".into(), reason: "exit-code 1".into() },
            r#"{"event":"unit-failed","unit":"a.service","reason":"exit-code 1"}"#,
        ),
        (
            Event::Emergency {
                stage: Stage::Userspace,
                cause: "c".into(),
                next_step: "n".into(),
                reboot_in_s: 60,
                log: vec!["l".into()],
            },
            r#"{"event":"emergency","stage":"userspace","cause":"c","next_step":"n","reboot_in_s":60,"log":["l"]}"#,
        ),
        (Event::Shutdown { kind: ShutdownKind::Poweroff }, r#"{"event":"shutdown","kind":"poweroff"}"#),
        (
            Event::ShutdownComplete { kind: ShutdownKind::Reboot, clean: true, left: vec![], elapsed_us: 7 },
            r#"{"event":"shutdown-complete","kind":"reboot","clean":true,"elapsed_us":7}"#,
        ),
        (Event::BootBlessed { version: "0.2.0".into() }, r#"{"event":"boot-blessed","version":"0.2.0"}"#),
        (
            Event::BootUnfit { version: "0.2.0".into(), reason: "etcd: no answer".into() },
            r#"{"event":"boot-unfit","version":"0.2.0","reason":"etcd: no answer"}"#,
        ),
        (
            Event::FellBack { from: "0.2.0".into(), to: "0.1.0".into(), reason: "panic: x".into() },
            r#"{"event":"fell-back","from":"0.2.0","to":"0.1.0","reason":"panic: x"}"#,
        ),
    ];
    for (event, wire) in cases {
        assert_eq!(event.encode_line(), format!("{wire}\n"));
        assert_eq!(Event::decode_line(wire).unwrap(), event);
    }
}

#[test]
fn the_ready_line_reads_as_the_design_says() {
    assert_eq!(
        reached().console_line().unwrap(),
        "berth: reached multi-user.target in 3.21s (kernel 1.02s, initramfs 0.40s, userspace 1.79s)"
    );
}

#[test]
fn an_emergency_names_stage_cause_log_and_next_step() {
    let event = Event::Emergency {
        stage: Stage::Userspace,
        cause: "etcd.service failed".into(),
        next_step: "look at its log".into(),
        reboot_in_s: 60,
        log: vec!["disk full".into()],
    };
    assert_eq!(
        event.console_line().unwrap(),
        "berth: EMERGENCY: this boot failed\n  stage: userspace\n  cause: etcd.service failed\n  \
         next:  look at its log\n  log:   disk full\n  restarting in 60 s"
    );
}

#[test]
fn a_line_that_is_no_event_says_what_it_was() {
    for line in ["", "{}", r#"{"event":"no-such"}"#, "\u{1b}[0m garbage"] {
        let error = Event::decode_line(line).unwrap_err();
        assert_eq!(error.line, line);
        assert!(error.to_string().starts_with("not an event"));
    }
}

proptest! {
    #[test]
    fn a_stream_cut_anywhere_gives_the_same_events(cause in ".*", cut in 0usize..400) {
        let sent = [
            reached(),
            Event::Emergency { stage: Stage::Initramfs, cause, next_step: "x".into(), reboot_in_s: 1, log: vec![] },
        ];
        let stream: String = sent.iter().map(Event::encode_line).collect();
        let (head, tail) = stream.as_bytes().split_at(cut.min(stream.len()));
        let mut decoder = Decoder::default();
        let got: Vec<Event> = [decoder.feed(head), decoder.feed(tail)]
            .into_iter()
            .flatten()
            .map(|event| event.unwrap())
            .collect();
        prop_assert_eq!(got, sent);
    }
}
