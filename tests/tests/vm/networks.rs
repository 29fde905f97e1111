//! The machine takes the address that it is offered.

use tests::bed;
use vm::Vm;

#[test]
fn dhcp_gives_an_address_a_route_and_a_resolver() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    // Being ready does not wait for the network: services here need none.
    let shell = vm.shell();
    shell.run("for i in $(seq 1 60); do ip -4 route | grep -q '^default' && break; sleep 1; done")?;
    let addresses = shell.run("ip -4 -o addr")?;
    assert!(addresses.contains("inet 10.0.2.15/24"), "{addresses}");
    let routes = shell.run("ip -4 route")?;
    assert!(routes.contains("default via 10.0.2.2"), "{routes}");
    assert!(shell.run("cat /etc/resolv.conf")?.contains("nameserver 10.0.2.3"));
    shell.run("ping -c 1 -W 20 10.0.2.2")?;
    Ok(())
}
