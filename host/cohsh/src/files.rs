//! Commands on files: listed, read, described, appended to.

use client::{Attributes, Entry, Errno, File, Kind, Mode, join};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::output::{Content, Output};
use crate::refusal;
use crate::session::Hive;

/// Bytes asked for in one read: as many as a message carries.
const READ: u32 = u32::MAX;

/// Lists a directory, or the file that `path` is.
pub(crate) fn list(hive: &mut Hive, path: &str, long: bool, output: &mut Output) -> Result<()> {
    let at = |failure: Failure| failure.at(path);
    match hive.list(path) {
        Ok(mut entries) => {
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            list_entries(hive, path, &entries, long, output)
        }
        Err(client::Error::Refused(Errno::ENOTDIR)) => {
            // A file is its own only line. (Is a part of the path one, this fails as that did.)
            let attributes = attributes(hive, path).map_err(at)?;
            line(path, path, attributes.kind, Some(&attributes), long, output)
        }
        Err(error) => Err(at(error.into())),
    }
}

fn list_entries(
    hive: &mut Hive,
    directory: &str,
    entries: &[Entry],
    long: bool,
    output: &mut Output,
) -> Result<()> {
    for entry in entries {
        let path = join(directory, &entry.name);
        if !long && !output.is_json() {
            line(&path, &entry.name, entry.kind, None, long, output)?;
            continue;
        }
        match attributes(hive, &path) {
            Ok(attributes) => {
                line(&path, &entry.name, attributes.kind, Some(&attributes), long, output)?;
            }
            // Gone since it was listed.
            Err(failure) if failure.errno() == Some(Errno::ENOENT) => {}
            Err(failure) => return Err(failure.at(&path)),
        }
    }
    Ok(())
}

fn line(
    path: &str,
    name: &str,
    kind: Kind,
    attributes: Option<&Attributes>,
    long: bool,
    output: &mut Output,
) -> Result<()> {
    if let (true, Some(attributes)) = (output.is_json(), attributes) {
        let mut object = described(path, attributes);
        object["name"] = name.into();
        return output.object(&object);
    }
    let slash = if kind == Kind::Directory { "/" } else { "" };
    let name = output.name(name);
    match attributes.filter(|_| long) {
        Some(attributes) => {
            let Attributes { size, .. } = attributes;
            output.text(&format!("{} {size:>8} {name}{slash}\n", mode(attributes)))
        }
        None => output.text(&format!("{name}{slash}\n")),
    }
}

fn attributes(hive: &mut Hive, path: &str) -> Result<Attributes> {
    Ok(hive.with_file(path, |hive, file| hive.getattr(file))?)
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Directory => "directory",
        Kind::File => "file",
    }
}

/// As in `ls -l`.
fn mode(attributes: &Attributes) -> String {
    let mut mode = String::from(if attributes.kind == Kind::Directory { "d" } else { "-" });
    for place in (0..9).rev() {
        let letter = ['x', 'w', 'r'][place % 3];
        mode.push(if attributes.permissions >> place & 1 == 1 { letter } else { '-' });
    }
    mode
}

fn described(path: &str, attributes: &Attributes) -> Value {
    json!({
        "path": path,
        "type": word(attributes.kind),
        "mode": format!("{:04o}", attributes.permissions),
        "size": attributes.size,
        "modified": attributes.modified,
        "qid": { "path": attributes.qid.path, "version": attributes.qid.version },
    })
}

/// Shows what a file is.
pub(crate) fn stat(hive: &mut Hive, path: &str, output: &mut Output) -> Result<()> {
    let attributes = attributes(hive, path).map_err(|failure| failure.at(path))?;
    if output.is_json() {
        return output.object(&described(path, &attributes));
    }
    let Attributes { qid, size, modified, permissions, .. } = attributes;
    let (name, kind, mode) = (output.name(path), word(attributes.kind), mode(&attributes));
    output.text(&format!(
        "{name}: {kind}, mode {permissions:04o} ({mode}), {size} bytes, \
         modified {modified} s, qid {}.{}\n",
        qid.path, qid.version,
    ))
}

/// Opens a file for reading, which is no directory.
pub(crate) fn open(hive: &mut Hive, file: &File) -> Result<()> {
    if file.qid().is_directory() {
        return Err(Failure::refused(Errno::EISDIR));
    }
    Ok(hive.open(file, Mode::Read)?)
}

/// Shows what a file holds.
pub(crate) fn cat(hive: &mut Hive, path: &str, output: &mut Output) -> Result<()> {
    let shown = hive.with_file(path, |hive, file| {
        open(hive, file)?;
        if output.is_json() {
            let mut whole = Vec::new();
            read_all(hive, file, |bytes| {
                whole.extend_from_slice(bytes);
                Ok(())
            })?;
            return output.whole(path, &whole);
        }
        let mut content = Content::new(output, path);
        read_all(hive, file, |bytes| content.put(bytes))?;
        content.end()
    });
    shown.map_err(|failure: Failure| failure.at(path))
}

fn read_all(hive: &mut Hive, file: &File, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut offset = 0;
    loop {
        let bytes = hive.read(file, offset, READ)?;
        if bytes.is_empty() {
            return Ok(());
        }
        offset += bytes.len() as u64;
        take(bytes)?;
    }
}

/// What a file holds, all of it.
pub(crate) fn read_whole(hive: &mut Hive, path: &str) -> Result<Vec<u8>> {
    hive.with_file(path, |hive, file| {
        open(hive, file)?;
        let mut whole = Vec::new();
        read_all(hive, file, |bytes| {
            whole.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(whole)
    })
}

/// Appends `text` to a file and says that it did.
pub(crate) fn append(hive: &mut Hive, path: &str, text: &[u8], output: &mut Output) -> Result<()> {
    append_whole(hive, path, text)?;
    if output.is_json() {
        return output.object(&json!({ "path": path, "written": text.len() }));
    }
    Ok(())
}

/// Appends `text` to a file, in one message: the hive takes it as a whole or not at all.
pub(crate) fn append_whole(hive: &mut Hive, path: &str, text: &[u8]) -> Result<()> {
    let limit = hive.io_size() as usize;
    if text.len() > limit {
        let length = text.len();
        return Err(Failure::usage(format!(
            "{length} bytes are more than one append takes ({limit}): split them"
        ))
        .at(path));
    }
    let mut is_open = false;
    let written = hive.with_open(path, Mode::Append, |hive, file| {
        is_open = true;
        hive.write(file, 0, text)
    });
    let written = match written {
        Ok(written) => written as usize,
        Err(error) => {
            let failure = Failure::from(error).at(path);
            // Where it is not even opened the log says nothing of it.
            return Err(if is_open { refusal::explain(hive, failure, text) } else { failure });
        }
    };
    if written < text.len() {
        let length = text.len();
        return Err(Failure::usage(format!(
            "only {written} of {length} bytes were taken: see what the file holds now"
        ))
        .at(path));
    }
    Ok(())
}
