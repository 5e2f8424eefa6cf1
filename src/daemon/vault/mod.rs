//! Where tokens are kept: one encrypted file for each connection, beside the store.

mod file;
mod key;
mod stored;

pub use file::FileVault;
pub use key::KeyPlace;

#[cfg(test)]
mod tests;
