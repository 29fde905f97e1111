//! `[Timer]` (systemd.timer(5)).

use std::time::Duration;

use calendar::Expression;

use crate::load::LoadError;
use crate::load::setter::{Outcome, Setter, text, unit_name};
use crate::name::{UnitName, UnitType};
use crate::text::value;
use crate::timer::{BASES, Elapse, Timer};

/// A timer before its files are read: it starts the service of its own name.
pub(super) fn unset(name: &UnitName) -> Result<Timer, LoadError> {
    let own = UnitName::parse(&format!("{}.service", name.stem()));
    let unit = own.map_err(|error| LoadError::Bad { name: name.clone(), reason: error.to_string() })?;
    Ok(Timer {
        elapses: Vec::new(),
        unit,
        accuracy: Duration::from_secs(60),
        randomized_delay: Duration::ZERO,
        fixed_random_delay: false,
        defer_reactivation: false,
        on_clock_change: false,
        on_timezone_change: false,
        persistent: false,
        remain_after_elapse: true,
    })
}

/// Applies one directive.
pub(super) fn assign(timer: &mut Timer, setter: &Setter, key: &str) -> Outcome {
    let base = BASES.iter().find(|(name, _)| *name == key).map(|(_, base)| *base);
    if base.is_some() || key == "OnCalendar" {
        // An empty value of any of these resets them all.
        if setter.value.is_empty() {
            timer.elapses.clear();
            return Ok(());
        }
        let expanded = setter.expanded()?;
        timer.elapses.extend(match base {
            // What is never due is as good as not there.
            Some(base) => {
                let span = value::time_span(&expanded).map_err(text)?.finite();
                span.map(|span| Elapse::After(base, span))
            }
            None => Some(Elapse::Calendar(Box::new(Expression::parse(&expanded).map_err(text)?))),
        });
        return Ok(());
    }
    let flag = || value::boolean(setter.value).map_err(text);
    let span = || Ok::<_, String>(value::time_span(setter.value).map_err(text)?.finite());
    match key {
        "AccuracySec" => timer.accuracy = span()?.unwrap_or(Duration::MAX),
        "RandomizedDelaySec" => {
            timer.randomized_delay = span()?.ok_or("a delay without end is none")?;
        }
        "FixedRandomDelay" => timer.fixed_random_delay = flag()?,
        "DeferReactivation" => timer.defer_reactivation = flag()?,
        "OnClockChange" => timer.on_clock_change = flag()?,
        "OnTimezoneChange" => timer.on_timezone_change = flag()?,
        "Persistent" => timer.persistent = flag()?,
        "RemainAfterElapse" => timer.remain_after_elapse = flag()?,
        "Unit" => {
            let name = unit_name(&setter.expanded()?)?;
            if name.kind() == UnitType::Timer {
                return Err("a timer cannot start another".to_owned());
            }
            timer.unit = name;
        }
        other => return Err(format!("{other}= has no code behind it")),
    }
    Ok(())
}

/// Checks that it ever elapses.
pub(super) fn finish(timer: &Timer) -> Result<(), String> {
    match timer.elapses.is_empty() && !timer.on_clock_change && !timer.on_timezone_change {
        true => Err("it has nothing to wait for (OnCalendar=, OnBootSec=, ...)".to_owned()),
        false => Ok(()),
    }
}
