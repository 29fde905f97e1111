//! What tells the entries of a list apart: no two of one config have the same key, and merging goes by it.

use crate::config;
use std::borrow::Cow;

pub trait Keyed {
    fn key(&self) -> Cow<'_, str>;
}

/// Types whose key is one of their fields.
macro_rules! by_field {
    ($($type:ident: $field:ident),* $(,)?) => {
        $(impl Keyed for config::$type {
            fn key(&self) -> Cow<'_, str> {
                Cow::Borrowed(&self.$field)
            }
        })*
    };
}

by_field! {
    Directory: path,
    Disk: device,
    Dropin: name,
    File: path,
    Filesystem: device,
    Group: name,
    HttpHeadersItem: name,
    Link: path,
    Luks: name,
    Raid: name,
    Unit: name,
    User: name,
}

impl Keyed for String {
    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl Keyed for config::Resource {
    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.source.as_deref().unwrap_or_default())
    }
}

impl Keyed for config::Tang {
    fn key(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.url.as_deref().unwrap_or_default())
    }
}

/// The number, or where it has none, the label.
impl Keyed for config::Partition {
    fn key(&self) -> Cow<'_, str> {
        match (self.number, &self.label) {
            (None | Some(0), None) => Cow::Borrowed(""),
            (None | Some(0), Some(label)) => Cow::Owned(format!("label:{label}")),
            (Some(number), _) => Cow::Owned(format!("number:{number}")),
        }
    }
}
