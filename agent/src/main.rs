mod api;
mod events;
mod handle;
mod lifecycle;
mod parents;
fn main() {}
