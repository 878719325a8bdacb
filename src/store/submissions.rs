//! Submissions that named themselves by a key, for as long as they are remembered.

use super::{
    StoreError, codec,
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::idempotency::Receipt;

impl<T: Rows> Tx<T> {
    /// What is remembered of the submission with this key. It may have expired.
    pub fn receipt(&self, key: &str) -> Result<Option<Receipt>, StoreError> {
        self.record(Table::Submissions, key.as_bytes())
    }

    /// Are there submissions that have expired?
    pub fn has_expired_receipts(&self) -> Result<bool, StoreError> {
        Ok(!self.expired_receipts()?.is_empty())
    }

    fn expired_receipts(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut expired = Vec::new();
        for row in self.prefix(Table::Submissions, &[])? {
            let (key, receipt) = row?;
            if codec::decode::<Receipt>(receipt.value())?.has_expired(self.now()) {
                expired.push(key.value().to_vec());
            }
        }
        Ok(expired)
    }
}

impl WriteTx<'_> {
    /// Remembers a submission.
    pub fn put_receipt(&mut self, key: &str, receipt: &Receipt) -> Result<(), StoreError> {
        self.insert_record(Table::Submissions, key.as_bytes(), receipt)
    }

    /// Forgets the submissions that have expired, and returns how many there were.
    pub fn forget_expired_receipts(&mut self) -> Result<usize, StoreError> {
        let expired = self.expired_receipts()?;
        for key in &expired {
            self.remove(Table::Submissions, key)?;
        }
        Ok(expired.len())
    }
}
