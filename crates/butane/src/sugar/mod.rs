//! What Butane has and Ignition has not, taken out and put into Ignition's words.

mod local;
mod mode;
mod mount;
mod resource;
mod tree;

use serde_json::{Map, Value as Json};

use crate::berth;
use crate::read::{Path, Reader};
use crate::schema::Sugar;

type Object = Map<String, Json>;

/// Takes the sugar out of an object that was just read. What concerns more than the object stays
/// in it for [`finish`].
pub(crate) fn take_out(reader: &mut Reader<'_>, sugar: Sugar, object: &mut Object, path: &Path) {
    match sugar {
        Sugar::None => {}
        Sugar::Resource => resource::take_out(reader, object, path),
        Sugar::File => mode::check(reader, object, path, false),
        Sugar::Directory => mode::check(reader, object, path, true),
        // Number 0 is what no number is.
        Sugar::Partition => {
            if object.get("number").and_then(Json::as_i64) == Some(0) {
                object.remove("number");
            }
        }
        Sugar::Filesystem => mount::check(reader, object, path),
        Sugar::Tree => tree::check(reader, object, path),
        Sugar::User => local::keys(reader, object, path),
        Sugar::Unit | Sugar::Dropin => local::contents(reader, object, path),
    }
}

/// Takes out of the whole config what is left of sugar in it.
pub(crate) fn finish(reader: &mut Reader<'_>, config: &mut Object) {
    berth::check(reader, config);
    mount::add_units(reader, config);
    tree::add_nodes(reader, config);
    for key in ["variant", "version", "bootDevice", "grub"] {
        config.remove(key);
    }
    config.retain(|_, section| section.as_object().is_none_or(|section| !section.is_empty()));
    section(config, "ignition").insert("version".to_owned(), Json::from(reader.format.ignition));
}

/// The section `name`, made where there is none.
fn section<'c>(config: &'c mut Object, name: &str) -> &'c mut Object {
    let section = config.entry(name).or_insert_with(|| Json::Object(Object::new()));
    if !section.is_object() {
        *section = Json::Object(Object::new());
    }
    match section {
        Json::Object(section) => section,
        _ => unreachable!("it was made an object above"),
    }
}

/// The list `name` of a section, made where there is none.
fn list<'s>(section: &'s mut Object, name: &str) -> &'s mut Vec<Json> {
    let list = section.entry(name).or_insert_with(|| Json::Array(vec![]));
    if !list.is_array() {
        *list = Json::Array(vec![]);
    }
    match list {
        Json::Array(list) => list,
        _ => unreachable!("it was made an array above"),
    }
}

/// The items of the list `name` of the section `section`.
pub(crate) fn items<'c>(config: &'c Object, section: &str, name: &str) -> &'c [Json] {
    config
        .get(section)
        .and_then(|section| section.get(name))
        .and_then(Json::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The text of a key, if it has one that is not empty.
pub(crate) fn text<'o>(object: &'o Json, name: &str) -> Option<&'o str> {
    object.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
}

/// Whether a flag is set.
pub(crate) fn is_set(object: &Json, name: &str) -> bool {
    object.get(name).and_then(Json::as_bool) == Some(true)
}
