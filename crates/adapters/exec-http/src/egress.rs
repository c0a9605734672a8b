//! Egress rules: which hosts may be reached. Names are judged as written,
//! addresses as they resolve, at the moment of connecting: a name that leads
//! somewhere else the second time is judged a second time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Which hosts may be reached.
///
/// A host is refused when an entry of `deny` matches its name or address. It
/// is permitted when an entry of `allow` names it, private addresses included;
/// `*` permits every *public* address and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    allow: Vec<Entry>,
    deny: Vec<Entry>,
    everywhere: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Any,
    Host(String),
    /// `.example.com`: every name below it.
    Below(String),
    Net(IpAddr, u8),
}

/// An entry of the rules that is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{entry}` is no host: write a name, `*.example.com`, an address, a network such as 10.0.0.0/8, or `*`"
)]
pub struct EgressError {
    /// As written.
    pub entry: String,
}

/// A host that may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("egress to {host} is refused: {why}")]
pub struct Refused {
    /// The host as the request names it.
    pub host: String,
    /// Which rule says so, and how to mend it.
    pub why: String,
}

impl Default for Egress {
    /// Every public address.
    fn default() -> Self {
        Self {
            allow: vec![Entry::Any],
            deny: Vec::new(),
            everywhere: false,
        }
    }
}

impl Egress {
    /// Rules from their entries; an empty `allow` permits nothing.
    pub fn new<S: AsRef<str>>(
        allow: impl IntoIterator<Item = S>,
        deny: impl IntoIterator<Item = S>,
    ) -> Result<Self, EgressError> {
        let parse = |entry: S| entry.as_ref().parse();
        Ok(Self {
            allow: allow.into_iter().map(parse).collect::<Result<_, _>>()?,
            deny: deny.into_iter().map(parse).collect::<Result<_, _>>()?,
            everywhere: false,
        })
    }

    /// No rules: for addresses that the operator wrote, never for a plan's.
    #[must_use]
    pub fn everywhere() -> Self {
        Self {
            everywhere: true,
            ..Self::default()
        }
    }

    /// Judges a host before its name is resolved.
    pub fn check_host(&self, host: &str) -> Result<(), Refused> {
        if self.everywhere {
            return Ok(());
        }
        if let Some(address) = literal(host) {
            return self.check_address(host, address);
        }
        if self.deny.iter().any(|entry| entry.names(host)) {
            return Err(denied(host));
        }
        // Only addresses can tell whether a network permits it.
        let may = |entry: &Entry| entry.names(host) || matches!(entry, Entry::Any | Entry::Net(..));
        if self.allow.iter().any(may) {
            return Ok(());
        }
        Err(unnamed(host))
    }

    /// Judges an address that a host resolved to.
    pub fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        if self.everywhere {
            return Ok(());
        }
        let address = address.to_canonical();
        let matches = |entry: &Entry| entry.names(host) || entry.holds(address);
        if self.deny.iter().any(matches) {
            return Err(denied(host));
        }
        if self.allow.iter().any(matches) {
            return Ok(());
        }
        if !self.allow.contains(&Entry::Any) {
            return Err(unnamed(host));
        }
        match reserved(address) {
            None => Ok(()),
            Some(kind) => Err(Refused {
                host: host.to_owned(),
                why: format!("{address} is {kind}; name the host in `egress_allow` to permit it"),
            }),
        }
    }
}

fn denied(host: &str) -> Refused {
    Refused {
        host: host.to_owned(),
        why: "`egress_deny` names it".to_owned(),
    }
}

fn unnamed(host: &str) -> Refused {
    Refused {
        host: host.to_owned(),
        why: "`egress_allow` does not name it".to_owned(),
    }
}

/// A host that is an address, brackets of IPv6 included.
fn literal(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

impl Entry {
    fn names(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        match self {
            Self::Host(name) => name.eq_ignore_ascii_case(host),
            Self::Below(suffix) => {
                let at = host.len().checked_sub(suffix.len());
                at.is_some_and(|at| {
                    at > 0 && host.is_char_boundary(at) && host[at..].eq_ignore_ascii_case(suffix)
                })
            }
            Self::Any | Self::Net(..) => false,
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Net(IpAddr::V4(net), bits), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(*bits)).unwrap_or(0);
                (net.to_bits() ^ address.to_bits()) & mask == 0
            }
            (Self::Net(IpAddr::V6(net), bits), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(*bits)).unwrap_or(0);
                (net.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Entry {
    type Err = EgressError;

    fn from_str(text: &str) -> Result<Self, EgressError> {
        let fault = || EgressError {
            entry: text.to_owned(),
        };
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some(address) = literal(text) {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            return Ok(Self::Net(address, bits));
        }
        if let Some((net, bits)) = text.split_once('/') {
            let net = literal(net).ok_or_else(fault)?;
            let bits: u8 = bits.parse().map_err(|_| fault())?;
            let most = if net.is_ipv4() { 32 } else { 128 };
            return if bits <= most {
                Ok(Self::Net(net, bits))
            } else {
                Err(fault())
            };
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
        };
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(fault());
        }
        Ok(if below {
            Self::Below(format!(".{name}"))
        } else {
            Self::Host(name.to_owned())
        })
    }
}

/// What an address is that is not public.
fn reserved(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => reserved_v4(address),
        IpAddr::V6(address) => reserved_v6(address),
    }
}

fn reserved_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127, ..) => Some("a loopback address"),
        (169, 254, _) => Some("a link-local address"),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => {
            Some("a private address")
        }
        (0 | 224..=255, ..) | (192, 0, 0) | (198, 18..=19, _) => Some("a reserved address"),
        _ => None,
    }
}

fn reserved_v6(address: Ipv6Addr) -> Option<&'static str> {
    let first = address.segments()[0];
    if address == Ipv6Addr::LOCALHOST {
        Some("a loopback address")
    } else if first & 0xffc0 == 0xfe80 {
        Some("a link-local address")
    } else if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 {
        Some("a private address")
    } else if first & 0xff00 == 0xff00
        || first == 0
        // 6to4 and NAT64 hold an IPv4 address, which may be any.
        || first == 0x2002
        || address.segments()[..2] == [0x64, 0xff9b]
    {
        Some("a reserved address")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::public(&["*"], &[], "example.com", "93.184.216.34", "")]
    #[case::loopback(&["*"], &[], "localhost", "127.0.0.1", "a loopback address")]
    #[case::metadata(&["*"], &[], "metadata", "169.254.169.254", "a link-local address")]
    #[case::private(&["*"], &[], "db", "10.1.2.3", "a private address")]
    #[case::carrier(&["*"], &[], "db", "100.100.0.1", "a private address")]
    #[case::mapped(&["*"], &[], "x", "::ffff:127.0.0.1", "a loopback address")]
    #[case::v6_loopback(&["*"], &[], "x", "::1", "a loopback address")]
    #[case::unique_local(&["*"], &[], "x", "fd00::1", "a private address")]
    #[case::nat64(&["*"], &[], "x", "64:ff9b::7f00:1", "a reserved address")]
    #[case::unspecified(&["*"], &[], "x", "0.0.0.0", "a reserved address")]
    #[case::named(&["*", "localhost"], &[], "localhost", "127.0.0.1", "")]
    #[case::net(&["*", "10.0.0.0/8"], &[], "db", "10.1.2.3", "")]
    #[case::net_of_another(&["*", "10.0.0.0/16"], &[], "db", "10.1.2.3", "a private address")]
    #[case::below(&["*.corp.example"], &[], "db.Corp.example", "10.1.2.3", "")]
    #[case::below_is_not_itself(&["*.corp.example"], &[], "corp.example", "10.1.2.3", "does not name it")]
    #[case::not_a_suffix(&["*.corp.example"], &[], "evilcorp.example", "10.1.2.3", "does not name it")]
    #[case::only_named(&["api.example.com"], &[], "example.com", "93.184.216.34", "does not name it")]
    #[case::denied(&["*"], &["*.example.com"], "a.example.com", "93.184.216.34", "`egress_deny`")]
    #[case::denied_first(&["a.example.com"], &["93.184.0.0/16"], "a.example.com", "93.184.216.34", "`egress_deny`")]
    #[case::nothing(&[], &[], "example.com", "93.184.216.34", "does not name it")]
    fn rules(
        #[case] allow: &[&str],
        #[case] deny: &[&str],
        #[case] host: &str,
        #[case] address: &str,
        #[case] refusal: &str,
    ) {
        let rules = Egress::new(allow.iter().copied(), deny.iter().copied()).unwrap();
        let address = address.parse().unwrap();
        match rules.check_address(host, address) {
            Ok(()) => {
                assert_eq!(refusal, "");
                rules.check_host(host).unwrap();
            }
            Err(found) => {
                assert!(
                    !refusal.is_empty() && found.why.contains(refusal),
                    "{found}"
                );
            }
        }
    }

    #[rstest]
    #[case("127.0.0.1")]
    #[case("[::1]")]
    #[case("[::ffff:10.0.0.1]")]
    fn a_literal_is_judged_at_once(#[case] host: &str) {
        Egress::default().check_host(host).unwrap_err();
        Egress::everywhere().check_host(host).unwrap();
    }

    #[rstest]
    #[case("")]
    #[case("http://example.com")]
    #[case("example.com:80")]
    #[case("10.0.0.0/33")]
    #[case("a..b")]
    #[case("*.*")]
    fn no_hosts(#[case] entry: &str) {
        Egress::new([entry], []).unwrap_err();
    }
}
