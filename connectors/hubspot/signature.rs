//! HubSpot's signature of what it sends, version 3: over method, address, body and the moment of signing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dealclock_connector::{Incoming, Refused};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The signature, in base64.
pub const SIGNATURE: &str = "x-hubspot-signature-v3";

/// The moment of signing, in milliseconds.
pub const TIMESTAMP: &str = "x-hubspot-request-timestamp";

/// The signature of the versions 1 and 2, which say nothing of when.
pub const OLD_SIGNATURE: &str = "x-hubspot-signature";

/// A request signed further from now is a replay, or a clock is wrong.
const LONGEST_AGE: i64 = 300_000;

/// Checks that a request was signed by whoever knows the app's secret, and just now.
///
/// See [request validation](https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation).
/// The comparison takes the same time wherever two signatures differ.
pub fn verify(secret: &SecretString, incoming: &Incoming<'_>) -> Result<(), Refused> {
    let Some(signature) = header(incoming.headers, SIGNATURE) else {
        return Err(Refused::Signature(if incoming.headers.contains_key(OLD_SIGNATURE) {
            "only a signature of version 1 or 2 came, which proves no time; version 3 is needed".to_owned()
        } else {
            format!("no {SIGNATURE} came")
        }));
    };
    let Some(timestamp) = header(incoming.headers, TIMESTAMP) else {
        return Err(Refused::Signature(format!("no {TIMESTAMP} came")));
    };
    let signed_at: i64 =
        timestamp.parse().map_err(|_| Refused::Signature(format!("{TIMESTAMP} is no number of milliseconds")))?;
    let sent = STANDARD.decode(signature).map_err(|_| Refused::Signature(format!("{SIGNATURE} is no base64")))?;
    digest(secret, incoming, timestamp).verify_slice(&sent).map_err(|_| {
        Refused::Signature("it is not of this secret and the address that we are called under".to_owned())
    })?;
    let age = incoming.now.timestamp_millis().saturating_sub(signed_at);
    if age.saturating_abs() > LONGEST_AGE { Err(Refused::Stale(age / 1_000)) } else { Ok(()) }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|value| !value.is_empty())
}

fn digest(secret: &SecretString, incoming: &Incoming<'_>, timestamp: &str) -> Hmac<Sha256> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("a key of any length is a key for HMAC");
    hmac.update(incoming.method.as_str().as_bytes());
    hmac.update(decode(incoming.url).as_bytes());
    hmac.update(incoming.body);
    hmac.update(timestamp.as_bytes());
    hmac
}

/// The address as HubSpot signs it: of the percent-codes only these are decoded.
fn decode(url: &str) -> String {
    const DECODED: [(&str, char); 12] = [
        ("3A", ':'),
        ("2F", '/'),
        ("3F", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2A", '*'),
        ("2C", ','),
        ("3B", ';'),
    ];
    let mut parts = url.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).unwrap_or_default();
        match DECODED.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)) {
            Some((_, decoded)) => {
                out.push(*decoded);
                out.push_str(&part[2..]);
            }
            None => {
                out.push('%');
                out.push_str(part);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const URL: &str = "https://www.example.com/webhook_uri";
    const BODY: &str = "{'example_field':'example_value'}";
    const AT: &str = "1693657560000";
    const GENUINE: &str = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=";

    fn check(headers: &[(&'static str, &str)], url: &str, body: &[u8], after: i64) -> Result<(), Refused> {
        let signed_at: i64 =
            headers.iter().find(|(name, _)| *name == TIMESTAMP).map_or(0, |(_, at)| at.parse().unwrap_or(0));
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let now = chrono::DateTime::from_timestamp_millis(signed_at + after).unwrap();
        let incoming = Incoming { method: &Method::POST, url, headers: &headers, body, account: "33", now };
        verify(&SECRET.to_owned().into(), &incoming)
    }

    fn with(signature: &str, timestamp: &str, url: &str, body: &str, after: i64) -> Result<(), Refused> {
        check(&[(SIGNATURE, signature), (TIMESTAMP, timestamp)], url, body.as_bytes(), after)
    }

    #[test]
    fn the_vectors_of_hubspots_own_clients_are_genuine() {
        assert_eq!(with(GENUINE, AT, URL, BODY, 0), Ok(()));
        assert_eq!(with("RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=", "1700000300000", URL, BODY, 0), Ok(()));
    }

    #[test]
    fn whatever_differs_makes_it_another_request() {
        let wrong =
            |verified: Result<(), Refused>| assert!(matches!(verified, Err(Refused::Signature(_))), "{verified:?}");
        wrong(with("RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=", AT, URL, BODY, 0));
        wrong(with(GENUINE, "1693657560001", URL, BODY, 0));
        wrong(with(GENUINE, AT, "https://www.example.com/webhook_uri/", BODY, 0));
        wrong(with(GENUINE, AT, "http://www.example.com/webhook_uri", BODY, 0));
        wrong(with(GENUINE, AT, URL, "{'example_field':'another_value'}", 0));
        wrong(with("K36dawei", AT, URL, BODY, 0));
        wrong(with("?", AT, URL, BODY, 0));
        wrong(with(GENUINE, "now", URL, BODY, 0));
    }

    #[test]
    fn five_minutes_are_the_most_between_signing_and_now() {
        assert_eq!(with(GENUINE, AT, URL, BODY, 300_000), Ok(()));
        assert_eq!(with(GENUINE, AT, URL, BODY, -300_000), Ok(()));
        assert_eq!(with(GENUINE, AT, URL, BODY, 301_000), Err(Refused::Stale(301)));
        assert_eq!(with(GENUINE, AT, URL, BODY, -301_000), Err(Refused::Stale(-301)));
    }

    #[test]
    fn an_older_signature_is_no_stand_in() {
        let body = br#"{"example_field":"example_value"}"#;
        let v2 = "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900";
        let refused = check(&[(OLD_SIGNATURE, v2), ("x-hubspot-signature-version", "v2")], URL, body, 0).unwrap_err();
        assert!(refused.to_string().contains("version 3 is needed"), "{refused}");
        assert!(check(&[], URL, body, 0).unwrap_err().to_string().contains("no x-hubspot-signature-v3"));
    }

    #[test]
    fn of_the_percent_codes_only_those_are_decoded_that_hubspot_decodes() {
        for (url, signed) in [
            ("https://a.example/h?x=%3A%2f%3F%40%21%24%27%28%29%2A%2C%3B", "https://a.example/h?x=:/?@!$'()*,;"),
            ("https://a.example/h?x=%20%25%C3%A9%3", "https://a.example/h?x=%20%25%C3%A9%3"),
            ("https://a.example/%é%", "https://a.example/%é%"),
            ("", ""),
        ] {
            assert_eq!(decode(url), signed, "{url}");
        }
    }
}
