//! Microsoft Azure: user data from the instance metadata service, else custom data from the disc that comes with a new
//! machine; and the wire server, which waits for a machine to say that it is up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fetch::Verb;
use serde::Deserialize;
use std::time::Duration;

use crate::disc::Wanted;
use crate::service::Service;
use crate::{Error, Guest, Metadata, Result, xml};

const USER_DATA: &str = "/metadata/instance/compute/userData?api-version=2021-01-01&format=text";
const NAME: &str = "/metadata/instance/compute/name?api-version=2017-08-01&format=text";
const SIZE: &str = "/metadata/instance/compute/vmSize?api-version=2017-08-01&format=text";
const KEYS: &str = "/metadata/instance/compute/publicKeys?api-version=2021-02-01";
/// What the service says where it has not got everything yet, or was asked too often.
const NOT_YET: &[u16] = &[404, 410, 429];
/// The file by which the disc is known, and the one with the custom data.
const DISC: Wanted = Wanted::Optical("ovf-env.xml");
const CUSTOM_DATA: &str = "CustomData.bin";

const VERSION: &str = "2012-11-30";
const GOAL_STATE: &str = "/machine/?comp=goalstate";
const HEALTH: &str = "/machine/?comp=health";
/// Attributes of the wire server are worth no longer wait.
const WIRE_SERVER_PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn config(guest: &mut Guest<'_>) -> Result<Option<Vec<u8>>> {
    let mut service = instance(guest)?;
    service.retry_on = NOT_YET;
    if let Some(text) = service.text(USER_DATA)? {
        let bytes = STANDARD.decode(&text);
        return bytes
            .map(Some)
            .map_err(|fault| Error::garbage(service.url(USER_DATA), format!("it is not base64: {fault}")));
    }
    let Some(mut files) = guest.await_disc(DISC, &[CUSTOM_DATA])? else {
        (guest.say)(
            "there is neither user data nor a disc with custom data: this machine has no config from Azure",
        );
        return Ok(None);
    };
    Ok(files.pop().flatten().filter(|bytes| !bytes.is_empty()))
}

fn instance<'a>(guest: &'a mut Guest<'_>) -> Result<Service<'a>> {
    let mut service = guest.service()?;
    service.header("metadata", "true");
    Ok(service)
}

fn wire<'a>(guest: &'a mut Guest<'_>, patience: Option<Duration>) -> Result<Service<'a>> {
    let mut service = Service::new(guest.wire_server.clone(), patience, guest.say)?;
    service.header("x-ms-agent-name", "berth");
    service.header("x-ms-version", VERSION);
    Ok(service)
}

pub(crate) fn metadata(guest: &mut Guest<'_>) -> Result<Metadata> {
    #[derive(Deserialize)]
    struct Key {
        #[serde(rename = "keyData", default)]
        data: String,
    }
    let mut metadata = Metadata::default();
    let mut service = instance(guest)?;
    metadata.hostname = service.text(NAME)?;
    metadata.set("AZURE_VMSIZE", service.text(SIZE)?);
    // Some tools wrap the lines of keys.
    let keys: Vec<String> = service
        .json::<Vec<Key>>(KEYS)?
        .into_iter()
        .flatten()
        .map(|key| key.data.replace(['\r', '\n'], ""))
        .collect();
    metadata.keys(keys.iter().map(String::as_str));
    let patience = guest.patience.map_or(WIRE_SERVER_PATIENCE, |patience| patience.min(WIRE_SERVER_PATIENCE));
    let addresses = wire(guest, Some(patience)).and_then(|mut service| addresses(&mut service));
    match addresses {
        Ok(addresses) => {
            metadata.set("AZURE_IPV4_DYNAMIC", addresses.dynamic);
            metadata.set("AZURE_IPV4_VIRTUAL", addresses.fixed);
        }
        Err(error) => metadata.remarks.push(format!("addresses of the wire server are left out: {error}")),
    }
    Ok(metadata)
}

/// What the wire server wants of a machine.
#[derive(Debug, PartialEq)]
pub(crate) struct GoalState {
    incarnation: String,
    container: String,
    instance: String,
    /// The path of the document with addresses.
    shared: Option<String>,
}

impl GoalState {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        const PLACE: &str = "the wire server's goal state";
        let document = xml::parse(PLACE, text)?;
        let root = document.root_element();
        let need = |path: &[&str]| {
            let found = xml::text(root, path).filter(|text| text.chars().all(is_plain));
            found.ok_or_else(|| Error::garbage(PLACE, format!("{} is not there", path.join("/"))))
        };
        let instance = ["Container", "RoleInstanceList", "RoleInstance", "InstanceId"];
        let shared = ["Container", "RoleInstanceList", "RoleInstance", "Configuration", "SharedConfig"];
        // It is a URL of the wire server; whatever host it names, that is asked.
        let shared = xml::text(root, &shared).and_then(|url| {
            let (_, rest) = url.split_once("://")?;
            rest.find('/').map(|slash| rest[slash..].to_owned())
        });
        Ok(Self {
            incarnation: need(&["Incarnation"])?,
            container: need(&["Container", "ContainerId"])?,
            instance: need(&instance)?,
            shared,
        })
    }

    /// The report of a machine that is up.
    fn ready(&self) -> String {
        let Self { incarnation, container, instance, .. } = self;
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <Health><GoalStateIncarnation>{incarnation}</GoalStateIncarnation><Container>\
             <ContainerId>{container}</ContainerId><RoleInstanceList><Role><InstanceId>{instance}</InstanceId>\
             <Health><State>Ready</State></Health></Role></RoleInstanceList></Container></Health>"
        )
    }
}

/// Characters of ids, none of which means anything in XML.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_.{}:".contains(character)
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Addresses {
    dynamic: Option<String>,
    fixed: Option<String>,
}

impl Addresses {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let document = xml::parse("the wire server's shared config", text)?;
        let root = document.root_element();
        let own = xml::child(root, "Incarnation").and_then(|node| node.attribute("instance"));
        let instances = xml::child(root, "Instances");
        let instance = instances.into_iter().flat_map(|node| node.children());
        let instance =
            instance.filter(|node| node.attribute("id").is_some()).find(|node| node.attribute("id") == own);
        let Some(instance) = instance else { return Ok(Self::default()) };
        let endpoints = xml::child(instance, "InputEndpoints").into_iter().flat_map(|node| node.children());
        let mut balanced = endpoints.filter_map(|node| node.attribute("loadBalancedPublicAddress"));
        let is_address = |text: &&str| text.parse::<std::net::IpAddr>().is_ok();
        Ok(Self {
            dynamic: instance.attribute("address").filter(is_address).map(str::to_owned),
            fixed: balanced.find_map(|address| {
                address.parse::<std::net::SocketAddr>().ok().map(|address| address.ip().to_string())
            }),
        })
    }
}

fn goal_state(service: &mut Service<'_>) -> Result<GoalState> {
    let text = service.text(GOAL_STATE)?;
    GoalState::parse(&text.ok_or_else(|| Error::garbage(service.url(GOAL_STATE), "there is nothing"))?)
}

fn addresses(service: &mut Service<'_>) -> Result<Addresses> {
    let Some(path) = goal_state(service)?.shared else { return Ok(Addresses::default()) };
    let text = service.text(&path)?;
    text.map_or_else(|| Ok(Addresses::default()), |text| Addresses::parse(&text))
}

/// Says that this machine is up.
pub(crate) fn check_in(guest: &mut Guest<'_>) -> Result<()> {
    let patience = guest.patience;
    let mut service = wire(guest, patience)?;
    let report = goal_state(&mut service)?.ready();
    service.header("content-type", "text/xml; charset=utf-8");
    service.send(HEALTH, Verb::Post(report.into_bytes()))?;
    Ok(())
}
