//! Mistakes of the configuration: each is told with file, line, key and the way out before anything is asked of a CRM.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::files::{Files, RULE};
use crate::program::check;

/// A login of Salesforce by a grant, without what the grant needs.
fn login(grant: &str, keys: &str) -> String {
    format!("kind = \"salesforce\"\n[connection.acme.auth]\ngrant = \"{grant}\"\nclient_id = \"app\"\n{keys}")
}

/// The files for a connection of these keys, with a secret in `s`.
fn files(keys: &str) -> Files {
    let files = Files::new(&[]);
    fs::write(files.config(), format!("[connection.acme]\n{keys}")).unwrap();
    files.set_rule(&RULE.replace("silenced_while = \"complex\"\n", ""));
    let secret = files.path().join("s");
    fs::write(&secret, "canary").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    files
}

/// Every command that would open the connection says it.
fn check_all(keys: &str, commands: &[&str], words: &[&str]) {
    for command in commands {
        check(&files(keys), &command.split(' ').collect::<Vec<_>>(), 3, words);
    }
}

#[test]
fn what_lets_a_connection_in_is_one_thing_and_whole() {
    const READ: &[&str] = &["check", "check --online", "run", "auth acme"];
    let secret = "client_secret = { file = \"s\" }\n";
    let both = login("client_credentials", secret).replace("[", "token = { file = \"s\" }\n[");
    check_all(&both, READ, &["dealclock.toml:4:", "both `token` and `auth`", "keep `token`"]);
    check_all(
        "kind = \"salesforce\"\n",
        READ,
        &["dealclock.toml:1:", "no `token` and no `auth`", "add for example token"],
    );
    let grant = ["dealclock.toml:4:9", "`grant` cannot be `client_credential`", "did you mean `client_credentials`?"];
    check_all(&login("client_credential", secret), READ, &grant);
    let unknown =
        ["dealclock.toml:4:9", "`grant` cannot be `password`", "authorization_code, client_credentials, jwt_bearer"];
    check_all(&login("password", secret), READ, &unknown);
    let keyless = ["dealclock.toml:3:", "no `private_key`", "add for example private_key = { file = \"app.pem\" }"];
    check_all(&login("jwt_bearer", "username = \"u\"\n"), READ, &keyless);
    let other =
        login("jwt_bearer", "username = \"u\"\nprivate_key = { file = \"s\" }\n").replace("salesforce", "hubspot");
    let words = [
        "dealclock.toml:4:9",
        "the connector for `hubspot` does not know the grant `jwt_bearer`",
        "write \"authorization_code\"",
    ];
    check_all(&other, &["check", "check --online", "run"], &words);
}

#[test]
fn what_is_read_when_a_connection_is_opened_is_told_at_its_line() {
    const OPEN: &[&str] = &["check --online", "run", "setup --connection acme"];
    let token = |key: &str| format!("kind = \"salesforce\"\ntoken = {{ file = \"s\" }}\n{key}\n");
    let key = login("jwt_bearer", "username = \"u\"\nprivate_key = { file = \"s\" }\n");
    let words = ["dealclock.toml:7:15", "`private_key` is not an RSA private key in PEM", "name the file with the key"];
    check_all(&key, OPEN, &words);
    let words = [
        "dealclock.toml:4:11",
        "`ca_file`",
        "nowhere.pem cannot be read",
        "name a file with the authority's certificate",
    ];
    check_all(&token("ca_file = \"nowhere.pem\""), OPEN, &words);
    let words = ["dealclock.toml:4:11", "`ca_file`", "there is no certificate in it", "name a file"];
    check_all(&token("ca_file = \"s\""), OPEN, &words);
    check_all(&token("feed = true"), OPEN, &["dealclock.toml:4:8", "`feed` cannot be followed", "remove `feed`"]);
    let words = ["dealclock.toml:3:9", "s3 cannot be read", "write the secret alone into that file"];
    check_all("kind = \"salesforce\"\ntoken = { file = \"s3\" }\n", OPEN, &words);
}

#[test]
fn a_program_that_cannot_be_run_is_told_at_its_line() {
    const OPEN: &[&str] = &["check --online", "run"];
    let plugin = |keys: &str| format!("kind = \"plugin\"\n{keys}\n");
    check_all(
        &plugin(""),
        &["check", "run"],
        &["dealclock.toml:1:", "has no `command`", "add for example command = ["],
    );
    let words = ["dealclock.toml:1:", "command: the program to run is missing", "command = ["];
    check_all(&plugin("token = { file = \"s\" }"), OPEN, &words);
    let words = ["dealclock.toml:3:11", "nowhere.py` cannot be run", "correct [connection.acme]"];
    check_all(&plugin("command = [\"./nowhere.py\"]"), OPEN, &words);
    let words =
        ["dealclock.toml:3:11", "`command` is of no use: the connector for `salesforce` runs no program", "remove it"];
    check_all("kind = \"salesforce\"\ncommand = [\"./x\"]\n", &["check", "run"], &words);
}

#[test]
fn a_listener_that_nobody_could_call_is_told_at_its_line() {
    let token = "kind = \"salesforce\"\ntoken = { file = \"s\" }\n[web]\n";
    let commands = ["check", "run"];
    let words = ["dealclock.toml:4:", "no `listen` for its `public_url`", "add for example listen"];
    check_all(&format!("{token}public_url = \"https://crm.example.com\"\n"), &commands, &words);
    let words = ["dealclock.toml:6:14", "`public_url` is not encrypted", "begins with https://"];
    check_all(
        &format!("{token}listen = \"127.0.0.1:0\"\npublic_url = \"http://crm.example.com\"\n"),
        &commands,
        &words,
    );
}
