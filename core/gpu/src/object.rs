//! A line that is one JSON object, read strictly.
//!
//! Every field stands once and is one of those named; nothing stands behind the object. So a line
//! means the same to every JSON reader.

use control::Name;
use control::scan::Cursor;

use crate::refused::{Reason, Refused, Where};

/// Which of the fields were there: bit `index` for the name of that place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen(u32);

impl Seen {
    pub fn has(self, index: usize) -> bool {
        self.0.checked_shr(index as u32).unwrap_or(0) & 1 == 1
    }
}

/// Takes the value of the field in that place among the names. Behind a pointer, so that there is
/// one reader for all kinds of lines: the server's image is small.
pub(crate) type Value<'v, 'a> = &'v mut dyn FnMut(usize, &mut Cursor<'a>) -> Result<(), Reason>;

/// Reads `line`: `value` is called behind each colon with the place of the field among `names`
/// and takes what stands there.
pub(crate) fn read<'a>(
    line: &'a [u8],
    names: &'static [&'static str],
    value: Value<'_, 'a>,
) -> Result<Seen, Refused> {
    let line = str::from_utf8(line).map_err(|_| Refused::line("must be UTF-8"))?;
    let mut cursor = Cursor::new(line);
    let seen = object(&mut cursor, names, value)?;
    if cursor.peek().is_some() {
        return Err(Refused::line("must end with the object: nothing behind it"));
    }
    Ok(seen)
}

/// Reads the object that comes next, in the same way.
pub(crate) fn object<'a>(
    cursor: &mut Cursor<'a>,
    names: &'static [&'static str],
    value: Value<'_, 'a>,
) -> Result<Seen, Refused> {
    if !cursor.take('{') {
        return Err(Refused::line("must be one JSON object"));
    }
    let mut seen = 0_u32;
    let mut last = Where::Whole;
    let refused = |field, reason| Err(Refused { field, reason });
    let mut ended = cursor.take('}');
    while !ended {
        let name = match cursor.text() {
            Some(Ok(name)) => name,
            Some(Err((name, what))) => {
                return refused(Where::Unknown(Name::of(name)), Reason::Text(what));
            }
            None => return refused(last, Reason::Must("needs a field's name in quotes next")),
        };
        let Some(index) = names.iter().position(|known| *known == name) else {
            return refused(Where::Unknown(Name::of(name)), Reason::NoField(names));
        };
        last = Where::Known(names.get(index).copied().unwrap_or_default());
        let bit = 1_u32.checked_shl(index as u32).unwrap_or(0);
        if seen & bit != 0 {
            return refused(last, Reason::Doubled);
        }
        seen |= bit;
        if !cursor.take(':') {
            return refused(last, Reason::Must("needs a colon behind its name"));
        }
        value(index, cursor).map_err(|reason| Refused { field: last, reason })?;
        ended = cursor.take('}');
        if !ended && !cursor.take(',') {
            return refused(last, Reason::Must("needs a comma or a brace behind its value"));
        }
    }
    Ok(Seen(seen))
}

/// The number in `range` that comes next.
pub(crate) fn number<N: TryFrom<u64>>(
    cursor: &mut Cursor<'_>,
    range: (u64, u64),
) -> Result<N, Reason> {
    let (min, max) = range;
    N::try_from(wide(cursor, range)?).map_err(|_| Reason::Number { min, max })
}

fn wide(cursor: &mut Cursor<'_>, (min, max): (u64, u64)) -> Result<u64, Reason> {
    let number = cursor.number().filter(|number| (min..=max).contains(number));
    number.ok_or(Reason::Number { min, max })
}

/// The text that comes next, if `of` takes it.
pub(crate) fn text<'a, T>(
    cursor: &mut Cursor<'a>,
    must: &'static str,
    of: impl FnOnce(&'a str) -> Option<T>,
) -> Result<T, Reason> {
    of(any_text(cursor, must)?).ok_or(Reason::Must(must))
}

fn any_text<'a>(cursor: &mut Cursor<'a>, must: &'static str) -> Result<&'a str, Reason> {
    let text = cursor.text().ok_or(Reason::Must(must))?;
    text.map_err(|(_, what)| Reason::Text(what))
}

/// The list that comes next, each item by `item`; how many there were. More than `most` are
/// refused with `must`, and so is what is no list.
pub(crate) fn list<'a>(
    cursor: &mut Cursor<'a>,
    most: usize,
    must: &'static str,
    mut item: impl FnMut(usize, &mut Cursor<'a>) -> Result<(), Reason>,
) -> Result<usize, Reason> {
    if !cursor.take('[') {
        return Err(Reason::Must(must));
    }
    let mut count = 0;
    loop {
        if count == most {
            return Err(Reason::Must(must));
        }
        item(count, cursor)?;
        count = count.saturating_add(1);
        if cursor.take(']') {
            return Ok(count);
        }
        if !cursor.take(',') {
            return Err(Reason::Must(must));
        }
    }
}
