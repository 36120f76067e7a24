// Whether two JSON numbers are equal, exactly, by their texts: 1.10 and 11e-1 are, 9007199254740993 and
// 9007199254740992 are not. JavaScript's numbers would round, and 1e400 isn't one of them.

/** Digits of an exponent up to which it is reckoned with: more don't fit into any number that means something. */
const exponentDigits = 300;

/** Whether two texts of JSON numbers say the same number. Exponents of over 300 digits are compared as they are. */
export function sameNumber(a: string, b: string): boolean {
  if (a === b) return true;
  const [first, second] = [normalize(a), normalize(b)];
  return first.digits === second.digits && first.exponent === second.exponent && first.negative === second.negative;
}

/** A number as 0.digits * 10^exponent, with neither leading nor trailing zeros in the digits. */
interface Normalized {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: bigint | string;
}

function normalize(text: string): Normalized {
  const negative = text.startsWith("-");
  const e = text.search(/[eE]/);
  const mantissa = text.slice(negative ? 1 : 0, e === -1 ? undefined : e);
  const point = mantissa.indexOf(".");
  const whole = point === -1 ? mantissa : mantissa.slice(0, point);
  const all = point === -1 ? mantissa : whole + mantissa.slice(point + 1);
  const first = firstSignificant(all);
  if (first === all.length) return { negative: false, digits: "", exponent: 0n };
  const digits = all.slice(first, lastSignificant(all) + 1);
  const exponent = e === -1 ? "0" : text.slice(e + 1).replace("+", "");
  if (exponent.length > exponentDigits) return { negative, digits: mantissa, exponent };
  return { negative, digits, exponent: BigInt(exponent) + BigInt(whole.length - first) };
}

function firstSignificant(digits: string): number {
  let at = 0;
  while (at < digits.length && digits[at] === "0") at++;
  return at;
}

function lastSignificant(digits: string): number {
  let at = digits.length - 1;
  while (at >= 0 && digits[at] === "0") at--;
  return at;
}
