//! Nothing outside of a step's folder is moved, removed, written or taken in,
//! by whatever link it is named. All of it lies in folders of the test's own.

use crate::{
    ArtifactError, Before, ContentStore, Declared, EmitError, Place, Roots, emit, quarantine,
    quarantine_at, quarantine_file,
};
use rok_secrets::{Masker, Secrets};
use rstest::rstest;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A step's folder, and beside it one that is none of its business.
struct Scene {
    _dir: tempfile::TempDir,
    cwd: PathBuf,
    outside: PathBuf,
    aside: PathBuf,
    store: ContentStore,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["cwd", "outside"] {
            fs::create_dir(at(folder)).unwrap();
        }
        fs::write(at("outside/victim"), "not yours, hunter2").unwrap();
        Self {
            cwd: at("cwd"),
            outside: at("outside"),
            aside: at("aside"),
            store: ContentStore::open(at("store"), false),
            _dir: dir,
        }
    }

    fn roots(&self) -> Roots {
        Roots {
            cwd: self.cwd.clone(),
            run: None,
        }
    }

    /// Lays a link to the outside: at once, over another link, or deep.
    fn link(&self, how: &str) {
        let out = self.cwd.join("out");
        match how {
            "direct" => symlink(&self.outside, out).unwrap(),
            "relative" => symlink("../outside", out).unwrap(),
            "two" => {
                symlink(&self.outside, self.cwd.join("first")).unwrap();
                symlink("first", out).unwrap();
            }
            other => panic!("no such link: {other}"),
        }
    }

    #[track_caller]
    fn untouched(&self) {
        let names: Vec<_> = fs::read_dir(&self.outside)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["victim"], "nothing came, nothing went");
        let victim = fs::read_to_string(self.outside.join("victim")).unwrap();
        assert_eq!(victim, "not yours, hunter2");
    }
}

fn declared(path: &str) -> [Declared; 1] {
    [Declared {
        path: path.into(),
        required: false,
        pattern: crate::is_pattern(path),
    }]
}

fn nothing_secret() -> Masker {
    Masker::new(&Secrets::none())
}

fn a_secret() -> Masker {
    let pair = ("S".parse().unwrap(), "hunter2");
    Masker::new(&Secrets::from_pairs([pair]).unwrap())
}

#[rstest]
fn a_link_that_the_step_made_is_put_aside_itself(
    #[values("direct", "relative", "two")] how: &str,
    #[values("out/victim", "out/*", "out/**", "out/deep/../victim")] path: &str,
    #[values(false, true)] secret: bool,
) {
    let scene = Scene::new();
    let declared = declared(path);
    let before = Before::look(&declared, &scene.roots()).unwrap();
    scene.link(how);
    let masker = if secret { a_secret() } else { nothing_secret() };
    let left = quarantine(&declared, &scene.roots(), &before, &scene.aside, &masker);
    scene.untouched();
    if path.contains("..") {
        return;
    }
    let left = left.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].path, "out");
    assert!(
        !scene.cwd.join("out").is_symlink(),
        "nobody reads through it"
    );
}

#[rstest]
fn a_link_that_was_there_before_stays(
    #[values("direct", "relative", "two")] how: &str,
    #[values("out/victim", "out/*")] path: &str,
) {
    let scene = Scene::new();
    scene.link(how);
    let declared = declared(path);
    let before = Before::look(&declared, &scene.roots()).unwrap();
    // The step writes through it: that is between the user and the link.
    fs::write(scene.cwd.join("out/written"), "by the step").unwrap();
    let left = quarantine(
        &declared,
        &scene.roots(),
        &before,
        &scene.aside,
        &nothing_secret(),
    );
    assert_eq!(left.unwrap(), []);
    fs::remove_file(scene.outside.join("written")).unwrap();
    scene.untouched();
    assert!(scene.cwd.join("out").is_symlink());
}

/// Even when nobody looked before: as after a kill.
#[rstest]
#[case("out/victim")]
#[case("out/*")]
fn what_is_unknown_is_not_taken_along(#[case] path: &str) {
    let scene = Scene::new();
    scene.link("direct");
    let before = Before::unknown(std::time::SystemTime::UNIX_EPOCH);
    let declared = declared(path);
    let _ = quarantine(
        &declared,
        &scene.roots(),
        &before,
        &scene.aside,
        &a_secret(),
    );
    scene.untouched();
}

#[rstest]
fn it_is_no_artifact(
    #[values("direct", "relative", "two")] how: &str,
    #[values("out/victim", "out/*", "out/**")] path: &str,
    #[values(false, true)] there_before: bool,
) {
    let scene = Scene::new();
    let declared = declared(path);
    let mut before = Before::look(&declared, &scene.roots()).unwrap();
    scene.link(how);
    if there_before {
        before = Before::look(&declared, &scene.roots()).unwrap();
    }
    let made = emit(
        &declared,
        &scene.roots(),
        &before,
        &scene.store,
        &nothing_secret(),
    );
    let refused = matches!(
        made,
        Err(EmitError::Artifact(ArtifactError::Outside { .. }))
    );
    assert!(refused, "{made:?}");
    scene.untouched();
}

#[test]
fn one_file_is_put_aside_only_from_within() {
    let scene = Scene::new();
    scene.link("direct");
    let masker = a_secret();
    let file = scene.cwd.join("out/victim");
    for found in [
        quarantine_at(&scene.cwd, &file, &scene.aside, &masker),
        quarantine_file(
            "out/victim",
            Place::Cwd,
            &scene.roots(),
            &scene.aside,
            &masker,
        ),
    ] {
        let refused = matches!(found, Err(ArtifactError::Outside { .. }));
        assert!(refused, "{found:?}");
    }
    scene.untouched();
}

#[rstest]
#[case("out/victim")]
#[case("out/new")]
#[case("out/new/deep/er")]
fn nothing_is_put_back_outside(#[case] path: &str) {
    let scene = Scene::new();
    scene.link("direct");
    let digest = scene.store.put(b"content").unwrap();
    let to = scene.cwd.join(path);
    let put = scene.store.restore(&digest, &scene.cwd, &to, false);
    let refused = matches!(put, Err(ArtifactError::Outside { .. }));
    assert!(refused, "{put:?}");
    scene.untouched();
}

#[test]
fn what_is_put_back_within_has_its_folders_made() {
    let scene = Scene::new();
    let digest = scene.store.put(b"content").unwrap();
    fs::create_dir(scene.cwd.join("real")).unwrap();
    symlink("real", scene.cwd.join("link")).unwrap();
    for path in ["a", "b/c/d", "link/e"] {
        let to = scene.cwd.join(path);
        scene.store.restore(&digest, &scene.cwd, &to, true).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "content");
    }
    assert!(scene.cwd.join("real/e").is_file());
}

/// A link that comes and goes while files are put aside, taken in and put back.
#[test]
fn a_link_that_is_swapped_in_meanwhile_leads_nowhere() {
    let scene = Scene::new();
    let digest = scene.store.put(b"content").unwrap();
    let out = scene.cwd.join("out");
    let over = AtomicBool::new(false);
    let swap = |out: &Path| {
        let (real, link) = (scene.cwd.join("real"), scene.cwd.join("link"));
        while !over.load(Ordering::Relaxed) {
            let _ = fs::create_dir(&real);
            let _ = fs::write(real.join("victim"), "the step's");
            let _ = fs::rename(&real, out);
            let _ = fs::remove_dir_all(out);
            let _ = symlink(&scene.outside, &link);
            let _ = fs::rename(&link, out);
            let _ = fs::remove_file(out);
        }
    };
    let nothing = Before::unknown(std::time::SystemTime::UNIX_EPOCH);
    std::thread::scope(|scope| {
        scope.spawn(|| swap(&out));
        for round in 0..3000 {
            let path = ["out/victim", "out/*"][round % 2];
            let declared = declared(path);
            let masker = a_secret();
            let _ = quarantine(&declared, &scene.roots(), &nothing, &scene.aside, &masker);
            let _ = quarantine_at(&scene.cwd, &out.join("victim"), &scene.aside, &masker);
            let _ = scene
                .store
                .restore(&digest, &scene.cwd, &out.join("victim"), false);
            if let Ok(made) = emit(
                &declared,
                &scene.roots(),
                &nothing,
                &scene.store,
                &nothing_secret(),
            ) {
                let ours = [
                    crate::Digest::of(b"the step's").sha256,
                    crate::Digest::of(b"").sha256,
                    digest.sha256.clone(),
                ];
                assert!(
                    made.iter().all(|made| ours.contains(&made.sha256)),
                    "{made:?}"
                );
            }
            scene.untouched();
        }
        over.store(true, Ordering::Relaxed);
    });
    scene.untouched();
}
