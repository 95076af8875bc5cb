// out = a b: m by n, from m by k and k by n, row by row. One dispatch computes the rows of blocks
// from `first` on. A value is summed up in the order of k.
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
fn matmul(@builtin(workgroup_id) block: vec3<u32>, @builtin(local_invocation_id) thread: vec3<u32>) {
    let column = block.x * block_x + thread.x;
    let row = (part.first + block.y) * block_y + thread.y;
    if row >= part.m || column >= part.n {
        return;
    }
    var sum = 0.0;
    for (var i = 0u; i < part.k; i++) {
        sum += a[row * part.k + i] * b[i * part.n + column];
    }
    out[row * part.n + column] = sum;
}
