//! Texts without their secrets, as far as those can be told: by the words beside them, and by the
//! forms that they have. Too much is masked rather than too little.

use std::sync::OnceLock;

use regex_lite::{Captures, Regex};

/// What stands in a secret's place.
const MASK: &str = "[masked]";

/// Parts of names of secrets. Of lines without any of them nothing is looked for by name.
const NAMES: [&str; 17] = [
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "accesskey",
    "access-key",
    "access_key",
    "privatekey",
    "private-key",
    "private_key",
    "credential",
    "psk",
    "signature",
];

/// Of a longer line the rest is left out, in bytes: looking for secrets takes time.
const LINE_MAX: usize = 4096;
/// Lines of a key that may follow its first one.
const KEY_LINES_MAX: usize = 200;

/// The patterns and what takes the place of what they find.
struct Patterns {
    /// A header of a request: all that follows.
    header: Regex,
    /// `Bearer ...`.
    scheme: Regex,
    /// `https://user:password@host`.
    user: Regex,
    /// `?sig=...` in a URL.
    query: Regex,
    /// `password=...`, `"token": "..."`.
    named: Regex,
    /// `--password ...`.
    flag: Regex,
    /// What its form gives away: tokens of services, hashes of passwords, keys of age.
    form: Regex,
}

fn patterns() -> Option<&'static Patterns> {
    static PATTERNS: OnceLock<Option<Patterns>> = OnceLock::new();
    PATTERNS.get_or_init(|| build().ok()).as_ref()
}

fn build() -> Result<Patterns, regex_lite::Error> {
    let names = NAMES.join("|");
    Ok(Patterns {
        header: Regex::new(
            r#"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]*(?:token|key|secret|auth)[a-z-]*)([\\"']*\s*[:=]\s*)(.+)"#,
        )?,
        scheme: Regex::new(r"(?i)\b(bearer|basic|digest|negotiate)\s+[a-z0-9._~+/=-]{6,}")?,
        user: Regex::new(r#"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/"'<>]+@"#)?,
        query: Regex::new(r#"([?&](?:sig|code|key|auth|pass)=)[^\s&"']+"#)?,
        named: Regex::new(&format!(
            r#"(?i)([a-z0-9_.-]*(?:{names})[a-z0-9_.-]*)([\\"']*\s*[:=]+>?\s*|\s+is\s+)(\\"[^"\\]*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;&"'\]\}})]+)"#
        ))?,
        flag: Regex::new(&format!(r"(?i)(--?[a-z0-9-]*(?:{names})[a-z0-9-]*)\s+([^\s-]\S*)"))?,
        form: Regex::new(
            r#"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|AKIA|ASIA|AIza|hvs\.|npm_|SG\.)[A-Za-z0-9_.-]{12,}|\bAGE-SECRET-KEY-1[A-Z0-9]+|\$(?:1|2[abxy]|5|6|7|y|gy|argon2[a-z]*)\$[^\s:"']{8,}|\b[a-z0-9]{6}\.[a-z0-9]{16}\b"#,
        )?,
    })
}

/// A text without its secrets.
pub fn text(text: &str) -> String {
    let Some(patterns) = patterns() else {
        return "this text is left out, since it cannot be masked\n".to_owned();
    };
    let mut out = String::with_capacity(text.len());
    // How many lines of a private key may still come.
    let mut key_lines = 0;
    for part in text.split_inclusive('\n') {
        let (line, end) = match part.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (part, ""),
        };
        if key_lines > 0 {
            key_lines = if line.contains("-----END") { 0 } else { key_lines - 1 };
            continue;
        }
        // The text begins inside a key, whose lines are those before.
        if line.contains("-----END") && line.contains("PRIVATE KEY") && !line.contains("-----BEGIN") {
            let before = out.rmatch_indices('\n').nth(KEY_LINES_MAX).map_or(0, |(at, _)| at + 1);
            out.truncate(before);
            out.push_str("[masked private key]");
            out.push_str(end);
            continue;
        }
        if line.contains("-----BEGIN") && line.contains("PRIVATE KEY") {
            out.push_str("[masked private key]");
            out.push_str(end);
            // In one line (a value of JSON) it ends there.
            key_lines = if line.contains("-----END") { 0 } else { KEY_LINES_MAX };
            continue;
        }
        let length = line.floor_char_boundary(LINE_MAX);
        out.push_str(&self::line(&line[..length], patterns));
        if length < line.len() {
            out.push_str(" ...");
        }
        out.push_str(end);
    }
    out
}

fn line(line: &str, patterns: &Patterns) -> String {
    let mut line = patterns.header.replace_all(line, |found: &Captures| masked(found, 3)).into_owned();
    line =
        patterns.scheme.replace_all(&line, |found: &Captures| format!("{} {MASK}", &found[1])).into_owned();
    if line.contains("://") {
        line =
            patterns.user.replace_all(&line, |found: &Captures| format!("{}{MASK}@", &found[1])).into_owned();
    }
    if line.contains('=') {
        line =
            patterns.query.replace_all(&line, |found: &Captures| format!("{}{MASK}", &found[1])).into_owned();
    }
    let lower = line.to_ascii_lowercase();
    if NAMES.iter().any(|name| lower.contains(name)) {
        line = patterns.named.replace_all(&line, |found: &Captures| masked(found, 3)).into_owned();
        line =
            patterns.flag.replace_all(&line, |found: &Captures| format!("{} {MASK}", &found[1])).into_owned();
    }
    patterns.form.replace_all(&line, MASK).into_owned()
}

/// What comes before a secret, and the mask, which is there once.
fn masked(found: &Captures, secret: usize) -> String {
    match found.get(secret).map(|found| found.as_str()) {
        Some(value) if MASK.starts_with(value) => found[0].to_owned(),
        _ => format!("{}{}{MASK}", &found[1], &found[2]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_masked_where_they_stand() {
        for (given, expected) in [
            ("password=hunter2 next", "password=[masked] next"),
            ("DB_PASSWORD=\"hun ter2\" x", "DB_PASSWORD=[masked] x"),
            ("{\"token\":\"abc\",\"a\":1}", "{\"token\":[masked],\"a\":1}"),
            ("{\\\"apiKey\\\": \\\"abc\\\"}", "{\\\"apiKey\\\": [masked]}"),
            ("client_secret: 's3 cret', ok", "client_secret: [masked], ok"),
            ("the password is hunter2", "the password is [masked]"),
            ("mount -o username=a,password=b,vers=3", "mount -o username=a,password=[masked],vers=3"),
            ("run --token abc.def --port 80", "run --token [masked] --port 80"),
            ("run --api-key=abc --verbose", "run --api-key=[masked] --verbose"),
            ("Authorization: Basic dXNlcjpwYXNz", "Authorization: [masked]"),
            ("got header Cookie: a=b; c=d", "got header Cookie: [masked]"),
            ("{\"Authorization\":\"x y\"}", "{\"Authorization\":[masked]"),
            ("X-Vault-Token: hvs.abcdefgh", "X-Vault-Token: [masked]"),
            ("sent bearer abcdef123456 to", "sent bearer [masked] to"),
            ("get https://user:p@ss@host/path", "get https://[masked]@host/path"),
            ("redis://:secret99@10.0.0.1:6379", "redis://[masked]@10.0.0.1:6379"),
            ("https://store/blob?sv=1&sig=abc%3D&x=1", "https://store/blob?sv=1&sig=[masked]&x=1"),
            ("jwt eyJhbGciOiJIUzI1.eyJzdWIi.abc-_x end", "jwt [masked] end"),
            ("ghp_0123456789abcdefghij", "[masked]"),
            ("key AKIAIOSFODNN7EXAMPLE used", "key [masked] used"),
            ("root:$6$salt$hashhash:19000", "root:[masked]:19000"),
            ("join abcdef.0123456789abcdef", "join [masked]"),
            ("wireguard PrivateKey = abc=", "wireguard PrivateKey = [masked]"),
            ("wpa psk=\"home\"", "wpa psk=[masked]"),
        ] {
            assert_eq!(text(given), expected, "{given}");
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for line in [
            "berth: reached multi-user.target in 3.21s",
            "Nov 24 18:10:00 etcd[12]: serving client on 127.0.0.1:2379",
            "/dev/vda7 / ext4 rw,relatime 0 0",
            "http://host/path?x=1&y=2",
            "user@host: file not found",
            "6.12.48 2026.1124 fe80::1 10.0.2.15/24",
            "",
        ] {
            assert_eq!(text(line), line);
        }
    }

    #[test]
    fn a_private_key_is_left_out_to_its_end() {
        let given = "before\nx: -----BEGIN OPENSSH PRIVATE KEY-----\nx: c2VjcmV0\nx: -----END OPENSSH PRIVATE KEY-----\nafter\n";
        assert_eq!(text(given), "before\n[masked private key]\nafter\n");
        assert_eq!(
            text("a -----BEGIN PRIVATE KEY-----\\nx\\n-----END PRIVATE KEY-----\nb"),
            "[masked private key]\nb"
        );
        // One that does not end leaves the rest of the log to be read.
        let cut = format!("-----BEGIN RSA PRIVATE KEY-----\n{}rest\n", "x\n".repeat(KEY_LINES_MAX));
        assert_eq!(text(&cut), "[masked private key]\nrest\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_the_secret_is_it_is_not_left(secret in "[A-Za-z0-9+/_-]{12,40}", form in 0..6usize, before in "[ -~]{0,20}") {
            let line = match form {
                0 => format!("{before} password={secret}"),
                1 => format!("{before} {{\"client_secret\": \"{secret}\"}}"),
                2 => format!("{before} Authorization: Bearer {secret}"),
                3 => format!("{before} --token z{secret} --next"),
                4 => format!("{before}\n-----BEGIN EC PRIVATE KEY-----\n{secret}\n-----END EC PRIVATE KEY-----"),
                _ => format!("{before} https://user:{}@host/", secret.replace('/', "x")),
            };
            let shown = text(&line);
            let secret = if form == 5 { secret.replace('/', "x") } else { secret };
            prop_assert!(!shown.contains(&secret), "{} became {}", line, shown);
        }

        #[test]
        fn no_text_is_too_strange(line in ".{0,300}") {
            _ = text(&line);
        }
    }
}
