//! A mail server on loopback that keeps what it gets, and refuses or hangs up where a test says so.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does at one step instead of its usual answer.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Answers this line.
    Say(&'static str),
    /// Closes the connection without a word.
    HangUp,
}

/// The steps at which a test can interfere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The greeting after connecting.
    Greeting,
    /// `AUTH`.
    Auth,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`.
    Data,
    /// The end of the message; the message has been kept by then.
    Message,
}

/// One message that arrived.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The line of `MAIL FROM`.
    pub from: String,
    /// The line of `RCPT TO`.
    pub to: String,
    /// Headers and body as sent, without the closing dot.
    pub text: String,
}

/// A mail server on loopback.
pub struct SmtpSink {
    port: u16,
    letters: Arc<Mutex<Vec<Letter>>>,
}

impl SmtpSink {
    /// Starts a server that does as told at each of the steps, and takes everything else.
    pub async fn start(script: Vec<(At, Fate)>) -> SmtpSink {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let letters = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&letters);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = converse(stream, &script, &kept).await;
            }
        });
        SmtpSink { port, letters }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything that arrived so far.
    pub fn letters(&self) -> Vec<Letter> {
        self.letters.lock().expect("no test panics while holding it").clone()
    }
}

async fn converse(stream: TcpStream, script: &[(At, Fate)], letters: &Mutex<Vec<Letter>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut from, mut to) = (String::new(), String::new());
    if !answer(&mut stream, script, At::Greeting, "220 sink ready").await? {
        return Ok(());
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let (at, usual) = match word.as_str() {
            "EHLO" => {
                stream.write_all(b"250-sink\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n").await?;
                continue;
            }
            "AUTH" => (At::Auth, "235 welcome"),
            "MAIL" => {
                from = line;
                (At::Mail, "250 ok")
            }
            "RCPT" => {
                to = line;
                (At::Rcpt, "250 ok")
            }
            "DATA" => (At::Data, "354 go on"),
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => {
                stream.write_all(b"500 what?\r\n").await?;
                continue;
            }
        };
        let usually = !script.iter().any(|(scripted, _)| *scripted == at);
        if !answer(&mut stream, script, at, usual).await? {
            return Ok(());
        }
        if at == At::Data && usually {
            let text = read_message(&mut stream).await?;
            letters.lock().expect("no test panics while holding it").push(Letter {
                from: std::mem::take(&mut from),
                to: std::mem::take(&mut to),
                text,
            });
            if !answer(&mut stream, script, At::Message, "250 taken").await? {
                return Ok(());
            }
        }
    }
}

async fn answer(
    stream: &mut BufReader<TcpStream>,
    script: &[(At, Fate)],
    at: At,
    usual: &str,
) -> std::io::Result<bool> {
    let line = match script.iter().find(|(scripted, _)| *scripted == at) {
        Some((_, Fate::HangUp)) => return Ok(false),
        Some((_, Fate::Say(line))) => line,
        None => usual,
    };
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    Ok(true)
}

async fn read_message(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n.\r\n") {
        bytes.push(stream.read_u8().await?);
    }
    bytes.truncate(bytes.len() - 3);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
