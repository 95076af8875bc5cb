//! The strict parser of a line.
//!
//! Two looks at the line: the first finds the command's name, wherever it stands, and passes over
//! what it does not know; the second reads the line from its first to its last byte by that
//! command's fields. What the first overlooked or mistook the second refuses.

use crate::command::{Command, Value, Values};
use crate::ids::{GpuId, Path, Service, TicketId, WorkerId};
use crate::refused::{Name, Reason, Refused, Where, verbs};
use crate::scan::Cursor;
use crate::table::{Field, Form, Key, TABLE, Takes};

/// The command that `line` holds, which has no line end any more.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse(line: &[u8]) -> Result<Command<'_>, Refused> {
    let Ok(line) = str::from_utf8(line) else {
        return Err(Refused::whole(Reason::Syntax("must be UTF-8")));
    };
    let mut cursor = Cursor::new(line);
    if !cursor.take('{') {
        let what = "must be one JSON object like {\"kill\":\"worker-7\"}";
        return Err(Refused::whole(Reason::Syntax(what)));
    }
    let form = choose(cursor)?;
    let mut reading = Reading { cursor, seen: 0, values: Values::new() };
    reading.object(None, form.fields)?;
    if reading.cursor.peek().is_some() {
        let what = "must end with the object: one command in a line and nothing behind it";
        return Err(Refused::whole(Reason::Syntax(what)));
    }
    reading.values.command(form.kind).map_err(|key| missing(form, key))
}

/// The command that a line names, behind its first brace.
fn choose(mut cursor: Cursor<'_>) -> Result<&'static Form, Refused> {
    let mut depth = 1_u32;
    let mut chosen = None;
    let mut strange = None;
    while let Some(next) = cursor.peek() {
        match next {
            b'"' => {
                let name = cursor.skip_text();
                if depth != 1 || !cursor.take(':') {
                    continue;
                }
                if let Some(form) = TABLE.iter().find(|form| form.verb() == name) {
                    let value = cursor.text();
                    let form = kind_of(form, value.and_then(Result::ok))?;
                    // `budget` is a command only where there is no other.
                    if !is_part(name) {
                        return Ok(form);
                    }
                    chosen = chosen.or(Some(form));
                } else if !is_part(name) {
                    strange = strange.or(Some(name));
                }
            }
            b'{' | b'[' => {
                depth = depth.saturating_add(1);
                cursor.skip();
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                cursor.skip();
            }
            _ => cursor.skip(),
        }
    }
    chosen.ok_or_else(|| {
        let field = strange.map_or(Where::Whole, |name| Where::Unknown(Name::of(name)));
        Refused { object: None, field, reason: Reason::NoCommand }
    })
}

/// The form with the verb of `form` that is meant: `spawn` says it with its value.
fn kind_of(form: &'static Form, value: Option<&str>) -> Result<&'static Form, Refused> {
    if form.word().is_none() {
        return Ok(form);
    }
    let meant = TABLE.iter().find(|other| other.verb() == form.verb() && other.word() == value);
    let field = Where::Known(form.verb());
    meant.ok_or(Refused { object: None, field, reason: Reason::NoKind })
}

/// Whether a command has a field of this name behind its first.
fn is_part(name: &str) -> bool {
    TABLE.iter().any(|form| form.fields.iter().skip(1).any(|field| field.name == name))
}

/// That the field with this key is missing.
fn missing(form: &'static Form, key: Key) -> Refused {
    let inside = |outer: &'static Field| match outer.takes {
        Takes::Object(fields) => fields.iter().find(|field| field.key == key),
        _ => None,
    };
    let found = form.fields.iter().find_map(|outer| {
        if outer.key == key {
            Some((None, outer))
        } else {
            Some((Some(outer.name), inside(outer)?))
        }
    });
    match found {
        Some((object, field)) => {
            let reason = Reason::Missing(field.takes);
            Refused { object, field: Where::Known(field.name), reason }
        }
        None => Refused::whole(Reason::Empty(form.fields)),
    }
}

/// A line that is being read as one command's.
struct Reading<'a> {
    cursor: Cursor<'a>,
    /// A bit for each [`Key`].
    seen: u32,
    values: Values<'a>,
}

impl<'a> Reading<'a> {
    /// Reads an object behind its first brace: the line's own, or the field `object` of it.
    fn object(
        &mut self,
        object: Option<&'static str>,
        fields: &'static [Field],
    ) -> Result<(), Refused> {
        let refused = |field, reason| Err(Refused { object, field, reason });
        if self.cursor.take('}') {
            return refused(Where::Whole, Reason::Empty(fields));
        }
        let mut last = Where::Whole;
        loop {
            let name = match self.cursor.text() {
                Some(Ok(name)) => name,
                Some(Err((name, what))) => {
                    return refused(Where::Unknown(Name::of(name)), Reason::Text(what));
                }
                None => {
                    return refused(last, Reason::Syntax("needs a field's name in quotes next"));
                }
            };
            let Some(field) = fields.iter().find(|field| field.name == name) else {
                let second = object.is_none() && verbs().any(|verb| verb == name);
                let reason = if second { Reason::Second } else { Reason::NoField(fields) };
                return refused(Where::Unknown(Name::of(name)), reason);
            };
            last = Where::Known(field.name);
            if self.saw(field) {
                return refused(last, Reason::Doubled);
            }
            if !self.cursor.take(':') {
                return refused(last, Reason::Syntax("needs a colon behind its name"));
            }
            self.value(object, field)?;
            if self.cursor.take('}') {
                break;
            }
            if !self.cursor.take(',') {
                return refused(last, Reason::Syntax("needs a comma or a brace behind its value"));
            }
        }
        let lacks = |field: &&Field| field.required && self.seen & bit(field) == 0;
        match fields.iter().find(lacks) {
            Some(field) => refused(Where::Known(field.name), Reason::Missing(field.takes)),
            None => Ok(()),
        }
    }

    /// Whether the field was there before; now it is.
    fn saw(&mut self, field: &Field) -> bool {
        let before = self.seen & bit(field) != 0;
        self.seen |= bit(field);
        before
    }

    fn value(
        &mut self,
        object: Option<&'static str>,
        field: &'static Field,
    ) -> Result<(), Refused> {
        let refused = |reason| Refused { object, field: Where::Known(field.name), reason };
        let wrong = || refused(Reason::Must(field.takes));
        let value = match field.takes {
            Takes::Object(fields) if self.cursor.take('{') => {
                return self.object(Some(field.name), fields);
            }
            Takes::Object(_) => return Err(wrong()),
            Takes::Number { min, max } => {
                let number = self.cursor.number().filter(|number| (min..=max).contains(number));
                Value::Number(number.ok_or_else(wrong)?)
            }
            takes => {
                let text = self.cursor.text().ok_or_else(wrong)?;
                let text = text.map_err(|(_, what)| refused(Reason::Text(what)))?;
                text_value(takes, text).ok_or_else(wrong)?
            }
        };
        self.values.set(field.key, value);
        Ok(())
    }
}

fn bit(field: &Field) -> u32 {
    const { assert!(Key::COUNT <= u32::BITS as usize) };
    1 << field.key as u32
}

fn text_value(takes: Takes, text: &str) -> Option<Value<'_>> {
    match takes {
        Takes::Word(word) => (text == word).then_some(Value::Word(word)),
        Takes::Worker => WorkerId::of(text).map(Value::Worker),
        Takes::Gpu => GpuId::of(text).map(Value::Gpu),
        Takes::Path => Path::of(text).map(Value::Path),
        Takes::Service => Service::of(text).map(Value::Service),
        Takes::Ticket => TicketId::of(text).map(Value::Ticket),
        Takes::Number { .. } | Takes::Object(_) => None,
    }
}
