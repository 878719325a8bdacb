//! What people did.

use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{audit, people::Role};

/// A page of what people did.
#[derive(Serialize, JsonSchema)]
pub struct Audit<'a> {
    /// The newest first.
    pub entries: Vec<Deed<'a>>,
    /// What to give as `after` to get the next page; nothing when this is the last.
    pub next: Option<String>,
    /// How much is remembered in all.
    pub total: u64,
}

/// Something that somebody did, or was refused.
#[derive(Serialize, JsonSchema)]
pub struct Deed<'a> {
    /// Its number: what was done later has a larger one.
    _id: u64,
    when: Timestamp,
    /// Who did it; null if nobody knows.
    who: Option<&'a str>,
    /// What they may do.
    role: Option<Role>,
    /// The address of the machine that asked; null for a command that worked on the database itself.
    #[schemars(with = "Option<String>")]
    from: Option<IpAddr>,
    /// What was done, in words.
    action: &'a str,
    /// To what: IDs, with the names at that time.
    target: &'a str,
    /// What more was said: parameters and the body of the request, without secrets; of a long one the beginning.
    detail: &'a str,
    /// The status of the answer, which tells whether it was done; null if nobody waited for one.
    status: Option<u16>,
}

/// Something that somebody did.
pub fn deed((number, deed): &(u64, audit::Deed)) -> Deed<'_> {
    let audit::Deed { at, who, role, from, action, target, detail, status } = deed;
    Deed {
        _id: *number,
        when: *at,
        who: who.as_deref(),
        role: *role,
        from: *from,
        action,
        target,
        detail,
        status: *status,
    }
}
