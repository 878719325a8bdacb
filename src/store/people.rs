//! Access tokens and sessions. What somebody has to show for one is kept as its hash alone, which is also its key: it is
//! random, so nobody can guess from a fast hash what it was, and looking up a hash tells nothing about others.

use super::{
    StoreError, codec,
    codec::Record,
    schema::Table,
    tx::{Rows, Tx, WriteTx},
};
use crate::domain::{
    ids::TokenId,
    people::{AccessToken, Session},
};

/// SHA-256 of a secret.
pub type SecretDigest = [u8; 32];

impl<T: Rows> Tx<T> {
    /// The access token with this hash.
    pub fn access_token(&self, digest: &SecretDigest) -> Result<Option<AccessToken>, StoreError> {
        self.record(Table::AccessTokens, digest)
    }

    /// All access tokens, in no order that means anything. They are few.
    pub fn access_tokens(&self) -> Result<Vec<AccessToken>, StoreError> {
        Ok(self.all(Table::AccessTokens)?.into_iter().map(|(_, token)| token).collect())
    }

    /// The session with this hash. It may have ended.
    pub fn session(&self, digest: &SecretDigest) -> Result<Option<Session>, StoreError> {
        self.record(Table::Sessions, digest)
    }

    /// All sessions, each with its hash. There are few.
    pub fn sessions(&self) -> Result<Vec<(Vec<u8>, Session)>, StoreError> {
        self.all(Table::Sessions)
    }

    fn all<R: Record>(&self, table: Table) -> Result<Vec<(Vec<u8>, R)>, StoreError> {
        let decoded = self.prefix(table, &[])?.map(|row| {
            let (key, record) = row?;
            Ok((key.value().to_vec(), codec::decode(record.value())?))
        });
        decoded.collect()
    }
}

impl WriteTx<'_> {
    /// Keeps an access token.
    pub fn put_access_token(&mut self, digest: &SecretDigest, token: &AccessToken) -> Result<(), StoreError> {
        self.insert_record(Table::AccessTokens, digest, token)
    }

    /// Notes when access tokens were last used.
    pub fn note_used(&mut self, used: &[(TokenId, jiff::Timestamp)]) -> Result<(), StoreError> {
        for (digest, mut token) in self.all::<AccessToken>(Table::AccessTokens)? {
            if let Some((_, at)) = used.iter().find(|(id, _)| *id == token.id) {
                token.last_used = token.last_used.max(Some(*at));
                self.insert_record(Table::AccessTokens, &digest, &token)?;
            }
        }
        Ok(())
    }

    /// Forgets an access token, and with it the sessions that were begun with it. Was there one?
    pub fn forget_access_token(&mut self, id: TokenId) -> Result<bool, StoreError> {
        let tokens = self.all::<AccessToken>(Table::AccessTokens)?;
        let Some((digest, _)) = tokens.into_iter().find(|(_, token)| token.id == id) else {
            return Ok(false);
        };
        self.remove(Table::AccessTokens, &digest)?;
        for (digest, session) in self.sessions()? {
            if session.token == Some(id) {
                self.forget_session(&digest)?;
            }
        }
        Ok(true)
    }

    /// Keeps a session.
    pub fn put_session(&mut self, digest: &SecretDigest, session: &Session) -> Result<(), StoreError> {
        self.insert_record(Table::Sessions, digest, session)
    }

    /// Forgets a session. One that is not there is no error.
    pub fn forget_session(&mut self, digest: &[u8]) -> Result<(), StoreError> {
        self.remove(Table::Sessions, digest)
    }
}
