//! Filters select what they say; what could select nothing is refused.

use super::*;
use alloc::vec;
use rstest::rstest;

fn component(name: &str, more: &str) -> Arc<Component> {
    let text = format!("name: {name}\nentrypoint: {{ run: x }}\n{more}");
    let component = crate::parse(text.as_bytes(), "a.component.yaml");
    Arc::new(component.unwrap_or_else(|errors| panic!("{errors}")))
}

fn active(name: &str, version: &str) -> Arc<Component> {
    component(
        name,
        &format!("version: {version}\ntype: tool\nstatus: active\n"),
    )
}

#[rstest]
#[case("", true)]
#[case("type=validator", true)]
#[case("type=tool", false)]
#[case("type=tool,type=validator", true)]
#[case("lifecycle=canary", true)]
#[case("lifecycle=active", true)]
#[case("lifecycle=stable", false)]
#[case("status=active,channel=canary", true)]
#[case("status=active,channel=stable", false)]
#[case("tag=schema,tag=pre-commit", true)]
#[case("tag=schema,tag=ci", false)]
#[case("name=chec*", true)]
#[case("name=fmt", false)]
#[case("name=fmt,name=check@^1", true)]
#[case("owner=data", true)]
#[case("owner=web", false)]
#[case(" type = validator , lifecycle=canary ,", true)]
fn filters(#[case] filter: &str, #[case] matches: bool) {
    let component = component(
        "check",
        "version: 1.0.0\ntype: validator\nstatus: active\nchannel: canary\nowner: data\ntags: [schema, pre-commit]\n",
    );
    let selector = Selector::parse(filter).unwrap();
    assert_eq!(selector.matches(&component).is_ok(), matches);
}

#[rstest]
#[case(
    "type",
    "`type` is no filter: write `key=value`, such as `type=validator`"
)]
#[case(
    "type=",
    "`type=` is no filter: write `key=value`, such as `type=validator`"
)]
#[case("typ=tool", "unknown filter `typ`: did you mean `type`?")]
#[case(
    "type=validater",
    "unknown type `validater`: did you mean `validator`?"
)]
#[case(
    "lifecycle=canari",
    "unknown lifecycle `canari`: did you mean `canary`?"
)]
#[case(
    "status=canary",
    "unknown status `canary`: did you mean `draft` or `active` or `deprecated` or `archived`?"
)]
#[case("tag=A B", "unknown tag `A B`: did you mean a tag like `pre-commit`?")]
fn what_is_no_filter_is_refused(#[case] filter: &str, #[case] expected: &str) {
    assert_eq!(Selector::parse(filter).unwrap_err().to_string(), expected);
}

#[rstest]
#[case::draft("draft", "stable", "", Some(Left::Draft))]
#[case::draft_named("draft", "stable", "name=a", Some(Left::Draft))]
#[case::archived("archived", "stable", "name=a", Some(Left::Archived))]
#[case::archived_filtered("archived", "stable", "status=archived", Some(Left::Archived))]
#[case::deprecated("deprecated", "stable", "", Some(Left::Deprecated))]
#[case::deprecated_by_glob("deprecated", "stable", "name=*", Some(Left::Deprecated))]
#[case::deprecated_named("deprecated", "stable", "name=a", None)]
#[case::deprecated_filtered("deprecated", "stable", "lifecycle=deprecated", None)]
#[case::deprecated_channel("active", "deprecated", "type=tool", Some(Left::Deprecated))]
#[case::deprecated_channel_asked("active", "deprecated", "channel=deprecated", None)]
#[case::active("active", "experimental", "", None)]
fn what_may_run(
    #[case] status: &str,
    #[case] channel: &str,
    #[case] filter: &str,
    #[case] left: Option<Left>,
) {
    let more = format!("version: 1.0.0\ntype: tool\nstatus: {status}\nchannel: {channel}\n");
    let component = component("a", &more);
    let selector = Selector::parse(filter).unwrap();
    assert_eq!(selector.admits(&component, false).err(), left);
    let with_drafts = selector.admits(&component, true).err();
    assert_eq!(with_drafts, left.filter(|left| *left != Left::Draft));
}

#[test]
fn the_latest_version_that_fits_is_taken() {
    let canary = component(
        "a",
        "version: 2.0.0\ntype: tool\nstatus: active\nchannel: canary\n",
    );
    let all = [
        active("b", "1.0.0"),
        active("a", "1.10.0"),
        canary,
        active("a", "1.9.0"),
    ];
    let names = |filter: &str| {
        let selection = Selector::parse(filter).unwrap().select(&all, false);
        let taken = selection.taken.iter();
        taken
            .map(|component| component.id().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["a@2.0.0", "b@1.0.0"]);
    assert_eq!(names("channel=stable"), ["a@1.10.0", "b@1.0.0"]);
    assert_eq!(names("name=a@~1.9"), ["a@1.9.0"]);
    let selection = Selector::default().select(&all, false);
    let left: Vec<_> = selection
        .left
        .iter()
        .map(|(_, why)| why.to_string())
        .collect();
    assert_eq!(
        left,
        vec![
            "version 2.0.0 of it is taken",
            "version 2.0.0 of it is taken"
        ]
    );
}

#[test]
fn what_is_not_spoken_of_is_as_the_defaults_have_it() {
    let defaults = Selector::parse("type=validator,channel=canary,tag=pre-commit").unwrap();
    let own = Selector::parse("lifecycle=stable").unwrap();
    let both = own.or(defaults.clone());
    assert_eq!(both.types, defaults.types);
    assert_eq!(both.tags, defaults.tags);
    assert!(both.channels.is_empty());
    assert_eq!(Selector::default().or(defaults.clone()), defaults);
}
