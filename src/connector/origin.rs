//! Where calls may go: allow-listed hosts over HTTPS, never a private address, loopback only by permission.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

/// Which hosts a transport may speak to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    suffixes: Vec<String>,
    allow_local: bool,
}

/// Why a call may not go where it wants to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The address has no host, or no scheme.
    #[error("`{0}` is not an absolute address")]
    Relative(String),
    /// Plain HTTP to a host that is not this machine.
    #[error("plain HTTP to {0} is refused; use https")]
    Plain(String),
    /// Plain HTTP or loopback without permission.
    #[error("{0} is on this machine; set `allow_local = true` on the connection to allow that")]
    Local(String),
    /// An address of a private network, of a cloud's metadata service, or of no use at all.
    #[error("{0} is a private or reserved address")]
    Private(String),
    /// A host that is on no list.
    #[error("{0} is not a host of this CRM")]
    Foreign(String),
}

impl Origin {
    /// Hosts equal to one of the suffixes or below it (`hubapi.example` admits `api.hubapi.example`).
    ///
    /// Without any suffix every public host is admitted. `allow_local` admits loopback, and plain HTTP to it.
    pub fn new(suffixes: impl IntoIterator<Item = impl Into<String>>, allow_local: bool) -> Origin {
        Origin {
            suffixes: suffixes.into_iter().map(|suffix| suffix.into().to_ascii_lowercase()).collect(),
            allow_local,
        }
    }

    /// Whether a call to the address may leave.
    pub fn admit(&self, uri: &Uri) -> Result<(), Forbidden> {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(Forbidden::Relative(uri.path().to_owned()));
        };
        if is_loopback(host) {
            return if self.allow_local { Ok(()) } else { Err(Forbidden::Local(host.to_owned())) };
        }
        if scheme != "https" {
            return Err(Forbidden::Plain(host.to_owned()));
        }
        if literal(host).is_some_and(|address| !is_public(address)) {
            return Err(Forbidden::Private(host.to_owned()));
        }
        if self.lists(host) { Ok(()) } else { Err(Forbidden::Foreign(host.to_owned())) }
    }

    /// Whether a host that resolved to the address may be spoken to; a name can lead anywhere.
    pub fn admit_address(&self, host: &str, address: IpAddr) -> Result<(), Forbidden> {
        if is_public(address) || (self.allow_local && address.is_loopback()) {
            Ok(())
        } else {
            Err(Forbidden::Private(host.to_owned()))
        }
    }

    /// Whether the host is on the list.
    pub fn lists(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.suffixes.is_empty()
            || self.suffixes.iter().any(|suffix| {
                host.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
    }

    /// The list, for a person; empty where every public host is admitted.
    pub fn hosts(&self) -> &[String] {
        &self.suffixes
    }

    /// Whether loopback is admitted.
    pub fn allows_local(&self) -> bool {
        self.allow_local
    }
}

/// Whether two addresses have the same scheme, host and port; a paging link must, or it would carry the token away.
pub fn same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| {
        uri.port_u16().or(match uri.scheme_str() {
            Some("https") => Some(443),
            Some("http") => Some(80),
            Some(_) | None => None,
        })
    };
    one.scheme() == other.scheme() && one.host() == other.host() && port(one) == port(other)
}

/// Whether the host, as written in an address, is this machine.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || literal(host).is_some_and(|address| address.is_loopback())
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether an address is reachable on the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    // 169.254.0.0/16 holds the clouds' metadata services, 100.64.0.0/10 the carriers' private networks.
    let carrier = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (18..20).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    !(v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || a == 0
        || a >= 224
        || carrier
        || benchmark
        || protocol)
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [first, second, ..] = v6.segments();
    let unique_local = first & 0xfe00 == 0xfc00;
    let link_local = first & 0xffc0 == 0xfe80;
    let documentation = first == 0x2001 && second == 0x0db8;
    // 64:ff9b::/96 translates to IPv4, and so to anything that the other list forbids.
    let translated = first == 0x0064 && second == 0xff9b;
    !(v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || unique_local
        || link_local
        || documentation
        || translated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn only_listed_hosts_over_https_are_admitted() {
        let origin = Origin::new(["crm.example"], false);
        for good in ["https://crm.example/a", "https://api.crm.example", "https://API.CRM.EXAMPLE:8443/"] {
            assert_eq!(origin.admit(&uri(good)), Ok(()), "{good}");
        }
        let check = |text: &str, why: fn(String) -> Forbidden, what: &str| {
            assert_eq!(origin.admit(&uri(text)), Err(why(what.to_owned())), "{text}");
        };
        check("https://evilcrm.example/", Forbidden::Foreign, "evilcrm.example");
        check("https://crm.example.evil/", Forbidden::Foreign, "crm.example.evil");
        check("http://crm.example/", Forbidden::Plain, "crm.example");
        check("https://169.254.169.254/latest", Forbidden::Private, "169.254.169.254");
        check("https://[::ffff:10.0.0.1]/", Forbidden::Private, "[::ffff:10.0.0.1]");
        check("http://127.0.0.1:8080/", Forbidden::Local, "127.0.0.1");
        check("https://localhost/", Forbidden::Local, "localhost");
        check("/relative", Forbidden::Relative, "/relative");
    }

    #[test]
    fn local_calls_need_permission_and_only_reach_this_machine() {
        let origin = Origin::new(["crm.example"], true);
        assert_eq!(origin.admit(&uri("http://127.0.0.1:8080/")), Ok(()));
        assert_eq!(origin.admit(&uri("http://[::1]:8080/")), Ok(()));
        assert_eq!(origin.admit(&uri("http://10.0.0.1/")), Err(Forbidden::Plain("10.0.0.1".into())));
        assert!(origin.admit_address("crm.example", "127.0.0.1".parse().unwrap()).is_ok());
        assert!(origin.admit_address("crm.example", "10.1.2.3".parse().unwrap()).is_err());
    }

    #[test]
    fn private_and_reserved_addresses_are_not_public() {
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "64:ff9b::a00:1",
            "::ffff:127.0.0.1",
            "2001:db8::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["104.16.0.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_paging_link_must_share_scheme_host_and_port() {
        let base = uri("https://api.crm.example/a");
        assert!(same_origin(&base, &uri("https://api.crm.example:443/b?after=1")));
        for other in ["http://api.crm.example/", "https://crm.example/", "https://api.crm.example:444/"] {
            assert!(!same_origin(&base, &uri(other)), "{other}");
        }
    }
}
