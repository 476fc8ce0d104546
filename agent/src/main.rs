mod api;
mod events;
mod handle;
mod lifecycle;
fn main() {}
