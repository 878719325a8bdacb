//! The proof that a new worker knows `worker_registration_secret`: a JSON Web Token signed with it
//! (`worker-protocol.md`, section 10).

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

/// Clocks of workers may be off by this much, in seconds.
const LEEWAY: f64 = 60.0;

/// The times in a token, in seconds since 1970. Workers send fractions.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Claims {
    exp: f64,
    nbf: Option<f64>,
}

/// Does this token prove, now, that its sender knows the secret?
pub fn is_valid(token: &str, secret: &str, now: Timestamp) -> bool {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    // The times are checked below, by our own clock.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(secret.trim().as_bytes());
    decode::<Claims>(token, &key, &validation).is_ok_and(|token| is_current(token.claims, now))
}

fn is_current(claims: Claims, now: Timestamp) -> bool {
    let now = now.as_duration().as_secs_f64();
    now <= claims.exp + LEEWAY && claims.nbf.is_none_or(|begin| now >= begin - LEEWAY)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-03-01T12:00:00Z";
    const SECONDS: f64 = 1_772_366_400.0;

    fn token(algorithm: Algorithm, claims: &Value) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret("gehëim".as_bytes())).unwrap()
    }

    fn accepts(claims: &Value) -> bool {
        is_valid(&token(Algorithm::HS256, claims), "gehëim", NOW.parse().unwrap())
    }

    #[test]
    fn a_genuine_token_with_fractions_of_seconds_is_accepted() {
        assert!(accepts(&json!({"iat": SECONDS - 0.25, "exp": SECONDS + 900.055_102})));
    }

    #[test]
    fn all_three_kinds_of_hmac_are_accepted_and_nothing_else() {
        let claims = json!({"exp": SECONDS + 900.0});
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            assert!(is_valid(&token(algorithm, &claims), " gehëim\n", NOW.parse().unwrap()), "{algorithm:?}");
        }
        let unsigned = "eyJhbGciOiJub25lIn0.eyJleHAiOjE5NzIzNjY0MDB9.";
        assert!(!is_valid(unsigned, "gehëim", NOW.parse().unwrap()));
        assert!(!is_valid("nonsense", "gehëim", NOW.parse().unwrap()));
    }

    #[test]
    fn times_count_with_a_minute_of_leeway() {
        assert!(accepts(&json!({"exp": SECONDS - 59.0})));
        assert!(!accepts(&json!({"exp": SECONDS - 61.0})));
        assert!(accepts(&json!({"exp": SECONDS + 900.0, "nbf": SECONDS + 59.0})));
        assert!(!accepts(&json!({"exp": SECONDS + 900.0, "nbf": SECONDS + 61.0})));
        assert!(!accepts(&json!({"iat": SECONDS})), "a token that never expires");
    }

    #[test]
    fn a_token_signed_with_another_secret_is_refused() {
        let claims = json!({"exp": SECONDS + 900.0});
        assert!(!is_valid(&token(Algorithm::HS256, &claims), "other", NOW.parse().unwrap()));
    }
}
