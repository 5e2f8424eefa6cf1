//! Makes the reports that are due.

use super::{Connection, Runtime, RuntimeError, Step};

impl Runtime {
    pub(super) async fn reports_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let _ = connection;
        Ok(Step::Rest(None))
    }
}
