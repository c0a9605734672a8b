//! A folder served over HTTP: what lies in it, and nothing above it.

use axum::Router;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use std::path::{Component, Path, PathBuf};

/// The kinds of files by their extensions; others are bytes.
const KINDS: [(&str, &str); 8] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("txt", "text/plain; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("woff2", "font/woff2"),
];

/// Serves the files of a folder, which must be there.
pub fn folder(root: &Path) -> std::io::Result<Router> {
    let root = root.canonicalize()?;
    if !root.is_dir() {
        return Err(std::io::ErrorKind::NotADirectory.into());
    }
    let serve = move |method: Method, uri: Uri| {
        let root = root.clone();
        async move {
            if method == Method::GET {
                answer(&root, uri.path()).await
            } else {
                StatusCode::METHOD_NOT_ALLOWED.into_response()
            }
        }
    };
    Ok(Router::new().fallback(serve))
}

async fn answer(root: &Path, asked: &str) -> Response {
    let Some(mut file) = within(root, asked) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if file.is_dir() {
        if !asked.ends_with('/') {
            let to = format!("{asked}/");
            return (StatusCode::MOVED_PERMANENTLY, [(LOCATION, to)]).into_response();
        }
        file.push("index.html");
    }
    // A link may lead out of the folder: what it leads to is looked at.
    let real = file
        .canonicalize()
        .ok()
        .filter(|real| real.starts_with(root));
    let Some(real) = real else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match tokio::fs::read(&real).await {
        Ok(bytes) => ([(CONTENT_TYPE, kind(&real))], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The file that a path means; `None` where it would leave the folder.
fn within(root: &Path, asked: &str) -> Option<PathBuf> {
    let path = decoded(asked.trim_start_matches('/'))?;
    let path = Path::new(&path);
    let normal = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    normal.then(|| root.join(path))
}

/// A path without its percent signs; `None` where they mean no text.
fn decoded(path: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), path.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|path| !path.contains('\0'))
}

fn kind(file: &Path) -> &'static str {
    let extension = file.extension().and_then(|extension| extension.to_str());
    let found = KINDS.iter().find(|(known, _)| Some(*known) == extension);
    found.map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leaves_the_folder() {
        let root = Path::new("/site");
        assert_eq!(
            within(root, "/a%20b/c.html"),
            Some("/site/a b/c.html".into())
        );
        assert_eq!(within(root, "/"), Some("/site/".into()));
        for asked in [
            "/../x",
            "/a/%2e%2e/x",
            "/%2Fetc/passwd",
            "/%",
            "/%zz",
            "/a%00",
        ] {
            assert_eq!(within(root, asked), None, "{asked}");
        }
    }
}
