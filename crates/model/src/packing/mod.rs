//! How much is kept in little: processes come in hundreds of thousands, and most of what is known of
//! each is what others have too.

mod pids;
mod pool;

pub(crate) use pids::{Namespaces, Pids};
pub(crate) use pool::{Place, Pool};
