// Philox4x32-10 (Salmon et al. 2011, §4): the same function as philox() of src/base/random.c, to the bit.
// key, counter and subsequence are 64-bit numbers as (low, high).
uvec4 philox(uvec2 key, uvec2 counter, uvec2 subsequence)
{
    uvec4 c = uvec4(counter, subsequence);
    for (int round_ = 0; round_ < 10; round_++) {
        uint high0, low0, high1, low1;
        umulExtended(0xD2511F53u, c.x, high0, low0);
        umulExtended(0xCD9E8D57u, c.z, high1, low1);
        c = uvec4(high1 ^ c.y ^ key.x, low1, high0 ^ c.w ^ key.y, low0);
        key += uvec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// [0, 1), the upper 24 bits of a word.
float philox_uniform(uint word) { return float(word >> 8) * (1.0 / 16777216.0); }
vec4 philox_uniform(uvec4 words) { return vec4(words >> 8) * (1.0 / 16777216.0); }
