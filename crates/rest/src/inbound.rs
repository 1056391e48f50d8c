//! From the bytes of a body as they were sent to what interactions read: unpacked, and in JSON.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use crate::negotiate::{Coding, Format};
use crate::outcome::Refusal;

/// The body without its packing. What is unpacked counts against the same limit as what is sent, and no more
/// than that is ever unpacked.
pub(crate) fn unpacked(body: &Bytes, coding: Coding, bytes_max: usize) -> Result<Bytes, Refusal> {
    if coding == Coding::Identity {
        return Ok(body.clone());
    }
    let mut unpacked = Vec::new();
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(&**body)
        .take(most)
        .read_to_end(&mut unpacked)
        .map_err(|_| Refusal::invalid("The body is not what its Content-Encoding says: gzip."))?;
    if unpacked.len() > bytes_max { Err(Refusal::body_too_large(bytes_max)) } else { Ok(unpacked.into()) }
}

/// The resource in a body, in JSON.
pub(crate) fn in_json(body: Bytes, format: Format) -> Result<Bytes, Refusal> {
    match format {
        Format::Json => Ok(body),
        Format::Xml => {
            fhir::xml::read(&body).map(Bytes::from).map_err(|error| Refusal::unreadable_xml(&error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_body_is_unpacked_up_to_the_limit_and_not_a_byte_further() {
        let body = |bytes: usize| Bytes::from(packed(&vec![b'a'; bytes]));
        assert_eq!(unpacked(&body(1000), Coding::Gzip, 1000).unwrap().len(), 1000);
        assert_eq!(unpacked(&body(1001), Coding::Gzip, 1000), Err(Refusal::body_too_large(1000)));
        // A thousand times larger than the limit, and refused as fast.
        assert_eq!(unpacked(&body(1_000_000), Coding::Gzip, 1000), Err(Refusal::body_too_large(1000)));
    }

    #[test]
    fn several_packed_parts_are_one_body_and_count_as_one() {
        let mut body = packed(b"ab");
        body.extend(packed(b"cd"));
        assert_eq!(unpacked(&body.clone().into(), Coding::Gzip, 4).unwrap(), "abcd");
        assert!(unpacked(&body.into(), Coding::Gzip, 3).is_err());
    }

    #[test]
    fn what_is_not_packed_or_ends_early_is_refused() {
        let whole = packed(b"a resource");
        for bad in [b"{}".as_slice(), b"", &whole[..whole.len() - 1], &whole[..5]] {
            let refusal = unpacked(&Bytes::copy_from_slice(bad), Coding::Gzip, 1000).unwrap_err();
            assert_eq!(refusal.status, 400, "{bad:?}");
        }
        assert_eq!(unpacked(&Bytes::from("{}"), Coding::Identity, 1).unwrap(), "{}");
    }
}
