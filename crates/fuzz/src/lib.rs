//! Feeds parsers with damaged copies of what they read in real life, on stable Rust and as plain
//! tests. What a test asserts is that its parser returns.
//!
//! A test takes the same few thousand copies each time. With `REAPWATCH_FUZZ=SECONDS`, as `cargo
//! xtask fuzz` sets it, it takes others for so long.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use fastrand::Rng;

/// How many damaged copies a test takes.
const COPIES: usize = 3_000;
/// The longest copy, so that repeated damage does not let it grow.
const LONGEST: usize = 64 << 10;
/// Numbers at the limits of types, as text.
const NUMBERS: [&str; 9] = [
    "",
    "0",
    "-1",
    "255",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
];
/// Bytes that mean something in one of the formats.
const BYTES: [u8; 20] = [
    0, 1, 0x7f, 0x80, 0xff, b'\n', b' ', b'"', b'\\', b'/', b':', b'-', b'.', b'(', b')', b'{',
    b'}', b'[', b',', b'=',
];

/// Feeds a parser with the inputs of a corpus, and with damaged copies of them.
///
/// # Panics
/// If the parser does; the input is printed.
pub fn feed(corpus: &[impl AsRef<[u8]>], parse: impl Fn(&[u8])) {
    let corpus: Vec<_> = corpus.iter().map(AsRef::as_ref).collect();
    let try_one = |input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| parse(input))) {
            eprintln!("the input was: b\"{}\"", input.escape_ascii());
            resume_unwind(panic);
        }
    };
    for input in &corpus {
        try_one(input);
    }
    let seconds = std::env::var("REAPWATCH_FUZZ").ok();
    let seconds = seconds.map(|text| text.parse().expect("REAPWATCH_FUZZ is in seconds"));
    match seconds.map(Duration::from_secs) {
        None => {
            let mut rng = Rng::with_seed(1);
            (0..COPIES).for_each(|_| try_one(&damaged(&mut rng, &corpus)));
        }
        Some(time) => {
            let mut rng = Rng::new();
            let began = Instant::now();
            while began.elapsed() < time {
                try_one(&damaged(&mut rng, &corpus));
            }
        }
    }
}

/// A copy of one of the inputs, damaged up to eight times.
fn damaged(rng: &mut Rng, corpus: &[&[u8]]) -> Vec<u8> {
    let mut copy = corpus[rng.usize(..corpus.len())].to_vec();
    for _ in 0..=rng.usize(..8) {
        damage(rng, &mut copy, corpus);
    }
    copy.truncate(LONGEST);
    copy
}

fn damage(rng: &mut Rng, copy: &mut Vec<u8>, corpus: &[&[u8]]) {
    let at = rng.usize(..=copy.len());
    let end = (at + rng.usize(..16)).min(copy.len());
    match rng.u8(..9) {
        0 if at < copy.len() => copy[at] ^= 1 << rng.u8(..8),
        1 if at < copy.len() => copy[at] = BYTES[rng.usize(..BYTES.len())],
        2 => drop(copy.drain(at..end)),
        3 => {
            let part = copy[at..end].to_vec();
            let times = rng.usize(1..40);
            copy.splice(at..at, part.repeat(times));
        }
        4 => {
            let bytes: Vec<u8> = (0..rng.usize(..8)).map(|_| rng.u8(..)).collect();
            copy.splice(at..at, bytes);
        }
        5 => copy.truncate(at),
        6 => {
            let other = corpus[rng.usize(..corpus.len())];
            copy.truncate(at);
            copy.extend(&other[rng.usize(..=other.len())..]);
        }
        7 => {
            let digits = number_at(copy, at);
            let number = NUMBERS[rng.usize(..NUMBERS.len())];
            copy.splice(digits, number.bytes());
        }
        _ => {
            let extreme = [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX][rng.usize(..5)];
            let word = u32::to_ne_bytes(extreme);
            let fits = word.len().min(copy.len() - at);
            copy[at..at + fits].copy_from_slice(&word[..fits]);
        }
    }
}

/// The first run of digits at or after a place.
fn number_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let start = bytes[at..].iter().position(is_digit);
    let start = start.map_or(bytes.len(), |skipped| at + skipped);
    let length = bytes[start..]
        .iter()
        .take_while(|byte| is_digit(byte))
        .count();
    start..start + length
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn every_input_is_fed_as_it_is_and_damaged() {
        let corpus = ["one 1", "two 22"];
        let (whole, all) = (Cell::new(0), Cell::new(0));
        feed(&corpus, |input| {
            all.set(all.get() + 1);
            let is_whole = corpus.iter().any(|it| it.as_bytes() == input);
            whole.set(whole.get() + usize::from(is_whole));
        });
        assert!(all.get() >= COPIES);
        assert!(whole.get() >= 2 && whole.get() < all.get() / 2);
    }

    #[test]
    fn a_panic_of_the_parser_is_not_lost() {
        let parse = |input: &[u8]| assert!(input.len() != 7);
        let fed = catch_unwind(|| feed(&[[0_u8; 7]], parse));
        assert!(fed.is_err());
    }

    #[test]
    fn a_number_is_found_whole() {
        assert_eq!(number_at(b"a 123 b", 0), 2..5);
        assert_eq!(number_at(b"a", 1), 1..1);
    }
}
