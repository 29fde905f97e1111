//! Who a machine is: its name, its users, how one gets in, and what time it is.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tests::bed;
use vm::Vm;

/// From the first NTP second, in 1900, to 1970 (RFC 5905, figure 4).
const NTP_ERA: u64 = 2_208_988_800;

/// What sshd offers, by kind; nothing else is agreed to.
const OFFERS: [(&str, &str, &str); 4] = [
    (
        "-oCiphers=aes128-cbc",
        "no matching cipher found",
        "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes128-ctr",
    ),
    (
        "-oMACs=hmac-sha1",
        "no matching MAC found",
        "hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com",
    ),
    (
        "-oKexAlgorithms=diffie-hellman-group14-sha256",
        "no matching key exchange method found",
        "mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,\
         curve25519-sha256@libssh.org,ext-info-s,kex-strict-s-v00@openssh.com",
    ),
    ("-oHostKeyAlgorithms=rsa-sha2-512", "no matching host key type found", "ssh-ed25519"),
];

fn until(what: &str) -> String {
    format!("for i in $(seq 120); do {what} && break; sleep 0.5; done; {what}")
}

#[test]
fn a_machine_has_a_name_of_its_own_until_somebody_gives_it_a_better_one() -> vm::Result<()> {
    let vm = Vm::direct(bed()).ssh().boot()?;
    vm.wait_until_ready()?;
    let shell = vm.ssh().sudo();
    let made = shell.run("echo berth-$(head -c 8 /etc/machine-id)")?;
    assert_eq!(shell.run("hostname")?, made);
    shell.run("ping -c 1 -W 10 $(hostname)")?;
    assert!(shell.run("hostnamectl")?.contains("Static hostname: (unset)"));

    // The platform names it, and tells of it only when all runs.
    shell.run("echo '{\"hostname\": \"cloud-7.example.com\"}' > /run/berth/m && mv /run/berth/m /run/berth/metadata.json")?;
    shell.run(&until("test $(hostname) = cloud-7.example.com"))?;
    shell.run(&until("grep -q 'on cloud-7.example.com' /run/issue"))?;
    assert!(shell.run("hostnamectl")?.contains("Transient hostname: cloud-7.example.com"));
    // Its programs find it by that name, and by none that it had.
    shell.run("ping -c 1 -W 10 cloud-7.example.com && ping -c 1 -W 10 cloud-7")?;
    assert!(!shell.run("cat /etc/hosts")?.contains(&made));

    // An operator's word counts more, and lasts.
    shell.run("echo '192.0.2.7 crane' >> /etc/hosts && hostnamectl set-hostname node-1")?;
    assert_eq!(shell.run("hostname; cat /etc/hostname")?, "node-1\nnode-1");
    shell.run("systemctl start berth-hostname.service")?;
    assert_eq!(shell.run("hostname")?, "node-1");
    assert!(!shell.attempt("hostnamectl set-hostname 'two words'")?.success());
    shell.run("sync")?;
    vm.reboot()?;
    assert_eq!(vm.ssh().sudo().run("hostname")?, "node-1");
    let hosts = vm.ssh().sudo().run("ping -c 1 -W 10 node-1 >&2 && cat /etc/hosts")?;
    assert!(hosts.contains("192.0.2.7 crane") && !hosts.contains("cloud-7"), "{hosts}");
    Ok(())
}

#[test]
fn the_kernel_command_line_names_it_for_one_boot() -> vm::Result<()> {
    let id = "00112233445566778899aabbccddeeff";
    let vm = Vm::direct(bed())
        .ssh()
        .kernel_argument("systemd.hostname=from-outside")
        .kernel_argument(format!("systemd.machine_id={id}"))
        .boot()?;
    vm.wait_until_ready()?;
    assert_eq!(vm.ssh().sudo().run("hostname; cat /etc/machine-id")?, format!("from-outside\n{id}"));
    Ok(())
}

#[test]
fn core_may_become_root_and_nobody_else_may() -> vm::Result<()> {
    let vm = Vm::direct(bed()).ssh().boot()?;
    vm.wait_until_ready()?;
    let (core, shell) = (vm.ssh(), vm.ssh().sudo());
    let id = "uid=1000(core) gid=1000(core) groups=4(adm),10(wheel),150(sudo),190(systemd-journal),233(docker),1000(core)";
    assert_eq!(core.run("id")?, id);
    assert_eq!(shell.run("stat -c '%U %a' /home/core")?, "core 700");
    assert_eq!(core.run("sudo id -u")?, "0");
    assert!(core.run("sudo -i pwd")?.ends_with("/root"));
    // A user who is in none of the groups is asked for a password, and has none.
    shell.run(
        "echo 'other:x:1100:1100::/tmp:/usr/bin/sh' >> /etc/passwd; echo 'other:*:::::::' >> /etc/shadow",
    )?;
    assert!(!shell.attempt("su other -c 'sudo -n id'")?.success());
    // One whose rule asks for it becomes root with it, and not with another: "right", by crypt(3).
    let hash = "$5$salt$wSwSJ2jcGgOJrhtXC83JdW1ItuVorMIRfiqtimk07R6";
    shell.run(&format!(
        "sed -i 's#^other:[*]#other:{hash}#' /etc/shadow; echo 'other ALL=(ALL) ALL' > /etc/sudoers.d/other"
    ))?;
    assert_eq!(shell.run("su other -c 'echo right | sudo -S -p \"\" id -u'")?, "0");
    assert!(!shell.attempt("su other -c 'echo wrong | sudo -S -k -p \"\" id -u'")?.success());
    // No other program has root's rights by its mode.
    assert_eq!(shell.run("find /usr -xdev -perm /6000")?, "/usr/bin/sudo");
    Ok(())
}

#[test]
fn ssh_answers_from_the_first_boot_on_and_costs_nothing_before() -> vm::Result<()> {
    let vm = Vm::direct(bed()).forward(layout::port::SSH).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    shell.run(&until("ip -4 route | grep -q '^default'"))?;
    assert_eq!(shell.run("systemctl is-active sshd.socket")?, "active");
    assert!(!shell.attempt("systemctl is-active sshd.service")?.success(), "nobody has asked for it yet");
    let print = shell.run(&format!(
        "{} && ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key",
        until("test -e /etc/ssh/ssh_host_ed25519_key.pub")
    ))?;
    let print = print.split_whitespace().nth(1).unwrap().to_owned();
    shell.run(&until(&format!("grep -qF {print} /run/issue")))?;

    let stream = TcpStream::connect(vm.forwarded(layout::port::SSH).unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut greeting = String::new();
    BufReader::new(stream).read_line(&mut greeting).unwrap();
    assert!(greeting.starts_with("SSH-2.0-OpenSSH_"), "{greeting}");
    assert_eq!(shell.run("systemctl is-active sshd.service")?, "active");
    let settings = shell.run("sshd -T")?;
    for line in
        ["passwordauthentication no", "kbdinteractiveauthentication no", "authenticationmethods publickey"]
    {
        assert!(settings.lines().any(|setting| setting == line), "{line}\n{settings}");
    }
    Ok(())
}

#[test]
fn an_operator_gets_in_with_a_key_and_nobody_with_a_password_or_old_ciphers() -> vm::Result<()> {
    // `core` has a password too, and root the same: "right", by crypt(3). It opens nothing.
    let hash = "$5$salt$wSwSJ2jcGgOJrhtXC83JdW1ItuVorMIRfiqtimk07R6";
    let config = format!(
        r#"{{"ignition": {{"version": "3.3.0"}}, "passwd": {{"users": [
            {{"name": "core", "passwordHash": "{hash}"}}, {{"name": "root", "passwordHash": "{hash}"}}]}}}}"#
    );
    let vm = Vm::direct(bed()).ssh().ignition(config).boot()?;
    vm.wait_until_ready()?;
    let ssh = vm.ssh();
    assert_eq!(ssh.run("id -un; pwd; sudo -n id -un")?, "core\n/home/core\nroot");
    assert!(
        ssh.sudo().run("cat /etc/shadow")?.contains(&format!("core:{hash}:")),
        "the config's word counts"
    );
    // A session of the same connection leaves with the status of its command.
    assert_eq!(vm.ssh().attempt("exit 42")?.status, 42);

    // Nothing is agreed with one who knows only what is not current; MACs count where the cipher has none.
    for (option, why, offer) in OFFERS {
        let told = vm.ssh().alone(&[option, "-oCiphers=aes128-ctr"], "true")?;
        assert!(told.status == 255 && told.text.contains(why), "{option}: {}", told.text);
        let theirs = told.text.split("Their offer: ").nth(1).unwrap_or_default().trim();
        assert_eq!(theirs, offer, "{option}");
    }
    // The right key opens no other account, and without a key no other method is to be had.
    let password = "-oPreferredAuthentications=password,keyboard-interactive";
    for options in [&["-lroot"][..], &[password], &[password, "-lroot"]] {
        let told = vm.ssh().alone(options, "true")?;
        assert!(told.text.contains("Permission denied (publickey)."), "{options:?}: {}", told.text);
        assert_eq!(told.status, 255, "{options:?}");
    }
    // Who is in stays in, and comes in again after a restart, by the same host key.
    assert_eq!(vm.ssh().run("id -un")?, "core");
    vm.reboot()?;
    assert_eq!(vm.ssh().run("sudo id -un")?, "root");
    Ok(())
}

#[test]
fn time_is_taken_from_the_network_and_the_clock_is_right_then() -> vm::Result<()> {
    // A server an hour ahead, which the machine must follow.
    let ahead = Duration::from_secs(3600);
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || serve_time(&server, ahead));
    // With a port forwarded the machine has a way to this server.
    let vm = Vm::direct(bed()).ssh().forward(layout::port::SSH).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.ssh().sudo();
    // Where the network comes, the image's settings are followed.
    shell.run(&until("systemctl is-active -q ntpd-rs"))?;
    assert!(shell.run("cat /run/ntpd-rs/ntp.toml")?.contains("mode = \"pool\""));
    // The platform names a server.
    shell.run("echo '{\"ntp_servers\": [\"169.254.169.123\"]}' > /run/berth/m && mv /run/berth/m /run/berth/metadata.json")?;
    shell.run(&until("grep -q 169.254.169.123 /run/ntpd-rs/ntp.toml"))?;
    assert!(!shell.run("cat /run/ntpd-rs/ntp.toml")?.contains("pool"));

    // The operator does.
    let own = format!(
        "[observability]\nobservation-path = \"/run/ntpd-rs/observe\"\n[[source]]\nmode = \"server\"\n\
         address = \"10.0.2.2:{port}\"\n[synchronization]\nminimum-agreeing-sources = 1\n\
         startup-step-panic-threshold = \"inf\"\n"
    );
    shell.run(&format!("rm /etc/ntpd-rs/ntp.toml && printf '%s' '{own}' > /etc/ntpd-rs/ntp.toml"))?;
    shell.run("systemctl restart ntpd-rs")?;
    shell.run("systemctl start systemd-time-wait-sync")?;
    let synchronized = shell.run("timedatectl show -p NTPSynchronized --value")?;
    assert_eq!(synchronized, "yes", "{}", shell.run("ntp-ctl status; journalctl -u ntpd-rs -n 20")?);
    // None of the minute that it may take was waited out.
    assert!(!shell.run("journalctl -u systemd-time-wait-sync")?.contains("going on without"));
    let shown: u64 = shell.run("date +%s")?.parse().unwrap();
    let right = (since_1970() + ahead).as_secs();
    assert!(shown.abs_diff(right) < 5, "the machine has {shown}, the server {right}");
    assert!(shell.run("ntp-ctl status")?.contains("10.0.2.2"));

    let pid = shell.run("systemctl show -p MainPID --value ntpd-rs")?;
    let status = shell.run(&format!("grep -E '^(Uid|CapEff|NoNewPrivs|VmRSS):' /proc/{pid}/status"))?;
    // Who wants none of it is left alone when the network changes.
    shell.run("timedatectl set-ntp false && touch /run/berth/metadata.json && sleep 2")?;
    assert!(!shell.attempt("systemctl is-active ntpd-rs")?.success());

    // A process that may do no more than set the clock.
    let capabilities = format!("{:016x}", 1u64 << 25 | 1 << 10);
    assert!(status.contains("Uid:\t234") && status.contains(&capabilities), "{status}");
    println!("{status}");
    Ok(())
}

#[test]
fn the_time_zone_is_set_by_name() -> vm::Result<()> {
    let vm = Vm::direct(bed()).ssh().boot()?;
    vm.wait_until_ready()?;
    let shell = vm.ssh().sudo();
    shell.run("timedatectl set-timezone Asia/Tokyo")?;
    assert_eq!(shell.run("date +%Z%z")?, "JST+0900");
    assert!(shell.run("timedatectl")?.contains("Time zone: Asia/Tokyo (JST, +0900)"));
    assert!(!shell.attempt("timedatectl set-timezone Nowhere/Land")?.success());
    assert_eq!(shell.run("timedatectl show -p Timezone --value")?, "Asia/Tokyo");
    Ok(())
}

#[test]
fn a_clock_that_stands_still_before_the_image_is_set_to_its_date() -> vm::Result<()> {
    let vm =
        Vm::direct(bed()).no_nat().qemu_argument("-rtc").qemu_argument("base=2001-02-03T04:05:06").boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    let shown: u64 = shell.run("date +%s")?.parse().unwrap();
    let built: u64 = shell.run("stat -c %Y /usr/lib/os-release")?.parse().unwrap();
    assert!(shown >= built && shown < built + 3600, "{shown}, built {built}");
    // Without a network nothing takes time from it.
    assert!(!shell.attempt("systemctl is-active ntpd-rs")?.success());
    assert!(!shell.attempt("systemctl is-failed ntpd-rs")?.success());
    Ok(())
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Answers as an NTP server (RFC 5905, figure 8) whose clock is ahead.
fn serve_time(server: &UdpSocket, ahead: Duration) {
    let mut request = [0; 512];
    while let Ok((length, client)) = server.recv_from(&mut request) {
        if length < 48 {
            continue;
        }
        let now = since_1970() + ahead;
        let seconds = (now.as_secs() + NTP_ERA) as u32;
        let fraction = ((u64::from(now.subsec_nanos()) << 32) / 1_000_000_000) as u32;
        let now = [seconds.to_be_bytes(), fraction.to_be_bytes()].concat();
        // Version 4, a server; stratum 1; its precision a microsecond.
        let mut answer = vec![0x24, 1, request[2], 0xec, 0, 0, 0, 0, 0, 0, 0, 0];
        answer.extend_from_slice(b"GPS\0");
        for time in [&now[..], &request[40..48], &now[..], &now[..]] {
            answer.extend_from_slice(time);
        }
        _ = server.send_to(&answer, client);
    }
}
