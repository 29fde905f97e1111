//! Lines of sysusers.d over any files of accounts: they make a plan or errors, never a fault. What was there
//! stays, and doing the same once more changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use settings::Source;
use settings::specifier::Specifiers;
use settings::sysusers::{Config, Plan, Seen, Texts};

fuzz_target!(|data: (&str, &str, &str)| {
    let (lines, passwd, group) = data;
    let source = Source { path: "/x.conf".into(), text: lines.to_owned() };
    let (config, _) = Config::read([&source], &Specifiers::new([]));
    let texts = Texts { passwd: Some(passwd.to_owned()), group: Some(group.to_owned()), ..Texts::default() };
    let seen = Seen { today: 1, root_shell: "/bin/sh".to_owned(), ..Seen::default() };
    let plan = Plan::make(&config, &texts, &seen);
    let new = plan.changes.passwd.clone().unwrap_or_else(|| passwd.to_owned());
    assert!(passwd.split_terminator('\n').all(|line| new.split('\n').any(|kept| kept == line)));
    let after = Texts {
        passwd: Some(new),
        group: plan.changes.group.clone().or(texts.group),
        shadow: plan.changes.shadow.clone(),
        gshadow: plan.changes.gshadow.clone(),
    };
    if plan.errors.is_empty() {
        assert!(Plan::make(&config, &after, &seen).changes.is_empty());
    }
});
