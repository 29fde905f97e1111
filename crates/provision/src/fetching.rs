//! What a config's resources name, fetched.

use fetch::{Client, Retry, Sink};
use ignition::config::{Config, Resource};

use crate::failure::Failure;

/// A resource as it is fetched.
pub fn resource(of: &Resource) -> fetch::Resource {
    let headers = of.http_headers.iter().flatten();
    fetch::Resource {
        source: of.source.clone().unwrap_or_default(),
        headers: headers.map(|item| (item.name.clone(), item.value.clone().unwrap_or_default())).collect(),
        compression: of.compression.clone(),
        verification: of.verification.as_ref().and_then(|verification| verification.hash.clone()),
    }
}

/// Fetches what a resource names; `on_retry` is told of each attempt that failed and is followed by another.
///
/// # Errors
/// It cannot be had. The failure's path is for the caller to fill in.
pub fn copy(
    client: &Client,
    of: &Resource,
    into: &mut dyn Sink,
    on_retry: &mut dyn FnMut(&Retry),
) -> Result<u64, Failure> {
    client
        .copy(&resource(of), into, on_retry)
        .map_err(|error| Failure::new("", error.to_string(), error.advice()))
}

/// Whether the files of a config are fetched over a network, all or some.
pub fn files_need_network(config: &Config) -> bool {
    let files = config.storage.iter().flat_map(|storage| storage.files.iter().flatten());
    let mut resources = files.flat_map(|file| file.contents.iter().chain(file.append.iter().flatten()));
    resources.any(|resource| {
        let source = resource.source.as_deref().unwrap_or_default();
        !source.is_empty() && !source.starts_with("data:")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_resource_is_fetched_as_it_says() {
        let of: Resource = serde_json::from_value(json!({
            "source": "https://a/b", "compression": "gzip", "verification": {"hash": "sha256-00"},
            "httpHeaders": [{"name": "X", "value": "y"}, {"name": "Z"}],
        }))
        .unwrap();
        let expected = fetch::Resource {
            source: "https://a/b".to_owned(),
            headers: vec![("X".to_owned(), "y".to_owned()), ("Z".to_owned(), String::new())],
            compression: Some("gzip".to_owned()),
            verification: Some("sha256-00".to_owned()),
        };
        assert_eq!(resource(&of), expected);
    }

    #[test]
    fn only_data_needs_no_network() {
        for (file, expected) in [
            (json!({"path": "/a"}), false),
            (json!({"path": "/a", "contents": {"source": "data:,x"}}), false),
            (json!({"path": "/a", "contents": {"source": ""}}), false),
            (json!({"path": "/a", "contents": {"source": "http://a"}}), true),
            (json!({"path": "/a", "append": [{"source": "data:,x"}, {"source": "tftp://a/b"}]}), true),
        ] {
            let config = json!({"ignition": {"version": "3.6.0"}, "storage": {"files": [file]}});
            let config: Config = serde_json::from_value(config).unwrap();
            assert_eq!(files_need_network(&config), expected, "{config:?}");
        }
    }
}
