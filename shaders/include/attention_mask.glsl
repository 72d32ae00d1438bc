// Who sees whom, by positions and sequences.

// Keys of batch b.
uint key_count(uint b) { return HAS_LENGTHS ? min(LOAD(lengths, b), args.S) : args.S; }

// Where key s of batch b lies, counted in rows of [G, D].
uint key_row(uint b, uint s)
{
    if (!HAS_PAGES) return b * args.S + s;
    return LOAD(pages, b * args.page_columns + s / args.page_size) * args.page_size + s % args.page_size;
}

int query_position(uint b, uint t)
{
    return HAS_Q_POS ? int(LOAD(q_pos, b * args.T + t)) : int(t + key_count(b)) - int(args.T);
}
int key_position(uint b, uint s) { return HAS_K_POS ? int(LOAD(k_pos, b * args.S + s)) : int(s); }

// A query sees its own sequence; −1 is padding. Without marks all are of sequence 0.
int query_sequence(uint b, uint t) { return HAS_Q_SEQ ? int(LOAD(q_seq, b * args.T + t)) : 0; }
int key_sequence(uint b, uint s) { return HAS_K_SEQ ? int(LOAD(k_seq, b * args.S + s)) : 0; }

bool sees(int query_at, int query_of, int key_at, int key_of)
{
    return (args.causal == 0 || key_at <= query_at) && (args.window == 0 || query_at - key_at < int(args.window)) &&
           query_of == key_of && key_of >= 0;
}

// Keys that queries first … last of batch b may see: begin … end−1. Only keys at default positions tell beforehand.
uvec2 key_range(uint b, uint first, uint last)
{
    int n = int(key_count(b));
    if (HAS_K_POS) return uvec2(0, n);
    int low = query_position(b, first), high = query_position(b, last);
    if (HAS_Q_POS)
        for (uint t = first; t <= last; t++) {
            low = min(low, query_position(b, t));
            high = max(high, query_position(b, t));
        }
    int begin = args.window == 0 ? 0 : clamp(low - int(args.window) + 1, 0, n);
    return uvec2(begin, args.causal == 0 ? n : clamp(high + 1, begin, n));
}

// Queries that may see keys first … last of batch b.
uvec2 query_range(uint b, uint first, uint last)
{
    if (HAS_Q_POS || HAS_K_POS) return uvec2(0, args.T);
    int shift = int(key_count(b)) - int(args.T); // query t stands at t + shift
    int begin = args.causal == 0 ? 0 : max(int(first) - shift, 0);
    int end = args.window == 0 ? int(args.T) : clamp(int(last + args.window) - shift, 0, int(args.T));
    return uvec2(begin, end);
}

uint key_head(uint h) { return h / (args.H / args.G); }

// The bias of head h's query t for key s is at this element.
uint bias_at(uint h, uint t, uint s) { return ((args.bias_heads == 1 ? 0 : h) * args.T + t) * args.S + s; }
