//! A server that answers as the one of the reference's cases.

#[path = "../../../fetch/tests/server/mod.rs"]
#[allow(clippy::unwrap_used)]
mod http;

use std::sync::OnceLock;

use http::{Asked, Reply, Server, answer, with_headers};

/// The address that those cases have.
pub const OF_REFERENCE: &str = "127.0.0.1:8080";

const CONTENTS: &[u8] = b"asdf\nfdsa";
/// The same as gzip.
const COMPRESSED: [u8; 29] = [
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x2c, 0x4e, 0x49, 0xe3, 0x4a, 0x4b, 0x29, 0x4e, 4, 0, 0xf2,
    0x3b, 0x1e, 0x0b, 9, 0, 0, 0,
];

/// The address of the server, started when it is first asked for.
pub fn server() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| Server::new(|request, _| reply(request)).address.to_string())
}

fn reply(request: &Asked) -> Reply {
    let has =
        |wanted: &[(&str, &str)]| wanted.iter().all(|(name, value)| request.header(name) == Some(value));
    let own = [("x-auth", "r8ewap98gfh4d8"), ("keep-alive", "300")];
    let other = [("keep-alive", "1000"), ("accept", "application/json"), ("user-agent", "MyUA")];
    let is_own = own.iter().any(|(name, _)| request.header(name).is_some());
    match request.path() {
        "/contents" => answer(200, CONTENTS),
        "/contents_compressed" => answer(200, COMPRESSED),
        "/contents_headers" if has(&own) => answer(200, CONTENTS),
        "/contents_headers_overwrite" if has(&other) => answer(200, CONTENTS),
        "/contents_headers_redirect" => {
            let to = format!("http://{}/contents_headers_redirected", server());
            with_headers(302, &[("location", &to)], "")
        }
        "/contents_headers_redirected" if !is_own => answer(200, CONTENTS),
        "/asdf" => answer(404, ""),
        _ => answer(400, ""),
    }
}
