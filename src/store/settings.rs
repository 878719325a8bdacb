//! What the Manager remembers of itself: named texts.

use super::{
    StoreError,
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};

impl<T: Rows> Tx<T> {
    /// A setting.
    pub fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let value = self.get(Table::Settings, name.as_bytes())?;
        let text = value.map(|value| String::from_utf8(value.value().to_vec())).transpose();
        text.map_err(|_| StoreError::Corrupt(format!("the setting {name} is no text")))
    }
}

impl WriteTx<'_> {
    /// Keeps a setting.
    pub fn put_setting(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.insert(Table::Settings, name.as_bytes(), value.as_bytes())
    }

    /// Forgets a setting. One that is not there is no error.
    pub fn forget_setting(&mut self, name: &str) -> Result<(), StoreError> {
        self.remove(Table::Settings, name.as_bytes())
    }
}
