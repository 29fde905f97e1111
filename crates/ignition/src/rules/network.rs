//! Where things are fetched from, and the section `ignition`.

use super::{Rules, filled, list};
use crate::config::{Ignition, Resource};
use crate::data_url;
use crate::url::Url;

impl Rules {
    pub fn ignition(&mut self, ignition: &Ignition) {
        if let Some(config) = &ignition.config {
            let at = "$.ignition.config";
            self.unique(&format!("{at}.merge"), list(&config.merge));
            self.sources(&format!("{at}.merge"), list(&config.merge));
            if let Some(replace) = &config.replace {
                self.resource(&format!("{at}.replace"), replace);
            }
        }
        if let Some(proxy) = &ignition.proxy {
            let at = "$.ignition.proxy";
            self.proxy(&format!("{at}.httpProxy"), proxy.http_proxy.as_deref(), false);
            self.proxy(&format!("{at}.httpsProxy"), proxy.https_proxy.as_deref(), true);
            self.unique(&format!("{at}.noProxy"), list(&proxy.no_proxy));
        }
        if let Some(tls) = ignition.security.as_ref().and_then(|security| security.tls.as_ref()) {
            let at = "$.ignition.security.tls.certificateAuthorities";
            let list = list(&tls.certificate_authorities);
            self.unique(at, list);
            self.sources(at, list);
            if self.minor == 0 {
                for (index, authority) in list.iter().enumerate() {
                    if filled(&authority.source).is_none() {
                        self.error(format!("{at}.{index}.source"), NO_SOURCE);
                    }
                }
            }
        }
    }

    /// Resources that must say where they come from.
    fn sources(&mut self, at: &str, resources: &[Resource]) {
        for (index, resource) in resources.iter().enumerate() {
            let at = format!("{at}.{index}");
            self.resource(&at, resource);
            // 3.0.0 lets configs be named without a source, which then name nothing.
            if self.minor > 0 {
                let found = match filled(&resource.source) {
                    None => Err(NO_SOURCE.to_owned()),
                    Some(source) => address(source, self.minor),
                };
                self.hold(at, found);
            }
        }
    }

    /// What is fetched: an address, and how it is packed and proven.
    pub fn resource(&mut self, at: &str, resource: &Resource) {
        if let Some(kind) = filled(&resource.compression)
            && kind != "gzip"
        {
            self.error(
                format!("{at}.compression"),
                format!("the compression {kind:?} is not known: only gzip is"),
            );
        }
        let source = filled(&resource.source);
        if let Some(source) = source {
            self.hold(format!("{at}.source"), address(source, self.minor));
        }
        let headers = list(&resource.http_headers);
        if !headers.is_empty() {
            let found = match source.map(Url::parse) {
                None => Err("headers are given, but no source to send them to".to_owned()),
                Some(Err(message)) => Err(message),
                Some(Ok(url)) if matches!(&*url.scheme, "http" | "https") => Ok(()),
                Some(Ok(url)) => Err(format!("headers are given, which {}: does not have", url.scheme)),
            };
            self.hold(format!("{at}.httpHeaders"), found);
        }
        self.unique(&format!("{at}.httpHeaders"), headers);
        for (index, header) in headers.iter().enumerate() {
            if header.name.is_empty() {
                self.error(format!("{at}.httpHeaders.{index}.name"), "the header has no name");
            }
            if header.value.as_deref() == Some("") {
                let message =
                    "the header's value is empty: leave it away to remove a header of the parent config";
                self.error(format!("{at}.httpHeaders.{index}.value"), message);
            }
        }
        if let Some(hash) =
            resource.verification.as_ref().and_then(|verification| verification.hash.as_deref())
        {
            let at = format!("{at}.verification.hash");
            if resource.source.is_none() {
                self.error(&*at, "a hash is given, but no source that it is of");
            }
            self.hold(at, self.hash(hash));
        }
    }

    fn hash(&self, text: &str) -> Result<(), String> {
        let (function, sum) = text.split_once('-').ok_or_else(|| {
            format!("{text:?} is no hash: write sha512- or sha256- and the hexadecimal sum")
        })?;
        let digits = match function {
            "sha512" => 128,
            "sha256" if self.minor >= 1 => 64,
            "sha256" => return Err("sha256 came with version 3.1.0: use sha512".to_owned()),
            _ => return Err(format!("the hash function {function:?} is not known: sha512 and sha256 are")),
        };
        match sum.len() {
            length if length == digits => Ok(()),
            length => Err(format!("a sum of {function} has {digits} hexadecimal digits, this has {length}")),
        }
    }

    fn proxy(&mut self, at: &str, proxy: Option<&str>, secure: bool) {
        let Some(proxy) = proxy else { return };
        match Url::parse(proxy).map(|url| url.scheme) {
            Err(message) => self.error(at, message),
            Ok(scheme) if scheme == "http" && secure => {
                self.warn(
                    at,
                    "what is fetched by https goes to this proxy unencrypted at first: prefer an https proxy",
                );
            }
            Ok(scheme) if scheme == "http" || scheme == "https" => {}
            Ok(scheme) => self.error(at, format!("a proxy is named by http: or https:, not by {scheme}:")),
        }
    }
}

const NO_SOURCE: &str = "no source is given";

/// An address that something can be fetched from.
pub fn address(text: &str, minor: u32) -> Result<(), String> {
    let url = Url::parse(text)?;
    let version = |url: &Url| match url.query("versionId") {
        Some(value) if value.is_empty() => {
            Err("the object's versionId is empty: name one, or leave it away".to_owned())
        }
        _ => Ok(()),
    };
    match &*url.scheme {
        "http" | "https" | "tftp" => Ok(()),
        "gs" if minor >= 2 => Ok(()),
        "s3" => version(&url),
        "arn" if minor >= 4 => {
            resource_name(url.rest)?;
            version(&url)
        }
        "data" => data_url::decode(text).map(drop),
        scheme @ ("gs" | "arn") => Err(format!("{scheme}: is newer than version 3.{minor}.0 of the config")),
        scheme => Err(format!(
            "nothing can be fetched by {scheme}:, only by http, https, tftp, s3, gs, arn and data"
        )),
    }
}

/// The name of an object in S3, behind `arn:`: PARTITION:s3:REGION:ACCOUNT:BUCKET/KEY.
fn resource_name(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.splitn(5, ':').filter(|_| !text.starts_with('/')).collect();
    let [_, service, _, _, resource] = parts[..] else {
        return Err("the ARN has not the five parts PARTITION:s3:REGION:ACCOUNT:BUCKET/KEY".to_owned());
    };
    let depth = text.matches('/').count();
    match service {
        "s3" if depth >= 2 || depth == 1 && !resource.starts_with("accesspoint/") => Ok(()),
        "s3" => Err("the ARN names no object, but a bucket or an access point".to_owned()),
        _ => Err(format!("the ARN is of the service {service:?}; only objects of s3 can be fetched")),
    }
}
