//! Jobs from their line to their last status: on the mock, on backends that fail, on Vulkan where
//! there is a driver, on CUDA where there is a GPU, and by the program.

mod backends;
mod cuda;
mod executor;
mod program;
mod vulkan;
mod work;
