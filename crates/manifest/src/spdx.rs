//! The bill of materials, as SPDX 2.3 JSON (specification chapters 6, 7 and 11).

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::model::{Component, Manifest, to_json};

const NO_ASSERTION: &str = "NOASSERTION";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
/// What the names of licences begin with that are not on SPDX's list (annex D).
const LICENCE_REF: &str = "LicenseRef-";
const IMAGE: &str = "SPDXRef-image";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    packages: Vec<Package>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_extracted_licensing_infos: Vec<OtherLicence>,
    relationships: Vec<Relationship>,
}

/// A licence that is not on SPDX's list (chapter 10).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OtherLicence {
    license_id: String,
    name: String,
    extracted_text: String,
}

#[derive(Serialize)]
struct CreationInfo {
    created: String,
    creators: [String; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: String,
    #[serde(rename = "SPDXID")]
    id: String,
    version_info: String,
    download_location: &'static str,
    files_analyzed: bool,
    license_concluded: &'static str,
    license_declared: String,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_info: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: &'static str,
    relationship_type: &'static str,
    related_spdx_element: String,
}

/// The document: the image, and each component that it holds. The same manifest gives the same
/// text; its time is the manifest's SOURCE_DATE_EPOCH.
pub fn document(manifest: &Manifest) -> String {
    let mut components = manifest.components.clone();
    components.sort();

    let image = Package {
        source_info: None,
        external_refs: vec![],
        ..package(
            IMAGE.to_owned(),
            &Component {
                name: manifest.product.clone(),
                version: manifest.version.to_string(),
                licence: String::new(),
                source: String::new(),
            },
        )
    };
    let packages: Vec<Package> = std::iter::once(image)
        .chain(components.iter().enumerate().map(|(i, component)| {
            package(format!("SPDXRef-{}-{}", i + 1, id_part(&component.name)), component)
        }))
        .collect();

    let others: BTreeMap<&str, &str> = components
        .iter()
        .flat_map(|component| other_licences(&component.licence).map(|id| (id, component.name.as_str())))
        .collect();
    let others = others.into_iter().map(|(id, package)| OtherLicence {
        license_id: id.to_owned(),
        name: id.rsplit_once(LICENCE_REF).map_or(id, |(_, name)| name).to_owned(),
        extracted_text: format!("Its text is in the copyright file of the package {package}."),
    });

    let describes = Relationship {
        spdx_element_id: DOCUMENT,
        relationship_type: "DESCRIBES",
        related_spdx_element: IMAGE.to_owned(),
    };
    let contains = packages[1..].iter().map(|p| Relationship {
        spdx_element_id: IMAGE,
        relationship_type: "CONTAINS",
        related_spdx_element: p.id.clone(),
    });
    let relationships = std::iter::once(describes).chain(contains).collect();

    let name = format!("{}-{}", manifest.product, manifest.version);
    to_json(&Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        document_namespace: format!("urn:berth:spdx:{name}:{}", manifest.usr.root_hash),
        name,
        creation_info: CreationInfo {
            created: utc(manifest.source_date_epoch),
            creators: ["Tool: berth-xtask".to_owned()],
        },
        has_extracted_licensing_infos: others.collect(),
        packages,
        relationships,
    })
}

fn package(id: String, component: &Component) -> Package {
    let purl = component.source.starts_with("pkg:");
    Package {
        name: component.name.clone(),
        id,
        version_info: component.version.clone(),
        download_location: NO_ASSERTION,
        files_analyzed: false,
        license_concluded: NO_ASSERTION,
        license_declared: match component.licence.as_str() {
            "" => NO_ASSERTION.to_owned(),
            licence => licence.to_owned(),
        },
        copyright_text: NO_ASSERTION,
        source_info: (!purl && !component.source.is_empty()).then(|| component.source.clone()),
        external_refs: purl
            .then(|| ExternalRef {
                reference_category: "PACKAGE-MANAGER",
                reference_type: "purl",
                reference_locator: component.source.clone(),
            })
            .into_iter()
            .collect(),
    }
}

/// What an expression names that is not on SPDX's list.
fn other_licences(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
        .filter(|word| word.starts_with(LICENCE_REF))
}

/// A name with only the characters that an SPDX identifier may have.
fn id_part(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || c == '.' => c,
            _ => '-',
        })
        .collect()
}

/// Seconds since 1970 as `2026-11-24T18:00:00Z`. A time past the year 9999 is written as 1970.
pub fn utc(epoch: u64) -> String {
    let time = i64::try_from(epoch)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (epoch, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_795_543_445, "2026-11-24T18:04:05Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (u64::MAX, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(utc(epoch), text);
        }
    }
}
