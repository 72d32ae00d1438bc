// What the kernels with tiles in shared memory share, behind values.glsl and attention_mask.glsl. A group of 64 owns a
// block of rows, LANES invocations R of them, and walks along tiles of other rows, of which a lane owns EACH.
layout(constant_id = 2) const uint R = 4;
layout(constant_id = 3) const uint EACH = 4;
const uint LANES = 8, GROUP = 64, ROWS = GROUP / LANES * R, TILE = LANES * EACH;
const uint W = D / WIDTH, N = (W + LANES - 1) / LANES; // values of a row, and how many of them a lane owns
const uint STRIDE = W | 1; // between a tile's rows: odd, so that a column falls into different banks

// Where value i of a tile lies in shared memory.
uint tile_at(uint i) { return i / W * STRIDE + i % W; }

// Where a lane's value n of a row lies; the last lanes have none.
uint own_at(uint lane, uint n) { return min(n * LANES + lane, W - 1); }
bool owns(uint lane, uint n) { return n * LANES + lane < W; }

// Where a query's and a key's values begin.
uint query_at(uint b, uint h, uint t) { return ((b * args.T + t) * args.H + h) * W; }
uint key_at(uint b, uint g, uint s) { return (key_row(b, s) * args.G + g) * W; }

// sum + a·b in multiply–adds: compilers make dot() a sum of its own.
float add_dot(float sum, float a, float b) { return sum + a * b; }
float add_dot(float sum, vec4 a, vec4 b) { return sum + a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }
