//! Jobs from their line to their last status: on the mock, on backends that fail, on Vulkan where
//! there is a driver, on CUDA where there is a GPU, by the program, and through a
//! hive.

mod backends;
mod cuda;
mod executor;
mod hive;
mod program;
mod serve;
mod vulkan;
mod work;
