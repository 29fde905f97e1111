//! The machine's own name in `/etc/hosts`, so that every program finds it, with a name server or without: those
//! that are linked statically, as Go's are, look nowhere else.

/// The file of hosts (hosts(5)).
pub const HOSTS: &str = "/etc/hosts";
/// Everybody may read it.
pub const HOSTS_MODE: u32 = 0o644;

/// What the machine's own name stands for. Not the address of `localhost`, so that the name of that stays
/// `localhost` (Debian Reference, section 5.1.1).
const ADDRESS: &str = "127.0.1.1";
/// Tells the line that is kept here from those of others.
const MARK: &str = "# this machine, kept by Berth";

/// The text of [`HOSTS`] with a line of the machine's name in the place of the one that was kept for an earlier
/// name, or without one where somebody else names it. None where there is nothing to change.
pub fn with_own_name(text: &str, name: &str) -> Option<String> {
    let mut new: String = text.split_inclusive('\n').filter(|line| !is_kept(line.trim_end())).collect();
    if !new.lines().any(|line| names_of(line).any(|known| known.eq_ignore_ascii_case(name))) {
        if !new.is_empty() && !new.ends_with('\n') {
            new.push('\n');
        }
        let first_label = name.split_once('.').map(|(label, _)| format!(" {label}"));
        new.push_str(&format!("{ADDRESS}   {name}{} {MARK}\n", first_label.unwrap_or_default()));
    }
    (new != text).then_some(new)
}

fn is_kept(line: &str) -> bool {
    line.starts_with(ADDRESS) && line.ends_with(MARK)
}

/// The names in a line: what follows the address, up to a comment.
fn names_of(line: &str) -> impl Iterator<Item = &str> {
    line.split('#').next().unwrap_or_default().split_whitespace().skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "127.0.0.1   localhost\n::1         localhost ip6-localhost\n";

    #[test]
    fn the_name_is_found_once_and_lines_of_others_stay() {
        let with = |line: &str| format!("{IMAGE}{line}\n");
        let kept = "127.0.1.1   berth-0a # this machine, kept by Berth";
        let long = "127.0.1.1   node-1.example.com node-1 # this machine, kept by Berth";
        for (what, text, name, expected) in [
            ("an image's", IMAGE.to_owned(), "berth-0a", Some(with(kept))),
            ("it is there", with(kept), "berth-0a", None),
            ("another name", with(kept), "node-1.example.com", Some(with(long))),
            ("an operator's line", with("192.0.2.7 db Node-1"), "node-1", None),
            (
                "an operator's line, and one of an earlier name",
                format!("{kept}\n192.0.2.7 node-1\n"),
                "node-1",
                Some("192.0.2.7 node-1\n".to_owned()),
            ),
            ("only in a comment", with("192.0.2.7 db # node-1"), "berth-0a", {
                Some(with(&format!("192.0.2.7 db # node-1\n{kept}")))
            }),
            (
                "no end of line",
                "::1 localhost".to_owned(),
                "berth-0a",
                Some(format!("::1 localhost\n{kept}\n")),
            ),
            ("an operator's line without an end", "192.0.2.7 node-1".to_owned(), "node-1", None),
            ("an operator's ends of lines", "192.0.2.7 node-1\r\n".to_owned(), "node-1", None),
            ("nothing", String::new(), "berth-0a", Some(format!("{kept}\n"))),
            ("localhost by choice", IMAGE.to_owned(), "localhost", None),
        ] {
            let new = with_own_name(&text, name);
            assert_eq!(new, expected, "{what}");
            let settled = new.unwrap_or(text);
            assert_eq!(with_own_name(&settled, name), None, "{what}: done again");
        }
    }
}
