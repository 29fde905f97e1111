//! Lines of tmpfiles.d: they make a plan or errors, never a fault. What is planned has simple absolute paths,
//! each line once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use settings::Source;
use settings::accounts::Accounts;
use settings::specifier::Specifiers;
use settings::tmpfiles::{Context, Operation, Plan};

fuzz_target!(|data: (&str, &str, bool)| {
    let (text, path, boot) = data;
    let accounts = Accounts::read(["daemon:x:1:1:::\n"], ["daemon:x:1:\n"]);
    let specifiers = Specifiers::new([('H', Some("node".to_owned())), ('m', None)]);
    let context = Context {
        boot,
        graceful: !boot,
        include: &[],
        exclude: &["/dev".to_owned()],
        specifiers: &specifiers,
        accounts: &accounts,
        credential: &|name| Some(name.as_bytes().to_vec()),
    };
    let source = Source { path: "/x.conf".into(), text: text.to_owned() };
    let (plan, _) = Plan::read([&source], &context);
    let all: usize = plan.groups().iter().map(|group| group.items.len()).sum();
    for operation in [Operation::Purge, Operation::Remove, Operation::Clean, Operation::Create] {
        let order = plan.order(operation);
        assert_eq!(order.len(), all);
        assert!(order.iter().all(|item| item.path.starts_with('/') && !item.path.contains("//")));
    }
    _ = plan.names(path);
});
