//! Who really asks: the address of the client behind proxies that are trusted. Each proxy appends the address that it
//! saw to X-Forwarded-For, so the list is read from its end: as long as the sender is a trusted proxy, what it says about
//! its own sender counts; the first one that is not trusted is the client, and what stands before it may be invented.
//! Pure: which connection it was and what the address is used for are not known here.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use thiserror::Error;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks whose word about other addresses is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// One entry of the list is not a network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{entry}` is neither an address nor a network: write for example 10.0.0.0/8 or 192.0.2.7")]
pub struct BadNetwork {
    entry: String,
}

impl FromStr for TrustedProxies {
    type Err = BadNetwork;

    fn from_str(list: &str) -> Result<Self, BadNetwork> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    /// The client of a connection that came from `peer` with these headers.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        for hop in hops(headers) {
            if !self.contains(client) {
                break;
            }
            // A proxy that writes no address tells us nothing: the proxy itself is all that is known.
            match hop.parse::<IpAddr>() {
                Ok(address) => client = address.to_canonical(),
                Err(_) => break,
            }
        }
        client
    }

    /// Whether this address, in its canonical form, is in one of the networks.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// What the budget of a client hangs on: an IPv4 address, or the /64 of an IPv6 address, which one customer has whole.
pub fn budget_key(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// The addresses of X-Forwarded-For, the newest first, over all headers of that name.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    values
        // Bytes that are no text are no address: they end the list as such.
        .flat_map(|value| value.to_str().unwrap_or("?").rsplit(','))
        .map(str::trim)
}

fn network(entry: &str) -> Result<IpNet, BadNetwork> {
    let address = entry.parse::<IpAddr>().map(IpNet::from);
    entry.parse().or(address).map_err(|_| BadNetwork {
        entry: entry.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
        }
        let trusted: TrustedProxies = trusted.parse().expect("networks");
        trusted.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[rstest]
    #[case::no_proxies("", "198.51.100.7", &[], "198.51.100.7")]
    #[case::nobody_is_trusted("", "10.0.0.1", &["203.0.113.9"], "10.0.0.1")]
    #[case::one_proxy("10.0.0.0/8", "10.0.0.1", &["203.0.113.9"], "203.0.113.9")]
    #[case::forged_start("10.0.0.0/8", "10.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9")]
    #[case::two_proxies("10.0.0.0/8", "10.0.0.1", &["203.0.113.9, 10.0.0.2"], "203.0.113.9")]
    #[case::two_headers("10.0.0.0/8", "10.0.0.1", &["203.0.113.9", "10.0.0.2"], "203.0.113.9")]
    #[case::forged_first_header("10.0.0.0/8", "10.0.0.1", &["1.1.1.1", "203.0.113.9"], "203.0.113.9")]
    #[case::only_proxies("10.0.0.0/8", "10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3")]
    #[case::no_header("10.0.0.0/8", "10.0.0.1", &[], "10.0.0.1")]
    #[case::no_address("10.0.0.0/8", "10.0.0.1", &["203.0.113.9, unknown"], "10.0.0.1")]
    #[case::direct_client_forges("10.0.0.0/8", "203.0.113.9", &["1.1.1.1"], "203.0.113.9")]
    #[case::single_address("192.0.2.7", "192.0.2.7", &["2001:db8::1"], "2001:db8::1")]
    #[case::mapped_address("10.0.0.0/8", "::ffff:10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9")]
    fn the_client_is_the_last_address_that_a_trusted_proxy_saw(
        #[case] trusted: &str,
        #[case] peer: &str,
        #[case] forwarded: &[&'static str],
        #[case] expected: &str,
    ) {
        assert_eq!(client(trusted, peer, forwarded), expected);
    }

    #[test]
    fn a_network_that_is_none_is_named() {
        let error = "10.0.0.0/8,ten".parse::<TrustedProxies>().expect_err("`ten`");
        assert!(error.to_string().contains("`ten`"), "{error}");
    }

    #[test]
    fn one_ipv6_customer_has_one_budget_however_many_addresses_they_use() {
        let key = |text: &str| budget_key(text.parse().expect("an address"));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
