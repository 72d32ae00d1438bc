// Activation functions f and their derivatives over V. Arguments of exp and tanh are clamped where the function has
// reached its end in f32.
const float SQRT_HALF = 0.70710678, SQRT_2_OVER_PI = 0.79788456, INV_SQRT_2PI = 0.39894228;

// y, but NaN where x is one: max and clamp would hide it.
V keep_nan(V x, V y) { return mix(y, x, isnan(x)); }

V sigmoid(V x) { return keep_nan(x, 1.0 / (1.0 + exp(-clamp(x, -80.0, 80.0)))); }

// 1 − erf(x), to 1.2e-7 of its value: Press et al. 1992, "Numerical Recipes in C", §6.2
V erfc(V x)
{
    V z = min(abs(x), 9.0), t = 1.0 / (1.0 + 0.5 * z);
    V p = -1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277));
    p = 0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * p)));
    V r = t * exp(-z * z - 1.26551223 + t * (1.00002368 + t * p));
    V positive = step(V(0.0), x);
    return positive * r + (1.0 - positive) * (2.0 - r);
}

// ReLU: max(x, 0)                                            Nair & Hinton 2010
V relu(V x) { return keep_nan(x, max(x, V(0.0))); }
V relu_slope(V x) { return 1.0 - step(x, V(0.0)); }

// GELU: x · Φ(x), with Φ(x) = erfc(−x/√2) / 2                 Hendrycks & Gimpel 2016, eq. 1
V gelu_erf(V x) { return x * 0.5 * erfc(-SQRT_HALF * x); }
V gelu_erf_slope(V x)
{
    V c = clamp(x, -13.0, 13.0);
    return 0.5 * erfc(-SQRT_HALF * x) + c * INV_SQRT_2PI * exp(-0.5 * c * c);
}

// and approximated: x · (1 + tanh u) / 2 = x · σ(2u), with u = √(2/π)·(x + 0.044715·x³)                       eq. 2
V gelu_tanh(V x)
{
    V c = clamp(x, -20.0, 20.0);
    return x * sigmoid(2.0 * SQRT_2_OVER_PI * (c + 0.044715 * c * c * c));
}
V gelu_tanh_slope(V x)
{
    V c = clamp(x, -20.0, 20.0);
    V s = sigmoid(2.0 * SQRT_2_OVER_PI * (c + 0.044715 * c * c * c));
    return s + c * s * (1.0 - s) * 2.0 * SQRT_2_OVER_PI * (1.0 + 3.0 * 0.044715 * c * c);
}

// SiLU: x · σ(x)                                             Elfwing et al. 2017, eq. 6
V silu(V x) { return x * sigmoid(x); }
V silu_slope(V x)
{
    V s = sigmoid(x);
    return s + clamp(x, -80.0, 80.0) * s * (1.0 - s);
}

V tanh_clamped(V x) { return keep_nan(x, tanh(clamp(x, -10.0, 10.0))); }
V tanh_slope(V x)
{
    V y = tanh_clamped(x);
    return 1.0 - y * y;
}

V sigmoid_slope(V x)
{
    V s = sigmoid(x);
    return s * (1.0 - s);
}
