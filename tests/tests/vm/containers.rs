//! containerd runs what it is given, within its bounds.

use image::oci::TEST_CONTAINER;
use tests::bed;
use vm::{Setup, Vm};

/// The serial number of the medium with the archive.
const MEDIUM: &str = "berth-oci";

/// containerd of a machine that has imported the pipeline's archive.
pub struct Host<'a> {
    vm: &'a Vm,
}

/// A machine with the archive on a medium of its own: no network is needed to get it in.
pub fn with_archive(setup: Setup<'_>) -> Setup<'_> {
    setup.medium(bed().images().test_container(), MEDIUM)
}

impl<'a> Host<'a> {
    /// Imports the archive from the medium.
    pub fn of(vm: &'a Vm) -> vm::Result<Self> {
        let disk = vm.run(&format!("dirname $(grep -l {MEDIUM} /sys/block/*/serial)"))?;
        let device = disk.rsplit('/').next().unwrap_or_default();
        vm.run(&format!("ctr images import /dev/{device}"))?;
        let names = vm.run("ctr images list --quiet")?;
        assert!(names.lines().any(|name| name == TEST_CONTAINER), "{names}");
        // `ctr` looks for the plugins here, and takes no other place.
        vm.run("mkdir -p /opt/cni && ln -sfn /usr/lib/cni /opt/cni/bin")?;
        Ok(Self { vm })
    }

    /// Runs a container to its end; what it wrote.
    pub fn run(&self, name: &str, options: &str, command: &str) -> vm::Result<String> {
        self.vm.run(&format!("ctr run --rm {options} {TEST_CONTAINER} {name} {command}"))
    }

    /// Starts a container that stays.
    pub fn start(&self, name: &str, options: &str, script: &str) -> vm::Result<()> {
        let command =
            format!("ctr run --detach --null-io {options} {TEST_CONTAINER} {name} /bin/sh -c '{script}'");
        self.vm.run(&command).map(drop)
    }

    /// Runs a shell script in a container that is running, whatever comes of it.
    pub fn exec(&self, name: &str, script: &str) -> vm::Result<vm::Output> {
        self.vm.attempt(&format!("ctr task exec --exec-id probe {name} /bin/sh -c '{script}'"))
    }

    /// A file of a container's cgroup.
    pub fn cgroup(&self, name: &str, file: &str) -> vm::Result<String> {
        self.vm.run(&format!("cat /sys/fs/cgroup/default/{name}/{file}"))
    }

    /// The figure after a name in a file of a container's cgroup.
    fn figure(&self, name: &str, file: &str, key: &str) -> vm::Result<u64> {
        let text = self.cgroup(name, file)?;
        let figure = text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
        Ok(figure.unwrap_or_else(|| panic!("no {key} in {file} of {name}:\n{text}")))
    }
}

#[test]
fn a_container_is_imported_and_bounded_in_memory_cpu_and_processes() -> vm::Result<()> {
    let vm = with_archive(Vm::direct(bed()).ssh()).boot()?;
    vm.wait_until_ready()?;
    let host = Host::of(&vm)?;
    assert_eq!(host.run("hello", "", "/bin/echo hello from inside")?, "hello from inside");

    // Memory: what needs 64 MiB is killed in 32 MiB, and only there.
    let hog = "dd if=/dev/zero of=/dev/null bs=64M count=1";
    host.start("roomy", "", "sleep 1000")?;
    assert_eq!(host.exec("roomy", hog)?.status, 0);
    host.start("tight", "--memory-limit 33554432", "sleep 1000")?;
    let killed = host.exec("tight", hog)?;
    assert_eq!(killed.status, 137, "{}", killed.text);
    assert_eq!(host.cgroup("tight", "memory.max")?, "33554432");
    assert!(host.figure("tight", "memory.events", "oom_kill ")? >= 1);
    vm.run("etcdctl endpoint health && ctr version")?;

    // CPU: a loop gets a fifth of one processor.
    host.start("busy", "--cpus 0.2", "while :; do :; done")?;
    let before = host.figure("busy", "cpu.stat", "usage_usec ")?;
    vm.run("sleep 4")?;
    let used = host.figure("busy", "cpu.stat", "usage_usec ")? - before;
    assert!(host.figure("busy", "cpu.stat", "nr_throttled ")? > 0);
    assert!(used < 4_000_000 * 3 / 10, "{used} us of CPU in 4 s under --cpus 0.2");

    // Processes: the eleventh is refused.
    vm.run("runc --root /run/containerd/runc/default update --pids-limit 10 roomy")?;
    let forks = host.exec("roomy", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; wait")?;
    assert!(forks.text.contains("fork"), "{}", forks.text);
    assert!(host.figure("roomy", "pids.events", "max ")? >= 1);
    Ok(())
}

#[test]
fn containers_reach_each_other_their_host_and_beyond() -> vm::Result<()> {
    let vm = with_archive(Vm::direct(bed()).ssh()).boot()?;
    vm.wait_until_ready()?;
    let host = Host::of(&vm)?;
    let serve = "mkdir /tmp/www; echo from the other side > /tmp/www/page; httpd -f -p 80 -h /tmp/www";
    host.start("server", "--cni", serve)?;
    host.start("client", "--cni", "sleep 1000")?;

    let address = host.exec("server", "ip -4 -o addr show dev eth0")?.text;
    let address = address.split_ascii_whitespace().find(|word| word.starts_with("10.88."));
    let address =
        address.and_then(|word| word.split('/').next()).expect("an address of the bridge's network");

    let page = host.exec("client", &format!("wget -q -O - http://{address}/page"))?;
    assert_eq!((page.status, page.text.trim()), (0, "from the other side"));
    assert_eq!(vm.run(&format!("wget -q -O - http://{address}/page"))?, "from the other side");

    let gateway = host.exec("client", "ping -c 1 -W 10 10.88.0.1")?;
    assert!(gateway.success(), "the host does not answer: {}", gateway.text);
    // QEMU's own network: behind the machine's card, by masquerading.
    let beyond = host.exec("client", "ping -c 1 -W 10 10.0.2.2")?;
    assert!(beyond.success(), "nothing answers beyond the host: {}", beyond.text);

    // A network of its own: nothing of the host's loopback is to be seen from inside.
    let etcd = host.exec("client", "wget -q -T 5 -O - http://127.0.0.1:2379/health")?;
    assert!(!etcd.success(), "{}", etcd.text);
    Ok(())
}
