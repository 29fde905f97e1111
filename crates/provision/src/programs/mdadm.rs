//! mdadm(8): RAID arrays.

use std::path::Path;

use layout::path::MDADM;

/// A new array.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// Its device, in `/dev`.
    pub device: &'a str,
    /// Its level, as the config has it: `raid1`, `1` ...
    pub level: &'a str,
    /// How many of the members are spares: the last ones.
    pub spares: usize,
    /// Options of mdadm that the operator adds.
    pub options: &'a [String],
}

impl New<'_> {
    /// Makes it of these devices, whatever is on them, and lets it run.
    ///
    /// # Errors
    /// mdadm says why.
    pub fn create(&self, members: &[String]) -> Result<(), String> {
        super::run(MDADM, &self.command(members)).map(drop)
    }

    fn command(&self, members: &[String]) -> Vec<String> {
        let active = members.len().saturating_sub(self.spares);
        let mut arguments: Vec<String> =
            ["--create", self.device, "--force", "--run", "--homehost", "any", "--level", self.level]
                .map(str::to_owned)
                .into();
        let mut add = |option: &str, number: usize| arguments.extend([option.to_owned(), number.to_string()]);
        add("--raid-devices", active);
        if self.spares > 0 {
            add("--spare-devices", self.spares);
        }
        arguments.extend_from_slice(self.options);
        arguments.extend_from_slice(members);
        arguments
    }
}

/// Lets an array run that is there already, on its members.
///
/// # Errors
/// mdadm says why.
pub fn assemble(device: &str, members: &[String]) -> Result<(), String> {
    let arguments = ["--assemble", "--run", device].map(str::to_owned);
    super::run(MDADM, &[arguments.as_slice(), members].concat()).map(drop)
}

/// What a member says of its array.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// The array's UUID.
    pub uuid: String,
    /// The array's name, without that of a host.
    pub name: String,
    /// Its level: `raid1` ...
    pub level: String,
    /// How many devices are active in it.
    pub devices: usize,
}

/// What a device says of the array that it is in; None where it is in none.
pub fn examine(device: &Path) -> Option<Member> {
    let said = super::run(MDADM, &["--examine".as_ref(), "--export".as_ref(), device.as_os_str()]).ok()?;
    parse(&said)
}

fn parse(text: &str) -> Option<Member> {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let name = value("MD_NAME").unwrap_or_default();
    Some(Member {
        uuid: value("MD_UUID")?.to_owned(),
        name: name.split_once(':').map_or(name, |(_, name)| name).to_owned(),
        level: value("MD_LEVEL")?.to_owned(),
        devices: value("MD_DEVICES")?.parse().ok()?,
    })
}

/// The usual name of a level: `1` and `mirror` are `raid1`.
pub fn plain_level(level: &str) -> String {
    match level {
        "stripe" => "raid0".to_owned(),
        "mirror" => "raid1".to_owned(),
        number if number.bytes().all(|b| b.is_ascii_digit()) => format!("raid{number}"),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_made_of_all_its_members() {
        let members = ["/dev/vdb", "/dev/vdc", "/dev/vdd"].map(str::to_owned);
        let options = ["--verbose".to_owned()];
        let new = New { device: "/dev/md/data", level: "raid1", spares: 1, options: &options };
        assert_eq!(
            new.command(&members).join(" "),
            "--create /dev/md/data --force --run --homehost any --level raid1 --raid-devices 2 --spare-devices 1 \
             --verbose /dev/vdb /dev/vdc /dev/vdd"
        );
        let plain = New { spares: 0, options: &[], ..new }.command(&members[..2]).join(" ");
        assert!(plain.ends_with("--raid-devices 2 /dev/vdb /dev/vdc"), "{plain}");
    }

    #[test]
    fn a_member_says_what_it_is_in() {
        let text = "MD_LEVEL=raid1\nMD_DEVICES=2\nMD_METADATA=1.2\nMD_UUID=8d6f:1\nMD_UPDATE_TIME=1\nMD_DEV_UUID=1:2\n\
                    MD_EVENTS=17\nMD_NAME=any:data\n";
        let member = Member { uuid: "8d6f:1".into(), name: "data".into(), level: "raid1".into(), devices: 2 };
        assert_eq!(parse(text), Some(member.clone()));
        assert_eq!(parse(&text.replace("any:data", "data")), Some(member));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn levels_have_one_name() {
        for (level, expected) in [
            ("0", "raid0"),
            ("stripe", "raid0"),
            ("raid0", "raid0"),
            ("mirror", "raid1"),
            ("10", "raid10"),
            ("linear", "linear"),
        ] {
            assert_eq!(plain_level(level), expected);
        }
    }
}
