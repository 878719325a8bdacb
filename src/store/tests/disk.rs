//! A disk that can be filled up, broken, repaired and unplugged.

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind},
    sync::{Arc, Mutex, MutexGuard},
};

use redb::{Database, DatabaseError, StorageBackend};

use crate::store::{OpenError, Store};

/// The room on a disk is taken in blocks of as many bytes, as they are written.
const BLOCK: u64 = 4096;

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trouble {
    #[default]
    None,
    /// There is no room for further blocks.
    Full,
    /// Every so many calls that change something, one fails.
    Every(u64),
    /// That call which changes something panics.
    PanicAt(u64),
    /// From that call on, the disk is gone.
    GoneAt(u64),
}

/// A disk with one file, which outlives whoever opens it.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The file as programs see it.
    file: Vec<u8>,
    /// The file as it was at the last flush.
    flushed: Vec<u8>,
    /// What was written since.
    since: Vec<(usize, Vec<u8>)>,
    taken: BTreeSet<u64>,
    trouble: Trouble,
    calls: u64,
    flushes: u64,
    is_open: bool,
}

impl Disk {
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the store on this disk, with a lock as on a real file.
    pub fn store(&self) -> Result<Store, OpenError> {
        let disk = self.clone();
        Store::open_with("the disk", Box::new(move || disk.open()))
    }

    pub fn open(&self) -> Result<Database, DatabaseError> {
        if std::mem::replace(&mut self.state().is_open, true) {
            return Err(DatabaseError::DatabaseAlreadyOpen);
        }
        Database::builder().create_with_backend(Drive(self.clone()))
    }

    /// From now on, this is wrong with the disk.
    pub fn gets(&self, trouble: Trouble) {
        let mut state = self.state();
        state.trouble = trouble;
        state.calls = 0;
    }

    /// How many calls changed something, since the disk got its last trouble.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    pub fn flushes(&self) -> u64 {
        self.state().flushes
    }

    /// The disk after a power cut: of what was written since the last flush, a part is lost.
    pub fn after_power_cut(&self, seed: u64) -> Self {
        let state = self.state();
        let mut file = state.flushed.clone();
        file.resize(file.len().max(state.file.len()), 0);
        for (number, (offset, bytes)) in (0..).zip(&state.since) {
            if scattered(seed, number).is_multiple_of(2) && offset + bytes.len() <= file.len() {
                file[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
        }
        Self(Arc::new(Mutex::new(State { flushed: file.clone(), file, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Numbers that look like chance and are the same each time.
pub fn scattered(seed: u64, number: u64) -> u64 {
    let mixed = (seed ^ number.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^ (mixed >> 29)
}

impl State {
    /// A call that changes something: does it work?
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.trouble {
            Trouble::Every(calls) if self.calls.is_multiple_of(calls) => {
                Err(io::Error::other("a bad sector"))
            }
            Trouble::PanicAt(call) if self.calls == call => panic!("a planted panic of the disk"),
            _ => self.is_there(),
        }
    }

    fn is_there(&self) -> io::Result<()> {
        match self.trouble {
            Trouble::GoneAt(call) if self.calls >= call => Err(io::Error::other("the disk is gone")),
            _ => Ok(()),
        }
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.call()?;
        let end = offset + bytes.len() as u64;
        let blocks = offset / BLOCK..end.div_ceil(BLOCK);
        if self.trouble == Trouble::Full && blocks.clone().any(|block| !self.taken.contains(&block)) {
            return Err(ErrorKind::StorageFull.into());
        }
        self.taken.extend(blocks);
        let offset = position(offset);
        let there = self.file.get_mut(offset..position(end)).ok_or(ErrorKind::InvalidInput)?;
        there.copy_from_slice(bytes);
        self.since.push((offset, bytes.to_vec()));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call()?;
        self.flushes += 1;
        self.flushed.resize(self.file.len(), 0);
        for (offset, bytes) in std::mem::take(&mut self.since) {
            let end = (offset + bytes.len()).min(self.flushed.len());
            if offset < end {
                self.flushed[offset..end].copy_from_slice(&bytes[..end - offset]);
            }
        }
        Ok(())
    }
}

/// redb's access to the file on the disk.
#[derive(Debug)]
struct Drive(Disk);

impl StorageBackend for Drive {
    fn len(&self) -> io::Result<u64> {
        let state = self.0.state();
        state.is_there().map(|()| state.file.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.state();
        state.is_there()?;
        let offset = position(offset);
        out.copy_from_slice(state.file.get(offset..offset + out.len()).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.state();
        state.call()?;
        state.file.resize(position(len), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.state().flush()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.state().write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.state().is_open = false;
        Ok(())
    }
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).expect("the file fits into memory")
}
