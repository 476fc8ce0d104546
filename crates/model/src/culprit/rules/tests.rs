//! Each verdict from evidence as it was seen, and its look-alikes.

mod blocked;
mod habits;
mod places;
mod states;
