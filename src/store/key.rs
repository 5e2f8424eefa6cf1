//! Keys: a table's byte, then parts whose bytes sort like their values.

use dealclock_model::{CaseId, ConnectionId, EffectId, Instant, Object, RecordRef};

use dealclock_model::effect::Lane;

/// What a row is about. The byte is part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Table {
    /// The store's format; one row.
    Format = b'f',
    /// The numbers that are given out; one row.
    Sequence = b'q',
    /// What the last look at the space found; one row.
    Space = b'z',
    /// Case by id.
    Case = b'c',
    /// (connection, person, case id): the cases that name a person.
    Naming = b'p',
    /// Waiting event by sequence number.
    Inbox = b'i',
    /// (connection, due, case id): the timers in order.
    Timer = b't',
    /// Due instant by case id, to find the case's row in `Timer`.
    Wake = b'w',
    /// Effect in the outbox, by id; never rewritten.
    Effect = b'e',
    /// State of an effect in the outbox, by id.
    Delivery = b'd',
    /// (lane, not before, sequence number): ids of effects to deliver, in order.
    Ready = b'r',
    /// Settlement by effect id; never removed.
    Settled = b's',
    /// (case id, sequence number): the journal.
    Journal = b'j',
    /// Setting by name.
    Meta = b'm',
    /// (connection, hint): the place of a hint that waits.
    Hint = b'h',
    /// (connection, key of a message): when the message was received.
    Replay = b'y',
    /// (received, connection, key of a message): the messages in order of age.
    ReplayAge = b'a',
    /// (case id, effect id): effects that wait until the case's record is unlocked.
    Locked = b'l',
    /// (connection, instant, sequence number): what happened, in the form that reports count.
    Fact = b'x',
    /// (connection, case id): the cases about which the CRM is asked regularly.
    Watched = b'o',
    /// (key of another row, number): the rest of a body that does not fit into one value.
    Chunk = b'k',
}

/// A key under construction, or whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn new(table: Table) -> Key {
        Key(vec![table as u8])
    }

    /// The key of one more piece of the row's body. Kept in a table of its own, so that scans of rows see rows only.
    pub(crate) fn chunk(row: &[u8], number: u16) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(row.len() + 3);
        bytes.push(Table::Chunk as u8);
        bytes.extend_from_slice(row);
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes
    }

    /// Appends text: zero bytes escaped, then a terminator that sorts before every continuation.
    pub(crate) fn text(mut self, text: &str) -> Key {
        for byte in text.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xFF);
            }
        }
        self.0.extend_from_slice(&[0, 1]);
        self
    }

    pub(crate) fn number(mut self, number: u64) -> Key {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Appends an instant, exact to the nanosecond: a timer rounded down would fire early.
    pub(crate) fn instant(mut self, instant: Instant) -> Key {
        self.0.extend_from_slice(&instant_bytes(instant));
        self
    }

    pub(crate) fn effect(self, id: &EffectId) -> Key {
        self.text(&id.to_string())
    }

    /// Appends a case id; the cases of a connection lie together, its records first and by kind.
    pub(crate) fn case(self, id: &CaseId) -> Key {
        match id {
            CaseId::Record(record) => self.records(&record.connection, record.object).text(record.id.as_str()),
            CaseId::Person { connection, person } => self.text(connection.as_str()).byte(1).text(person.as_str()),
            CaseId::Intake { connection, rule } => self.text(connection.as_str()).byte(2).text(rule.as_str()),
            CaseId::Digest { connection, digest, person } => {
                self.text(connection.as_str()).byte(3).text(digest.as_str()).text(person.as_str())
            }
            CaseId::Report { connection, report } => self.text(connection.as_str()).byte(4).text(report.as_str()),
        }
    }

    /// What the keys of all records of a kind begin with.
    pub(crate) fn records(self, connection: &ConnectionId, object: Object) -> Key {
        self.text(connection.as_str()).byte(0).text(object.as_str())
    }

    pub(crate) fn lane(self, lane: &Lane) -> Key {
        match lane {
            Lane::Crm(connection) => self.byte(0).text(connection.as_str()),
            Lane::Mail => self.byte(1),
        }
    }

    /// The first key after every key that begins with this one.
    pub(crate) fn end(&self) -> Key {
        let mut bytes = self.0.clone();
        while let Some(last) = bytes.pop() {
            if last < u8::MAX {
                bytes.push(last + 1);
                break;
            }
        }
        Key(bytes)
    }

    /// The first key after this very key.
    pub(crate) fn next(mut self) -> Key {
        self.0.push(0);
        self
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn byte(mut self, byte: u8) -> Key {
        self.0.push(byte);
        self
    }
}

/// Reads the parts of a key back; every method is `None` when the bytes are not such a part.
pub(crate) struct KeyReader<'a>(&'a [u8]);

impl<'a> KeyReader<'a> {
    /// Starts behind the table's byte.
    pub(crate) fn new(key: &'a [u8]) -> KeyReader<'a> {
        KeyReader(key.get(1..).unwrap_or_default())
    }

    /// Starts behind a key that this one begins with.
    pub(crate) fn behind(prefix: &Key, key: &'a [u8]) -> KeyReader<'a> {
        KeyReader(key.get(prefix.0.len()..).unwrap_or_default())
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            match self.take::<1>()? {
                [0] => match self.take::<1>()? {
                    [0xFF] => bytes.push(0),
                    [1] => return String::from_utf8(bytes).ok(),
                    _ => return None,
                },
                [byte] => bytes.push(byte),
            }
        }
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn instant(&mut self) -> Option<Instant> {
        instant_from(self.take()?)
    }

    pub(crate) fn effect(&mut self) -> Option<EffectId> {
        self.text()?.parse().ok()
    }

    pub(crate) fn case(&mut self) -> Option<CaseId> {
        let connection = ConnectionId::from(self.text()?);
        match self.take::<1>()? {
            [0] => {
                let name = self.text()?;
                let object = Object::ALL.into_iter().find(|object| object.as_str() == name)?;
                Some(CaseId::Record(RecordRef { connection, object, id: self.text()?.into() }))
            }
            [1] => Some(CaseId::Person { connection, person: self.text()?.into() }),
            [2] => Some(CaseId::Intake { connection, rule: self.text()?.into() }),
            [3] => Some(CaseId::Digest { connection, digest: self.text()?.into(), person: self.text()?.into() }),
            [4] => Some(CaseId::Report { connection, report: self.text()?.into() }),
            _ => None,
        }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*part)
    }
}

/// An instant as bytes that sort like instants.
pub(crate) fn instant_bytes(instant: Instant) -> [u8; 12] {
    // The sign bit is flipped, so that instants before 1970 sort first.
    let seconds = instant.timestamp().cast_unsigned() ^ (1 << 63);
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&seconds.to_be_bytes());
    bytes[8..].copy_from_slice(&instant.timestamp_subsec_nanos().to_be_bytes());
    bytes
}

/// The instant that the bytes stand for.
pub(crate) fn instant_from(bytes: [u8; 12]) -> Option<Instant> {
    let (seconds, nanos) = bytes.split_first_chunk::<8>()?;
    let seconds = (u64::from_be_bytes(*seconds) ^ (1 << 63)).cast_signed();
    Instant::from_timestamp(seconds, u32::from_be_bytes(nanos.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn case_id() -> impl Strategy<Value = CaseId> {
        let text = "[a\u{0}\u{1}\u{ff}é]{0,4}";
        (text, text, 0..5).prop_map(|(connection, id, kind)| match kind {
            0 => {
                CaseId::Record(RecordRef { connection: connection.into(), object: Object::Opportunity, id: id.into() })
            }
            1 => CaseId::Person { connection: connection.into(), person: id.into() },
            2 => CaseId::Intake { connection: connection.into(), rule: id.into() },
            3 => CaseId::Digest { connection: connection.clone().into(), digest: id.into(), person: connection.into() },
            _ => CaseId::Report { connection: connection.into(), report: id.into() },
        })
    }

    fn instant() -> impl Strategy<Value = Instant> {
        (-8_000_000_000_000_i64..8_000_000_000_000, 0..1_000_000_000_u32)
            .prop_map(|(seconds, nanos)| Instant::from_timestamp(seconds, nanos).unwrap())
    }

    proptest! {
        #[test]
        fn case_ids_come_back_from_their_keys(id in case_id()) {
            let key = Key::new(Table::Case).case(&id);
            prop_assert_eq!(KeyReader::new(key.as_bytes()).case(), Some(id));
        }

        #[test]
        fn texts_sort_like_their_keys(a in "[a\u{0}\u{1}\u{ff}]{0,4}", b in "[a\u{0}\u{1}\u{ff}]{0,4}") {
            let key = |text: &str| Key::new(Table::Meta).text(text).into_bytes();
            prop_assert_eq!(a.as_bytes().cmp(b.as_bytes()), key(&a).cmp(&key(&b)));
        }

        #[test]
        fn instants_sort_like_their_bytes_and_come_back(a in instant(), b in instant()) {
            prop_assert_eq!(a.cmp(&b), instant_bytes(a).cmp(&instant_bytes(b)));
            prop_assert_eq!(instant_from(instant_bytes(a)), Some(a));
        }

        #[test]
        fn any_bytes_are_a_key_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = KeyReader::new(&bytes).case();
            let _ = KeyReader::new(&bytes).effect();
        }
    }

    #[test]
    fn the_end_of_a_prefix_lies_behind_all_its_keys() {
        let prefix = Key(vec![b'm', 1, 0xFF]);
        assert_eq!(prefix.end(), Key(vec![b'm', 2]));
        assert!(Key(vec![b'm', 1, 0xFF, 0xFF, 0xFF]).0 < prefix.end().0);
    }

    #[test]
    fn the_bytes_of_keys_are_the_ones_that_stand_in_customers_stores() {
        let record = RecordRef { connection: "acme".into(), object: Object::Opportunity, id: "42".into() };
        let due = Instant::from_timestamp(1_770_000_000, 5).unwrap();
        let timer = Key::new(Table::Timer).text("acme").instant(due).case(&CaseId::Record(record));
        let instant = b"\x80\0\0\0\x69\x80\x0E\x80\0\0\0\x05";
        assert_eq!(
            timer.into_bytes(),
            [&b"tacme\0\x01"[..], instant, b"acme\0\x01\0opportunity\0\x0142\0\x01"].concat()
        );
        let ready = Key::new(Table::Ready).lane(&Lane::Crm("acme".into())).number(7);
        assert_eq!(ready.into_bytes(), b"r\0acme\0\x01\0\0\0\0\0\0\0\x07");
        assert_eq!(Key::chunk(b"mx", 258), b"kmx\x01\x02");
    }
}
