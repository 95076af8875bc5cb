// out = a b: m by n, from m by k and k by n, row by row. One launch computes the rows of blocks
// from `first` on. A value is summed up in the order of k.
extern "C" __global__ void matmul(const float *a, const float *b, float *out, unsigned m,
                                  unsigned n, unsigned k, unsigned first) {
    unsigned column = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned row = (first + blockIdx.y) * blockDim.y + threadIdx.y;
    if (row >= m || column >= n)
        return;
    float sum = 0.0f;
    for (unsigned i = 0; i < k; i++)
        sum += a[row * k + i] * b[i * n + column];
    out[row * n + column] = sum;
}
