//! Access tokens for people and scripts: made, listed, revoked.

use super::{
    super::{Error, Services},
    TOKEN_PREFIX, new_secret,
};
use crate::domain::{
    ids::TokenId,
    people::{AccessToken, Role, check_name},
};

/// The most access tokens that there can be: each use looks at one of them, each list at all.
const MOST: usize = 1000;

impl Services {
    /// Makes an access token, and returns it with the token itself, which nobody can tell afterwards. The log-in link of the
    /// start has done its duty then.
    pub async fn create_token(&self, name: &str, role: Role) -> Result<(AccessToken, String), Error> {
        let name = check_name(name).map_err(Error::Refused)?;
        let (secret, digest) = new_secret(TOKEN_PREFIX);
        let (id, created) = (TokenId(self.identities.next(self.now())), self.now());
        let token = AccessToken { id, name, role, created, last_used: None };
        let kept = token.clone();
        self.store
            .write(created, move |tx| {
                let others = tx.access_tokens()?;
                if others.iter().any(|other| other.name == kept.name) {
                    return Err(Error::NameTaken(kept.name.clone()));
                }
                if others.len() >= MOST {
                    return Err(Error::Refused(format!("there are {MOST} access tokens; revoke some first")));
                }
                Ok(tx.put_access_token(&digest, &kept)?)
            })
            .await?;
        self.forget_first_link();
        tracing::info!(name = token.name, %role, "an access token was made");
        Ok((token, secret))
    }

    /// All access tokens, by name.
    pub fn tokens(&self) -> Result<Vec<AccessToken>, Error> {
        let mut tokens = self.store.read(self.now(), |tx| Ok::<_, Error>(tx.access_tokens()?))?;
        let used = self.admission.used();
        for token in &mut tokens {
            token.last_used = token.last_used.max(used.get(&token.id).copied());
        }
        drop(used);
        tokens.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(tokens)
    }

    /// Revokes an access token. Whoever is logged in with it is logged out.
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), Error> {
        let was_there =
            self.store.write(self.now(), move |tx| Ok::<_, Error>(tx.forget_access_token(id)?)).await?;
        if !was_there {
            return Err(Error::UnknownToken(id));
        }
        self.admission.used().remove(&id);
        self.revoke();
        tracing::info!(%id, "an access token was revoked");
        Ok(())
    }
}
