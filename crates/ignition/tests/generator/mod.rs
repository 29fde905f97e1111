//! Makes configs that are nearly right: each key has values that its rules are about, and now and then a value is of
//! another kind, a key is unknown or in other case, or the text is broken.

use serde_json::{Map, Value, json};

pub struct Generator(u64);

type Rule = fn(&mut Generator) -> Value;

const PATHS: &[&str] = &[
    "/a",
    "/a/b",
    "/a/b/c",
    "/b",
    "/c",
    "/etc/systemd/system/a.service",
    "/etc/systemd/system/a.service.d/x.conf",
    "",
    "a",
    "/a/",
    "/a/../b",
    "//a",
    "/",
    "/é",
    "/dev/a",
    "/dev/b",
];
const URLS: &[&str] = &[
    "http://h/a",
    "https://h:443/a?b#c",
    "HTTPS://h",
    "tftp://h/a",
    "data:,",
    "data:,a%20b",
    "data:;base64,YQ==",
    "data:;base64,YQ",
    "data:text/plain;charset=utf-8,x",
    "data:foo/bar,x",
    "data:,a b",
    "data:x",
    "s3://b/k",
    "s3://b/k?versionId=",
    "s3://b/k?versionId=1",
    "gs://b/k",
    "arn:aws:s3:::b/k",
    "arn:aws:s3:us-west-1:123456789012:accesspoint/a/object/k",
    "arn:aws:s3:::b",
    "arn:aws:iam:::b/k",
    "arn:aws:s3:us-west-1:123456789012:accesspoint/a",
    "arn:aws:s3",
    "ftp://h/a",
    "file:///a",
    "h/a",
    "/a",
    "http://h/%zz",
    "http://h:x/",
    "http://[::1]/",
    "http://[::1",
    "http://h h/",
    "http://u:p@h/",
    "http://h:1:2/",
    "",
    "http:a",
    "://",
    "oem:///a",
    "http://%41/",
];
const WORDS: &[&str] = &["a", "b", "", "c d", "x/y", "é"];
const UNITS: &[&str] = &[
    "a.service",
    "b.service",
    "a@.service",
    "a@1.service",
    "a.socket",
    "a.timer",
    "a",
    "a.conf",
    "",
    ".service",
    "a@b@c.service",
    "x/a.service",
];
const TEXTS: &[&str] = &[
    "",
    "[Service]\nExecStart=/bin/true\n",
    "[Unit]\nA=b\n[Install]\nWantedBy=x.target\n",
    "[Install]\n",
    "[Foo",
    "[Foo] x\n",
    "[A]\nb\n",
    "[A]\nb",
    "junk\n[A]\nb=c \\\n d\n",
    "# [A\n[B]\nc=\\\n\n=x\n",
    "[A]\r\nb=c\r\n",
    "; \\\n[A\n[B]\n",
    "[A]\nB=\\\n[Install]\n",
    "\u{a0}[A]\n\u{a0}b=c",
];
const LABELS: &[&str] = &[
    "",
    "a",
    "b",
    "a:b",
    "aaaaaaaaaaa",
    "aaaaaaaaaaaa",
    "aaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "éééééééé",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
const HASHES: &[&str] = &[
    "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha512-cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    "sha256-00",
    "md5-00",
    "sha512",
    "",
    "sha256-zz",
    "-",
];
const GUIDS: &[&str] = &[
    "",
    "01234567-89AB-CDEF-EDCB-A98765432101",
    "01234567-89ab-cdef-edcb-a98765432101",
    "0",
    "01234567-89AB-CDEF-EDCB-A9876543210",
    "x",
];
const VERSIONS: &[&str] = &["3.0.0", "3.1.0", "3.2.0", "3.3.0", "3.4.0", "3.5.0", "3.5.0", "3.5.0"];

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below a bound (xorshift).
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn one<'a>(&mut self, pool: &[&'a str]) -> &'a str {
        pool[usize::try_from(self.below(pool.len() as u64)).unwrap()]
    }

    fn text(&mut self, pool: &[&str]) -> Value {
        // The first of a pool are the ones that are right.
        let pool = if self.below(3) > 0 { &pool[..pool.len().min(5)] } else { pool };
        self.one(pool).into()
    }

    fn boolean(&mut self) -> Value {
        (self.below(2) == 0).into()
    }

    /// A list of up to three.
    fn list(&mut self, rule: Rule) -> Value {
        (0..self.below(4)).map(|_| rule(self)).collect()
    }

    /// An object with some of its keys.
    fn object(&mut self, rules: &[(&str, Rule)]) -> Value {
        let mut object = Map::new();
        for (key, rule) in rules {
            let always = matches!(*key, "path" | "name" | "device" | "version" | "url") && self.below(30) > 0;
            if always || self.below(3) == 0 {
                let value = self.odd().unwrap_or_else(|| rule(self));
                object.insert((*key).to_owned(), value);
            }
        }
        if self.below(60) == 0 {
            object.insert(
                self.one(&["bogus", "x", "Storage", "Files", "PATH", "Name"]).to_owned(),
                json!([1, {"a": null}]),
            );
        }
        object.into()
    }

    /// Now and then, a value of another kind.
    fn odd(&mut self) -> Option<Value> {
        let values =
            [json!(null), json!(5), json!("x"), json!([]), json!({}), json!(true), json!(1.5), json!([null])];
        (self.below(250) == 0).then(|| values[usize::try_from(self.below(8)).unwrap()].clone())
    }

    pub fn config(&mut self) -> String {
        let config = self.object(&[
            ("ignition", |g| g.object(IGNITION)),
            ("kernelArguments", |g| {
                g.object(&[("shouldExist", |g| g.list(word)), ("shouldNotExist", |g| g.list(word))])
            }),
            ("passwd", |g| {
                g.object(&[
                    ("groups", |g| g.list(|g| g.object(GROUP))),
                    ("users", |g| g.list(|g| g.object(USER))),
                ])
            }),
            ("storage", |g| g.object(STORAGE)),
            ("systemd", |g| g.object(&[("units", |g| g.list(|g| g.object(UNIT)))])),
        ]);
        let mut config = config;
        if config.get("ignition").is_none() {
            config["ignition"] = json!({});
        }
        if config["ignition"].is_object() && config["ignition"].get("version").is_none() && self.below(30) > 0
        {
            config["ignition"]["version"] = self.one(VERSIONS).into();
        }
        let mut text = if self.below(2) == 0 { config.to_string() } else { format!("{config:#}") };
        if self.below(60) == 0 {
            let at = usize::try_from(self.below(text.len() as u64)).unwrap();
            if text.is_char_boundary(at) {
                match self.below(3) {
                    0 => text.truncate(at),
                    1 => text.insert(at, ','),
                    _ => text.insert(at, '"'),
                }
            }
        }
        text
    }
}

fn word(g: &mut Generator) -> Value {
    g.text(WORDS)
}

fn path(g: &mut Generator) -> Value {
    g.text(PATHS)
}

fn url(g: &mut Generator) -> Value {
    g.text(URLS)
}

fn label(g: &mut Generator) -> Value {
    g.text(LABELS)
}

fn yes(g: &mut Generator) -> Value {
    g.boolean()
}

fn small(g: &mut Generator) -> Value {
    json!(i64::try_from(g.below(6)).unwrap() - i64::from(g.below(20) == 0))
}

fn mode(g: &mut Generator) -> Value {
    [json!(420), json!(493), json!(0), json!(2541), json!(4095), json!(4096), json!(-1)]
        [usize::try_from(g.below(7)).unwrap()]
    .clone()
}

fn resource(g: &mut Generator) -> Value {
    g.object(&[
        ("compression", |g| g.text(&["gzip", "", "gzip", "gzip", "xz"])),
        ("httpHeaders", |g| g.list(|g| g.object(&[("name", word), ("value", word)]))),
        ("source", url),
        ("source", url),
        ("verification", |g| g.object(&[("hash", |g| g.text(HASHES))])),
    ])
}

fn resources(g: &mut Generator) -> Value {
    g.list(resource)
}

fn words(g: &mut Generator) -> Value {
    g.list(word)
}

fn owner(g: &mut Generator) -> Value {
    g.object(&[("id", small), ("name", word)])
}

const IGNITION: &[(&str, Rule)] = &[
    ("config", |g| g.object(&[("merge", resources), ("replace", resource)])),
    ("proxy", |g| g.object(&[("httpProxy", url), ("httpsProxy", url), ("noProxy", words)])),
    ("security", |g| g.object(&[("tls", |g| g.object(&[("certificateAuthorities", resources)]))])),
    ("timeouts", |g| g.object(&[("httpResponseHeaders", small), ("httpTotal", small)])),
    ("version", |g| g.one(VERSIONS).into()),
];
const GROUP: &[(&str, Rule)] =
    &[("gid", small), ("name", word), ("passwordHash", word), ("shouldExist", yes), ("system", yes)];
const USER: &[(&str, Rule)] = &[
    ("gecos", word),
    ("groups", words),
    ("homeDir", path),
    ("name", word),
    ("noCreateHome", yes),
    ("noLogInit", yes),
    ("noUserGroup", yes),
    ("passwordHash", word),
    ("primaryGroup", word),
    ("shell", path),
    ("shouldExist", yes),
    ("sshAuthorizedKeys", words),
    ("system", yes),
    ("uid", small),
];
const STORAGE: &[(&str, Rule)] = &[
    ("directories", |g| {
        g.list(|g| {
            g.object(&[("group", owner), ("mode", mode), ("overwrite", yes), ("path", path), ("user", owner)])
        })
    }),
    ("disks", |g| {
        g.list(|g| {
            g.object(&[
                ("device", path),
                ("partitions", |g| g.list(|g| g.object(PARTITION))),
                ("wipeTable", yes),
            ])
        })
    }),
    ("files", |g| {
        g.list(|g| {
            g.object(&[
                ("append", resources),
                ("contents", resource),
                ("group", owner),
                ("mode", mode),
                ("overwrite", yes),
                ("path", path),
                ("user", owner),
            ])
        })
    }),
    ("filesystems", |g| g.list(|g| g.object(FILESYSTEM))),
    ("links", |g| {
        g.list(|g| {
            g.object(&[
                ("group", owner),
                ("hard", yes),
                ("overwrite", yes),
                ("path", path),
                ("target", path),
                ("user", owner),
            ])
        })
    }),
    ("luks", |g| g.list(|g| g.object(LUKS))),
    ("raid", |g| {
        g.list(|g| {
            g.object(&[
                ("devices", |g| g.list(path)),
                ("level", |g| {
                    g.text(&[
                        "raid1", "linear", "0", "stripe", "10", "mirror", "raid4", "5", "raid6", "7", "",
                    ])
                }),
                ("name", word),
                ("options", words),
                ("spares", small),
            ])
        })
    }),
];
const PARTITION: &[(&str, Rule)] = &[
    ("guid", |g| g.text(GUIDS)),
    ("label", label),
    ("number", small),
    ("number", small),
    ("resize", yes),
    ("shouldExist", yes),
    ("sizeMiB", small),
    ("startMiB", small),
    ("typeGuid", |g| g.text(GUIDS)),
    ("wipePartitionEntry", yes),
];
const FILESYSTEM: &[(&str, Rule)] = &[
    ("device", path),
    ("format", |g| g.text(&["ext4", "xfs", "vfat", "swap", "btrfs", "none", "ntfs", ""])),
    ("format", |g| g.text(&["ext4", "xfs", "vfat", "swap", "btrfs", "none", "ntfs", ""])),
    ("label", label),
    ("mountOptions", words),
    ("options", words),
    ("path", path),
    ("uuid", word),
    ("wipeFilesystem", yes),
];
const LUKS: &[(&str, Rule)] = &[
    ("cex", |g| g.object(&[("enabled", yes)])),
    ("clevis", |g| {
        g.object(&[
            ("custom", |g| {
                g.object(&[
                    ("config", word),
                    ("needsNetwork", yes),
                    ("pin", |g| g.text(&["tpm2", "tang", "sss", "", "x"])),
                ])
            }),
            ("tang", |g| {
                g.list(|g| {
                    g.object(&[
                        ("advertisement", |g| g.text(&["{}", "", "x", "[1"])),
                        ("thumbprint", word),
                        ("url", url),
                    ])
                })
            }),
            ("threshold", small),
            ("tpm2", yes),
        ])
    }),
    ("device", path),
    ("discard", yes),
    ("keyFile", resource),
    ("label", label),
    ("name", word),
    ("openOptions", words),
    ("options", words),
    ("uuid", word),
    ("wipeVolume", yes),
];
const UNIT: &[(&str, Rule)] = &[
    ("contents", |g| g.text(TEXTS)),
    ("enabled", yes),
    ("mask", yes),
    ("name", |g| g.text(UNITS)),
    ("dropins", |g| {
        g.list(|g| {
            g.object(&[
                ("contents", |g| g.text(TEXTS)),
                ("name", |g| g.text(&["x.conf", "y.conf", "", "x", "x.service"])),
            ])
        })
    }),
];
