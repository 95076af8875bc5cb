//! Tickets from outside: known answers, damage, forgery, time, revocation.

mod attach;
mod claims;
mod damage;
mod revocation;
mod secrecy;
mod time;
mod vectors;
