//! What a config's resources name, fetched.

use ignition::config::Resource;

/// A resource as it is fetched.
pub fn resource(of: &Resource) -> fetch::Resource {
    let headers = of.http_headers.iter().flatten();
    let said = |text: Option<&String>| text.filter(|text| !text.is_empty()).cloned();
    fetch::Resource {
        source: of.source.clone().unwrap_or_default(),
        headers: headers.map(|item| (item.name.clone(), item.value.clone().unwrap_or_default())).collect(),
        compression: said(of.compression.as_ref()),
        verification: said(of.verification.as_ref().and_then(|verification| verification.hash.as_ref())),
        range: None,
    }
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
            range: None,
        };
        assert_eq!(resource(&of), expected);
    }
}
