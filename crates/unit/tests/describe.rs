//! What unit files come to, as `cargo xtask units show` gives it.

use std::sync::Arc;

use unit::UnitName;
use unit::describe;
use unit::load::{self, UnitFiles};
use unit::text::file::Source;
use unit::text::specifier::Host;

#[test]
fn settings_after_resets_specifiers_and_quoting() {
    for (name, text, expected) in [
        (
            "a@x.service",
            "[Unit]\nAfter=b.service\nAfter=\nAfter=c.service d@%i.service\nPropagatesStopTo=e.service\n\
             PropagatesStopTo=f.service\n[Service]\nEnvironment=A=1\nExecStart=/bin/x \"two words\" $A %i\n",
            r#"{"Service":{"Environment":["A=1"],"ExecStart":[["/bin/x","two words","1","x"]]},"#.to_owned()
                + r#""Unit":{"After":["c.service","d@x.service"],"PropagatesStopTo":["e.service","f.service"]}}"#,
        ),
        (
            "a.socket",
            "[Socket]\nListenStream=/run/a\nExecStartPre=/bin/x 1\nExecStopPre=/bin/x 2\nExecStopPre=/bin/x 3\n",
            r#"{"Socket":{"ExecStartPre":[["/bin/x","1"]],"ExecStopPre":[["/bin/x","2"],["/bin/x","3"]],"#
                .to_owned()
                + r#""ListenStream":["/run/a"]}}"#,
        ),
    ] {
        let (name, host) = (UnitName::parse(name).unwrap(), Host::default());
        let source = Source { path: Arc::from(format!("/u/{name}")), text: text.to_owned() };
        let files = UnitFiles { sources: vec![source], ..UnitFiles::default() };
        let unit = load::load(&name, &files, &host).unwrap();
        let shown = serde_json::to_string(&describe::sections(&name, &unit, &files, &host)).unwrap();
        assert_eq!(shown, expected, "{name}");
    }
}
