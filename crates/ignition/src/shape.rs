//! What a config may hold, as data: every key, its kind, and the version that brought it. By this table values
//! are checked, unknown keys found, and older versions raised to the newest, whose types have all that theirs had.

/// What kind of value is expected.
pub enum Shape {
    Text,
    Integer,
    Boolean,
    List(&'static Shape),
    Object(&'static [Field]),
}

/// A key of an object.
pub struct Field {
    pub name: &'static str,
    pub shape: &'static Shape,
    /// The minor version (of 3.x) that brought it.
    pub since: u32,
    /// Before this minor version there is no way of saying that it is not there: the empty text stands for that.
    pub required_before: u32,
}

const fn field(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, since: 0, required_before: 0 }
}

const fn required(name: &'static str) -> Field {
    Field { name, shape: &Shape::Text, since: 0, required_before: u32::MAX }
}

const fn required_before(minor: u32, name: &'static str) -> Field {
    Field { name, shape: &Shape::Text, since: 0, required_before: minor }
}

const fn since(since: u32, name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, since, required_before: 0 }
}

const TEXT: &Shape = &Shape::Text;
const INTEGER: &Shape = &Shape::Integer;
const BOOLEAN: &Shape = &Shape::Boolean;
const TEXTS: &Shape = &Shape::List(TEXT);

/// A whole config.
pub const CONFIG: Shape = Shape::Object(&[
    field("ignition", &Shape::Object(IGNITION)),
    since(3, "kernelArguments", &Shape::Object(KERNEL_ARGUMENTS)),
    field("passwd", &Shape::Object(PASSWD)),
    field("storage", &Shape::Object(STORAGE)),
    field("systemd", &Shape::Object(SYSTEMD)),
]);

const IGNITION: &[Field] = &[
    field(
        "config",
        &Shape::Object(&[
            field("merge", &Shape::List(&Shape::Object(RESOURCE))),
            field("replace", &Shape::Object(RESOURCE)),
        ]),
    ),
    since(
        1,
        "proxy",
        &Shape::Object(&[field("httpProxy", TEXT), field("httpsProxy", TEXT), field("noProxy", TEXTS)]),
    ),
    field(
        "security",
        &Shape::Object(&[field(
            "tls",
            &Shape::Object(&[field("certificateAuthorities", &Shape::List(&Shape::Object(RESOURCE)))]),
        )]),
    ),
    field("timeouts", &Shape::Object(&[field("httpResponseHeaders", INTEGER), field("httpTotal", INTEGER)])),
    required("version"),
];

/// What configs and certificates come from.
const RESOURCE: &[Field] = &[
    since(1, "compression", TEXT),
    since(1, "httpHeaders", HEADERS),
    field("source", TEXT),
    field("verification", VERIFICATION),
];

/// What a file's contents come from.
const CONTENTS: &[Field] = &[
    field("compression", TEXT),
    since(1, "httpHeaders", HEADERS),
    field("source", TEXT),
    field("verification", VERIFICATION),
];

const HEADERS: &Shape = &Shape::List(&Shape::Object(&[required("name"), field("value", TEXT)]));
const VERIFICATION: &Shape = &Shape::Object(&[field("hash", TEXT)]);

const KERNEL_ARGUMENTS: &[Field] = &[field("shouldExist", TEXTS), field("shouldNotExist", TEXTS)];

const PASSWD: &[Field] = &[
    field(
        "groups",
        &Shape::List(&Shape::Object(&[
            field("gid", INTEGER),
            required("name"),
            field("passwordHash", TEXT),
            since(2, "shouldExist", BOOLEAN),
            field("system", BOOLEAN),
        ])),
    ),
    field(
        "users",
        &Shape::List(&Shape::Object(&[
            field("gecos", TEXT),
            field("groups", TEXTS),
            field("homeDir", TEXT),
            required("name"),
            field("noCreateHome", BOOLEAN),
            field("noLogInit", BOOLEAN),
            field("noUserGroup", BOOLEAN),
            field("passwordHash", TEXT),
            field("primaryGroup", TEXT),
            field("shell", TEXT),
            since(2, "shouldExist", BOOLEAN),
            field("sshAuthorizedKeys", TEXTS),
            field("system", BOOLEAN),
            field("uid", INTEGER),
        ])),
    ),
];

const STORAGE: &[Field] = &[
    field(
        "directories",
        &Shape::List(&Shape::Object(&[
            field("group", OWNER),
            field("mode", INTEGER),
            field("overwrite", BOOLEAN),
            required("path"),
            field("user", OWNER),
        ])),
    ),
    field(
        "disks",
        &Shape::List(&Shape::Object(&[
            required("device"),
            field("partitions", &Shape::List(&Shape::Object(PARTITION))),
            field("wipeTable", BOOLEAN),
        ])),
    ),
    field(
        "files",
        &Shape::List(&Shape::Object(&[
            field("append", &Shape::List(&Shape::Object(CONTENTS))),
            field("contents", &Shape::Object(CONTENTS)),
            field("group", OWNER),
            field("mode", INTEGER),
            field("overwrite", BOOLEAN),
            required("path"),
            field("user", OWNER),
        ])),
    ),
    field(
        "filesystems",
        &Shape::List(&Shape::Object(&[
            required("device"),
            field("format", TEXT),
            field("label", TEXT),
            since(1, "mountOptions", TEXTS),
            field("options", TEXTS),
            field("path", TEXT),
            field("uuid", TEXT),
            field("wipeFilesystem", BOOLEAN),
        ])),
    ),
    field(
        "links",
        &Shape::List(&Shape::Object(&[
            field("group", OWNER),
            field("hard", BOOLEAN),
            field("overwrite", BOOLEAN),
            required("path"),
            required_before(3, "target"),
            field("user", OWNER),
        ])),
    ),
    since(2, "luks", &Shape::List(&Shape::Object(LUKS))),
    field(
        "raid",
        &Shape::List(&Shape::Object(&[
            field("devices", TEXTS),
            field("level", TEXT),
            required("name"),
            field("options", TEXTS),
            field("spares", INTEGER),
        ])),
    ),
];

const OWNER: &Shape = &Shape::Object(&[field("id", INTEGER), field("name", TEXT)]);

const PARTITION: &[Field] = &[
    field("guid", TEXT),
    field("label", TEXT),
    field("number", INTEGER),
    since(2, "resize", BOOLEAN),
    field("shouldExist", BOOLEAN),
    field("sizeMiB", INTEGER),
    field("startMiB", INTEGER),
    field("typeGuid", TEXT),
    field("wipePartitionEntry", BOOLEAN),
];

const LUKS: &[Field] = &[
    since(5, "cex", &Shape::Object(&[field("enabled", BOOLEAN)])),
    field(
        "clevis",
        &Shape::Object(&[
            field(
                "custom",
                &Shape::Object(&[field("config", TEXT), field("needsNetwork", BOOLEAN), field("pin", TEXT)]),
            ),
            field(
                "tang",
                &Shape::List(&Shape::Object(&[
                    since(4, "advertisement", TEXT),
                    field("thumbprint", TEXT),
                    field("url", TEXT),
                ])),
            ),
            field("threshold", INTEGER),
            field("tpm2", BOOLEAN),
        ]),
    ),
    field("device", TEXT),
    since(4, "discard", BOOLEAN),
    field("keyFile", &Shape::Object(RESOURCE)),
    field("label", TEXT),
    required("name"),
    since(4, "openOptions", TEXTS),
    field("options", TEXTS),
    field("uuid", TEXT),
    field("wipeVolume", BOOLEAN),
];

const SYSTEMD: &[Field] = &[field(
    "units",
    &Shape::List(&Shape::Object(&[
        field("contents", TEXT),
        field("dropins", &Shape::List(&Shape::Object(&[field("contents", TEXT), required("name")]))),
        field("enabled", BOOLEAN),
        field("mask", BOOLEAN),
        required("name"),
    ])),
)];
