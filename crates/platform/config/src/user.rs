//! Who the operating system says we are.

/// The user's name: from the environment, else by the owner of this process.
pub(crate) fn os_user(env: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(env)
        .find(|name| crate::value::name(name).is_ok())
        .or_else(by_owner)
}

/// By the owner of `/proc/self` and `/etc/passwd`; a user that has no name is
/// `uid-N`, as in a container.
#[cfg(target_os = "linux")]
fn by_owner() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = std::fs::metadata("/proc/self").ok()?.uid();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    Some(named.unwrap_or_else(|| format!("uid-{uid}")))
}

#[cfg(not(target_os = "linux"))]
fn by_owner() -> Option<String> {
    None
}
