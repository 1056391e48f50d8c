//! The digests taken of content while it is written: MD5 for the entity tag, and the checksum that was asked for.

use base64::{Engine, prelude::BASE64_STANDARD};
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};

use crate::description::{Algorithm, Checksum, ChecksumKind};

/// All of them, in the order in which S3 names them.
pub(crate) const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

impl Algorithm {
    /// As S3 writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "CRC32",
            Algorithm::Crc32c => "CRC32C",
            Algorithm::Crc64Nvme => "CRC64NVME",
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
        }
    }

    /// Reads a name, in any case.
    pub(crate) fn parse(name: &str) -> Option<Algorithm> {
        ALGORITHMS.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The header or trailer that carries it.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "x-amz-checksum-crc32",
            Algorithm::Crc32c => "x-amz-checksum-crc32c",
            Algorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Algorithm::Sha1 => "x-amz-checksum-sha1",
            Algorithm::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// What S3 makes of it in a multipart upload that does not say.
    pub(crate) fn kind_by_default(self) -> ChecksumKind {
        match self {
            Algorithm::Crc64Nvme => ChecksumKind::FullObject,
            _ => ChecksumKind::Composite,
        }
    }
}

impl ChecksumKind {
    /// As S3 writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ChecksumKind::FullObject => "FULL_OBJECT",
            ChecksumKind::Composite => "COMPOSITE",
        }
    }
}

/// Content being digested.
pub(crate) struct Digests {
    md5: Option<Md5>,
    kept: Hasher,
    /// A second one, where the client sends another checksum than the one that is kept.
    sent: Option<Hasher>,
}

/// The digests of some content.
#[derive(Debug, Clone)]
pub(crate) struct Digested {
    /// All zeroes if it was not taken.
    pub md5: [u8; 16],
    pub kept: Checksum,
    sent: Option<Checksum>,
}

impl Digested {
    /// The checksum of this algorithm, if it was taken.
    pub(crate) fn of(&self, algorithm: Algorithm) -> Option<&Checksum> {
        [Some(&self.kept), self.sent.as_ref()].into_iter().flatten().find(|c| c.algorithm == algorithm)
    }
}

impl Digests {
    /// Of no content yet; `kept` is the checksum that stays with it, `sent` the one to compare with the client's.
    pub(crate) fn new(kept: Algorithm, sent: Option<Algorithm>) -> Digests {
        let sent = sent.filter(|sent| *sent != kept).map(Hasher::new);
        Digests { md5: Some(Md5::new()), kept: Hasher::new(kept), sent }
    }

    /// Of no content yet, without the MD5, which takes longer than all else that is done with content: for objects
    /// whose entity tag is made otherwise.
    pub(crate) fn without_md5(kept: Algorithm) -> Digests {
        Digests { md5: None, kept: Hasher::new(kept), sent: None }
    }

    /// Takes more content in.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        self.kept.update(bytes);
        if let Some(sent) = &mut self.sent {
            sent.update(bytes);
        }
    }

    /// The digests of what was taken in.
    pub(crate) fn finish(self) -> Digested {
        let mut md5 = [0; 16];
        if let Some(taken) = self.md5 {
            md5.copy_from_slice(taken.finalize().as_ref());
        }
        Digested { md5, kept: self.kept.finish(), sent: self.sent.map(Hasher::finish) }
    }
}

enum Hasher {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64Nvme(Crc64Nvme),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Hasher {
        match algorithm {
            Algorithm::Crc32 => Hasher::Crc32(Crc32::new()),
            Algorithm::Crc32c => Hasher::Crc32c(Crc32c::new()),
            Algorithm::Crc64Nvme => Hasher::Crc64Nvme(Crc64Nvme::new()),
            Algorithm::Sha1 => Hasher::Sha1(Sha1::new()),
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Crc32(hasher) => hasher.update(bytes),
            Hasher::Crc32c(hasher) => hasher.update(bytes),
            Hasher::Crc64Nvme(hasher) => hasher.update(bytes),
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Checksum {
        let (algorithm, value) = match self {
            Hasher::Crc32(hasher) => (Algorithm::Crc32, BASE64_STANDARD.encode(hasher.finalize())),
            Hasher::Crc32c(hasher) => (Algorithm::Crc32c, BASE64_STANDARD.encode(hasher.finalize())),
            Hasher::Crc64Nvme(hasher) => (Algorithm::Crc64Nvme, BASE64_STANDARD.encode(hasher.finalize())),
            Hasher::Sha1(hasher) => (Algorithm::Sha1, BASE64_STANDARD.encode(hasher.finalize())),
            Hasher::Sha256(hasher) => (Algorithm::Sha256, BASE64_STANDARD.encode(hasher.finalize())),
        };
        Checksum { algorithm, value, kind: ChecksumKind::FullObject }
    }
}

/// The entity tag of an object uploaded in parts: the MD5 of their MD5s, and how many they are.
pub(crate) fn etag_of_parts(md5s: &[[u8; 16]]) -> String {
    format!("{}-{}", hex::encode(Md5::checksum(md5s.as_flattened())), md5s.len())
}

/// The composite checksum of parts. `None`: one of them is not base64.
pub(crate) fn composite(algorithm: Algorithm, parts: &[Checksum]) -> Option<Checksum> {
    let mut digests = Digests::new(algorithm, None);
    for part in parts {
        digests.update(&BASE64_STANDARD.decode(&part.value).ok()?);
    }
    let value = format!("{}-{}", digests.finish().kept.value, parts.len());
    Some(Checksum { algorithm, value, kind: ChecksumKind::Composite })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_gives_its_check_value() {
        // The check values of "123456789" that each algorithm's definition gives.
        for (algorithm, expected) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            let mut digests = Digests::new(algorithm, None);
            digests.update(b"12345");
            digests.update(b"6789");
            let digested = digests.finish();
            let value = BASE64_STANDARD.decode(digested.kept.value).unwrap();
            assert_eq!(hex::encode(value), expected, "{algorithm:?}");
            assert_eq!(hex::encode(digested.md5), "25f9e794323b453885f5181f1b624d0b");
            assert_eq!(Algorithm::parse(&algorithm.name().to_lowercase()), Some(algorithm));
        }
    }
}
