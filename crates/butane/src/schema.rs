//! The keys of a Butane config, as data: what each holds, and since which version of the format
//! it is there. All variants share them.
//!
//! Versions are counted as fcos counts its minor ones: flatcar 1.0 and 1.1 have the keys of fcos 1.4
//! and 1.5, berth 1.0 those of fcos 1.6. (Butane's documentation, configuration specifications.)

use Kind::{Flag, List, Number, Object as Of, Text};

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Flag,
    Number,
    Text,
    List(&'static Kind),
    Object(&'static Object),
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// Its name in the YAML; in the JSON it is the same in camel case.
    pub name: &'static str,
    pub kind: Kind,
    /// The first version that has it.
    pub since: u8,
    /// The first version in whose JSON it may be left out.
    pub optional: u8,
    /// Only in the variant `fcos`.
    pub fcos: bool,
}

/// What is done to an object once its keys are read: the sugar in it becomes what Ignition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sugar {
    None,
    Resource,
    File,
    Directory,
    Partition,
    Filesystem,
    Tree,
    User,
    Unit,
    Dropin,
}

/// A map with known keys.
#[derive(Debug)]
pub(crate) struct Object {
    pub fields: &'static [Field],
    pub sugar: Sugar,
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, since: 0, optional: 0, fcos: false }
}

impl Field {
    const fn since(mut self, version: u8) -> Self {
        self.since = version;
        self
    }

    /// In the JSON even where the YAML has none.
    const fn always(self) -> Self {
        self.until(u8::MAX)
    }

    const fn until(mut self, version: u8) -> Self {
        self.optional = version;
        self
    }

    const fn fcos(mut self) -> Self {
        self.fcos = true;
        self
    }
}

const fn object(fields: &'static [Field]) -> Object {
    Object { fields, sugar: Sugar::None }
}

const fn sugared(sugar: Sugar, fields: &'static [Field]) -> Object {
    Object { fields, sugar }
}

const TEXTS: Kind = List(&Text);
const RESOURCES: Kind = List(&Of(&RESOURCE));
/// What fcos 1.0 could only name, by its source.
const REFERENCES: Kind = List(&Of(&REFERENCE));

/// The whole config.
pub(crate) static CONFIG: Object = object(&[
    field("variant", Text),
    field("version", Text),
    field("ignition", Of(&IGNITION)),
    field("kernel_arguments", Of(&KERNEL_ARGUMENTS)).since(4),
    field("passwd", Of(&PASSWD)),
    field("storage", Of(&STORAGE)),
    field("systemd", Of(&SYSTEMD)),
    field("boot_device", Of(&BOOT_DEVICE)).since(3).fcos(),
    field("grub", Of(&GRUB)).since(5).fcos(),
]);

static IGNITION: Object = object(&[
    field("config", Of(&IGNITION_CONFIG)),
    field("proxy", Of(&PROXY)).since(1),
    field("security", Of(&SECURITY)),
    field("timeouts", Of(&TIMEOUTS)),
]);

static IGNITION_CONFIG: Object = object(&[field("merge", REFERENCES), field("replace", Of(&REFERENCE))]);

static PROXY: Object =
    object(&[field("http_proxy", Text), field("https_proxy", Text), field("no_proxy", TEXTS)]);

static SECURITY: Object = object(&[field("tls", Of(&TLS))]);

static TLS: Object = object(&[field("certificate_authorities", REFERENCES)]);

static TIMEOUTS: Object = object(&[field("http_response_headers", Number), field("http_total", Number)]);

static KERNEL_ARGUMENTS: Object = object(&[field("should_exist", TEXTS), field("should_not_exist", TEXTS)]);

static RESOURCE: Object = sugared(
    Sugar::Resource,
    &[
        field("compression", Text),
        field("http_headers", List(&Of(&HTTP_HEADER))).since(1),
        field("source", Text),
        field("inline", Text),
        field("local", Text).since(1),
        field("verification", Of(&VERIFICATION)),
    ],
);

static REFERENCE: Object = sugared(
    Sugar::Resource,
    &[
        field("compression", Text).since(1),
        field("http_headers", List(&Of(&HTTP_HEADER))).since(1),
        field("source", Text),
        field("inline", Text).since(1),
        field("local", Text).since(1),
        field("verification", Of(&VERIFICATION)),
    ],
);

static HTTP_HEADER: Object = object(&[field("name", Text).always(), field("value", Text)]);

static VERIFICATION: Object = object(&[field("hash", Text)]);

static PASSWD: Object = object(&[field("groups", List(&Of(&GROUP))), field("users", List(&Of(&USER)))]);

static GROUP: Object = object(&[
    field("gid", Number),
    field("name", Text).always(),
    field("password_hash", Text),
    field("should_exist", Flag).since(2),
    field("system", Flag),
]);

static USER: Object = sugared(
    Sugar::User,
    &[
        field("gecos", Text),
        field("groups", TEXTS),
        field("home_dir", Text),
        field("name", Text).always(),
        field("no_create_home", Flag),
        field("no_log_init", Flag),
        field("no_user_group", Flag),
        field("password_hash", Text),
        field("primary_group", Text),
        field("shell", Text),
        field("should_exist", Flag).since(2),
        field("ssh_authorized_keys", TEXTS),
        field("ssh_authorized_keys_local", TEXTS).since(5),
        field("system", Flag),
        field("uid", Number),
    ],
);

static STORAGE: Object = object(&[
    field("directories", List(&Of(&DIRECTORY))),
    field("disks", List(&Of(&DISK))),
    field("files", List(&Of(&FILE))),
    field("filesystems", List(&Of(&FILESYSTEM))),
    field("links", List(&Of(&LINK))),
    field("luks", List(&Of(&LUKS))).since(2),
    field("raid", List(&Of(&RAID))),
    field("trees", List(&Of(&TREE))).since(1),
]);

static DIRECTORY: Object = sugared(
    Sugar::Directory,
    &[
        field("group", Of(&OWNER)),
        field("mode", Number),
        field("overwrite", Flag),
        field("path", Text).always(),
        field("user", Of(&OWNER)),
    ],
);

static FILE: Object = sugared(
    Sugar::File,
    &[
        field("append", RESOURCES),
        field("contents", Of(&RESOURCE)),
        field("group", Of(&OWNER)),
        field("mode", Number),
        field("overwrite", Flag),
        field("path", Text).always(),
        field("user", Of(&OWNER)),
    ],
);

static LINK: Object = object(&[
    field("group", Of(&OWNER)),
    field("hard", Flag),
    field("overwrite", Flag),
    field("path", Text).always(),
    field("target", Text).until(4),
    field("user", Of(&OWNER)),
]);

static OWNER: Object = object(&[field("id", Number), field("name", Text)]);

static DISK: Object = object(&[
    field("device", Text).always(),
    field("partitions", List(&Of(&PARTITION))),
    field("wipe_table", Flag),
]);

static PARTITION: Object = sugared(
    Sugar::Partition,
    &[
        field("guid", Text),
        field("label", Text),
        field("number", Number),
        field("resize", Flag).since(2),
        field("should_exist", Flag),
        field("size_mib", Number),
        field("start_mib", Number),
        field("type_guid", Text),
        field("wipe_partition_entry", Flag),
    ],
);

static FILESYSTEM: Object = sugared(
    Sugar::Filesystem,
    &[
        field("device", Text).always(),
        field("format", Text),
        field("label", Text),
        field("mount_options", TEXTS).since(1),
        field("options", TEXTS),
        field("path", Text),
        field("uuid", Text),
        field("wipe_filesystem", Flag),
        field("with_mount_unit", Flag).since(1),
    ],
);

static RAID: Object = object(&[
    field("devices", TEXTS),
    field("level", Text).until(4),
    field("name", Text).always(),
    field("options", TEXTS),
    field("spares", Number),
]);

static LUKS: Object = object(&[
    field("cex", Of(&CEX)).since(6),
    field("clevis", Of(&CLEVIS)),
    field("device", Text),
    field("discard", Flag).since(5),
    field("key_file", Of(&RESOURCE)),
    field("label", Text),
    field("name", Text).always(),
    field("open_options", TEXTS).since(5),
    field("options", TEXTS),
    field("uuid", Text),
    field("wipe_volume", Flag),
]);

static CEX: Object = object(&[field("enabled", Flag)]);

static CLEVIS: Object = object(&[
    field("custom", Of(&CLEVIS_CUSTOM)),
    field("tang", List(&Of(&TANG))),
    field("threshold", Number),
    field("tpm2", Flag),
]);

static CLEVIS_CUSTOM: Object =
    object(&[field("config", Text).until(4), field("needs_network", Flag), field("pin", Text).until(4)]);

static TANG: Object =
    object(&[field("advertisement", Text).since(5), field("thumbprint", Text), field("url", Text)]);

static TREE: Object = sugared(Sugar::Tree, &[field("local", Text), field("path", Text)]);

static SYSTEMD: Object = object(&[field("units", List(&Of(&UNIT)))]);

static UNIT: Object = sugared(
    Sugar::Unit,
    &[
        field("contents", Text),
        field("contents_local", Text).since(5),
        field("dropins", List(&Of(&DROPIN))),
        field("enabled", Flag),
        field("mask", Flag),
        field("name", Text).always(),
    ],
);

static DROPIN: Object = sugared(
    Sugar::Dropin,
    &[field("contents", Text), field("contents_local", Text).since(5), field("name", Text).always()],
);

static BOOT_DEVICE: Object = object(&[
    field("layout", Text),
    field("luks", Of(&BOOT_DEVICE_LUKS)),
    field("mirror", Of(&BOOT_DEVICE_MIRROR)),
]);

static BOOT_DEVICE_LUKS: Object = object(&[
    field("cex", Of(&CEX)).since(6),
    field("device", Text).since(6),
    field("discard", Flag).since(5),
    field("tang", List(&Of(&TANG))),
    field("threshold", Number),
    field("tpm2", Flag),
]);

static BOOT_DEVICE_MIRROR: Object = object(&[field("devices", TEXTS)]);

static GRUB: Object = object(&[field("users", List(&Of(&GRUB_USER)))]);

static GRUB_USER: Object = object(&[field("name", Text), field("password_hash", Text)]);

/// A key's name in the JSON: `size_mib` is `sizeMiB`.
pub(crate) fn camel(name: &str) -> String {
    let (name, unit) = match name.strip_suffix("_mib") {
        Some(rest) => (rest, "MiB"),
        None => (name, ""),
    };
    let mut out = String::new();
    for (index, word) in name.split('_').enumerate() {
        match word.chars().next() {
            Some(first) if index > 0 => {
                out.push(first.to_ascii_uppercase());
                out.push_str(&word[first.len_utf8()..]);
            }
            _ => out.push_str(word),
        }
    }
    out + unit
}
