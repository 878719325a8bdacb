//! Sizes in the configuration: `"500 MB"`, `"2 GB"`, `"512 MiB"`.

/// Reads a whole number with its unit, in bytes; `None` for anything else. There may be a space between them.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|sign: char| !sign.is_ascii_digit())?);
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    number.parse::<u64>().ok()?.checked_mul(bytes_in(unit)?)
}

fn bytes_in(unit: &str) -> Option<u64> {
    Some(match unit {
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_size_is_a_number_with_its_unit() {
        for (text, expected) in [
            ("500 MB", 500_000_000),
            ("500MB", 500_000_000),
            (" 2 GB ", 2_000_000_000),
            ("1 TB", 1_000_000_000_000),
            ("64 kB", 64_000),
            ("512 MiB", 512 << 20),
            ("1 KiB", 1024),
            ("3 GiB", 3 << 30),
            ("2 TiB", 2 << 40),
            ("0 MB", 0),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let bad =
            ["", "500", "MB", "-1 MB", "1.5 GB", "1  GB", "1 mb", "1 M", "1 B", "1 GB 5 MB", "99999999 TB"];
        for text in bad {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-zA-Z ]*") {
            parse(&text);
        }
    }
}
