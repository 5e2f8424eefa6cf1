//! The oldest way to log in, by user name and password in SOAP, which some programs still use.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_login.htm>

use bytes::Bytes;
use http::Request;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::Org;
use super::answer::Answer;

impl Org {
    /// Answers a login with a session, and ends a session at a logout.
    pub(super) fn log_in(&mut self, request: &Request<Bytes>) -> Answer {
        if let Some(session) = element(request.body(), "sessionId") {
            return match self.sessions.revoke(&session) {
                true => envelope(200, "<logoutResponse/>"),
                false => refuse("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader"),
            };
        }
        let version = request.uri().path().trim_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let (username, password) = (element(request.body(), "username"), element(request.body(), "password"));
        let user = username.as_deref().and_then(|name| self.user_named(name));
        let known =
            username.as_deref() == Some(&self.user.username) && password.as_deref() == Some(&self.user.password);
        let Some(user) = user.filter(|_| known) else {
            return refuse("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.");
        };
        let home = self.home(request);
        let session = self.new_session(user, None);
        let body = format!(
            "<result><metadataServerUrl>{home}/services/Soap/m/{version}/{org}</metadataServerUrl>\
             <passwordExpired>false</passwordExpired><sandbox>false</sandbox>\
             <serverUrl>{home}/services/Soap/u/{version}/{org}</serverUrl><sessionId>{session}</sessionId>\
             <userId>{user}</userId><userInfo><organizationId>{org}</organizationId><userId>{user}</userId>\
             <userTimeZone>{zone}</userTimeZone></userInfo></result>",
            org = self.id,
            zone = self.name_of(user, "TimeZoneSidKey"),
        );
        envelope(200, &format!("<loginResponse>{body}</loginResponse>"))
    }
}

fn refuse(code: &str, message: &str) -> Answer {
    let fault = format!(
        "<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring></soapenv:Fault>"
    );
    envelope(500, &fault)
}

fn envelope(status: u16, body: &str) -> Answer {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    Answer { body: Some(text.into_bytes()), ..Answer::empty(status) }
        .with_header("content-type", "text/xml;charset=UTF-8".to_owned())
}

/// The text of the first element of that name, whatever its namespace.
fn element(xml: &[u8], name: &str) -> Option<String> {
    let mut reader = Reader::from_reader(xml);
    let (mut inside, mut text) = (false, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == name => inside = true,
            Event::Text(part) if inside => text.push_str(&part),
            Event::GeneralRef(reference) if inside => text.push_str(predefined(&reference)?),
            Event::End(end) if inside && end.local_name().as_ref() == name => return Some(text),
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// The five entities that need no definition.
fn predefined(name: &str) -> Option<&'static str> {
    match name {
        "amp" => Some("&"),
        "lt" => Some("<"),
        "gt" => Some(">"),
        "quot" => Some("\""),
        "apos" => Some("'"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_with_its_entities() {
        let xml = br#"<se:Envelope xmlns:se="x"><se:Body><login xmlns="urn:partner.soap.sforce.com"><username>a@b.c</username><password>a&lt;b&amp;c</password></login></se:Body></se:Envelope>"#;
        assert_eq!(element(xml, "username").as_deref(), Some("a@b.c"));
        assert_eq!(element(xml, "password").as_deref(), Some("a<b&c"));
        assert_eq!(element(xml, "token"), None);
        assert_eq!(element(b"<username>", "username"), None);
    }
}
