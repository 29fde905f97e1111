//! Makes entries of what is said, drops what is too much, and has the rest stored.

use std::collections::HashMap;
use std::sync::Arc;

use journal::{ENTRY_MAX, Fields, Priority, Record};
use sys::credentials::Credentials;
use unit::UnitName;
use unit::service::log::LogSettings;

use crate::clock::Now;
use crate::limiter::{Dropped, Limiter, Rate};
use crate::message::{self, KernelRecord, output_line, syslog_message};
use crate::outlets::Outlets;
use crate::process::{Process, Processes};
use crate::store::Store;

/// The unit under which the log store's own messages stand.
const SELF: &str = "berth-logd.service";
/// The unit of PID 1.
const PID_1: &str = "init.scope";

/// The unit that a line of PID 1 is about: it begins with its name. Who asks for the unit's log is shown the line
/// too.
fn subject(line: &[u8]) -> Option<UnitName> {
    let first = line.split(|byte| *byte == b' ').next()?;
    let name = std::str::from_utf8(first).ok()?;
    UnitName::parse(name.strip_suffix(':').unwrap_or(name)).ok()
}
/// Messages from outside any unit share one allowance.
const NO_UNIT: &str = "processes outside units";

/// What a line takes besides its text, in bytes.
const SMALL: usize = 8;

/// Who speaks on a stream.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// The unit.
    pub unit: Option<String>,
    settings: Arc<LogSettings>,
    context: Arc<Fields>,
}

/// Where entries go.
pub struct Sink {
    /// What is kept.
    pub store: Store,
    /// Where it goes beside that.
    pub outlets: Outlets,
    /// The time of this round.
    pub now: Now,
    /// How many messages a unit may send that says nothing else.
    pub rate: Rate,
    limiter: Limiter,
    processes: Processes,
    units: HashMap<String, Arc<LogSettings>>,
    /// Those of who is of no unit.
    unset: Arc<LogSettings>,
    kernel: Arc<Fields>,
    own: Arc<Fields>,
    /// The context of the last message that was sent, and whose it is.
    last: Option<(Arc<Process>, &'static str, Arc<Fields>)>,
}

impl Sink {
    /// A sink over a store.
    pub fn new(store: Store, outlets: Outlets, rate: Rate) -> Self {
        let kernel = Fields::default().with("_TRANSPORT", "kernel");
        let own = Fields::default()
            .with("_TRANSPORT", "driver")
            .with("_PID", std::process::id().to_string())
            .with("_SYSTEMD_UNIT", SELF)
            .with("SYSLOG_IDENTIFIER", "berth-logd");
        Self {
            store,
            outlets,
            now: Now::read(),
            rate,
            limiter: Limiter::default(),
            processes: Processes::default(),
            units: HashMap::new(),
            unset: Arc::default(),
            kernel: Arc::new(kernel),
            own: Arc::new(own),
            last: None,
        }
    }

    /// The speaker of what threads of the daemon say.
    pub fn own_speaker(&self) -> Speaker {
        let settings = LogSettings { burst: Some(0), ..LogSettings::default() };
        Speaker { unit: None, settings: Arc::new(settings), context: self.own.clone() }
    }

    /// PID 1 tells of a unit: the speaker of its output.
    pub fn announce(&mut self, unit: String, settings: LogSettings) -> Speaker {
        let settings = Arc::new(settings);
        self.units.insert(unit.clone(), settings.clone());
        let mut context = Fields::default().with("_TRANSPORT", "stdout");
        if unit == PID_1 {
            context = context.with("_PID", "1").with("_UID", "0").with("_GID", "0").with("_COMM", "init");
        }
        context.push("_SYSTEMD_UNIT", &unit);
        Self::speaker(Some(unit), settings, context)
    }

    /// The output of a unit has ended.
    pub fn forget(&mut self, unit: &str) {
        self.units.remove(unit);
    }

    /// The speaker on a connection.
    pub fn connection(&mut self, sender: Credentials, said: LogSettings) -> Speaker {
        let process = self.processes.get(sender, self.now.monotonic_us);
        let own = LogSettings::clone(&self.of_unit(process.unit.as_deref()));
        let LogSettings { identifier, level, facility, level_prefix, .. } = said;
        let settings = Arc::new(LogSettings { identifier, level, facility, level_prefix, ..own });
        let mut context = Fields::default().with("_TRANSPORT", "stdout");
        context.extend(&process.fields);
        Self::speaker(process.unit.clone(), settings, context)
    }

    /// What is said of the log of a unit.
    fn of_unit(&self, unit: Option<&str>) -> Arc<LogSettings> {
        unit.and_then(|unit| self.units.get(unit)).unwrap_or(&self.unset).clone()
    }

    fn speaker(unit: Option<String>, settings: Arc<LogSettings>, mut context: Fields) -> Speaker {
        if let Some(identifier) = &settings.identifier {
            context.push("SYSLOG_IDENTIFIER", identifier);
        }
        context.push("SYSLOG_FACILITY", settings.facility.to_string());
        settings.extra.iter().for_each(|(name, value)| context.push(name, value));
        Speaker { unit, settings, context: Arc::new(context) }
    }

    /// A line on a stream.
    pub fn output(&mut self, speaker: &Speaker, line: &[u8]) {
        let settings = &speaker.settings;
        let (stated, text) = if settings.level_prefix { output_line(line) } else { (None, line) };
        let priority = stated.unwrap_or(Priority::of_syslog(settings.level.into()));
        if !passes(settings, Some(priority)) || !self.admit(speaker.unit.as_deref(), settings) {
            return;
        }
        let fields = Fields::with_capacity(text.len() + SMALL);
        let mut fields = fields.with("PRIORITY", [priority.digit()]).with("MESSAGE", text);
        if speaker.unit.as_deref() == Some(PID_1)
            && let Some(unit) = subject(text)
        {
            fields.push("UNIT", unit.as_str());
        }
        self.push(speaker.context.clone(), fields);
    }

    /// A datagram of syslog(3).
    pub fn syslog(&mut self, datagram: &[u8], sender: Option<Credentials>) {
        let message = syslog_message(datagram);
        let mut fields = Fields::default().with("PRIORITY", [message.priority.digit()]);
        // Facility 0 is the kernel's; who sends it here says nothing by it, and is a user.
        let facility = message.facility.map(|number| if number == 0 { 1 } else { number });
        let numbers = [("SYSLOG_FACILITY", facility), ("SYSLOG_PID", message.pid)];
        for (name, number) in numbers {
            number.iter().for_each(|number| fields.push(name, number.to_string()));
        }
        message.identifier.iter().for_each(|name| fields.push("SYSLOG_IDENTIFIER", name));
        fields.push("MESSAGE", message.message);
        self.sent("syslog", vec![fields], sender);
    }

    /// A message of sd_journal_sendv(3).
    pub fn native(&mut self, message: &[u8], sender: Option<Credentials>) {
        self.sent("journal", journal::export::parse(message), sender);
    }

    fn sent(&mut self, transport: &'static str, entries: Vec<Fields>, sender: Option<Credentials>) {
        let process = sender.map(|sender| self.processes.get(sender, self.now.monotonic_us));
        let unit = process.as_ref().and_then(|process| process.unit.as_deref());
        let settings = self.of_unit(unit);
        let context = self.context(process.as_ref(), transport, &settings);
        for fields in entries {
            let priority = fields.get("PRIORITY").and_then(Priority::of_field);
            if !passes(&settings, priority) || !self.admit(unit, &settings) {
                continue;
            }
            if fields.size() > ENTRY_MAX {
                let who = unit.unwrap_or(NO_UNIT);
                self.complain(&format!("a message of {} bytes of {who} is dropped: too long", fields.size()));
                continue;
            }
            self.push(context.clone(), fields);
        }
    }

    /// What is said of the sender of a message; once, while one sender sends many.
    fn context(
        &mut self,
        process: Option<&Arc<Process>>,
        transport: &'static str,
        settings: &LogSettings,
    ) -> Arc<Fields> {
        if let (Some((last, by, context)), Some(process)) = (&self.last, process)
            && Arc::ptr_eq(last, process)
            && *by == transport
        {
            return context.clone();
        }
        let mut context = Fields::default().with("_TRANSPORT", transport);
        process.iter().for_each(|process| context.extend(&process.fields));
        settings.extra.iter().for_each(|(name, value)| context.push(name, value));
        let context = Arc::new(context);
        self.last = process.map(|process| (process.clone(), transport, context.clone()));
        context
    }

    /// A record of the kernel's log.
    pub fn kernel(&mut self, record: KernelRecord) {
        let mut fields = Fields::default().with("PRIORITY", [record.priority.digit()]);
        fields.push("SYSLOG_FACILITY", record.facility.to_string());
        let message = match record.facility {
            0 => {
                fields.push("SYSLOG_IDENTIFIER", "kernel");
                record.message
            }
            _ => {
                let (identifier, pid, message) = message::kernel_speaker(&record.message);
                identifier.iter().for_each(|name| fields.push("SYSLOG_IDENTIFIER", name));
                pid.iter().for_each(|pid| fields.push("SYSLOG_PID", pid.to_string()));
                message
            }
        };
        fields.push("MESSAGE", message);
        fields.extend(&record.about);
        self.keep(Record {
            realtime_us: self.now.realtime_of(record.monotonic_us),
            monotonic_us: record.monotonic_us,
            context: self.kernel.clone(),
            fields,
        });
    }

    /// A message of the log store itself.
    pub fn own(&mut self, priority: Priority, message: &str) {
        let fields = Fields::default().with("PRIORITY", [priority.digit()]).with("MESSAGE", message);
        self.push(self.own.clone(), fields);
    }

    /// A message of the log store that others can cause, as often as they like.
    pub fn complain(&mut self, message: &str) {
        if self.limiter.admit(SELF, Rate::default(), self.now.monotonic_us) {
            self.own(Priority::WARNING, message);
        }
    }

    /// When something is due, on the monotonic clock.
    pub fn deadline_us(&self) -> Option<u64> {
        [self.store.deadline_us(), self.limiter.deadline_us()].into_iter().flatten().min()
    }

    /// Tells what the rate limit dropped in the intervals that are over at `until_us`.
    pub fn report_dropped(&mut self, until_us: u64) {
        for Dropped { unit, count, rate } in self.limiter.take_dropped(until_us) {
            let span = calendar::span::span(rate.interval_us, 1);
            let text = format!("{count} messages of {unit} dropped: more than {} in {span}", rate.burst);
            let fields = Fields::default()
                .with("PRIORITY", [Priority::WARNING.digit()])
                .with("UNIT", &unit)
                .with("N_DROPPED", count.to_string())
                .with("MESSAGE", text);
            self.push(self.own.clone(), fields);
        }
    }

    /// Everything that was ready has been read.
    pub fn end_round(&mut self) {
        self.report_dropped(self.now.monotonic_us);
        self.store.tick(self.now);
        let lost = self.store.take_lost();
        if lost > 0 {
            self.own(Priority::ERR, &format!("{lost} messages lost while the log store was unusable"));
            self.store.commit(self.now);
        }
    }

    fn admit(&mut self, unit: Option<&str>, settings: &LogSettings) -> bool {
        let rate = Rate {
            burst: settings.burst.unwrap_or(self.rate.burst),
            interval_us: settings.interval_us.unwrap_or(self.rate.interval_us),
        };
        self.limiter.admit(unit.unwrap_or(NO_UNIT), rate, self.now.monotonic_us)
    }

    fn push(&mut self, context: Arc<Fields>, fields: Fields) {
        let Now { realtime_us, monotonic_us } = self.now;
        self.keep(Record { realtime_us, monotonic_us, context, fields });
    }

    fn keep(&mut self, record: Record) {
        self.outlets.take(&record);
        self.store.push(record);
    }
}

/// Whether it is serious enough for `LogLevelMax=`.
fn passes(settings: &LogSettings, priority: Option<Priority>) -> bool {
    match (settings.level_max, priority) {
        (Some(most), Some(priority)) => priority.number() <= most,
        _ => true,
    }
}
