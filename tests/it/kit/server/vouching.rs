//! How the Server vouches for people (`server-protocol.md`, section 1.9).

use http::HeaderMap;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::Value;

use super::{
    FakeServer,
    answer::{Answer, error, set, status, with_body},
    form::text,
};

/// A pair of keys.
pub struct Signer(KeyPair);

impl Signer {
    pub fn new() -> Self {
        Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
    }

    /// What whoever checks its signatures needs.
    pub fn public(&self) -> String {
        self.0.public_key_pem()
    }

    /// A token that says this.
    pub fn signs(&self, claims: &Value) -> String {
        let key = EncodingKey::from_ec_pem(self.0.serialize_pem().as_bytes()).unwrap();
        encode(&Header::new(Algorithm::ES256), claims, &key).unwrap()
    }
}

/// The public keys that the Server has. None at all is a Server that vouches for nobody.
#[derive(Default)]
pub struct Keys {
    pem: String,
    changes: u8,
}

impl Keys {
    pub fn answer(&self, headers: &HeaderMap) -> Answer {
        if self.pem.is_empty() {
            return error(501);
        }
        let modified = format!("Mon, 02 Mar 2026 10:00:{:02} GMT", self.changes);
        if text(headers, "if-modified-since") == modified {
            return status(304);
        }
        let mut answer = with_body(200, "text/plain", self.pem.clone());
        set(&mut answer, "Last-Modified", &modified);
        answer
    }
}

impl FakeServer {
    /// From now on the Server signs with one of these keys.
    pub fn has_keys(&self, signers: &[&Signer]) {
        let keys = &mut self.state().keys;
        keys.pem = signers.iter().map(|signer| signer.public()).collect();
        keys.changes += 1;
    }
}
