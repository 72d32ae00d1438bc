// What the kernels with a block of R rows per subgroup share. A row is V vectors: lane l owns vectors l, l + LANES, …,
// N of them. What one lane fetched for the block's row r comes to all lanes by OF_ROW(x, r).
const uint V = D / 4, N = (V + LANES - 1) / LANES;
// Where a lane's vector n lies in its row; the last lanes may have none and read another's.
uint own_at(uint lane, uint n) { return min(n * LANES + lane, V - 1); }
bool owns(uint lane, uint n) { return n * LANES + lane < V; }
const uint FETCHES = (R + LANES - 1) / LANES; // rows that a lane fetches for all
#define OF_ROW(x, r) subgroupShuffle(x[(r) / LANES], (r) % LANES)
