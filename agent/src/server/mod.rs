//! HTTP over TCP and a Unix socket. Asks the loop, writes its answers, stores nothing.
//!
//! [`bind`] does everything that can fail, before anything else starts; [`serve`] only serves.

mod access;
mod bind_error;
mod budget;
mod connections;
mod group;
mod joined;
mod landing;
mod listen;
mod patience;
mod refusal;
mod routes;
mod seats;
mod socket;
mod stream;
mod web;

#[cfg(test)]
pub(crate) mod tests;

pub use connections::serve;
pub use listen::bind;
pub use web::Web;
