//! The PIDs of a process in few bytes.

use super::{Place, Pool};
use crate::events::NamespacePid;

/// The PIDs of a process that is in at most two PID namespaces, as nearly all are; or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pids {
    namespaces: Place,
    numbers: [u32; 2],
}

/// The namespaces of such processes, outermost first; 0 is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespaces(Pool<[u32; 2]>);

impl Namespaces {
    /// Those that fit, and the rest: all, or none.
    pub(crate) fn put(&mut self, pids: Vec<NamespacePid>) -> (Pids, Vec<NamespacePid>) {
        let (fitting, rest) = if pids.len() <= 2 {
            (pids, Vec::new())
        } else {
            (Vec::new(), pids)
        };
        let at = |place: usize| fitting.get(place);
        let namespaces = [0, 1].map(|it| at(it).map_or(0, |it| it.namespace));
        let fit = Pids {
            namespaces: self.0.put(at(0).map(|_| namespaces)),
            numbers: [0, 1].map(|it| at(it).map_or(0, |it| it.nr)),
        };
        (fit, rest)
    }

    /// Put together again with the rest.
    pub(crate) fn get(&self, pids: Pids, rest: Vec<NamespacePid>) -> Vec<NamespacePid> {
        let namespaces = self.0.get(pids.namespaces).into_iter().flatten();
        let both = namespaces.zip(pids.numbers);
        let known = both.filter(|&(namespace, _)| namespace != 0);
        known
            .map(|(namespace, nr)| NamespacePid { namespace, nr })
            .chain(rest)
            .collect()
    }

    /// One use is over.
    pub(crate) fn release(&mut self, pids: Pids) {
        self.0.release(pids.namespaces);
    }

    /// How many different ones there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
