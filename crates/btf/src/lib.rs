//! The running kernel's types, from /sys/kernel/btf/vmlinux: where a field is in a struct.
//!
//! The format is <https://docs.kernel.org/bpf/btf.html>. Only what the offsets need is parsed:
//! structs, unions, enumerators, and the parameter count of function prototypes. The loader looks
//! up the ids of functions and tracepoints itself.

use std::collections::{HashMap, HashSet};

/// Where the kernel exposes its types.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Why the types cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file does not exist or cannot be read.
    #[error("cannot read {VMLINUX}: {0}")]
    Read(std::io::Error),
    /// The file is malformed.
    #[error("{VMLINUX} is not BTF in this machine's byte order")]
    Format,
}

/// The bytes of the running kernel's types.
///
/// # Errors
/// If the kernel does not expose them.
pub fn read() -> Result<Vec<u8>, BtfError> {
    std::fs::read(VMLINUX).map_err(BtfError::Read)
}

/// Whether the kernel exposes usable types, and if not, why.
///
/// # Errors
/// A sentence that names the file.
pub fn check() -> Result<(), String> {
    let cut = read().and_then(|bytes| Layout::cut(&bytes).map(|_| ()).ok_or(BtfError::Format));
    cut.map_err(|error| error.to_string())
}

/// The file's bytes and the position of each type.
struct Layout<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Offset of each type in `types`; index 0 is `void`.
    starts: Vec<usize>,
}

/// Parsed types, borrowed from the file's bytes.
pub struct Btf<'a> {
    layout: Layout<'a>,
    /// The first struct or union, and the first typedef, of each name.
    structs: HashMap<&'a [u8], usize>,
    /// The first enum of each name.
    enums: HashMap<&'a [u8], usize>,
    typedefs: HashMap<&'a [u8], usize>,
}

const KIND_PTR: u32 = 2;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_FWD: u32 = 7;
const KIND_TYPEDEF: u32 = 8;
const KIND_FUNC: u32 = 12;
const KIND_FUNC_PROTO: u32 = 13;
const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
const FILE_HEADER: u32 = 24;
/// How many typedefs and qualifiers may be between a name and its type, and how many members are
/// searched for one: more than any kernel has. Malformed types may form circles.
const LINKS: usize = 64;
const MEMBERS: usize = 4_096;
const HEADER: usize = 12;
const MEMBER: usize = 12;
const ENUMERATOR: usize = 8;

impl<'a> Layout<'a> {
    fn cut(bytes: &'a [u8]) -> Option<Self> {
        if u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?) != MAGIC {
            return None;
        }
        let field = |index: usize| word(bytes, index).map(|value| value as usize);
        let header = field(4)?;
        let section = |offset: usize, length: usize| {
            let start = header.checked_add(offset)?;
            bytes.get(start..start.checked_add(length)?)
        };
        let types = section(field(8)?, field(12)?)?;
        let strings = section(field(16)?, field(20)?)?;
        let mut starts = vec![0];
        let mut at = 0;
        while at < types.len() {
            starts.push(at);
            at += HEADER + trailer(word(types, at + 4)?)?;
        }
        // The last type must end at the end of the section.
        (at == types.len()).then_some(Self {
            types,
            strings,
            starts,
        })
    }

    fn word(&self, at: usize) -> Option<u32> {
        word(self.types, at)
    }

    fn string(&self, offset: u32) -> &'a [u8] {
        let rest = self.strings.get(offset as usize..).unwrap_or_default();
        rest.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

impl<'a> Btf<'a> {
    /// # Errors
    /// If the bytes are not BTF.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let layout = Layout::cut(bytes).ok_or(BtfError::Format)?;
        let mut structs = HashMap::new();
        let mut enums = HashMap::new();
        let mut typedefs = HashMap::new();
        for (index, &at) in layout.starts.iter().enumerate().skip(1) {
            let of_name = match layout.word(at + 4).map(kind) {
                Some(KIND_STRUCT | KIND_UNION) => &mut structs,
                Some(KIND_ENUM) => &mut enums,
                Some(KIND_TYPEDEF) => &mut typedefs,
                _ => continue,
            };
            let name = layout.string(layout.word(at).unwrap_or_default());
            if !name.is_empty() {
                of_name.entry(name).or_insert(index);
            }
        }
        Ok(Self {
            layout,
            structs,
            enums,
            typedefs,
        })
    }

    /// Bit offset of `path` (fields joined by dots) in the struct of that name.
    pub fn bit_offset(&self, name: &str, path: &str) -> Option<u32> {
        let mut index = *self.structs.get(name.as_bytes())?;
        let mut total = 0_u32;
        for field in path.split('.') {
            let mut left = MEMBERS;
            let (offset, of) = self.member(self.resolve(index), field.as_bytes(), &mut left)?;
            total = total.checked_add(offset)?;
            index = of;
        }
        Some(total)
    }

    /// The value of an enumerator in the enum of that name.
    pub fn enumerator(&self, name: &str, of: &str) -> Option<u32> {
        let at = self.layout.starts[*self.enums.get(name.as_bytes())?];
        let count = self.layout.word(at + 4)? & 0xffff;
        let mut entries = (0..count as usize).map(|n| at + HEADER + n * ENUMERATOR);
        entries.find_map(|entry| {
            let hit = self.layout.string(self.layout.word(entry)?) == of.as_bytes();
            self.layout.word(entry + 4).filter(|_| hit)
        })
    }

    /// The number of parameters of the tracepoint's probes, without the data pointer.
    pub fn tracepoint_parameters(&self, tracepoint: &str) -> Option<u32> {
        let typedef = *self
            .typedefs
            .get(format!("btf_trace_{tracepoint}").as_bytes())?;
        let pointer = self.layout.word(self.layout.starts[typedef] + 8)? as usize;
        let at = *self.layout.starts.get(pointer)?;
        if kind(self.layout.word(at + 4)?) != KIND_PTR {
            return None;
        }
        let prototype = *self.layout.starts.get(self.layout.word(at + 8)? as usize)?;
        let info = self.layout.word(prototype + 4)?;
        (kind(info) == KIND_FUNC_PROTO).then(|| (info & 0xffff).saturating_sub(1))
    }

    /// A copy of the file with every type blanked except the functions and typedefs with these
    /// names; ids stay the same. The loader parses and searches all types that it is given, but
    /// needs only these ids.
    pub fn only(&self, names: &HashSet<Vec<u8>>) -> Vec<u8> {
        let mut types = Vec::with_capacity(self.layout.starts.len() * HEADER);
        let mut strings = vec![0];
        for &at in self.layout.starts.iter().skip(1) {
            let [name, info, of] = [0, 4, 8].map(|field| self.layout.word(at + field));
            let info = info.unwrap_or_default();
            let name = self.layout.string(name.unwrap_or_default());
            let words = match kind(info) {
                KIND_FUNC | KIND_TYPEDEF if names.contains(name) => {
                    let start = strings.len() as u32;
                    strings.extend(name);
                    strings.push(0);
                    [start, info, of.unwrap_or_default()]
                }
                _ => [0, KIND_FWD << 24, 0],
            };
            types.extend(words.into_iter().flat_map(u32::to_ne_bytes));
        }
        let [length, text] = [&types, &strings].map(|section| section.len() as u32);
        let no_flags = 0;
        let mut file = MAGIC.to_ne_bytes().to_vec();
        file.extend([VERSION, no_flags]);
        let header = [FILE_HEADER, 0, length, length, text];
        file.extend(header.into_iter().flat_map(u32::to_ne_bytes));
        file.extend(types);
        file.extend(strings);
        file
    }

    /// The type behind typedefs and qualifiers.
    fn resolve(&self, mut index: usize) -> usize {
        const QUALIFIERS: [u32; 5] = [KIND_TYPEDEF, 9, 10, 11, 18];
        for _ in 0..LINKS {
            let Some(&at) = self.layout.starts.get(index) else {
                break;
            };
            match (self.layout.word(at + 4), self.layout.word(at + 8)) {
                (Some(info), Some(of)) if QUALIFIERS.contains(&kind(info)) => index = of as usize,
                _ => break,
            }
        }
        index
    }

    /// Bit offset and type of a member; also searches anonymous members, `left` of all.
    fn member(&self, index: usize, field: &[u8], left: &mut usize) -> Option<(u32, usize)> {
        let at = *self.layout.starts.get(index)?;
        let info = self.layout.word(at + 4)?;
        if !matches!(kind(info), KIND_STRUCT | KIND_UNION) {
            return None;
        }
        let bitfields = info >> 31 == 1;
        for number in 0..(info & 0xffff) as usize {
            *left = left.checked_sub(1)?;
            let member = at + HEADER + number * MEMBER;
            let name = self.layout.string(self.layout.word(member)?);
            let of = self.layout.word(member + 4)? as usize;
            let offset = self.layout.word(member + 8)?;
            let offset = if bitfields {
                offset & 0x00ff_ffff
            } else {
                offset
            };
            if name == field {
                return Some((offset, of));
            }
            if name.is_empty()
                && let Some((inner, of)) = self.member(self.resolve(of), field, left)
            {
                return Some((offset.checked_add(inner)?, of));
            }
        }
        None
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn kind(info: u32) -> u32 {
    (info >> 24) & 0x1f
}

/// Number of bytes after the header of a type; `None` for an unknown kind.
fn trailer(info: u32) -> Option<usize> {
    let entries = (info & 0xffff) as usize;
    Some(match kind(info) {
        1 | 14 | 17 => 4,
        2 | 7..=12 | 16 | 18 => 0,
        3 => 12,
        4 | 5 | 15 | 19 => entries * 12,
        6 | 13 => entries * 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_types_are_refused() {
        assert!(Btf::parse(b"").is_err());
        assert!(Btf::parse(&[0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 255, 255, 255, 255]).is_err());
        let mut cut = vec![
            0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0,
        ];
        cut.extend([1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0]);
        assert!(Btf::parse(&cut).is_err());
    }

    /// A file with these types, of three words and more each, and these names.
    fn file(types: &[&[u32]], names: &[u8]) -> Vec<u8> {
        let types: Vec<u8> = types
            .concat()
            .into_iter()
            .flat_map(u32::to_ne_bytes)
            .collect();
        let [length, text] = [&types[..], names].map(|section| section.len() as u32);
        let mut file = MAGIC.to_ne_bytes().to_vec();
        file.extend([VERSION, 0]);
        let header = [FILE_HEADER, 0, length, length, text];
        file.extend(header.into_iter().flat_map(u32::to_ne_bytes));
        file.extend(types);
        file.extend(names);
        file
    }

    /// `struct task { int a; struct { struct task b; }; }`, an enum, and a tracepoint.
    fn a_task() -> Vec<u8> {
        let names = b"\0task\0a\0b\0c\0btf_trace_x\0";
        let info = |kind: u32, entries: u32| kind << 24 | entries;
        let types: [&[u32]; 7] = [
            &[1, info(KIND_STRUCT, 2), 8, 6, 3, 0, 0, 2, 32],
            &[0, info(KIND_STRUCT, 1), 4, 8, 1, 8],
            &[0, info(1, 0), 4, 32],
            &[10, info(KIND_ENUM, 1), 4, 10, 7],
            &[12, info(KIND_TYPEDEF, 0), 6],
            &[0, info(KIND_PTR, 0), 7],
            &[0, info(KIND_FUNC_PROTO, 2), 0, 0, 3, 0, 3],
        ];
        file(&types, names)
    }

    fn ask_everything(bytes: &[u8]) {
        if let Ok(btf) = Btf::parse(bytes) {
            let _ = btf.bit_offset("task", "b.b.a");
            let _ = btf.enumerator("c", "c");
            let _ = btf.tracepoint_parameters("x");
            let _ = Btf::parse(&btf.only(&HashSet::from([b"btf_trace_x".to_vec()])));
        }
    }

    #[test]
    fn damaged_types_are_read_to_an_end() {
        let bytes = a_task();
        let btf = Btf::parse(&bytes).expect("it is complete");
        assert_eq!(btf.bit_offset("task", "b.b.a"), Some(80));
        assert_eq!(btf.enumerator("c", "c"), Some(7));
        assert_eq!(btf.tracepoint_parameters("x"), Some(1));
        fuzz::feed(&[bytes], ask_everything);
    }

    #[test]
    fn types_that_form_a_circle_have_no_members() {
        let names = b"\0task\0";
        let circle = file(&[&[1, KIND_STRUCT << 24 | 1, 4, 0, 1, 0]], names);
        let typedefs = file(
            &[
                &[1, KIND_STRUCT << 24 | 1, 4, 0, 2, 0],
                &[0, KIND_TYPEDEF << 24, 2],
            ],
            names,
        );
        for bytes in [circle, typedefs] {
            let btf = Btf::parse(&bytes).expect("its form is right");
            assert_eq!(btf.bit_offset("task", "a"), None);
        }
    }

    #[test]
    #[ignore = "needs a kernel with BTF"]
    fn kept_types_keep_their_ids() {
        let bytes = read().expect("the kernel shows its types");
        let whole = Btf::parse(&bytes).expect("they parse");
        let [function, tracepoint] = ["do_exit", "btf_trace_sched_process_exit"];
        let only = whole.only(&HashSet::from([function, tracepoint].map(Vec::from)));
        let few = Btf::parse(&only).expect("they parse");
        assert_eq!(few.typedefs.len(), 1);
        assert!(few.structs.is_empty() && few.enums.is_empty());
        assert_eq!(
            few.typedefs[tracepoint.as_bytes()],
            whole.typedefs[tracepoint.as_bytes()]
        );
        assert_eq!(functions(&few, function), functions(&whole, function));
        assert!(functions(&few, "release_task").is_empty());
    }

    fn functions(btf: &Btf<'_>, name: &str) -> Vec<usize> {
        let has_name = |&(_, &at): &(usize, &usize)| {
            let info = btf.layout.word(at + 4).map(kind);
            let text = btf.layout.word(at).map(|offset| btf.layout.string(offset));
            info == Some(KIND_FUNC) && text == Some(name.as_bytes())
        };
        let types = btf.layout.starts.iter().enumerate().skip(1);
        types.filter(has_name).map(|(index, _)| index).collect()
    }
}
