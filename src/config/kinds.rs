//! The kinds of values that keys have: how each is read, and the words that say what is allowed.
//!
//! A key that may be unset is unset by the empty text, too: so an example can show every key.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use toml::de::DeValue;

use super::{
    address::{HttpUrl, ListenAddress, is_host_name},
    duration,
    section::Kind,
    size,
    types::{DeviceUuid, Mode, RecheckThrottle, Secret},
};
use crate::domain::{
    assign::Scheduling,
    ids::ManagerId,
    people::Authentication,
    variables::{Audience, Direction},
    worker::WorkerStatus,
};

const fn kind<T>(expected: &'static str, read: fn(&DeValue<'_>) -> Option<T>) -> Kind<T> {
    Kind { expected, read, secret: false }
}

pub(super) const SWITCH: Kind<bool> = kind("true or false", |value| match value {
    DeValue::Boolean(on) => Some(*on),
    _ => None,
});

pub(super) const COUNT: Kind<NonZeroU32> = kind("a whole number of 1 or more", |value| {
    let integer = value.as_integer()?;
    u32::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok().and_then(NonZeroU32::new)
});

pub(super) const PERCENTAGE: Kind<u32> = kind("a whole number from 0 (never) to 100", |value| {
    let integer = value.as_integer()?;
    let number = u32::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok();
    number.filter(|number| *number <= 100)
});

pub(super) const TEXT: Kind<String> =
    kind("a text that is not empty", |value| text(value).filter(|text| !text.trim().is_empty()));

pub(super) const MAYBE_EMPTY_TEXT: Kind<String> = kind("a text", text);

pub(super) const PATH: Kind<PathBuf> = kind("a path", |value| (TEXT.read)(value).map(PathBuf::from));

pub(super) const OPTIONAL_PATH: Kind<Option<PathBuf>> =
    kind("a path, or \"\" for none", |value| optional(value, |text| Some(PathBuf::from(text))));

pub(super) const PATHS: Kind<Vec<PathBuf>> =
    kind("a list of paths such as [\"/shared/jobs\"]", |value| list(value, |item| (PATH.read)(item)));

pub(super) const OPTIONAL_SECRET: Kind<Option<Secret>> = Kind {
    expected: "a text in quotes that is not blank",
    read: |value| optional(value, |text| (!text.trim().is_empty()).then(|| Secret::new(text))),
    secret: true,
};

pub(super) const OPTIONAL_URL: Kind<Option<HttpUrl>> =
    kind(HttpUrl::EXPECTED, |value| optional(value, |text| text.parse().ok()));

pub(super) const OPTIONAL_MANAGER_ID: Kind<Option<ManagerId>> =
    kind("24 lower-case hex digits", |value| optional(value, |text| text.parse().ok()));

pub(super) const OPTIONAL_UUID: Kind<Option<DeviceUuid>> =
    kind("a UUID such as \"1e97b633-34f6-416f-abbb-853de75e5c57\"", |value| {
        optional(value, |text| text.parse().ok())
    });

pub(super) const OPTIONAL_DOMAIN: Kind<Option<String>> =
    kind("a domain name such as \"flamenco.example.com\"", |value| {
        optional(value, |text| is_host_name(text).then(|| text.to_owned()))
    });

pub(super) const OPTIONAL_HTTPS_URL: Kind<Option<String>> =
    kind("a URL such as \"https://ca.example.com/acme/directory\"", |value| {
        let is_https = |text: &str| text.starts_with("https://") && text.parse::<HttpUrl>().is_ok();
        optional(value, |text| is_https(text).then(|| text.to_owned()))
    });

pub(super) const LISTEN: Kind<Option<ListenAddress>> =
    kind(ListenAddress::EXPECTED, |value| optional(value, |text| text.parse().ok()));

pub(super) const TIME: Kind<Duration> =
    kind("a time above zero such as \"500ms\", \"90s\", \"10m\", \"336h\" or \"14d\"", |value| {
        time(value).filter(|time| !time.is_zero())
    });

pub(super) const TIME_OR_ZERO: Kind<Duration> =
    kind("a time such as \"0s\", \"90s\", \"10m\" or \"14d\"", time);

pub(super) const TIME_OR_NEVER: Kind<Option<Duration>> =
    kind("a time such as \"90s\", \"10m\", \"336h\" or \"14d\", or \"0s\" for never", |value| {
        time(value).map(|time| (!time.is_zero()).then_some(time))
    });

pub(super) const SIZE: Kind<u64> =
    kind("a size such as \"500 MB\", \"2 GB\" or \"512 MiB\"", |value| value.as_str().and_then(size::parse));

pub(super) const RECHECK: Kind<RecheckThrottle> =
    kind("a time such as \"10s\", or \"0s\" for no throttle, or \"-1s\" for never", |value| {
        match time(value) {
            Some(Duration::ZERO) => Some(RecheckThrottle::Always),
            Some(time) => Some(RecheckThrottle::After(time)),
            None => (value.as_str() == Some("-1s")).then_some(RecheckThrottle::Never),
        }
    });

pub(super) const MODE: Kind<Mode> = kind("\"production\" or \"develop\"", |value| match value.as_str()? {
    "production" => Some(Mode::Production),
    "develop" => Some(Mode::Develop),
    _ => None,
});

pub(super) const USER_AUTHENTICATION: Kind<Option<Authentication>> =
    kind("\"token\", \"server\" or \"none\"", |value| {
        optional(value, |text| match text {
            "token" => Some(Authentication::Token),
            "server" => Some(Authentication::Server),
            "none" => Some(Authentication::Nobody),
            _ => None,
        })
    });

pub(super) const WORKER_STATUSES: Kind<Vec<WorkerStatus>> = kind(
    "a list of worker statuses: \"starting\", \"awake\", \"asleep\", \"error\", \"testing\", \"offline\", \
     \"timeout\", \"shutdown\"",
    |value| list(value, |item| item.as_str()?.parse().ok()),
);

pub(super) const SCHEDULING: Kind<Scheduling> =
    kind("\"fifo\" or \"fair\"", |value| match value.as_str()? {
        "fifo" => Some(Scheduling::Fifo),
        "fair" => Some(Scheduling::Fair),
        _ => None,
    });

pub(super) const DIRECTION: Kind<Direction> =
    kind("\"oneway\" or \"twoway\"", |value| match value.as_str()? {
        "oneway" => Some(Direction::OneWay),
        "twoway" => Some(Direction::TwoWay),
        _ => None,
    });

pub(super) const AUDIENCE: Kind<Audience> =
    kind("\"all\", \"workers\" or \"users\"", |value| match value.as_str()? {
        "all" => Some(Audience::All),
        "workers" => Some(Audience::Workers),
        "users" => Some(Audience::Users),
        _ => None,
    });

pub(super) const PLATFORM: Kind<String> =
    kind("a platform such as \"linux\", \"windows\" or \"darwin\"", platform);

pub(super) const PLATFORMS: Kind<Vec<String>> =
    kind("a list of platforms such as [\"linux\", \"darwin\"]", |value| list(value, platform));

fn text(value: &DeValue<'_>) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn time(value: &DeValue<'_>) -> Option<Duration> {
    value.as_str().and_then(duration::parse)
}

fn platform(value: &DeValue<'_>) -> Option<String> {
    (TEXT.read)(value).map(|name| name.trim().to_lowercase())
}

/// What a key holds that may be unset, which the empty text does.
type Unsettable<T> = Option<T>;

fn optional<T>(value: &DeValue<'_>, read: impl Fn(&str) -> Option<T>) -> Option<Unsettable<T>> {
    match value.as_str()? {
        "" => Some(None),
        text => read(text).map(Some),
    }
}

fn list<T>(value: &DeValue<'_>, read: impl Fn(&DeValue<'_>) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(|item| read(item.get_ref())).collect()
}
