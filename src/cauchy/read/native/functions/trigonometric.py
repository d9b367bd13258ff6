"""Trigonometric functions and their inverses.

Arguments are reduced by multiples of pi/2 to [-pi/4, pi/4]: with pi/2 in three parts (Cody & Waite 1980)
while the multiple is small, else with as many bits of 2/pi as it takes (Payne & Hanek 1983). The second
way is a real branch, taken where any lane needs it; lanes that do not need it keep the first one's
result, so that a number's result does not depend on its neighbors.

Polynomials are minimax fits (Remez's exchange in 300 bits, coefficients rounded one after the other and
the rest fitted anew); the comments give the interval and the largest relative error.
"""

from __future__ import annotations

import math

import numpy as np

from ..ir import BITS, LLVM_TYPE, Builder, Value
from . import elementary
from .arithmetic import fast_two_sum, polynomial

# -- reduction ---------------------------------------------------------------------------------------------

# 1.5 2^52 and 1.5 2^23: adding it rounds to an integer, whose two's complement shows in the low bits
_MAGIC = {"f64": 6755399441055744.0, "f32": 12582912.0}
_INTEGER = {"f64": "i64", "f32": "i32"}
_TWO_OVER_PI = 2 / math.pi

# pi/2 to 53 + 31 + 53 bits. With |k| < 2^20, fl(x - k p0) is exact; taking k p1 from it is exact where the result
# is below 2^-32, and elsewhere the difference of the two results is, by Sterbenz's lemma.
# For float32: 24 + 11 + 24 bits, |k| < 2^11, 2^-10. The second part is positive: so -0 stays -0.
_PARTS = {
    "f64": (1.5707963267948966, 6.12323399409214e-17, 1.6446256936324258e-26),
    "f32": (1.570796251296997, 7.549533620476723e-08, 2.5633440682570896e-12),
}
_LIMIT = {"f64": 1.6e6, "f32": 3200.0}
# pi/2 - p0, rounded
_PI2_LOW = {"f64": 6.123233995736766e-17, "f32": 7.549790126404332e-08}

# the first 1216 bits of 2/pi, after 64 zeros
_BITS = """
0000000000000000 a2f9836e4e441529 fc2757d1f534ddc0 db6295993c439041 fe5163abdebbc561
b7246e3a424dd2e0 06492eea09d1921c fe1deb1cb129a73e e88235f52ebb4484 e99c7026b45f7e41
3991d639835339f4 9c845f8bbdf9283b 1ff897ffde05980f ef2f118b5a0a6d1f 6d367ecf27cb09b7
4f463f669e5fea2d 7527bac7ebe5f17b 3d0739f78a5292ea 6bfb5fb11f8d5d08 56033046fc7b6bab
""".split()

# Payne & Hanek's reduction of a finite |x| >= 2^20: x = (4 j + q) pi/2 + high - low with |high| <= pi/4.
# Of 2/pi, 192 bits matter: those whose product with the significand m of x has weight 2^1 and below. The product
# modulo 4 is the quadrant (two bits) and a fraction of 190 bits; the error of the cut is below 2^-137, and no
# double is nearer than 2^-62 to a multiple of pi/2.
_HUGE = f"""
@cauchy.two_over_pi = internal constant [20 x i64] [{", ".join(f"i64 {int(w, 16)}" for w in _BITS)}]
define internal {{ double, double, i64 }} @cauchy.reduce_huge(double %x) noinline nounwind memory(none) {{
  %bits = bitcast double %x to i64
  %shifted = lshr i64 %bits, 52
  %exponent = and i64 %shifted, 2047
  %fraction = and i64 %bits, 4503599627370495
  %significand = or i64 %fraction, 4503599627370496
  %huge = icmp uge i64 %exponent, 1043
  %finite = icmp ult i64 %exponent, 2047
  %ours = and i1 %huge, %finite
  br i1 %ours, label %reduce, label %not
not:
  ret {{ double, double, i64 }} zeroinitializer
reduce:
  %first = sub i64 %exponent, 1013
  %word = lshr i64 %first, 6
  %p0 = getelementptr i64, ptr @cauchy.two_over_pi, i64 %word
  %p1 = getelementptr i64, ptr %p0, i64 1
  %p2 = getelementptr i64, ptr %p0, i64 2
  %p3 = getelementptr i64, ptr %p0, i64 3
  %t0 = load i64, ptr %p0
  %t1 = load i64, ptr %p1
  %t2 = load i64, ptr %p2
  %t3 = load i64, ptr %p3
  %w0 = call i64 @llvm.fshl.i64(i64 %t0, i64 %t1, i64 %first)
  %w1 = call i64 @llvm.fshl.i64(i64 %t1, i64 %t2, i64 %first)
  %w2 = call i64 @llvm.fshl.i64(i64 %t2, i64 %t3, i64 %first)
  %m = zext i64 %significand to i128
  %wide1 = zext i64 %w1 to i128
  %wide2 = zext i64 %w2 to i128
  %m2 = mul nuw i128 %m, %wide2
  %carry2 = lshr i128 %m2, 64
  %m1 = mul nuw i128 %m, %wide1
  %sum1 = add nuw i128 %m1, %carry2
  %r2 = trunc i128 %m2 to i64
  %r1 = trunc i128 %sum1 to i64
  %high1 = lshr i128 %sum1, 64
  %carry1 = trunc i128 %high1 to i64
  %m0 = mul i64 %significand, %w0
  %r0 = add i64 %m0, %carry1
  %half = add i64 %r0, 2305843009213693952
  %quadrant = lshr i64 %half, 62
  %f1 = call i64 @llvm.fshl.i64(i64 %r0, i64 %r1, i64 2)
  %f2 = call i64 @llvm.fshl.i64(i64 %r1, i64 %r2, i64 2)
  %f1wide = zext i64 %f1 to i128
  %f2wide = zext i64 %f2 to i128
  %f1top = shl i128 %f1wide, 64
  %f = or i128 %f1top, %f2wide
  %magnitude = call i128 @llvm.abs.i128(i128 %f, i1 false)
  %zeros = call i128 @llvm.ctlz.i128(i128 %magnitude, i1 false)
  %normal = shl i128 %magnitude, %zeros
  %top = lshr i128 %normal, 75
  %rest = shl i128 %normal, 53
  %next = lshr i128 %rest, 64
  %ihigh = trunc i128 %top to i64
  %ilow = trunc i128 %next to i64
  %fhigh = uitofp i64 %ihigh to double
  %flow0 = uitofp i64 %ilow to double
  %flow = fmul double %flow0, 0x3BF0000000000000
  %product = fmul double %fhigh, 0x3FF921FB54442D18
  %negated = fneg double %product
  %error = call double @llvm.fma.f64(double %fhigh, double 0x3FF921FB54442D18, double %negated)
  %add1 = call double @llvm.fma.f64(double %fhigh, double 0x3C91A62633145C07, double %error)
  %add2 = call double @llvm.fma.f64(double %flow, double 0x3FF921FB54442D18, double %add1)
  %high = fadd double %product, %add2
  %excess = fsub double %high, %product
  %low = fsub double %excess, %add2
  %zeros64 = trunc i128 %zeros to i64
  %power = sub i64 970, %zeros64
  %powerbits = shl i64 %power, 52
  %xsign = and i64 %bits, -9223372036854775808
  %fsign = and i64 %f1, -9223372036854775808
  %sign = xor i64 %xsign, %fsign
  %scalebits = or i64 %powerbits, %sign
  %scale = bitcast i64 %scalebits to double
  %h = fmul double %high, %scale
  %l = fmul double %low, %scale
  %negative = icmp slt i64 %bits, 0
  %minus = sub i64 0, %quadrant
  %q = select i1 %negative, i64 %minus, i64 %quadrant
  %out0 = insertvalue {{ double, double, i64 }} poison, double %h, 0
  %out1 = insertvalue {{ double, double, i64 }} %out0, double %l, 1
  %out2 = insertvalue {{ double, double, i64 }} %out1, i64 %q, 2
  ret {{ double, double, i64 }} %out2
}}"""

_HUGE_DECLARES = (
    "declare double @llvm.fma.f64(double, double, double)",
    "declare i64 @llvm.fshl.i64(i64, i64, i64)",
    "declare i128 @llvm.ctlz.i128(i128, i1)",
    "declare i128 @llvm.abs.i128(i128, i1)",
)

# The same for a float32 of any size, in double precision: below 2^40 two parts of pi/2 suffice.
_HUGE_F32 = """
define internal { float, float, i32 } @cauchy.reduce_huge.f32(float %x) noinline nounwind memory(none) {
  %d = fpext float %x to double
  %bits = bitcast float %x to i32
  %shifted = lshr i32 %bits, 23
  %exponent = and i32 %shifted, 255
  %huge = icmp uge i32 %exponent, 167
  br i1 %huge, label %far, label %near
far:
  %all = call { double, double, i64 } @cauchy.reduce_huge(double %d)
  %far.r = extractvalue { double, double, i64 } %all, 0
  %far.q = extractvalue { double, double, i64 } %all, 2
  br label %end
near:
  %sum = call double @llvm.fma.f64(double %d, double 0x3FE45F306DC9C883, double 0x4338000000000000)
  %near.q = bitcast double %sum to i64
  %k = fsub double %sum, 0x4338000000000000
  %minus = fneg double %k
  %first = call double @llvm.fma.f64(double %minus, double 0x3FF921FB54442D18, double %d)
  %near.r = call double @llvm.fma.f64(double %minus, double 0x3C91A62633145C07, double %first)
  br label %end
end:
  %r = phi double [ %far.r, %far ], [ %near.r, %near ]
  %q64 = phi i64 [ %far.q, %far ], [ %near.q, %near ]
  %high = fptrunc double %r to float
  %wide = fpext float %high to double
  %excess = fsub double %wide, %r
  %low = fptrunc double %excess to float
  %q = trunc i64 %q64 to i32
  %out0 = insertvalue { float, float, i32 } poison, float %high, 0
  %out1 = insertvalue { float, float, i32 } %out0, float %low, 1
  %out2 = insertvalue { float, float, i32 } %out1, i32 %q, 2
  ret { float, float, i32 } %out2
}"""


def _or_huge(b: Builder, x: Value, *near: Value) -> tuple[Value, Value, Value]:
    """The reduction (high, low, q) of x, replaced by Payne & Hanek's in lanes where _LIMIT <= |x| < inf."""
    b.declares |= {_HUGE, *_HUGE_DECLARES}
    scalar, suffix = LLVM_TYPE[x.kind], ""
    if x.kind == "f32":
        b.declares.add(_HUGE_F32)
        suffix = ".f32"
    structure = f"{{ {scalar}, {scalar}, {_INTEGER[x.kind]} }}"
    a = b.fabs(x)
    huge = a.ge(_LIMIT[x.kind]) & a.lt(math.inf)
    start, slow, end = b.label("start"), b.label("slow"), b.label("end")
    b.do(f"br label %{start}")
    b.place(start)
    b.do(f"br i1 {b.any(huge)}, label %{slow}, label %{end}")
    b.place(slow)
    far = list(near)
    for i in range(b.width):
        r = b.emit(f"call {structure} @cauchy.reduce_huge{suffix}({scalar} {b.lane(x, i)})", "ptr").ref
        for k, part in enumerate(far):
            far[k] = b.with_lane(part, i, b.emit(f"extractvalue {structure} {r}, {k}", part.kind).ref)
    far = [b.select(huge, new, old) for new, old in zip(far, near, strict=True)]
    b.do(f"br label %{end}")
    b.place(end)
    high, low, q = (
        b.emit(f"phi {b.type(old.kind)} [ {old.ref}, %{start} ], [ {new.ref}, %{slow} ]", old.kind)
        for new, old in zip(far, near, strict=True)
    )
    return high, low, q


def _reduce(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """x = (4 j + q) pi/2 + high - low: high in [-pi/4, pi/4] nearly, |low| <= ulp(high), the last two bits of q."""
    p0, p1, p2 = _PARTS[x.kind]
    shifted = b.fma(x, _TWO_OVER_PI, _MAGIC[x.kind])
    k = shifted - _MAGIC[x.kind]
    r = b.fma(-k, p0, x)
    high = b.fma(-k, p1, r)
    low = b.fma(k, p2, b.fma(k, p1, high - r))
    return _or_huge(b, x, high, low, b.bitcast(shifted, _INTEGER[x.kind]))


# -- sine, cosine, tangent ---------------------------------------------------------------------------------

# (sin(x)/x - 1)/x^2 and (cos(x) - 1 + x^2/2)/x^4 in x^2, |x| <= pi/4: 2^-58.0 of sin, 2^-64.1 of cos;
# for float32 2^-28.0 and 2^-33.1
_SIN = {
    "f64": (
        -0.16666666666666632, 0.008333333333322488, -0.0001984126982985515,
        2.7557313705707166e-06, -2.5050759987695308e-08, 1.5896891895026527e-10,
    ),
    "f32": (-0.16666655242443085, 0.008332191966474056, -0.00019518770568538457),
}  # fmt: skip
_COS = {
    "f64": (
        0.0416666666666666, -0.0013888888888874474, 2.4801587289671506e-05,
        -2.755731440096083e-07, 2.0875729257646335e-09, -1.1359932093899224e-11,
    ),
    "f32": (0.04166664555668831, -0.00138873013202101, 2.4430661142105237e-05),
}  # fmt: skip


def _sin_cos(b: Builder, high: Value, low: Value) -> tuple[Value, Value, Value, Value]:
    """sin and cos of high - low, each as head and tail, to be subtracted: so -0 stays -0."""
    z = high * high
    z2 = z * z
    half = high * -0.5
    cos = b.fma(half, high, 1.0)  # 1 - high^2/2, which is also the factor of `low` in sin
    sin_tail = b.fma(z * high, polynomial(b, z, [-c for c in _SIN[z.kind]], z2), low * cos)
    rest = b.fma(half, high, 1.0 - cos)
    cos_tail = b.fma(z2, polynomial(b, z, [-c for c in _COS[z.kind]], z2), b.fma(-high, low, -rest))
    return high, sin_tail, cos, cos_tail


def _sine(b: Builder, x: Value, turn: int) -> Value:
    """sin(x + turn pi/2)."""
    high, low, q = _reduce(b, x)
    sin, sin_tail, cos, cos_tail = _sin_cos(b, high, low)
    q = q + turn
    even = (q & 1).eq(0)
    y = b.select(even, sin, cos) - b.select(even, sin_tail, cos_tail)
    return b.bitcast(b.bitcast(y, q.kind) ^ ((q & 2) << BITS[q.kind] - 2), x.kind)


@elementary("sin", ulp={"f64": 1.0, "f32": 1.0})
def sin(b: Builder, x: Value) -> Value:
    return _sine(b, x, 0)


@elementary("cos", ulp={"f64": 1.0, "f32": 1.0})
def cos(b: Builder, x: Value) -> Value:
    return _sine(b, x, 1)


@elementary("tan", ulp={"f64": 1.0, "f32": 1.0})
def tan(b: Builder, x: Value) -> Value:
    high, low, q = _reduce(b, x)
    sin, sin_tail, cos, cos_tail = _sin_cos(b, high, low)
    s, c = sin - sin_tail, cos - cos_tail
    s_low, c_low = (s - sin) + sin_tail, (c - cos) + cos_tail  # again to be subtracted
    even = (q & 1).eq(0)
    n, n_low = b.select(even, s, -c), b.select(even, s_low, -c_low)
    d, d_low = b.select(even, c, s), b.select(even, c_low, s_low)
    r = 1.0 / d
    y = n * r
    return y - (b.fma(y, d, -n) + b.fma(-y, d_low, n_low)) * r


# as NumPy has them: the quotient of rounded constants in the precision of the argument
_DEG2RAD = {"f64": math.pi / 180.0, "f32": float(np.float32(math.pi) / np.float32(180.0))}
_RAD2DEG = {"f64": 180.0 / math.pi, "f32": float(np.float32(180.0) / np.float32(math.pi))}


@elementary("deg2rad", ulp={"f64": 2.0, "f32": 2.0})
def deg2rad(b: Builder, x: Value) -> Value:
    return x * _DEG2RAD[x.kind]


@elementary("rad2deg", ulp={"f64": 2.0, "f32": 2.0})
def rad2deg(b: Builder, x: Value) -> Value:
    return x * _RAD2DEG[x.kind]


# -- inverses ----------------------------------------------------------------------------------------------

# (arctan(x)/x - 1)/x^2 in x^2, |x| <= sqrt(2) - 1: 2^-58.9 of arctan; for float32 2^-30.5
_ARCTAN = {
    "f64": (
        -0.333333333333332, 0.19999999999953827, -0.14285714280224104, 0.11111110784987517,
        -0.09090897803275738, 0.07692060959096259, -0.06663110545448896, 0.05847914489105454,
        -0.05039291790064203, 0.03806055853912693, -0.017898507573688147,
    ),
    "f32": (-0.33333316445350647, 0.1999853104352951, -0.14244475960731506, 0.10599913448095322, -0.060921065509319305),
}  # fmt: skip
# (arcsin(x)/x - 1)/x^2 in x^2, |x| <= 1/2: 2^-57.1 of arcsin; for float32 2^-27.6
_ARCSIN = {
    "f64": (
        0.16666666666666763, 0.0749999999997013, 0.04464285717525325, 0.03038194267692345,
        0.022372215865727473, 0.01735159597109632, 0.013981016896872063, 0.011397273083350874,
        0.010789555388655135, 0.003671405044964498, 0.021790133883621304, -0.02110863242303212,
        0.032689659342396274,
    ),
    "f32": (0.16666753590106964, 0.07495256513357162, 0.0454753078520298, 0.02415597252547741, 0.04220518469810486),
}  # fmt: skip
_TAN_PI8 = math.sqrt(2) - 1


def _multiple(b: Builder, m: Value, part: float) -> tuple[Value, Value]:
    """m part pi/2 as high + low, m a small integer and part a power of two."""
    p, p_low = _PARTS[m.kind][0] * part, _PI2_LOW[m.kind] * part
    high = m * p
    return high, b.fma(m, p_low, b.fma(m, p, -high))


def _arctan_quotient(
    b: Builder, n: Value, n_low: Value, d: Value, d_low: Value, m: Value, sign: Value | None = None
) -> Value:
    """m pi/4 +- arctan((n + n_low)/(d + d_low)), the quotient at most sqrt(2) - 1 and `sign` a bit mask."""
    r = 1.0 / d
    q = n * r
    q_low = (b.fma(-q, d, n) + b.fma(-q, d_low, n_low)) * r
    if sign is not None:
        q, q_low = (b.bitcast(b.bitcast(v, sign.kind) ^ sign, n.kind) for v in (q, q_low))
    base, base_low = _multiple(b, m, 0.5)
    z = q * q
    tail = b.fma(z * q, polynomial(b, z, _ARCTAN[z.kind]), base_low + q_low)
    head, head_low = fast_two_sum(b, base, q)
    return head + (head_low + tail)


@elementary("arctan", ulp={"f64": 1.0, "f32": 1.0})
def arctan(b: Builder, x: Value) -> Value:
    # t <= tan(pi/8): itself; t <= tan(3 pi/8): pi/4 + arctan((t - 1)/(t + 1)); else pi/2 + arctan(-1/t)
    zero, one = b.const(x.kind, 0.0), b.const(x.kind, 1.0)
    t = b.fabs(x)
    t = b.select(t.gt(2.0**100), 2.0**100, t)
    middle, large, above = t.gt(_TAN_PI8), t.gt(1 / _TAN_PI8), t.gt(1.0)
    n = t - 1.0
    n_low = t - (n + 1.0)
    d, d_low = fast_two_sum(b, b.select(above, t, one), b.select(above, one, t))
    d = b.select(large, t, b.select(middle, d, one))
    n = b.select(large, -1.0, b.select(middle, n, t))
    between = middle & large.invert()
    d_low, n_low = b.select(between, d_low, zero), b.select(between, n_low, zero)
    m = b.select(large, 2.0, b.select(middle, one, zero))
    return b.copysign(_arctan_quotient(b, n, n_low, d, d_low, m), x)


@elementary("arctan2", arity=2, ulp={"f64": 1.0, "f32": 1.0})
def arctan2(b: Builder, y: Value, x: Value) -> Value:
    kind = x.kind
    integer = _INTEGER[kind]
    zero, one = b.const(kind, 0.0), b.const(kind, 1.0)
    ay, ax = b.fabs(y), b.fabs(x)
    steep = ay.gt(ax)
    small, big = b.select(steep, ax, ay), b.select(steep, ay, ax)
    # a quotient with infinity is that of 0 or 1 and 1; 0/0 is 0/1
    infinite = big.eq(math.inf)
    small = b.select(infinite, b.select(small.eq(math.inf), one, zero), small)
    big = b.select(infinite | big.eq(0.0), one, big)
    # away from overflow and underflow, also of the division's remainder; a `small` that loses bits at the upper
    # edge has a quotient far below all numbers
    top, down, bottom, up = (900, -300, 600, 400) if kind == "f64" else (90, -50, 60, 60)
    factor = b.select(big.gt(2.0**top), 2.0**down, b.select(big.lt(2.0**bottom), 2.0**up, one))
    small, big = small * factor, big * factor
    # small/big <= tan(pi/8): itself; else pi/4 + arctan((small - big)/(small + big))
    middle = small.gt(big * _TAN_PI8)
    n = small - big
    n_low = small - (n + big)
    d, d_low = fast_two_sum(b, big, small)
    n, n_low = b.select(middle, n, small), b.select(middle, n_low, zero)
    d, d_low = b.select(middle, d, big), b.select(middle, d_low, zero)
    m = b.select(middle, one, zero)
    # the angle from the nearer axis becomes that from the positive x axis: pi/2 - it, pi - it
    negative = b.bitcast(x, integer).lt(0)
    m = b.select(steep, 2.0 - m, m)
    m = b.select(negative, 4.0 - m, m)
    top = b.const(integer, -(1 << BITS[integer] - 1))
    nothing = b.const(integer, 0)
    sign = b.select(steep, top, nothing) ^ b.select(negative, top, nothing)
    angle = b.copysign(_arctan_quotient(b, n, n_low, d, d_low, m, sign), y)
    return b.select(b.emit(f"fcmp uno {b.type(kind)} {x.ref}, {y.ref}", "i1"), x + y, angle)


def _arcsin_parts(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """With a = |x|: is a > 1/2; then 2 arcsin(sqrt((1 - a)/2)), else arcsin(a), as high + low."""
    a = b.fabs(x)
    big = a.gt(0.5)
    z = b.select(big, b.fma(a, -0.5, 0.5), a * a)
    s = b.sqrt(z)
    error = b.fma(-s, s, z) / b.select(s.gt(0.0), s + s, 1.0)
    s, error = b.select(big, s, a), b.select(big, error, 0.0)
    low = b.fma(s * z, polynomial(b, z, _ARCSIN[z.kind]), error)
    return big, b.select(big, s + s, s), b.select(big, low + low, low)


@elementary("arcsin", ulp={"f64": 1.0, "f32": 1.0})
def arcsin(b: Builder, x: Value) -> Value:
    big, high, low = _arcsin_parts(b, x)
    head, head_low = fast_two_sum(b, b.const(x.kind, _PARTS[x.kind][0]), -high)
    y = head + (head_low + (_PI2_LOW[x.kind] - low))
    return b.copysign(b.select(big, y, high + low), x)


@elementary("arccos", ulp={"f64": 1.0, "f32": 1.0})
def arccos(b: Builder, x: Value) -> Value:
    # x > 1/2: the angle itself; x < -1/2: pi - it; else pi/2 - sign(x) it
    big, high, low = _arcsin_parts(b, x)
    zero = b.const(x.kind, 0.0)
    minus = x.lt(0.0) ^ big.invert()
    base, base_low = _multiple(b, b.select(big, b.select(minus, 2.0, zero), 1.0), 1.0)
    head, head_low = fast_two_sum(b, base, b.select(minus, -high, high))
    return head + (head_low + (base_low + b.select(minus, -low, low)))
