//! The reference's blackbox cases about where contents come from, by their names.

use serde_json::{Value, json};

use crate::harness::At::File;
use crate::harness::{At, Case, check};

const CONTENTS: &str = "http://127.0.0.1:8080/contents";
const SHA512: &str = "sha512-1a04c76c17079cd99e688ba4f1ba095b927d3fecf2b1e027af361dfeafb548f7f5f6fdd675aaa2563950\
                      db441d893ca77b0c3e965cdcb891784af96e330267d7";
const SHA256: &str = "sha256-e57cc41647638ccb9fb6844f2810807bcaa2aa800438cfb065f17adf6afb48d0";
const OTHER_SHA512: &str = "sha512-807e8ff949e61d23f5ee42a629ec96e9fc526b62f030cd70ba2cd5b9d97935461eacc29bf58bcd042\
                            6e9e1fdb0eda939603ed52c9c06d0712208a15cd582c60e";
const OTHER_SHA256: &str = "sha256-352cb4e231c03f9941d54aeee7da755504a7f2096338c609ba5d1b82143419c6";
const EXAMPLE: &[At] = &[File("/foo/bar", "example file\n")];
const SERVED: &[At] = &[File("/foo/bar", "asdf\nfdsa")];

/// A case of the one file `/foo/bar`.
fn case(name: &'static str, contents: Value, after: Result<&'static [At], &'static str>) -> Case {
    let config = json!({"storage": {"files": [{"path": "/foo/bar", "contents": contents}]}});
    Case { name, before: &[], config, after }
}

#[test]
fn contents_come_from_where_they_are() {
    let own = json!([{"name": "X-Auth", "value": "r8ewap98gfh4d8"}, {"name": "Keep-Alive", "value": "300"}]);
    let overwritten = json!([
        {"name": "Keep-Alive", "value": "1000"}, {"name": "Accept", "value": "application/json"},
        {"name": "Accept-Encoding", "value": "identity, compress"}, {"name": "User-Agent", "value": "MyUA"},
    ]);
    let at = |path: &str| format!("{CONTENTS}{path}");
    check(vec![
        case("files.create.base64", json!({"source": "data:;base64,ZXhhbXBsZSBmaWxlCg=="}), Ok(EXAMPLE)),
        case(
            "files.create.compressed",
            json!({
                "compression": "gzip",
                "source": "data:,%1F%8B%08%08%90e%AB%5E%02%03z%00K%ADH%CC-%C8IUH%CB%CCI%E5%02%00tp%A6%CB%0D%00%00%00",
            }),
            Ok(EXAMPLE),
        ),
        case("files.create.http", json!({"source": CONTENTS}), Ok(SERVED)),
        case(
            "files.create.http.compressed",
            json!({"source": at("_compressed"), "compression": "gzip", "verification": {"hash": SHA512}}),
            Ok(SERVED),
        ),
        case("files.create.http.headers", json!({"source": at("_headers"), "httpHeaders": own}), Ok(SERVED)),
        case(
            "files.create.http.headers.redirect",
            json!({"source": at("_headers_redirect"), "httpHeaders": own}),
            Ok(SERVED),
        ),
        case(
            "files.create.http.headers.overwrite",
            json!({"source": at("_headers_overwrite"), "httpHeaders": overwritten}),
            Ok(SERVED),
        ),
        case(
            "files.create.http.invalidheader",
            json!({"source": at("_headers"), "httpHeaders": [{"name": "X-Auth", "value": "INVALID"}]}),
            Err(
                "$.storage.files.0.contents: http://127.0.0.1:8080/contents_headers: the server answered 400",
            ),
        ),
        case(
            "files.create.withhash.dataurl",
            json!({"source": "data:,example%20file%0A", "verification": {"hash": OTHER_SHA512}}),
            Ok(EXAMPLE),
        ),
        case(
            "files.create.withhash.dataurl.sha256",
            json!({"source": "data:,example%20file%0A", "verification": {"hash": OTHER_SHA256}}),
            Ok(EXAMPLE),
        ),
        case(
            "files.create.withhash.http",
            json!({"source": CONTENTS, "verification": {"hash": SHA512}}),
            Ok(SERVED),
        ),
        case(
            "files.create.withhash.http.sha256",
            json!({"source": CONTENTS, "verification": {"hash": SHA256}}),
            Ok(SERVED),
        ),
        case(
            "files.create.withhash.http.headers",
            json!({"source": at("_headers"), "httpHeaders": own, "verification": {"hash": SHA512}}),
            Ok(SERVED),
        ),
        case(
            "files.verification.badhash.dataurl",
            json!({"source": "data:,asdf", "verification": {"hash": SHA512}}),
            Err("$.storage.files.0.contents: "),
        ),
        case(
            "files.verification.badhash.dataurl.sha256",
            json!({"source": "data:,asdf", "verification": {"hash": SHA256}}),
            Err("$.storage.files.0.contents: data:,asdf: the hash is "),
        ),
        case(
            "files.verification.badhash.http",
            json!({"source": CONTENTS, "verification": {"hash": OTHER_SHA512}}),
            Err("$.storage.files.0.contents: http://127.0.0.1:8080/contents: the hash is 1a04c76c17079cd9"),
        ),
        case(
            "files.verification.badhash.http.sha256",
            json!({"source": CONTENTS, "verification": {"hash": OTHER_SHA256}}),
            Err("$.storage.files.0.contents: http://127.0.0.1:8080/contents: the hash is \
                 e57cc41647638ccb9fb6844f2810807bcaa2aa800438cfb065f17adf6afb48d0, and \
                 352cb4e231c03f9941d54aeee7da755504a7f2096338c609ba5d1b82143419c6 was expected"),
        ),
    ]);
}
