//! A command line in words and back, by the rules of a POSIX shell, without its expansions.

/// Why a command line cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ShellError {
    #[error("a quote ({0}) is opened and not closed")]
    OpenQuote(char),
    #[error("there is nothing behind the backslash at the end")]
    LastBackslash,
}

/// The words of a command line. Quotes and backslashes mean what they mean to a shell; nothing else does.
pub(super) fn split(line: &str) -> Result<Vec<String>, ShellError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        match sign {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' | '"' => quoted(sign, &mut signs, word.get_or_insert_default())?,
            '\\' => {
                let escaped = signs.next().ok_or(ShellError::LastBackslash)?;
                word.get_or_insert_default().push(escaped);
            }
            _ => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Takes what stands up to the closing `quote` into `word`.
fn quoted(quote: char, signs: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), ShellError> {
    while let Some(sign) = signs.next() {
        if sign == quote {
            return Ok(());
        }
        word.push(sign);
        if sign == '\\' && quote == '"' {
            let escaped = signs.next().ok_or(ShellError::OpenQuote(quote))?;
            // Before anything else a backslash in double quotes is just that.
            if matches!(escaped, '"' | '\\') {
                word.pop();
            }
            word.push(escaped);
        }
    }
    Err(ShellError::OpenQuote(quote))
}

/// `words` as one line that [`split`] takes apart into the same words.
pub(super) fn join(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let harmless = |sign: char| sign.is_ascii_alphanumeric() || "_@%+=:,./-".contains(sign);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r#"'"'"'"#))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn words_are_found_as_a_shell_finds_them() {
        for (line, words) in [
            ("", vec![]),
            (" a  b\tc\n", vec!["a", "b", "c"]),
            (r#"echo "hello world" 'it is' $HOME"#, vec!["echo", "hello world", "it is", "$HOME"]),
            (r#"a"b c"'d e'f ''"#, vec!["ab cd ef", ""]),
            (r"a\ b \'", vec!["a b", "'"]),
            (r#""\"\\\n" '\n'"#, vec![r#""\\n"#, r"\n"]),
        ] {
            assert_eq!(split(line), Ok(words.into_iter().map(str::to_owned).collect()), "{line}");
        }
    }

    #[test]
    fn what_is_left_open_is_refused() {
        assert_eq!(split("echo 'it"), Err(ShellError::OpenQuote('\'')));
        assert_eq!(split(r#"echo "it\"#), Err(ShellError::OpenQuote('"')));
        assert_eq!(split(r"echo \"), Err(ShellError::LastBackslash));
    }

    #[test]
    fn only_what_needs_quotes_gets_them() {
        let words = ["ls", "-l", "$HOME", "", "it's", "é"].map(str::to_owned);
        assert_eq!(join(&words), r#"ls -l '$HOME' '' 'it'"'"'s' 'é'"#);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in any::<String>()) {
            let _ = split(&line);
        }

        #[test]
        fn joined_words_are_split_into_the_same(words in vec(any::<String>(), 0..6)) {
            prop_assert_eq!(split(&join(&words)), Ok(words));
        }
    }
}
