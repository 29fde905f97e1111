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

/// How much may wait to be taken by the clients of one ordinary user, of all of them, and of
/// root, in bytes.
const ANSWERS_PER_USER: usize = 1 << 20;
const ANSWERS_ORDINARY: usize = 4 << 20;
const ANSWERS_ROOT: usize = 8 << 20;

/// A client that has yet to take its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taker {
    /// Its number.
    pub number: u32,
    /// Whose it is.
    pub uid: Option<u32>,
    /// What it has yet to take, in bytes.
    pub bytes: usize,
}

/// Makes room for an answer: gives the clients that go for it, those that have been at theirs
/// for longest first. None where it is too long in any case.
pub fn make_room(uid: Option<u32>, bytes: usize, takers: impl Iterator<Item = Taker>) -> Option<Vec<u32>> {
    let is_root = uid == Some(0);
    let mut takers: Vec<Taker> = takers.filter(|taker| (taker.uid == Some(0)) == is_root).collect();
    takers.sort_by_key(|taker| taker.number);
    let limits = match is_root {
        true => vec![(ANSWERS_ROOT, false)],
        false => vec![(ANSWERS_PER_USER, true), (ANSWERS_ORDINARY, false)],
    };
    let mut gone = Vec::new();
    for (limit, own_only) in limits {
        let is_counted = |taker: &Taker| !own_only || taker.uid == uid;
        while takers.iter().filter(|taker| is_counted(taker)).map(|taker| taker.bytes).sum::<usize>() + bytes
            > limit
        {
            let oldest = takers.iter().position(is_counted)?;
            gone.push(takers.remove(oldest).number);
        }
    }
    Some(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_nobody_takes_make_room() {
        let taker = |number, uid, bytes| Taker { number, uid: Some(uid), bytes };
        let quarter = ANSWERS_PER_USER / 4;
        let cases = [
            (1000, quarter, vec![], Some(vec![])),
            (1000, ANSWERS_PER_USER + 1, vec![], None),
            (0, ANSWERS_PER_USER + 1, vec![], Some(vec![])),
            (1000, quarter, (0..4).map(|n| taker(n, 1000, quarter)).collect(), Some(vec![0])),
            (1000, 2 * quarter, (0..4).map(|n| taker(n, 1000, quarter)).collect(), Some(vec![0, 1])),
            (1001, quarter, (0..4).map(|n| taker(n, 1000, quarter)).collect(), Some(vec![])),
            // Many users together keep out neither another one nor root.
            (5000, quarter, (0..16).map(|n| taker(n, 1000 + n, quarter)).collect(), Some(vec![0])),
            (0, quarter, (0..16).map(|n| taker(n, 1000 + n, quarter)).collect(), Some(vec![])),
        ];
        for (uid, bytes, takers, gone) in cases {
            assert_eq!(
                make_room(Some(uid), bytes, takers.clone().into_iter()),
                gone,
                "{uid} {bytes} {takers:?}"
            );
        }
    }

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
