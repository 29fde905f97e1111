//! A whole machine from one config: disks, files, people, units, kernel arguments.

use tests::bed;
use vm::{Disk, Vm};

use super::{ignition, with_disks};

const DISKS: [(&str, u64); 3] = [("data", 768), ("left", 96), ("right", 96)];

const HARBOUR: &str = r#"
variant: fcos
version: 1.5.0
passwd:
  groups:
    - {name: builders, gid: 1600}
  users:
    - name: core
      ssh_authorized_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINZg3jktrkie8mI5e68GQZVCteD42ZqlElI3IspvekOT operator"]
    - name: app
      uid: 1500
      groups: [docker, builders]
storage:
  disks:
    - device: /dev/disk/by-id/virtio-data
      wipe_table: true
      partitions:
        - {label: swap, number: 1, size_mib: 64}
        - {label: data, number: 2}
  raid:
    - name: safe
      level: raid1
      devices: [/dev/disk/by-id/virtio-left, /dev/disk/by-id/virtio-right]
  filesystems:
    - {device: /dev/disk/by-partlabel/data, format: xfs, label: data, path: /var/lib/data, with_mount_unit: true}
    - {device: /dev/disk/by-partlabel/swap, format: swap, with_mount_unit: true}
    - {device: /dev/md/safe, format: ext4, path: /var/lib/safe, with_mount_unit: true}
  directories:
    - {path: /srv/tree, mode: 0750, user: {name: app}, group: {name: builders}}
  files:
    - {path: /etc/hostname, mode: 0644, contents: {inline: "harbour"}}
    - {path: /etc/sysctl.d/90-forward.conf, contents: {inline: "net.ipv4.ip_forward = 1\n"}}
    - {path: /var/lib/data/hello, mode: 0600, user: {name: app}, contents: {inline: "on xfs"}}
    - {path: /var/lib/safe/hello, contents: {inline: "on two disks"}}
    - {path: /etc/hosts, append: [{inline: "192.0.2.7 crane\n"}]}
    - {path: /srv/once, contents: {inline: "written on the first boot"}}
  links:
    - {path: /etc/localtime, target: ../usr/share/zoneinfo/Europe/Berlin, overwrite: true}
systemd:
  units:
    - name: hello.service
      enabled: true
      contents: |
        [Unit]
        Requires=etcd.service
        After=etcd.service
        RequiresMountsFor=/var/lib/data /var/lib/safe
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/usr/bin/sh -c 'etcdctl put hello "$(cat /var/lib/data/hello), $(cat /var/lib/safe/hello)"'
        [Install]
        WantedBy=multi-user.target
    - name: etcd.service
      dropins:
        - name: 10-retention.conf
          contents: |
            [Service]
            Environment=ETCD_AUTO_COMPACTION_RETENTION=7
    - {name: containerd.service, enabled: false}
    - {name: systemd-tmpfiles-clean.timer, mask: true}
"#;

/// What the config says, on a machine that runs.
fn is_a_harbour(vm: &Vm) -> vm::Result<()> {
    let shell = vm.shell();
    for (question, answer) in [
        ("hostname", "harbour"),
        ("date +%Z", "CET"),
        ("cat /proc/sys/net/ipv4/ip_forward", "1"),
        ("getent hosts crane 2>/dev/null || grep crane /etc/hosts", "192.0.2.7 crane"),
        ("id app", "uid=1500(app) gid=1500(app) groups=1500(app),233(docker),1600(builders)"),
        ("stat -c '%a %U %G' /srv/tree", "750 app builders"),
        ("stat -c '%a %U' /var/lib/data/hello", "600 app"),
        ("cut -d' ' -f1,3 /home/core/.ssh/authorized_keys.d/ignition", "ssh-ed25519 operator"),
        ("stat -c '%a %U' /home/core/.ssh/authorized_keys.d/ignition", "600 core"),
        ("grep -c ' /var/lib/data xfs ' /proc/mounts", "1"),
        ("grep -c '^/dev/md.* /var/lib/safe ext4 ' /proc/mounts", "1"),
        ("grep -c '^/dev/vd' /proc/swaps", "1"),
        ("mdadm --detail /dev/md/safe | grep -c 'active sync'", "2"),
        ("etcdctl get hello --print-value-only", "on xfs, on two disks"),
        ("tr '\\0' '\\n' < /proc/$(pidof etcd)/environ | grep RETENTION", "ETCD_AUTO_COMPACTION_RETENTION=7"),
        ("systemctl is-active hello etcd containerd || true", "active\nactive\ninactive"),
        ("systemctl is-enabled systemd-tmpfiles-clean.timer || true", "masked"),
        ("grep -c '\"userConfigProvided\": true' /etc/.ignition-result.json", "1"),
        ("stat -c %a /etc/.ignition-result.json", "600"),
        ("systemctl list-units --state=failed --no-legend --no-pager", ""),
    ] {
        assert_eq!(shell.run(question)?, answer, "{question}");
    }
    Ok(())
}

#[test]
fn a_config_makes_a_machine_that_runs_what_it_says_and_comes_back_so() -> vm::Result<()> {
    let disk = Disk::overlay(bed(), None)?;
    let setup = with_disks(Vm::direct(bed()), &disk, &DISKS);
    let vm = setup.ignition(ignition(HARBOUR)).boot()?;
    let ready = vm.wait_until_ready()?;
    println!("provisioned and ready after {:?} from power-on", ready.at);
    is_a_harbour(&vm)?;
    // What an operator does later stays: the config is not followed again.
    vm.shell().run("rm /srv/once; etcdctl del hello; sync")?;
    vm.reboot()?;
    is_a_harbour(&vm)?;
    vm.shell().run("! test -e /srv/once")?;
    Ok(())
}

#[test]
fn power_that_goes_amid_provisioning_costs_nothing_but_time() -> vm::Result<()> {
    let disk = Disk::overlay(bed(), None)?;
    let setup = || with_disks(Vm::direct(bed()), &disk, &DISKS).ignition(ignition(HARBOUR));
    // Right after the disks' part, and once more where the files are being written.
    for moment in ["provisioning: ", "XFS (vd"] {
        let mut vm = setup().kernel_argument("ignore_loglevel").boot()?;
        vm.wait_for_console(moment, vm::BOOT_LIMIT)?;
        vm.pull_plug()?;
    }
    let vm = setup().boot()?;
    vm.wait_until_ready()?;
    let console = vm.console();
    assert!(console.contains("the machine went off meanwhile"), "{console}");
    is_a_harbour(&vm)
}

#[test]
fn kernel_arguments_come_with_one_more_start() -> vm::Result<()> {
    let config = r#"
variant: fcos
version: 1.5.0
kernel_arguments:
  should_exist: [quay=seven, "log_buf_len=1M"]
storage:
  disks:
    - device: /dev/disk/by-id/coreos-boot-disk
      partitions:
        - {label: ROOT, number: 7, size_mib: 3072, resize: true}
        - {label: var, size_mib: 0}
  filesystems:
    - {device: /dev/disk/by-partlabel/var, format: xfs, path: /var/data, with_mount_unit: true}
  files:
    - {path: /etc/hostname, mode: 0644, contents: {inline: "harbour"}}
"#;
    let vm = Vm::uefi(bed()).disk_size_mib(8192).ignition(ignition(config)).boot()?;
    vm.wait_until_ready()?;
    let console = vm.console();
    let starts = console.matches("starts again, with the kernel arguments").count();
    assert_eq!(starts, 1, "{console}");
    // ROOT did not grow over what the config wants for itself, though it was mounted before that was done.
    let known = "sectors=$(cat /sys/class/block/vda7/size); echo $((sectors / 2048)); \
                 grep -q ' /var/data xfs ' /proc/mounts && cat /proc/cmdline; hostname";
    let says = vm.shell().run(known)?;
    assert!(says.starts_with("3072\n"), "{says}");
    assert!(says.contains(" quay=seven") && says.contains(" log_buf_len=1M"), "{says}");
    assert!(says.ends_with("harbour"), "{says}");
    vm.reboot()?;
    assert_eq!(vm.shell().run(known)?, says, "and they stay");
    Ok(())
}
