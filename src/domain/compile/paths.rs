//! Paths as the job compilers of 2.x treat them: those of POSIX, whatever the workers run, and text only
//! (`server-protocol.md`, section 3.1). A variable such as `{render}` is a part like any other.

/// The folder and the name of a path; both are tidied, so that `/a//b/./c/` is `/a/b` and `c`. The folder of a bare
/// name is `.`. A path that names nothing, such as `/`, is `None`.
pub(super) fn split(path: &str) -> Option<(String, String)> {
    let root = match path.bytes().take_while(|byte| *byte == b'/').count() {
        0 => "",
        // POSIX leaves the meaning of exactly two slashes to the system.
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let name = parts.pop()?;
    let folder = match (root, parts.join("/")) {
        ("", inside) if inside.is_empty() => ".".into(),
        (root, inside) => format!("{root}{inside}"),
    };
    Some((folder, name.into()))
}

/// `name` in `folder`, as [`split`] gives folders.
pub(super) fn join(folder: &str, name: &str) -> String {
    match folder {
        "." => name.into(),
        _ if folder.ends_with('/') => format!("{folder}{name}"),
        _ => format!("{folder}/{name}"),
    }
}

/// Whether a folder of [`split`] has a name, so that there can be another one beside it.
pub(super) fn has_name(folder: &str) -> bool {
    folder != "." && !folder.ends_with('/')
}

/// What outputs are named after: the name of the blend file without its ending, and without the `.flamenco` that the
/// Blender add-on puts before that.
pub(super) fn stem(blend_file: &str) -> String {
    let (_, name) = split(blend_file).unwrap_or_default();
    let stem = match name.rfind('.') {
        None | Some(0) => &name,
        Some(dot) => &name[..dot],
    };
    stem.replace(".flamenco", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_tidied_as_in_2_x() {
        for (path, folder, name) in [
            ("/render/out/frames-######", "/render/out", "frames-######"),
            ("{render}//proj/./shot/fr-######", "{render}/proj/shot", "fr-######"),
            ("//server/share/out/", "//server/share", "out"),
            ("///a/b", "/a", "b"),
            ("/a/../b/c", "/a/../b", "c"),
            (r"C:\out\######", ".", r"C:\out\######"),
            ("/######", "/", "######"),
            ("//######", "//", "######"),
            ("######", ".", "######"),
        ] {
            assert_eq!(split(path), Some((folder.into(), name.into())), "{path}");
        }
        for path in ["", "/", "//", ".", "/./"] {
            assert_eq!(split(path), None, "{path}");
        }
    }

    #[test]
    fn joining_adds_no_slash_too_many() {
        assert_eq!(join("/a", "b"), "/a/b");
        assert_eq!(join("/", "b"), "/b");
        assert_eq!(join("//", "b"), "//b");
        assert_eq!(join(".", "b"), "b");
    }

    #[test]
    fn the_stem_has_neither_ending_nor_flamenco() {
        assert_eq!(stem("/shared/jobs/shot/some.file.flamenco.blend"), "some.file");
        assert_eq!(stem("{shaman}/ab/job/f.blend"), "f");
        assert_eq!(stem("/a/.blend"), ".blend");
        assert_eq!(stem(""), "");
    }
}
