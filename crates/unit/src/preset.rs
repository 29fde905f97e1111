//! What is enabled by default (systemd.preset(5)).

use crate::name::UnitName;
use crate::text::glob;

/// What becomes of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preset {
    /// It is enabled; of a template these instances.
    Enable(Vec<String>),
    /// It is disabled.
    Disable,
    /// It is left as it is.
    Ignore,
}

impl Preset {
    /// The word that `systemctl list-unit-files` shows.
    pub fn name(&self) -> &'static str {
        match self {
            Preset::Enable(_) => "enabled",
            Preset::Disable => "disabled",
            Preset::Ignore => "ignored",
        }
    }
}

/// One line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    pattern: String,
    preset: Preset,
}

/// Rules; the first that fits a unit counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presets {
    rules: Vec<Rule>,
}

impl Presets {
    /// Adds the lines of a file, which come after those added before. Returns the numbers of the
    /// lines that make no sense; they are left out.
    pub fn add(&mut self, text: &str) -> Vec<usize> {
        let mut bad = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let mut words = line.split_whitespace().map(str::to_owned);
            let verb = words.next().unwrap_or_default();
            let pattern = words.next();
            let rest: Vec<String> = words.collect();
            let preset = match verb.as_str() {
                "enable" => Some(Preset::Enable(rest)),
                "disable" if rest.is_empty() => Some(Preset::Disable),
                "ignore" if rest.is_empty() => Some(Preset::Ignore),
                _ => None,
            };
            match (preset, pattern) {
                (Some(preset), Some(pattern)) => self.rules.push(Rule { pattern, preset }),
                _ => bad.push(index + 1),
            }
        }
        bad
    }

    /// What becomes of a unit. What no rule names is enabled.
    pub fn of(&self, name: &UnitName) -> Preset {
        let template = name.template();
        for Rule { pattern, preset } in &self.rules {
            if glob::matches(pattern, name.as_str()) {
                return preset.clone();
            }
            // Instances stand after their template's name.
            if let (Preset::Enable(instances), Some(template), Some(instance)) =
                (preset, &template, name.instance())
                && glob::matches(pattern, template.as_str())
                && instances.iter().any(|listed| listed == instance)
            {
                return Preset::Enable(Vec::new());
            }
        }
        Preset::Enable(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let mut presets = Presets::default();
        let text = "# a comment\n; another\n\nenable etcd.service\nenable getty@.service tty1 tty2\n\
                    ignore local-*\nbogus x\ndisable a b\nenable\n";
        assert_eq!(presets.add(text), [7, 8, 9]);
        assert_eq!(presets.add("disable etcd.service\ndisable *\n"), [0; 0]);
        let cases = [
            ("etcd.service", "enabled"),
            ("other.service", "disabled"),
            ("local-x.service", "ignored"),
            ("getty@.service", "enabled"),
            ("getty@tty2.service", "enabled"),
            ("getty@tty3.service", "disabled"),
        ];
        for (unit, word) in cases {
            assert_eq!(presets.of(&UnitName::parse(unit).unwrap()).name(), word, "{unit}");
        }
        let template = presets.of(&UnitName::parse("getty@.service").unwrap());
        assert_eq!(template, Preset::Enable(vec!["tty1".into(), "tty2".into()]));
        let nothing = Presets::default().of(&UnitName::parse("a.service").unwrap());
        assert_eq!(nothing, Preset::Enable(Vec::new()));
    }
}
