/**
 * The functions of map in WGSL, on numbers of type F, which is f32 or vec4f: the algorithms of kernels/math.h. What is not a number
 * is told by its bits, since WGSL lets compilers assume that there is none.
 */
import { FUNCTIONS } from '../../lowering/contract.js';

type FunctionName = keyof typeof FUNCTIONS;

/** The types that the functions are written with. */
export const types = (vector: boolean): string =>
  vector
    ? 'alias F = vec4f;\nalias I = vec4i;\nalias U = vec4u;\nalias B = vec4<bool>;\n'
    : 'alias F = f32;\nalias I = i32;\nalias U = u32;\nalias B = bool;\n';

/** Infinity and NaN, which are no constants in WGSL. */
const SPECIAL = `
var<private> infinite: u32 = 0x7f800000u;
var<private> undefined_: u32 = 0x7fc00000u;
fn inf() -> F { return F(bitcast<f32>(infinite)); }
fn nan() -> F { return F(bitcast<f32>(undefined_)); }
fn is_nan(x: F) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }
fn is_nan_one(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn ones(b: B) -> F { return select(F(0.0), F(1.0), b); }
`;

const EXP = `
fn f_exp(x: F) -> F {
  let clipped = clamp(x, F(-104.0), F(88.73));
  let n = round(clipped * 1.44269504088896341);
  let r = fma(n, F(2.12194440e-4), fma(n, F(-0.693359375), clipped));
  var q = fma(F(1.9875691500e-4), r, F(1.3981999507e-3));
  q = fma(q, r, F(8.3334519073e-3));
  q = fma(q, r, F(4.1665795894e-2));
  q = fma(q, r, F(1.6666665459e-1));
  q = fma(q, r, F(5.0000001201e-1));
  q = fma(q * r, r, r) + 1.0;
  let k = I(n);
  let half = k >> U(1u);
  var y = q * bitcast<F>((half + I(127)) << U(23u)) * bitcast<F>((k - half + I(127)) << U(23u));
  y = select(y, inf(), x > F(88.7228));
  y = select(y, F(0.0), x < F(-103.97));
  return select(y, x, is_nan(x));
}`;

const LOG = `
fn f_log(x: F) -> F {
  let tiny = x < F(1.17549435e-38);
  let scaled = select(x, x * 8388608.0, tiny);
  let b = bitcast<I>(scaled);
  var e = ((b >> U(23u)) & I(0xff)) - I(126);
  var m = bitcast<F>((b & I(0x007fffff)) | I(0x3f000000));
  let low = m < F(0.707106781186547524);
  e = select(e, e - I(1), low);
  m = select(m, m + m, low) - 1.0;
  let z = m * m;
  var q = fma(F(7.0376836292e-2), m, F(-1.1514610310e-1));
  q = fma(q, m, F(1.1676998740e-1));
  q = fma(q, m, F(-1.2420140846e-1));
  q = fma(q, m, F(1.4249322787e-1));
  q = fma(q, m, F(-1.6668057665e-1));
  q = fma(q, m, F(2.0000714765e-1));
  q = fma(q, m, F(-2.4999993993e-1));
  q = fma(q, m, F(3.3333331174e-1));
  let n = F(select(e, e - I(23), tiny));
  var y = fma(n, F(-2.12194440e-4), q * m * z) - z * 0.5;
  y = fma(n, F(0.693359375), m + y);
  y = select(y, x, bitcast<U>(x) == U(infinite));
  y = select(y, -inf(), x == F(0.0));
  return select(y, nan(), (x < F(0.0)) | is_nan(x));
}`;

const TANH = `
fn f_tanh(x: F) -> F {
  let c = clamp(x, F(-7.99881172180175781), F(7.99881172180175781));
  let z = c * c;
  var a = fma(F(-2.76076847742355e-16), z, F(2.00018790482477e-13));
  a = fma(a, z, F(-8.60467152213735e-11));
  a = fma(a, z, F(5.12229709037114e-08));
  a = fma(a, z, F(1.48572235717979e-05));
  a = fma(a, z, F(6.37261928875436e-04));
  a = fma(a, z, F(4.89352455891786e-03));
  var b = fma(F(1.19825839466702e-06), z, F(1.18534705686654e-04));
  b = fma(b, z, F(2.26843463243900e-03));
  b = fma(b, z, F(4.89352518554385e-03));
  let y = select(c * a / b, x, abs(x) < F(0.0004));
  return select(y, x, is_nan(x));
}`;

const ERF = `
fn f_erf(x: F) -> F {
  let c = clamp(x, F(-4.0), F(4.0));
  let z = c * c;
  var a = fma(F(-2.72614225801306e-10), z, F(2.77068142495902e-08));
  a = fma(a, z, F(-2.10102402082508e-06));
  a = fma(a, z, F(-5.69250639462346e-05));
  a = fma(a, z, F(-7.34990630326855e-04));
  a = fma(a, z, F(-2.95459980854025e-03));
  a = fma(a, z, F(-1.60960333262415e-02));
  var b = fma(F(-1.45660718464996e-05), z, F(-2.13374055278905e-04));
  b = fma(b, z, F(-1.68282697438203e-03));
  b = fma(b, z, F(-7.37332916720468e-03));
  b = fma(b, z, F(-1.42647390514189e-02));
  return select(c * (a / b), x, is_nan(x));
}`;

const SINCOS = `
fn sincos(x: F, quarter: i32) -> F {
  let n = round(x * 0.636619772367581343);
  var r = fma(n, F(-1.5703125), x);
  r = fma(n, F(-4.837512969970703125e-4), r);
  r = fma(n, F(-7.54978995489188216e-8), r);
  let z = r * r;
  let s = fma(r * z, fma(fma(F(-1.9515295891e-4), z, F(8.3321608736e-3)), z, F(-1.6666654611e-1)), r);
  let c = fma(z * z, fma(fma(F(2.443315711809948e-5), z, F(-1.388731625493765e-3)), z, F(4.166664568298827e-2)), -z * 0.5) + 1.0;
  let q = I(n) + I(quarter);
  let y = select(s, c, (q & I(1)) != I(0));
  return select(y, -y, (q & I(2)) != I(0));
}`;

const POW = `
fn f_pow(a: F, b: F) -> F {
  var y = f_exp(b * f_log(abs(a)));
  let whole = floor(b) == b;
  let half = b * 0.5;
  let odd = whole & (floor(half) != half);
  y = select(y, -y, (a < F(0.0)) & odd);
  y = select(y, nan(), (a < F(0.0)) & !whole);
  y = select(y, F(1.0), (b == F(0.0)) | (a == F(1.0)));
  return select(y, F(0.0), (a == F(0.0)) & (b > F(0.0)));
}`;

const SIGMOID = `
fn f_sigmoid(x: F) -> F {
  let e = f_exp(-abs(x));
  return select(e, F(1.0), x >= F(0.0)) / (e + 1.0);
}`;

/** How each function is called, and what must be declared for it. */
const functions: Record<
  FunctionName,
  { call: (x: string, y: string, z: string) => string; needs?: string[] }
> = {
  const: { call: (x) => x },
  copy: { call: (x) => x },
  neg: { call: (x) => `-${x}` },
  abs: { call: (x) => `abs(${x})` },
  exp: { call: (x) => `f_exp(${x})`, needs: [EXP] },
  log: { call: (x) => `f_log(${x})`, needs: [LOG] },
  sqrt: { call: (x) => `sqrt(${x})` },
  sigmoid: { call: (x) => `f_sigmoid(${x})`, needs: [EXP, SIGMOID] },
  tanh: { call: (x) => `f_tanh(${x})`, needs: [TANH] },
  erf: { call: (x) => `f_erf(${x})`, needs: [ERF] },
  relu: { call: (x) => `select(F(0.0), ${x}, (${x} > F(0.0)) | is_nan(${x}))` },
  floor: { call: (x) => `floor(${x})` },
  ceil: { call: (x) => `ceil(${x})` },
  round: { call: (x) => `round(${x})` },
  sign: { call: (x) => `select(ones(${x} > F(0.0)) - ones(${x} < F(0.0)), ${x}, is_nan(${x}))` },
  sin: { call: (x) => `sincos(${x}, 0)`, needs: [SINCOS] },
  cos: { call: (x) => `sincos(${x}, 1)`, needs: [SINCOS] },
  add: { call: (x, y) => `${x} + ${y}` },
  sub: { call: (x, y) => `${x} - ${y}` },
  mul: { call: (x, y) => `${x} * ${y}` },
  div: { call: (x, y) => `${x} / ${y}` },
  max: { call: (x, y) => `select(${y}, ${x}, (${x} > ${y}) | is_nan(${x}))` },
  min: { call: (x, y) => `select(${y}, ${x}, (${x} < ${y}) | is_nan(${x}))` },
  pow: { call: (x, y) => `f_pow(${x}, ${y})`, needs: [EXP, LOG, POW] },
  greater: { call: (x, y) => `ones(${x} > ${y})` },
  greaterEqual: { call: (x, y) => `ones(${x} >= ${y})` },
  equal: { call: (x, y) => `ones(${x} == ${y})` },
  choose: { call: (x, y, z) => `select(${z}, ${y}, ${x} != F(0.0))` },
  fma: { call: (x, y, z) => `fma(${x}, ${y}, ${z})` },
  gate: { call: (x, y) => `select(F(0.0), ${x}, ${y} > F(0.0))` },
};

const byNumber = new Map(
  Object.entries(FUNCTIONS).map(([name, number]) => [number as number, functions[name as FunctionName]]),
);

/** A call of the function of this number. */
export const callOf = (number: number, [x, y = '', z = '']: readonly string[]): string =>
  byNumber.get(number)!.call(x, y, z);

/** The declarations that functions of these numbers, or names, need. */
export function declarations(used: readonly (number | FunctionName)[]): string {
  const needed = used.flatMap((f) => (typeof f === 'number' ? byNumber.get(f)! : functions[f]).needs ?? []);
  const order = [EXP, LOG, SIGMOID, TANH, ERF, SINCOS, POW];
  return SPECIAL + order.filter((text) => needed.includes(text)).join('');
}
