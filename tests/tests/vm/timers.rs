//! Timers on the real machine: what only a clock that somebody sets shows.

use tests::bed;
use vm::Vm;

use crate::services::{ready, unit};

#[test]
fn a_timer_keeps_to_the_clock_on_the_wall_whoever_sets_it() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo();
    let night = "[Service]\nType=oneshot\nExecStart=/usr/bin/sh -c 'date +%%d.%%H:%%M >> /run/nights'";
    shell.run(&unit("night.service", night))?;
    shell.run(&unit("night.timer", "[Timer]\nOnCalendar=03:00\nAccuracySec=1s"))?;
    let nights = |clock: &str| shell.run(&format!("date -s '{clock}' > /dev/null; sleep 4; cat /run/nights"));
    shell.run("date -s '2031-05-05 12:00:00'; systemctl daemon-reload; systemctl start night.timer")?;
    // Set forward over three nights, it elapses at once, and once.
    assert_eq!(nights("2031-05-08 12:00:00")?, "08.12:00");
    // What comes, comes in its time.
    assert_eq!(nights("2031-05-09 02:59:58")?, "08.12:00\n09.03:00");
    // Set back, what has been does not come again.
    assert_eq!(nights("2031-05-09 02:59:57")?, "08.12:00\n09.03:00");
    let next = || shell.run("systemctl list-timers --no-legend night.timer");
    assert!(next()?.starts_with("Sat 2031-05-10 03:00:00 UTC"), "{}", next()?);
    // The clock of another zone is as late sooner.
    shell.run("ln -sf ../usr/share/zoneinfo/Asia/Tokyo /etc/localtime; sleep 1")?;
    assert!(next()?.starts_with("Sat 2031-05-10 03:00:00 JST"), "{}", next()?);
    let utc = shell.run("TZ=UTC systemctl show -P NextElapseUSecRealtime night.timer")?;
    assert_eq!(utc, "Fri 2031-05-09 18:00:00 UTC");
    Ok(())
}
