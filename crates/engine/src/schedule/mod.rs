//! What devices of a run share: the tenant's rates and slots, the queues for them, and the action list.

pub(crate) mod queues;
pub(crate) mod quota;
pub(crate) mod watcher;
