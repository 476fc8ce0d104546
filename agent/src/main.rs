mod api;
mod events;
mod handle;
mod lifecycle;
mod metrics;
mod server;
fn main() {}
