//! Clouds whose services a machine asks at their own addresses, for its config first and for what it is then.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tests::bed;
use tests::web::{Request, Server};
use vm::Vm;

use super::ignition;
use super::remote::{passed_on, until, with_card};

/// A cloud as its documentation has it.
struct Cloud {
    id: &'static str,
    /// Where the config is.
    config: &'static str,
    /// Without it nothing is told.
    header: Option<(&'static str, &'static str)>,
    /// Whether the config comes as base64.
    is_base64: bool,
    /// What else there is.
    documents: &'static [(&'static str, &'static str)],
    /// Attributes that the machine has then.
    attributes: &'static [&'static str],
}

const CLOUDS: [Cloud; 5] = [
    Cloud {
        id: "gcp",
        config: "/computeMetadata/v1/instance/attributes/user-data",
        header: Some(("metadata-flavor", "Google")),
        is_base64: false,
        documents: &[
            ("/computeMetadata/v1/instance/hostname", "quay-gcp.c.project.internal"),
            ("/computeMetadata/v1/instance/network-interfaces/0/ip", "10.128.0.2"),
            ("/computeMetadata/v1/instance/machine-type", "projects/1/machineTypes/e2-small"),
            ("/computeMetadata/v1/instance/attributes/ssh-keys", concat!("core:", key!())),
        ],
        attributes: &["AFTERBURN_GCP_IP_LOCAL_0=10.128.0.2"],
    },
    Cloud {
        id: "azure",
        config: "/metadata/instance/compute/userData?api-version=2021-01-01&format=text",
        header: Some(("metadata", "true")),
        is_base64: true,
        documents: &[
            ("/metadata/instance/compute/name?api-version=2017-08-01&format=text", "quay-azure"),
            ("/metadata/instance/compute/vmSize?api-version=2017-08-01&format=text", "Standard_B1s"),
            (
                "/metadata/instance/compute/publicKeys?api-version=2021-02-01",
                concat!(r#"[{"keyData": ""#, key!(), r#"", "path": "/home/core/.ssh/authorized_keys"}]"#),
            ),
        ],
        attributes: &["AFTERBURN_AZURE_VMSIZE=Standard_B1s", "AFTERBURN_AZURE_IPV4_DYNAMIC=10.0.0.4"],
    },
    Cloud {
        id: "openstack",
        config: "/openstack/latest/user_data",
        header: None,
        is_base64: false,
        documents: &[
            (
                "/openstack/2012-08-10/meta_data.json",
                r#"{"uuid": "d8e02d56-2648-49a3-bf97-6be8f1204f38", "hostname": "quay-openstack"}"#,
            ),
            ("/latest/meta-data/hostname", "quay-openstack"),
            ("/latest/meta-data/instance-id", "i-0000000a"),
            ("/latest/meta-data/public-keys", "0=operator"),
            ("/latest/meta-data/public-keys/", "0=operator"),
            ("/latest/meta-data/public-keys/0/openssh-key", key!()),
        ],
        attributes: &[
            "AFTERBURN_OPENSTACK_INSTANCE_ID=i-0000000a",
            "AFTERBURN_OPENSTACK_INSTANCE_UUID=d8e02d56-2648-49a3-bf97-6be8f1204f38",
        ],
    },
    Cloud {
        id: "digitalocean",
        config: "/metadata/v1/user-data",
        header: None,
        is_base64: false,
        documents: &[(
            "/metadata/v1.json",
            concat!(
                r#"{"droplet_id": 1, "hostname": "quay-digitalocean", "region": "nyc3", "public_keys": [""#,
                key!(),
                r#""], "interfaces": {"public": [{"ipv4": {"ip_address": "192.0.2.7"}}]}}"#
            ),
        )],
        attributes: &["AFTERBURN_DIGITALOCEAN_REGION=nyc3", "AFTERBURN_DIGITALOCEAN_IPV4_PUBLIC_0=192.0.2.7"],
    },
    Cloud {
        id: "hetzner",
        config: "/hetzner/v1/userdata",
        header: None,
        is_base64: false,
        documents: &[
            (
                "/hetzner/v1/metadata",
                concat!(
                    "availability-zone: fsn1-dc8\nhostname: quay-hetzner\ninstance-id: 42\n",
                    "public-ipv4: 192.0.2.8\nregion: eu-central\npublic-keys:\n- ",
                    key!(),
                    "\n"
                ),
            ),
            ("/hetzner/v1/metadata/private-networks", "- ip: 10.0.0.3\n"),
        ],
        attributes: &["AFTERBURN_HETZNER_INSTANCE_ID=42", "AFTERBURN_HETZNER_PRIVATE_IPV4_0=10.0.0.3"],
    },
];

impl Cloud {
    /// What the metadata service says.
    fn answer(&self, before: usize, request: &Request) -> (u16, Vec<u8>) {
        let has = |(name, value): (&str, &str)| request.headers.get(name).is_some_and(|said| said == value);
        if !self.header.is_none_or(has) {
            return (403, b"a header is missing".to_vec());
        }
        if request.path == self.config {
            // The service of a machine that was just made, at first.
            if before == 0 {
                return (503, vec![]);
            }
            let config = ignition(&format!(
                "variant: fcos\nversion: 1.5.0\nstorage:\n  files:\n    - {{path: /etc/cloud, contents: {{inline: {}}}}}\n",
                self.id
            ));
            return (200, if self.is_base64 { STANDARD.encode(config).into() } else { config.into() });
        }
        let found = self.documents.iter().find(|(path, _)| *path == request.path);
        found.map_or((404, vec![]), |(_, text)| (200, (*text).into()))
    }
}

/// Azure's wire server.
fn wire_server(_: usize, request: &Request) -> (u16, Vec<u8>) {
    if request.headers.get("x-ms-version").is_none_or(|version| version != "2012-11-30") {
        return (400, vec![]);
    }
    let text = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/machine/?comp=goalstate") => {
            "<?xml version=\"1.0\"?><GoalState><Incarnation>1</Incarnation><Container><ContainerId>c-1</ContainerId>\
             <RoleInstanceList><RoleInstance><InstanceId>i-1</InstanceId><Configuration>\
             <SharedConfig>http://168.63.129.16/machine/shared</SharedConfig>\
             </Configuration></RoleInstance></RoleInstanceList></Container></GoalState>"
        }
        ("GET", "/machine/shared") => {
            "<SharedConfig><Incarnation number=\"1\" instance=\"i-1\"/><Instances>\
             <Instance id=\"i-1\" address=\"10.0.0.4\"/></Instances></SharedConfig>"
        }
        ("POST", "/machine/?comp=health") => "",
        _ => return (404, vec![]),
    };
    (200, text.into())
}

#[test]
fn each_cloud_is_asked_as_it_wants_to_be() -> vm::Result<()> {
    for cloud in &CLOUDS {
        let server = Server::start(|before, request| cloud.answer(before, request));
        let wire = Server::start(wire_server);
        let network = format!(",net=169.254.169.0/24,{}", passed_on("169.254.169.254", server.port()));
        let second = format!("user,id=wire,net=168.63.129.0/24,{}", passed_on("168.63.129.16", wire.port()));
        let vm = with_card(Vm::direct(bed()), &network)
            .qemu_argument("-netdev")
            .qemu_argument(second)
            .qemu_argument("-device")
            .qemu_argument("virtio-net-pci,netdev=wire,romfile=")
            .kernel_argument(format!("ignition.platform.id={}", cloud.id))
            .boot()?;
        let ready = vm.wait_until_ready()?;
        println!("{}: provisioned and ready after {:?} from power-on", cloud.id, ready.at);
        let shell = vm.shell();
        assert_eq!(shell.run("cat /etc/cloud")?, cloud.id);
        shell.run(&until("systemctl is-active -q berth-metadata"))?;
        let attributes = shell.run("cat /run/metadata/afterburn")?;
        for line in cloud.attributes {
            assert!(attributes.lines().any(|other| other == *line), "{line}\n{attributes}");
        }
        shell.run(&until(&format!("hostname | grep -q '^quay-{}'", cloud.id)))?;
        assert_eq!(shell.run("cut -d' ' -f3 /home/core/.ssh/authorized_keys.d/afterburn")?, "operator");
        let asked = server.asked();
        assert_eq!(asked.iter().filter(|request| request.path == cloud.config).count(), 2, "{asked:#?}");
        let told = |wire: &Server| wire.asked().iter().any(|request| request.path == "/machine/?comp=health");
        if cloud.id == "azure" {
            shell.run(&until("systemctl show -P Result berth-check-in | grep -q success"))?;
            shell.run(&until("! systemctl is-active -q berth-check-in"))?;
        }
        assert_eq!(told(&wire), cloud.id == "azure", "who wants to know that a machine is up is told");
    }
    Ok(())
}
