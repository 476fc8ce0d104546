//! A FUSE server with one file that answers all requests but one kind, spoken by hand:
//! <https://elixir.bootlin.com/linux/v6.12/source/include/uapi/linux/fuse.h>.

use std::convert::Infallible;
use std::fs::File;
use std::io::{Read, Write};

use anyhow::{Context, Result};

use crate::slots::{Slot, Slots};

const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
pub(super) const READ: u32 = 15;
const RELEASE: u32 = 18;
pub(super) const FSYNC: u32 = 20;
pub(super) const FLUSH: u32 = 25;
const INIT: u32 = 26;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;

const ENOSYS: i32 = 38;
/// The root and the file.
const ROOT: u64 = 1;
const FILE: u64 = 2;
/// `FOPEN_DIRECT_IO`: a read waits for us, not for a page.
const DIRECT: u32 = 1;
/// As long as anybody may believe an answer.
const VALID: u64 = 3600;

/// Answers until it is killed, but never a request of the kind `silent`; says in
/// [`Slot::Go`] that one came.
pub(super) fn serve(mut device: File, silent: u32, slots: &Slots) -> Result<Infallible> {
    let mut request = vec![0; 256 << 10];
    loop {
        let length = device.read(&mut request).context("cannot read requests")?;
        let number = |at: usize| u32_at(&request[..length], at);
        let (opcode, unique) = (
            number(4)?,
            u64::from(number(8)?) | u64::from(number(12)?) << 32,
        );
        let node = u64::from(number(16)?);
        let answer = match opcode {
            _ if opcode == silent => {
                slots.set(Slot::Go, 1);
                continue;
            }
            FORGET | BATCH_FORGET | INTERRUPT => continue,
            INIT => Ok(init()),
            LOOKUP => Ok(entry()),
            GETATTR => Ok([words(&[VALID]), vec![0; 8], attributes(node)].concat()),
            OPEN => Ok([words(&[1]), DIRECT.to_le_bytes().to_vec(), vec![0; 4]].concat()),
            READ | RELEASE | FLUSH => Ok(Vec::new()),
            _ => Err(-ENOSYS),
        };
        let (error, body) = answer.map_or_else(|error| (error, Vec::new()), |body| (0, body));
        let mut reply = (16 + body.len() as u32).to_le_bytes().to_vec();
        reply.extend(error.to_le_bytes());
        reply.extend(unique.to_le_bytes());
        reply.extend(body);
        // Whoever asked may have been interrupted.
        let _gone = device.write(&reply);
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let bytes = bytes.get(at..at + 4).context("a short request")?;
    Ok(u32::from_le_bytes(bytes.try_into()?))
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// `fuse_init_out` of protocol 7.31, without any option.
fn init() -> Vec<u8> {
    let mut body = vec![0; 64];
    body[0] = 7;
    body[4] = 31;
    // max_write
    body[20..24].copy_from_slice(&4096_u32.to_le_bytes());
    body
}

/// `fuse_entry_out` of the file.
fn entry() -> Vec<u8> {
    [words(&[FILE, 0, VALID, VALID, 0]), attributes(FILE)].concat()
}

/// `fuse_attr`.
fn attributes(node: u64) -> Vec<u8> {
    let mode: u32 = if node == ROOT { 0o040_755 } else { 0o100_644 };
    let size = 4096;
    let mut attributes = words(&[node, size, 8, 0, 0, 0]);
    for word in [0, 0, 0, mode, 1, 0, 0, 0, 4096, 0] {
        attributes.extend(word.to_le_bytes());
    }
    attributes
}
