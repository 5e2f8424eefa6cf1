//! Ways to reach people beside the CRM's own tasks.

pub mod mail;
mod message;

pub use mail::SmtpMail;

#[cfg(test)]
#[path = "../../../tests/support/smtp.rs"]
mod sink;

#[cfg(test)]
mod tests;
