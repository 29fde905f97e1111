//! Users that are there as long as their service: who has which number.

use anyhow::{Context, Result};
use litemap::LiteMap;
use unit::UnitName;
use unit::service::dynamic::numbers;

use crate::users::{Database, Identity};

/// The users of the services that run.
#[derive(Default)]
pub struct DynamicUsers(LiteMap<UnitName, (String, u32)>);

impl DynamicUsers {
    /// A service's user: one of /etc/passwd where there is one of that name, else one that nobody has, or
    /// that others of this name have.
    ///
    /// # Errors
    /// All numbers are taken.
    pub fn of(&mut self, unit: &UnitName, name: &str, users: &Database) -> Result<Identity> {
        if let Ok(known) = users.user(name) {
            return Ok(known);
        }
        let taken = |number: &u32| {
            let by_others = self.0.values().any(|(other, taken)| taken == number && other != name);
            by_others || users.has_number(*number)
        };
        let number = numbers(name).find(|number| !taken(number)).context("all numbers of users are taken")?;
        self.0.insert(unit.clone(), (name.to_owned(), number));
        Ok(Identity {
            uid: number,
            gid: number,
            groups: Vec::new(),
            name: name.to_owned(),
            home: "/".to_owned(),
            shell: layout::user::NOLOGIN.to_owned(),
        })
    }

    /// Forgets a service's user.
    pub fn release(&mut self, unit: &UnitName) {
        self.0.remove(unit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_keeps_its_number_and_two_have_two() {
        let users = Database::of("root:x:0:0::/:/bin/sh\nknown:x:7:7::/home/known:/bin/sh\n", "");
        let mut dynamic = DynamicUsers::default();
        let [a, b] = ["a.service", "b.service"].map(|name| UnitName::parse(name).unwrap());
        let first = dynamic.of(&a, "a", &users).unwrap();
        assert_eq!(dynamic.of(&a, "a", &users).unwrap(), first);
        assert_eq!(dynamic.of(&b, "a", &users).unwrap().uid, first.uid, "they share it");
        assert_ne!(dynamic.of(&b, "b", &users).unwrap().uid, first.uid);
        assert_eq!(dynamic.of(&b, "known", &users).unwrap().uid, 7);
        let taken = Database::of(&format!("x:x:{0}:{0}::/:/no\n", first.uid), "");
        assert_ne!(dynamic.of(&a, "a", &taken).unwrap().uid, first.uid);
    }
}
