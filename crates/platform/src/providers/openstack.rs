//! OpenStack: a disc with the label `config-2`, or the metadata service; which of them there is, nothing tells.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::disc::Wanted;
use crate::providers::aws::listed_keys;
use crate::service::Service;
use crate::{Error, Guest, Metadata, Result, yaml};

const DISC: Wanted = Wanted::Label("config-2");
const USER_DATA: &str = "openstack/latest/user_data";
/// What is in the image of a disc beside user data.
const NOVA_FILE: &str = "openstack/latest/meta_data.json";
const EC2_FILE: &str = "ec2/latest/meta-data.json";
const NOVA: &str = "/openstack/2012-08-10/meta_data.json";
const EC2: &str = "/latest/meta-data";
/// How often is looked for the disc while the service is asked.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a disc may still come when the service has nothing.
const DISC_AFTER_SERVICE: Duration = Duration::from_secs(1);

/// What the thread that asks the service says.
enum Word {
    Retry(String),
    Done(Result<Option<Vec<u8>>>),
}

/// The disc and the service are asked at once; the first that is there counts.
pub(crate) fn config(guest: &mut Guest<'_>) -> Result<Option<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    let (base, patience) = (guest.metadata_service.clone(), guest.patience);
    // It ends with the program, where the disc is first: nothing waits for it.
    thread::spawn(move || {
        let mut say = |words: &str| _ = sender.send(Word::Retry(words.to_owned()));
        let found = Service::new(base, patience, &mut say)
            .and_then(|mut service| service.get(&format!("/{USER_DATA}")));
        _ = sender.send(Word::Done(found));
    });
    let mut answered: Option<(Instant, Result<Option<Vec<u8>>>)> = None;
    loop {
        if let Some(mut files) = guest.discs.read(DISC, &[USER_DATA])? {
            return Ok(files.pop().flatten());
        }
        if let Some((_, result)) = answered.take_if(|(at, _)| at.elapsed() >= DISC_AFTER_SERVICE) {
            return result;
        }
        match receiver.recv_timeout(PAUSE) {
            Ok(Word::Retry(words)) => (guest.say)(&words),
            Ok(Word::Done(Ok(Some(found)))) => return Ok(Some(found)),
            Ok(Word::Done(result)) => answered = Some((Instant::now(), result)),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            // The thread is gone with its word said: what is left is the disc's time.
            Err(mpsc::RecvTimeoutError::Disconnected) if answered.is_some() => thread::sleep(PAUSE),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(Error::garbage(guest.metadata_service.clone(), "asking it broke off"));
            }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Nova {
    uuid: Option<String>,
    hostname: Option<String>,
    public_keys: Value,
}

impl Nova {
    fn add_to(self, metadata: &mut Metadata) {
        metadata.hostname = metadata.hostname.take().or(self.hostname);
        metadata.set("OPENSTACK_INSTANCE_UUID", self.uuid);
        if let Value::Object(keys) = self.public_keys {
            metadata.keys(keys.values().filter_map(Value::as_str));
        }
    }
}

pub(crate) fn metadata(guest: &mut Guest<'_>) -> Result<Metadata> {
    match guest.discs.read(DISC, &[NOVA_FILE, EC2_FILE])? {
        Some(files) => of_disc(files),
        None => of_service(&mut guest.service()?),
    }
}

fn of_disc(files: Vec<Option<Vec<u8>>>) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    let mut files = files.into_iter();
    let mut next = |name: &str| {
        let bytes = files.next().flatten().unwrap_or_else(|| b"{}".to_vec());
        serde_json::from_slice::<Value>(&bytes).map_err(|fault| Error::garbage(name, fault))
    };
    let nova = next(NOVA_FILE)?;
    let nova: Nova = serde_json::from_value(nova).map_err(|fault| Error::garbage(NOVA_FILE, fault))?;
    let ec2 = next(EC2_FILE)?;
    metadata.set("OPENSTACK_HOSTNAME", nova.hostname.clone());
    for (name, key) in [
        ("OPENSTACK_INSTANCE_ID", "instance-id"),
        ("OPENSTACK_INSTANCE_TYPE", "instance-type"),
        ("OPENSTACK_IPV4_LOCAL", "local-ipv4"),
        ("OPENSTACK_IPV4_PUBLIC", "public-ipv4"),
    ] {
        metadata.set(name, yaml::text(&ec2[key]));
    }
    nova.add_to(&mut metadata);
    Ok(metadata)
}

fn of_service(service: &mut Service<'_>) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    let nova: Nova = service.json(NOVA)?.unwrap_or_default();
    for (name, path) in [
        ("OPENSTACK_HOSTNAME", "hostname"),
        ("OPENSTACK_INSTANCE_ID", "instance-id"),
        ("OPENSTACK_INSTANCE_TYPE", "instance-type"),
        ("OPENSTACK_IPV4_LOCAL", "local-ipv4"),
        ("OPENSTACK_IPV4_PUBLIC", "public-ipv4"),
    ] {
        metadata.set(name, service.text(&format!("{EC2}/{path}"))?);
    }
    metadata.hostname = metadata.attributes.get("OPENSTACK_HOSTNAME").cloned();
    nova.add_to(&mut metadata);
    listed_keys(service, EC2, &mut metadata)?;
    Ok(metadata)
}
