//! XML from strangers, read element by element: no document type, no entities of its own, nothing deep or large.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, QName, ResolveResult};
use quick_xml::reader::NsReader;

/// The most bytes that are looked at; a hundred notifications with every field of an opportunity are far smaller.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// The most elements inside each other; a message needs seven.
const MOST_DEPTH: usize = 16;
/// The most attributes of one element, namespaces included.
const MOST_ATTRIBUTES: usize = 32;

/// What attributes such as `xsi:type` and `xsi:nil` belong to.
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Why a text is not read; nothing of the text is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is larger than what is looked at.
    #[error("it is larger than {MOST_BYTES} bytes")]
    Large,
    /// It is written in another encoding, or in none.
    #[error("it is not UTF-8")]
    Encoding,
    /// It declares a document type, which SOAP forbids and which could hide a bomb.
    #[error("it declares a document type")]
    DocumentType,
    /// It holds a processing instruction, which SOAP forbids.
    #[error("it holds a processing instruction")]
    Instruction,
    /// It refers to an entity that is not one of the five of XML.
    #[error("it refers to an entity of its own")]
    Entity,
    /// Its elements are too far inside each other.
    #[error("its elements are nested deeper than {MOST_DEPTH}")]
    Deep,
    /// An element has too many attributes.
    #[error("an element has more than {MOST_ATTRIBUTES} attributes")]
    Attributes,
    /// It ends in the middle.
    #[error("it ends in the middle")]
    Truncated,
    /// It breaks the rules of XML.
    #[error("it is not XML at byte {0}")]
    Syntax(u64),
    /// There is text where only elements belong, or the other way round.
    #[error("text and elements are mixed at byte {0}")]
    Mixed(u64),
}

/// The start of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The namespace; empty without one.
    pub namespace: String,
    /// The name in it.
    pub name: String,
    /// The namespace and the name of its `xsi:type`.
    pub of_type: Option<(String, String)>,
    /// Whether it says by `xsi:nil` that it is empty on purpose.
    pub is_nil: bool,
}

impl Tag {
    /// Whether it is the element with this name in this namespace.
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }
}

/// A place in the text.
pub struct Cursor<'a> {
    reader: NsReader<&'a [u8]>,
    depth: usize,
}

/// What comes next.
enum Piece {
    Open(Tag),
    Text(String),
    Close,
    End,
}

impl<'a> Cursor<'a> {
    /// The beginning of a text.
    pub fn new(bytes: &'a [u8]) -> Result<Cursor<'a>, Malformed> {
        if bytes.len() > MOST_BYTES {
            return Err(Malformed::Large);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Encoding)?;
        let mut reader = NsReader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        reader.config_mut().expand_empty_elements = true;
        reader.resolver_mut().set_max_namespace_bindings(MOST_ATTRIBUTES);
        Ok(Cursor { reader, depth: 0 })
    }

    /// The next element within the present one; `None` where that one ends.
    pub fn child(&mut self) -> Result<Option<Tag>, Malformed> {
        loop {
            match self.next()? {
                Piece::Open(tag) => return Ok(Some(tag)),
                Piece::Text(text) if text.trim_ascii().is_empty() => {}
                Piece::Text(_) => return Err(Malformed::Mixed(self.place())),
                Piece::Close | Piece::End => return Ok(None),
            }
        }
    }

    /// The text of the present element, to its end, without blanks around it.
    pub fn text(&mut self) -> Result<String, Malformed> {
        let mut whole = String::new();
        loop {
            match self.next()? {
                Piece::Text(text) => whole.push_str(&text),
                Piece::Open(_) => return Err(Malformed::Mixed(self.place())),
                Piece::Close | Piece::End => return Ok(whole.trim_ascii().to_owned()),
            }
        }
    }

    /// Passes over the present element, to its end.
    pub fn skip(&mut self) -> Result<(), Malformed> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Piece, Malformed> {
        loop {
            let event = self.reader.read_event().map_err(|_| Malformed::Syntax(self.place()))?;
            match event {
                Event::Start(start) | Event::Empty(start) => {
                    self.depth += 1;
                    return if self.depth > MOST_DEPTH {
                        Err(Malformed::Deep)
                    } else {
                        self.tag(&start).map(Piece::Open)
                    };
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Piece::Close);
                }
                Event::Text(text) => return Ok(Piece::Text(text.xml10_content().into_owned())),
                Event::CData(text) => return Ok(Piece::Text(text.xml10_content().into_owned())),
                Event::GeneralRef(reference) => return referred(&reference).map(Piece::Text),
                Event::Comment(_) => {}
                Event::Decl(declaration) => check_declaration(&declaration)?,
                Event::PI(_) => return Err(Malformed::Instruction),
                Event::DocType(_) => return Err(Malformed::DocumentType),
                Event::Eof if self.depth > 0 => return Err(Malformed::Truncated),
                Event::Eof => return Ok(Piece::End),
            }
        }
    }

    fn tag(&self, start: &BytesStart<'_>) -> Result<Tag, Malformed> {
        let syntax = || Malformed::Syntax(self.place());
        let (namespace, name) = self.named(start.name(), true).ok_or_else(syntax)?;
        let mut tag = Tag { namespace, name, of_type: None, is_nil: false };
        let mut count = 0;
        // The reader's own look for an attribute that stands twice grows with their square, so it comes after the count.
        for attribute in start.attributes().with_checks(false) {
            attribute.map_err(|_| syntax())?;
            count += 1;
            if count > MOST_ATTRIBUTES {
                return Err(Malformed::Attributes);
            }
        }
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| syntax())?;
            let (space, name) = self.reader.resolver().resolve_attribute(attribute.key);
            if !matches!(space, ResolveResult::Bound(Namespace(SCHEMA_INSTANCE))) {
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| Malformed::Entity)?;
            match name.as_ref() {
                "type" => tag.of_type = Some(self.named(QName(value.trim_ascii()), true).ok_or_else(syntax)?),
                "nil" => tag.is_nil = matches!(value.trim_ascii(), "true" | "1"),
                _ => {}
            }
        }
        Ok(tag)
    }

    /// The namespace and the name that a prefixed name means here; `None` where its prefix is not declared.
    fn named(&self, name: QName<'_>, use_default: bool) -> Option<(String, String)> {
        let (local, prefix) = name.decompose();
        let namespace = match self.reader.resolver().resolve_prefix(prefix, use_default) {
            ResolveResult::Bound(Namespace(namespace)) => namespace.to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(_) => return None,
        };
        Some((namespace, local.as_ref().to_owned()))
    }

    fn place(&self) -> u64 {
        self.reader.buffer_position()
    }
}

/// The text that one of XML's own five entities, or a number of a character, stands for.
fn referred(reference: &BytesRef<'_>) -> Result<String, Malformed> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| Malformed::Entity)? {
        return Ok(character.to_string());
    }
    resolve_xml_entity(reference).map(str::to_owned).ok_or(Malformed::Entity)
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), Malformed> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => Err(Malformed::Encoding),
    }
}
