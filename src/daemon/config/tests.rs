//! Bad configurations with their messages, the layers, and secrets that must not show.

use std::time::Duration;

use dealclock_connector::FieldSource;
use dealclock_model::{FieldName, Object, ValueType};

use super::*;
use crate::vault::KeyPlace;

const CANARY: &str = "pat-eu1-c0ffee-canary";

const ACME: &str = "[connection.acme]\nkind = \"hubspot\"\ntoken = { env = \"T\" }\n";

const LOGIN: &str = "[connection.acme]\nkind = \"hubspot\"\n[connection.acme.auth]\n";

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, Faults> {
    Config::read("my.toml", text, Path::new("/etc/dealclock"), &environment(variables), &["hubspot"])
}

fn load(text: &str) -> Result<Config, Faults> {
    load_with(text, &[])
}

fn token<'a>(config: &'a Config, connection: &str) -> &'a Secret {
    match &config.connections[connection].credentials {
        Credentials::Token(token) => token,
        Credentials::None | Credentials::Login(_) => panic!("`{connection}` has no token"),
    }
}

/// The faults as `line:column: message | help`.
fn faults(result: Result<Config, Faults>) -> Vec<String> {
    let Err(Faults(faults)) = result else { return Vec::new() };
    let line = |fault: &Fault| {
        let (line, column) = fault.source.line_column(fault.span.start);
        format!("{line}:{column}: {} | {}", fault.message, fault.help.as_deref().unwrap_or_default())
    };
    faults.iter().map(line).collect()
}

#[test]
fn every_fault_says_where_what_and_what_would_be_right() {
    let rows: &[(&str, &[&str])] = &[
        (
            "",
            &[
                "1:1: there is no connection to a CRM | add [connection.NAME] with a `kind` (\"hubspot\") and `token` or `auth`; or name the file that has it with --config",
            ],
        ),
        (
            "[connection.acme]",
            &[
                "1:13: [connection.acme] has no `kind` | add one of: kind = \"hubspot\"",
                "1:13: [connection.acme] has no `token` and no `auth` | add for example token = { env = \"CRM_TOKEN\" }, or a section [connection.acme.auth]",
            ],
        ),
        (
            "{acme}[conection.acme]\nkind = \"x\"",
            &["4:2: no section `conection` is known here | did you mean `connection`?"],
        ),
        ("{acme}pol = \"60s\"", &["4:1: no key `pol` is known in [connection.acme] | did you mean `poll`?"]),
        (
            "{acme}[mail]\nzzz = 1",
            &[
                "5:1: no key `zzz` is known in [mail] | write one of: enabled, host, port, tls, allow_local, from, user, password, on_unknown",
            ],
        ),
        (
            "{acme}poll = 60",
            &["4:8: `poll` is a whole number, not text | write for example \"60s\", \"5m\", \"24h\" or \"7d\""],
        ),
        (
            "{acme}poll = \"60\"",
            &[
                "4:8: `poll` is not a length of time: `60` | write a whole number and a unit: \"60s\", \"5m\", \"24h\" or \"7d\"",
            ],
        ),
        (
            "{acme}poll = \"0s\"",
            &["4:8: `poll` cannot be zero | write a whole number and a unit: \"60s\", \"5m\", \"24h\" or \"7d\""],
        ),
        (
            "{acme}zone = \"Europe/Berln\"",
            &["4:8: `zone` is not a time zone: `Europe/Berln` | did you mean `Europe/Berlin`?"],
        ),
        ("{acme}share = 1.5", &["4:9: `share` cannot be 1.5 | write a number above 0 and at most 1"]),
        ("{acme}share = 0", &["4:9: `share` cannot be 0 | write a number above 0 and at most 1"]),
        (
            "{acme}send_time = 09:00:00",
            &["4:13: `send_time` is a date or time without quotes, not text | write for example \"09:00\""],
        ),
        (
            "{acme}quiet_hours = \"20-7\"",
            &["4:15: `quiet_hours` is not a range of hours: `20-7` | write two times of day: \"20:00-07:00\""],
        ),
        ("{acme}storm_above = -1", &["4:15: `storm_above` cannot be -1 | write a number from 1 to 1000000"]),
        (
            "{acme}allow_local = \"yes\"",
            &["4:15: `allow_local` is text, not true or false | write true or false, without quotes"],
        ),
        (
            "{acme}base_url = \"http://crm.example.com\"",
            &[
                "4:12: `base_url` is not encrypted or not public | write the CRM's address, which begins with https:// and is public",
            ],
        ),
        (
            "{acme}base_url = \"http://[::1]:80\"",
            &[
                "4:12: `base_url` is this machine | write the CRM's address; for a sandbox on this machine add allow_local = true",
            ],
        ),
        (
            "{acme}allow_local = true\nbase_url = \"https://10.0.0.1\"",
            &[
                "5:12: `base_url` is not encrypted or not public | write the CRM's address, which begins with https:// and is public",
            ],
        ),
        (
            "{acme}[connection.acme.auth]\ngrant = \"client_credentials\"",
            &[
                "4:18: [connection.acme] has both `token` and `auth` | keep `token` for a token that stays, or `auth` for a login",
            ],
        ),
        (
            "{login}client_id = \"i\"\ngrant = \"jwt\"",
            &["5:9: `grant` cannot be `jwt` | write one of: authorization_code, client_credentials, jwt_bearer"],
        ),
        (
            "{login}",
            &[
                "3:18: [connection.acme.auth] has no `grant` | add one of: grant = \"authorization_code\", grant = \"client_credentials\", grant = \"jwt_bearer\"",
                "3:18: [connection.acme.auth] has no `client_id` | add the app's id; the CRM shows it with the app",
            ],
        ),
        (
            "{login}client_id = \"i\"\ngrant = \"client_credentials\"\nusername = \"u\"",
            &[
                "3:18: [connection.acme.auth] has no `client_secret`, and its grant is `client_credentials` | add for example client_secret = { env = \"CRM_CLIENT_SECRET\" }",
                "6:12: `username` is of no use to the grant `client_credentials` | remove it",
            ],
        ),
        (
            "{login}client_id = \"i\"\ngrant = \"jwt_bearer\"\nlogin_url = \"http://login.example.com\"",
            &[
                "3:18: [connection.acme.auth] has no `username`, and its grant is `jwt_bearer` | add the user as whom the app acts",
                "3:18: [connection.acme.auth] has no `private_key`, and its grant is `jwt_bearer` | add for example private_key = { file = \"app.pem\" }",
                "6:13: `login_url` is not encrypted or not public | write the CRM's address, which begins with https:// and is public",
            ],
        ),
        (
            "{login}client_id = \"i\"\ngrant = \"client_credentials\"\nclient_secret = \"canary\"",
            &[
                "6:17: `client_secret` holds the secret itself, which never stands here | name where it stands: { env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }",
            ],
        ),
        (
            "{acme}command = \"python3 crm.py\"",
            &["4:11: `command` is text, not a list of texts | write for example [\"some text\"]"],
        ),
        (
            "{acme}[connection.acme.env]\n\"A-B\" = { env = \"X\" }",
            &[
                "5:1: `A-B` is not a name that can be used here | an environment variable's name is letters, digits and `_`, and does not begin with a digit",
            ],
        ),
        (
            "{acme}[secrets]\nkey = \"0123\"",
            &[
                "5:7: `key` holds the secret itself, which never stands here | name where it stands: { env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }",
            ],
        ),
        (
            "{acme}base_url = \"ftp://x\"",
            &[
                "4:12: `base_url` is not an http or https address | write the whole address: \"https://crm.example.com\"",
            ],
        ),
        (
            "[connection.Acme]\nkind = \"hubspot\"",
            &[
                "1:13: `Acme` is not a name that can be used here | a connection's name is lower-case letters, digits, `-` and single `_`",
            ],
        ),
        (
            "[connection.acme]\nkind = \"hubspt\"\ntoken = { env = \"T\" }",
            &["2:8: there is no connector for `hubspt` | did you mean `hubspot`?"],
        ),
        (
            "{acme}[connection.b]\nkind = \"hubspot\"\ntoken = { env = \"T\" }",
            &[
                "6:9: `token` is the same as that of [connection.acme] | two connections to one account would write every reminder twice; remove one",
            ],
        ),
        (
            "[connection.acme]\nkind = \"hubspot\"\ntoken = {}",
            &[
                "3:9: `token` names 0 places, not one | name where it stands: { env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }",
            ],
        ),
        (
            "{acme}[connection.acme.fields.opportunity]\nregion = { field = \"r\" }",
            &["5:10: `region` has no type | add one of: type = \"bool\", \"number\", \"text\", \"time\" or \"date\""],
        ),
        (
            "{acme}[connection.acme.fields.opportunity]\ncomplx = { field = \"c\" }",
            &[
                "5:10: `complx` has no type | did you mean `complex`? A field of your own: add one of: type = \"bool\", \"number\", \"text\", \"time\" or \"date\"",
            ],
        ),
        (
            "{acme}[connection.acme.fields.opportunity]\nregion = { field = \"r\", type = \"txt\" }",
            &["5:32: `type` cannot be `txt` | did you mean `text`?"],
        ),
        (
            "{acme}[connection.acme.fields.opportunity]\nregion = \"r\"",
            &["5:10: `region` is text, not the source of a field | write { field = \"r\" }"],
        ),
        (
            "{acme}[connection.acme.fields.opportunity]\na = { field = \"r\", stage_entered = \"s\" }",
            &[
                "5:5: `a` needs one source: a field or a stage | write { field = \"...\" } or { stage_entered = \"...\" }",
            ],
        ),
        (
            "{acme}[connection.acme.fields.opportunity]\namount = { field = \"r\", type = \"text\" }",
            &["5:10: `amount` is always a number, not a text | write type = \"number\", or choose another name"],
        ),
        (
            "{acme}[connection.acme.fields.lead]\na = { field = \"r\" }",
            &["4:25: no section `lead` is known in [connection.acme.fields] | write one of: opportunity"],
        ),
        (
            "{acme}[connection.acme.stages]\nOpen = \"x\"",
            &["5:8: `Open` is text, not a list of texts | write for example [\"some text\"]"],
        ),
        (
            "{acme}[connection.acme.stages]\nLost = [\"x\"]\nOpen = [\"y\", \"x\"]",
            &["6:8: `x` already means `Lost` | a stage has one name; remove it from one of the two lists"],
        ),
        (
            "{acme}[connection.acme.roles]\n\"Sales Director\" = [\"1\"]",
            &[
                "5:1: `Sales Director` is not a name that can be used here | a role's name is lower-case letters, digits, `-` and single `_`, as in `role:NAME`",
            ],
        ),
        (
            "{acme}[connection.acme.roles]\ndirector = \"ann@acme.example\"",
            &["5:12: `director` is text, not a list of texts | write for example [\"some text\"]"],
        ),
        (
            "{acme}[connection.acme.roles]\ndirector = []",
            &[
                "5:12: nobody holds the role `director` | write who does: director = [\"somebody@example.com\"], or remove the role",
            ],
        ),
        (
            "{acme}[connection.acme.roles]\ndirector = [\"7\", \"a@b\", \"A@b\"]",
            &["5:12: `A@b` stands twice in `director` | remove one of the two"],
        ),
        ("{acme}[reports]\npath = 5", &["5:8: `path` is a whole number, not text | write for example \"dir/file\""]),
        (
            "{acme}[connection.acme.people.\"a@b\"]\nabsent = [\"2026-07-14..2026-07-01\"]",
            &[
                "5:11: `absent` ends before it begins: `2026-07-14..2026-07-01` | write a day or two: \"2026-12-24\" or \"2026-07-01..2026-07-14\", both included",
            ],
        ),
        (
            "{acme}[connection.acme.people.\"a@b\"]\nabsences_ics = \"none.ics\"",
            &[
                "5:16: `absences_ics` cannot be read: there is no such file | name an iCalendar file; its all-day events are the days away",
            ],
        ),
        (
            "{acme}[mail]\nenabled = true",
            &[
                "4:2: [mail] has no `host`, and mail is enabled | add for example host = \"smtp.example.com\"",
                "4:2: [mail] has no `from`, and mail is enabled | add for example from = \"Dealclock <dealclock@example.com>\"",
            ],
        ),
        (
            "{acme}[mail]\nenabled = true\nhost = \"h\"\nfrom = \"a@b.example\"\nuser = \"u\"\ntls = \"none\"",
            &[
                "4:2: [mail] has no `password` for its `user` | add for example password = { env = \"DEALCLOCK_MAIL_PASSWORD\" }",
                "9:7: `tls` is \"none\": mail and password would travel in clear | use \"starttls\" or \"implicit\"; for a server on this machine or network add allow_local = true",
            ],
        ),
        (
            "{acme}[clock]\nfollow = \"http://example.com\"",
            &[
                "5:10: `follow` is not an address of this machine | only a sandbox on this machine has a clock to follow: \"http://127.0.0.1:PORT\"",
            ],
        ),
        ("{acme}[rules]\nfiles = []", &["5:9: `files` names no rule file | write for example [\"rules/*.toml\"]"]),
        (
            "{acme}[log]\nlevel = \"inof\"",
            &[
                "5:9: `level` does not know the level `inof` | write error, warn, info, debug or trace; by part: \"info,dealclock_daemon=debug\"",
            ],
        ),
        (
            "{acme}[[log]]\nlevel = \"info\"",
            &[
                "4:3: `log` is a list of sections, not a section | write the name in brackets on a line of its own: [name]",
            ],
        ),
        ("{acme}[store]\npath = \"\"", &["5:8: `path` is empty | write for example \"dir/file\""]),
        (
            "{acme}kind = \"hubspot\"",
            &[
                "4:1: is not TOML: duplicate key | a text stands in quotes, a section in brackets, and no key stands twice",
            ],
        ),
    ];
    for (text, expected) in rows {
        let text = text.replace("{acme}", ACME).replace("{login}", LOGIN);
        assert_eq!(&faults(load(&text)), expected, "{text}");
    }
}

#[test]
fn all_faults_come_at_once_from_file_and_environment() {
    let text = format!("{ACME}poll = 1\nzone = \"x\"\n[mail]\nport = 99999\n");
    let found = faults(load_with(&text, &[("DEALCLOCK__LOG__FORMAT", "xml"), ("DEALCLOCK__STORE__PTH", "/x")]));
    assert_eq!(found.len(), 5, "{found:#?}");
}

#[test]
fn a_fault_of_the_environment_names_the_variable() {
    let rows = [
        (
            "DEALCLOCK__MAIL__PORT",
            "abc",
            "`DEALCLOCK__MAIL__PORT` is not a fitting whole number | write a number from 1 to 65535",
        ),
        (
            "DEALCLOCK__MIAL__PORT",
            "1",
            "`DEALCLOCK__MIAL__PORT` sets `mial`, which is no known key | did you mean `mail`?",
        ),
        (
            "DEALCLOCK__CONNECTION__ACME__POLL",
            "60",
            "`DEALCLOCK__CONNECTION__ACME__POLL` is not a length of time: `60` | write a whole number and a unit: \"60s\", \"5m\", \"24h\" or \"7d\"",
        ),
        (
            "DEALCLOCK__CONNECTION__ACME__TOKEN",
            CANARY,
            "`DEALCLOCK__CONNECTION__ACME__TOKEN` would hold a secret itself | name where the secret stands: add `__ENV`, `__FILE` or `__CREDENTIAL` to the variable",
        ),
        (
            "DEALCLOCK__CONNECTION__ACME__TOKEN__ENV",
            CANARY,
            "`DEALCLOCK__CONNECTION__ACME__TOKEN__ENV` is not the name of an environment variable: letters, digits and `_` | `env` is the name of an environment variable: letters, digits and `_`",
        ),
        (
            "DEALCLOCK__CONNECTION__ACME__STAGES__OPEN",
            "x",
            "`DEALCLOCK__CONNECTION__ACME__STAGES__OPEN` cannot be set by a variable | write this section into the file",
        ),
        (
            "DEALCLOCK__MAIL",
            "x",
            "`DEALCLOCK__MAIL` names a section, not a key | add `__` and one of the section's keys",
        ),
        (
            "DEALCLOCK__LOG__LEVEL__X",
            "x",
            "`DEALCLOCK__LOG__LEVEL__X` goes on with `x` behind `level`, which has no parts | remove the end",
        ),
    ];
    for (name, value, expected) in rows {
        let found = faults(load_with(ACME, &[(name, value)]));
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        let (_, message) = found[0].split_once(": ").unwrap();
        assert_eq!(message, expected);
    }
}

#[test]
fn the_environment_stands_above_the_file_and_the_file_above_the_defaults() {
    let text =
        format!("{ACME}poll = \"30s\"\n[connection_defaults]\nshare = 0.5\nmax_wait = \"1m\"\n[log]\nlevel = \"warn\"");
    let variables = [
        ("DEALCLOCK__LOG__LEVEL", "debug"),
        ("DEALCLOCK__RULES__FILES", "a.toml,b.toml"),
        ("DEALCLOCK__CONNECTION__ACME__MAX_WAIT", "2m"),
        ("DEALCLOCK__CONNECTION__OTHER__KIND", "hubspot"),
        ("DEALCLOCK__CONNECTION__OTHER__TOKEN__FILE", "token"),
        ("DEALCLOCK__CONNECTION__ACME__TOKEN__CREDENTIAL", "crm"),
        ("DEALCLOCK_CONFIG", "unrelated"),
    ];
    let config = load_with(&text, &variables).unwrap();
    assert_eq!(config.log.level, "debug");
    assert_eq!(config.rules.patterns, [PathBuf::from("a.toml"), PathBuf::from("b.toml")]);
    assert_eq!(config.store.path, PathBuf::from("/etc/dealclock/dealclock.store"));
    assert_eq!(config.socket, PathBuf::from("/etc/dealclock/dealclock.store.sock"));
    let acme = &config.connections["acme"];
    assert_eq!((acme.poll, acme.max_wait), (Duration::from_secs(30), Duration::from_secs(120)));
    assert_eq!((acme.share, acme.refresh), (0.5, Duration::from_secs(3600)));
    assert_eq!(token(&config, "acme").from, SecretRef::Credential("crm".into()));
    assert_eq!(token(&config, "other").from, SecretRef::File("token".into()));
}

#[test]
fn every_key_that_the_shipped_file_shows_can_be_used() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("rep.ics"), "BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n").unwrap();
    // The shipped file shows both ways in; a connection has one of them.
    let token = "token = { env = \"HUBSPOT_TOKEN\" }\n";
    let text = schema::tests::every_key()
        .replace(token, "")
        .replace("username = ", "#username = ")
        .replace("private_key = ", "#private_key = ")
        .replace("enabled = false", "enabled = true")
        .replace("allow_local = false", "allow_local = true");
    let text = text.replace("socket = \"dealclock.sock\"", "socket = \"/run/dealclock.sock\"");
    let config = Config::read("my.toml", &text, directory.path(), &Environment::default(), &["hubspot"]).unwrap();
    let acme = &config.connections["acme"];
    let fields = &acme.mapping.fields[&Object::Opportunity];
    assert_eq!(
        fields[&FieldName::from("proposal_sent_at")],
        FieldSource::StageEntered { stage: "Proposal sent".into() }
    );
    assert_eq!(fields[&FieldName::from("wanted_until")].value_type(), ValueType::Date);
    assert_eq!(acme.mapping.stages["Open"], ["appointmentscheduled", "Partners/New"]);
    assert_eq!(acme.people["rep@example.com"].absences.len(), 2);
    assert_eq!(acme.roles["sales-director"], ["ann@example.com"]);
    assert_eq!(config.reports, directory.path().join("reports"));
    assert!(config.mail.is_some());
}

#[test]
fn a_secret_is_read_where_it_stands_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let read = |reference: &str, variables: &[(&str, &str)]| {
        let text = format!("[connection.acme]\nkind = \"hubspot\"\ntoken = {reference}\n");
        let config = Config::read("my.toml", &text, directory.path(), &Environment::default(), &["hubspot"]).unwrap();
        let secret = token(&config, "acme").read(&environment(variables));
        secret.map(|secret| secrecy::ExposeSecret::expose_secret(&secret).to_owned()).map_err(|fault| fault.message)
    };
    std::fs::write(directory.path().join("token"), "s3cret\r\n").unwrap();
    std::fs::write(directory.path().join("empty"), "\n").unwrap();
    let credentials = directory.path().display().to_string();
    assert_eq!(read("{ env = \"T\" }", &[("T", "007")]), Ok("007".into()));
    assert_eq!(read("{ env = \"T\" }", &[]), Err("the environment variable T is not set".into()));
    assert_eq!(read("{ file = \"token\" }", &[]), Ok("s3cret".into()));
    assert_eq!(read("{ credential = \"token\" }", &[("CREDENTIALS_DIRECTORY", &credentials)]), Ok("s3cret".into()));
    assert!(read("{ file = \"empty\" }", &[]).unwrap_err().ends_with("is empty"));
    assert!(read("{ file = \"nowhere\" }", &[]).unwrap_err().ends_with("cannot be read: there is no such file"));
    let credential = read("{ credential = \"token\" }", &[]);
    assert_eq!(credential, Err("the systemd credential token is not there: $CREDENTIALS_DIRECTORY is not set".into()));
}

/// The login of a connection.
fn login<'a>(config: &'a Config, connection: &str) -> &'a Auth {
    match &config.connections[connection].credentials {
        Credentials::Login(auth) => auth,
        Credentials::None | Credentials::Token(_) => panic!("`{connection}` has no login"),
    }
}

#[test]
fn the_environment_stands_above_a_login_of_the_file() {
    let text = format!(
        "{LOGIN}grant = \"client_credentials\"\nclient_id = \"i\"\nclient_secret = {{ file = \"s\" }}\nscopes = [\"a\"]"
    );
    let variables = [
        ("DEALCLOCK__CONNECTION__ACME__AUTH__CLIENT_SECRET__ENV", "S"),
        ("DEALCLOCK__CONNECTION__ACME__AUTH__SCOPES", "b, c"),
        ("DEALCLOCK__CONNECTION__ACME__BASE_URL", "https://acme.crm.example"),
        ("DEALCLOCK__SECRETS__KEY__CREDENTIAL", "key"),
    ];
    let config = load_with(&text, &variables).unwrap();
    let auth = login(&config, "acme");
    let GrantKeys::ClientCredentials { client_secret } = &auth.grant else { panic!("{:?}", auth.grant) };
    assert_eq!(client_secret.from, SecretRef::Env("S".into()));
    assert_eq!(auth.scopes, ["b", "c"]);
    assert_eq!(auth.login_url.as_deref(), Some("https://acme.crm.example"), "a sandbox stands for the login as well");
    assert!(matches!(&auth.key, KeyPlace::Configured(key) if key.from == SecretRef::Credential("key".into())));
    assert_eq!(auth.tokens, PathBuf::from("/etc/dealclock/dealclock.store.tokens"));
    let plain = load(&format!("{LOGIN}grant = \"authorization_code\"\nclient_id = \"i\"")).unwrap();
    let KeyPlace::Beside(key) = &login(&plain, "acme").key else { panic!("no key is configured") };
    assert_eq!(key, &PathBuf::from("/etc/dealclock/dealclock.store.key"));
}

#[test]
fn a_program_needs_neither_token_nor_login_and_keeps_its_secrets_in_its_environment() {
    let text = "[connection.acme]\nkind = \"hubspot\"\ncommand = [\"bin/crm\", \"a b\"]\n\
                [connection.acme.env]\nPASSWORD = { env = \"P\" }\n";
    let config = load(text).unwrap();
    let acme = &config.connections["acme"];
    assert!(matches!(acme.credentials, Credentials::None));
    assert_eq!(acme.command, ["/etc/dealclock/bin/crm", "a b"]);
    assert_eq!(acme.env["PASSWORD"].from, SecretRef::Env("P".into()));
    let missing = config.missing_secrets(&Environment::default());
    assert_eq!(
        missing.iter().map(|fault| &fault.message[..]).collect::<Vec<_>>(),
        ["the environment variable P is not set"]
    );
}

#[test]
fn a_private_key_has_lines_and_a_token_has_none() {
    let text = format!(
        "{LOGIN}grant = \"jwt_bearer\"\nclient_id = \"i\"\nusername = \"u\"\nprivate_key = {{ env = \"K\" }}\n\
         [connection.b]\nkind = \"hubspot\"\ntoken = {{ env = \"K\" }}"
    );
    let config = load(&text).unwrap();
    let variables = environment(&[("K", "-----BEGIN-----\nMIIE\r\n-----END-----\n")]);
    let GrantKeys::JwtBearer { private_key, .. } = &login(&config, "acme").grant else { panic!("another grant") };
    assert!(private_key.read(&variables).is_ok());
    assert!(token(&config, "b").read(&variables).unwrap_err().message.contains("no token or password has"));
}

#[test]
fn two_connections_that_log_in_to_one_account_are_a_fault() {
    let login = |name: &str, keys: &str| {
        format!(
            "[connection.{name}]\nkind = \"hubspot\"\n[connection.{name}.auth]\nclient_id = \"i\"\n\
             login_url = \"https://acme.crm.example\"\n{keys}\n"
        )
    };
    let secret = "client_secret = { env = \"S\" }";
    let credentials = format!("grant = \"client_credentials\"\n{secret}");
    let found = faults(load(&(login("a", &credentials) + &login("b", &credentials))));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`auth` is the same as that of [connection.a]"), "{found:?}");
    let by_person = format!("grant = \"authorization_code\"\n{secret}");
    assert!(load(&(login("a", &by_person) + &login("b", &by_person))).is_ok(), "one app on many accounts");
}

#[test]
fn no_secret_shows_in_a_fault_or_in_debug() {
    let texts = [
        format!("[connection.acme]\nkind = \"hubspot\"\ntoken = \"{CANARY}\"\npoll = 1"),
        format!("[connection.acme]\nkind = \"hubspot\"\ntoken = [\"{CANARY}\"]"),
        format!("[connection.acme]\nkind = \"hubspot\"\ntoken = {{ env = \"{CANARY}\" }}"),
        format!("[connection.acme]\nkind = \"hubspot\"\ntoken = {{ value = \"{CANARY}\" }}"),
        format!("[connection.acme]\nkind = \"hubspot\"\nacces_tokn = \"{CANARY}\""),
        format!("[connection.acme]\nkind = \"hubspot\"\ntoken = \"{CANARY}"),
        format!("[connection.acme]\ntoken = \"{CANARY}\"\ntoken = \"{CANARY}\""),
        format!("[connection.acme]\ntoken = \"\"\"\n{CANARY}\n"),
        format!("{ACME}base_url = \"https://user:{CANARY}@example.com\""),
        format!("[hubspot]\nkey.a.b = [{{ x = \"{CANARY}\" }}]"),
    ];
    for text in texts {
        let faults = load(&text).unwrap_err();
        for shown in [format!("{faults}"), format!("{faults:?}"), format!("{:?}", faults.0)] {
            assert!(!shown.contains("canary"), "{text}\n{shown}");
        }
    }
    let text = "[connection.acme]\nkind = \"hubspot\"\ntoken = { env = \"T\" }\n";
    let config = load_with(text, &[("T", CANARY)]).unwrap();
    let secret = token(&config, "acme").read(&environment(&[("T", CANARY)])).unwrap();
    assert!(!format!("{config:?} {secret:?}").contains("canary"));
}

#[test]
fn a_file_that_is_not_there_is_a_fault_with_its_name() {
    let faults = Config::load(Some(Path::new("/nowhere/my.toml")), &Environment::default(), &["hubspot"]).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "/nowhere/my.toml: cannot be read: there is no such file\n  help: name the configuration with --config FILE\n\n1 fault"
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(\\[?[a-z_.]{0,12}[\\]= \"{}\\[0-9#'\\n]{0,6}){0,12}") {
        let _ = load(&text);
    }
}
