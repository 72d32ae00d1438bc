// Where an element of a table of RANK dimensions lies on either side of a move: their strides are given for both.
layout(constant_id = 0) const uint RANK = 6;

ARGS(2, uint n; uint accumulate; uint dim[6]; uint from[6]; uint to[6];);

void place(uint i, out uint from, out uint to)
{
    from = to = 0;
    for (int d = int(RANK) - 1; d > 0; d--) {
        uint at = i % args.dim[d];
        i /= args.dim[d];
        from += at * args.from[d];
        to += at * args.to[d];
    }
    from += i * args.from[0];
    to += i * args.to[0];
}
