//! Each verdict from evidence as it was seen, and its look-alikes.

mod dumps;
mod holders;
mod ignored;
mod requests;
mod servers;
mod threads;
