//! YAML that platforms give, as values. The reader bounds how deep and how often a document may refer to itself.

use serde_json::Value;

use crate::{Error, Result};

/// The most bytes of a document. Real ones have some thousand, and what the reader takes grows with the square where
/// someone means it to.
const MOST: usize = 64 << 10;

pub(crate) fn parse(place: &str, bytes: &[u8]) -> Result<Value> {
    if bytes.len() > MOST {
        return Err(Error::garbage(place, format!("it is larger than {MOST} bytes")));
    }
    let bad = |fault: &dyn std::fmt::Display| {
        Error::garbage(place, format!("it is not the YAML it should be: {fault}"))
    };
    let text = std::str::from_utf8(bytes).map_err(|fault| bad(&fault))?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_yaml::from_str(text).map_err(|fault| bad(&fault))
}

/// A scalar as text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The texts of a list, or the lines of a text.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        Value::String(lines) => lines.lines().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Addresses, without their prefix lengths, of the first interface of a network config of version 1.
pub(crate) fn first_addresses(network: &Value) -> Vec<std::net::IpAddr> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let physical = list(&network["config"]).into_iter().find(|entry| entry["type"] == "physical");
    let subnets = physical.map(|entry| list(&entry["subnets"])).unwrap_or_default();
    let addresses = subnets.iter().filter_map(|subnet| text(&subnet["address"]));
    addresses.filter_map(|address| address.split('/').next()?.parse().ok()).collect()
}
