//! A connector that is listened to: the texts of all its errors are kept, to be looked through for secrets.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dealclock_connector::{
    Account, ChangePage, Connector, Cursor, Descriptor, Discovery, Feed, History, NativeApprovals, Outcomes, Provision,
    Quota, Result, Webhooks,
};
use dealclock_model::{Change, EffectId, Object, Receipt, RecordRef, Write};

/// The texts of errors.
pub type Said = Arc<Mutex<Vec<String>>>;

/// A connector that is listened to.
pub struct Watched {
    inner: Arc<dyn Connector>,
    said: Said,
}

impl Watched {
    pub fn new(inner: Arc<dyn Connector>, said: &Said) -> Watched {
        Watched { inner, said: Arc::clone(said) }
    }

    fn heard<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.said.lock().unwrap().push(format!("{error} {error:?}"));
        }
        result
    }
}

#[async_trait]
impl Connector for Watched {
    fn descriptor(&self) -> &Descriptor {
        self.inner.descriptor()
    }

    async fn check(&self) -> Result<Account> {
        self.heard(self.inner.check().await)
    }

    async fn discover(&self) -> Result<Discovery> {
        self.heard(self.inner.discover().await)
    }

    async fn changes(&self, object: Object, since: Option<&Cursor>) -> Result<ChangePage> {
        self.heard(self.inner.changes(object, since).await)
    }

    async fn fetch(&self, records: &[RecordRef]) -> Result<Vec<Change>> {
        self.heard(self.inner.fetch(records).await)
    }

    async fn apply(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        self.inner.apply(writes).await.into_iter().map(|result| self.heard(result)).collect()
    }

    async fn find(&self, effects: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>> {
        self.heard(self.inner.find(effects).await)
    }

    async fn written(&self, records: &[RecordRef]) -> Result<Vec<Vec<(EffectId, String)>>> {
        self.heard(self.inner.written(records).await)
    }

    fn history(&self) -> Option<&dyn History> {
        self.inner.history()
    }

    fn provision(&self) -> Option<&dyn Provision> {
        self.inner.provision()
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        self.inner.webhooks()
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.inner.feed()
    }

    fn approvals(&self) -> Option<&dyn NativeApprovals> {
        self.inner.approvals()
    }

    fn outcomes(&self) -> Option<&dyn Outcomes> {
        self.inner.outcomes()
    }

    fn quota(&self) -> Option<&Quota> {
        self.inner.quota()
    }
}
