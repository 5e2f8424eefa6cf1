//! The listener over real sockets, beside a scripted CRM.

mod hooks;
mod links;
