// What the kernels with a block of R rows per subgroup share. A row is V vectors: lane l owns vectors l, l + LANES, …,
// N of them. What one lane fetched for the block's row r comes to all lanes by OF_ROW(x, r).
const uint V = D / 4, N = (V + LANES - 1) / LANES;
const uint FETCHES = (R + LANES - 1) / LANES; // rows that a lane fetches for all
#define OF_ROW(x, r) subgroupShuffle(x[(r) / LANES], (r) % LANES)
