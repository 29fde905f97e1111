//! Encrypted volumes. (Berth makes none; a config for other systems is judged all the same.)

use super::network::address;
use super::{Rules, filled, list, path};
use crate::config::{Clevis, ClevisCustom, Luks, Tang};
use crate::url::Url;

impl Rules {
    pub fn luks(&mut self, volumes: &[Luks]) {
        self.unique("$.storage.luks", volumes);
        for (index, volume) in volumes.iter().enumerate() {
            self.volume(&format!("$.storage.luks.{index}"), volume);
        }
    }

    fn volume(&mut self, at: &str, volume: &Luks) {
        if volume.name.contains('/') {
            self.error(format!("{at}.name"), "the name of a volume has no /");
        }
        if let Some(length) = filled(&volume.label).map(str::len).filter(|length| *length > 47) {
            self.error(
                format!("{at}.label"),
                format!("a label of LUKS has at most 47 bytes, this has {length}"),
            );
        }
        match filled(&volume.device) {
            Some(device) => self.hold(format!("{at}.device"), path(device)),
            None => self.error(format!("{at}.device"), "the volume has no device"),
        }
        self.unique(&format!("{at}.openOptions"), list(&volume.open_options));
        let mut key_file = false;
        if let Some(key) = &volume.key_file {
            self.resource(&format!("{at}.keyFile"), key);
            if let Some(source) = filled(&key.source) {
                key_file = true;
                if let Err(message) = address(source, self.minor) {
                    self.error(format!("{at}.keys"), format!("the key file cannot be fetched: {message}"));
                }
            }
        }
        if let Some(clevis) = &volume.clevis {
            self.clevis(&format!("{at}.clevis"), clevis);
        }
        if volume.cex.as_ref().is_some_and(|cex| cex.enabled == Some(true)) {
            if volume.clevis.as_ref().is_some_and(is_used) {
                self.error(format!("{at}.cex"), "both cex and clevis are given: give one");
            }
            if key_file {
                self.error(format!("{at}.cex"), "both cex and a key file are given: give one");
            }
        }
    }

    fn clevis(&mut self, at: &str, clevis: &Clevis) {
        let (tang, custom) = (list(&clevis.tang), clevis.custom.as_ref());
        // In 3.2.0 the section itself counts, in newer versions its pin.
        let own = custom.is_some_and(|custom| self.minor == 2 || filled(&custom.pin).is_some());
        let others =
            !tang.is_empty() || clevis.tpm2 == Some(true) || clevis.threshold.unwrap_or_default() != 0;
        if own && others {
            self.error(at, "a custom pin stands alone, without tpm2, tang and threshold");
        }
        if let Some(custom) = custom {
            self.custom(&format!("{at}.custom"), custom);
        }
        self.unique(&format!("{at}.tang"), tang);
        for (index, server) in tang.iter().enumerate() {
            self.tang(&format!("{at}.tang.{index}"), server);
        }
    }

    fn custom(&mut self, at: &str, custom: &ClevisCustom) {
        let (pin, config) = (filled(&custom.pin), filled(&custom.config));
        let network = self.minor >= 3 && custom.needs_network == Some(true);
        if pin.is_none() && config.is_none() && !network {
            return;
        }
        match pin {
            Some("tpm2" | "tang" | "sss") => {}
            Some(pin) => self
                .error(format!("{at}.pin"), format!("the pin {pin:?} is not known: tpm2, tang and sss are")),
            None => self.error(format!("{at}.pin"), "the pin is missing"),
        }
        if config.is_none() {
            self.error(format!("{at}.config"), "the pin's config is missing");
        }
    }

    fn tang(&mut self, at: &str, server: &Tang) {
        let url = match Url::parse(server.url.as_deref().unwrap_or_default()) {
            Err(message) => Err(message),
            Ok(url) if matches!(&*url.scheme, "http" | "https") => Ok(()),
            Ok(url) => Err(format!("a Tang server is named by http: or https:, not by {}:", url.scheme)),
        };
        self.hold(format!("{at}.url"), url);
        if filled(&server.thumbprint).is_none() {
            self.error(format!("{at}.thumbprint"), "the thumbprint is missing");
        }
        if let Some(text) = filled(&server.advertisement)
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
        {
            self.error(format!("{at}.advertisement"), format!("the advertisement is not JSON: {error}"));
        }
    }
}

fn is_used(clevis: &Clevis) -> bool {
    clevis.custom.as_ref().is_some_and(|custom| filled(&custom.pin).is_some())
        || !list(&clevis.tang).is_empty()
        || clevis.tpm2 == Some(true)
        || clevis.threshold.unwrap_or_default() != 0
}
