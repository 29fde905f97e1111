//! Fetching by HTTP, from servers that behave and from servers that do not.
#![allow(clippy::unwrap_used)]

mod server;

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fetch::{Client, Error, Options, Proxies, Request, Resource, Retry, Verb};
use server::{Reply, Server, answer, with_headers};

fn quick() -> Options {
    Options {
        ca_files: Vec::new(),
        response_timeout: Some(Duration::from_secs(10)),
        total_timeout: Some(Duration::from_secs(30)),
        ..Options::default()
    }
}

/// For what is to fail by its time.
fn impatient() -> Options {
    Options {
        response_timeout: Some(Duration::from_millis(300)),
        total_timeout: Some(Duration::from_secs(2)),
        ..quick()
    }
}

fn fetch(options: Options, resource: &Resource) -> (Result<Vec<u8>, Error>, Vec<Retry>) {
    let (mut bytes, mut retries) = (Vec::new(), Vec::new());
    let result = Client::new(options)
        .and_then(|client| client.copy(resource, &mut bytes, &mut |retry| retries.push(retry.clone())));
    (result.map(|_| bytes), retries)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const HELLO_SHA256: &str = "sha256-2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[test]
fn a_file_comes_with_the_headers_that_the_config_names() {
    let server = Server::new(|_, _| answer(200, "hello"));
    let resource = Resource {
        headers: vec![("X-Own".to_owned(), "1".to_owned()), ("user-agent".to_owned(), "me".to_owned())],
        verification: Some(HELLO_SHA256.to_owned()),
        ..Resource::at(format!("http://user:p%40ss@{}/a?b=c", server.address))
    };
    assert_eq!(fetch(quick(), &resource).0.unwrap(), b"hello");
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "GET /a?b=c");
    assert_eq!(asked.header("x-own"), Some("1"));
    assert_eq!(asked.header("user-agent"), Some("me"));
    assert_eq!(asked.header("accept-encoding"), Some("identity"));
    assert!(asked.header("accept").unwrap().starts_with("application/vnd.coreos.ignition+json;version=3"));
    assert_eq!(asked.header("authorization"), Some("Basic dXNlcjpwQHNz"));
}

#[test]
fn a_hash_is_of_the_decompressed_bytes() {
    let server = Server::new(|asked, _| match asked.path() {
        "/two" => answer(200, [gzip(b"hel"), gzip(b"lo")].concat()),
        "/cut" => answer(200, &gzip(b"hello")[..12]),
        "/not" => answer(200, "hello"),
        "/none" => answer(200, ""),
        _ => answer(200, gzip(b"hello")),
    });
    let resource = |path: &str, hash: &str| Resource {
        compression: Some("gzip".to_owned()),
        verification: Some(hash.to_owned()),
        ..Resource::at(server.url(path))
    };
    for path in ["/one", "/two"] {
        assert_eq!(fetch(quick(), &resource(path, HELLO_SHA256)).0.unwrap(), b"hello", "{path}");
    }
    for path in ["/cut", "/not", "/none"] {
        let (result, retries) = fetch(quick(), &resource(path, HELLO_SHA256));
        assert!(matches!(result, Err(Error::Compression { .. })), "{path}: {result:?}");
        assert_eq!(retries, []);
    }
    let wrong = HELLO_SHA256.replace("2cf2", "2cf3");
    let error = fetch(quick(), &resource("/one", &wrong)).0.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "http://{}/one: the hash is {}, and {} was expected",
            server.address,
            &HELLO_SHA256[7..],
            &wrong[7..]
        )
    );
}

#[test]
fn what_fails_for_good_and_what_is_tried_again() {
    for status in [206, 304, 400, 403, 404, 410, 429, 499] {
        let server = Server::new(move |_, _| answer(status, ""));
        let (result, retries) = fetch(quick(), &Resource::at(server.url("/")));
        assert!(
            matches!(result, Err(Error::Status { status: found, .. }) if found == status),
            "{status}: {result:?}"
        );
        assert_eq!(retries, []);
    }
    let server =
        Server::new(|_, number| if number < 3 { answer(503, "not yet") } else { answer(200, "hello") });
    let (result, retries) = fetch(quick(), &Resource::at(server.url("/")));
    assert_eq!(result.unwrap(), b"hello");
    assert_eq!(
        retries.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            format!(
                "http://{}/: attempt 1 failed: the server answered 503 Service Unavailable; the next in 0.2 s",
                server.address
            ),
            format!(
                "http://{}/: attempt 2 failed: the server answered 503 Service Unavailable; the next in 0.4 s",
                server.address
            ),
        ]
    );
}

#[test]
fn a_body_that_breaks_off_is_taken_back() {
    let server = Server::new(|_, number| match number {
        1 => Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nXX".to_vec()),
        2 => Reply::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nXXX\r\n".to_vec()),
        _ => answer(200, "hello"),
    });
    let mut file = tempfile::tempfile().unwrap();
    let client = Client::new(quick()).unwrap();
    let mut count = 0;
    client.copy(&Resource::at(server.url("/")), &mut file as &mut File, &mut |_| count += 1).unwrap();
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), count), ("hello", 2));
}

#[test]
fn redirects_are_followed_without_headers_and_not_for_ever() {
    let server = Server::new(|asked, _| match asked.path() {
        "/start" => with_headers(302, &[("location", "/there?x")], ""),
        "/there?x" => answer(200, "hello"),
        "/loop" => with_headers(307, &[("location", "/loop")], ""),
        "/file" => with_headers(301, &[("location", "ftp://host/file")], ""),
        _ => with_headers(301, &[], ""),
    });
    let mut resource = Resource::at(server.url("/start"));
    resource.headers.push(("authorization".to_owned(), "Bearer secret".to_owned()));
    assert_eq!(fetch(quick(), &resource).0.unwrap(), b"hello");
    let asked = server.asked();
    assert_eq!(asked[0].header("authorization"), Some("Bearer secret"));
    assert_eq!(asked[1].header("authorization"), None);
    for (path, words) in
        [("/loop", "more than 10 redirects"), ("/file", "a redirect to ftp: is not followed")]
    {
        let error = fetch(quick(), &Resource::at(server.url(path))).0.unwrap_err();
        assert!(matches!(error, Error::Redirect { .. }) && error.to_string().contains(words), "{error}");
    }
    assert!(matches!(
        fetch(quick(), &Resource::at(server.url("/nowhere"))).0,
        Err(Error::Status { status: 301, .. })
    ));
}

#[test]
fn a_request_may_be_a_put_a_post_and_wait_for_what_is_not_there_yet() {
    let server = Server::new(|asked, number| match number {
        1 => answer(404, ""),
        _ => answer(200, format!("{} {}", asked.line, String::from_utf8_lossy(&asked.body))),
    });
    let client = Client::new(quick()).unwrap();
    for (verb, expected) in [(Verb::Put, "PUT / "), (Verb::Post(b"body".to_vec()), "POST / body")] {
        let mut bytes = Vec::new();
        let resource = Resource::at(server.url("/"));
        client
            .send(&Request { resource: &resource, verb, retry_on: &[404] }, &mut bytes, &mut |_| ())
            .unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}

#[test]
fn servers_that_misbehave_cost_the_time_that_there_is() {
    let long = Duration::from_secs(20);
    let cases: Vec<(&str, Reply, &str)> = vec![
        ("says nothing", Reply::Hang(Vec::new(), long), "no response in time"),
        ("stops in the head", Reply::Hang(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), long), "no response in time"),
        ("hangs up", Reply::Raw(Vec::new()), ""),
        (
            "talks of something else",
            Reply::Raw(b"220 mail ESMTP\r\n\r\n".to_vec()),
            "what the server answered is not HTTP",
        ),
        (
            "stops in the body",
            Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nX".to_vec(), long),
            "",
        ),
        ("sends headers for ever", Reply::Endless(b"HTTP/1.1 200 OK\r\nx: y\r\n".to_vec()), ""),
        (
            "lies of its length",
            Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n".to_vec()),
            "",
        ),
        (
            "has bad chunks",
            Reply::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec()),
            "",
        ),
    ];
    std::thread::scope(|scope| {
        for (name, reply, words) in cases {
            scope.spawn(move || {
                let server = Server::new(move |_, _| reply.clone());
                let started = Instant::now();
                let (result, retries) = fetch(impatient(), &Resource::at(server.url("/")));
                assert!(started.elapsed() < Duration::from_secs(5), "{name}: {:?}", started.elapsed());
                let error = result.unwrap_err().to_string();
                assert!(error.contains("not fetched within 2 s"), "{name}: {error}");
                assert!(error.contains(words), "{name}: {error}");
                assert!(retries.iter().all(|retry| !retry.cause.is_empty()), "{name}: {retries:?}");
            });
        }
    });
}

#[test]
fn what_is_too_large_is_not_taken() {
    let options = Options { limit: Some(1000), ..quick() };
    let server = Server::new(|asked, _| match asked.path() {
        "/zip" => answer(200, gzip(&vec![0; 1_000_000])),
        "/endless" => Reply::Endless([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 4096]].concat()),
        _ => answer(200, vec![b'x'; 1000]),
    });
    assert_eq!(fetch(options.clone(), &Resource::at(server.url("/fits"))).0.unwrap().len(), 1000);
    let zip = Resource { compression: Some("gzip".to_owned()), ..Resource::at(server.url("/zip")) };
    for resource in [zip, Resource::at(server.url("/endless"))] {
        assert!(matches!(fetch(options.clone(), &resource).0, Err(Error::TooLarge { limit: 1000, .. })));
    }
}

#[test]
fn nobody_there_is_tried_again_and_the_cause_is_told() {
    let (result, retries) = fetch(impatient(), &Resource::at("http://127.0.0.1:1/a"));
    assert!(result.unwrap_err().to_string().contains("Connection refused"));
    assert!(retries[0].cause.contains("Connection refused"));
    assert!(retries.windows(2).all(|pair| pair[0].pause < pair[1].pause));
    // How soon a name server says so is its own affair.
    let options = Options { total_timeout: Some(Duration::from_secs(10)), ..impatient() };
    let (_, retries) = fetch(options, &Resource::at("http://nobody.invalid/a"));
    assert!(retries[0].cause.contains("lookup"), "{retries:?}");
}

#[test]
fn no_source_is_nothing() {
    assert_eq!(fetch(quick(), &Resource::at("")).0.unwrap(), b"");
}

#[test]
fn sources_that_cannot_be_fetched_are_refused_by_name() {
    for (source, words) in [
        ("s3://bucket/key", "s3: is not a kind of source"),
        ("gs://bucket/key", "gs: is not a kind of source"),
        ("arn:aws:s3:::b/k", "arn: is not a kind of source"),
        ("ftp://host/file", "ftp: is not a kind of source"),
        ("/etc/passwd", "it has no scheme"),
        ("http:///file", "it has no host"),
        ("data:,%", "two hexadecimal digits"),
    ] {
        let error = fetch(quick(), &Resource::at(source)).0.unwrap_err();
        assert!(error.to_string().contains(words), "{source}: {error}");
        assert!(!error.advice().is_empty());
    }
    let resource = Resource { compression: Some("xz".to_owned()), ..Resource::at("data:,a") };
    assert!(fetch(quick(), &resource).0.unwrap_err().to_string().contains("\"xz\""));
    let resource = Resource { verification: Some("md5-00".to_owned()), ..Resource::at("data:,a") };
    assert!(fetch(quick(), &resource).0.unwrap_err().to_string().contains("\"md5\""));
    let resource =
        Resource { headers: vec![("a b".to_owned(), "c".to_owned())], ..Resource::at("http://127.0.0.1/") };
    assert!(matches!(fetch(quick(), &resource).0, Err(Error::Source { .. })));
}

#[test]
fn plain_http_through_a_proxy_names_the_whole_url() {
    let proxy = Server::new(|_, _| answer(200, "by proxy"));
    let proxies = Proxies {
        http: Some(format!("http://me:pw@{}", proxy.address)),
        no_proxy: vec!["direct.example".to_owned()],
        ..Proxies::default()
    };
    let options = Options { proxies, ..quick() };
    let resource = Resource::at("http://any.example:8080/a?b");
    assert_eq!(fetch(options.clone(), &resource).0.unwrap(), b"by proxy");
    assert_eq!(proxy.asked()[0].line, "GET http://any.example:8080/a?b");
    assert_eq!(proxy.asked()[0].header("host"), Some("any.example:8080"));
    assert_eq!(proxy.asked()[0].header("proxy-authorization"), Some("Basic bWU6cHc="));
    let options = Options { proxies: options.proxies, ..impatient() };
    assert!(fetch(options, &Resource::at("http://direct.example/")).0.is_err());
    assert_eq!(proxy.asked().len(), 1, "what no_proxy names is not asked through it");
}

#[test]
fn https_through_a_proxy_is_a_tunnel() {
    let proxy = Server::new(|_, _| answer(407, "who are you"));
    let proxies = Proxies { https: Some(proxy.address.to_string()), ..Proxies::default() };
    let (result, retries) = fetch(Options { proxies, ..impatient() }, &Resource::at("https://any.example/a"));
    assert!(result.is_err());
    assert_eq!(proxy.asked()[0].line, "CONNECT any.example:443");
    assert!(retries[0].cause.contains("407") || retries[0].cause.contains("proxy"), "{retries:?}");
}

/// A server by https, and the authority that vouches for it.
fn secure(reply: impl Fn(&server::Asked, usize) -> Reply + Send + Sync + 'static) -> (Server, String) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let pem = authority.pem();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let config = Arc::new(config);
    let server = Server::wrapped(
        move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            Some(rustls::StreamOwned::new(connection, stream))
        },
        reply,
    );
    (server, pem)
}

#[test]
fn certificates_are_checked_against_the_configs_authorities() {
    let (server, pem) = secure(|_, _| answer(200, "hello"));
    let resource = Resource::at(format!("https://{}/", server.address));
    let trusting = Options { cas: vec![pem.clone().into_bytes()], ..quick() };
    assert_eq!(fetch(trusting, &resource).0.unwrap(), b"hello");
    // The system's bundle is read from its file.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let system = Options { ca_files: vec!["/nowhere".into(), file.path().to_owned()], ..quick() };
    assert_eq!(fetch(system, &resource).0.unwrap(), b"hello");
    let options = Options { response_timeout: quick().response_timeout, ..impatient() };
    let (result, retries) = fetch(options, &resource);
    assert!(result.is_err());
    assert!(retries[0].cause.contains("certificate"), "{retries:?}");
}

#[test]
fn from_https_to_http_leads_no_redirect_where_that_is_forbidden() {
    let plain = Server::new(|_, _| answer(200, "hello"));
    let elsewhere = plain.url("/a");
    let (server, pem) = secure(move |_, _| with_headers(302, &[("location", &elsewhere)], ""));
    let resource = Resource::at(format!("https://{}/", server.address));
    let options = Options { cas: vec![pem.into_bytes()], ..quick() };
    assert_eq!(fetch(options.clone(), &resource).0.unwrap(), b"hello");
    let error = fetch(Options { stays_secure: true, ..options }, &resource).0.unwrap_err();
    assert!(error.to_string().contains("a redirect from https: to"), "{error}");
    assert_eq!(plain.asked().len(), 1, "the second one was not followed");
}

#[test]
fn authorities_that_are_none_are_refused() {
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = Client::new(Options { cas: vec![pem.as_bytes().to_vec()], ..quick() }).err().unwrap();
        assert!(error.to_string().contains("$.ignition.security.tls.certificateAuthorities.0"), "{error}");
    }
}
