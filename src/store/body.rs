//! How a body becomes values: a format byte in front, and pieces of at most 4 KiB.
//!
//! A row's value is `format, number of further pieces (2 bytes), body`; with further pieces a checksum of the whole
//! body stands before the body, so that a reader notices when a writer replaced some of them under its eyes. Each
//! further piece is `format, body`, in the table of chunks.

use crate::engine::Writes;
use crate::key::Key;
use crate::{FORMAT, Result, StoreError};

/// The largest value given to the engine; what is larger would go to files that are never synced.
pub(crate) const MAX_VALUE: usize = 4096;

/// The largest body.
pub(crate) const MAX_BODY: usize = 2 << 20;

/// The format byte that opens every value.
const VALUE_FORMAT: u8 = FORMAT as u8;

const HEAD: usize = 3;
const CHECKSUM: usize = 4;
const FIRST_PIECE: usize = MAX_VALUE - HEAD - CHECKSUM;
const PIECE: usize = MAX_VALUE - 1;

/// What stands under a row's key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No such row.
    Absent,
    /// The body.
    Body(Vec<u8>),
    /// Pieces of two versions: the row was rewritten while it was read, or it is damaged.
    Torn,
}

/// How many rows a body takes.
pub(crate) fn rows(length: usize) -> usize {
    1 + further_pieces(length)
}

fn further_pieces(length: usize) -> usize {
    if length <= MAX_VALUE - HEAD { 0 } else { (length - FIRST_PIECE).div_ceil(PIECE) }
}

/// Adds the rows of a body to `writes`.
pub(crate) fn write(row: Vec<u8>, body: &[u8], writes: &mut Writes) -> Result<()> {
    if body.len() > MAX_BODY {
        return Err(StoreError::TooLarge { what: "one value", size: body.len(), limit: MAX_BODY });
    }
    let pieces = u16::try_from(further_pieces(body.len())).expect("MAX_BODY is far below u16::MAX pieces");
    let mut head = Vec::with_capacity(body.len().min(MAX_VALUE) + HEAD + CHECKSUM);
    head.push(VALUE_FORMAT);
    head.extend_from_slice(&pieces.to_be_bytes());
    if pieces == 0 {
        head.extend_from_slice(body);
    } else {
        let (first, rest) = body.split_at(FIRST_PIECE);
        head.extend_from_slice(&crc32fast::hash(body).to_be_bytes());
        head.extend_from_slice(first);
        for (number, part) in (0..pieces).zip(rest.chunks(PIECE)) {
            let mut piece = Vec::with_capacity(part.len() + 1);
            piece.push(VALUE_FORMAT);
            piece.extend_from_slice(part);
            writes.insert(Key::chunk(&row, number), Some(piece));
        }
    }
    writes.insert(row, Some(head));
    Ok(())
}

/// How many further pieces a row's value announces; `None` when it is no value of ours.
pub(crate) fn announced(value: &[u8]) -> Option<u16> {
    match value {
        [_format, high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

/// Puts a body together from a row's value and its further pieces.
pub(crate) fn read(
    row: &[u8],
    value: Option<Vec<u8>>,
    get: impl Fn(&[u8]) -> Result<Option<Vec<u8>>>,
) -> Result<Found> {
    let Some(mut value) = value else { return Ok(Found::Absent) };
    known_format(&value)?;
    let Some(pieces) = announced(&value) else { return Ok(Found::Torn) };
    if pieces == 0 {
        value.drain(..HEAD);
        return Ok(Found::Body(value));
    }
    let Some((checksum, first)) = value[HEAD..].split_first_chunk::<CHECKSUM>() else { return Ok(Found::Torn) };
    let mut body = first.to_vec();
    for number in 0..pieces {
        match get(&Key::chunk(row, number))? {
            Some(piece) => {
                known_format(&piece)?;
                body.extend_from_slice(piece.get(1..).unwrap_or_default());
            }
            None => return Ok(Found::Torn),
        }
    }
    let whole = crc32fast::hash(&body) == u32::from_be_bytes(*checksum);
    Ok(if whole { Found::Body(body) } else { Found::Torn })
}

fn known_format(value: &[u8]) -> Result<()> {
    match value.first() {
        Some(&format) if format > VALUE_FORMAT => Err(StoreError::NewerFormat { found: format.into(), known: FORMAT }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: &[u8]) -> Writes {
        let mut writes = Writes::new();
        write(b"mx".to_vec(), body, &mut writes).unwrap();
        writes
    }

    fn read_back(writes: &Writes) -> Found {
        let get = |key: &[u8]| Ok(writes.get(key).cloned().flatten());
        read(b"mx", get(b"mx").unwrap(), get).unwrap()
    }

    #[test]
    fn bodies_of_every_length_come_back_in_values_of_at_most_4_kib() {
        for length in [0, 1, 4092, 4093, 4094, FIRST_PIECE + PIECE, FIRST_PIECE + PIECE + 1, 100_000, MAX_BODY] {
            let body: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let writes = written(&body);
            assert_eq!(writes.len(), rows(length), "{length}");
            assert!(writes.values().flatten().all(|value| value.len() <= MAX_VALUE), "{length}");
            assert_eq!(read_back(&writes), Found::Body(body), "{length}");
        }
    }

    #[test]
    fn pieces_of_two_versions_are_torn() {
        let mut writes = written(&[1; 10_000]);
        let newer = written(&[2; 10_000]);
        let chunk = Key::chunk(b"mx", 1);
        writes.insert(chunk.clone(), newer[&chunk].clone());
        assert_eq!(read_back(&writes), Found::Torn);
        writes.remove(&chunk);
        assert_eq!(read_back(&writes), Found::Torn);
    }

    #[test]
    fn a_body_above_the_limit_is_refused() {
        let error = write(b"mx".to_vec(), &vec![0; MAX_BODY + 1], &mut Writes::new()).unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { limit: MAX_BODY, .. }), "{error}");
    }

    #[test]
    fn a_value_of_a_newer_format_is_named_as_such() {
        let error = read(b"mx", Some(vec![VALUE_FORMAT + 1, 0, 0]), |_| Ok(None)).unwrap_err();
        assert!(error.to_string().contains("written by a newer version"), "{error}");
    }
}
