//! Paths and patterns: what they match in a folder, in one order.
//!
//! `*` and `?` stay within a name, `**` goes through folders, `[a-z]` and
//! `{a,b}` choose. A walk follows no link and has an end.

use crate::beneath::way_out;
use crate::digest::ArtifactError;
use globset::{GlobBuilder, GlobMatcher};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Entries that one walk looks at: more is no folder of results, but a disk.
const MAX_VISITED: u64 = 1_000_000;

/// Folders within folders; deeper ones are made by a mistake.
const MAX_DEPTH: usize = 128;

/// The characters that make a pattern of a path.
pub const GLOB_CHARACTERS: [char; 4] = ['*', '?', '[', '{'];

/// What a plan names: one path, or a pattern of them.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    /// The folder in front of the first name that is a pattern.
    base: PathBuf,
    glob: Option<GlobMatcher>,
    /// Whether names below the one that matched can match too.
    deep: bool,
}

impl Pattern {
    /// A path as it stands, or a pattern.
    pub(crate) fn new(text: &str, glob: bool) -> Result<Self, ArtifactError> {
        if !glob {
            return Ok(Self {
                text: text.to_owned(),
                base: PathBuf::from(text),
                glob: None,
                deep: false,
            });
        }
        let wrong = |why: String| ArtifactError::Pattern {
            pattern: text.to_owned(),
            why,
        };
        if Path::new(text)
            .components()
            .any(|part| part == Component::ParentDir)
        {
            return Err(wrong("`..` cannot stand in a pattern".into()));
        }
        let matcher = GlobBuilder::new(plain(text))
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|error| wrong(error.kind().to_string()))?
            .compile_matcher();
        let base = Path::new(plain(text))
            .components()
            .take_while(|part| !part.as_os_str().to_string_lossy().contains(is_special))
            .collect();
        Ok(Self {
            text: text.to_owned(),
            base,
            glob: Some(matcher),
            deep: text.contains("**"),
        })
    }

    /// The link by which the way to everything that this names leads out of the
    /// root, as its name and its place.
    pub(crate) fn way_out(&self, root: &Path) -> Option<(String, PathBuf)> {
        let way = match self.glob {
            Some(_) => &*self.base,
            None => self.base.parent()?,
        };
        let link = way_out(root, way)?;
        Some((link.to_string_lossy().into_owned(), root.join(link)))
    }

    /// What is there below a root, by the names in the pattern's own form and
    /// in their order. A path is given as it stands, when anything stands there.
    /// What lies behind a link out of the root is not for whoever writes: see
    /// [`Pattern::way_out`].
    pub(crate) fn entries(&self, root: &Path) -> Result<Vec<(String, PathBuf)>, ArtifactError> {
        let Some(glob) = &self.glob else {
            let file = root.join(&self.base);
            let there = fs::symlink_metadata(&file).is_ok();
            return Ok(there
                .then(|| (self.text.clone(), file))
                .into_iter()
                .collect());
        };
        let mut found = Vec::new();
        let mut visited = 0;
        let names = self.text.split('/').count();
        let mut folders = vec![(self.base.clone(), 0_usize)];
        while let Some((folder, depth)) = folders.pop() {
            // What is gone or closed to us holds nothing that we could emit.
            let Ok(entries) = fs::read_dir(root.join(&folder)) else {
                continue;
            };
            for entry in entries.flatten() {
                visited += 1;
                if visited > MAX_VISITED {
                    return Err(self.too_much(MAX_VISITED, "files and folders to look through"));
                }
                let name = folder.join(entry.file_name());
                let kind = entry.file_type();
                if kind.as_ref().is_ok_and(fs::FileType::is_dir) {
                    let deeper = self.deep || name.components().count() < names;
                    if deeper && depth < MAX_DEPTH {
                        folders.push((name, depth + 1));
                    } else if deeper {
                        return Err(self.too_much(MAX_DEPTH as u64, "folders within folders"));
                    }
                    continue;
                }
                if !glob.is_match(&name) {
                    continue;
                }
                let file = root.join(&name);
                // A link to a folder is a folder, and is not followed.
                if kind.is_ok_and(|kind| kind.is_symlink())
                    && fs::metadata(&file).is_ok_and(|meta| meta.is_dir())
                {
                    continue;
                }
                match name.to_str() {
                    Some(name) => found.push((name.to_owned(), file)),
                    None => return Err(ArtifactError::Unnameable { path: file }),
                }
            }
        }
        found.sort();
        Ok(found)
    }

    pub(crate) fn too_much(&self, limit: u64, what: &'static str) -> ArtifactError {
        ArtifactError::TooMuch {
            pattern: self.text.clone(),
            limit,
            what,
        }
    }
}

/// Without `./` in front, which a walk's names never have.
fn plain(text: &str) -> &str {
    let mut rest = text;
    while let Some(after) = rest.strip_prefix("./") {
        rest = after.trim_start_matches('/');
    }
    rest
}

fn is_special(c: char) -> bool {
    GLOB_CHARACTERS.contains(&c) || c == '\\'
}

/// Whether a text is one path or a pattern: what stands outside its
/// expressions decides, so that no value can make a pattern of a path.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(GLOB_CHARACTERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "out/b.parquet",
            "out/a.parquet",
            "out/.hidden.parquet",
            "out/deep/er/c.parquet",
            "out/notes.txt",
            "top.parquet",
        ] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        dir
    }

    #[rstest]
    #[case("out/*.parquet", "out/.hidden.parquet out/a.parquet out/b.parquet")]
    #[case("./out/*.parquet", "out/.hidden.parquet out/a.parquet out/b.parquet")]
    #[case("out/[ab].parquet", "out/a.parquet out/b.parquet")]
    #[case("out/{a,notes}.*", "out/a.parquet out/notes.txt")]
    #[case("out/?.parquet", "out/a.parquet out/b.parquet")]
    #[case("*.parquet", "top.parquet")]
    #[case("out/*/*/c.parquet", "out/deep/er/c.parquet")]
    #[case("out/**/c.*", "out/deep/er/c.parquet")]
    #[case("out/*/c.parquet", "")]
    #[case("absent/**", "")]
    #[case(
        "out/**",
        "out/.hidden.parquet out/a.parquet out/b.parquet out/deep/er/c.parquet out/notes.txt"
    )]
    fn matches(#[case] text: &str, #[case] expected: &str) {
        let dir = tree();
        let found = Pattern::new(text, true)
            .unwrap()
            .entries(dir.path())
            .unwrap();
        let names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn a_path_is_no_pattern_whatever_it_holds() {
        let dir = tree();
        fs::write(dir.path().join("out/*.parquet"), "").unwrap();
        let path = Pattern::new("out/*.parquet", false).unwrap();
        let found = path.entries(dir.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "out/*.parquet");
    }

    #[test]
    fn an_absolute_pattern_keeps_its_root() {
        let dir = tree();
        let text = format!("{}/out/a.*", dir.path().display());
        let found = Pattern::new(&text, true)
            .unwrap()
            .entries(Path::new("/nowhere"))
            .unwrap();
        assert_eq!(
            found[0].0,
            format!("{}/out/a.parquet", dir.path().display())
        );
    }

    #[rstest]
    #[case("out/[a", "unclosed")]
    #[case("../*", "`..` cannot stand")]
    fn what_is_no_pattern(#[case] text: &str, #[case] part: &str) {
        let error = Pattern::new(text, true).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn links_are_not_walked_into() {
        let dir = tree();
        std::os::unix::fs::symlink("..", dir.path().join("out/up")).unwrap();
        let found = Pattern::new("out/**", true)
            .unwrap()
            .entries(dir.path())
            .unwrap();
        assert_eq!(found.len(), 5, "{found:?}");
    }
}
