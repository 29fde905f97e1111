//! What `images/components/NAME/component.yaml` says; its schema is in the README there. Pure.

use serde::Deserialize;

/// One component: a Go module, and the files of the image that are built from it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The folder's name.
    pub name: String,
    /// The version of `source`, without the `v`.
    pub version: String,
    /// SPDX expression of the component itself.
    pub licence: String,
    /// Where its documentation is.
    pub homepage: String,
    /// Module path.
    pub source: String,
    /// Build tags of all its binaries.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Words for `-ldflags`; `{version}` stands for the version.
    #[serde(default)]
    pub ldflags: Vec<String>,
    /// How the linker lays the binary out.
    #[serde(default)]
    pub buildmode: BuildMode,
    /// Present where C is compiled in.
    pub cgo: Option<Cgo>,
    /// The files.
    pub binaries: Vec<Binary>,
}

/// Go's `-buildmode`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum BuildMode {
    /// At a fixed address.
    #[default]
    Exe,
    /// At any address.
    Pie,
}

/// What a binary with C in it is linked with.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Cgo {
    /// Libraries that the binary then holds parts of.
    pub static_libraries: Vec<StaticLibrary>,
}

/// A static library of Debian's.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct StaticLibrary {
    /// Debian package that the archive is in.
    pub package: String,
    /// SPDX expression.
    pub licence: String,
}

/// One file, of one program or several.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// The first is the file, the others are links to it.
    pub programs: Vec<Program>,
    /// Build tags besides the component's.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// One program.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Where it is in the image.
    pub path: String,
    /// Its Go main package.
    pub package: String,
}

impl Program {
    /// The name that it is called by.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}
