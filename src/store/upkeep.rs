//! What the file itself is like: how large, with what in it; and how it is made smaller.

use super::{ReadTx, Store, StoreError, schema::Table};
use crate::domain::database::{Compacted, TableSize};

impl ReadTx {
    /// All tables with their sizes. It looks at every page of the file, which takes a while.
    pub fn table_sizes(&self) -> Result<Vec<TableSize>, StoreError> {
        let size = |table: Table| {
            let stats = self.stats(table)?;
            let bytes_in_file = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
            let (name, rows, bytes) = (table.name(), self.len(table)?, stats.stored_bytes());
            Ok(TableSize { name, rows, bytes, bytes_in_file })
        };
        Table::ALL.into_iter().map(size).collect()
    }
}

impl Store {
    /// How large the file is, in bytes; 0 where there is none.
    pub fn file_size(&self) -> u64 {
        std::fs::metadata(&self.file.path).map_or(0, |file| file.len())
    }

    /// Gives the room in the file that nothing is in back to the disk. Until that is done, nobody can read or write. It is
    /// refused while a look goes on that takes long.
    pub fn compact(&self) -> Result<Compacted, StoreError> {
        let bytes_before = self.file_size();
        self.file.alone(|database| Ok(database.compact().map(drop)?))?;
        Ok(Compacted { bytes_before, bytes_after: self.file_size() })
    }

    /// Is what was written to the disk still there? Until that is found out, nobody can read or write.
    pub fn is_intact(&self) -> Result<bool, StoreError> {
        self.file.alone(|database| Ok(database.check_integrity()?))
    }
}
