//! Logins against a scripted CRM.
