//! What lists can be asked for behind the question mark: filters, an order, a page.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::super::error::ApiError;
use crate::domain::{
    listing::{Choice, Filter, Order, Query},
    paging::{Key, Place, Window},
};

/// The largest page of a list.
const MOST_ON_A_PAGE: usize = 1000;

/// The size of a page when nobody asks for another.
pub const PAGE: usize = 100;

/// The parameters of a list that can be filtered and sorted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListParameters {
    /// Only those with one of these statuses, with commas between.
    #[serde(default)]
    status: String,
    /// Only those of one of these types, with commas between.
    #[serde(default, rename = "type")]
    types: String,
    /// Only those in whose names or IDs, or addresses of workers, this is found, whether in capitals or not.
    #[serde(default)]
    text: String,
    /// What they go by; with a `-` before it, the other way round.
    sort: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// How many to show at the most: 1 to 1000.
    limit: Option<usize>,
}

impl ListParameters {
    /// What they ask for; `page` is the size of a page when they do not say.
    pub fn query<S, C, I>(self, page: usize) -> Result<Query<S, C, I>, ApiError>
    where
        S: Choice + PartialEq,
        C: Choice,
        I: DeserializeOwned,
        Order<C>: Default,
    {
        let Self { status, types, text, sort, after, limit } = self;
        let filter = Filter::parse(&status, &types, &text).map_err(ApiError::bad_request)?;
        let order = sort.map_or_else(|| Ok(Order::default()), |sort| Order::parse(&sort));
        let order = order.map_err(ApiError::bad_request)?;
        let window = PageParameters { after, limit }.window(order.by.name(), page)?;
        Ok(Query { filter, order, window })
    }
}

/// The parameters of a list that is shown as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageParameters {
    /// `next` of the page before.
    after: Option<String>,
    /// How many to show at the most.
    limit: Option<usize>,
}

impl PageParameters {
    /// What they ask for of a list that goes by `sort`.
    pub fn window<I: DeserializeOwned>(self, sort: &str, page: usize) -> Result<Window<I>, ApiError> {
        let limit = self.limit.map_or(Ok(page), page_size)?;
        let after = self.after.map(|cursor| read_cursor(sort, &cursor)).transpose()?;
        Ok(Window { after, limit })
    }
}

fn page_size(limit: usize) -> Result<usize, ApiError> {
    if (1..=MOST_ON_A_PAGE).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::bad_request(format!("limit={limit}: use 1 to {MOST_ON_A_PAGE}")))
}

/// A place in a list that goes by `sort`, as a text that nobody needs to understand and that needs no escaping.
pub fn cursor<I: Serialize>(sort: &str, place: &Place<I>) -> String {
    let parts = serde_json::to_vec(&(sort, &place.key, &place.id));
    BASE64_URL_SAFE_NO_PAD.encode(parts.expect("names, numbers and IDs are JSON"))
}

/// Reads what [`cursor`] wrote. Where the order is that of the IDs an ID will do as well.
fn read_cursor<I: DeserializeOwned>(sort: &str, text: &str) -> Result<Place<I>, ApiError> {
    let nonsense = || ApiError::bad_request(format!("{text:?} is not `next` of a page before"));
    if let ("created" | "id", Ok(id)) = (sort, serde_json::from_value(Value::String(text.to_owned()))) {
        return Ok(Place { key: Key::IdAlone, id });
    }
    let parts = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| nonsense())?;
    let (of, key, id): (String, Key, I) = serde_json::from_slice(&parts).map_err(|_| nonsense())?;
    if of != sort {
        return Err(ApiError::bad_request(format!(
            "the page before went by {of}, and this one is to go by {sort}: begin anew, without `after`"
        )));
    }
    Ok(Place { key, id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::JobId;

    #[test]
    fn a_cursor_is_read_back_and_needs_no_escaping() {
        for key in [Key::IdAlone, Key::Number(-7), Key::Text("é &?/+\"".into())] {
            let place = Place { key, id: JobId([7; 12]) };
            let text = cursor("name", &place);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
            assert_eq!(read_cursor("name", &text).unwrap(), place);
            assert!(read_cursor::<JobId>("status", &text).unwrap_err().message().contains("went by name"));
            read_cursor::<JobId>("name", &text[1..]).unwrap_err();
        }
    }

    #[test]
    fn an_id_is_a_cursor_where_the_list_goes_by_ids() {
        let id = JobId([7; 12]);
        assert_eq!(read_cursor("created", &id.to_string()).unwrap(), Place { key: Key::IdAlone, id });
        read_cursor::<JobId>("name", &id.to_string()).unwrap_err();
    }
}
