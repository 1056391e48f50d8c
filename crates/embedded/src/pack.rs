//! Compression of records (zstd), with the context kept between them.

use zstd::bulk::{Compressor, Decompressor};

use crate::StorageError;

/// Level of compression: the fastest that still finds the repetition in FHIR JSON.
const LEVEL: i32 = 1;
/// Below this many bytes a record is kept as it is.
const PACK_FROM_BYTES: usize = 64;
/// Beside a longer text a record is packed alone.
const BESIDE_BYTES_MAX: usize = 256 * 1024;
/// What a packed record may claim to unpack to, in bytes.
const UNPACKED_BYTES_MAX: usize = 1 << 30;

/// Packs records.
pub struct Packer(Compressor<'static>);

impl Default for Packer {
    fn default() -> Self {
        Packer(Compressor::new(LEVEL).expect("the level is one that zstd has"))
    }
}

impl Packer {
    /// `plain` packed: a byte that says how, the length when compressed, the bytes.
    pub fn pack(&mut self, plain: &[u8]) -> Vec<u8> {
        if plain.len() >= PACK_FROM_BYTES {
            let packed = self.0.compress(plain).expect("memory for one record");
            if packed.len() + 5 < plain.len() {
                let mut out = Vec::with_capacity(packed.len() + 5);
                out.push(1);
                out.extend_from_slice(&(plain.len() as u32).to_le_bytes());
                out.extend_from_slice(&packed);
                return out;
            }
        }
        as_it_is(plain)
    }

    /// `plain` packed with the help of `beside`, which repeats much of it and is there when it is unpacked.
    pub fn pack_beside(&mut self, plain: &[u8], beside: &[u8]) -> Vec<u8> {
        if plain.len() < PACK_FROM_BYTES || beside.len() > BESIDE_BYTES_MAX {
            return self.pack(plain);
        }
        let mut compressor =
            Compressor::with_dictionary(LEVEL, beside).expect("memory for one more compression");
        let packed = compressor.compress(plain).expect("memory for one record");
        let mut out = Vec::with_capacity(packed.len() + 5);
        out.push(2);
        out.extend_from_slice(&(plain.len() as u32).to_le_bytes());
        out.extend_from_slice(&packed);
        out
    }
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
    let Some((2, rest)) = packed.split_first() else { return unpack(packed) };
    let damaged = || StorageError::Damaged("a packed record".to_owned());
    let (len, packed) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let len = u32::from_le_bytes(*len) as usize;
    if len > UNPACKED_BYTES_MAX {
        return Err(damaged());
    }
    let mut unpacker = Decompressor::with_dictionary(beside).map_err(|_| damaged())?;
    unpacker.decompress(packed, len).map_err(|_| damaged())
}

thread_local! {
    static UNPACKER: std::cell::RefCell<Option<Decompressor<'static>>> = const { std::cell::RefCell::new(None) };
}

/// What was packed.
///
/// # Errors
/// When the bytes are damaged.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, StorageError> {
    let damaged = || StorageError::Damaged("a packed record".to_owned());
    match packed.split_first() {
        Some((0, plain)) => Ok(plain.to_vec()),
        Some((1, rest)) => {
            let (len, packed) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
            let len = u32::from_le_bytes(*len) as usize;
            if len > UNPACKED_BYTES_MAX {
                return Err(damaged());
            }
            UNPACKER.with_borrow_mut(|unpacker| {
                let unpacker = match unpacker {
                    Some(unpacker) => unpacker,
                    None => unpacker.insert(Decompressor::new().map_err(|_| damaged())?),
                };
                let plain = unpacker.decompress(packed, len).map_err(|_| damaged())?;
                if plain.len() == len { Ok(plain) } else { Err(damaged()) }
            })
        }
        _ => Err(damaged()),
    }
}
