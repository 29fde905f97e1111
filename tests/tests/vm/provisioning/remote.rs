//! Configs that come from elsewhere: servers, and a cloud whose service wants a token.

use std::fs;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha512};
use tests::bed;
use tests::web::{Request, Server};
use vm::{Disk, Setup, Vm};

use super::ignition;

/// Waits for a command to succeed, for half a minute.
pub fn until(command: &str) -> String {
    format!("for i in $(seq 150); do {command} && break; sleep 0.2; done; {command}")
}

/// A card on a network of its own behind QEMU, with these options. The machine shares this one's loopback.
pub fn with_card<'a>(setup: Setup<'a>, options: &str) -> Setup<'a> {
    setup
        .no_nat()
        .forward(layout::port::SSH)
        .qemu_argument("-netdev")
        .qemu_argument(format!("user,id=card{options}"))
        .qemu_argument("-device")
        .qemu_argument("virtio-net-pci,netdev=card,romfile=")
}

/// A rule of QEMU's own network: who connects to `address`, of a service on port 80, is passed on to this machine's
/// loopback, each connection by a program.
pub fn passed_on(address: &str, port: u16) -> String {
    let pass_on = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3");
    format!("guestfwd=tcp:{address}:80-cmd:/usr/bin/bash -c '{}'", pass_on.replace(',', ",,"))
}

#[test]
fn a_config_is_put_together_from_a_server_that_is_not_ready_at_first() -> vm::Result<()> {
    let cargo = "bananas\n".repeat(10_000);
    let hash = hex::encode(Sha512::digest(&cargo));
    let expected = hash.clone();
    let server = Server::start(move |before, request| match request.path.as_str() {
        "/base.ign" if before < 2 => (503, b"not yet".to_vec()),
        "/base.ign" => {
            let host = &request.headers["host"];
            let base = format!(
                r#"
variant: fcos
version: 1.5.0
storage:
  files:
    - {{path: /etc/hostname, mode: 0644, contents: {{inline: "berth"}}}}
    - path: /opt/cargo
      contents:
        source: http://{host}/cargo.gz
        compression: gzip
        verification: {{hash: sha512-{hash}}}
        http_headers: [{{name: X-Ticket, value: one way}}]
"#
            );
            (200, ignition(&base).into_bytes())
        }
        "/cargo.gz" if request.headers.get("x-ticket").is_some_and(|ticket| ticket == "one way") => {
            let mut packed = GzEncoder::new(Vec::new(), Compression::best());
            packed.write_all(cargo.as_bytes()).unwrap();
            (200, packed.finish().unwrap())
        }
        _ => (403, vec![]),
    });
    let config = format!(
        r#"
variant: fcos
version: 1.5.0
ignition: {{config: {{merge: [{{source: "http://10.0.2.2:{}/base.ign"}}]}}}}
storage:
  files:
    - {{path: /etc/hostname, mode: 0644, contents: {{inline: "replaced"}}}}
"#,
        server.port()
    );
    let vm = Vm::direct(bed()).forward(layout::port::SSH).ignition(ignition(&config)).boot()?;
    let ready = vm.wait_until_ready()?;
    println!("provisioned from a server and ready after {:?} from power-on", ready.at);
    let asked: Vec<String> = server.asked().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["/base.ign", "/base.ign", "/base.ign", "/cargo.gz"]);
    let console = vm.console();
    assert!(console.contains("503") && console.contains("trying on"), "{console}");
    // What is merged goes over what it is merged into.
    let says = vm.shell().run("hostname; sha512sum < /opt/cargo")?;
    assert_eq!(says, format!("berth\n{expected}  -"));
    // The network of the first boot went over to the machine.
    vm.shell().run(&until("ip -4 route | grep -q '^default via 10.0.2.2'"))?;
    Ok(())
}

#[test]
fn files_come_by_https_under_an_authority_of_ones_own_through_a_proxy_and_by_tftp() -> vm::Result<()> {
    let (secure, authority) = Server::start_secure("10.0.2.2", |_, request| match request.path.as_str() {
        "/cargo" => (200, b"sealed".to_vec()),
        _ => (404, vec![]),
    });
    // Who asks a proxy names the whole place (RFC 9112, 3.2.2).
    let proxy = Server::start(|_, request| match request.path.as_str() {
        "http://far.example/cargo" => (200, b"carried".to_vec()),
        _ => (404, vec![]),
    });
    let disk = Disk::overlay(bed(), None)?;
    // What QEMU's own server gives must be where QEMU sees it.
    let folder = disk.file().parent().unwrap();
    let slow = "by boat\n".repeat(1000);
    fs::write(folder.join("cargo"), &slow).unwrap();
    let config = json!({
        "ignition": {
            "version": "3.4.0",
            "proxy": {"httpProxy": format!("http://10.0.2.2:{}", proxy.port())},
            "security": {"tls": {"certificateAuthorities": [{"source": data(&authority)}]}},
        },
        "storage": {"files": [
            {"path": "/opt/sealed", "contents": {"source": format!("https://10.0.2.2:{}/cargo", secure.port())}},
            {"path": "/opt/carried", "contents": {"source": "http://far.example/cargo"}},
            {"path": "/opt/slow", "contents": {"source": "tftp://10.0.2.2/cargo"}},
        ]},
    });
    let vm = with_card(Vm::direct(bed()), &format!(",tftp={}", folder.display()))
        .disk(&disk)
        .ignition(config.to_string())
        .boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    assert_eq!(shell.run("cat /opt/sealed; echo; cat /opt/carried")?, "sealed\ncarried");
    assert_eq!(shell.run("cat /opt/slow")?, slow.trim_end());
    Ok(())
}

/// A text as a URL (RFC 2397).
fn data(text: &str) -> String {
    format!("data:;base64,{}", STANDARD.encode(text))
}

/// The instance metadata service of EC2, version 2: nothing is told without a token, which is had by PUT.
fn instance_metadata(before: usize, request: &Request) -> (u16, Vec<u8>) {
    let token = "TOKEN==";
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    if request.path == "/latest/api/token" {
        let asks = request.method == "PUT" && header("x-aws-ec2-metadata-token-ttl-seconds").is_some();
        return match (asks, before) {
            // The service of an instance that has just been started.
            (true, 0) => (503, vec![]),
            (true, _) => (200, token.into()),
            (false, _) => (400, vec![]),
        };
    }
    if header("x-aws-ec2-metadata-token") != Some(token) {
        return (401, vec![]);
    }
    let config = ignition(
        r#"
variant: fcos
version: 1.5.0
storage:
  files:
    - {path: /etc/cloud, contents: {inline: "aws"}}
"#,
    );
    let text = match request.path.trim_start_matches("/2021-01-03/") {
        "/2019-10-01/user-data" => &config,
        "meta-data/instance-id" => "i-0123456789abcdef0",
        "meta-data/instance-type" => "t3.micro",
        "meta-data/local-ipv4" => "169.254.169.15",
        "meta-data/placement/availability-zone" => "eu-west-1a",
        "meta-data/hostname" => "ip-10-0-0-5.eu-west-1.compute.internal",
        "meta-data/public-keys" | "meta-data/public-keys/" => "0=operator",
        "meta-data/public-keys/0/openssh-key" => {
            key!()
        }
        "dynamic/instance-identity/document" => r#"{"region": "eu-west-1"}"#,
        _ => return (404, vec![]),
    };
    (200, text.into())
}

#[test]
fn on_aws_it_asks_the_instance_metadata_service() -> vm::Result<()> {
    let server = Server::start(instance_metadata);
    let network = format!(",net=169.254.169.0/24,{}", passed_on("169.254.169.254", server.port()));
    let vm = with_card(Vm::direct(bed()), &network).kernel_argument("ignition.platform.id=aws").boot()?;
    let ready = vm.wait_until_ready()?;
    println!("provisioned from a metadata service and ready after {:?} from power-on", ready.at);
    let shell = vm.shell();
    assert_eq!(shell.run("cat /etc/cloud")?, "aws");
    shell.run(&until("systemctl is-active -q berth-metadata"))?;
    let attributes = shell.run("cat /run/metadata/afterburn /run/metadata/flatcar")?;
    for line in [
        "AFTERBURN_AWS_INSTANCE_ID=i-0123456789abcdef0",
        "AFTERBURN_AWS_AVAILABILITY_ZONE=eu-west-1a",
        "AFTERBURN_AWS_REGION=eu-west-1",
        "COREOS_EC2_IPV4_LOCAL=169.254.169.15",
    ] {
        assert!(attributes.lines().any(|other| other == line), "{line}\n{attributes}");
    }
    shell.run(&until("hostname | grep -q '^ip-10-0-0-5'"))?;
    let key = "/home/core/.ssh/authorized_keys.d/afterburn";
    assert_eq!(
        shell.run(&format!("cut -d' ' -f1,3 {key}; stat -c '%a %U' {key}"))?,
        "ssh-ed25519 operator\n600 core"
    );

    let asked = server.asked();
    let puts: Vec<usize> = (0..asked.len()).filter(|at| asked[*at].method == "PUT").collect();
    assert_eq!(puts[..2], [0, 1], "a token comes first, and is asked for again: {asked:#?}");
    let tokens: Vec<_> = asked
        .iter()
        .filter(|request| request.method == "GET")
        .map(|r| r.headers.get("x-aws-ec2-metadata-token"))
        .collect();
    assert!(tokens.len() > 5 && tokens.iter().all(Option::is_some), "{asked:#?}");
    Ok(())
}
