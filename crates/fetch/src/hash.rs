//! Whether bytes are those that a config means: `sha512-` or `sha256-` and the hash in hexadecimal.

use sha2::{Digest, Sha256, Sha512};

/// A hash on its way, and what it must come to.
pub(crate) struct Check {
    hasher: Hasher,
    expected: Vec<u8>,
}

enum Hasher {
    Sha512(Sha512),
    Sha256(Sha256),
}

/// A hash that came out otherwise; both in hexadecimal.
pub(crate) struct Mismatch {
    pub expected: String,
    pub actual: String,
}

impl Check {
    /// Reads what a config's `verification.hash` says.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let (function, digits) = text.split_once('-').ok_or("it is not of the form function-hash")?;
        let hasher = match function {
            "sha512" => Hasher::Sha512(Sha512::new()),
            "sha256" => Hasher::Sha256(Sha256::new()),
            _ => {
                return Err(format!(
                    "{function:?} is not a hash function that is known: sha512 and sha256 are"
                ));
            }
        };
        let expected =
            hex::decode(digits).map_err(|fault| format!("the hash is not hexadecimal: {fault}"))?;
        let check = Self { hasher, expected };
        let size = match check.hasher {
            Hasher::Sha512(_) => 64,
            Hasher::Sha256(_) => 32,
        };
        if check.expected.len() != size {
            return Err(format!("a {function} hash has {} digits, not {}", size * 2, digits.len()));
        }
        Ok(check)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Sha512(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Result<(), Mismatch> {
        let actual = match self.hasher {
            Hasher::Sha512(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
        };
        if actual == self.expected {
            return Ok(());
        }
        Err(Mismatch { expected: hex::encode(self.expected), actual: hex::encode(actual) })
    }
}

#[cfg(test)]
mod tests {
    use super::Check;

    #[test]
    fn what_a_hash_may_be() {
        let sha256 = "sha256-2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let mut check = Check::new(sha256).unwrap();
        check.update(b"hel");
        check.update(b"lo");
        assert!(check.finish().is_ok());
        let mismatch = Check::new(sha256).unwrap().finish().unwrap_err();
        assert_eq!(mismatch.actual, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for bad in ["", "sha256", "md5-00", "sha256-00", "sha256-zz", &sha256.replace("256", "512")] {
            assert!(Check::new(bad).is_err(), "{bad}");
        }
    }
}
