//! Units and their drop-ins.

use super::{Rules, filled, list};
use crate::config::Unit;
use crate::unit_text::sections;
use std::collections::HashMap;

const KINDS: [&str; 12] = [
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "snapshot",
    "slice",
    "scope",
];

impl Rules {
    pub fn units(&mut self, units: &[Unit]) {
        self.unique("$.systemd.units", units);
        let by_name: HashMap<&str, &Unit> = units.iter().map(|unit| (&*unit.name, unit)).collect();
        for (index, unit) in units.iter().enumerate() {
            self.unit(&format!("$.systemd.units.{index}"), unit, &by_name);
        }
    }

    fn unit(&mut self, at: &str, unit: &Unit, by_name: &HashMap<&str, &Unit>) {
        if !extension(&unit.name).is_some_and(|kind| KINDS.contains(&kind)) {
            let message = format!("{:?} names no kind of unit, as NAME.service does", unit.name);
            self.error(format!("{at}.name"), message);
        }
        let contents = sections(unit.contents.as_deref().unwrap_or_default());
        let enabled = unit.enabled == Some(true);
        match &contents {
            Err(message) => self.error(format!("{at}.contents"), &**message),
            Ok(sections) if enabled && filled(&unit.contents).is_some() && !sections.contains(&"Install") => {
                let message = format!(
                    "{} is enabled, but has no section [Install], so that nothing starts it",
                    unit.name
                );
                self.warn(format!("{at}.contents"), message);
            }
            Ok(_) => {}
        }
        let template = template(&unit.name).filter(|_| enabled).and_then(|name| by_name.get(&*name));
        if let Some(template) = template
            && let Some(text) = filled(&template.contents)
            && sections(text).is_ok_and(|sections| !sections.contains(&"Install"))
        {
            let message = format!(
                "{} is enabled, but its template {} has no section [Install], so that nothing starts it",
                unit.name, template.name
            );
            self.warn(format!("{at}.contents"), message);
        }
        let dropins = list(&unit.dropins);
        self.unique(&format!("{at}.dropins"), dropins);
        for (index, dropin) in dropins.iter().enumerate() {
            let at = format!("{at}.dropins.{index}");
            if extension(&dropin.name) != Some("conf") {
                self.error(
                    format!("{at}.name"),
                    format!("a drop-in is named NAME.conf, not {:?}", dropin.name),
                );
            }
            let contents = sections(dropin.contents.as_deref().unwrap_or_default()).map(drop);
            self.hold(format!("{at}.contents"), contents);
        }
    }
}

/// What stands behind the last dot of a path's last part.
fn extension(name: &str) -> Option<&str> {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.rsplit_once('.').map(|(_, extension)| extension)
}

/// The template that a service is an instance of.
fn template(name: &str) -> Option<String> {
    let whole = name.strip_suffix(".service").filter(|whole| !whole.contains('\n'))?;
    let first = whole.chars().next()?.len_utf8();
    let at = first + whole.get(first..)?.find('@')?;
    (at + 1 < whole.len()).then(|| format!("{}@.service", &whole[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_name_their_template() {
        for (name, expected) in [
            ("a@b.service", Some("a@.service")),
            ("a@b@c.service", Some("a@.service")),
            ("@a@b.service", Some("@a@.service")),
            ("a@.service", None),
            ("@a.service", None),
            ("a@b.timer", None),
            ("a.service", None),
        ] {
            assert_eq!(template(name).as_deref(), expected, "{name}");
        }
    }
}
