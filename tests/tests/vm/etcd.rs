//! etcd keeps what it is given.

use tests::bed;
use vm::Vm;

#[test]
fn what_was_put_is_there_also_after_a_reboot_and_a_power_cut() -> vm::Result<()> {
    let mut vm = Vm::direct(bed()).ssh().boot()?;
    vm.wait_until_ready()?;
    let core = vm.ssh();
    core.run("etcdctl put question 'how many?'")?;
    assert_eq!(core.run("etcdctl get question --print-value-only")?, "how many?");
    vm.reboot()?;
    let core = vm.ssh();
    assert_eq!(core.run("etcdctl get question --print-value-only")?, "how many?");
    core.run("etcdctl put answer 42")?;

    // etcd has said that it has it: so it has, whatever happens next.
    vm.pull_plug()?;
    let vm = Vm::direct(bed()).ssh().disk(&vm.disk()).boot()?;
    vm.wait_until_ready()?;
    assert_eq!(vm.ssh().run("etcdctl get answer --print-value-only")?, "42");
    Ok(())
}
