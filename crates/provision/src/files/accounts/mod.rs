//! What the files of accounts are to hold for a config: decided from their texts, as useradd(8), usermod(8),
//! groupadd(8) and their kin would.

mod group;
mod table;
mod user;

use layout::user::FIRST_PERSON;
use settings::sysusers::{SYSTEM, Texts};
use table::Table;

/// The ids of people (login.defs(5), UID_MIN and UID_MAX).
const PEOPLE: (u32, u32) = (FIRST_PERSON, 60_000);

// Fields of passwd(5).
const UID: usize = 2;
const PRIMARY: usize = 3;
const COMMENT: usize = 4;
const HOME: usize = 5;
const SHELL: usize = 6;
// Fields of group(5); the last is one of gshadow(5), too.
const GID: usize = 2;
const MEMBERS: usize = 3;
// Fields of shadow(5) and gshadow(5).
const PASSWORD: usize = 1;
const CHANGED: usize = 2;

/// Why an account cannot be as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The field of the account in the config.
    pub field: &'static str,
    /// Why.
    pub cause: String,
    /// What to do.
    pub next_step: String,
}

impl Refusal {
    fn new(field: &'static str, cause: impl Into<String>, next_step: impl Into<String>) -> Refusal {
        Refusal { field, cause: cause.into(), next_step: next_step.into() }
    }
}

/// A user as the files have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub user: u32,
    /// Id of the primary group.
    pub group: u32,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// The four files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    passwd: Table,
    shadow: Table,
    group: Table,
    gshadow: Table,
    /// Days since 1970.
    today: u64,
}

impl Files {
    /// Reads them.
    pub fn read(texts: &Texts, today: u64) -> Files {
        let read = |text: &Option<String>| Table::read(text.as_deref());
        Files {
            passwd: read(&texts.passwd),
            shadow: read(&texts.shadow),
            group: read(&texts.group),
            gshadow: read(&texts.gshadow),
            today,
        }
    }

    /// Those that are to be written, since they are not as they were.
    pub fn changes(&self, old: &Texts) -> Texts {
        let changed = |new: &Table, old: &Option<String>| {
            Some(new.text()).filter(|new| new != old.as_deref().unwrap_or_default())
        };
        Texts {
            passwd: changed(&self.passwd, &old.passwd),
            shadow: changed(&self.shadow, &old.shadow),
            group: changed(&self.group, &old.group),
            gshadow: changed(&self.gshadow, &old.gshadow),
        }
    }

    /// A user.
    pub fn user(&self, name: &str) -> Option<User> {
        let fields = self.passwd.find(name)?;
        let text = |field: usize| fields.get(field).copied().unwrap_or_default().to_owned();
        Some(User {
            user: self.passwd.number(name, UID)?,
            group: self.passwd.number(name, PRIMARY)?,
            home: text(HOME),
            shell: text(SHELL),
        })
    }

    /// The id of a group that is named by name or by number.
    fn group_id(&self, group: &str) -> Option<u32> {
        let by_number = || group.parse().ok().filter(|id| self.group.name_of(*id, GID).is_some());
        self.group.number(group, GID).or_else(by_number)
    }
}

/// An id that a config names.
fn stated_id(field: &'static str, id: i64) -> Result<u32, Refusal> {
    let next = "a number that no other has, such as one from 1000 to 60000";
    settings::accounts::id(&id.to_string())
        .map_err(|reason| Refusal::new(field, format!("{id} cannot be an id: {reason}"), next))
}

/// An id that nobody has. Those of people go upwards from the highest, those of the system downwards.
fn free_id(table: &Table, field: usize, system: bool, preferred: Option<u32>) -> Option<u32> {
    let is_free = |id: u32| table.name_of(id, field).is_none();
    if let Some(id) = preferred.filter(|id| is_free(*id)) {
        return Some(id);
    }
    if system {
        return (SYSTEM.0..=SYSTEM.1).rev().find(|id| is_free(*id));
    }
    let used = table.records().filter_map(|fields| fields.get(field)?.parse::<u32>().ok());
    let highest = used.filter(|id| (PEOPLE.0..=PEOPLE.1).contains(id)).max();
    let next = highest.map_or(PEOPLE.0, |highest| highest + 1);
    (next..=PEOPLE.1).chain(PEOPLE.0..next).find(|id| is_free(*id))
}

/// Whether an account may have a name.
fn check_name(name: &str) -> Result<(), Refusal> {
    // Dots are for people who have them in their names elsewhere.
    let is_name = settings::accounts::is_name(&name.replace('.', "_")) && !name.starts_with('.');
    let next = "letters, digits, _, - and dots, 31 at the most, a letter or _ first";
    if is_name {
        Ok(())
    } else {
        Err(Refusal::new("name", format!("{name:?} cannot be an account's name"), next))
    }
}

/// Whether a text may stand in a file of accounts.
fn check_field(field: &'static str, text: Option<&str>) -> Result<(), Refusal> {
    match text.is_none_or(settings::accounts::is_field) {
        true => Ok(()),
        false => {
            let cause =
                format!("{field} has a colon or a control character in it, which parts fields and lines");
            Err(Refusal::new(field, cause, "leave it away"))
        }
    }
}

/// A password's hash: an empty one is none that anybody can log in by.
fn password(hash: &str) -> &str {
    if hash.is_empty() { "*" } else { hash }
}
