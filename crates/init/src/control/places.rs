//! Who is let in, when there are many: nobody can use up PID 1's descriptors, or keep others out.

/// How many clients an ordinary user may have.
const PER_USER: usize = 8;
/// How many ordinary users together may have.
const ORDINARY: usize = 48;
/// How many root may have.
const ROOT: usize = 64;

/// A client that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guest {
    /// Its number: later ones are higher.
    pub number: u32,
    /// Whose it is.
    pub uid: Option<u32>,
    /// Whether it waits for PID 1, and not PID 1 for it.
    pub waits: bool,
}

/// What becomes of a new client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is let in.
    Admit,
    /// It is let in, and this one has to go.
    InPlaceOf(u32),
    /// It is not let in.
    Refuse,
}

/// Decides on a new client. One that holds others up (its own user's first) makes room for it.
pub fn admit(uid: Option<u32>, guests: impl Iterator<Item = Guest>) -> Verdict {
    let guests: Vec<Guest> = guests.collect();
    let is_root = |uid: Option<u32>| uid == Some(0);
    let of_user: Vec<&Guest> = guests.iter().filter(|guest| guest.uid == uid).collect();
    let of_kind: Vec<&Guest> = guests.iter().filter(|guest| is_root(guest.uid) == is_root(uid)).collect();
    let (crowd, room) = match is_root(uid) {
        true => (of_kind, ROOT),
        false if of_user.len() >= PER_USER => (of_user, PER_USER),
        false => (of_kind, ORDINARY),
    };
    if crowd.len() < room {
        return Verdict::Admit;
    }
    let idle = crowd.iter().filter(|guest| !guest.waits).map(|guest| guest.number).min();
    idle.map_or(Verdict::Refuse, Verdict::InPlaceOf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_keeps_nobody_else_out() {
        let crowd = |count: usize, uid: Option<u32>, waits: bool| {
            (0..count).map(move |number| Guest { number: number as u32 + 10, uid, waits }).collect::<Vec<_>>()
        };
        let users = |count: u32| {
            (0..count)
                .map(|user| Guest { number: user, uid: Some(1000 + user), waits: false })
                .collect::<Vec<_>>()
        };
        let cases = [
            (Some(0), Vec::new(), Verdict::Admit),
            (Some(1000), crowd(PER_USER - 1, Some(1000), true), Verdict::Admit),
            (Some(1000), crowd(PER_USER, Some(1000), false), Verdict::InPlaceOf(10)),
            (Some(1000), crowd(PER_USER, Some(1000), true), Verdict::Refuse),
            (Some(1001), crowd(PER_USER, Some(1000), true), Verdict::Admit),
            (Some(0), users(ORDINARY as u32), Verdict::Admit),
            (Some(5000), users(ORDINARY as u32), Verdict::InPlaceOf(0)),
            (Some(1000), crowd(ROOT, Some(0), true), Verdict::Admit),
            (Some(0), crowd(ROOT, Some(0), false), Verdict::InPlaceOf(10)),
            (Some(0), crowd(ROOT, Some(0), true), Verdict::Refuse),
            (None, crowd(PER_USER, None, true), Verdict::Refuse),
        ];
        for (uid, guests, verdict) in cases {
            assert_eq!(admit(uid, guests.clone().into_iter()), verdict, "{uid:?} among {}", guests.len());
        }
    }
}
