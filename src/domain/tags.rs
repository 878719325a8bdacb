//! Worker tags: names by which a job asks for some of the workers, such as those with a large graphics card.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most tags of a job or a worker.
const MOST: usize = 100;

/// The longest tag, in characters.
const LONGEST: usize = 100;

/// Tags, sorted, each of them once, and nothing in them that would be hard to type. Upper and lower case differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<String>")]
pub struct Tags(Vec<String>);

/// A list that is none of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTags {
    /// One of them is empty.
    #[error("a worker tag is empty")]
    Empty,
    /// One of them is too long.
    #[error("a worker tag has {0} characters; at most {LONGEST} are allowed")]
    TooLong(usize),
    /// Lists of tags are written with commas, in one line.
    #[error("a worker tag holds a comma or a control character: {0:?}")]
    OddSign(String),
    /// There are too many.
    #[error("there are {0} worker tags; at most {MOST} are allowed")]
    TooMany(usize),
}

impl TryFrom<Vec<String>> for Tags {
    type Error = BadTags;

    fn try_from(names: Vec<String>) -> Result<Self, BadTags> {
        let mut tags = names.iter().map(|name| tag(name.trim())).collect::<Result<Vec<_>, _>>()?;
        tags.sort();
        tags.dedup();
        if tags.len() > MOST { Err(BadTags::TooMany(tags.len())) } else { Ok(Self(tags)) }
    }
}

fn tag(name: &str) -> Result<String, BadTags> {
    if name.is_empty() {
        return Err(BadTags::Empty);
    }
    if name.contains(|sign: char| sign == ',' || sign.is_control()) {
        return Err(BadTags::OddSign(name.to_owned()));
    }
    match name.chars().count() {
        length if length > LONGEST => Err(BadTags::TooLong(length)),
        _ => Ok(name.to_owned()),
    }
}

impl Tags {
    /// The names, sorted.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// May a worker with the tags `of_worker` do a job with these? It needs one of them; a job without tags asks for none.
    pub fn admit(&self, of_worker: &Self) -> bool {
        self.0.is_empty() || self.0.iter().any(|tag| of_worker.0.binary_search(tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(names: &[&str]) -> Result<Tags, BadTags> {
        Tags::try_from(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn tags_are_trimmed_and_sorted_and_each_is_there_once() {
        assert_eq!(
            tags(&["gpu", " big memory ", "gpu", "GPU"]).unwrap().names(),
            ["GPU", "big memory", "gpu"]
        );
        assert_eq!(tags(&[]), Ok(Tags::default()));
    }

    #[test]
    fn a_tag_that_would_be_hard_to_type_is_refused() {
        assert_eq!(tags(&["gpu", " "]), Err(BadTags::Empty));
        assert_eq!(tags(&["a,b"]), Err(BadTags::OddSign("a,b".into())));
        assert_eq!(tags(&["a\u{7}b"]), Err(BadTags::OddSign("a\u{7}b".into())));
        assert!(tags(&[&"é".repeat(100)]).is_ok());
        assert_eq!(tags(&[&"x".repeat(101)]), Err(BadTags::TooLong(101)));
        let many: Vec<_> = (0..101).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(tags(&many), Err(BadTags::TooMany(101)));
        assert!(tags(&many[1..]).is_ok());
    }

    #[test]
    fn one_tag_of_a_job_is_enough_and_a_job_without_tags_takes_anybody() {
        let job = tags(&["cuda", "gpu"]).unwrap();
        assert!(job.admit(&tags(&["fast", "gpu"]).unwrap()));
        assert!(!job.admit(&tags(&["fast", "GPU"]).unwrap()));
        assert!(!job.admit(&Tags::default()));
        assert!(Tags::default().admit(&Tags::default()));
        assert!(Tags::default().admit(&job));
    }
}
