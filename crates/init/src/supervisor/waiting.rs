//! Clients that wait for jobs to end, and what they have heard of so far.

use litemap::LiteMap;
use unit::control::{Reply, UnitError};

/// The clients, by number.
#[derive(Debug, Default)]
pub struct Waiting(LiteMap<u32, Waiter>);

#[derive(Debug, Default)]
struct Waiter {
    /// The jobs that have not ended, each once: two names may stand for one unit.
    jobs: LiteMap<u64, ()>,
    /// What was not done.
    errors: Vec<UnitError>,
    /// Whether it asked for one unit only, and so is told of that without its name.
    is_one: bool,
    /// Whether more jobs may come: then it is not answered yet.
    is_open: bool,
}

impl Waiting {
    /// A client has asked for jobs of so many units.
    pub fn begin(&mut self, client: u32, units: usize) {
        let waiter = Waiter { is_one: units == 1, is_open: true, ..Waiter::default() };
        self.0.insert(client, waiter);
    }

    /// One of its jobs.
    pub fn expect(&mut self, client: u32, job: u64) {
        if let Some(waiter) = self.0.get_mut(&client) {
            waiter.jobs.insert(job, ());
        }
    }

    /// One of its units cannot have a job.
    pub fn refused(&mut self, client: u32, error: UnitError) {
        if let Some(waiter) = self.0.get_mut(&client) {
            waiter.errors.push(error);
        }
    }

    /// That was all. Gives its answer, where no job is left to wait for.
    pub fn seal(&mut self, client: u32) -> Option<Reply> {
        let waiter = self.0.get_mut(&client)?;
        waiter.is_open = false;
        if !waiter.jobs.is_empty() {
            return None;
        }
        self.0.remove(&client).map(Waiter::reply)
    }

    /// A job has ended. Gives the clients that are to be answered.
    pub fn ended(&mut self, job: u64, error: Option<&UnitError>) -> Vec<(u32, Reply)> {
        let mut done = Vec::new();
        for (client, waiter) in &mut self.0 {
            if waiter.jobs.remove(&job).is_none() {
                continue;
            }
            waiter.errors.extend(error.cloned());
            if waiter.jobs.is_empty() && !waiter.is_open {
                done.push(*client);
            }
        }
        done.into_iter().filter_map(|client| Some((client, self.0.remove(&client)?.reply()))).collect()
    }

    /// A client has gone.
    pub fn gone(&mut self, client: u32) {
        self.0.remove(&client);
    }
}

impl Waiter {
    fn reply(self) -> Reply {
        let Waiter { mut errors, is_one, .. } = self;
        match errors.pop() {
            None => Reply::Done,
            Some(UnitError { kind, message, .. }) if is_one => Reply::Error { kind, message },
            Some(last) => {
                errors.push(last);
                Reply::Errors { errors }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unit::control::ErrorKind;

    fn error(unit: &str) -> UnitError {
        UnitError { unit: unit.into(), kind: ErrorKind::Failed, message: format!("{unit} failed") }
    }

    #[test]
    fn a_client_is_answered_when_its_last_job_has_ended() {
        let mut waiting = Waiting::default();
        waiting.begin(1, 2);
        waiting.expect(1, 10);
        // It may end before all have been asked for.
        assert_eq!(waiting.ended(10, None), []);
        waiting.expect(1, 11);
        assert_eq!(waiting.seal(1), None);
        assert_eq!(waiting.ended(12, None), []);
        assert_eq!(waiting.ended(11, None), [(1, Reply::Done)]);
        assert_eq!(waiting.ended(11, None), []);
    }

    #[test]
    fn a_job_that_is_asked_for_twice_ends_once() {
        let mut waiting = Waiting::default();
        waiting.begin(1, 2);
        waiting.expect(1, 10);
        waiting.expect(1, 10);
        assert_eq!(waiting.seal(1), None);
        assert_eq!(waiting.ended(10, None), [(1, Reply::Done)]);
    }

    #[test]
    fn two_clients_may_wait_for_one_job() {
        let mut waiting = Waiting::default();
        for client in [1, 2, 3] {
            waiting.begin(client, 1);
            waiting.expect(client, 10);
            assert_eq!(waiting.seal(client), None);
        }
        waiting.gone(2);
        let answer = Reply::Error { kind: ErrorKind::Failed, message: "a.service failed".into() };
        assert_eq!(waiting.ended(10, Some(&error("a.service"))), [(1, answer.clone()), (3, answer)]);
        assert!(waiting.0.is_empty());
    }

    #[test]
    fn of_several_units_each_failure_is_told_by_name() {
        let mut waiting = Waiting::default();
        waiting.begin(1, 3);
        waiting.refused(1, error("a.service"));
        waiting.expect(1, 10);
        waiting.expect(1, 11);
        waiting.seal(1);
        waiting.ended(10, None);
        let errors = vec![error("a.service"), error("c.service")];
        assert_eq!(waiting.ended(11, Some(&error("c.service"))), [(1, Reply::Errors { errors })]);
        waiting.begin(1, 1);
        waiting.refused(1, error("a.service"));
        assert!(matches!(waiting.seal(1), Some(Reply::Error { .. })));
    }
}
