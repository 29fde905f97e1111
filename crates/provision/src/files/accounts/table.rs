//! A file of lines whose fields are parted by colons (passwd(5), group(5)), edited; what is not about an account
//! stays as it is.

use settings::accounts::is_foreign;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    lines: Vec<String>,
}

impl Table {
    /// Reads it; one that is missing is empty.
    pub fn read(text: Option<&str>) -> Table {
        Table { lines: text.unwrap_or_default().split_terminator('\n').map(str::to_owned).collect() }
    }

    /// Its text.
    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    /// The lines that are about accounts.
    pub fn records(&self) -> impl Iterator<Item = Vec<&str>> {
        self.lines.iter().filter(|line| !is_foreign(line)).map(|line| line.split(':').collect())
    }

    /// The line of a name.
    pub fn find(&self, name: &str) -> Option<Vec<&str>> {
        self.records().find(|fields| fields.first() == Some(&name))
    }

    /// A number in a field of the line of a name.
    pub fn number(&self, name: &str, field: usize) -> Option<u32> {
        self.find(name)?.get(field)?.parse().ok()
    }

    /// The name that has a number in a field.
    pub fn name_of(&self, number: u32, field: usize) -> Option<&str> {
        let has = |fields: &Vec<&str>| fields.get(field).and_then(|id| id.parse().ok()) == Some(number);
        self.records().find(has).and_then(|fields| fields.first().copied())
    }

    /// Adds a line, before those that NIS adds.
    pub fn add(&mut self, fields: &[&str]) {
        let at = self.lines.iter().position(|line| line.starts_with(['+', '-'])).unwrap_or(self.lines.len());
        self.lines.insert(at, fields.join(":"));
    }

    /// Removes the lines of a name.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|line| is_foreign(line) || line.split(':').next() != Some(name));
    }

    /// Sets a field in the line of a name; a line that is too short for it grows.
    pub fn set(&mut self, name: &str, field: usize, value: &str) {
        self.edit(|fields| {
            if fields.first().map(String::as_str) == Some(name) {
                fields.resize(fields.len().max(field + 1), String::new());
                value.clone_into(&mut fields[field]);
            }
        });
    }

    /// Sets a field wherever it has a value.
    pub fn replace(&mut self, field: usize, old: &str, new: &str) {
        self.edit(|fields| {
            if let Some(value) = fields.get_mut(field).filter(|value| *value == old) {
                new.clone_into(value);
            }
        });
    }

    /// Makes a user a member, in a field that lists such, of exactly the groups that `is_member` says.
    pub fn set_member(&mut self, user: &str, field: usize, is_member: impl Fn(&str) -> Option<bool>) {
        self.edit(|fields| {
            let Some(wanted) = fields.first().and_then(|name| is_member(name)) else { return };
            let listed = fields.get(field).map_or("", String::as_str);
            let mut members: Vec<&str> = listed.split(',').filter(|member| !member.is_empty()).collect();
            if members.contains(&user) == wanted {
                return;
            }
            members.retain(|member| *member != user);
            members.extend(wanted.then_some(user));
            let members = members.join(",");
            fields.resize(fields.len().max(field + 1), String::new());
            fields[field] = members;
        });
    }

    fn edit(&mut self, change: impl Fn(&mut Vec<String>)) {
        for line in self.lines.iter_mut().filter(|line| !is_foreign(line)) {
            let mut fields: Vec<String> = line.split(':').map(str::to_owned).collect();
            change(&mut fields);
            *line = fields.join(":");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\nroot:x:0:0\na:x:7:8:b,c\n\n+::::\n";

    #[test]
    fn what_is_not_touched_stays() {
        let mut table = Table::read(Some(TEXT));
        assert_eq!(table.text(), TEXT);
        table.add(&["d", "x", "9"]);
        table.set("a", 1, "y");
        table.set("d", 4, "e");
        table.set_member("b", 4, |name| (name == "a").then_some(false));
        table.set_member("z", 4, |name| (name == "a").then_some(true));
        table.replace(3, "0", "5");
        assert_eq!(table.text(), "# mine\nroot:x:0:5\na:y:7:8:c,z\n\nd:x:9::e\n+::::\n");
        table.remove("a");
        assert_eq!(
            (table.find("a"), table.number("root", 3), table.name_of(9, 2)),
            (None, Some(5), Some("d"))
        );
    }
}
