//! Claims as bytes: the table in the crate's documentation, line by line.

use core::num::{NonZeroU32, NonZeroU64};

use heapless::Vec;

use crate::claims::{Budget, Claims, Mount, Quotas, Role, Scope, Scopes, Verb};
use crate::error::{ClaimsError, Field, TextError};
use crate::names::{Name, Path};
use crate::{MAX_CLAIMS, MAX_SCOPES};

/// The only version.
const VERSION: u8 = 1;

const TICKS: u8 = 1;
const OPS: u8 = 2;
const TTL: u8 = 4;
const SUBJECT: u8 = 8;
const SCOPES: u8 = 16;
const QUOTAS: u8 = 32;
const NONCE: u8 = 64;
const KNOWN: u8 = TICKS | OPS | TTL | SUBJECT | SCOPES | QUOTAS | NONCE;

/// Encoded claims.
pub type Encoded = Vec<u8, MAX_CLAIMS>;

impl Claims {
    /// The claims' bytes.
    ///
    /// # Errors
    /// Where the role needs something that is not there, or a field no longer fits.
    pub fn encode(&self) -> Result<Encoded, ClaimsError> {
        self.check_rules()?;
        let mut out = Writer(Vec::new());
        // What comes first always fits; the field named is the first that may not.
        out.put(Field::Subject, &[VERSION, self.role.number(), self.flags()])?;
        let Budget { ticks, ops, ttl_s } = self.budget;
        for number in [ticks, ops, ttl_s].into_iter().flatten() {
            out.put(Field::Subject, &number.to_le_bytes())?;
        }
        if let Some(subject) = &self.subject {
            out.text(Field::Subject, subject.as_str())?;
        }
        out.put(Field::Subject, &self.issued_at_ms.to_le_bytes())?;
        let (service, at) = match &self.mount {
            Some(Mount { service, at }) => (service.as_str(), at.as_str()),
            None => ("", ""),
        };
        out.text(Field::Service, service)?;
        out.text(Field::At, at)?;
        if !self.scopes.is_empty() {
            out.scopes(&self.scopes)?;
        }
        if self.quotas != Quotas::default() {
            out.quotas(self.quotas)?;
        }
        if let Some(nonce) = self.nonce {
            out.put(Field::Nonce, &nonce.to_le_bytes())?;
        }
        Ok(out.0)
    }

    fn flags(&self) -> u8 {
        let when = |flag: u8, set: bool| if set { flag } else { 0 };
        when(TICKS, self.budget.ticks.is_some())
            | when(OPS, self.budget.ops.is_some())
            | when(TTL, self.budget.ttl_s.is_some())
            | when(SUBJECT, self.subject.is_some())
            | when(SCOPES, !self.scopes.is_empty())
            | when(QUOTAS, self.quotas != Quotas::default())
            | when(NONCE, self.nonce.is_some())
    }

    /// The claims that `bytes` encode. No MAC vouches for them here.
    ///
    /// # Errors
    /// Where they are not exactly what [`Self::encode`] makes of some claims.
    pub fn decode(bytes: &[u8]) -> Result<Self, ClaimsError> {
        if bytes.len() > MAX_CLAIMS {
            return Err(ClaimsError::Trailing);
        }
        let mut rest = Reader(bytes);
        if rest.u8()? != VERSION {
            return Err(ClaimsError::Version);
        }
        let role = Role::of_number(rest.u8()?).ok_or(ClaimsError::Role)?;
        let flags = rest.u8()?;
        if flags & !KNOWN != 0 {
            return Err(ClaimsError::Flags);
        }
        let has = |flag: u8| flags & flag != 0;
        let budget = Budget {
            ticks: rest.u64_if(has(TICKS))?,
            ops: rest.u64_if(has(OPS))?,
            ttl_s: rest.u64_if(has(TTL))?,
        };
        let subject = if has(SUBJECT) { Some(rest.name(Field::Subject)?) } else { None };
        let claims = Self {
            role,
            budget,
            subject,
            issued_at_ms: rest.u64()?,
            mount: rest.mount()?,
            scopes: if has(SCOPES) { rest.scopes()? } else { Vec::new() },
            quotas: if has(QUOTAS) { rest.quotas()? } else { Quotas::default() },
            nonce: rest.u64_if(has(NONCE))?,
        };
        if !rest.0.is_empty() {
            return Err(ClaimsError::Trailing);
        }
        claims.check_rules()?;
        Ok(claims)
    }
}

struct Writer(Encoded);

impl Writer {
    fn put(&mut self, field: Field, bytes: &[u8]) -> Result<(), ClaimsError> {
        self.0.extend_from_slice(bytes).map_err(|_| ClaimsError::TooLong(field))
    }

    fn text(&mut self, field: Field, text: &str) -> Result<(), ClaimsError> {
        let length = u16::try_from(text.len()).map_err(|_| ClaimsError::TooLong(field))?;
        self.put(field, &length.to_le_bytes())?;
        self.put(field, text.as_bytes())
    }

    fn scopes(&mut self, scopes: &Scopes) -> Result<(), ClaimsError> {
        let field = Field::Scopes;
        let count = u8::try_from(scopes.len()).map_err(|_| ClaimsError::TooLong(field))?;
        self.put(field, &[count])?;
        for Scope { path, verb, rate_per_s } in scopes {
            self.text(field, path.as_str())?;
            self.put(field, &[verb.number()])?;
            self.put(field, &rate_per_s.map_or(0, NonZeroU32::get).to_le_bytes())?;
        }
        Ok(())
    }

    fn quotas(&mut self, quotas: Quotas) -> Result<(), ClaimsError> {
        let Quotas { bandwidth_bytes, cursor_resumes, cursor_advances } = quotas;
        let bandwidth = bandwidth_bytes.map_or(0, NonZeroU64::get);
        self.put(Field::Quotas, &bandwidth.to_le_bytes())?;
        for count in [cursor_resumes, cursor_advances] {
            self.put(Field::Quotas, &count.map_or(0, NonZeroU32::get).to_le_bytes())?;
        }
        Ok(())
    }
}

/// What is left of the bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ClaimsError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ClaimsError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ClaimsError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(ClaimsError::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, ClaimsError> {
        self.array().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, ClaimsError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, ClaimsError> {
        self.array().map(u64::from_le_bytes)
    }

    fn u64_if(&mut self, there: bool) -> Result<Option<u64>, ClaimsError> {
        if there { self.u64().map(Some) } else { Ok(None) }
    }

    /// A text, or an empty one.
    fn text(&mut self, field: Field, wrong: TextError) -> Result<&'a str, ClaimsError> {
        let length = self.array().map(u16::from_le_bytes)?;
        let bytes = self.take(length.into())?;
        str::from_utf8(bytes).map_err(|_| ClaimsError::Text(field, wrong))
    }

    fn name(&mut self, field: Field) -> Result<Name, ClaimsError> {
        let text = self.text(field, TextError::Name)?;
        Name::new(text).map_err(|error| ClaimsError::Text(field, error))
    }

    fn path(&mut self, field: Field) -> Result<Path, ClaimsError> {
        let text = self.text(field, TextError::Path)?;
        Path::new(text).map_err(|error| ClaimsError::Text(field, error))
    }

    fn mount(&mut self) -> Result<Option<Mount>, ClaimsError> {
        let service = self.text(Field::Service, TextError::Name)?;
        let at = self.text(Field::At, TextError::Path)?;
        if service.is_empty() && at.is_empty() {
            return Ok(None);
        }
        let text = |field| move |error| ClaimsError::Text(field, error);
        let service = Name::new(service).map_err(text(Field::Service))?;
        let at = Path::new(at).map_err(text(Field::At))?;
        Ok(Some(Mount { service, at }))
    }

    fn scopes(&mut self) -> Result<Scopes, ClaimsError> {
        let count = self.u8()?;
        if count == 0 || usize::from(count) > MAX_SCOPES {
            return Err(ClaimsError::Value(Field::Scopes));
        }
        let mut scopes = Scopes::new();
        for _ in 0..count {
            let scope = Scope {
                path: self.path(Field::Scopes)?,
                verb: Verb::of_number(self.u8()?).ok_or(ClaimsError::Value(Field::Scopes))?,
                rate_per_s: NonZeroU32::new(self.u32()?),
            };
            scopes.push(scope).map_err(|_| ClaimsError::TooLong(Field::Scopes))?;
        }
        Ok(scopes)
    }

    fn quotas(&mut self) -> Result<Quotas, ClaimsError> {
        let quotas = Quotas {
            bandwidth_bytes: NonZeroU64::new(self.u64()?),
            cursor_resumes: NonZeroU32::new(self.u32()?),
            cursor_advances: NonZeroU32::new(self.u32()?),
        };
        // Without any, the flag is not set.
        if quotas == Quotas::default() {
            return Err(ClaimsError::Value(Field::Quotas));
        }
        Ok(quotas)
    }
}
