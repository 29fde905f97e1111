//! Kernel modules: which an alias needs, what has to be loaded before them, and what an operator says
//! of them (modprobe.d(5), and depmod's files in `/usr/lib/modules/RELEASE`).

use std::collections::{BTreeMap, BTreeSet};

use unit::text::glob;

/// Which modules there are.
#[derive(Debug, Clone, Default)]
pub struct Index {
    alias: String,
    dep: String,
    softdep: String,
    /// Where the lines of `alias` begin, by what their patterns have before the first `:`, all of those without one. A
    /// device is on one bus, and needs no look at the thousand patterns of others.
    buses: BTreeMap<String, Vec<usize>>,
    /// Those of patterns that fit several buses.
    any_bus: Vec<usize>,
}

/// What `/etc/modprobe.d` and the kernel's command line say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    aliases: Vec<(String, String)>,
    blacklist: BTreeSet<String>,
    options: Vec<(String, String)>,
    softdeps: Vec<(String, Softdep)>,
    installs: BTreeSet<String>,
    /// Lines that are not followed, each with its place, for the log.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Softdep {
    before: Vec<String>,
    after: Vec<String>,
}

/// A module to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, as `/sys/module` has it.
    pub name: String,
    /// Its file, below the folder of the kernel release.
    pub file: String,
    /// Its parameters.
    pub options: String,
    /// Whether the operator loads it another way (an `install` line), which is not built: it is not
    /// loaded.
    pub refused: bool,
}

/// A module's name as the kernel has it.
pub fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// The name of the module that a file is: `kernel/a/b-c.ko.zst` is `b_c`.
fn name_of_file(file: &str) -> String {
    let base = crate::sysfs::base_name(file);
    plain(base.split(".ko").next().unwrap_or(base))
}

impl Configuration {
    /// Adds a file of modprobe.d.
    pub fn read(&mut self, path: &str, text: &str) {
        let mut number = 0;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            number += 1;
            let at = number;
            let mut line = line.to_owned();
            while line.ends_with('\\') {
                line.pop();
                line.push(' ');
                line.push_str(lines.next().unwrap_or_default());
                number += 1;
            }
            self.line(&line, &format!("{path}:{at}"));
        }
    }

    fn line(&mut self, line: &str, place: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            ["alias", alias, module, ..] => self.aliases.push((plain_alias(alias), plain(module))),
            ["blacklist", module, ..] => drop(self.blacklist.insert(plain(module))),
            ["options", module, options @ ..] => self.options.push((plain(module), options.join(" "))),
            ["softdep", module, rest @ ..] => self.softdeps.push((plain(module), softdep(rest))),
            ["install", module, ..] => {
                self.installs.insert(plain(module));
                self.warnings.push(format!(
                    "{place}: install lines are not built: {module} is not loaded; to keep it from being \
                     loaded, say `blacklist {module}`"
                ));
            }
            ["remove", ..] => self.warnings.push(format!("{place}: remove lines are not built, ignored")),
            [other, ..] => self.warnings.push(format!("{place}: unknown command {other}, ignored")),
        }
    }

    /// Adds what the kernel's command line says: `modprobe.blacklist=`, `module_blacklist=` and
    /// `MODULE.PARAMETER=VALUE`.
    pub fn command_line(&mut self, line: &str) {
        for (name, value) in layout::args::words(line) {
            match (name.split_once('.'), value) {
                (Some(("modprobe", "blacklist")), Some(list)) => self.ban(&list),
                (None, Some(list)) if name == "module_blacklist" => self.ban(&list),
                (Some((module, parameter)), value) if !module.is_empty() && !module.contains('/') => {
                    let value = value.map(|value| format!("={value}")).unwrap_or_default();
                    self.options.push((plain(module), format!("{parameter}{value}")));
                }
                _ => {}
            }
        }
    }

    /// Whether a module is not to be loaded but by its user's own hand.
    pub fn is_blacklisted(&self, module: &str) -> bool {
        self.blacklist.contains(&plain(module))
    }

    fn ban(&mut self, list: &str) {
        self.blacklist.extend(list.split(',').filter(|name| !name.is_empty()).map(plain));
    }

    fn options_of(&self, module: &str) -> String {
        let options =
            self.options.iter().filter(|(name, _)| name == module).map(|(_, options)| options.as_str());
        options.filter(|options| !options.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

fn softdep(words: &[&str]) -> Softdep {
    let mut found = Softdep::default();
    let mut list = None;
    for word in words {
        match *word {
            "pre:" => list = Some(true),
            "post:" => list = Some(false),
            name => match list {
                Some(true) => found.before.push(plain(name)),
                Some(false) => found.after.push(plain(name)),
                None => {}
            },
        }
    }
    found
}

/// A pattern with `-` as the kernel writes it, but for sets, in which it is a range.
fn plain_alias(alias: &str) -> String {
    let mut in_set = false;
    let swap = |c: char| {
        match c {
            '[' => in_set = true,
            ']' => in_set = false,
            '-' if !in_set => return '_',
            _ => {}
        }
        c
    };
    alias.chars().map(swap).collect()
}

impl Index {
    /// The index of depmod's files: `modules.alias`, `alias PATTERN MODULE` a line; `modules.dep`,
    /// `kernel/x/a.ko: kernel/y/b.ko` a line; `modules.softdep`, `softdep MODULE pre: A post: B` a line.
    pub fn new(alias: String, dep: String, softdep: String) -> Self {
        let mut index = Self { alias, dep, softdep, ..Self::default() };
        let mut at = 0;
        for line in index.alias.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let Some((pattern, _)) = alias_line(line) else { continue };
            match bus(pattern) {
                bus if bus.contains(WILDCARDS) => index.any_bus.push(start),
                bus => index.buses.entry(plain(bus)).or_default().push(start),
            }
        }
        index
    }

    /// The modules that an alias (a device's `MODALIAS`, say) stands for, but those that are blacklisted. Operators' aliases
    /// win over those of the modules.
    pub fn modules(&self, alias: &str, configuration: &Configuration) -> Vec<String> {
        let alias = plain_alias(alias);
        let own = configuration.aliases.iter().filter(|(pattern, _)| glob::matches(pattern, &alias));
        let mut found: Vec<String> = own.map(|(_, module)| module.clone()).collect();
        if found.is_empty() {
            let starts = self.buses.get(bus(&alias)).into_iter().flatten().chain(&self.any_bus);
            let near = starts.map(|start| &self.alias[*start..]).filter(|line| is_near(line, &alias));
            let lines = near.filter_map(|line| alias_line(line.split('\n').next()?));
            let fits = |pattern: &str| glob::matches(&plain_alias(pattern), &alias);
            found = lines.filter(|(pattern, _)| fits(pattern)).map(|(_, module)| plain(module)).collect();
        }
        found.dedup();
        found.retain(|module| !configuration.blacklist.contains(module));
        found
    }

    /// What to load, in order, so that a module is there: what it needs, itself, and what is to come
    /// with it. Empty where no file has it, as for one that is built in.
    pub fn plan(&self, module: &str, configuration: &Configuration) -> Vec<Step> {
        let mut steps = Vec::new();
        self.add(&plain(module), configuration, &mut steps, &mut BTreeSet::new());
        steps
    }

    fn add(
        &self,
        module: &str,
        configuration: &Configuration,
        steps: &mut Vec<Step>,
        seen: &mut BTreeSet<String>,
    ) {
        if !seen.insert(module.to_owned()) {
            return;
        }
        let Some((file, needs)) = self.dependencies(module) else { return };
        let softdeps = self.softdeps(module, configuration);
        for softdep in &softdeps {
            softdep.before.iter().for_each(|name| self.add(name, configuration, steps, seen));
        }
        // depmod writes all that is needed, the nearest first.
        for need in needs.split_whitespace().rev() {
            self.add(&name_of_file(need), configuration, steps, seen);
        }
        steps.push(Step {
            name: module.to_owned(),
            file: file.to_owned(),
            options: configuration.options_of(module),
            refused: configuration.installs.contains(module),
        });
        for softdep in &softdeps {
            softdep.after.iter().for_each(|name| self.add(name, configuration, steps, seen));
        }
    }

    fn dependencies(&self, module: &str) -> Option<(&str, &str)> {
        let lines = self.dep.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(file, _)| name_of_file(file) == module)
    }

    fn softdeps(&self, module: &str, configuration: &Configuration) -> Vec<Softdep> {
        let own = configuration.softdeps.iter().filter(|(name, _)| name == module);
        let own: Vec<_> = own.map(|(_, softdep)| softdep.clone()).collect();
        if !own.is_empty() {
            return own;
        }
        let lines = self.softdep.lines().filter_map(|line| line.strip_prefix("softdep "));
        let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
        words
            .filter(|words| words.first().is_some_and(|name| plain(name) == module))
            .map(|words| softdep(&words[1..]))
            .collect()
    }
}

const ALIAS: &str = "alias ";
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// What an alias, or a pattern of one, has before the first `:`.
fn bus(alias: &str) -> &str {
    alias.split_once(':').map_or(alias, |(bus, _)| bus)
}

/// A line of `modules.alias`: its pattern and its module.
fn alias_line(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix(ALIAS)?.trim_end().rsplit_once(' ')
}

/// Whether the pattern of a line may match, by what it has before its first wildcard: most differ there.
fn is_near(line: &str, alias: &str) -> bool {
    let pattern = line.bytes().skip(ALIAS.len()).take_while(|byte| !b"*?[\\ ".contains(byte));
    let mut alias = alias.bytes();
    pattern.into_iter().all(|byte| alias.next() == Some(if byte == b'-' { b'_' } else { byte }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a kernel's own files.
    const ALIAS: &str = "\
# Aliases extracted from modules themselves.
alias pci:v00008086d000010C9sv*sd*bc*sc*i* igb
alias pci:v00001000d00000012sv*sd*bc*sc*i* mlx4_core
alias usb:v*p*d*dc*dsc*dp*ic02isc0Aip00in* cdc_ether
alias usb:v0BDAp8153d*dc*dsc*dp*ic*isc*ip*in* r8152
alias usb:v0BDAp8153d*dc*dsc*dp*ic02isc06ip00in* r8153_ecm
alias cpu:type:x86,ven*fam*mod*:feature:*0099* aesni_intel
alias acpi*:ACPI000D:* acpi_power_meter
alias dmi*:svn[A-C]x* abc
alias net-pf-40 vsock
alias fs-xfs xfs
";
    const DEP: &str = "\
kernel/drivers/net/ethernet/intel/igb/igb.ko: kernel/drivers/dca/dca.ko
kernel/drivers/dca/dca.ko:
kernel/drivers/net/usb/cdc_ether.ko: kernel/drivers/net/usb/usbnet.ko kernel/drivers/net/mii.ko
kernel/drivers/net/usb/usbnet.ko: kernel/drivers/net/mii.ko
kernel/drivers/net/mii.ko:
kernel/net/vmw_vsock/vsock-x.ko:
kernel/a/a.ko:
kernel/a/b.ko:
";

    fn index() -> Index {
        let softdep = "softdep a pre: b post: mii a\n".to_owned();
        Index::new(ALIAS.to_owned(), DEP.to_owned(), softdep)
    }

    fn names(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.name.as_str()).collect()
    }

    #[test]
    fn aliases_of_devices_name_modules() {
        let cases: [(&str, &[&str]); 9] = [
            ("pci:v00008086d000010C9sv00008086sd0000A04Cbc02sc00i00", &["igb"]),
            ("pci:v00008086d000010CAsv00008086sd0000A04Cbc02sc00i00", &[]),
            ("usb:v0525pA4A2d0000dc02dsc00dp00ic02isc0Aip00in00", &["cdc_ether"]),
            ("usb:v0BDAp8153d3000dc00dsc00dp00ic02isc06ip00in00", &["r8152", "r8153_ecm"]),
            ("cpu:type:x86,ven0000fam0006mod000F:feature:,0000,0099,009A", &["aesni_intel"]),
            ("acpi:ACPI000D:", &["acpi_power_meter"]),
            ("dmi:bvn:svnBx:", &["abc"]),
            ("net-pf-40", &["vsock"]),
            ("", &[]),
        ];
        for (alias, modules) in cases {
            assert_eq!(index().modules(alias, &Configuration::default()), modules, "{alias}");
        }
    }

    #[test]
    fn what_is_needed_comes_first() {
        let none = Configuration::default();
        for (module, expected) in [
            ("igb", vec!["dca", "igb"]),
            ("cdc-ether", vec!["mii", "usbnet", "cdc_ether"]),
            ("vsock_x", vec!["vsock_x"]),
            ("a", vec!["b", "a", "mii"]),
            ("built_in", vec![]),
        ] {
            assert_eq!(names(&index().plan(module, &none)), expected, "{module}");
        }
        assert_eq!(index().plan("vsock_x", &none)[0].file, "kernel/net/vmw_vsock/vsock-x.ko");
    }

    #[test]
    fn an_operator_has_the_last_word() {
        let mut configuration = Configuration::default();
        let text = "# no\nblacklist igb\noptions mii a=1 \\\n  b=2\nalias usb:v0BDA* my-r8152\nsoftdep b pre: mii\n\
                    install dca /bin/true\nremove x y\nnonsense\n";
        configuration.read("/etc/modprobe.d/x.conf", text);
        configuration
            .command_line("quiet modprobe.blacklist=vsock,foo mii.c=3 module_blacklist=xfs a.b -- mii.d=1");
        let index = index();
        assert_eq!(index.modules("pci:v00008086d000010C9sv0", &configuration), [""; 0]);
        assert_eq!(index.modules("net-pf-40", &configuration), [""; 0]);
        assert_eq!(index.modules("fs-xfs", &configuration), [""; 0]);
        assert_eq!(index.modules("usb:v0BDAp8153d3000", &configuration), ["my_r8152"]);
        let steps = index.plan("b", &configuration);
        assert_eq!(names(&steps), ["mii", "b"]);
        assert_eq!(steps[0].options, "a=1 b=2 c=3");
        assert_eq!(index.plan("a", &configuration)[1].options, "", "of b");
        let refused: Vec<_> = index.plan("igb", &configuration).iter().map(|step| step.refused).collect();
        assert_eq!(refused, [true, false], "blacklisting is about aliases only");
        assert_eq!(
            configuration.warnings,
            [
                "/etc/modprobe.d/x.conf:7: install lines are not built: dca is not loaded; to keep it from \
                 being loaded, say `blacklist dca`",
                "/etc/modprobe.d/x.conf:8: remove lines are not built, ignored",
                "/etc/modprobe.d/x.conf:9: unknown command nonsense, ignored",
            ]
        );
    }
}
