//! A calendar expression: its normal form is its own, and what comes next is later.
#![no_main]

use std::time::Duration;

use calendar::{Expression, Zone};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u32, &str)| {
    let (after, text) = data;
    let Ok(expression) = Expression::parse(text) else { return };
    let normal = expression.to_string();
    let again = Expression::parse(&normal).expect("the normal form is an expression");
    assert_eq!(again.to_string(), normal);
    let zone = Zone::rule("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule");
    let after = Duration::from_secs(after.into());
    let next = expression.next(after, &zone);
    assert!(next.is_none_or(|next| next > after));
    assert_eq!(again.next(after, &zone), next);
});
