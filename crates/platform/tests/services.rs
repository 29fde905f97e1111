//! Each platform's service as its documentation describes it, and what a guest makes of it.
#![allow(clippy::unwrap_used)]

mod common;

use common::server::{Server, answer, with_headers};
use common::{KEY, OTHER, attributes, config, document, documents, guest, metadata};
use platform::{Error, Platform};

const CONFIG: &str = r#"{"ignition":{"version":"3.4.0"}}"#;

/// EC2's metadata service, version 2: a token by PUT, without which nothing is said.
fn ec2(documents: &[(&str, &str)]) -> Server {
    let documents: Vec<(String, String)> =
        documents.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
    Server::new(move |asked, _| {
        if asked.line == "PUT /latest/api/token" {
            return match asked.header("x-aws-ec2-metadata-token-ttl-seconds") {
                Some("21600") => answer(200, "to-ken=="),
                _ => answer(400, "no time to live"),
            };
        }
        match asked.header("x-aws-ec2-metadata-token") {
            Some("to-ken==") => document(&documents, asked),
            _ => answer(401, "no token"),
        }
    })
}

#[test]
fn aws_wants_a_token_first() {
    let server = ec2(&[("/2019-10-01/user-data", CONFIG)]);
    assert_eq!(config(Platform::Aws, &server).unwrap().unwrap(), CONFIG.as_bytes());
    let lines: Vec<String> = server.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(lines, ["PUT /latest/api/token", "GET /2019-10-01/user-data"]);
    assert_eq!(config(Platform::Aws, &ec2(&[])).unwrap(), None);
    assert_eq!(config(Platform::Aws, &ec2(&[("/2019-10-01/user-data", "")])).unwrap(), None);
    // Where there is no version 2, version 1 has no tokens.
    assert_eq!(
        config(Platform::Aws, &documents(&[("/2019-10-01/user-data", CONFIG)])).unwrap().unwrap(),
        CONFIG.as_bytes()
    );
    // Where the service is switched off, it says 403.
    let off = Server::new(|_, _| answer(403, "off"));
    let error = config(Platform::Aws, &off).unwrap_err();
    assert!(matches!(error, Error::Fetch(fetch::Error::Status { status: 403, .. })), "{error}");
    let garbage = Server::new(|_, _| answer(200, "<html>\nno token</html>"));
    assert!(matches!(config(Platform::Aws, &garbage), Err(Error::Garbage { .. })));
}

#[test]
fn aws_says_what_a_machine_is() {
    let base = "/2021-01-03/meta-data";
    let paths: Vec<(String, &str)> = [
        ("instance-id", "i-0123456789abcdef0"),
        ("instance-type", "t3.micro"),
        ("local-ipv4", "10.0.0.5"),
        ("placement/availability-zone", "eu-west-1a"),
        ("placement/availability-zone-id", "euw1-az1"),
        ("hostname", "ip-10-0-0-5.eu-west-1.compute.internal"),
        ("public-keys", "0=my-key\n1=other"),
        ("public-keys/0/openssh-key", KEY),
        ("public-keys/1/openssh-key", OTHER),
    ]
    .map(|(path, text)| (format!("{base}/{path}"), text))
    .into();
    let mut all: Vec<(&str, &str)> = paths.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    all.push(("/2021-01-03/dynamic/instance-identity/document", r#"{"region":"eu-west-1","x":1}"#));
    let found = metadata(Platform::Aws, &ec2(&all)).unwrap();
    assert_eq!(
        found.attributes,
        attributes(&[
            ("AWS_INSTANCE_ID", "i-0123456789abcdef0"),
            ("AWS_INSTANCE_TYPE", "t3.micro"),
            ("AWS_IPV4_LOCAL", "10.0.0.5"),
            ("AWS_AVAILABILITY_ZONE", "eu-west-1a"),
            ("AWS_AVAILABILITY_ZONE_ID", "euw1-az1"),
            ("AWS_HOSTNAME", "ip-10-0-0-5.eu-west-1.compute.internal"),
            ("AWS_REGION", "eu-west-1"),
        ])
    );
    assert_eq!(found.hostname.as_deref(), Some("ip-10-0-0-5.eu-west-1.compute.internal"));
    assert_eq!(found.ssh_keys, [KEY, OTHER]);
    assert_eq!(found.time_servers, ["169.254.169.123"]);
}

/// GCP's metadata server: no header, no answer.
fn gce(documents: &[(&str, &str)]) -> Server {
    let documents: Vec<(String, String)> = documents
        .iter()
        .map(|(path, text)| (format!("/computeMetadata/v1/{path}"), (*text).into()))
        .collect();
    Server::new(move |asked, _| match asked.header("metadata-flavor") {
        Some("Google") => document(&documents, asked),
        _ => answer(403, "no flavor"),
    })
}

#[test]
fn gcp_wants_its_header() {
    assert_eq!(
        config(Platform::Gcp, &gce(&[("instance/attributes/user-data", CONFIG)])).unwrap().unwrap(),
        CONFIG.as_bytes()
    );
    assert_eq!(config(Platform::Gcp, &gce(&[])).unwrap(), None);
}

#[test]
fn gcp_says_what_a_machine_is() {
    let all = [
        ("instance/hostname", "vm.c.project.internal"),
        ("instance/network-interfaces/0/access-configs/0/external-ip", "203.0.113.7"),
        ("instance/network-interfaces/0/ip", "10.0.0.5"),
        ("instance/machine-type", "projects/1/machineTypes/e2-micro"),
    ];
    let instance = ("instance/attributes/ssh-keys", format!("core:{KEY}\n"));
    let project = ("project/attributes/ssh-keys", format!("core:{OTHER}"));
    let with = |more: &[(&str, &str)]| metadata(Platform::Gcp, &gce(&[&all[..], more].concat())).unwrap();
    let both = [(instance.0, instance.1.as_str()), (project.0, project.1.as_str())];
    let found = with(&both);
    assert_eq!(
        found.attributes,
        attributes(&[
            ("GCP_HOSTNAME", "vm.c.project.internal"),
            ("GCP_IP_EXTERNAL_0", "203.0.113.7"),
            ("GCP_IP_LOCAL_0", "10.0.0.5"),
            ("GCP_MACHINE_TYPE", "projects/1/machineTypes/e2-micro"),
        ])
    );
    assert_eq!(found.hostname.as_deref(), Some("vm.c.project.internal"));
    assert_eq!(found.ssh_keys, [KEY, OTHER]);
    let blocked = [&both[..], &[("instance/attributes/block-project-ssh-keys", "true")]].concat();
    assert_eq!(with(&blocked).ssh_keys, [KEY]);
    let old = [&both[1..], &[("instance/attributes/sshKeys", both[0].1)]].concat();
    assert_eq!(with(&old).ssh_keys, [KEY]);
}

#[test]
fn digitalocean_has_one_document() {
    let text = format!(
        r#"{{"droplet_id":1,"hostname":"drop","region":"fra1","public_keys":["{KEY}"],"interfaces":{{
        "public":[{{"ipv4":{{"ip_address":"203.0.113.7","netmask":"255.255.240.0"}},
                    "ipv6":{{"ip_address":"2001:db8::7","cidr":64}},"anchor_ipv4":{{"ip_address":"10.19.0.5"}}}}],
        "private":[{{"ipv4":{{"ip_address":"10.135.0.2"}}}}]}}}}"#
    );
    let server = documents(&[("/metadata/v1.json", &text), ("/metadata/v1/user-data", CONFIG)]);
    assert_eq!(config(Platform::DigitalOcean, &server).unwrap().unwrap(), CONFIG.as_bytes());
    let found = metadata(Platform::DigitalOcean, &server).unwrap();
    assert_eq!(
        found.attributes,
        attributes(&[
            ("DIGITALOCEAN_HOSTNAME", "drop"),
            ("DIGITALOCEAN_REGION", "fra1"),
            ("DIGITALOCEAN_IPV4_PUBLIC_0", "203.0.113.7"),
            ("DIGITALOCEAN_IPV6_PUBLIC_0", "2001:db8::7"),
            ("DIGITALOCEAN_IPV4_ANCHOR_0", "10.19.0.5"),
            ("DIGITALOCEAN_IPV4_PRIVATE_0", "10.135.0.2"),
        ])
    );
    assert_eq!((found.hostname.as_deref(), found.ssh_keys), (Some("drop"), vec![KEY.to_owned()]));
}

#[test]
fn hetzner_speaks_yaml() {
    let text = format!(
        "availability-zone: hel1-dc2\nhostname: my-server\ninstance-id: 42\nlocal-ipv4: ''\npublic-ipv4: 192.0.2.4\n\
         region: eu-central\npublic-keys:\n  - {KEY}\nnetwork-config:\n  version: 1\n  config:\n  - type: physical\n    \
         name: eth0\n    subnets:\n    - type: dhcp\n      ipv4: true\n    - type: static\n      address: 2001:db8::1/64\n      \
         ipv6: true\n"
    );
    let server = documents(&[
        ("/hetzner/v1/userdata", CONFIG),
        ("/hetzner/v1/metadata", &text),
        ("/hetzner/v1/metadata/private-networks", "- ip: 10.0.0.2\n  network_id: 1\n- ip: 10.128.0.2\n"),
    ]);
    assert_eq!(config(Platform::Hetzner, &server).unwrap().unwrap(), CONFIG.as_bytes());
    let found = metadata(Platform::Hetzner, &server).unwrap();
    assert_eq!(
        found.attributes,
        attributes(&[
            ("HETZNER_AVAILABILITY_ZONE", "hel1-dc2"),
            ("HETZNER_HOSTNAME", "my-server"),
            ("HETZNER_INSTANCE_ID", "42"),
            ("HETZNER_PUBLIC_IPV4", "192.0.2.4"),
            ("HETZNER_PUBLIC_IPV6", "2001:db8::1"),
            ("HETZNER_PRIVATE_IPV4_0", "10.0.0.2"),
            ("HETZNER_PRIVATE_IPV4_1", "10.128.0.2"),
            ("HETZNER_REGION", "eu-central"),
        ])
    );
    assert_eq!((found.hostname.as_deref(), found.ssh_keys), (Some("my-server"), vec![KEY.to_owned()]));
}

const GOAL_STATE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<GoalState xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Version>2012-11-30</Version><Incarnation>42</Incarnation>
  <Container><ContainerId>a511aa6d-29e7-4f53</ContainerId><RoleInstanceList><RoleInstance>
    <InstanceId>1c3d.instance_0</InstanceId><State>Started</State>
    <Configuration><SharedConfig>http://192.0.2.1:80/machine/a511/shared?comp=config</SharedConfig></Configuration>
  </RoleInstance></RoleInstanceList></Container>
</GoalState>"#;
const SHARED: &str = r#"<SharedConfig version="1.0.0.0"><Incarnation number="1" instance="one"/><Instances>
  <Instance id="other" address="10.0.0.9"/>
  <Instance id="one" address="10.0.0.5"><InputEndpoints>
    <Endpoint name="ssh" loadBalancedPublicAddress="203.0.113.7:22"/></InputEndpoints></Instance>
</Instances></SharedConfig>"#;

fn azure(user_data: Option<&'static str>) -> Server {
    Server::new(move |asked, number| {
        if asked.path().starts_with("/metadata/") && asked.header("metadata") != Some("true") {
            return answer(400, "no header");
        }
        if asked.path().starts_with("/machine/") && asked.header("x-ms-version") != Some("2012-11-30") {
            return answer(400, "no version");
        }
        match asked.line.as_str() {
            "GET /metadata/instance/compute/userData?api-version=2021-01-01&format=text" => match user_data {
                // The service is late now and then, and says so as if there were nothing.
                Some(_) if number < 3 => answer(if number == 1 { 404 } else { 429 }, ""),
                Some(text) => answer(200, text),
                None => answer(200, ""),
            },
            "GET /metadata/instance/compute/name?api-version=2017-08-01&format=text" => answer(200, "vm"),
            "GET /metadata/instance/compute/vmSize?api-version=2017-08-01&format=text" => {
                answer(200, "Standard_B1s")
            }
            "GET /metadata/instance/compute/publicKeys?api-version=2021-02-01" => {
                let (start, end) = KEY.split_at(40);
                answer(
                    200,
                    format!(
                        r#"[{{"keyData":"{start}\r\n{end}\n","path":"/home/core/.ssh/authorized_keys"}}]"#
                    ),
                )
            }
            "GET /machine/?comp=goalstate" => answer(200, GOAL_STATE),
            "GET /machine/a511/shared?comp=config" => answer(200, SHARED),
            "POST /machine/?comp=health" => answer(200, ""),
            _ => answer(404, ""),
        }
    })
}

#[test]
fn azure_says_user_data_in_base64_when_it_is_ready() {
    let (found, said) =
        guest(&azure(Some("eyJpZ25pdGlvbiI6e319")), None, |guest| Platform::Azure.config(guest));
    assert_eq!(found.unwrap().unwrap(), br#"{"ignition":{}}"#);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("404") && said[1].contains("429"), "{said:?}");
    assert!(matches!(config(Platform::Azure, &azure(Some("no base64!"))), Err(Error::Garbage { .. })));
}

#[test]
fn azure_says_what_a_machine_is_and_hears_that_it_is_up() {
    let server = azure(None);
    let found = metadata(Platform::Azure, &server).unwrap();
    assert_eq!(
        found.attributes,
        attributes(&[
            ("AZURE_VMSIZE", "Standard_B1s"),
            ("AZURE_IPV4_DYNAMIC", "10.0.0.5"),
            ("AZURE_IPV4_VIRTUAL", "203.0.113.7"),
        ])
    );
    assert_eq!((found.hostname.as_deref(), found.ssh_keys), (Some("vm"), vec![KEY.to_owned()]));
    assert!(guest(&server, None, |guest| Platform::Azure.check_in(guest)).0.unwrap());
    let report = server.asked().pop().unwrap();
    assert_eq!(report.line, "POST /machine/?comp=health");
    let body = String::from_utf8(report.body).unwrap();
    for part in [
        "<GoalStateIncarnation>42</GoalStateIncarnation>",
        "<ContainerId>a511aa6d-29e7-4f53</ContainerId>",
        "<InstanceId>1c3d.instance_0</InstanceId>",
        "<State>Ready</State>",
    ] {
        assert!(body.contains(part), "{body}");
    }
}

#[test]
fn openstack_has_a_service_where_it_has_no_disc() {
    let nova =
        format!(r#"{{"uuid":"d8e02d56","hostname":"vm.novalocal","public_keys":{{"mine":"{KEY}\n"}}}}"#);
    let server = documents(&[
        ("/openstack/latest/user_data", CONFIG),
        ("/openstack/2012-08-10/meta_data.json", &nova),
        ("/latest/meta-data/hostname", "vm.novalocal"),
        ("/latest/meta-data/instance-id", "i-1"),
        ("/latest/meta-data/instance-type", "m1.small"),
        ("/latest/meta-data/local-ipv4", "10.0.0.5"),
        ("/latest/meta-data/public-ipv4", ""),
        ("/latest/meta-data/public-keys", "0=mine"),
        ("/latest/meta-data/public-keys/0/openssh-key", KEY),
    ]);
    assert_eq!(config(Platform::OpenStack, &server).unwrap().unwrap(), CONFIG.as_bytes());
    assert_eq!(config(Platform::OpenStack, &documents(&[])).unwrap(), None);
    let found = metadata(Platform::OpenStack, &server).unwrap();
    assert_eq!(
        found.attributes,
        attributes(&[
            ("OPENSTACK_HOSTNAME", "vm.novalocal"),
            ("OPENSTACK_INSTANCE_ID", "i-1"),
            ("OPENSTACK_INSTANCE_UUID", "d8e02d56"),
            ("OPENSTACK_INSTANCE_TYPE", "m1.small"),
            ("OPENSTACK_IPV4_LOCAL", "10.0.0.5"),
        ])
    );
    assert_eq!((found.hostname.as_deref(), found.ssh_keys), (Some("vm.novalocal"), vec![KEY.to_owned()]));
}

#[test]
fn user_data_may_be_packed_and_may_be_elsewhere() {
    const PACKED: [u8; 23] =
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 0xe5, 2, 0, 6, 0xb0, 0xa1, 0xdd, 3, 0, 0, 0];
    let server = Server::new(|asked, _| match asked.path() {
        "/hetzner/v1/userdata" => with_headers(302, &[("location", "/moved")], ""),
        "/moved" => answer(200, PACKED),
        _ => answer(404, ""),
    });
    assert_eq!(config(Platform::Hetzner, &server).unwrap().unwrap(), b"{}\n");
}
