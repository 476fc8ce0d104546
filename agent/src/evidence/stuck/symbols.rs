//! Addresses of kernel stacks → names of functions, by /proc/kallsyms. I/O.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};

use super::Frame;

/// Where the kernel lists its functions.
const KALLSYMS: &str = "/proc/kallsyms";

/// The names of addresses; those that the kernel hides are absent.
#[derive(Debug, Default)]
pub struct Symbols(HashMap<u64, Frame>);

impl Symbols {
    /// Learns these addresses, and forgets others. Those that are new are found in one reading,
    /// without keeping the list of some 200,000 names; who is stuck stays where it is, so that a
    /// second look need not read it again.
    pub fn learn(&mut self, addresses: impl Iterator<Item = u64>) {
        let addresses: BTreeSet<u64> = addresses.collect();
        self.0.retain(|address, _| addresses.contains(address));
        let known = |address: &u64| self.0.contains_key(address);
        let new: BTreeSet<u64> = addresses.into_iter().filter(|it| !known(it)).collect();
        if !new.is_empty()
            && let Ok(file) = File::open(KALLSYMS)
        {
            let found = Self::find(&new, BufReader::with_capacity(1 << 16, file));
            self.0.extend(found.0);
        }
    }

    /// For each address the nearest function that begins at or before it.
    fn find(addresses: &BTreeSet<u64>, mut list: impl BufRead) -> Self {
        let mut sorted: Vec<(u64, u64, Option<Frame>)> = Vec::new();
        sorted.extend(addresses.iter().map(|&address| (address, 0, None)));
        let mut line = String::new();
        loop {
            line.clear();
            // A list that cannot be read to its end leaves names out.
            if !list.read_line(&mut line).is_ok_and(|read| read > 0) {
                break;
            }
            let Some((start, frame)) = parse(&line) else {
                continue;
            };
            // Only the first address at or after it: later ones take it over below.
            let at = sorted.partition_point(|(address, ..)| *address < start);
            if let Some(place) = sorted.get_mut(at)
                && place.1 <= start
            {
                (place.1, place.2) = (start, Some(frame()));
            }
        }
        let mut names = HashMap::new();
        let mut nearest: (u64, Option<Frame>) = (0, None);
        for (address, start, frame) in sorted {
            if start >= nearest.0 && frame.is_some() {
                nearest = (start, frame);
            }
            if let Some(frame) = &nearest.1 {
                names.insert(address, frame.clone());
            }
        }
        Self(names)
    }

    /// A stack by name, without what probes left on it: their trampolines stay there while the
    /// function that they watch sleeps.
    pub fn stack(&self, addresses: &[u64]) -> Vec<Frame> {
        let frames = addresses.iter().filter_map(|address| self.0.get(address));
        frames
            .filter(|frame| !of_probe(&frame.function))
            .cloned()
            .collect()
    }
}

/// Whether a function was made for a probe.
pub fn of_probe(function: &str) -> bool {
    [
        "bpf_trampoline_",
        "bpf_prog_",
        "ftrace_trampoline",
        "kretprobe_trampoline",
        "arch_rethook_trampoline",
    ]
    .iter()
    .any(|name| function.starts_with(name))
}

/// A function and where it begins; `None` of data, and where addresses are hidden as zeros.
fn parse(line: &str) -> Option<(u64, impl FnOnce() -> Frame + '_)> {
    let mut words = line.split_ascii_whitespace();
    let start = u64::from_str_radix(words.next()?, 16)
        .ok()
        .filter(|&start| start != 0)?;
    if !matches!(words.next()?, "t" | "T" | "w" | "W") {
        return None;
    }
    let function = words.next()?;
    let module = words.next();
    Some((start, move || Frame {
        function: function.to_owned(),
        module: module
            .map(|module| module.trim_matches(['[', ']']).to_owned())
            .filter(|module| module != "bpf"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
ffffffff81000100 T do_exit
ffffffff81000200 t filp_close
ffffffff81000300 D some_data
ffffffff81000400 T put_files_struct
ffffffffc0001000 t fuse_flush\t[fuse]
ffffffffc0000000 t bpf_trampoline_1\t[bpf]
";

    fn names(list: &str, addresses: &[u64]) -> Vec<String> {
        let symbols = Symbols::find(&addresses.iter().copied().collect(), list.as_bytes());
        let frames = symbols.stack(addresses).into_iter();
        frames
            .map(|frame| {
                format!(
                    "{}{}",
                    frame.function,
                    frame.module.map_or(String::new(), |it| format!(" {it}"))
                )
            })
            .collect()
    }

    #[test]
    fn an_address_has_the_name_of_the_function_around_it() {
        let stack = [
            0xffff_ffff_c000_1010,
            0xffff_ffff_8100_03ff,
            0xffff_ffff_8100_0200,
            0xffff_ffff_8100_0110,
            0xffff_ffff_8100_0180,
        ];
        assert_eq!(
            names(LIST, &stack),
            [
                "fuse_flush fuse",
                "filp_close",
                "filp_close",
                "do_exit",
                "do_exit"
            ]
        );
    }

    #[test]
    fn trampolines_of_probes_are_no_frames() {
        assert!(names(LIST, &[0xffff_ffff_c000_0010]).is_empty());
    }

    #[test]
    fn hidden_addresses_have_no_names() {
        let hidden = "0000000000000000 T do_exit\n0000000000000000 t filp_close\n";
        assert!(names(hidden, &[0xffff_ffff_8100_0110]).is_empty());
        assert!(names("rubbish\n\n", &[1]).is_empty());
    }
}
