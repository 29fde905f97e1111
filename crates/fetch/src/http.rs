//! One attempt by HTTP: a request, and the redirects that follow.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use ureq::http::{self, Method};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Timeout};

use crate::forward::{AbsoluteForm, ProxyResolver};
use crate::intake::Fault;
use crate::url::Url;
use crate::{Error, Options, Request, Verb, shown};

/// More redirects than these nobody means; the reference's number.
const MOST_REDIRECTS: usize = 10;
/// How long a connection may take, and a request to be taken.
const CONNECT: Duration = Duration::from_secs(30);
/// How long a body may stand still.
const STALL: Duration = Duration::from_secs(60);
/// What Ignition's servers are told to choose by.
const ACCEPT: &str = "application/vnd.coreos.ignition+json;version=3.6.0, */*;q=0.1";
const USER_AGENT: &str = concat!("Ignition/2.24 Berth/", env!("CARGO_PKG_VERSION"));

/// What asks, kept for the connections that it keeps.
pub(crate) struct Http {
    /// By whether it is for https, and the proxy.
    agents: Mutex<HashMap<(bool, Option<String>), Agent>>,
}

/// Gives the certificate authorities, which are read only where they are needed.
pub(crate) type Roots<'a> = dyn Fn() -> Result<&'a [Certificate<'static>], Error> + 'a;

impl Http {
    pub(crate) fn new() -> Self {
        Self { agents: Mutex::default() }
    }
}

/// Asks for what `request` names; the answer, when the server gives it.
pub(crate) fn attempt(
    http: &Http,
    options: &Options,
    roots: &Roots<'_>,
    request: &Request<'_>,
    deadline: Option<Instant>,
) -> Result<http::Response<ureq::Body>, Fault> {
    let source = &request.resource.source;
    let bad_source = |why| Error::Source { source_text: shown(source), why };
    let mut url = Url::parse(source).map_err(bad_source)?;
    let is_secure = url.scheme == "https";
    let mut verb = request.verb.clone();
    let mut headers = Some(request.resource.headers.as_slice());
    let range = request.resource.range.as_ref();
    for _ in 0..=MOST_REDIRECTS {
        let built = build(&url, &verb, headers, range).map_err(bad_source)?;
        let agent = http.agent(options, roots, &url)?;
        let response = run(&agent, built, &verb, deadline).map_err(|fault| classify(fault, source))?;
        let status = response.status();
        let location = response.headers().get(http::header::LOCATION);
        match (status.as_u16(), location) {
            (200 | 204, _) => return Ok(response),
            (206, _) if request.resource.range.is_some() => return Ok(response),
            (code @ (301 | 302 | 303 | 307 | 308), Some(location)) => {
                let bad = |why| Error::Redirect { source_text: shown(source), why };
                let location =
                    location.to_str().map_err(|_| bad("a redirect to what is no URL".to_owned()))?;
                url = url
                    .join(location)
                    .map_err(|why| bad(format!("a redirect to {}: {why}", shown(location))))?;
                if options.stays_secure && is_secure && url.scheme != "https" {
                    return Err(bad(format!("a redirect from https: to {}", shown(location))).into());
                }
                // Headers may hold what is for one server only.
                headers = None;
                if code < 307 {
                    verb = Verb::Get;
                }
            }
            (code, _) if code >= 500 || request.retry_on.contains(&code) => {
                return Err(Fault::Passing(format!("the server answered {status}")));
            }
            (status, _) => return Err(Error::Status { source_text: shown(source), status }.into()),
        }
    }
    let why = format!("more than {MOST_REDIRECTS} redirects");
    Err(Error::Redirect { source_text: shown(source), why }.into())
}

fn build(
    url: &Url,
    verb: &Verb,
    headers: Option<&[(String, String)]>,
    range: Option<&Range<u64>>,
) -> Result<http::Request<Vec<u8>>, String> {
    let (method, body) = match verb {
        Verb::Get => (Method::GET, Vec::new()),
        Verb::Put => (Method::PUT, Vec::new()),
        Verb::Post(body) => (Method::POST, body.clone()),
    };
    let mut request = http::Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = url.plain().parse().map_err(|fault| format!("{fault}"))?;
    let mut set = |name: &str, value: &str| {
        let name =
            http::HeaderName::try_from(name).map_err(|_| format!("{name:?} is no name of a header"))?;
        let value = http::HeaderValue::try_from(value)
            .map_err(|_| format!("header {name}: its value cannot be sent"))?;
        request.headers_mut().insert(name, value);
        Ok::<_, String>(())
    };
    set("user-agent", USER_AGENT)?;
    if let Some(range) = range {
        set("range", &format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))?;
    }
    if let Some(user) = &url.user {
        set("authorization", &basic(user))?;
    }
    if let Some(headers) = headers {
        set("accept", ACCEPT)?;
        set("accept-encoding", "identity")?;
        headers.iter().try_for_each(|(name, value)| set(name, value))?;
    }
    Ok(request)
}

/// `Authorization: Basic` for the `user:password` of a URL.
pub(crate) fn basic(user: &str) -> String {
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(user).collect();
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn run(
    agent: &Agent,
    request: http::Request<Vec<u8>>,
    verb: &Verb,
    deadline: Option<Instant>,
) -> Result<http::Response<ureq::Body>, ureq::Error> {
    let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    if matches!(verb, Verb::Get) {
        agent.run(agent.configure_request(request.map(drop)).timeout_global(remaining).build())
    } else {
        agent.run(agent.configure_request(request).timeout_global(remaining).build())
    }
}

impl Http {
    /// What asks for a URL: directly, or through the proxy that it has.
    fn agent(&self, options: &Options, roots: &Roots<'_>, url: &Url) -> Result<Agent, Error> {
        let is_https = url.scheme == "https";
        // As the environment's http_proxy, a config's may lack the scheme.
        let proxy = options
            .proxies
            .of(url)
            .map(|proxy| if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") });
        let key = (is_https, proxy);
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(if is_https { roots()? } else { &[] }))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(tls)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_send_request(Some(CONNECT))
            .timeout_send_body(Some(CONNECT))
            .timeout_recv_response(options.response_timeout)
            .timeout_per_read(Some(STALL));
        let agent = match &key.1 {
            None => config.build().new_agent(),
            Some(proxy) => {
                let bad = |why| Error::Proxy { proxy: shown(proxy), why };
                let place = Url::parse(proxy).map_err(bad)?;
                match (place.scheme.as_str(), is_https) {
                    // Proxies let plain HTTP through by its absolute form; many refuse to connect to port 80.
                    ("http", false) => {
                        let form = AbsoluteForm::new(url, place.user.as_deref().map(basic));
                        let chain = ().chain(TcpConnector::default()).chain(form);
                        // It names the URL's host, so it is for no other.
                        return Ok(Agent::with_parts(config.build(), chain, ProxyResolver::new(&place)));
                    }
                    ("http" | "https", _) => {
                        let proxy = ureq::Proxy::new(proxy).map_err(|fault| bad(fault.to_string()))?;
                        config.proxy(Some(proxy)).build().new_agent()
                    }
                    (scheme, _) => {
                        return Err(bad(format!(
                            "{scheme}: is no kind of proxy that Berth asks: http and https are"
                        )));
                    }
                }
            }
        };
        Ok(agents.entry(key).or_insert(agent).clone())
    }
}

/// A fault in words, and whether another attempt may do better: all of the network may.
fn classify(fault: ureq::Error, source: &str) -> Fault {
    Fault::Passing(match fault {
        ureq::Error::BadUri(why) => return Error::Source { source_text: shown(source), why }.into(),
        ureq::Error::HostNotFound => "the name has no address".to_owned(),
        ureq::Error::Timeout(Timeout::Resolve) => "the name server did not answer in time".to_owned(),
        ureq::Error::Timeout(Timeout::Connect) => "no connection in time".to_owned(),
        ureq::Error::Timeout(Timeout::RecvResponse) => "no response in time".to_owned(),
        ureq::Error::Timeout(Timeout::Global) => "the time for all attempts is over".to_owned(),
        ureq::Error::Protocol(fault) => format!("what the server answered is not HTTP: {fault}"),
        ureq::Error::Io(fault) => fault.to_string(),
        other => other.to_string(),
    })
}
