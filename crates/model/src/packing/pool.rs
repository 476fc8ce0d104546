//! Values that many rows share, each kept once: a thousand zombies of one parent name it by a
//! number.

use std::collections::HashMap;
use std::hash::Hash;

/// The place of no value.
const NONE: u32 = u32::MAX;

/// A value in a pool, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(u32);

/// Values with the number of rows that use each.
#[derive(Clone, Debug)]
pub(crate) struct Pool<T> {
    values: Vec<(T, u32)>,
    free: Vec<u32>,
    places: HashMap<T, u32>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            free: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T: Copy + Eq + Hash> Pool<T> {
    /// The place of a value, which stays there until each use of it has been released.
    pub(crate) fn put(&mut self, value: Option<T>) -> Place {
        let Some(value) = value else {
            return Place(NONE);
        };
        if let Some(&place) = self.places.get(&value) {
            self.values[place as usize].1 += 1;
            return Place(place);
        }
        let place = if let Some(place) = self.free.pop() {
            self.values[place as usize] = (value, 1);
            place
        } else {
            self.values.push((value, 1));
            self.values.len() as u32 - 1
        };
        self.places.insert(value, place);
        Place(place)
    }

    /// The value of a place that is in use.
    pub(crate) fn get(&self, place: Place) -> Option<T> {
        self.at(place).copied()
    }

    /// The same, by reference.
    pub(crate) fn at(&self, place: Place) -> Option<&T> {
        let (value, _) = self.values.get(place.0 as usize)?;
        Some(value)
    }

    /// One use is over.
    pub(crate) fn release(&mut self, place: Place) {
        let Some((value, uses)) = self.values.get_mut(place.0 as usize) else {
            return;
        };
        *uses -= 1;
        if *uses == 0 {
            self.places.remove(value);
            self.free.push(place.0);
            if self.places.is_empty() {
                *self = Self::default();
            }
        }
    }

    /// How many values it has.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_place_until_the_last_use_is_released() {
        let mut pool = Pool::default();
        let (one, two, same) = (pool.put(Some(1)), pool.put(Some(2)), pool.put(Some(1)));
        assert_eq!((one == same, one == two), (true, false));
        assert_eq!(pool.put(None), Place(NONE));
        assert_eq!(pool.get(Place(NONE)), None);
        pool.release(Place(NONE));
        pool.release(one);
        assert_eq!((pool.get(same), pool.len()), (Some(1), 2));
        pool.release(same);
        assert_eq!(pool.len(), 1);
        assert_eq!(pool.put(Some(3)), one, "its place is used again");
        assert_eq!((pool.get(one), pool.get(two)), (Some(3), Some(2)));
    }
}
