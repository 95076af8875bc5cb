//! The tree as a client sees it, with a host that does what the tests say.

mod binds;
mod budgets;
mod commands;
mod documents;
mod files;
mod gpu_bridge;
mod gpu_hostile;
mod gpu_jobs;
mod gpu_leases;
mod gpu_world;
mod model;
mod revocation;
mod roles;
mod size;
mod tickets;
mod world;
