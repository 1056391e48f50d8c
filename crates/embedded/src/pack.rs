//! Compression of records (zstd), with the context kept between them.

use std::cell::RefCell;

use zstd::zstd_safe::{CCtx, DCtx, SafeResult, compress_bound};

use crate::StorageError;
use crate::dictionary::{Dictionary, GENERATION};

/// Level of compression: the fastest that still finds the repetition in FHIR JSON.
const LEVEL: i32 = 1;
/// Below this many bytes a record is kept as it is.
const PACK_FROM_BYTES: usize = 64;
/// Beside a longer text a record is packed alone.
const BESIDE_BYTES_MAX: usize = 256 * 1024;
/// What a packed record may claim to unpack to, in bytes.
const UNPACKED_BYTES_MAX: usize = 1 << 30;

/// Packs records.
pub struct Packer {
    context: CCtx<'static>,
    /// Room for what comes out, kept for the next record.
    packed: Vec<u8>,
}

impl Default for Packer {
    fn default() -> Self {
        Packer { context: CCtx::create(), packed: Vec::new() }
    }
}

impl Packer {
    /// `plain` packed: a byte that says how, the length when compressed, the bytes.
    pub fn pack(&mut self, plain: &[u8]) -> Vec<u8> {
        if plain.len() >= PACK_FROM_BYTES {
            let packed = self.compressed(plain, &[]);
            if packed.len() + 5 < plain.len() {
                return headed(&[1], plain.len(), packed);
            }
        }
        as_it_is(plain)
    }

    /// `plain` packed with the help of `beside`, which repeats much of it and is there when it is unpacked.
    pub fn pack_beside(&mut self, plain: &[u8], beside: &[u8]) -> Vec<u8> {
        if plain.len() < PACK_FROM_BYTES || beside.len() > BESIDE_BYTES_MAX {
            return self.pack(plain);
        }
        headed(&[2], plain.len(), self.compressed(plain, beside))
    }

    /// `plain`, bodies of a resource type, packed with the dictionary of that type.
    pub fn pack_bodies(&mut self, of: u16, plain: &[u8]) -> Vec<u8> {
        if plain.len() < PACK_FROM_BYTES {
            return as_it_is(plain);
        }
        self.make_room(plain);
        let dictionary = Dictionary::newest_of(of).packing(LEVEL);
        self.context
            .compress_using_cdict(&mut self.packed, plain, dictionary)
            .expect("there is room for all that can come out, and memory for one record");
        let [high, low] = of.to_be_bytes();
        headed(&[3, GENERATION, high, low], plain.len(), &self.packed)
    }

    fn make_room(&mut self, plain: &[u8]) {
        self.packed.clear();
        self.packed.reserve(compress_bound(plain.len()));
    }

    fn compressed(&mut self, plain: &[u8], beside: &[u8]) -> &[u8] {
        self.make_room(plain);
        self.context
            .compress_using_dict(&mut self.packed, plain, beside, LEVEL)
            .expect("there is room for all that can come out, and memory for one record");
        &self.packed
    }
}

/// A compressed record: how it is packed, its length before, the bytes.
fn headed(how: &[u8], plain_len: usize, packed: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(how.len() + 4 + packed.len());
    out.extend_from_slice(how);
    out.extend_from_slice(&(plain_len as u32).to_le_bytes());
    out.extend_from_slice(packed);
    out
}

fn as_it_is(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + 1);
    out.push(0);
    out.extend_from_slice(plain);
    out
}

/// What was packed with the help of `beside`.
///
/// # Errors
/// When the bytes are damaged, or `beside` is not what it was.
pub fn unpack_beside(packed: &[u8], beside: &[u8]) -> Result<Vec<u8>, StorageError> {
    match packed.split_first() {
        Some((0, plain)) => Ok(plain.to_vec()),
        Some((1, rest)) => decompressed(rest, &[]),
        Some((2, rest)) => decompressed(rest, beside),
        Some((3, rest)) => bodies(rest),
        _ => Err(damaged()),
    }
}

/// What was packed with a type's dictionary: generation, type, and the rest.
fn bodies(packed: &[u8]) -> Result<Vec<u8>, StorageError> {
    let ([generation, high, low], headed) = packed.split_first_chunk::<3>().ok_or_else(damaged)?;
    let of = u16::from_be_bytes([*high, *low]);
    let dictionary = Dictionary::of(*generation, of).ok_or_else(damaged)?.unpacking();
    unpacked(headed, |context, plain, packed| context.decompress_using_ddict(plain, packed, dictionary))
}

/// What was packed.
///
/// # Errors
/// When the bytes are damaged.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, StorageError> {
    match packed.first() {
        Some(2) => Err(damaged()),
        _ => unpack_beside(packed, &[]),
    }
}

thread_local! {
    static CONTEXT: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

fn decompressed(headed: &[u8], beside: &[u8]) -> Result<Vec<u8>, StorageError> {
    unpacked(headed, |context, plain, packed| context.decompress_using_dict(plain, packed, beside))
}

fn unpacked(
    headed: &[u8],
    decompress: impl FnOnce(&mut DCtx<'static>, &mut Vec<u8>, &[u8]) -> SafeResult,
) -> Result<Vec<u8>, StorageError> {
    let (len, packed) = headed.split_first_chunk::<4>().ok_or_else(damaged)?;
    let len = u32::from_le_bytes(*len) as usize;
    if len > UNPACKED_BYTES_MAX {
        return Err(damaged());
    }
    let mut plain = Vec::with_capacity(len);
    let outcome = CONTEXT.with_borrow_mut(|context| decompress(context, &mut plain, packed));
    if outcome.is_ok() && plain.len() == len { Ok(plain) } else { Err(damaged()) }
}

fn damaged() -> StorageError {
    StorageError::Damaged("a packed record".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_in_any_way_is_what_comes_out() {
        let body = br#"{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org"}]}}"#;
        let mut packer = Packer::default();
        for plain in [&b""[..], b"short", body, &[7; 100_000]] {
            assert_eq!(unpack(&packer.pack(plain)).unwrap(), plain);
            assert_eq!(unpack_beside(&packer.pack_beside(plain, body), body).unwrap(), plain);
            for of in [0, 96, u16::MAX] {
                assert_eq!(unpack(&packer.pack_bodies(of, plain)).unwrap(), plain);
            }
        }
    }

    #[test]
    fn a_packed_record_that_was_altered_is_an_error_or_other_bytes_but_never_a_panic() {
        let plain: Vec<u8> = (0..4000_u32).map(|n| (n * n / 7) as u8).collect();
        let mut packer = Packer::default();
        for packed in
            [packer.pack(&plain), packer.pack_bodies(96, &plain), packer.pack_beside(&plain, b"beside")]
        {
            for at in 0..packed.len() {
                let mut altered = packed.clone();
                altered[at] ^= 0x41;
                let _ = unpack_beside(&altered, b"beside");
                let _ = unpack(&packed[..at]);
            }
        }
    }
}
