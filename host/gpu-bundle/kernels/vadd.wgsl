// out[i] = a[i] + b[i], i below n. One dispatch computes the blocks from `first` on.
override block_x: u32;
override block_y: u32;

struct Part {
    m: u32,
    n: u32,
    k: u32,
    first: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> part: Part;

@compute @workgroup_size(block_x, block_y)
fn vadd(@builtin(workgroup_id) block: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let i = (part.first + block.x) * block_x + thread.x;
    if i < part.n {
        out[i] = a[i] + b[i];
    }
}
