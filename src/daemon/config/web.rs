//! The listener for webhooks, as configured.

use std::net::SocketAddr;

use reqwest::Url;

use super::build::Building;
use super::kind::{Wrong, is_loopback, url};
use super::layers;

/// Where CRMs call us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// The address that is listened on.
    pub listen: SocketAddr,
    /// What the CRM calls us, when that is another: a proxy's address, and what a signature covers.
    pub public_url: Option<Url>,
    /// The largest body that is read, in bytes.
    pub body_limit: usize,
}

impl Building<'_> {
    /// The section `[web]`: `None` when something is wrong with it, `Some(None)` when nobody is to listen.
    pub(super) fn web(&mut self, web: &layers::Web) -> Option<Option<Web>> {
        let key = ["web", "public_url"];
        let body_limit = self.parse(&["web", "body_limit"], &web.body_limit, size);
        let public_url = web.public_url.as_deref().and_then(|text| self.parse(&key, text, url));
        if let Some(address) = &public_url
            && address.scheme() == "http"
            && !is_loopback(address)
        {
            let help = "write the address of the proxy that encrypts, which begins with https://";
            self.fault(&key, "`public_url` is not encrypted", help);
        }
        let Some(listen) = &web.listen else {
            if public_url.is_some() {
                self.missing(
                    &["web"],
                    "listen",
                    " for its `public_url`",
                    r#"add for example listen = "127.0.0.1:8787""#,
                );
            }
            return Some(None);
        };
        let listen = self.parse(&["web", "listen"], listen, listen_address);
        Some(Some(Web { listen: listen?, public_url, body_limit: body_limit? }))
    }
}

/// Reads an address of this machine with a port.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, Wrong> {
    text.trim().parse().map_err(|_| Wrong {
        message: "is not an address with a port".to_owned(),
        help: r#"write "127.0.0.1:8787", or "0.0.0.0:8787" for every address of this machine"#.to_owned(),
    })
}

/// Reads a size from a kilobyte to 64 megabytes.
pub(super) fn size(text: &str) -> Result<usize, Wrong> {
    let wrong = || Wrong {
        message: "is not a size from 1kB to 64MB".to_owned(),
        help: r#"write for example "512kB" or "1MB""#.to_owned(),
    };
    let units = [("kB", 1024), ("MB", 1024 * 1024)];
    let found = units.iter().find_map(|(unit, bytes)| Some((text.trim().strip_suffix(unit)?, *bytes)));
    let (digits, bytes) = found.ok_or_else(wrong)?;
    let number = digits.parse::<u32>().map_err(|_| wrong())?;
    let size = (number as usize).checked_mul(bytes).filter(|size| (1024..=64 << 20).contains(size));
    size.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_a_unit_and_bounded() {
        assert_eq!(size("1MB"), Ok(1 << 20));
        assert_eq!(size("512kB"), Ok(512 << 10));
        for text in ["", "1", "MB", "0kB", "-1MB", "1.5MB", "65MB", "4194305kB", "1 MB", "1mb"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
